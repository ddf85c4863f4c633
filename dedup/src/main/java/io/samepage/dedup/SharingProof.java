package io.samepage.dedup;

import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.FileMapping;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.NativeBuffer;
import io.samepage.posix.PageFrames;
import io.samepage.posix.Stat;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Proves by page frame numbers which pages of files are one and the same. It trusts no counter and
 * no index: files are mapped, their pages made present, and the frames looked at.
 *
 * <p>A frame that two files are found on at different times proves nothing, since the kernel may
 * have taken it from the one and given it to the other meanwhile. So when a page is met on the
 * frame of an earlier one, both are mapped at once, and count as shared only if they are on one
 * frame then. What cannot be shown counts as not shared. Files are taken in the order of their
 * sizes, so that those that may share are mapped soon after each other, and where a file's pages
 * have been taken away already, it is compared with the one before it all the same: so trees, and
 * files, that are larger than the memory can be told, too. A window of a file is mapped at a time.
 *
 * <p>Used by one thread.
 */
public final class SharingProof implements AutoCloseable {
  private static final int WINDOW = 2048;
  private static final int ATTEMPTS = 3;
  private static final int READ = Linux.O_RDONLY | Linux.O_NONBLOCK | Linux.O_NOFOLLOW;
  private static final long RESOLVE =
      Linux.RESOLVE_BENEATH | Linux.RESOLVE_NO_SYMLINKS | Linux.RESOLVE_NO_MAGICLINKS;

  /**
   * What was found.
   *
   * @param files files that were mapped
   * @param filesSharing those of them that have a page in common with an earlier one
   * @param pages their pages that were present, of {@link FileMapping#PAGE} bytes
   * @param frames distinct page frames that these are on
   * @param pagesAbsent pages that could not be made present, or were not in memory where only those
   *     that are were asked for
   * @param empty files without content
   * @param special what is no regular file
   * @param unreadable files that could not be opened or mapped
   * @param covered directories and files under other mounts
   */
  public record Totals(
      long files,
      long filesSharing,
      long pages,
      long frames,
      long pagesAbsent,
      long empty,
      long special,
      long unreadable,
      long covered) {
    /** Pages that would each need a frame of their own if nothing was shared. */
    public long pagesSaved() {
      return pages - frames;
    }

    public long bytesSaved() {
      return pagesSaved() * FileMapping.PAGE;
    }
  }

  /** Is told of each file. */
  @FunctionalInterface
  public interface Listener {
    /**
     * One file.
     *
     * @param path as it was given, with the path below it
     * @param pages those that were present
     * @param shared those of them that are on frames of earlier files
     * @param frame the frame of the first one; 0 if it was not present
     */
    void file(byte[] path, long pages, long shared, long frame);
  }

  /** A file to be looked at. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Member(LayerTree tree, byte[] path, long size) {}

  private final PageFrames pageFrames;
  private final boolean residentOnly;
  private final List<LayerTree> trees = new ArrayList<>();
  private final List<Member> members = new ArrayList<>();
  private final FrameOwners owners = new FrameOwners();
  private final NativeBuffer residency = NativeBuffer.allocate(WINDOW);
  private final long[] window = new long[WINDOW];
  private final long[] before = new long[WINDOW];
  private final long[] between = new long[WINDOW];
  private final long[] after = new long[WINDOW];

  /** Which pages of the window are on frames of earlier ones. */
  private final boolean[] same = new boolean[WINDOW];

  /** The file that was last compared with, kept open for its next window. */
  private int otherNumber = -1;

  private @Nullable Fd other;

  private volatile long filesToDo;
  private volatile long bytesToDo;
  private volatile long files;
  private volatile long pages;
  private long filesSharing;
  private long frames;
  private long pagesAbsent;
  private long empty;
  private long special;
  private long unreadable;
  private long covered;

  private SharingProof(PageFrames pageFrames, boolean residentOnly) {
    this.pageFrames = pageFrames;
    this.residentOnly = residentOnly;
  }

  /**
   * Begins.
   *
   * @param residentOnly whether only pages that are in memory already are looked at
   * @throws ErrnoException EPERM if this process is not shown page frame numbers
   */
  public static SharingProof begin(boolean residentOnly) throws ErrnoException {
    PageFrames pageFrames = PageFrames.open(WINDOW);
    boolean begun = false;
    try {
      if (!pageFrames.areShown()) {
        throw ErrnoException.of(Errno.EPERM);
      }
      begun = true;
      return new SharingProof(pageFrames, residentOnly);
    } finally {
      if (!begun) {
        pageFrames.close();
      }
    }
  }

