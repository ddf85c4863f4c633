package io.samepage.posix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class NativeBufferTest {
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 8, 4095, 4096, 4097, 65_535, 65_536, 65_537, 1 << 20, (1 << 20) + 1})
  void memoryIsZeroedAndAlignedToAPage(int capacity) {
    NativeBuffer buffer = NativeBuffer.allocate(capacity);
    assertThat(buffer.capacity()).isEqualTo(capacity);
    assertThat(buffer.bytes().capacity()).isEqualTo(capacity);
    assertThat(buffer.address() % 4096).isZero();
    for (int i = 0; i < capacity; i++) {
      if (buffer.bytes().get(i) != 0) {
        throw new AssertionError("not zero at " + i);
      }
    }
    if (capacity > 0) {
      buffer.bytes().put(0, (byte) 1).put(capacity - 1, (byte) 2);
      assertThat(buffer.bytes().get(capacity - 1)).isEqualTo((byte) 2);
    }
  }

  @Test
  void numbersAreLittleEndian() {
    NativeBuffer buffer = NativeBuffer.allocate(16);
    buffer.bytes().putInt(0, 0x01020304);
    assertThat(buffer.bytes().get(0)).isEqualTo((byte) 4);
    buffer.slice(8, 8).bytes().putShort(0, (short) 0x0506);
    assertThat(buffer.bytes().get(8)).isEqualTo((byte) 6);
  }

  @Test
  void aSliceIsAPartOfTheSameMemory() {
    NativeBuffer buffer = NativeBuffer.allocate(100);
    NativeBuffer slice = buffer.slice(10, 20).slice(5, 4);
    assertThat(slice.address()).isEqualTo(buffer.address() + 15);
    assertThat(slice.capacity()).isEqualTo(4);
    slice.bytes().put(3, (byte) 7);
    assertThat(buffer.bytes().get(18)).isEqualTo((byte) 7);
    assertThatThrownBy(() -> slice.bytes().get(4)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> buffer.slice(90, 11)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void theAddressIsWhatSystemCallsWriteTo() throws Exception {
    NativeBuffer buffer = NativeBuffer.allocate(64);
    try (Fd zero =
        new Fd(
            Files.open(
                Linux.AT_FDCWD, TestDirectory.bytes("/proc/self/stat"), Linux.O_RDONLY, 0))) {
      int got = Files.tryRead(zero.number(), buffer.address(), 64);
      assertThat(got).isPositive();
      assertThat(buffer.bytes().get(0)).isBetween((byte) '1', (byte) '9');
    }
  }

  @Test
  void aSliceKeepsTheMemory() {
    NativeBuffer slice = NativeBuffer.allocate(1 << 16).slice(100, 8);
    slice.bytes().putLong(0, 42);
    for (int i = 0; i < 3; i++) {
      System.gc();
      NativeBuffer next = NativeBuffer.allocate(1 << 16);
      next.bytes().putLong(100, -1);
      assertThat(next.address() + 100).isNotEqualTo(slice.address());
    }
    assertThat(slice.bytes().getLong(0)).isEqualTo(42);
  }
}
