package io.samepage.fuse.kernel;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;

/**
 * Logs what should never happen: each kind of failure in full when it is first seen, and in one
 * line whenever the number of times it has been seen doubles, so that a failure that comes with
 * every request does not fill the disk.
 */
final class DistinctFailures {
  private static final int KINDS = 256;

  private final Logger log;
  private final Map<String, AtomicLong> seen = new ConcurrentHashMap<>();

  DistinctFailures(Logger log) {
    this.log = log;
  }

  void report(Opcode opcode, Throwable failure) {
    StackTraceElement[] trace = failure.getStackTrace();
    String kind =
        opcode + " " + failure.getClass().getName() + (trace.length > 0 ? " " + trace[0] : "");
    if (seen.size() >= KINDS) {
      seen.clear();
    }
    long count = seen.computeIfAbsent(kind, k -> new AtomicLong()).incrementAndGet();
    if (count == 1) {
      log.error("{} failed and was answered with EIO; please report this", opcode, failure);
    } else if (Long.bitCount(count) == 1) {
      log.error("{} failed for the {}th time: {}", opcode, count, failure.toString());
    }
  }
}
