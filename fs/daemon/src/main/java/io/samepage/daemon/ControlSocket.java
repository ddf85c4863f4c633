package io.samepage.daemon;

import io.samepage.dedup.FileKey;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The socket at which a daemon answers commands. A client sends one line:
 *
 * <pre>
 * status          answered with the status in JSON, and the end of the stream
 * wait            not answered: the stream ends when the process does
 * pages NODEID    answered with a file's page map in JSON
 * uses            answered with the files whose pages are in use ({@link PagesInUse})
 * users KEY FIRST COUNT   answered with how many mappings use some of a range of the pages of one
 *                 such file, in decimal
 * </pre>
 *
 * <p>Other lines are not answered, and nonsense after a word is not either.
 */
final class ControlSocket implements AutoCloseable {
  static final String STATUS = "status";
  static final String WAIT = "wait";
  static final String PAGES = "pages ";
  static final String USES = "uses";
  static final String USERS = "users ";

  /** What is to be answered. Called by threads of this object. */
  interface Answers {
    /** The status, in JSON. */
    byte[] status();

    /** The page map of a file, or why there is none, in JSON. */
    byte[] pages(long nodeid);

    /** What is in use, in lines. */
    byte[] uses();

    /** How many mappings use some of a range of a file's pages. */
    int users(FileKey file, long firstPage, long pages);
  }

  private static final Logger log = LoggerFactory.getLogger(ControlSocket.class);
  private static final int MAX_CLIENTS = 16;
  private static final int MAX_LINE = 192;

  private final Path path;
  private final @Nullable Object file;
  private final ServerSocketChannel server;
  private final Answers answers;
  private final Semaphore clients = new Semaphore(MAX_CLIENTS);

  /** Streams that end with the process; guarded by itself. */
  private final List<SocketChannel> waiting = new ArrayList<>();

  private ControlSocket(
      Path path, @Nullable Object file, ServerSocketChannel server, Answers answers) {
    this.path = path;
    this.file = file;
    this.server = server;
    this.answers = answers;
  }

  /** Begins to answer. */
  static ControlSocket open(Path path, Answers answers) throws IOException {
    ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    Object file;
    try {
      // Under its own name only when it answers: a client takes a socket that does not for one that
      // a killed daemon has left, and removes it.
      Path nascent = path.resolveSibling(path.getFileName() + "." + ProcessHandle.current().pid());
      Files.deleteIfExists(nascent);
      server.bind(UnixDomainSocketAddress.of(nascent));
      file = SocketName.fileOf(nascent);
      SocketName.give(nascent, path);
    } catch (IOException | RuntimeException e) {
      server.close();
      throw e;
    }
    ControlSocket socket = new ControlSocket(path, file, server, answers);
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
      } else {
        ByteBuffer answer = ByteBuffer.wrap(answer(line));
        while (answer.hasRemaining()) {
          client.write(answer);
        }
      }
    } catch (IOException e) {
      // The client has gone.
    } catch (RuntimeException e) {
      log.error("a command could not be answered", e);
    } finally {
      clients.release();
      if (!keep) {
        closeQuietly(client);
      }
    }
  }

  private byte[] answer(String line) {
    try {
      return known(line);
    } catch (NumberFormatException e) {
      return new byte[0];
    }
  }

  private byte[] known(String line) {
    if (line.equals(STATUS)) {
      return answers.status();
    }
    if (line.equals(USES)) {
      return answers.uses();
    }
    if (line.startsWith(PAGES)) {
      return answers.pages(Long.parseLong(line.substring(PAGES.length())));
    }
    if (line.startsWith(USERS)) {
      String text = line.substring(USERS.length());
      long[] range = PagesInUse.range(text);
      int users = answers.users(PagesInUse.key(text), range[0], range[1]);
      return Integer.toString(users).getBytes(StandardCharsets.US_ASCII);
    }
    return new byte[0];
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
      if (file != null) {
        SocketName.remove(path, file);
      }
      server.close();
    } catch (IOException e) {
      log.warn("{} could not be removed ({}); remove it", path, e.getMessage());
    }
  }
}
