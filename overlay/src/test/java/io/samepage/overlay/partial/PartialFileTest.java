package io.samepage.overlay.partial;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.NativeBuffer;
import io.samepage.posix.Stat;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** On the file system of the host. */
@Timeout(60)
final class PartialFileTest {
  private static final int PAGE = 4096;
  private static final byte[] DATA = "data".getBytes(US_ASCII);
  private static final byte[] MAP = "map".getBytes(US_ASCII);

  @TempDir Path path;
  private final NativeBuffer buffer = NativeBuffer.allocate(1 << 20);
  private Fd directory;
  private byte[] model;
  private PartialFile file;

  @BeforeEach
  void open() throws ErrnoException {
    byte[] name = path.toString().getBytes(US_ASCII);
    directory = new Fd(Files.open(Linux.AT_FDCWD, name, Linux.O_RDONLY | Linux.O_DIRECTORY, 0));
  }

  @AfterEach
  void close() {
    if (file != null) {
      file.close();
    }
    directory.close();
  }

  private Fd source() throws ErrnoException {
    return new Fd(Files.open(directory.number(), "lower".getBytes(US_ASCII), Linux.O_RDONLY, 0));
  }

  /** A lower file with data where {@code holes} are not. */
  private void lower(int size, long seed) throws IOException, ErrnoException {
    model = new byte[size];
    new Random(seed).nextBytes(model);
    try (RandomAccessFile out = new RandomAccessFile(path.resolve("lower").toFile(), "rw")) {
      out.setLength(size);
      for (int at = 0; at < size; at += 16 * PAGE) {
        if (at / (16 * PAGE) % 3 == 2) {
          Arrays.fill(model, at, Math.min(size, at + 16 * PAGE), (byte) 0);
        } else {
          out.seek(at);
          out.write(model, at, Math.min(16 * PAGE, size - at));
        }
      }
    }
    Fd source = source();
    Stat stat = new Stat();
    Files.stat(source.number(), stat);
    PartialRecord record = PartialRecord.of(stat, new byte[] {1, 2, 3}, new byte[] {4, 5});
    assertThat(record.matches(stat)).isTrue();
    file = PartialFile.create(directory.number(), DATA, MAP, record, source);
  }

  /** What a process finds that comes after one that was killed. */
  private void reopen() throws ErrnoException {
    file.close();
    PartialRecord record = PartialFile.record(directory.number(), MAP);
    assertThat(record).isNotNull();
    assertThat(record.origin()).containsExactly(1, 2, 3);
    assertThat(record.path()).containsExactly(4, 5);
    assertThat(record.size()).isEqualTo(file.record().size());
    file = PartialFile.open(directory.number(), DATA, MAP, record, source());
  }

  private void write(int offset, byte[] bytes) throws ErrnoException {
    buffer.bytes().duplicate().put(bytes);
    assertThat(file.write(offset, bytes.length, buffer.address())).isEqualTo(bytes.length);
    if (offset + bytes.length > model.length) {
      model = Arrays.copyOf(model, offset + bytes.length);
    }
    System.arraycopy(bytes, 0, model, offset, bytes.length);
  }

  private byte[] read(int offset, int count) throws ErrnoException {
    for (int i = 0; i < count; i += 512) {
      buffer.bytes().put(i, (byte) 0x5a);
    }
    int got = file.read(offset, count, buffer);
    byte[] bytes = new byte[got];
    buffer.bytes().duplicate().get(bytes);
    return bytes;
  }

  private void check() throws ErrnoException {
    assertThat(file.size()).isEqualTo(model.length);
    for (int at = 0; at < model.length; at += 1 << 19) {
      int count = Math.min(1 << 19, model.length - at);
      byte[] there = read(at, count);
      int differs = Arrays.mismatch(there, Arrays.copyOfRange(model, at, at + count));
      assertThat(differs).as("first wrong byte from %d on", at).isEqualTo(-1);
    }
    assertThat(read(model.length, 10)).isEmpty();
  }

  @Test
  void aWriteBreaksThePagesThatItTouchesAndNoOthers() throws Exception {
    lower(100 * PAGE, 1);
    assertThat(file.pagesLeft()).isEqualTo(100);
    write(3 * PAGE + 100, new byte[] {1, 2, 3});
    assertThat(file.pagesLeft()).isEqualTo(99);
    write(10 * PAGE - 1, new byte[PAGE + 2]);
    assertThat(file.pagesLeft()).isEqualTo(96);
    check();
    Stat stat = new Stat();
    Files.stat(file.data(), stat);
    assertThat(stat.blocks * 512).isLessThanOrEqualTo(8L * PAGE);
    reopen();
    assertThat(file.pagesLeft()).isEqualTo(96);
    check();
  }

