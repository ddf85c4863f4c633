package io.samepage.fuse.kernel;

import io.samepage.fuse.AttributeChange;
import io.samepage.fuse.Attributes;
import io.samepage.fuse.DataPieces;
import io.samepage.fuse.Entry;
import io.samepage.fuse.FileSystem;
import io.samepage.fuse.FileSystemStatistics;
import io.samepage.fuse.Opened;
import io.samepage.fuse.PageCache;
import io.samepage.fuse.Request;
import io.samepage.fuse.wire.InHeader;
import io.samepage.fuse.wire.OutHeader;
import io.samepage.fuse.wire.StoreOut;
import io.samepage.fuse.wire.WriteIn;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.NativeBuffer;
import io.samepage.posix.Pipe;
import java.nio.ByteBuffer;

/**
 * One request and its answer: a worker's memory for both, used for one after the other. Confined to
 * one thread at a time.
 *
 * <p>Both areas are laid out so that data begin at a page, which lets a file system read and write
 * them with O_DIRECT: the data of a WRITE follow an {@link InHeader} and a {@link WriteIn}, those
 * of a READ follow an {@link OutHeader}.
 *
 * <pre>
 *   request:  0 …… 4016 in_header, 4056 write_in, 4096 data ……
 *   reply:    0 …… 4080 out_header,               4096 data ……
 * </pre>
 *
 * Pages that no request ever needs are never touched, and take no memory.
 */
final class Exchange implements AutoCloseable, PageCache {
  /** The most data that one WRITE carries, and room for those of a READ ({@link PagePipe#MOST}). */
  static final int MAX_DATA = 1 << 20;

  private static final int PAGE = 4096;
  private static final int REQUEST = PAGE - InHeader.BYTES - WriteIn.BYTES;
  private static final int REPLY = PAGE - OutHeader.BYTES;

  /** Where the answer begins in {@link #out}, after its header. */
  static final int PAYLOAD = PAGE;

  private final NativeBuffer requestMemory = NativeBuffer.allocate(PAGE + MAX_DATA);
  private final NativeBuffer replyMemory = NativeBuffer.allocate(PAGE + MAX_DATA);

  /** The request. */
  final ByteBuffer in = requestMemory.bytes();

  /** The answer. */
  final ByteBuffer out = replyMemory.bytes();

  /** The data of an answer to READ, from {@link #PAYLOAD}. */
  final NativeBuffer data = replyMemory.slice(PAYLOAD, MAX_DATA);

  /** The file system that answers. */
  final FileSystem fs;

  /** Requests that can be interrupted. */
  final Interrupts interrupts;

  /** Whether SETXATTR comes in its longer form (SETXATTR_EXT). */
  final boolean longSetxattr;

  /** On whose behalf. */
  final Request request = new Request();

  final Entry entry = new Entry();
  final Attributes attributes = new Attributes();
  final AttributeChange change = new AttributeChange();
  final Opened opened = new Opened(this);
  final DataPieces pieces = new DataPieces();
  final FileSystemStatistics statistics = new FileSystemStatistics();
  final DirectoryBuffer directory = new DirectoryBuffer(out, PAYLOAD);

  private final PagePipe pages = new PagePipe();

  /** Through what the answer goes. */
  ReplyPort port = NoPort.INSTANCE;

  long unique;
  long nodeid;

  /** Where the part after the header begins in {@link #in}, and where the request ends. */
  int body;

  int end;

  /** Where {@link #name} and its like go on. */
  private int cursor;

  // What the answer gives the kernel, to be taken back if the answer does not reach it.
  private long givenNode;
  private long givenHandleNode;
  private long givenHandle;
  private boolean handleGiven;

  Exchange(FileSystem fs, Interrupts interrupts, boolean longSetxattr) {
    this.fs = fs;
    this.interrupts = interrupts;
    this.longSetxattr = longSetxattr;
  }

  /** Where a request is to be read to. */
  long requestAddress() {
    return requestMemory.address() + REQUEST;
  }

  /** How long a request may be: as long as a WRITE with {@link #MAX_DATA}. */
  static int requestRoom() {
    return PAGE + MAX_DATA - REQUEST;
  }

  /** Where the request begins in {@link #in}. */
  static int requestAt() {
    return REQUEST;
  }

  /** Takes up a request that has been read; its header is known to be there. */
  void begin(ReplyPort from, int length) {
    port = from;
    unique = InHeader.unique(in, REQUEST);
    nodeid = InHeader.nodeid(in, REQUEST);
    request.set(InHeader.uid(in, REQUEST), InHeader.gid(in, REQUEST), InHeader.pid(in, REQUEST));
    body = REQUEST + InHeader.BYTES;
    end = REQUEST + length;
    cursor = body;
    givenNode = 0;
    handleGiven = false;
    directory.begin(0);
  }

  /** Demands that a structure of this length is there, and moves on to what follows it. */
  void structure(int length) throws ErrnoException {
    if (end - body < length) {
      throw malformed();
    }
    cursor = body + length;
  }

