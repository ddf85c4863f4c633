package io.samepage.fuse.kernel;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.fuse.AttributeChange;
import io.samepage.fuse.Attributes;
import io.samepage.fuse.DirectoryPlusReply;
import io.samepage.fuse.FileLock;
import io.samepage.fuse.Opened;
import io.samepage.fuse.Request;
import io.samepage.fuse.wire.Attr;
import io.samepage.fuse.wire.AttrOut;
import io.samepage.fuse.wire.EntryOut;
import io.samepage.fuse.wire.LkOut;
import io.samepage.fuse.wire.Opcode;
import io.samepage.fuse.wire.OpenOut;
import io.samepage.fuse.wire.StatxOut;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Linux;
import java.nio.ByteBuffer;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Requests as bytes, and the answers to them. */
class DispatcherTest {
  private static final long UNIQUE = 4242;

  private final MemoryFileSystem fs = new MemoryFileSystem();
  private final Interrupts interrupts = new Interrupts();
  private final Dispatcher dispatcher = new Dispatcher();
  private final CapturedReplies replies = new CapturedReplies();
  private Exchange x = new Exchange(fs, interrupts, true);

  private void send(byte[] request) {
    x.in.put(Exchange.requestAt(), request);
    dispatcher.dispatch(x, replies, request.length);
  }

  private void send(RequestBytes request) {
    send(request.toBytes());
  }

  private static RequestBytes request(Opcode opcode, long nodeid) {
    return RequestBytes.of(opcode, UNIQUE, nodeid);
  }

  private ByteBuffer answer(RequestBytes request) {
    send(request);
    List<CapturedReplies.Reply> taken = replies.take();
    assertThat(taken).hasSize(1);
    assertThat(taken.get(0).unique()).isEqualTo(UNIQUE);
    assertThat(taken.get(0).error()).as("errno").isZero();
    return taken.get(0).body();
  }

  private int error(RequestBytes request) {
    send(request);
    return onlyError();
  }

  private int onlyError() {
    List<CapturedReplies.Reply> taken = replies.take();
    assertThat(taken).hasSize(1);
    assertThat(taken.get(0).unique()).isEqualTo(UNIQUE);
    assertThat(taken.get(0).error()).isPositive();
    assertThat(taken.get(0).body().capacity()).isZero();
    return taken.get(0).error();
  }

  private long lookup(String name) {
    return answer(request(Opcode.LOOKUP, 1).string(name)).getLong(EntryOut.NODEID);
  }

  private long open(long node) {
    return answer(request(Opcode.OPEN, node).u32(Linux.O_RDWR, 0)).getLong(OpenOut.FH);
  }

  @Test
  void anUnknownOpcodeIsNotImplemented() {
    for (int opcode : new int[] {0, 7, 19, 54, 4095, -1, Integer.MIN_VALUE}) {
      assertThat(error(RequestBytes.of(opcode, UNIQUE, 1))).isEqualTo(Errno.ENOSYS);
    }
    assertThat(dispatcher.requests()).containsEntry("UNKNOWN", 7L);
  }

  @ParameterizedTest
  @EnumSource(Opcode.class)
  void everyOpcodeIsHandledOrRefusedForAReason(Opcode opcode) {
    assertThat(Opcode.of(opcode.number())).isSameAs(opcode);
    Disposition disposition = Disposition.of(opcode);
    assertThat(disposition.handler() == null).isEqualTo(disposition.refusal() != null);
    if (disposition.handler() == null) {
      assertThat(error(request(opcode, 1))).isEqualTo(Errno.ENOSYS);
    }
  }

  @ParameterizedTest
  @EnumSource(Opcode.class)
  void aRequestThatEndsTooEarlyIsAnError(Opcode opcode) {
    switch (opcode) {
      case READLINK, STATFS, SYNCFS, DESTROY -> {
        return; // Nothing follows the header.
      }
      default -> {}
    }
    for (int length = 0; length < 8; length++) {
      send(request(opcode, 1).bytes(new byte[length]));
      if (opcode.repliesToErrors()) {
        boolean refused = Disposition.of(opcode).handler() == null;
        assertThat(onlyError()).isEqualTo(refused ? Errno.ENOSYS : Errno.EIO);
      } else {
        assertThat(replies.take()).isEmpty();
      }
    }
  }