  @Test
  void whatWasCutOffDoesNotComeBack() throws Exception {
    lower(10 * PAGE + 77, 2);
    file.truncate(5 * PAGE + 10, true);
    file.truncate(8 * PAGE, true);
    model = Arrays.copyOf(Arrays.copyOf(model, 5 * PAGE + 10), 8 * PAGE);
    check();
    reopen();
    check();
    write(7 * PAGE + 5, new byte[] {9});
    write(5 * PAGE + 1, new byte[] {8});
    check();
    while (file.fill()) {}
    reopen();
    check();
  }

  @Test
  void whoDiesBetweenCuttingOffAndSayingSoHasCutOff() throws Exception {
    lower(10 * PAGE, 3);
    Files.truncate(file.data(), 2 * PAGE + 1);
    reopen();
    Files.truncate(file.data(), 6 * PAGE);
    model = Arrays.copyOf(model, 2 * PAGE + 1);
    reopen();
    file.truncate(4 * PAGE, true);
    assertThat(file.size()).isEqualTo(4 * PAGE);
  }

  @Test
  void whoDiesBetweenThePageAndItsBitHasTheOldPage() throws Exception {
    lower(10 * PAGE, 4);
    write(PAGE, new byte[PAGE]);
    Files.pwrite(file.data(), buffer.address(), PAGE, 5L * PAGE);
    reopen();
    check();
    assertThat(file.pagesLeft()).isEqualTo(9);
  }

  @Test
  void aWriteThatFailsLeavesThePagesAsTheyAreBelow() throws Exception {
    lower(4 * PAGE, 5);
    long nowhere = 8; // EFAULT, as a full disk's ENOSPC, comes from the first byte on
    assertThatThrownBy(() -> file.write(PAGE, 2 * PAGE, nowhere))
        .isInstanceOf(ErrnoException.class);
    assertThatThrownBy(() -> file.write(100, 2 * PAGE, nowhere)).isInstanceOf(ErrnoException.class);
    check();
    reopen();
    check();
  }

  @Test
  void aPageThatCannotBeCompletedIsNotBroken() throws Exception {
    lower(4 * PAGE, 6);
    try (RandomAccessFile below = new RandomAccessFile(path.resolve("lower").toFile(), "rw")) {
      below.setLength(2 * PAGE);
      assertThatThrownBy(() -> file.write(3 * PAGE + 10, 20, buffer.address()))
          .isInstanceOf(ErrnoException.class);
      assertThat(file.pagesLeft()).isEqualTo(4);
    }
  }

  @Test
  void aBitWithoutItsPageIsNotBelieved() throws Exception {
    lower(40 * PAGE, 5);
    write(7 * PAGE, new byte[2 * PAGE]);
    try (RandomAccessFile map = new RandomAccessFile(path.resolve("map").toFile(), "rw")) {
      map.seek(PartialRecord.LENGTH);
      map.write(new byte[] {-1, -1, 0, -1}); // as after a loss of power
    }
    reopen();
    check();
    assertThat(file.pagesLeft()).isEqualTo(38);
    reopen();
    assertThat(file.pagesLeft()).isEqualTo(38);
  }

  @Test
  void aDamagedRecordIsNone() throws Exception {
    lower(PAGE, 6);
    try (RandomAccessFile map = new RandomAccessFile(path.resolve("map").toFile(), "rw")) {
      map.seek(50);
      map.write(77);
    }
    assertThat(PartialFile.record(directory.number(), MAP)).isNull();
  }

  @Test
  void fillingKeepsTheTimeOfTheLastWriteAndTheHoles() throws Exception {
    lower(200 * PAGE + 5, 7);
    write(PAGE, new byte[] {1});
    Stat before = new Stat();
    file.show(before);
    while (file.fill()) {}
    assertThat(file.pagesLeft()).isZero();
    Stat after = new Stat();
    file.show(after);
    assertThat(after.mtimeSeconds).isEqualTo(before.mtimeSeconds);
    assertThat(after.mtimeNanos).isEqualTo(before.mtimeNanos);
    check();
    assertThat(file.seek(0, Linux.SEEK_HOLE)).isEqualTo(32 * PAGE);
    assertThat(file.seek(33 * PAGE, Linux.SEEK_DATA)).isEqualTo(48 * PAGE);
    try (RandomAccessFile data = new RandomAccessFile(path.resolve("data").toFile(), "r")) {
      byte[] all = new byte[model.length];
      data.readFully(all);
      assertThat(all).isEqualTo(model);
    }
  }

