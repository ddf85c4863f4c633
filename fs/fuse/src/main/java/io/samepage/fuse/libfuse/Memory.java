package io.samepage.fuse.libfuse;

import com.kenai.jffi.MemoryIO;

/** Memory by its address: what C has handed over, and what C is to be handed. */
final class Memory {
  static final MemoryIO IO = MemoryIO.getInstance();

  private Memory() {}

  /** A NUL-ended string. */
  static byte[] string(long address) {
    return IO.getZeroTerminatedByteArray(address);
  }

  static byte[] bytes(long address, int length) {
    byte[] bytes = new byte[length];
    IO.getByteArray(address, bytes, 0, length);
    return bytes;
  }

  static void put(long address, byte[] bytes) {
    IO.putByteArray(address, bytes, 0, bytes.length);
  }

  /** Puts a string and the NUL that ends it. */
  static void putString(long address, byte[] string) {
    IO.putZeroTerminatedByteArray(address, string, 0, string.length);
  }

  /** Memory that lives until it is {@link #free freed}, zeroed. */
  static long allocate(int size) {
    return IO.allocateMemory(size, true);
  }

  static void free(long address) {
    IO.freeMemory(address);
  }
}
