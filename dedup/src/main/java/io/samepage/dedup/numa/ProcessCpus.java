package io.samepage.dedup.numa;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;

/** Where processes run. Each question may take some ten microseconds. */
interface ProcessCpus {
  /** The CPU that a process, or thread, ran on last; negative if that cannot be found out. */
  int last(int pid);

  /** The CPUs that it may run on; none if that cannot be found out. */
  BitSet allowed(int pid);

  /** The processes of this host, as {@code /proc} of this process shows them (proc(5)). */
  static ProcessCpus ofThisHost() {
    return new Proc(Path.of("/proc"));
  }

  /**
   * As proc(5) shows them.
   *
   * @param directory where it is mounted
   */
  record Proc(Path directory) implements ProcessCpus {
    /** Of the fields of proc_pid_stat(5) behind the name, which ends with a parenthesis. */
    private static final int PROCESSOR = 39 - 3;

    private static final String ALLOWED = "\nCpus_allowed_list:";

    @Override
    public int last(int pid) {
      try {
        String stat = read(pid, "stat");
        // The name of a program may have anything in it, parentheses and spaces, too.
        String[] fields = stat.substring(stat.lastIndexOf(')') + 1).strip().split(" ", -1);
        return fields.length > PROCESSOR ? Integer.parseInt(fields[PROCESSOR]) : -1;
      } catch (IOException | NumberFormatException e) {
        return -1;
      }
    }

    @Override
    public BitSet allowed(int pid) {
      try {
        String status = read(pid, "status");
        int at = status.indexOf(ALLOWED);
        if (at >= 0) {
          int from = at + ALLOWED.length();
          int end = status.indexOf('\n', from);
          return CpuList.parse(status.substring(from, end < 0 ? status.length() : end));
        }
      } catch (IOException | IllegalArgumentException e) {
        // As if it could run anywhere.
      }
      return new BitSet();
    }

    private String read(int pid, String file) throws IOException {
      return Files.readString(
          directory.resolve(Integer.toString(pid)).resolve(file), StandardCharsets.ISO_8859_1);
    }
  }
}
