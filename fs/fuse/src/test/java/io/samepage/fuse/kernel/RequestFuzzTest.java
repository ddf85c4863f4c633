package io.samepage.fuse.kernel;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.samepage.fuse.wire.Opcode;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/**
 * Random and mutated requests. Each goes to two file systems that are alike, with different bytes
 * in the memory behind it: if the answers differ, something was read that is not of the request.
 *
 * <p>{@code -Dfuzz.seconds=600} for longer, {@code -Dfuzz.seed=N} for what failed once.
 */
class RequestFuzzTest {
  private static final int BEHIND = 512;
  private static final Opcode[] OPCODES = Opcode.values();
  private static final String[] NAMES = {"a", "b", "c", "d", ".", "..", "a/b", "", "user.x", "n\0"};
  private static final long[] LARGE = {
    0, 1, -1, Long.MAX_VALUE, Long.MIN_VALUE, 1L << 32, 4096, 0xffffffffL, (1L << 63) - 4096
  };

  private final Random random;
  private final long seed = Long.getLong("fuzz.seed", System.nanoTime());
  private final Side one = new Side((byte) 0);
  private final Side two = new Side((byte) 0xff);
  private long unique = 1;

  RequestFuzzTest() {
    random = new Random(seed);
  }

  /** A dispatcher, a file system, and what is behind the request. */
  private static final class Side {
    final Interrupts interrupts = new Interrupts();
    final Dispatcher dispatcher = new Dispatcher();
    final CapturedReplies replies = new CapturedReplies();
    final Exchange x = new Exchange(new Steady(), interrupts, true);
    final byte[] behind = new byte[BEHIND];

    Side(byte fill) {
      Arrays.fill(behind, fill);
    }

    List<CapturedReplies.Reply> send(byte[] request) {
      int at = Exchange.requestAt();
      x.in.put(at, request);
      int room = Math.min(BEHIND, x.in.capacity() - at - request.length);
      x.in.put(at + request.length, behind, 0, room);
      dispatcher.dispatch(x, replies, request.length);
      return replies.take();
    }
  }

  /** Without a clock, and patient with what no kernel would do. */
  private static final class Steady extends MemoryFileSystem {
    Steady() {
      for (String name : new String[] {"a", "b", "c"}) {
        addFile(name, name.repeat(100).getBytes(ISO_8859_1));
      }
      add(root(), "d", 040755);
    }

    @Override
    long now() {
      return 1_000_000_000;
    }

    @Override
    public synchronized void forget(long nodeid, long count) {
      // Nodes stay, so that there is something to speak of.
    }

    @Override
    public synchronized void release(
        io.samepage.fuse.Request request, long nodeid, long handle, long flockOwner) {
      // Handles stay.
    }
  }

  @Test
  void nothingThatComesInBreaksTheDecoder() {
    Logger log = (Logger) LoggerFactory.getLogger(Dispatcher.class);
    ListAppender<ILoggingEvent> events = new ListAppender<>();
    events.start();
    log.addAppender(events);
    log.setAdditive(false);
    long until = System.nanoTime() + Long.getLong("fuzz.seconds", 3) * 1_000_000_000L;
    long count = 0;
    try {
      while (System.nanoTime() - until < 0) {
        for (int i = 0; i < 1000; i++) {
          tryOne(request());
        }
        count += 1000;
        assertThat(events.list)
            .as("seed %d", seed)
            .filteredOn(e -> e.getLevel() == Level.ERROR)
            .filteredOn(e -> e.getThrowableProxy() != null)
            .map(e -> e.getFormattedMessage() + " " + e.getThrowableProxy().getMessage())
            .isEmpty();
      }
    } finally {
      log.detachAppender(events);
      log.setAdditive(true);
    }
    System.out.println(count + " requests, -Dfuzz.seed=" + seed);
  }

  private void tryOne(byte[] request) {
    List<CapturedReplies.Reply> first = one.send(request);
    List<CapturedReplies.Reply> second = two.send(request);
    assertThat(first).as("seed %d: %s", seed, Arrays.toString(request)).isEqualTo(second);
    for (CapturedReplies.Reply reply : first) {
      assertThat(reply.error()).as("seed %d", seed).isBetween(0, 511);
      assertThat(reply.error() == 0 || reply.body().capacity() == 0).as("seed %d", seed).isTrue();
    }
  }

  private byte[] request() {
    int kind = random.nextInt(10);
    if (kind == 0) {
      byte[] noise = new byte[random.nextInt(200)];
      random.nextBytes(noise);
      return noise;
    }
    int opcode =
        random.nextInt(20) == 0
            ? random.nextInt(70) - 5
            : OPCODES[random.nextInt(OPCODES.length)].number();
    RequestBytes bytes = RequestBytes.of(opcode, unique += 2, random.nextInt(8));
    int words = random.nextInt(12);
    for (int i = 0; i < words; i++) {
      if (random.nextInt(4) == 0) {
        bytes.u64(LARGE[random.nextInt(LARGE.length)]);
      } else {
        bytes.u32(random.nextInt(3) == 0 ? random.nextInt(300) : random.nextInt(3), 0);
      }
    }
    for (int i = random.nextInt(3); i > 0; i--) {
      bytes.string(NAMES[random.nextInt(NAMES.length)]);
    }
    if (random.nextInt(4) == 0) {
      bytes.bytes(new byte[random.nextInt(300)]);
    }
    byte[] request = bytes.toBytes();
    if (kind == 1) {
      request[random.nextInt(request.length)] = (byte) random.nextInt();
    } else if (kind == 2) {
      request = Arrays.copyOf(request, random.nextInt(request.length + 1));
      if (request.length > 4 && random.nextBoolean()) {
        request[0] = (byte) request.length;
        request[1] = (byte) (request.length >> 8);
      }
    }
    return request;
  }
}
