package io.samepage.fuse.kernel;

import io.samepage.fuse.Session;
import java.nio.charset.StandardCharsets;

/**
 * Serves a {@link MemoryFileSystem}, for measuring from outside what a round trip costs. Arguments:
 * the directory to mount on; for how many microseconds at most a reader looks out for the next
 * request; for how many nanoseconds the kernel may keep names and attributes, where 0 makes every
 * call come here.
 */
final class RoundTrips {
  private RoundTrips() {}

  public static void main(String[] arguments) throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem(Long.parseLong(arguments[2]));
    fs.addFile("f", "hello\n".getBytes(StandardCharsets.US_ASCII));
    KernelMountOptions options =
        KernelMountOptions.of(
                arguments[0].getBytes(StandardCharsets.UTF_8),
                "round-trips".getBytes(StandardCharsets.UTF_8))
            .withPollNanos(1000 * Long.parseLong(arguments[1]));
    Session session = KernelTransport.mount(options, fs);
    session.awaitEnd();
    System.err.println(session.requests());
  }
}
