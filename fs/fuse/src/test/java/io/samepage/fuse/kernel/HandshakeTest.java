package io.samepage.fuse.kernel;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.fuse.wire.InHeader;
import io.samepage.fuse.wire.InitFlags;
import io.samepage.fuse.wire.InitIn;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

/** What is taken of what a kernel offers. */
class HandshakeTest {
  private static final KernelMountOptions OPTIONS =
      KernelMountOptions.of("/mnt".getBytes(US_ASCII), "test".getBytes(US_ASCII));

  private static final long ALL = -1;

  @Test
  void theLowerMinorVersionIsSpoken() {
    assertThat(Handshake.agree(31, 0, OPTIONS).protocol()).isEqualTo("7.31");
    assertThat(Handshake.agree(45, 0, OPTIONS).protocol()).isEqualTo("7.45");
    assertThat(Handshake.agree(99, 0, OPTIONS).protocol()).isEqualTo("7.45");
  }

  @Test
  void onlyWhatIsOfferedIsTaken() {
    assertThat(Handshake.agree(45, 0, OPTIONS).flags()).isZero();
    long offered = InitFlags.ASYNC_READ | InitFlags.POSIX_ACL | 1L << 60;
    assertThat(Handshake.agree(45, offered, OPTIONS).flags())
        .isEqualTo(InitFlags.ASYNC_READ | InitFlags.POSIX_ACL);
  }

  @Test
  void theCacheIsNotWrittenBackAndNotDroppedByTheKernelItself() {
    long flags = Handshake.agree(45, ALL, OPTIONS).flags();
    assertThat(flags & (1L << 16)).as("WRITEBACK_CACHE").isZero();
    assertThat(flags & (1L << 12)).as("AUTO_INVAL_DATA").isZero();
    assertThat(flags & (1L << 17)).as("NO_OPEN_SUPPORT").isZero();
    assertThat(flags & InitFlags.PASSTHROUGH).isNotZero();
  }

  @Test
  void passthroughIsExplained() {
    assertThat(Handshake.agree(45, ALL, OPTIONS).passthroughReason()).startsWith("granted");
    Handshake.Agreement old = Handshake.agree(38, ALL & ~InitFlags.PASSTHROUGH, OPTIONS);
    assertThat(old.has(InitFlags.PASSTHROUGH)).isFalse();
    assertThat(old.passthroughReason()).contains("7.38").contains("6.9");
    Handshake.Agreement off =
        Handshake.agree(45, ALL, OPTIONS.withPassthrough(KernelMountOptions.Passthrough.OFF));
    assertThat(off.has(InitFlags.PASSTHROUGH)).isFalse();
    assertThat(off.passthroughReason()).contains("option");
  }

  @Test
  void flagsBeyondTheFirst32NeedTheLongerRequest() {
    ByteBuffer init = ByteBuffer.allocate(InitIn.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    init.putInt(InitIn.FLAGS, (int) InitFlags.INIT_EXT | Integer.MIN_VALUE);
    init.putInt(InitIn.FLAGS2, 1 << 5);
    int whole = InHeader.BYTES + InitIn.BYTES;
    assertThat(Handshake.offered(init, 0, whole))
        .isEqualTo(InitFlags.INIT_EXT | 1L << 31 | InitFlags.PASSTHROUGH);
    assertThat(Handshake.offered(init, 0, InHeader.BYTES + 16))
        .isEqualTo(InitFlags.INIT_EXT | 1L << 31);
    init.putInt(InitIn.FLAGS, 1);
    assertThat(Handshake.offered(init, 0, whole)).isEqualTo(1);
  }
}
