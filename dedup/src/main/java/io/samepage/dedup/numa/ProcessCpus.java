package io.samepage.dedup.numa;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Where processes run. To ask takes some ten microseconds. */
interface ProcessCpus {
  /** The CPU that a process, or thread, ran on last; negative if that cannot be found out. */
  int last(int pid);

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

    @Override
    public int last(int pid) {
      try {
        Path file = directory.resolve(Integer.toString(pid)).resolve("stat");
        String stat = Files.readString(file, StandardCharsets.ISO_8859_1);
        // The name of a program may have anything in it, parentheses and spaces, too.
        String[] fields = stat.substring(stat.lastIndexOf(')') + 1).strip().split(" ", -1);
        return fields.length > PROCESSOR ? Integer.parseInt(fields[PROCESSOR]) : -1;
      } catch (IOException | NumberFormatException e) {
        return -1;
      }
    }
  }
}
