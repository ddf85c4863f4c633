package io.samepage.fuse.kernel;

import io.samepage.fuse.wire.Opcode;
import java.util.Arrays;
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

  /** More of a stack says nothing new, in particular of one that overflowed. */
  private static final int FRAMES = 30;

  private final Logger log;
  private final Map<String, AtomicLong> seen = new ConcurrentHashMap<>();

  DistinctFailures(Logger log) {
    this.log = log;
  }

  /** A request too short to have a header. */
  void reportHeadless(int length) {
    if (Long.bitCount(count("headless")) == 1) {
      log.error("a request of {} bytes has no header; it is dropped", length);
    }
  }

  private long count(String kind) {
    if (seen.size() >= KINDS) {
      seen.clear();
    }
    return seen.computeIfAbsent(kind, k -> new AtomicLong()).incrementAndGet();
  }

  void report(Opcode opcode, Throwable failure) {
    StackTraceElement[] trace = failure.getStackTrace();
    String kind =
        opcode + " " + failure.getClass().getName() + (trace.length > 0 ? " " + trace[0] : "");
    long count = count(kind);
    if (count == 1) {
      if (trace.length > FRAMES) {
        failure.setStackTrace(Arrays.copyOf(trace, FRAMES));
      }
      log.error("{} failed and was answered with EIO; please report this", opcode, failure);
    } else if (Long.bitCount(count) == 1) {
      log.error("{} failed, {} times so far: {}", opcode, count, failure.toString());
    }
  }
}
