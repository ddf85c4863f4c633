package io.samepage.dedup.numa;

import io.samepage.posix.Threads;

/** Where processes run. To ask takes some ten microseconds. */
interface ProcessCpus {
  /** The CPU that a process, or thread, ran on last; negative if that cannot be found out. */
  int last(int pid);

  /** The processes of this host, as {@code /proc} of this process shows them (proc(5)). */
  static ProcessCpus ofThisHost() {
    return Threads::processorOf;
  }
}
