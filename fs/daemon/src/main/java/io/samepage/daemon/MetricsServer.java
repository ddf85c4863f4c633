package io.samepage.daemon;

import io.samepage.overlay.options.MetricsAddress;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves metrics by HTTP/1.1, one request a connection: GET and HEAD of {@code /metrics}. It is
 * used, and its class loaded, only where the mount option asks for it.
 */
final class MetricsServer implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(MetricsServer.class);
  private static final Duration PATIENCE = Duration.ofSeconds(5);
  private static final int MAX_CLIENTS = 4;
  private static final int MAX_HEAD = 8 * 1024;

  /** What is served. Called by threads of this object. */
  interface Source {
    String contentType();

    byte[] text();
  }

  private final @Nullable Path path;
  private final ServerSocketChannel server;
  private final Semaphore clients = new Semaphore(MAX_CLIENTS);

  private MetricsServer(@Nullable Path path, ServerSocketChannel server) {
    this.path = path;
    this.server = server;
  }

  /**
   * Takes the address, so that nobody else can. Clients wait until {@link #serve}.
   *
   * @throws CommandFailure if it is taken, or cannot be
   */
  static MetricsServer open(MetricsAddress address) throws CommandFailure {
    try {
      String path = address.path();
      return path == null ? openPort(address) : openPath(Path.of(path));
    } catch (IOException e) {
      String why = e.getMessage();
      throw new CommandFailure(
          ExitCode.SYSTEM,
          "metrics="
              + address
              + " cannot be served ("
              + (why == null ? e.getClass().getSimpleName() : why)
              + "): name another, or leave the option out");
    }
  }

  private static MetricsServer openPort(MetricsAddress address) throws IOException {
    ServerSocketChannel server = ServerSocketChannel.open();
    try {
      server.bind(new InetSocketAddress(InetAddress.getByName(address.host()), address.port()));
    } catch (IOException e) {
      server.close();
      throw e;
    }
    return new MetricsServer(null, server);
  }

  private static MetricsServer openPath(Path path) throws IOException {
    if (Files.exists(path, java.nio.file.LinkOption.NOFOLLOW_LINKS)) {
      requireDead(path);
    }
    ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    try {
      // It gets its name only when nobody else can open it.
      Path nascent = path.resolveSibling(path.getFileName() + "." + ProcessHandle.current().pid());
      Files.deleteIfExists(nascent);
      server.bind(UnixDomainSocketAddress.of(nascent));
      Files.setPosixFilePermissions(nascent, PosixFilePermissions.fromString("rw-------"));
      Files.move(nascent, path, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      server.close();
      throw e;
    }
    return new MetricsServer(path, server);
  }

  /** Lets a socket be replaced that a killed daemon has left, and nothing else. */
  private static void requireDead(Path path) throws IOException {
    if (!Files.readAttributes(path, java.nio.file.attribute.BasicFileAttributes.class).isOther()) {
      throw new IOException("a file is there");
    }
    try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      channel.connect(UnixDomainSocketAddress.of(path));
    } catch (java.net.ConnectException e) {
      return;
    }
    throw new IOException("another process serves there");
  }

  /** Begins to answer. */
  void serve(Source source) {
    Thread thread = new Thread(() -> acceptAll(source), "metrics");
    thread.setDaemon(true);
    thread.start();
  }

  private void acceptAll(Source source) {
    try {
      while (true) {
        clients.acquire();
        SocketChannel client = server.accept();
        Thread thread = new Thread(() -> serve(client, source), "metrics-client");
        thread.setDaemon(true);
        thread.start();
      }
    } catch (IOException e) {
      // Closed: the mount has ended.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void serve(SocketChannel client, Source source) {
    try (client;
        Selector selector = Selector.open()) {
      client.configureBlocking(false);
      long deadline = System.nanoTime() + PATIENCE.toNanos();
      String head = readHead(client, selector, deadline);
      write(client, selector, deadline, answer(head, source));
    } catch (IOException e) {
      // The client has gone, or was too slow.
    } catch (RuntimeException e) {
      log.error("metrics could not be made", e);
    } finally {
      clients.release();
    }
  }

  private static ByteBuffer answer(String head, Source source) throws IOException {
    String line = head.lines().findFirst().orElse("");
    String[] words = line.split(" ", -1);
    if (words.length != 3 || !words[2].startsWith("HTTP/1.")) {
      return response("400 Bad Request", "text/plain", bytes("not HTTP/1.1\n"), true);
    }
    boolean get = words[0].equals("GET");
    if (!get && !words[0].equals("HEAD")) {
      return response("405 Method Not Allowed", "text/plain", bytes("only GET and HEAD\n"), true);
    }
    String path = words[1].replaceFirst("\\?.*", "");
    if (!path.equals("/metrics")) {
      return response("404 Not Found", "text/plain", bytes("only /metrics\n"), get);
    }
    return response("200 OK", source.contentType(), source.text(), get);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  private static ByteBuffer response(String status, String type, byte[] body, boolean withBody)
      throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream(body.length + 256);
    out.write(
        bytes(
            "HTTP/1.1 "
                + status
                + "\r\nContent-Type: "
                + type
                + "\r\nContent-Length: "
                + body.length
                + "\r\nConnection: close\r\n"
                + (status.startsWith("405") ? "Allow: GET, HEAD\r\n" : "")
                + "\r\n"));
    if (withBody) {
      out.write(body);
    }
    return ByteBuffer.wrap(out.toByteArray());
  }

  /** Reads to the empty line that ends the head of a request; what there is if none comes. */
  private static String readHead(SocketChannel client, Selector selector, long deadline)
      throws IOException {
    ByteBuffer head = ByteBuffer.allocate(MAX_HEAD);
    while (head.hasRemaining()) {
      await(client, selector, SelectionKey.OP_READ, deadline);
      if (client.read(head) < 0) {
        break;
      }
      String text = new String(head.array(), 0, head.position(), StandardCharsets.ISO_8859_1);
      if (text.contains("\r\n\r\n") || text.contains("\n\n")) {
        return text;
      }
    }
    return "";
  }

  private static void write(
      SocketChannel client, Selector selector, long deadline, ByteBuffer answer)
      throws IOException {
    while (client.write(answer) >= 0 && answer.hasRemaining()) {
      await(client, selector, SelectionKey.OP_WRITE, deadline);
    }
  }

  private static void await(SocketChannel client, Selector selector, int what, long deadline)
      throws IOException {
    client.register(selector, what);
    long left = (deadline - System.nanoTime()) / 1_000_000;
    if (left <= 0 || selector.select(left) == 0) {
      throw new IOException("too slow");
    }
    selector.selectedKeys().clear();
  }

  /** Serves no more, and removes the socket. */
  @Override
  public void close() {
    try {
      server.close();
      if (path != null) {
        Files.deleteIfExists(path);
      }
    } catch (IOException e) {
      log.warn("{} could not be removed ({}); remove it", path, e.getMessage());
    }
  }
}
