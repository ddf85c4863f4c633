package io.samepage.fuse.libfuse;

import io.samepage.fuse.AttributeChange;
import io.samepage.fuse.Attributes;
import io.samepage.fuse.Entry;
import io.samepage.fuse.FileSystemStatistics;
import io.samepage.fuse.Opened;
import io.samepage.fuse.Request;
import io.samepage.fuse.wire.Opcode;
import io.samepage.fuse.wire.OutHeader;
import io.samepage.posix.NativeBuffer;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * One request of the kernel while libfuse works on it, which may take several calls back to us: on
 * whose behalf, and what its answer is to say that libfuse has no words for. Used for one request
 * after the other; confined to one thread.
 */
final class Call {
  final Request request = new Request();
  final Attributes attributes = new Attributes();
  final Entry entry = new Entry();
  final Opened opened = new Opened();
  final AttributeChange change = new AttributeChange();
  final FileSystemStatistics statistics = new FileSystemStatistics();

  /** The descriptor that the request was read from, which its answer must go through. */
  int fd;

  /** The kernel's number of the request. */
  long unique;

  /** What the kernel asks. */
  Opcode opcode = Opcode.UNKNOWN;

  /** libfuse's number of the node that it is about. */
  long number;

  /** Whether what is asked for takes the set-user-ID and set-group-ID bits away. */
  boolean killSuidgid;

  /**
   * Whether a change of attributes is asked for that names none, as chown(2) to the owner that a
   * file has: libfuse has no call for that, and asks for the attributes alone.
   */
  boolean emptyChange;

  /** The last name in the request, where it has any. */
  byte[] lastName = {};

  /** For how long the kernel may keep the name, or the absence of it, that was found last. */
  long entryValidNanos;

  /** For how long it may keep the attributes that were shown last, and whose they are. */
  long attrValidNanos;

  @Nullable KnownNode shown;

  /** FOPEN_* of the file that was opened. */
  int openFlags;

  /** The node whose attributes stand in {@link #fresh}, since this request has just changed it. */
  @Nullable KnownNode freshNode;

  /** {@link #attributes}, or those of {@link #entry}. */
  Attributes fresh = attributes;

  /** Memory for answers that libfuse does not make; grows. */
  private NativeBuffer answer = NativeBuffer.allocate(256);

  /**
   * Room for an answer that libfuse does not make: its header, and as many bytes behind it.
   *
   * @see Answers#reply
   */
  ByteBuffer answer(int bytes) {
    int needed = OutHeader.BYTES + bytes;
    if (answer.capacity() < needed) {
      answer = NativeBuffer.allocate(Math.max(needed, 2 * answer.capacity()));
    }
    return answer.bytes();
  }

  /** Where it is. */
  long answerAddress() {
    return answer.address();
  }

  /** Takes up a new request. */
  void begin(long newUnique, Opcode newOpcode, long newNumber, int uid, int gid, int pid) {
    unique = newUnique;
    opcode = newOpcode;
    number = newNumber;
    request.set(uid, gid, pid);
    entryValidNanos = 0;
    attrValidNanos = 0;
    shown = null;
    openFlags = 0;
    freshNode = null;
  }
}
