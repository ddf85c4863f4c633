package io.samepage.fuse.kernel;

import io.samepage.fuse.wire.InHeader;
import io.samepage.fuse.wire.Opcode;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Builds a request as the kernel would send it, or would not. */
final class RequestBytes {
  private final ByteBuffer b = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);

  private RequestBytes(int opcode, long unique, long nodeid) {
    b.putInt(0).putInt(opcode).putLong(unique).putLong(nodeid);
    b.putInt(1000).putInt(1001).putInt(1002).putInt(0);
  }

  static RequestBytes of(Opcode opcode, long unique, long nodeid) {
    return new RequestBytes(opcode.number(), unique, nodeid);
  }

  static RequestBytes of(int opcode, long unique, long nodeid) {
    return new RequestBytes(opcode, unique, nodeid);
  }

  RequestBytes u32(int... values) {
    for (int value : values) {
      b.putInt(value);
    }
    return this;
  }

  RequestBytes u64(long... values) {
    for (long value : values) {
      b.putLong(value);
    }
    return this;
  }

  RequestBytes bytes(byte... bytes) {
    b.put(bytes);
    return this;
  }

  /** A string and its NUL. */
  RequestBytes string(String text) {
    return bytes(text.getBytes(StandardCharsets.ISO_8859_1)).bytes((byte) 0);
  }

  byte[] toBytes() {
    b.putInt(InHeader.LEN, b.position());
    return Arrays.copyOf(b.array(), b.position());
  }
}