  /**
   * Takes a directory in, with all regular files below it on its file system, or one such file.
   *
   * @throws ErrnoException if it cannot be opened
   */
  public void add(byte[] path) throws ErrnoException {
    Stat stat = new Stat();
    Files.stat(Linux.AT_FDCWD, path, stat);
    if (stat.isDirectory()) {
      addTree(path);
      return;
    }
    if (!stat.isRegular()) {
      throw ErrnoException.of(Errno.EINVAL, "neither a directory nor a regular file");
    }
    int slash = path.length - 1;
    while (path[slash] != '/') {
      slash--;
    }
    LayerTree tree = LayerTree.mount(Arrays.copyOf(path, slash + 1));
    trees.add(tree);
    if (stat.size == 0) {
      empty++;
    } else {
      add(tree, Arrays.copyOfRange(path, slash + 1, path.length), stat.size);
    }
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // one thread writes
  private void add(LayerTree tree, byte[] path, long size) {
    members.add(new Member(tree, path, size));
    filesToDo = members.size();
    bytesToDo += size;
  }

  private void addTree(byte[] path) throws ErrnoException {
    LayerTree tree = LayerTree.mount(path);
    trees.add(tree);
    TreeWalk[] self = new TreeWalk[1];
    TreeWalk walk =
        new TreeWalk(
            tree,
            (dirfd, name, file, stat) -> add(tree, join(self[0].directory(), name), stat.size),
            () -> false,
            true);
    self[0] = walk;
    walk.run();
    special += walk.special;
    empty += walk.empty;
    unreadable += walk.unreadable;
    covered += walk.covered;
  }

  private static byte[] join(byte[] directory, byte[] name) {
    if (directory.length == 1 && directory[0] == '.') {
      return name;
    }
    int skip = directory.length > 1 && directory[0] == '.' && directory[1] == '/' ? 2 : 0;
    ByteArrayOutputStream path = new ByteArrayOutputStream(directory.length + 1 + name.length);
    path.write(directory, skip, directory.length - skip);
    path.write('/');
    path.writeBytes(name);
    return path.toByteArray();
  }

  /** How many files there are to be looked at; asked by any thread. */
  public long filesToDo() {
    return filesToDo;
  }

  /** Their bytes; asked by any thread. */
  public long bytesToDo() {
    return bytesToDo;
  }

  /** How many have been; asked by any thread. */
  public long filesDone() {
    return files;
  }

  /** How many pages these have had; asked by any thread. */
  public long pagesDone() {
    return pages;
  }

  /** Who was met where; for tests. */
  FrameOwners owners() {
    return owners;
  }

  /** Looks at all files. */
  public Totals run(Listener listener) throws ErrnoException {
    members.sort(Comparator.comparingLong(Member::size));
    if (members.size() > FrameOwners.MAX_FILES) {
      throw ErrnoException.of(Errno.E2BIG, members.size() + " files");
    }
    for (int number = 0; number < members.size(); number++) {
      look(number, listener);
    }
    return new Totals(
        files, filesSharing, pages, frames, pagesAbsent, empty, special, unreadable, covered);
  }

  private static Fd open(Member member) throws ErrnoException {
    return new Fd(Files.openBeneath(member.tree().rootFd(), member.path(), READ, RESOLVE));
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // one thread writes
  private void look(int number, Listener listener) throws ErrnoException {
    Member member = members.get(number);
    long first = 0;
    long present = 0;
    long shared = 0;
    try (Fd fd = open(member)) {
      long all = (member.size() + FileMapping.PAGE - 1) / FileMapping.PAGE;
      for (long at = 0; at < all; at += WINDOW) {
        int count = (int) Math.min(WINDOW, all - at);
        try (FileMapping mapping = FileMapping.of(fd.number(), at, count)) {
          populate(mapping);
          pageFrames.of(mapping, window);
          if (at == 0) {
            first = window[0];
          }
          for (int i = 0; i < count; i++) {
            present += window[i] == PageFrames.NOT_PRESENT ? 0 : 1;
            pagesAbsent += window[i] == PageFrames.NOT_PRESENT ? 1 : 0;
          }
          shared += compare(number, at, mapping);
        }
      }
    } catch (ErrnoException e) {
      if (e.errno() == Errno.EPERM) {
        throw e;
      }
      unreadable++;
      if (present == 0) {
        return;
      }
    }
    files++;
    pages += present;
    frames += present - shared;
    filesSharing += shared > 0 ? 1 : 0;
    listener.file(path(member), present, shared, first);
  }

  private static byte[] path(Member member) {
    byte[] tree = member.tree().path();
    boolean slash = tree[tree.length - 1] == '/';
    ByteArrayOutputStream path = new ByteArrayOutputStream();
    path.write(tree, 0, slash ? tree.length - 1 : tree.length);
    path.write('/');
    path.writeBytes(member.path());
    return path.toByteArray();
  }

  /** Makes pages present: all, or those that are in memory. */
  private void populate(FileMapping mapping) throws ErrnoException {
    if (!residentOnly) {
      populate(mapping, 0, mapping.pages());
      return;
    }
    mapping.expectRandom();
    mapping.residency(residency);
    int from = 0;
    while (from < mapping.pages()) {
      int end = from;
      while (end < mapping.pages() && (residency.bytes().get(end) & 1) != 0) {
        end++;
      }
      if (end > from) {
        populate(mapping, from, end - from);
      }
      from = end + 1;
    }
  }

  private static void populate(FileMapping mapping, int from, int count) throws ErrnoException {
    int errno = mapping.populate(from, count);
    if (errno == Errno.EINVAL) {
      throw ErrnoException.of(Errno.EPERM, "Linux 5.14 or newer is needed (MADV_POPULATE_READ)");
    }
    if (errno != 0 && count > 1) {
      // It has stopped at the first page that fails: the others are taken one by one.
      for (int i = from; i < from + count; i++) {
        mapping.populate(i, 1);
      }
    }
  }

  /** Finds out which pages of a window are on frames of earlier pages; returns how many. */
  private long compare(int number, long firstPage, FileMapping mapping) throws ErrnoException {
    Arrays.fill(same, false);
    if (mayHaveMoved(number, firstPage)) {
      findSame(mapping, 0, mapping.pages(), FrameOwners.owner(number - 1, firstPage));
    }
    int at = 0;
    while (at < mapping.pages()) {
      long frame = window[at];
      if (same[at] || frame == PageFrames.NOT_PRESENT) {
        at++;
        continue;
      }
      long owner = owners.get(frame);
      if (owner == FrameOwners.NONE) {
        owners.put(frame, FrameOwners.owner(number, firstPage + at));
        at++;
        continue;
      }
      int end = at + 1;
      while (end < mapping.pages()
          && !same[end]
          && window[end] != PageFrames.NOT_PRESENT
          && owners.get(window[end]) == owner + (end - at)) {
        end++;
      }
      findSame(mapping, at, end, owner);
      for (; at < end; at++) {
        if (!same[at]) {
          owners.put(window[at], FrameOwners.owner(number, firstPage + at));
        }
      }
    }
    long shared = 0;
    for (int i = 0; i < mapping.pages(); i++) {
      shared += same[i] ? 1 : 0;
    }
    return shared;
  }

  /**
   * Whether a window has to be compared with that of the file before, although it is on other
   * frames than that was: it is as large, and the kernel has taken away what it had.
   */
  private boolean mayHaveMoved(int number, long firstPage) throws ErrnoException {
    if (residentOnly || number == 0 || window[0] == PageFrames.NOT_PRESENT) {
      return false;
    }
    long size = members.get(number).size();
    long owner = owners.get(window[0]);
    if (members.get(number - 1).size() != size
        || (owner != FrameOwners.NONE
            && members.get(FrameOwners.file(owner)).size() == size
            && FrameOwners.page(owner) == firstPage)) {
      return false;
    }
    try (FileMapping theirs = FileMapping.of(other(number - 1), firstPage, 1)) {
      populate(theirs, 0, 1);
      pageFrames.of(theirs, before);
    } catch (ErrnoException e) {
      return false; // it has gone
    }
    return owners.get(before[0]) != FrameOwners.owner(number - 1, firstPage);
  }

  /** Marks those of a run of pages in {@link #same} that are on the frames of another file's. */
  private void findSame(FileMapping mapping, int from, int end, long owner) throws ErrnoException {
    int count = end - from;
    try (FileMapping theirs =
        FileMapping.of(other(FrameOwners.file(owner)), FrameOwners.page(owner), count)) {
      if (residentOnly) {
        theirs.expectRandom(); // a page that is met may be one where read-ahead goes on
      }
      for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        // What the kernel has taken away meanwhile is brought back, for both.
        populate(theirs, 0, count);
        populate(mapping, from, count);
        pageFrames.of(theirs, before);
        pageFrames.of(mapping, between);
        pageFrames.of(theirs, after);
        for (int i = 0; i < count; i++) {
          long frame = between[from + i];
          if (!same[from + i]
              && frame != PageFrames.NOT_PRESENT
              && before[i] == frame
              && after[i] == frame) {
            same[from + i] = true;
            owners.put(frame, owner + i);
          }
        }
        if (allStood(from, count)) {
          break; // what differs does differ
        }
      }
    } catch (ErrnoException e) {
      if (e.errno() == Errno.EPERM) {
        throw e;
      }
      // The other file has gone: what it had is this one's by now.
    }
  }

  /** Whether all pages of both were there while they were looked at. */
  private boolean allStood(int from, int count) {
    for (int i = 0; i < count; i++) {
      if (before[i] == PageFrames.NOT_PRESENT
          || before[i] != after[i]
          || between[from + i] == PageFrames.NOT_PRESENT) {
        return false;
      }
    }
    return true;
  }

  private int other(int number) throws ErrnoException {
    Fd open = other;
    if (open != null && otherNumber == number) {
      return open.number();
    }
    closeOther();
    open = open(members.get(number));
    other = open;
    otherNumber = number;
    return open.number();
  }

  private void closeOther() {
    if (other != null) {
      other.close();
      other = null;
    }
  }

  @Override
  public void close() {
    closeOther();
    trees.forEach(LayerTree::close);
    pageFrames.close();
  }
}
