package io.samepage.fuse.libfuse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.samepage.fuse.Attributes;
import io.samepage.fuse.FileLock;
import io.samepage.fuse.LockReply;
import io.samepage.fuse.kernel.MemoryFileSystem;
import io.samepage.fuse.wire.Opcode;
import io.samepage.fuse.wire.OpenOut;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Linux;
import io.samepage.posix.NativeBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Calls as libfuse makes them, answered by a file system in memory. There is no mount. */
@Timeout(60)
final class PathCallsTest {
  private static final int FEW_NAMES = 8;

  private final MemoryFileSystem fs = new MemoryFileSystem();
  private final KnownNodes nodes = new KnownNodes(fs);
  private final NameCache names = new NameCache(nodes, FEW_NAMES);
  private final Paths paths = new Paths(fs, nodes, names);
  private final Told told = new Told();
  private final HandleCalls handles = new HandleCalls(fs, nodes, paths, told);
  private final PathCalls calls = new PathCalls(fs, nodes, paths, handles, told);
  private final Call call = new Call();

  /** What the kernel has been told. */
  private static final class Told implements KernelCache {
    final List<String> all = new ArrayList<>();

    /** The numbers that the kernel does not know. */
    final Set<Long> forgotten = new HashSet<>();

    @Override
    public void dropPages(long number) {
      all.add("pages " + number);
    }

    @Override
    public void dropName(long directory, byte[] name) {
      all.add("name " + new String(name, StandardCharsets.UTF_8));
    }

    @Override
    public boolean dropAttributes(long number) {
      all.add("attributes " + number);
      return !forgotten.contains(number);
    }
  }

