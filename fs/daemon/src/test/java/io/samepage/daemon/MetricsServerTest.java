package io.samepage.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.samepage.overlay.options.MetricsAddress;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
final class MetricsServerTest {
  private static final String TEXT = "samepage_pages_sharing 7\n";

  private static final MetricsServer.Source SOURCE =
      new MetricsServer.Source() {
        @Override
        public String contentType() {
          return "text/plain; version=0.0.4";
        }

        @Override
        public byte[] text() {
          return TEXT.getBytes(StandardCharsets.US_ASCII);
        }
      };

  @TempDir Path dir;

  private MetricsAddress socket() {
    return new MetricsAddress(dir.resolve("metrics").toString(), "", 0);
  }

  private static int freePort() throws IOException {
    try (ServerSocket probe = new ServerSocket(0)) {
      return probe.getLocalPort();
    }
  }

  /** Sends bytes as they are; what is answered up to the end of the stream. */
  private static String ask(SocketAddress address, String request) throws IOException {
    try (SocketChannel channel = SocketChannel.open(address)) {
      ByteBuffer out = ByteBuffer.wrap(request.getBytes(StandardCharsets.ISO_8859_1));
      while (out.hasRemaining()) {
        channel.write(out);
      }
      ByteArrayOutputStream answer = new ByteArrayOutputStream();
      ByteBuffer in = ByteBuffer.allocate(1000);
      while (channel.read(in.clear()) >= 0) {
        answer.write(in.array(), 0, in.position());
      }
      return answer.toString(StandardCharsets.ISO_8859_1);
    }
  }

  private String ask(String request) throws IOException {
    return ask(UnixDomainSocketAddress.of(dir.resolve("metrics")), request);
  }

  @Test
  void anHttpClientGetsThemAtAPort() throws Exception {
    for (String host : new String[] {"127.0.0.1", "[::1]"}) {
      MetricsAddress address = new MetricsAddress(null, host, freePort());
      try (MetricsServer server = MetricsServer.open(address)) {
        server.serve(SOURCE);
        HttpResponse<String> response =
            HttpClient.newHttpClient()
                .send(
                    HttpRequest.newBuilder(URI.create("http://" + address + "/metrics")).build(),
                    HttpResponse.BodyHandlers.ofString());
        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(response.body()).isEqualTo(TEXT);
        assertThat(response.headers().firstValue("content-type"))
            .hasValue("text/plain; version=0.0.4");
      }
    }
  }

  @Test
  void aPortIsForThisHostAlone() throws Exception {
    MetricsAddress address = new MetricsAddress(null, "127.0.0.1", freePort());
    try (MetricsServer server = MetricsServer.open(address)) {
      server.serve(SOURCE);
      // any other address of this host would do; the whole of 127.0.0.0/8 is there
      assertThatThrownBy(
              () -> SocketChannel.open(new InetSocketAddress("127.0.0.2", address.port())))
          .isInstanceOf(IOException.class);
    }
  }

  @Test
  void requestsAreAnsweredAsHttpWantsIt() throws Exception {
    try (MetricsServer server = MetricsServer.open(socket())) {
      server.serve(SOURCE);
      assertThat(ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"))
          .startsWith("HTTP/1.1 200 OK\r\n")
          .contains("\r\nContent-Length: " + TEXT.length() + "\r\n")
          .endsWith("\r\n\r\n" + TEXT);
      assertThat(ask("GET /metrics?x=y HTTP/1.0\r\n\r\n")).endsWith(TEXT);
      assertThat(ask("HEAD /metrics HTTP/1.1\r\n\r\n"))
          .startsWith("HTTP/1.1 200 OK\r\n")
          .contains("\r\nContent-Length: " + TEXT.length() + "\r\n")
          .endsWith("\r\n\r\n");
      assertThat(ask("GET / HTTP/1.1\r\n\r\n")).startsWith("HTTP/1.1 404 ");
      assertThat(ask("POST /metrics HTTP/1.1\r\n\r\n")).startsWith("HTTP/1.1 405 ");
      assertThat(ask("nonsense\r\n\r\n")).startsWith("HTTP/1.1 400 ");
      assertThat(ask("x".repeat(8192))).startsWith("HTTP/1.1 400 ");
    }
  }

  @Test
  void clientsThatSayNothingHoldNobodyUpForLong() throws Exception {
    try (MetricsServer server = MetricsServer.open(socket());
        SocketChannel silent =
            SocketChannel.open(UnixDomainSocketAddress.of(dir.resolve("metrics")))) {
      server.serve(SOURCE);
      assertThat(silent.isConnected()).isTrue();
      assertThat(ask("GET /metrics HTTP/1.1\r\n\r\n")).endsWith(TEXT);
      assertThat(silent.read(ByteBuffer.allocate(1))).as("is hung up on").isEqualTo(-1);
    }
  }

  @Test
  void theSocketIsTheOwnersAloneAndGoesWithTheServer() throws Exception {
    Path path = dir.resolve("metrics");
    try (MetricsServer server = MetricsServer.open(socket())) {
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
          .isEqualTo("rw-------");
      server.serve(SOURCE);
      assertThatThrownBy(() -> MetricsServer.open(socket()))
          .isInstanceOf(CommandFailure.class)
          .hasMessageContaining("another process serves there");
      assertThat(ask("GET /metrics HTTP/1.1\r\n\r\n")).endsWith(TEXT);
    }
    assertThat(dir).isEmptyDirectory();
  }

  @Test
  void onlyASocketThatADeadServerHasLeftIsReplaced() throws Exception {
    Path path = dir.resolve("metrics");
    ServerSocketChannel.open(StandardProtocolFamily.UNIX)
        .bind(UnixDomainSocketAddress.of(path))
        .close();
    MetricsServer.open(socket()).close();
    Files.writeString(path, "precious");
    assertThatThrownBy(() -> MetricsServer.open(socket()))
        .isInstanceOf(CommandFailure.class)
        .hasMessageContaining("a file is there");
    assertThat(path).hasContent("precious");
  }

  @Test
  void aPortThatIsTakenIsAFailure() throws Exception {
    MetricsAddress address = new MetricsAddress(null, "127.0.0.1", freePort());
    try (MetricsServer server = MetricsServer.open(address)) {
      assertThatThrownBy(() -> MetricsServer.open(address))
          .isInstanceOf(CommandFailure.class)
          .hasMessageContaining(address + " cannot be served");
    }
  }
}
