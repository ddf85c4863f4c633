package io.samepage.daemon;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The socket at which a daemon answers commands. A client sends one line:
 *
 * <pre>
 * status   answered with the status in JSON, and the end of the stream
 * wait     not answered: the stream ends when the process does
 * </pre>
 */
final class ControlSocket implements AutoCloseable {
  static final String STATUS = "status";
  static final String WAIT = "wait";

  private static final Logger log = LoggerFactory.getLogger(ControlSocket.class);
  private static final int MAX_CLIENTS = 16;
  private static final int MAX_LINE = 64;

  private final Path path;
  private final ServerSocketChannel server;
  private final Supplier<byte[]> status;
  private final Semaphore clients = new Semaphore(MAX_CLIENTS);

  /** Streams that end with the process; guarded by itself. */
  private final List<SocketChannel> waiting = new ArrayList<>();

  private ControlSocket(Path path, ServerSocketChannel server, Supplier<byte[]> status) {
    this.path = path;
    this.server = server;
    this.status = status;
  }

  /**
   * Begins to answer.
   *
   * @param status makes the status, in JSON
   */
  static ControlSocket open(Path path, Supplier<byte[]> status) throws IOException {
    ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    try {
      // Under its own name only when it answers: a client takes a socket that does not for one that
      // a killed daemon has left, and removes it.
      Path nascent = path.resolveSibling(path.getFileName() + "." + ProcessHandle.current().pid());
      Files.deleteIfExists(nascent);
      server.bind(UnixDomainSocketAddress.of(nascent));
      Files.move(nascent, path, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException | RuntimeException e) {
      server.close();
      throw e;
    }
    ControlSocket socket = new ControlSocket(path, server, status);
    Thread thread = new Thread(socket::acceptAll, "control");
    thread.setDaemon(true);
    thread.start();
    return socket;
  }

  private void acceptAll() {
    try {
      while (true) {
        clients.acquire();
        SocketChannel client = server.accept();
        Thread thread = new Thread(() -> serve(client), "control-client");
        thread.setDaemon(true);
        thread.start();
      }
    } catch (IOException e) {
      // Closed: the mount has ended.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void serve(SocketChannel client) {
    boolean keep = false;
    try {
      String line = readLine(client);
      if (line.equals(WAIT)) {
        keep = true;
        synchronized (waiting) {
          waiting.add(client);
        }
      } else if (line.equals(STATUS)) {
        ByteBuffer answer = ByteBuffer.wrap(status.get());
        while (answer.hasRemaining()) {
          client.write(answer);
        }
      }
    } catch (IOException e) {
      // The client has gone.
    } catch (RuntimeException e) {
      log.error("a status could not be made", e);
    } finally {
      clients.release();
      if (!keep) {
        closeQuietly(client);
      }
    }
  }

  private static String readLine(SocketChannel client) throws IOException {
    ByteBuffer line = ByteBuffer.allocate(MAX_LINE);
    while (line.hasRemaining() && client.read(line) >= 0) {
      int end = line.position();
      if (line.get(end - 1) == '\n') {
        return new String(line.array(), 0, end - 1, StandardCharsets.US_ASCII);
      }
    }
    return "";
  }

  private static void closeQuietly(SocketChannel channel) {
    try {
      channel.close();
    } catch (IOException e) {
      // Nothing is lost with it.
    }
  }

  /** Answers no more, and removes the socket; whoever waits for the process goes on waiting. */
  @Override
  public void close() {
    try {
      Files.deleteIfExists(path);
      server.close();
    } catch (IOException e) {
      log.warn("{} could not be removed ({}); remove it", path, e.getMessage());
    }
  }
}
