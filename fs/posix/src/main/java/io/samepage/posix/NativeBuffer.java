package io.samepage.posix;

import com.kenai.jffi.MemoryIO;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Memory outside the heap, at a fixed address, with a view as a little-endian buffer. It lives as
 * long as this object is reachable: whoever hands the address to a system call must use the object
 * after it, or keep it in a field. Not thread-safe.
 */
public final class NativeBuffer {
  private static final int LARGE = 64 * 1024;
  private static final int MADV_DONTNEED = 4;

  private final ByteBuffer bytes;
  private final long address;
  private final int capacity;

  private NativeBuffer(ByteBuffer bytes, long address, int capacity) {
    this.bytes = bytes;
    this.address = address;
    this.capacity = capacity;
  }

  /** Zeroed memory, aligned to a page. Pages that are never touched take no room. */
  public static NativeBuffer allocate(int capacity) {
    int page = 4096;
    int whole = (capacity + page - 1) / page * page;
    ByteBuffer aligned = ByteBuffer.allocateDirect(whole + page).alignedSlice(page);
    aligned.limit(capacity);
    ByteBuffer exact = aligned.slice().order(ByteOrder.LITTLE_ENDIAN);
    long address = MemoryIO.getInstance().getDirectBufferAddress(exact);
    if (whole >= LARGE) {
      // The JDK has zeroed it, page by page: give the pages back, and get zeroes when they are
      // used.
      LibC.C.madvise(address, whole, MADV_DONTNEED);
    }
    return new NativeBuffer(exact, address, capacity);
  }

  /**
   * Memory that is somebody else's, at an address that the caller vouches for while this object is
   * in use.
   */
  public static NativeBuffer at(long address, int capacity) {
    ByteBuffer bytes = MemoryIO.getInstance().newDirectByteBuffer(address, capacity);
    return new NativeBuffer(bytes.order(ByteOrder.LITTLE_ENDIAN), address, capacity);
  }

  /** A part of this memory, sharing it. */
  public NativeBuffer slice(int offset, int length) {
    ByteBuffer part = bytes.duplicate();
    part.position(offset).limit(offset + length);
    return new NativeBuffer(part.slice().order(ByteOrder.LITTLE_ENDIAN), address + offset, length);
  }

  /** The bytes; absolute access only, so that position and limit stay as they are. */
  public ByteBuffer bytes() {
    return bytes;
  }

  public long address() {
    return address;
  }

  public int capacity() {
    return capacity;
  }
}