  @Test
  void aRequestThatLiesAboutItsLengthIsAnError() {
    byte[] request = request(Opcode.LOOKUP, 1).string("f").toBytes();
    request[0]++;
    send(request);
    assertThat(onlyError()).isEqualTo(Errno.EIO);
    send(new byte[39]);
    assertThat(replies.take()).isEmpty();
  }

  @Test
  void aNameThatIsNoneIsAnError() {
    assertThat(error(request(Opcode.LOOKUP, 1).string(""))).isEqualTo(Errno.EIO);
    assertThat(error(request(Opcode.LOOKUP, 1).string("a/b"))).isEqualTo(Errno.EIO);
    assertThat(error(request(Opcode.LOOKUP, 1).bytes((byte) 'a'))).isEqualTo(Errno.EIO);
    assertThat(error(request(Opcode.RENAME, 1).u64(1).string("a"))).isEqualTo(Errno.EIO);
    assertThat(error(request(Opcode.SYMLINK, 1).string("a").bytes((byte) 'b')))
        .isEqualTo(Errno.EIO);
  }

  @Test
  void aLookupOfNothingIsAnAnswer() {
    ByteBuffer entry = answer(request(Opcode.LOOKUP, 1).string("none"));
    assertThat(entry.capacity()).isEqualTo(EntryOut.BYTES);
    assertThat(entry.getLong(EntryOut.NODEID)).isZero();
    assertThat(entry.getLong(EntryOut.ENTRY_VALID)).isEqualTo(86_400);
  }

  @Test
  void attributesAreEncoded() {
    MemoryNode node = fs.addFile("f", "content".getBytes(UTF_8));
    node.rdev = 0x12345678;
    node.atime = -5;
    node.mtimeNanos = 999_999_999;
    ByteBuffer attr = answer(request(Opcode.GETATTR, node.id).u32(0, 0).u64(0));
    assertThat(attr.capacity()).isEqualTo(AttrOut.BYTES);
    assertThat(attr.getLong(AttrOut.ATTR + Attr.SIZE)).isEqualTo(7);
    assertThat(attr.getLong(AttrOut.ATTR + Attr.ATIME)).isEqualTo(-5);
    assertThat(attr.getInt(AttrOut.ATTR + Attr.MTIMENSEC)).isEqualTo(999_999_999);
    assertThat(attr.getInt(AttrOut.ATTR + Attr.RDEV)).isEqualTo(0x12345678);
    ByteBuffer statx = answer(request(Opcode.STATX, node.id).u32(0, 0).u64(0).u32(0, 0xfff));
    assertThat(statx.capacity()).isEqualTo(StatxOut.BYTES);
    int at = StatxOut.STAT;
    assertThat(statx.getInt(at + StatxOut.Statx.MASK)).isEqualTo(0xfff);
    assertThat(statx.getInt(at + StatxOut.Statx.RDEV_MAJOR)).isEqualTo(0x456);
    assertThat(statx.getInt(at + StatxOut.Statx.RDEV_MINOR)).isEqualTo(0x12378);
    assertThat(statx.getInt(at + StatxOut.Statx.BTIME + 8)).isEqualTo(7);
  }

  @Test
  void changesOfAttributesAreDecoded() {
    AttributeChange[] seen = new AttributeChange[1];
    x =
        new Exchange(
            new MemoryFileSystem() {
              @Override
              public synchronized void setattr(
                  Request request, long nodeid, AttributeChange change, Attributes attributes) {
                seen[0] = change;
                assertThat(request.uid()).isEqualTo(1000);
                assertThat(request.gid()).isEqualTo(1001);
                assertThat(request.pid()).isEqualTo(1002);
              }
            },
            interrupts,
            true);
    answer(setattr(0));
    assertThat(seen[0].handle).isEqualTo(Opened.NO_HANDLE);
    assertThat(
            seen[0].setMode
                || seen[0].setUid
                || seen[0].setGid
                || seen[0].setSize
                || seen[0].setAtime
                || seen[0].setMtime
                || seen[0].atimeNow
                || seen[0].mtimeNow
                || seen[0].killSuidgid)
        .isFalse();
    answer(setattr(0xfff));
    assertThat(seen[0].handle).isEqualTo(1);
    assertThat(seen[0].setSize && seen[0].size == 2).isTrue();
    assertThat(seen[0].setAtime && seen[0].atimeNow && seen[0].atimeSeconds == 4).isTrue();
    assertThat(seen[0].setMtime && seen[0].mtimeNow && seen[0].mtimeSeconds == 5).isTrue();
    assertThat(seen[0].atimeNanos == 7 && seen[0].mtimeNanos == 8).isTrue();
    assertThat(seen[0].setMode && seen[0].mode == 10).isTrue();
    assertThat(seen[0].setUid && seen[0].uid == 12 && seen[0].setGid && seen[0].gid == 13).isTrue();
    assertThat(seen[0].killSuidgid).isTrue();
  }

