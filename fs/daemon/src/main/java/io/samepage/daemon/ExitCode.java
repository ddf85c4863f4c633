package io.samepage.daemon;

/** What a command ends with. The numbers are an interface: a script may rely on them. */
enum ExitCode {
  OK(0, "it is done; for mount: the mount stands"),
  USAGE(2, "the command line is wrong"),
  OPTIONS(3, "a mount option is unknown, malformed or contradicts another"),
  LAYERS(4, "a lower, upper or work directory is missing, unreadable, or nested in another"),
  UPPER_FILE_SYSTEM(5, "the upper directory's file system is read-only or lacks a feature"),
  IN_USE(6, "the upper or work directory is in use, or left over from a volatile mount"),
  TARGET(7, "the mount point is missing, not empty, or mounted already"),
  PERMISSION(8, "no permission"),
  NO_FUSE(9, "there is no /dev/fuse, or the kernel is too old"),
  SYSTEM(10, "a system call failed for a reason of its own"),
  NOT_MOUNTED(11, "nothing of samepage's is mounted there"),
  BUSY(12, "the mount is in use"),
  UNREACHABLE(13, "a mount's daemon does not answer"),
  LACKING(14, "doctor: something is missing that samepage needs"),
  NO_FRAMES(15, "verify: the kernel does not show page frame numbers to this process"),
  PENDING(16, "complete: something in the work directory cannot be completed"),
  NO_JAVA(69, "there is no Java to run with, or samepage is not built"),
  INTERNAL(70, "a fault of samepage itself"),
  INTERRUPTED(130, "index, report: interrupted (128 and the number of the signal)");

  private final int number;
  private final String meaning;

  ExitCode(int number, String meaning) {
    this.number = number;
    this.meaning = meaning;
  }

  int number() {
    return number;
  }

  /** For the help text. */
  String meaning() {
    return meaning;
  }
}
