package io.samepage.dedup.numa;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ProcessCpusTest {
  @TempDir Path proc;

  private ProcessCpus process(String stat) throws Exception {
    Path directory = Files.createDirectories(proc.resolve("7"));
    Files.writeString(directory.resolve("stat"), stat);
    return new ProcessCpus.Proc(proc);
  }

  /** The fields of proc_pid_stat(5), each with its number, but for the CPU. */
  private static String stat(String name, int cpu) {
    StringBuilder line = new StringBuilder("7 (" + name + ") S");
    for (int field = 4; field <= 52; field++) {
      line.append(' ').append(field == 39 ? cpu : field);
    }
    return line + "\n";
  }

  @Test
  void theCpuIsFoundBehindAnyName() throws Exception {
    assertThat(process(stat("cat", 3)).last(7)).isEqualTo(3);
    assertThat(process(stat("a) b (c", 5)).last(7)).isEqualTo(5);
    assertThat(process(stat(" 1 2 3 ) R 4\n", 6)).last(7)).isEqualTo(6);
  }

  @Test
  void whatCannotBeReadIsNotKnown() throws Exception {
    ProcessCpus processes = process("7 (cat) S 4 5\n");
    assertThat(processes.last(7)).isNegative();
    assertThat(processes.last(8)).isNegative();
  }

  @Test
  void thisProcessHasRunOnACpuOfThisHost() throws Exception {
    int pid = (int) ProcessHandle.current().pid();
    int cpu = ProcessCpus.ofThisHost().last(pid);
    assertThat(cpu).isNotNegative();
    String online = Files.readString(Path.of("/sys/devices/system/cpu/possible"));
    assertThat(CpuList.parse(online).get(cpu)).isTrue();
  }
}
