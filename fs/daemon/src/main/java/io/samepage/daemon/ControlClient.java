package io.samepage.daemon;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Speaks to the daemons of mounts through their control sockets. */
final class ControlClient {
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private final StateDirectory state;

  ControlClient(StateDirectory state) {
    this.state = state;
  }

  /** The devices of all mounts whose daemons have sockets. */
  List<String> devices() throws CommandFailure {
    List<String> devices = new ArrayList<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(state.sockets())) {
      for (Path entry : entries) {
        String device = StateDirectory.device(entry);
        if (device != null) {
          devices.add(device);
        }
      }
    } catch (NoSuchFileException | NotDirectoryException e) {
      return devices;
    } catch (IOException e) {
      throw new CommandFailure(
          ExitCode.PERMISSION,
          state.sockets()
              + " cannot be read: run as the user who has mounted, or name the directory in "
              + StateDirectory.RUN_DIR);
    }
    return devices;
  }

  /**
   * A daemon's status, in JSON.
   *
   * @return null if there is no daemon; the socket of one that was killed is removed then
   * @throws CommandFailure if there is one that does not answer
   */
  byte @Nullable [] status(String device) throws CommandFailure {
    byte[] answer = ask(device, ControlSocket.STATUS);
    if (answer != null && answer.length == 0) {
      throw silent(device);
    }
    return answer;
  }

  /** Like {@link #status}, the page map of a file of the mount. */
  byte @Nullable [] pages(String device, long nodeid) throws CommandFailure {
    byte[] answer = ask(device, ControlSocket.PAGES + nodeid);
    if (answer != null && answer.length == 0) {
      throw silent(device);
    }
    return answer;
  }

  /** Like {@link #status}, the files whose pages are in use, for {@link PagesInUse}. */
  byte @Nullable [] uses(String device) throws CommandFailure {
    return ask(device, ControlSocket.USES);
  }

  /**
   * How many mappings of all mounts use some of a range of a file's pages; daemons that do not
   * answer say 0.
   */
  long users(String key, long firstPage, long pages) throws CommandFailure {
    long users = 0;
    for (String device : devices()) {
      try {
        byte[] answer = ask(device, ControlSocket.USERS + PagesInUse.text(key, firstPage, pages));
        if (answer != null) {
          users += Long.parseLong(new String(answer, StandardCharsets.US_ASCII));
        }
      } catch (CommandFailure | NumberFormatException e) {
        // It is of another version, or hangs: status tells of that.
      }
    }
    return users;
  }

  /** An answer to the end of its stream; null if there is no daemon. */
  private byte @Nullable [] ask(String device, String line) throws CommandFailure {
    SocketChannel channel = connect(device);
    if (channel == null) {
      return null;
    }
    try (channel) {
      send(channel, line);
      ByteArrayOutputStream answer = new ByteArrayOutputStream();
      if (readToEnd(channel, answer, PATIENCE)) {
        return answer.toByteArray();
      }
    } catch (IOException e) {
      // As good as no answer.
    }
    throw silent(device);
  }

  private CommandFailure silent(String device) {
    return new CommandFailure(
        ExitCode.UNREACHABLE,
        "the daemon at "
            + state.socket(device)
            + " does not answer: see "
            + state.log()
            + ", and end it with kill if need be");
  }

  /** Asks a daemon to be told of its end; null if there is none. */
  @Nullable DaemonEnd watch(String device) {
    SocketChannel channel = connect(device);
    if (channel == null) {
      return null;
    }
    try {
      send(channel, ControlSocket.WAIT);
      return new DaemonEnd(channel);
    } catch (IOException e) {
      return null;
    }
  }

  /** The end of a daemon's process, to be waited for. */
  static final class DaemonEnd implements AutoCloseable {
    private final SocketChannel channel;

    private DaemonEnd(SocketChannel channel) {
      this.channel = channel;
    }

    /** Waits; returns whether the process has ended. */
    boolean await(Duration patience) {
      try {
        return readToEnd(channel, new ByteArrayOutputStream(), patience);
      } catch (IOException e) {
        return true;
      }
    }

    @Override
    public void close() {
      try {
        channel.close();
      } catch (IOException e) {
        // Nothing is lost with it.
      }
    }
  }

  private @Nullable SocketChannel connect(String device) {
    Path path = state.socket(device);
    SocketChannel channel = null;
    Object file = null;
    try {
      file = SocketName.fileOf(path);
      channel = SocketChannel.open(StandardProtocolFamily.UNIX);
      channel.connect(UnixDomainSocketAddress.of(path));
      return channel;
    } catch (ConnectException e) {
      closeQuietly(channel);
      removeStale(path, file);
      return null;
    } catch (IOException e) {
      closeQuietly(channel);
      return null;
    }
  }

  /** Nobody listens any more. */
  private static void removeStale(Path path, @Nullable Object file) {
    try {
      if (file != null) {
        SocketName.remove(path, file);
      }
    } catch (IOException e) {
      // Then another command will.
    }
  }

  private static void closeQuietly(@Nullable SocketChannel channel) {
    if (channel != null) {
      try {
        channel.close();
      } catch (IOException e) {
        // Nothing is lost with it.
      }
    }
  }

  private static void send(SocketChannel channel, String line) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap((line + "\n").getBytes(StandardCharsets.US_ASCII));
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  /** Reads to the end of the stream; returns false if it has not come in time. */
  private static boolean readToEnd(
      SocketChannel channel, ByteArrayOutputStream out, Duration patience) throws IOException {
    long deadline = System.nanoTime() + patience.toNanos();
    channel.configureBlocking(false);
    try (Selector selector = Selector.open()) {
      channel.register(selector, SelectionKey.OP_READ);
      ByteBuffer buffer = ByteBuffer.allocate(16 * 1024);
      while (true) {
        long left = Math.max(0, deadline - System.nanoTime()) / 1_000_000;
        if (left == 0 || selector.select(left) == 0) {
          return false;
        }
        selector.selectedKeys().clear();
        int length = channel.read(buffer.clear());
        if (length < 0) {
          return true;
        }
        out.write(buffer.array(), 0, length);
      }
    }
  }
}
