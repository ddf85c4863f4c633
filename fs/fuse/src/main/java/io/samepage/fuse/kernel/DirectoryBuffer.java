package io.samepage.fuse.kernel;

import io.samepage.fuse.DirectoryPlusReply;
import io.samepage.fuse.DirectoryReply;
import io.samepage.fuse.Entry;
import io.samepage.fuse.FileSystem;
import io.samepage.fuse.wire.Dirent;
import io.samepage.fuse.wire.EntryOut;
import io.samepage.posix.Linux;
import java.nio.ByteBuffer;

/** Packs the entries of READDIR and READDIRPLUS into an answer. */
final class DirectoryBuffer implements DirectoryReply, DirectoryPlusReply {
  private final ByteBuffer out;
  private final int from;
  private final Entry entry = new Entry();
  private int at;
  private int limit;
  private boolean plus;

  DirectoryBuffer(ByteBuffer out, int from) {
    this.out = out;
    this.from = from;
  }

  /** Begins an answer of at most {@code size} bytes. */
  void begin(int size) {
    at = from;
    limit = from + size;
    plus = false;
  }

  /** How many bytes have been filled. */
  int length() {
    return at - from;
  }

  @Override
  public boolean add(byte[] name, long ino, int type, long nextOffset) {
    int room = Dirent.room(name.length);
    if (room > limit - at) {
      return false;
    }
    Dirent.put(out, at, name, ino, type, nextOffset);
    at += room;
    return true;
  }

  @Override
  public boolean fits(byte[] name) {
    return Dirent.roomPlus(name.length) <= limit - at;
  }

  @Override
  public Entry entry() {
    return entry;
  }

  @Override
  public void add(byte[] name, long nextOffset) {
    if (!fits(name)) {
      throw new IllegalStateException("an entry was added that does not fit");
    }
    plus = true;
    int type = (entry.attributes.mode & Linux.S_IFMT) >>> 12;
    if (entry.nodeid == 0) {
      EntryOut.putNone(out, at, 0);
    } else {
      EntryOut.put(out, at, entry);
    }
    Dirent.put(out, at + EntryOut.BYTES, name, entry.attributes.ino, type, nextOffset);
    at += Dirent.roomPlus(name.length);
  }

  /** Takes the look-ups back that the entries so far count. */
  void takeBack(FileSystem fs) {
    if (!plus) {
      return;
    }
    plus = false;
    for (int i = from; i < at; i += Dirent.roomPlus(Dirent.namelen(out, i + EntryOut.BYTES))) {
      long nodeid = EntryOut.nodeid(out, i);
      if (nodeid != 0) {
        fs.forget(nodeid, 1);
      }
    }
  }
}