  private static RequestBytes setattr(int valid) {
    return request(Opcode.SETATTR, 2)
        .u32(valid, 0)
        .u64(1, 2, 3, 4, 5, 6)
        .u32(7, 8, 9, 10, 11, 12, 13, 14);
  }

  @Test
  void sizesThatLieAreErrors() {
    long node = fs.addFile("f", new byte[10]).id;
    long handle = open(node);
    assertThat(error(request(Opcode.WRITE, node).u64(handle, 0).u32(5, 0).u64(0).u32(0, 0).u32(1)))
        .isEqualTo(Errno.EIO);
    assertThat(error(request(Opcode.WRITE, node).u64(handle, 0).u32(-1, 0).u64(0).u32(0, 0).u32(1)))
        .isEqualTo(Errno.EIO);
    assertThat(error(read(Opcode.READ, node, handle, 0, (1 << 20) + 1))).isEqualTo(Errno.EIO);
    assertThat(error(read(Opcode.READ, node, handle, 0, -1))).isEqualTo(Errno.EIO);
    assertThat(error(read(Opcode.READ, node, handle, -1, 10))).isEqualTo(Errno.EINVAL);
    assertThat(error(read(Opcode.READDIR, 1, 0, 0, -1))).isEqualTo(Errno.EIO);
    assertThat(error(request(Opcode.SETXATTR, node).u32(9, 0, 0, 0).string("user.a").u64(1)))
        .isEqualTo(Errno.EIO);
    assertThat(error(ioctl(node, handle, 0, 9, 0).u64(1))).isEqualTo(Errno.EIO);
    assertThat(error(ioctl(node, handle, 0, 0, -1))).isEqualTo(Errno.EIO);
    assertThat(error(ioctl(node, handle, 0, 0, 1 << 20))).isEqualTo(Errno.EIO);
    assertThat(error(ioctl(node, handle, 2, 0, 8))).isEqualTo(Errno.ENOTTY);
    assertThat(answer(read(Opcode.READ, node, handle, 0, 1 << 20)).capacity()).isEqualTo(10);
  }

  private static RequestBytes read(Opcode opcode, long node, long handle, long offset, int size) {
    return request(opcode, node).u64(handle, offset).u32(size, 0).u64(0).u32(0, 0);
  }

  private static RequestBytes ioctl(long node, long handle, int flags, int in, int out) {
    return request(Opcode.IOCTL, node).u64(handle).u32(flags, 1).u64(0).u32(in, out);
  }

  @Test
  void extendedAttributesAreAskedForTheirSizeFirst() {
    MemoryNode node = fs.addFile("f", new byte[0]);
    answer(request(Opcode.SETXATTR, node.id).u32(4, 0, 0, 0).string("user.a/b").u32(0x04030201));
    ByteBuffer size = answer(request(Opcode.GETXATTR, node.id).u32(0, 0).string("user.a/b"));
    assertThat(size.capacity()).isEqualTo(8);
    assertThat(size.getInt(0)).isEqualTo(4);
    assertThat(answer(request(Opcode.GETXATTR, node.id).u32(4, 0).string("user.a/b")).getInt(0))
        .isEqualTo(0x04030201);
    assertThat(error(request(Opcode.GETXATTR, node.id).u32(3, 0).string("user.a/b")))
        .isEqualTo(Errno.ERANGE);
    assertThat(answer(request(Opcode.LISTXATTR, node.id).u32(0, 0)).getInt(0)).isEqualTo(9);
    assertThat(error(request(Opcode.LISTXATTR, node.id).u32(8, 0))).isEqualTo(Errno.ERANGE);
    node.xattrs.put(new MemoryNode.Name("user.large"), new byte[65537]);
    assertThat(error(request(Opcode.GETXATTR, node.id).u32(0, 0).string("user.large")))
        .isEqualTo(Errno.E2BIG);
  }

