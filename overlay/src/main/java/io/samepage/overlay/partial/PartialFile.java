package io.samepage.overlay.partial;

import io.samepage.dedup.pages.ExtentMap;
import io.samepage.dedup.pages.PageExtent;
import io.samepage.dedup.pages.PageLock;
import io.samepage.dedup.pages.PageState;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.NativeBuffer;
import io.samepage.posix.Stat;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A lower file that is being written while most of its pages are still below: the broken pages are
 * in a sparse data file, and a map file beside it says which they are ({@link PartialRecord}, then
 * a bitmap).
 *
 * <p><b>What is where.</b> The size of the data file is the size of the file. A page below the
 * limit comes from the data file if it is broken, else from the lower file; all others come from
 * the data file. The limit only sinks, to where the file was ever cut off. So nothing that is kept
 * needs to change in two places at once, and at any instant the two files say what the file is.
 *
 * <p><b>A crash.</b> Data are written before their bit, whole pages, and a page that is written in
 * part is completed from below and broken first: who is killed in between leaves the old page. The
 * file is cut off before the limit sinks, and the limit is never believed beyond the size. Nothing
 * is synced for that; {@link #sync} makes durable what was written, and {@link #truncate} what was
 * cut off, which must not come back when the file is extended again. After a loss of power before
 * that a bit may have come to the disk and its page not; but then blocks of the page are missing,
 * and {@link #open} does not believe the bit. Nor does it leave blocks without a bit in the way of
 * a bit that is set later. A record that came to the disk torn or not at all is told by its
 * checksum.
 *
 * <p><b>Locks.</b> First pages in the {@link PageLock}, one range at a time; then {@code stamp},
 * for reading by who writes and for writing by {@link #fill}, which puts the time of the last write
 * back; then leaves. Thread-safe.
 */
public final class PartialFile implements AutoCloseable {
  private static final int PAGE = 4096;
  private static final int FILL_PAGES = 64;
  private static final byte[] NAMELESS = {};
  private static final int NEW = Linux.O_RDWR | Linux.O_CREAT | Linux.O_EXCL | Linux.O_NOFOLLOW;
  private static final int EXISTING = Linux.O_RDWR | Linux.O_NOFOLLOW;

  private final PartialRecord record;
  private final Fd source;
  private final Fd data;
  private final Fd map;
  private final PageBitmap bitmap;

  /** OWN and PRIVATE, for the pages below the limit. Changed by who holds the pages. */
  private final ExtentMap pages;

  private final PageLock lock = new PageLock();
  private final ReentrantReadWriteLock stamp = new ReentrantReadWriteLock();

  /** In bytes. Changed by who holds all pages. */
  private volatile long limit;

  /** In bytes. Changed under the monitor of this object, by who holds the pages. */
  private volatile long size;

  /** Pages before this one need no filling. Used by {@link #fill} alone, under its monitor. */
  private long filledUpTo;

  private final Object filling = new Object();

  private PartialFile(PartialRecord record, Fd source, Fd data, Fd map, long limit, long size) {
    this.record = record;
    this.source = source;
    this.data = data;
    this.map = map;
    this.limit = limit;
    this.size = size;
    this.bitmap = new PageBitmap(map, pagesOf(record.size()));
    this.pages = new ExtentMap(pagesOf(limit));
    pages.set(0, pages.pages(), PageState.OWN, 0, 0);
  }

  /**
   * Begins a partial copy-up: makes the data file and then the map file. Neither is durable before
   * {@link #sync}, nor are their names before somebody syncs the directory.
   *
   * @param directory where they are to be, as a descriptor
   * @param source the lower file, open for reading; taken over
   */
  public static PartialFile create(
      int directory, byte[] dataName, byte[] mapName, PartialRecord record, Fd source)
      throws ErrnoException {
    Fd data = new Fd(Files.open(directory, dataName, NEW, 0600));
    Fd map = null;
    NativeBuffer buffer = NativeBuffer.allocate(PartialRecord.LENGTH);
    try {
      Files.truncate(data.number(), record.size());
      map = new Fd(Files.open(directory, mapName, NEW, 0600));
      record.write(buffer.bytes(), record.size());
      PageBitmap.writeAll(map.number(), buffer, PartialRecord.LENGTH, 0);
      return new PartialFile(record, source, data, map, record.size(), record.size());
    } catch (ErrnoException e) {
      data.close();
      if (map != null) {
        map.close();
        Files.unlink(directory, mapName);
      }
      Files.unlink(directory, dataName);
      throw e;
    } finally {
      Reference.reachabilityFence(buffer);
    }
  }

  /** Whether nothing of a map file has come to the disk, so that it was never synced. */
  public static boolean isBlank(int directory, byte[] mapName) throws ErrnoException {
    NativeBuffer buffer = NativeBuffer.allocate(PartialRecord.LENGTH);
    try (Fd map = new Fd(Files.open(directory, mapName, Linux.O_RDONLY | Linux.O_NOFOLLOW, 0))) {
      int got = Files.pread(map.number(), buffer.address(), PartialRecord.LENGTH, 0);
      boolean zero = true;
      for (int i = 0; i < got; i++) {
        zero &= buffer.bytes().get(i) == 0;
      }
      return got < PartialRecord.LENGTH || zero;
    } finally {
      Reference.reachabilityFence(buffer);
    }
  }

  /** Reads the record of a map file; null if it is none, or damaged. */
  public static @Nullable PartialRecord record(int directory, byte[] mapName)
      throws ErrnoException {
    NativeBuffer buffer = NativeBuffer.allocate(PartialRecord.LENGTH);
    try (Fd map = new Fd(Files.open(directory, mapName, Linux.O_RDONLY | Linux.O_NOFOLLOW, 0))) {
      int got = Files.pread(map.number(), buffer.address(), PartialRecord.LENGTH, 0);
      return got == PartialRecord.LENGTH ? PartialRecord.read(buffer.bytes()) : null;
    } finally {
      Reference.reachabilityFence(buffer);
    }
  }

  /**
   * Goes on with a partial copy-up that an earlier process began.
   *
   * @param source the lower file, open for reading, of which the record {@link
   *     PartialRecord#matches} what it is now; taken over if this succeeds
   */
  public static PartialFile open(
      int directory, byte[] dataName, byte[] mapName, PartialRecord record, Fd source)
      throws ErrnoException {
    NativeBuffer buffer = NativeBuffer.allocate(PAGE);
    Fd data = new Fd(Files.open(directory, dataName, EXISTING, 0));
    Fd map = null;
    try {
      map = new Fd(Files.open(directory, mapName, EXISTING, 0));
      if (Files.pread(map.number(), buffer.address(), PAGE, 0) != PAGE) {
        throw ErrnoException.of(Errno.EIO);
      }
      long limit =
          buffer.bytes().duplicate().order(ByteOrder.LITTLE_ENDIAN).getLong(PartialRecord.LIMIT_AT);
      Stat stat = new Stat();
      Files.stat(data.number(), stat);
      if (limit < 0 || limit > record.size()) {
        throw ErrnoException.of(Errno.EIO);
      }
      PartialFile file =
          new PartialFile(record, source, data, map, Math.min(limit, stat.size), stat.size);
      file.load();
      return file;
    } catch (ErrnoException e) {
      data.close();
      if (map != null) {
        map.close();
      }
      throw e;
    } finally {
      Reference.reachabilityFence(buffer);
    }
  }

  /**
   * Believes those bits whose pages have all of their blocks, and takes back all others, and the
   * blocks of pages that have no bit.
   */
  private void load() throws ErrnoException {
    bitmap.load();
    long end = pages.pages();
    long page = 0;
    while (page < end) {
      long from = page;
      boolean broken = bitmap.get(page);
      while (page < end && bitmap.get(page) == broken) {
        page++;
      }
      if (broken) {
        believe(from, page);
      } else {
        free(from, page);
      }
    }
  }

  private void believe(long first, long end) throws ErrnoException {
    long page = first;
    while (page < end) {
      long start = seek(data.number(), page * PAGE, Linux.SEEK_DATA);
      long from = start < 0 ? end : Math.min(end, pagesOf(start));
      dismiss(page, from);
      if (from >= end) {
        return;
      }
      long hole = seek(data.number(), from * PAGE, Linux.SEEK_HOLE);
      long to = hole < 0 || hole >= limit ? end : Math.min(end, hole / PAGE);
      pages.breakPages(from, to - from);
      dismiss(to, Math.min(end, to + 1));
      page = Math.min(end, to + 1);
    }
  }

  private void dismiss(long first, long end) throws ErrnoException {
    if (first < end) {
      bitmap.clear(first, end);
      free(first, end);
    }
  }

  /** Takes back what has come to the disk of pages that are not above. */
  private void free(long first, long end) throws ErrnoException {
    long there = seek(data.number(), first * PAGE, Linux.SEEK_DATA);
    if (there < 0 || there >= end * PAGE) {
      return;
    }
    int mode = Linux.FALLOC_FL_PUNCH_HOLE | Linux.FALLOC_FL_KEEP_SIZE;
    try {
      Files.fallocate(data.number(), mode, first * PAGE, (end - first) * PAGE);
    } catch (ErrnoException e) {
      if (e.errno() != Errno.EOPNOTSUPP) {
        throw e; // where there are no holes to be had they do no harm before a second loss of power
      }
    }
  }

  /** lseek(2); −1 where it finds none. */
  private static long seek(int fd, long offset, int whence) throws ErrnoException {
    try {
      return Files.seek(fd, offset, whence);
    } catch (ErrnoException e) {
      if (e.errno() == Errno.ENXIO) {
        return -1;
      }
      throw e;
    }
  }

  private static long pagesOf(long bytes) {
    return (bytes + PAGE - 1) / PAGE;
  }

  /** What it is of. */
  public PartialRecord record() {
    return record;
  }

  /** The data file: all of the file once it is filled; stays this object's. */
  public int data() {
    return data.number();
  }

  /** Of the file, in bytes. */
  public long size() {
    return size;
  }

  /** How many pages have not been broken. */
  public long pagesLeft() {
    long[] left = {0};
    forEachExtent(extent -> left[0] += extent.state() == PageState.OWN ? extent.count() : 0);
    return left[0];
  }

  /** Hands out what the pages below the limit use. */
  public void forEachExtent(Consumer<PageExtent> visitor) {
    try (PageLock.Hold hold = lock.read(0, Long.MAX_VALUE)) {
      pages.forEach(0, pages.pages(), visitor);
    }
  }

  /** Puts in what is not as below: size, blocks, and the times of the last change. */
  public void show(Stat stat) throws ErrnoException {
    Stat now = new Stat();
    Files.stat(data.number(), now);
    stat.size = size;
    stat.blocks = Math.max(stat.blocks, now.blocks);
    stat.mtimeSeconds = now.mtimeSeconds;
    stat.mtimeNanos = now.mtimeNanos;
    stat.ctimeSeconds = now.ctimeSeconds;
    stat.ctimeNanos = now.ctimeNanos;
  }

  // ------------------------------------------------------------------ reading and writing

  /** Reads; fewer bytes than asked for only at the end of the file. */
  public int read(long offset, int count, NativeBuffer out) throws ErrnoException {
    if (count <= 0 || offset < 0) {
      return 0;
    }
    long firstPage = offset / PAGE;
    try (PageLock.Hold hold = lock.read(firstPage, pagesOf(offset + count) - firstPage)) {
      long end = Math.min(offset + count, size);
      long at = offset;
      while (at < end) {
        long runEnd = Math.min(end, runEnd(at));
        int wanted = (int) (runEnd - at);
        read(isBelow(at), at, wanted, out, (int) (at - offset));
        at = runEnd;
      }
      return (int) Math.max(0, end - offset);
    }
  }

  private boolean isBelow(long offset) {
    return offset < limit && pages.at(offset / PAGE).state() == PageState.OWN;
  }

  /** Up to where the bytes from an offset on come from the same file. */
  private long runEnd(long offset) {
    long page = offset / PAGE;
    return page < pages.pages() ? pages.at(page).end() * PAGE : Long.MAX_VALUE;
  }

  /** Reads from one of the two files; what it does not have are zeros. */
  private void read(boolean below, long offset, int count, NativeBuffer out, int into)
      throws ErrnoException {
    int fd = below ? source.number() : data.number();
    int there = below ? (int) Math.min(count, Math.max(0, limit - offset)) : count;
    int done = 0;
    while (done < there) {
      int got = Files.pread(fd, out.address() + into + done, there - done, offset + done);
      if (got == 0) {
        if (below) {
          throw ErrnoException.of(Errno.EIO); // it was longer when it was opened
        }
        break;
      }
      done += got;
    }
    if (done < count) {
      ByteBuffer rest = out.bytes().duplicate();
      rest.position(into + done).limit(into + count);
      while (rest.hasRemaining()) {
        rest.put((byte) 0);
      }
    }
  }

  /** Writes; fewer bytes than asked for only where the file system above takes no more. */
  public int write(long offset, int count, long address) throws ErrnoException {
    if (count <= 0) {
      return 0;
    }
    long first = offset / PAGE;
    long end = pagesOf(offset + count);
    try (PageLock.Hold hold = lock.write(first, end - first)) {
      stamp.readLock().lock();
      try {
        if (offset % PAGE != 0) {
          complete(first);
        }
        if ((offset + count) % PAGE != 0 || end == pages.pages()) {
          complete(end - 1);
        }
        return writeWhole(offset, count, address);
      } finally {
        stamp.readLock().unlock();
      }
    }
  }

  /** Breaks a page of which a part is about to be written. The caller holds it. */
  private void complete(long page) throws ErrnoException {
    if (page >= pages.pages() || pages.at(page).state() != PageState.OWN) {
      return;
    }
    NativeBuffer buffer = NativeBuffer.allocate(PAGE);
    long offset = page * PAGE;
    int count = (int) Math.min(PAGE, size - offset);
    read(true, offset, count, buffer, 0);
    PageBitmap.writeAll(data.number(), buffer, count, offset);
    setBroken(page, page + 1);
  }

  /** Writes where the first and the last page are broken if they are not written as a whole. */
  private int writeWhole(long offset, int count, long address) throws ErrnoException {
    int done = 0;
    ErrnoException failure = null;
    while (done < count && failure == null) {
      try {
        int put = Files.pwrite(data.number(), address + done, count - done, offset + done);
        if (put <= 0) {
          failure = ErrnoException.of(Errno.EIO);
        }
        done += Math.max(0, put);
      } catch (ErrnoException e) {
        failure = e;
      }
    }
    long end = offset + done;
    if (failure != null && end % PAGE != 0 && isBelow(end)) {
      end -= end % PAGE; // the rest of that page is not above: it has not been written
    }
    if (end <= offset && failure != null) {
      throw failure;
    }
    setBroken(offset / PAGE, Math.min(pagesOf(end), pages.pages()));
    grow(end);
    return (int) (end - offset);
  }

  /** Notes that the data of pages are above. The caller holds them. */
  private void setBroken(long first, long end) throws ErrnoException {
    long page = first;
    while (page < end) {
      PageExtent extent = pages.at(page);
      long stop = Math.min(end, extent.end());
      if (extent.state() == PageState.OWN) {
        bitmap.set(page, stop);
        pages.breakPages(page, stop - page);
      }
      page = stop;
    }
  }

  private synchronized void grow(long end) {
    size = Math.max(size, end);
  }

  /** Cuts the file off, or extends it with zeros. */
  public void truncate(long newSize, boolean durable) throws ErrnoException {
    try (PageLock.Hold hold = lock.writeAll()) {
      stamp.readLock().lock();
      try {
        Files.truncate(data.number(), newSize);
        synchronized (this) {
          size = newSize;
        }
        if (newSize < limit) {
          if (durable) {
            Files.fdatasync(data.number()); // else a loss of power could leave the limit alone
          }
          pages.resize(pagesOf(newSize));
          limit = newSize;
          NativeBuffer buffer = NativeBuffer.allocate(Long.BYTES);
          buffer.bytes().putLong(0, newSize);
          PageBitmap.writeAll(map.number(), buffer, Long.BYTES, PartialRecord.LIMIT_AT);
          if (durable) {
            Files.fdatasync(map.number()); // before the file is extended again
          }
        }
      } finally {
        stamp.readLock().unlock();
      }
    }
  }

  /** SEEK_DATA and SEEK_HOLE, as lseek(2) has them. */
  public long seek(long offset, int whence) throws ErrnoException {
    try (PageLock.Hold hold = lock.read(0, Long.MAX_VALUE)) {
      long end = size;
      if (offset < 0 || offset >= end) {
        throw ErrnoException.of(Errno.ENXIO);
      }
      long at = offset;
      while (at < end) {
        long runEnd = Math.min(end, runEnd(at));
        long found = seek(isBelow(at) ? source.number() : data.number(), at, whence);
        if (found >= 0 && found < runEnd) {
          return found;
        }
        at = runEnd;
      }
      if (whence == Linux.SEEK_HOLE) {
        return end;
      }
      throw ErrnoException.of(Errno.ENXIO);
    }
  }

  /**
   * Makes durable what has been written: the data first, and then what says that they are there.
   */
  public void sync() throws ErrnoException {
    Files.fsync(data.number());
    Files.fsync(map.number());
  }

  // ------------------------------------------------------------------ filling

  /**
   * Breaks some of the pages that are left, by their own content.
   *
   * @return whether there are any left
   */
  public boolean fill() throws ErrnoException {
    synchronized (filling) {
      long page = filledUpTo;
      while (page < pages.pages()) {
        PageExtent extent;
        try {
          extent = pages.at(page);
        } catch (IndexOutOfBoundsException e) {
          return false; // cut off this instant
        }
        if (extent.state() == PageState.OWN) {
          filledUpTo = fill(page, extent.end());
          return filledUpTo < pages.pages();
        }
        page = extent.end();
      }
      filledUpTo = page;
      return false;
    }
  }

  /** Fills pages from one on, of which the next few are not broken; returns where it stopped. */
  private long fill(long first, long end) throws ErrnoException {
    long dataAt = seek(source.number(), first * PAGE, Linux.SEEK_DATA);
    long dataPage = dataAt < 0 ? end : Math.min(end, dataAt / PAGE);
    if (dataPage > first) {
      try (PageLock.Hold hold = lock.write(first, dataPage - first)) {
        setBroken(first, Math.min(dataPage, pages.pages())); // a hole here as it is below
      }
      return dataPage;
    }
    long hole = seek(source.number(), first * PAGE, Linux.SEEK_HOLE);
    long stop = Math.min(end, first + FILL_PAGES);
    stop = hole < 0 ? stop : Math.min(stop, pagesOf(hole));
    NativeBuffer buffer = NativeBuffer.allocate((int) (stop - first) * PAGE);
    try (PageLock.Hold hold = lock.write(first, stop - first)) {
      long last = Math.min(stop, pages.pages());
      long page = first;
      while (page < last) {
        PageExtent extent = pages.at(page);
        long extentEnd = Math.min(last, extent.end());
        if (extent.state() == PageState.OWN) {
          fill(page, extentEnd, buffer);
        }
        page = extentEnd;
      }
    }
    return stop;
  }

  /** Fills pages that the caller holds and that are not broken. */
  private void fill(long first, long end, NativeBuffer buffer) throws ErrnoException {
    long offset = first * PAGE;
    int count = (int) (Math.min(end * PAGE, size) - offset);
    read(true, offset, count, buffer, 0);
    stamp.writeLock().lock();
    try {
      Stat before = new Stat();
      Files.stat(data.number(), before);
      PageBitmap.writeAll(data.number(), buffer, count, offset);
      Files.utimens(
          data.number(),
          NAMELESS,
          before.atimeSeconds,
          before.atimeNanos,
          before.mtimeSeconds,
          before.mtimeNanos);
    } finally {
      stamp.writeLock().unlock();
    }
    setBroken(first, end);
  }

  /** Lets go of the files. Nobody uses it any more. */
  @Override
  public void close() {
    source.close();
    data.close();
    map.close();
  }
}
