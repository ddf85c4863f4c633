package io.samepage.fuse.kernel;

import io.samepage.fuse.FileSystem;
import io.samepage.fuse.MountException;
import io.samepage.fuse.Session;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Assumptions;

/**
 * A file system mounted on a new directory. The JVM itself never goes there: a thread of it that
 * waits for its own answer in a page fault would stop a safepoint for good. Child processes do.
 */
public final class TestMount implements AutoCloseable {
  private static final int PATIENCE_SECONDS = 30;

  private final Path directory;
  private final Session session;
  private final String device;

  private TestMount(Path directory, Session session, String device) {
    this.directory = directory;
    this.session = session;
    this.device = device;
  }

  static TestMount of(FileSystem fs) throws Exception {
    return of(fs, options -> options);
  }

  static TestMount of(FileSystem fs, UnaryOperator<KernelMountOptions> options) throws Exception {
    return of(
        directory -> {
          KernelMountOptions defaults =
              KernelMountOptions.of(
                  directory.toString().getBytes(StandardCharsets.UTF_8),
                  "samepage-test".getBytes(StandardCharsets.UTF_8));
          return KernelTransport.mount(options.apply(defaults), fs);
        },
        "not permitted");
  }

  /** What mounts on a directory. */
  @FunctionalInterface
  public interface Mounting {
    Session on(Path directory) throws MountException;
  }

  /**
   * Mounts on a new directory, through whatever transport.
   *
   * @param lacking what the message says where the host lacks what it takes: then the test is
   *     skipped
   */
  public static TestMount of(Mounting mounting, String lacking) throws Exception {
    Assumptions.assumeTrue(
        Files.isReadable(Path.of("/dev/fuse")) && Files.isWritable(Path.of("/dev/fuse")),
        "/dev/fuse cannot be used here");
    Path directory = Files.createTempDirectory("samepage-fuse-test");
    Session session;
    try {
      session = mounting.on(directory);
    } catch (MountException e) {
      Files.delete(directory);
      Assumptions.assumeFalse(
          String.valueOf(e.getMessage()).contains(lacking),
          "it cannot be mounted here: " + e.getMessage());
      throw e;
    }
    return new TestMount(directory, session, connection(directory));
  }

  /** The number under /sys/fs/fuse/connections. */
  private static String connection(Path directory) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/mountinfo"))) {
      String[] fields = line.split(" ", -1);
      if (fields[4].equals(directory.toString())) {
        return fields[2].split(":", -1)[1];
      }
    }
    throw new IllegalStateException(directory + " is not in mountinfo");
  }

  public Path directory() {
    return directory;
  }

  public Session session() {
    return session;
  }

  /** How many requests of a kind there were, by the name of its opcode. */
  long count(String opcode) {
    return session.requests().getOrDefault(opcode, 0L);
  }

  /** Waits for what a condition names, which nobody tells of. */
  static void await(String what, BooleanSupplier condition) throws InterruptedException {
    long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() - until > 0) {
        throw new AssertionError("still waiting for: " + what);
      }
      Thread.sleep(5);
    }
  }

  /** Starts a shell in the mount. */
  public Process start(String script) throws IOException {
    return new ProcessBuilder("sh", "-c", "cd '" + directory + "' || exit 99\n" + script)
        .redirectErrorStream(true)
        .start();
  }

  /** Runs a shell script in the mount; its output, or an exception if it fails. */
  public String sh(String script) throws Exception {
    return finish(start(script));
  }

  /** Starts a Python program in the mount. */
  Process startPython(String program) throws IOException {
    Assumptions.assumeTrue(
        Files.isExecutable(Path.of("/usr/bin/python3")), "there is no python3 here");
    return new ProcessBuilder(
            "/usr/bin/python3", "-c", "import os; os.chdir('" + directory + "')\n" + program)
        .redirectErrorStream(true)
        .start();
  }

  /** Runs a Python program in the mount. */
  String python(String program) throws Exception {
    return finish(startPython(program));
  }

  /** Waits for a process; its output, a character for each byte, or an exception if it fails. */
  public static String finish(Process process) throws Exception {
    StringBuilder output = new StringBuilder();
    Thread reader =
        new Thread(
            () -> {
              try {
                output.append(
                    new String(
                        process.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1));
              } catch (IOException e) {
                output.append(e);
              }
            });
    reader.start();
    if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new AssertionError("a child process hangs");
    }
    reader.join();
    if (process.exitValue() != 0) {
      throw new AssertionError("exit " + process.exitValue() + ": " + output);
    }
    return output.toString();
  }

  /** Makes the kernel drop every inode of this mount that is not in use. */
  void dropInodes() throws Exception {
    finish(
        new ProcessBuilder("mount", "-i", "-o", "remount", directory.toString())
            .redirectErrorStream(true)
            .start());
  }

  /** Fails everything that is in work or waits. */
  public void abort() throws IOException {
    Path abort = Path.of("/sys/fs/fuse/connections", device, "abort");
    if (Files.exists(abort)) {
      Files.writeString(abort, "1");
    }
  }

  @Override
  public void close() throws Exception {
    session.unmount();
    Thread waiter =
        new Thread(
            () -> {
              try {
                session.awaitEnd();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
    waiter.setDaemon(true);
    waiter.start();
    waiter.join(PATIENCE_SECONDS * 1000L);
    boolean hangs = waiter.isAlive();
    if (hangs) {
      abort();
    }
    Files.deleteIfExists(directory);
    if (hangs) {
      throw new AssertionError("the session does not end");
    }
  }
}