  /** The next name: NUL-ended, not empty, without a slash. */
  byte[] name() throws ErrnoException {
    byte[] name = string();
    if (name.length == 0) {
      throw malformed();
    }
    for (byte c : name) {
      if (c == '/') {
        throw malformed();
      }
    }
    return name;
  }

  /** The next NUL-ended string. */
  byte[] string() throws ErrnoException {
    int from = cursor;
    for (int i = from; i < end; i++) {
      if (in.get(i) == 0) {
        byte[] string = new byte[i - from];
        in.get(from, string);
        cursor = i + 1;
        return string;
      }
    }
    throw malformed();
  }

  /** The next {@code length} bytes. */
  byte[] bytes(int length) throws ErrnoException {
    byte[] bytes = new byte[checkRest(length)];
    in.get(cursor, bytes);
    cursor += length;
    return bytes;
  }

  /** Demands that {@code length} more bytes are there. */
  int checkRest(int length) throws ErrnoException {
    if (length < 0 || length > end - cursor) {
      throw malformed();
    }
    return length;
  }

  /** The address of what comes next. */
  long restAddress() {
    return requestMemory.address() + cursor;
  }

  /** An offset in a file, which the kernel keeps from being negative. */
  static long offset(long offset) throws ErrnoException {
    if (offset < 0) {
      throw ErrnoException.of(Errno.EINVAL);
    }
    return offset;
  }

  /** An offset in a file, with {@code length} bytes after it that can be counted too. */
  static long offset(long offset, long length) throws ErrnoException {
    if (offset(length) > Long.MAX_VALUE - offset(offset)) {
      throw ErrnoException.of(Errno.EFBIG);
    }
    return offset;
  }

  /** What is thrown at a request that no kernel would send. */
  static ErrnoException malformed() {
    return ErrnoException.of(Errno.EIO);
  }

  /** Notes that the answer counts one look-up of a node. */
  void giveNode(long node) {
    givenNode = node;
  }

  /** Notes that the answer hands a handle over. */
  void giveHandle(long node, long handle) {
    givenHandleNode = node;
    givenHandle = handle;
    handleGiven = true;
  }

  /** Sends the answer that stands at {@link #PAYLOAD}. */
  void reply(int length) {
    if (send(0, length) < 0) {
      takeBack();
    }
  }

  /**
   * Answers a READ with the pages that {@link #pieces} names; false if that cannot be done and they
   * have to be read and written.
   */
  boolean replyPages() {
    header(0, 0); // before it is lent: what was never written is lent as the zero page
    int length = pages.take(replyMemory.address() + REPLY, pieces);
    if (length == PagePipe.NOT_MOVED) {
      return false;
    }
    header(0, length);
    return pages.send(port, length);
  }

  /** See {@link PageCache}; it uses the room of the answer. */
  @Override
  public boolean store(int fd, int size) {
    int data = PAYLOAD + StoreOut.BYTES;
    try {
      if (Files.pread(fd, replyMemory.address() + data, size, 0) != size) {
        return false;
      }
    } catch (ErrnoException e) {
      return false;
    }
    StoreOut.nodeid(out, PAYLOAD, nodeid);
    StoreOut.offset(out, PAYLOAD, 0);
    StoreOut.size(out, PAYLOAD, size);
    int length = StoreOut.BYTES + size;
    OutHeader.put(out, REPLY, length, StoreOut.NOTIFY_STORE, 0);
    return port.write(replyMemory.address() + REPLY, OutHeader.BYTES + length) >= 0;
  }

  /** Sends an error. */
  void replyError(int errno) {
    takeBack();
    send(errno > 0 && errno < 512 ? -errno : -Errno.EIO, 0);
  }

  private int send(int error, int length) {
    header(error, length);
    return port.write(replyMemory.address() + REPLY, OutHeader.BYTES + length);
  }

  private void header(int error, int length) {
    OutHeader.put(out, REPLY, length, error, unique);
  }

  /**
   * The answer did not reach the kernel (the request had been aborted: ENOENT, ENODEV), so it knows
   * of no node and no handle in it and will never give them back. Nor does it when a file system
   * fails after it has counted look-ups.
   */
  private void takeBack() {
    if (handleGiven) {
      handleGiven = false;
      fs.release(request, givenHandleNode, givenHandle, 0);
    }
    if (givenNode != 0) {
      long node = givenNode;
      givenNode = 0;
      fs.forget(node, 1);
    }
    directory.takeBack(fs);
  }

  @Override
  public void close() {
    pages.close();
  }

  /** A port before there is any. */
  private static final class NoPort implements ReplyPort {
    static final NoPort INSTANCE = new NoPort();

    @Override
    public int write(long address, int length) {
      return -Errno.EBADF;
    }

    @Override
    public int splice(Pipe pipe, int length) {
      return -Errno.EBADF;
    }

    @Override
    public void retain() {}

    @Override
    public void release() {}
  }
}
