package io.samepage.dedup;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.samepage.dedup.pages.PageExtent;
import io.samepage.dedup.pages.PageState;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.NativeBuffer;
import io.samepage.posix.Stat;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A file whose pages 64 to 191 are the first 128 of another. */
@Timeout(60)
final class PagedFileTest {
  private static final int PAGE = VerityDigest.BLOCK;
  private static final int PAGES = 256;

  @TempDir Path directory;
  private final NativeBuffer buffer = NativeBuffer.allocate(PAGES * PAGE);
  private final byte[] owners = random(1);
  private final byte[] users = random(2);

  private static byte[] random(long seed) {
    byte[] content = new byte[PAGES * PAGE];
    new Random(seed).nextBytes(content);
    return content;
  }

  @BeforeEach
  void needsRoot() {
    Tree.needsRoot();
    System.arraycopy(owners, 0, users, 64 * PAGE, 128 * PAGE);
  }

  private byte[] read(PagedFile paged, int fd, int page, int count) throws ErrnoException {
    int got = paged.read(fd, (long) page * PAGE, count * PAGE, buffer);
    byte[] read = new byte[got];
    buffer.bytes().get(0, read);
    return read;
  }

  private static byte[] pages(byte[] content, int page, int count) {
    return Arrays.copyOfRange(content, page * PAGE, (page + count) * PAGE);
  }

  /** The descriptors of a file that this process has. */
  private static List<Integer> descriptors(Path file) throws Exception {
    Stat wanted = Tree.stat(file);
    List<Integer> found = new ArrayList<>();
    for (int fd = 3; fd < 1024; fd++) {
      Stat stat = new Stat();
      try {
        Files.stat(fd, stat);
      } catch (ErrnoException e) {
        continue; // none
      }
      if (stat.ino == wanted.ino && stat.dev() == wanted.dev()) {
        found.add(fd);
      }
    }
    return found;
  }

  @Test
  void pagesThatFailedOnceAreNotReadFromThereAgainAndOthersAre() throws Exception {
    Tree layer = new Tree(directory.resolve("layer"));
    Path owner = layer.file("owner", owners);
    Path user = layer.file("user", users);
    try (PagedMount mount = new PagedMount(directory.resolve("index"), layer, PageOptions.DEFAULT);
        Fd own = Tree.open(user, Linux.O_RDONLY);
        Fd broken = new Fd(Files.open(Linux.AT_FDCWD, "/proc/self/mem".getBytes(UTF_8), 0, 0))) {
      mount.identify(owner, user);
      try (PagedFile paged = mount.find(user)) {
        assertThat(paged).isNotNull();
        PageExtent before = new PageExtent(64, 128, PageState.SHARED, 0, 0);
        assertThat(PagedMount.extents(paged)).contains(before);
        assertThat(read(paged, own.number(), 0, PAGES)).isEqualTo(users);
        List<Integer> numbers = descriptors(owner);
        assertThat(numbers).hasSize(1);
        try (Fd good = new Fd(Files.dup(numbers.get(0)))) {
          Files.dup2(broken.number(), numbers.get(0));
          assertThat(read(paged, own.number(), 100, 2)).isEqualTo(pages(users, 100, 2));
          Files.dup2(good.number(), numbers.get(0));
        }
        assertThat(PagedMount.extents(paged))
            .containsExactly(
                new PageExtent(0, 64, PageState.OWN, 0, 0),
                new PageExtent(64, 36, PageState.SHARED, 0, 0),
                new PageExtent(100, 2, PageState.OWN, 0, 100),
                new PageExtent(102, 90, PageState.SHARED, 0, 38),
                new PageExtent(192, 64, PageState.OWN, 0, 192));
        // Where the file itself fails too, that is said of these pages alone.
        assertThat(read(paged, broken.number(), 90, 20)).isEqualTo(pages(users, 90, 10));
        assertThat(
                catchThrowableOfType(
                        ErrnoException.class, () -> read(paged, broken.number(), 100, 1))
                    .errno())
            .isEqualTo(Errno.EIO);
        assertThat(read(paged, broken.number(), 102, 90)).isEqualTo(pages(users, 102, 90));
      }
    }
  }
}
