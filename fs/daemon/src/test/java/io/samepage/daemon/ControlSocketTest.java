package io.samepage.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.samepage.dedup.FileKey;
import io.samepage.dedup.UsedPages;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ControlSocketTest {
  @TempDir Path dir;

  /** Answers that tell what was asked. */
  private static final class Answers implements ControlSocket.Answers {
    private final String status;

    Answers(String status) {
      this.status = status;
    }

    @Override
    public byte[] status() {
      return bytes(status);
    }

    @Override
    public byte[] pages(long nodeid) {
      return bytes("{\"nodeid\":" + nodeid + "}");
    }

    @Override
    public byte[] uses() {
      StringBuilder lines = new StringBuilder();
      PagesInUse.append(lines, FILE, 2);
      PagesInUse.append(lines, OTHER, 10, 5, 1);
      return bytes(lines.toString());
    }

    @Override
    public int users(FileKey file, long firstPage, long pages) {
      return file.equals(FILE) ? 2 : 0;
    }
  }

  private static final FileKey FILE =
      new FileKey(Long.MIN_VALUE, Long.MIN_VALUE + 1, 5000, Long.MAX_VALUE, Long.MAX_VALUE - 1);

  private static final FileKey OTHER = new FileKey(1, 2, 1 << 20, 3, 4);

  private StateDirectory state() {
    return StateDirectory.of(Map.of(StateDirectory.RUN_DIR, dir.toString()), 1);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private ControlSocket open(String status) throws Exception {
    return ControlSocket.open(state().socket("0:7"), new Answers(status));
  }

  @Test
  void answersWithTheStatus() throws Exception {
    String large = "x".repeat(3 << 20);
    ControlClient client = new ControlClient(state());
    try (ControlSocket socket = open(large)) {
      assertThat(client.devices()).containsExactly("0:7");
      for (int i = 0; i < 20; i++) {
        assertThat(client.status("0:7")).hasSize(large.length());
      }
    }
    assertThat(client.devices()).isEmpty();
    assertThat(client.status("0:7")).isNull();
    assertThat(dir).isEmptyDirectory();
  }

  @Test
  void answersWithTheUsersOfPages() throws Exception {
    ControlClient client = new ControlClient(state());
    try (ControlSocket socket = open("{}");
        ControlSocket second = ControlSocket.open(state().socket("0:8"), new Answers("{}"))) {
      assertThat(client.pages("0:7", -3)).isEqualTo(bytes("{\"nodeid\":-3}"));
      assertThat(client.users(PagesInUse.text(FILE), 0, 4)).isEqualTo(4);
      PagesInUse all = new PagesInUse();
      for (String device : client.devices()) {
        byte[] lines = client.uses(device);
        assertThat(lines).isNotNull();
        all.add(lines);
      }
      assertThat(all.counts()).isEqualTo(new UsedPages.Counts(2 + 5, 6 + 5, 0));
    }
  }

  @Test
  void whoWaitsIsLeftWaitingUntilTheProcessEnds() throws Exception {
    ControlClient client = new ControlClient(state());
    try (ControlSocket socket = open("{}")) {
      try (ControlClient.DaemonEnd end = client.watch("0:7")) {
        assertThat(end).isNotNull();
        assertThat(end.await(Duration.ofMillis(200))).isFalse();
      }
    }
    assertThat(client.watch("0:7")).isNull();
  }

  @Test
  void clientsThatSayNothingOrNonsenseHoldNobodyUp() throws Exception {
    try (ControlSocket socket = open("{}");
        SocketChannel silent = SocketChannel.open(StandardProtocolFamily.UNIX);
        SocketChannel odd = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      silent.connect(UnixDomainSocketAddress.of(state().socket("0:7")));
      odd.connect(UnixDomainSocketAddress.of(state().socket("0:7")));
      odd.write(ByteBuffer.wrap(bytes("frobnicate".repeat(100))));
      assertThat(new ControlClient(state()).status("0:7")).isEqualTo(bytes("{}"));
    }
  }

  @Test
  void theSocketOfAKilledDaemonIsRemoved() throws Exception {
    Path stale = state().socket("0:8");
    ServerSocketChannel.open(StandardProtocolFamily.UNIX)
        .bind(UnixDomainSocketAddress.of(stale))
        .close();
    assertThat(stale).exists();
    assertThat(new ControlClient(state()).status("0:8")).isNull();
    assertThat(stale).doesNotExist();
  }

  @Test
  void aNewDaemonTakesTheNameOfADeadOne() throws Exception {
    Files.createFile(state().socket("0:7"));
    try (ControlSocket socket = open("{}")) {
      assertThat(new ControlClient(state()).status("0:7")).isEqualTo(bytes("{}"));
    }
  }

  /** The kernel has given the number of its device to another mount. */
  @Test
  void aDaemonThatEndsLeavesTheSocketOfTheNextAlone() throws Exception {
    ControlSocket ending = open("{1}");
    try (ControlSocket next = open("{2}")) {
      ending.close();
      assertThat(new ControlClient(state()).status("0:7")).isEqualTo(bytes("{2}"));
    }
    assertThat(state().socket("0:7")).doesNotExist();
  }

  @Test
  void aDaemonThatDoesNotAnswerIsAFailure() throws Exception {
    try (ServerSocketChannel mute = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      mute.bind(UnixDomainSocketAddress.of(state().socket("0:9")));
      Thread closing =
          new Thread(
              () -> {
                try {
                  mute.accept().close();
                } catch (IOException e) {
                  throw new UncheckedIOException(e);
                }
              });
      closing.start();
      assertThatThrownBy(() -> new ControlClient(state()).status("0:9"))
          .isInstanceOf(CommandFailure.class)
          .hasMessageContaining("does not answer");
      closing.join();
    }
  }
}
