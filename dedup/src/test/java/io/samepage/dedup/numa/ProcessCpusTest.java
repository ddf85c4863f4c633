package io.samepage.dedup.numa;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

final class ProcessCpusTest {
  @Test
  void thisProcessHasRunOnACpuOfThisHost() throws Exception {
    int pid = (int) ProcessHandle.current().pid();
    int cpu = ProcessCpus.ofThisHost().last(pid);
    assertThat(cpu).isNotNegative();
    String online = Files.readString(Path.of("/sys/devices/system/cpu/possible"));
    assertThat(CpuList.parse(online).get(cpu)).isTrue();
  }
}