  @Test
  void anOldKernelsSetxattrIsShorter() {
    MemoryNode node = fs.addFile("f", new byte[0]);
    x = new Exchange(fs, interrupts, false);
    answer(request(Opcode.SETXATTR, node.id).u32(4, 0).string("user.a").u32(7));
    assertThat(node.xattrs).containsKey(new MemoryNode.Name("user.a"));
  }

  @Test
  void onlyCertainFlagsGoWithPassthrough() {
    Opened opened = new Opened();
    assertThat(OpenOut.flags(opened)).isZero();
    opened.keepCache = true;
    assertThat(OpenOut.flags(opened)).isEqualTo(2);
    opened.backingId = 5;
    assertThat(OpenOut.flags(opened)).isEqualTo(128);
    opened.directIo = true;
    opened.noFlush = true;
    opened.parallelDirectWrites = true;
    assertThat(OpenOut.flags(opened)).isEqualTo(128 | 64 | 32 | 1);
  }

  @Test
  void whatDoesNotReachTheKernelIsTakenBack() {
    MemoryNode node = fs.addFile("f", new byte[0]);
    for (int i = 0; i < 10; i++) {
      fs.addFile("g" + i, new byte[0]);
    }
    replies.failWith(Errno.ENOENT);
    send(request(Opcode.LOOKUP, 1).string("f"));
    send(request(Opcode.LOOKUP, 1).string("none"));
    send(request(Opcode.MKDIR, 1).u32(0755, 0).string("d"));
    send(request(Opcode.MKNOD, 1).u32(Linux.S_IFIFO, 0, 0, 0).string("p"));
    send(request(Opcode.SYMLINK, 1).string("s").string("target"));
    send(request(Opcode.LINK, 1).u64(node.id).string("l"));
    send(request(Opcode.OPEN, node.id).u32(0, 0));
    send(request(Opcode.CREATE, 1).u32(2, Linux.S_IFREG | 0644, 0, 0).string("c"));
    send(request(Opcode.TMPFILE, 1).u32(2, Linux.S_IFREG | 0644, 0, 0).string("/"));
    send(read(Opcode.READDIRPLUS, 1, 0, 0, 4096));
    assertThat(fs.lookups()).isZero();
    assertThat(fs.openHandles()).isZero();
    replies.failWith(0);
    assertThat(lookup("c")).isPositive();
    assertThat(fs.lookups()).isEqualTo(1);
  }

  @Test
  void aListingThatFailsHalfWayIsTakenBack() {
    MemoryFileSystem failing =
        new MemoryFileSystem() {
          @Override
          public synchronized void readdirplus(
              Request request, long nodeid, long offset, DirectoryPlusReply reply)
              throws ErrnoException {
            super.readdirplus(request, nodeid, offset, reply);
            throw ErrnoException.of(Errno.EIO);
          }
        };
    failing.addFile("f", new byte[0]);
    x = new Exchange(failing, interrupts, true);
    assertThat(error(read(Opcode.READDIRPLUS, 1, 0, 0, 4096))).isEqualTo(Errno.EIO);
    assertThat(failing.lookups()).isZero();
  }

  @Test
  void listingsFitIntoTheBufferThatIsThere() {
    for (int i = 0; i < 50; i++) {
      fs.addFile("n".repeat(i + 1), new byte[0]);
    }
    for (Opcode opcode : new Opcode[] {Opcode.READDIR, Opcode.READDIRPLUS}) {
      for (int size = 0; size < 1000; size += 7) {
        ByteBuffer list = answer(read(opcode, 1, 0, 0, size));
        assertThat(list.capacity()).isLessThanOrEqualTo(size);
        assertThat(list.capacity() % 8).isZero();
      }
    }
  }

  @Test
  void forgetsAreCountedExactly() {
    MemoryNode f = fs.addFile("f", new byte[0]);
    MemoryNode g = fs.addFile("g", new byte[0]);
    for (int i = 0; i < 5; i++) {
      lookup("f");
      lookup("g");
    }
    send(request(Opcode.FORGET, f.id).u64(2));
    assertThat(fs.lookups()).isEqualTo(8);
    send(request(Opcode.BATCH_FORGET, 0).u32(2, 0).u64(f.id, 3, g.id, 5));
    assertThat(fs.lookups()).isZero();
    lookup("f");
    send(request(Opcode.BATCH_FORGET, 0).u32(2, 0).u64(f.id, 1, g.id));
    send(request(Opcode.BATCH_FORGET, 0).u32(-1, 0).u64(f.id, 1));
    send(request(Opcode.FORGET, 1).u64(7));
    assertThat(fs.lookups()).as("what is malformed changes nothing").isEqualTo(1);
    assertThat(replies.take()).as("nobody waits for an answer").isEmpty();
  }