  private static byte[] path(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  /** A request of the kernel begins. */
  private Call begin(Opcode opcode, long number) {
    call.begin(1, opcode, number, 0, 0, 1);
    return call;
  }

  private Attributes getattr(Call asked, byte[] path) throws ErrnoException {
    Attributes found = calls.getattr(asked, path);
    if (found == null) {
      throw ErrnoException.of(Errno.ENOENT);
    }
    return found;
  }

  private Attributes look(String path) throws ErrnoException {
    return getattr(begin(Opcode.LOOKUP, 1), path(path));
  }

  private void mkdir(String path) throws ErrnoException {
    calls.mkdir(begin(Opcode.MKDIR, 1), path(path), 0755, 022);
  }

  /** Creates a file with content; its handle. */
  private long create(String path, String content) throws ErrnoException {
    long handle =
        calls.create(
            begin(Opcode.CREATE, 1),
            path(path),
            Linux.O_RDWR | Linux.O_CREAT,
            Linux.S_IFREG | 0644,
            022);
    NativeBuffer data = NativeBuffer.allocate(content.length());
    data.bytes().put(0, path(content));
    handles.write(begin(Opcode.WRITE, 7), handle, 0, data.address(), content.length(), false);
    return handle;
  }

  private void createClosed(String path, String content) throws ErrnoException {
    handles.release(begin(Opcode.RELEASE, 7), create(path, content), 0);
  }

  private String read(long handle, long number) throws ErrnoException {
    NativeBuffer out = NativeBuffer.allocate(4096);
    int length = handles.read(begin(Opcode.READ, number), handle, 0, 4096, out);
    byte[] bytes = new byte[length];
    out.bytes().get(0, bytes);
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  private static void fails(int errno, ThrowingCallable what) {
    assertThatThrownBy(what)
        .isInstanceOfSatisfying(ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(errno));
  }

  @Test
  void pathsLeadWhereTheFileSystemSays() throws Exception {
    mkdir("/a");
    mkdir("/a/b");
    createClosed("/a/b/f", "content");
    assertThat(look("/a/b/f").size).isEqualTo(7);
    assertThat(look("/").mode & Linux.S_IFMT).isEqualTo(Linux.S_IFDIR);
    fails(Errno.ENOENT, () -> look("/a/c"));
    fails(Errno.ENOENT, () -> look("/c/b/f"));
  }

  @Test
  void namesAreBytes() throws Exception {
    createClosed("/\u00ff\u0080\n", "x");
    assertThat(look("/\u00ff\u0080\n").size).isEqualTo(1);
    fails(Errno.ENOENT, () -> look("/\u00fe\u0080\n"));
  }

  @Test
  void aRenamedDirectoryTakesWhatIsBelowAlong() throws Exception {
    mkdir("/a");
    mkdir("/a/b");
    createClosed("/a/b/f", "one");
    assertThat(look("/a/b/f").size).isEqualTo(3);
    calls.rename(begin(Opcode.RENAME, 1), path("/a"), path("/z"));
    fails(Errno.ENOENT, () -> look("/a/b/f"));
    assertThat(look("/z/b/f").size).isEqualTo(3);
    mkdir("/a");
    fails(Errno.ENOENT, () -> look("/a/b"));
  }

  @Test
  void aReplacedNameLeadsToTheNewFile() throws Exception {
    createClosed("/old", "old");
    createClosed("/new", "newer");
    assertThat(look("/old").size).isEqualTo(3);
    calls.rename(begin(Opcode.RENAME, 1), path("/new"), path("/old"));
    assertThat(look("/old").size).isEqualTo(5);
    fails(Errno.ENOENT, () -> look("/new"));
  }

  @Test
  void anUnlinkedNameIsGoneAndCanBeUsedAgain() throws Exception {
    createClosed("/f", "one");
    look("/f");
    calls.unlink(begin(Opcode.UNLINK, 1), path("/f"));
    fails(Errno.ENOENT, () -> look("/f"));
    createClosed("/f", "three");
    assertThat(look("/f").size).isEqualTo(5);
  }

  @Test
  void whatIsUnlinkedWhileOpenLivesOnUnderTheNameThatLibfuseGivesIt() throws Exception {
    long handle = create("/f", "open");
    // As fuse_lib_unlink does for an open file: it renames, and asks for the attributes by path.
    String hidden = "/.fuse_hidden0000000200000001";
    begin(Opcode.UNLINK, 1);
    fails(Errno.ENOENT, () -> getattr(call, path(hidden)));
    calls.rename(call, path("/f"), path(hidden));
    fails(Errno.ENOENT, () -> look("/f"));
    assertThat(read(handle, 7)).isEqualTo("open");
    assertThat(getattr(begin(Opcode.GETATTR, 7), path(hidden)).nlink).isZero();
    calls.chmod(begin(Opcode.SETATTR, 7), path(hidden), 0600);
    assertThat(getattr(begin(Opcode.GETATTR, 7), path(hidden)).mode & 07777).isEqualTo(0600);
    List<String> listed = new ArrayList<>();
    handles.readdir(
        begin(Opcode.READDIR, 1),
        calls.opendir(begin(Opcode.OPENDIR, 1), path("/")),
        0,
        (name, ino, type, next) -> listed.add(new String(name, StandardCharsets.UTF_8)));
    assertThat(listed).doesNotContain("f", hidden.substring(1));
    // The release, and the unlink of the hidden name that comes with it.
    begin(Opcode.RELEASE, 7);
    handles.release(call, handle, 0);
    calls.unlink(call, path(hidden));
    fails(Errno.ENOENT, () -> getattr(begin(Opcode.GETATTR, 7), path(hidden)));
    assertThat(fs.openHandles()).isZero();
  }

  @Test
  void whatIsReplacedWhileOpenIsReplacedInOneStep() throws Exception {
    long handle = create("/f", "open");
    createClosed("/new", "newer");
    String hidden = "/.fuse_hidden0000000200000001";
    begin(Opcode.RENAME, 1);
    call.lastName = path("f");
    calls.rename(call, path("/f"), path(hidden));
    assertThat(look("/f").size).as("not gone in between").isEqualTo(4);
    begin(Opcode.RENAME, 1);
    call.lastName = path("f");
    calls.rename(call, path("/new"), path("/f"));
    assertThat(look("/f").size).isEqualTo(5);
    assertThat(read(handle, 7)).isEqualTo("open");
    assertThat(getattr(begin(Opcode.GETATTR, 7), path(hidden)).size).isEqualTo(4);
  }

  @Test
  void aNameLikeAHiddenOneThatSomebodyWantsIsAnOrdinaryName() throws Exception {
    createClosed("/f", "mine");
    begin(Opcode.RENAME, 1);
    call.lastName = path(".fuse_hidden0000000200000001");
    calls.rename(call, path("/f"), path("/.fuse_hidden0000000200000001"));
    assertThat(look("/.fuse_hidden0000000200000001").size).isEqualTo(4);
    calls.unlink(begin(Opcode.UNLINK, 1), path("/.fuse_hidden0000000200000001"));
    fails(Errno.ENOENT, () -> look("/.fuse_hidden0000000200000001"));
  }

  @Test
  void renamingOneNameOfAFileOverAnotherDoesNothing() throws Exception {
    createClosed("/f", "x");
    calls.link(begin(Opcode.LINK, 1), path("/f"), path("/g"));
    calls.rename(begin(Opcode.RENAME, 1), path("/f"), path("/g"));
    assertThat(look("/f").nlink).isEqualTo(2);
    assertThat(look("/g").nlink).isEqualTo(2);
  }

  @Test
  void attributesOfAFileWithSeveralNamesAreNotKept() throws Exception {
    createClosed("/f", "x");
    look("/f");
    assertThat(call.attrValidNanos).isPositive();
    calls.link(begin(Opcode.LINK, 1), path("/f"), path("/g"));
    assertThat(look("/g").ino).isEqualTo(look("/f").ino);
    assertThat(call.attrValidNanos).isZero();
    assertThat(call.entryValidNanos).isPositive();
    mkdir("/d");
    mkdir("/d/e");
    look("/d");
    assertThat(call.attrValidNanos).as("directories have one name").isPositive();
  }

  @Test
  void theOldNameOfALinkHearsOfIt() throws Exception {
    createClosed("/f", "x");
    look("/f");
    call.shown.shownAs = 42; // as Answers notes it
    calls.link(begin(Opcode.LINK, 1), path("/f"), path("/g"));
    assertThat(told.all).containsExactly("attributes 42");
  }

  @Test
  void aNodeWithoutANameIsFoundByItsNumberUntilThatIsForgotten() throws Exception {
    createClosed("/f", "x");
    calls.link(begin(Opcode.LINK, 1), path("/f"), path("/g"));
    look("/f");
    call.shown.shownAs = 42; // as Answers notes it
    assertThat(handles.useOrphan(42)).isNull();
    calls.unlink(begin(Opcode.UNLINK, 1), path("/f"));
    KnownNode node = handles.useOrphan(42);
    assertThat(node).isNotNull();
    nodes.release(node);
    handles.getattr(begin(Opcode.GETATTR, 42), calls, handles.orphanHandle(42));
    assertThat(call.attrValidNanos).as("they may change by the other name").isZero();
    assertThat(call.shown).as("the other name's number stays the last").isNull();
    handles.forgotten(42);
    assertThat(handles.useOrphan(42)).isNull();
    look("/g");
    call.shown.shownAs = 43;
    calls.unlink(begin(Opcode.UNLINK, 1), path("/g"));
    handles.forgotten(43);
    assertThat(nodes.size()).as("the root").isEqualTo(1);
  }

  @Test
  void aNumberThatTheKernelHasForgottenBeforeHoldsNoNode() throws Exception {
    createClosed("/f", "x");
    look("/f");
    call.shown.shownAs = 42;
    told.forgotten.add(42L);
    calls.unlink(begin(Opcode.UNLINK, 1), path("/f"));
    assertThat(handles.useOrphan(42)).isNull();
    assertThat(nodes.size()).as("the root").isEqualTo(1);
  }

  @Test
  void aWriteThroughOneNameMakesTheOthersReadAnew() throws Exception {
    createClosed("/f", "one");
    calls.link(begin(Opcode.LINK, 1), path("/f"), path("/g"));
    long reader = calls.open(begin(Opcode.OPEN, 20), path("/f"), Linux.O_RDONLY);
    assertThat(read(reader, 20)).isEqualTo("one");
    long writer = calls.open(begin(Opcode.OPEN, 21), path("/g"), Linux.O_RDWR);
    NativeBuffer data = NativeBuffer.allocate(3);
    data.bytes().put(0, path("two"));
    told.all.clear();
    handles.write(begin(Opcode.WRITE, 21), writer, 0, data.address(), 3, false);
    assertThat(told.all).containsExactlyInAnyOrder("pages 7", "pages 20");
    assertThat(read(reader, 20)).isEqualTo("two");
    told.all.clear();
    calls.truncate(begin(Opcode.SETATTR, 21), path("/g"), 1);
    assertThat(told.all).containsExactly("pages 20");
  }

  @Test
  void whatWasOnlyWrittenUnderANameIsInTheKernelsCacheToo() throws Exception {
    long writer = create("/f", "one");
    calls.link(begin(Opcode.LINK, 1), path("/f"), path("/g"));
    told.all.clear();
    calls.truncate(begin(Opcode.SETATTR, 21), path("/g"), 0);
    assertThat(told.all).containsExactly("pages 7");
    handles.release(begin(Opcode.RELEASE, 7), writer, 0);
  }

  @Test
  void whoAppendsDoesSoWhereTheFileEndsAndNotWhereTheKernelSaysSo() throws Exception {
    createClosed("/f", "one");
    long writer = calls.open(begin(Opcode.OPEN, 20), path("/f"), Linux.O_RDWR | Linux.O_APPEND);
    NativeBuffer data = NativeBuffer.allocate(3);
    data.bytes().put(0, path("two"));
    told.all.clear();
    assertThat(handles.append(begin(Opcode.WRITE, 20), writer, 3, data.address(), 3)).isEqualTo(3);
    assertThat(told.all).doesNotContain("pages 20");
    assertThat(handles.append(begin(Opcode.WRITE, 20), writer, 0, data.address(), 3)).isEqualTo(3);
    assertThat(told.all).as("what the kernel has put at 0").contains("pages 20");
    assertThat(read(writer, 20)).isEqualTo("onetwotwo");
  }

  @Test
  void pagesAreKeptFromOpenToOpenUnderOneName() throws Exception {
    createClosed("/f", "one");
    calls.open(begin(Opcode.OPEN, 20), path("/f"), Linux.O_RDONLY);
    assertThat(call.openFlags & OpenOut.FOPEN_KEEP_CACHE).isZero();
    calls.open(begin(Opcode.OPEN, 20), path("/f"), Linux.O_RDONLY);
    boolean kept = (call.openFlags & OpenOut.FOPEN_KEEP_CACHE) != 0;
    assertThat(kept).isEqualTo(call.opened.keepCache);
    calls.open(begin(Opcode.OPEN, 21), path("/f"), Linux.O_RDONLY);
    assertThat(call.openFlags & OpenOut.FOPEN_KEEP_CACHE).isZero();
  }

  @Test
  void attributesInOneRequestAreReadOnce() throws Exception {
    calls.mkdir(begin(Opcode.MKDIR, 1), path("/d"), 0755, 022);
    // libfuse asks for the attributes of what it has just made.
    assertThat(getattr(call, path("/d"))).isSameAs(call.entry.attributes);
    begin(Opcode.SETATTR, 2);
    calls.chmod(call, path("/d"), 0700);
    assertThat(getattr(call, path("/d"))).isSameAs(call.attributes);
    assertThat(call.attributes.mode & 07777).isEqualTo(0700);
  }

  @Test
  void aDirectoryIsReadOnFromAnOffset() throws Exception {
    mkdir("/d");
    for (int i = 0; i < 100; i++) {
      createClosed("/d/" + i, "");
    }
    long handle = calls.opendir(begin(Opcode.OPENDIR, 1), path("/d"));
    List<String> all = new ArrayList<>();
    long[] offset = {0};
    int[] before = {-1};
    while (before[0] != all.size()) {
      before[0] = all.size();
      int[] room = {7};
      handles.readdir(
          begin(Opcode.READDIR, 1),
          handle,
          offset[0],
          (name, ino, type, next) -> {
            if (room[0]-- == 0) {
              return false;
            }
            all.add(new String(name, StandardCharsets.UTF_8));
            offset[0] = next;
            return true;
          });
    }
    assertThat(all).hasSize(102).doesNotHaveDuplicates();
    handles.release(begin(Opcode.RELEASEDIR, 1), handle, 0);
  }

  @Test
  void namesBeyondTheBoundAreForgottenAndFoundAgain() throws Exception {
    mkdir("/d");
    for (int i = 0; i < 20 * FEW_NAMES; i++) {
      createClosed("/d/" + i, "x".repeat(i + 1));
    }
    assertThat(nodes.size()).isLessThanOrEqualTo(2 * FEW_NAMES);
    for (int i = 0; i < 20 * FEW_NAMES; i++) {
      assertThat(look("/d/" + i).size).isEqualTo(i + 1);
    }
    long held = create("/d/held", "held");
    for (int i = 0; i < 20 * FEW_NAMES; i++) {
      look("/d/" + i);
    }
    assertThat(read(held, 5)).as("an open file stays known").isEqualTo("held");
  }

  @Test
  void everythingIsGivenBackAtTheEnd() throws Exception {
    mkdir("/d");
    createClosed("/d/f", "x");
    create("/d/open", "y");
    calls.link(begin(Opcode.LINK, 1), path("/d/f"), path("/d/g"));
    look("/d/g");
    handles.clear();
    names.clear();
    assertThat(nodes.size()).as("the root").isEqualTo(1);
    assertThat(fs.lookups()).isZero();
  }

  @Test
  void aHandleThatIsNoneIsRefused() {
    fails(Errno.EBADF, () -> handles.fsync(begin(Opcode.FSYNC, 1), 99, false));
    handles.release(begin(Opcode.RELEASE, 1), 99, 0);
  }

  @Test
  void locksHoldBetweenOwners() throws Exception {
    long handle = create("/f", "x");
    FileLock all = new FileLock(0, Long.MAX_VALUE, FileLock.F_WRLCK, 1);
    List<String> said = new ArrayList<>();
    LockReply reply =
        new LockReply() {
          @Override
          public void granted() {
            said.add("granted");
          }

          @Override
          public void failed(int errno) {
            said.add(Errno.name(errno));
          }

          @Override
          public void onInterrupt(Runnable action) {}
        };
    handles.setlk(begin(Opcode.SETLK, 7), handle, 1, all, false, false, reply);
    assertThat(handles.getlk(begin(Opcode.GETLK, 7), handle, 2, all).type())
        .isEqualTo(FileLock.F_WRLCK);
    handles.flush(begin(Opcode.FLUSH, 7), handle, 1);
    assertThat(handles.getlk(begin(Opcode.GETLK, 7), handle, 2, all).type())
        .isEqualTo(FileLock.F_UNLCK);
    assertThat(said).containsExactly("granted");
  }

  @Test
  void aWaitForALockEndsWhenItIsInterruptedEvenIfThatCameFirst() throws Exception {
    List<String> waited = new ArrayList<>();
    LockWaits waits = new LockWaits(() -> waited.add("begins"), () -> waited.add("ends"));
    call.begin(77, Opcode.SETLKW, 1, 0, 0, 1);
    waits.interrupt(77);
    LockWaits.Wait wait = waits.begin(call);
    wait.onInterrupt(() -> wait.failed(Errno.EINTR));
    assertThat(wait.await()).isEqualTo(Errno.EINTR);
    wait.end();
    LockWaits.Wait second = waits.begin(call);
    Thread other = new Thread(() -> waits.interrupt(77));
    second.onInterrupt(() -> second.failed(Errno.EINTR));
    other.start();
    assertThat(second.await()).isEqualTo(Errno.EINTR);
    other.join();
    LockWaits.Wait third = waits.begin(call);
    third.granted();
    assertThat(third.await()).isZero();
  }
}