  @Test
  void holesAreWhereTheyAre() throws Exception {
    lower(96 * PAGE, 8);
    write(40 * PAGE + 3, new byte[] {1});
    assertThat(file.seek(0, Linux.SEEK_HOLE)).isEqualTo(32 * PAGE);
    assertThat(file.seek(32 * PAGE, Linux.SEEK_DATA)).isEqualTo(40 * PAGE);
    assertThat(file.seek(40 * PAGE, Linux.SEEK_HOLE)).isEqualTo(41 * PAGE);
    assertThat(file.seek(41 * PAGE, Linux.SEEK_DATA)).isEqualTo(48 * PAGE);
    try {
      file.seek(90 * PAGE, Linux.SEEK_DATA);
      assertThat(false).isTrue();
    } catch (ErrnoException e) {
      assertThat(e.errno()).isEqualTo(Errno.ENXIO);
    }
  }

  @Test
  void isAByteArrayWhateverIsDone() throws Exception {
    for (int round = 0; round < 12; round++) {
      long seed = System.nanoTime();
      System.out.println("PartialFileTest.isAByteArrayWhateverIsDone: seed " + seed);
      run(new Random(seed), seed);
      file.close();
      file = null;
      for (String name : new String[] {"lower", "data", "map"}) {
        java.nio.file.Files.delete(path.resolve(name));
      }
    }
  }

  private void run(Random random, long seed) throws Exception {
    lower(1 + random.nextInt(300 * PAGE), seed);
    for (int i = 0; i < 150; i++) {
      int offset = random.nextInt(Math.max(1, model.length + 2 * PAGE));
      if (random.nextInt(3) == 0) {
        offset -= offset % PAGE;
      }
      switch (random.nextInt(12)) {
        case 0 -> {
          file.truncate(offset, random.nextBoolean());
          model = Arrays.copyOf(model, offset);
        }
        case 1 -> reopen();
        case 2, 3 -> file.fill();
        case 4 -> check();
        case 5 -> file.sync();
        case 6 -> {
          if (offset < model.length) {
            int count = Math.min(random.nextInt(5 * PAGE), model.length - offset);
            byte[] expected = Arrays.copyOfRange(model, offset, offset + count);
            assertThat(read(offset, count)).isEqualTo(expected);
          }
        }
        default -> {
          byte[] bytes = new byte[1 + random.nextInt(random.nextBoolean() ? 100 : 6 * PAGE)];
          random.nextBytes(bytes);
          write(offset, bytes);
        }
      }
    }
    check();
    while (file.fill()) {}
    assertThat(file.pagesLeft()).isZero();
    check();
    reopen();
    check();
  }

  /** Each thread writes records of its own number; a reader finds whole ones. */
  @Test
  void nobodySeesHalfOfAPageWhileItIsFilledAndWritten() throws Exception {
    int pages = 64;
    lower(pages * PAGE, 9);
    byte[] below = model.clone();
    ExecutorService pool = Executors.newFixedThreadPool(4);
    List<Future<?>> done = new ArrayList<>();
    try {
      for (int t = 0; t < 2; t++) {
        Random random = new Random(t);
        byte number = (byte) (t + 1);
        done.add(
            pool.submit(
                () -> {
                  NativeBuffer mine = NativeBuffer.allocate(4 * PAGE);
                  for (int i = 0; i < 4 * PAGE; i++) {
                    mine.bytes().put(i, number);
                  }
                  for (int i = 0; i < 3000; i++) {
                    int count = 1 + random.nextInt(4);
                    long first = random.nextInt(pages - count);
                    file.write(first * PAGE, count * PAGE, mine.address());
                  }
                  return null;
                }));
      }
      done.add(
          pool.submit(
              () -> {
                while (file.fill()) {}
                return null;
              }));
      Random random = new Random(5);
      done.add(
          pool.submit(
              () -> {
                NativeBuffer mine = NativeBuffer.allocate(PAGE);
                byte[] bytes = new byte[PAGE];
                for (int i = 0; i < 20_000; i++) {
                  int page = random.nextInt(pages);
                  file.read((long) page * PAGE, PAGE, mine);
                  mine.bytes().duplicate().get(bytes);
                  byte[] old = Arrays.copyOfRange(below, page * PAGE, (page + 1) * PAGE);
                  byte[] one = new byte[PAGE];
                  Arrays.fill(one, bytes[0]);
                  boolean whole = (bytes[0] == 1 || bytes[0] == 2) && Arrays.equals(bytes, one);
                  assertThat(whole || Arrays.equals(bytes, old)).as("page %d", page).isTrue();
                }
                return null;
              }));
      for (Future<?> one : done) {
        one.get(50, TimeUnit.SECONDS);
      }
    } finally {
      pool.shutdownNow();
    }
    assertThat(file.pagesLeft()).isZero();
  }
}