  private static RequestBytes lock(Opcode opcode, long unique, long owner, int type) {
    return RequestBytes.of(opcode, unique, 2).u64(0, owner, 0, Long.MAX_VALUE).u32(type, 77, 0, 0);
  }

  @Test
  void aLockIsGrantedLater() {
    fs.addFile("f", new byte[0]);
    answer(lock(Opcode.SETLK, UNIQUE, 1, FileLock.F_WRLCK));
    assertThat(error(lock(Opcode.SETLK, UNIQUE, 2, FileLock.F_RDLCK))).isEqualTo(Errno.EAGAIN);
    ByteBuffer found = answer(lock(Opcode.GETLK, UNIQUE, 2, FileLock.F_RDLCK));
    assertThat(found.getInt(LkOut.TYPE)).isEqualTo(FileLock.F_WRLCK);
    assertThat(found.getInt(LkOut.PID)).isEqualTo(77);
    send(lock(Opcode.SETLKW, 50, 2, FileLock.F_RDLCK));
    assertThat(replies.take()).isEmpty();
    assertThat(replies.users()).as("the port is kept open").isEqualTo(1);
    send(lock(Opcode.SETLK, UNIQUE, 1, FileLock.F_UNLCK));
    assertThat(replies.take())
        .extracting(CapturedReplies.Reply::unique, CapturedReplies.Reply::error)
        .containsExactlyInAnyOrder(
            org.assertj.core.groups.Tuple.tuple(50L, 0),
            org.assertj.core.groups.Tuple.tuple(UNIQUE, 0));
    assertThat(replies.users()).isZero();
  }

  @Test
  void theWaitForALockIsInterruptedBeforeAndAfterItBegins() {
    fs.addFile("f", new byte[0]);
    answer(lock(Opcode.SETLK, UNIQUE, 1, FileLock.F_WRLCK));
    send(lock(Opcode.SETLKW, 50, 2, FileLock.F_RDLCK));
    send(RequestBytes.of(Opcode.INTERRUPT, 51, 0).u64(50));
    List<CapturedReplies.Reply> late = replies.take();
    assertThat(late).hasSize(1);
    assertThat(late.get(0).error()).isEqualTo(Errno.EINTR);

    send(RequestBytes.of(Opcode.INTERRUPT, 61, 0).u64(60));
    assertThat(replies.take()).as("an early interrupt waits").isEmpty();
    send(lock(Opcode.SETLKW, 60, 2, FileLock.F_RDLCK));
    List<CapturedReplies.Reply> early = replies.take();
    assertThat(early).hasSize(1);
    assertThat(early.get(0).error()).isEqualTo(Errno.EINTR);
    assertThat(replies.users()).isZero();
  }

  @Test
  void nobodyAnswersWhenTheConnectionHasEnded() {
    fs.addFile("f", new byte[0]);
    answer(lock(Opcode.SETLK, UNIQUE, 1, FileLock.F_WRLCK));
    send(lock(Opcode.SETLKW, 50, 2, FileLock.F_RDLCK));
    assertThat(replies.users()).isEqualTo(1);
    interrupts.cancelAll();
    assertThat(replies.users()).isZero();
    send(lock(Opcode.SETLK, UNIQUE, 1, FileLock.F_UNLCK));
    assertThat(replies.take()).hasSize(1);
  }

  @Test
  void writesSayWhatTheyClear() {
    long node = fs.addFile("f", new byte[0]).id;
    long handle = open(node);
    RequestBytes write =
        request(Opcode.WRITE, node).u64(handle, 0).u32(4, 4).u64(0).u32(0, 0).u32(0x64636261);
    assertThat(answer(write).getInt(0)).isEqualTo(4);
    assertThat(fs.sawKillSuidgid).isTrue();
    ByteBuffer data = answer(read(Opcode.READ, node, handle, 0, 100));
    assertThat(UTF_8.decode(data).toString()).isEqualTo("abcd");
  }
}
