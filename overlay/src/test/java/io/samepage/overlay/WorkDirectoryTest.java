package io.samepage.overlay;

import static io.samepage.overlay.HostTree.bytes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class WorkDirectoryTest {
  private static final int LINKS_OF_EXT4 = 65_000;
  private static final int FS_IMMUTABLE_FL = 0x10;

  @TempDir Path path;
  private HostTree tree;

  @BeforeEach
  void open() throws ErrnoException {
    tree = new HostTree(path);
    tree.mkdir("w", "upper");
  }

  @AfterEach
  void close() throws ErrnoException {
    tree.close();
  }

  private WorkDirectory openWork() throws ErrnoException {
    try (Fd workdir = tree.directory("w")) {
      return WorkDirectory.open(workdir.number());
    }
  }

  @Test
  void whatACrashLeftIsRemovedAndWhatForbidsTheMountStays() throws Exception {
    tree.mkdir("w/work", "w/work/#3", "w/work/#3/deep", "w/work/#3/deep/er", "w/work/incompat");
    tree.mkdir("w/work/incompat/volatile", "w/index");
    tree.file("w/work/#1", "left");
    tree.file("w/work/#3/deep/er/f", "left");
    tree.file("w/index/kept", "");
    tree.file("outside", "kept");
    Files.symlink(bytes("../../outside"), tree.fd(), bytes("w/work/#4"));
    Files.symlink(bytes("/"), tree.fd(), bytes("w/work/#3/root"));
    Files.mknod(tree.fd(), bytes("w/work/#3/deep/w"), Linux.S_IFCHR, 0);
    Files.mknod(tree.fd(), bytes("w/work/#5"), Linux.S_IFIFO | 0600, 0);
    try (WorkDirectory work = openWork()) {
      assertThat(tree.names("w/work")).containsExactly("incompat");
      assertThat(tree.has("w/work/incompat/volatile")).isTrue();
      assertThat(tree.has("w/index/kept")).isTrue();
      assertThat(tree.has("outside")).isTrue();
      assertThat(work.temporaryName()).isNotEqualTo(work.temporaryName());
    }
  }

  @Test
  void aWorkDirectoryIsMadeIfThereIsNone() throws Exception {
    try (WorkDirectory work = openWork()) {
      assertThat(tree.names("w")).containsExactly("work");
      assertThat(tree.stat("w/work").mode & 0777).isZero();
    }
    try (Fd workdir = tree.directory("w")) {
      WorkDirectory.openIndex(workdir.number()).close();
      WorkDirectory.openIndex(workdir.number()).close();
    }
    assertThat(tree.names("w")).containsExactly("index", "work");
  }

  @Test
  void whiteoutsAreLinksToOneFileAndLeaveNothingBehind() throws Exception {
    try (WorkDirectory work = openWork();
        Fd upper = tree.directory("upper")) {
      work.placeWhiteout(upper.number(), bytes("a"));
      work.placeWhiteout(upper.number(), bytes("b"));
      assertThat(tree.stat("upper/a").isZeroDevice()).isTrue();
      assertThat(tree.stat("upper/b").ino).isEqualTo(tree.stat("upper/a").ino);
      tree.file("upper/f", "kept");
      assertThatThrownBy(() -> work.placeWhiteout(upper.number(), bytes("f"))).hasMessage("EEXIST");
      assertThat(tree.stat("upper/f").isRegular()).isTrue();
      work.placeWhiteout(upper.number(), bytes("c"));
      assertThat(tree.stat("upper/c").ino)
          .as("after a failure")
          .isEqualTo(tree.stat("upper/a").ino);
      assertThat(tree.names("w/work")).hasSize(1);
    }
    assertThat(tree.names("w/work")).isEmpty();
    assertThat(tree.stat("upper/a").nlink).isEqualTo(3);
  }

  @Test
  void aWhiteoutThatHasAllTheLinksItCanHaveIsFollowedByAnother() throws Exception {
    try (WorkDirectory work = openWork();
        Fd upper = tree.directory("upper")) {
      work.placeWhiteout(upper.number(), bytes("first"));
      int links = 2;
      try {
        while (links < LINKS_OF_EXT4 + 10) {
          Files.link(tree.fd(), bytes("upper/first"), upper.number(), bytes("l" + links));
          links++;
        }
      } catch (ErrnoException e) {
        assertThat(e.errno()).isEqualTo(Errno.EMLINK);
      }
      assumeTrue(links < LINKS_OF_EXT4 + 10, "this file system gives a file any number of links");
      work.placeWhiteout(upper.number(), bytes("next"));
      assertThat(tree.stat("upper/next").isZeroDevice()).isTrue();
      assertThat(tree.stat("upper/next").ino).isNotEqualTo(tree.stat("upper/first").ino);
      work.placeWhiteout(upper.number(), bytes("more"));
      assertThat(tree.stat("upper/more").ino).isEqualTo(tree.stat("upper/next").ino);
      assertThat(tree.names("w/work")).as("the full one").hasSize(1);
    }
  }

  @Test
  void aFileBecomesAWhiteoutInOneStep() throws Exception {
    try (WorkDirectory work = openWork();
        Fd upper = tree.directory("upper")) {
      tree.file("upper/f", "data");
      work.replaceByWhiteout(upper.number(), bytes("f"));
      assertThat(tree.stat("upper/f").isZeroDevice()).isTrue();
      tree.mkdir("upper/d");
      assertThatThrownBy(() -> work.replaceByWhiteout(upper.number(), bytes("d")))
          .hasMessage("EISDIR");
      assertThat(tree.stat("upper/d").isDirectory()).isTrue();
      assertThat(tree.names("w/work")).hasSize(1);
    }
  }

  @Test
  void aDirectoryBecomesAWhiteoutWithAllThatWasHiddenInIt() throws Exception {
    try (WorkDirectory work = openWork();
        Fd upper = tree.directory("upper")) {
      tree.mkdir("upper/d");
      work.placeWhiteout(upper.number(), bytes("d/hidden"));
      work.replaceDirectoryByWhiteout(upper.number(), bytes("d"));
      assertThat(tree.stat("upper/d").isZeroDevice()).isTrue();
      assertThat(tree.names("w/work")).hasSize(1);
      assertThatThrownBy(() -> work.replaceDirectoryByWhiteout(upper.number(), bytes("no")))
          .hasMessage("ENOENT");
      assertThat(tree.names("w/work")).as("after a failure").hasSize(1);
    }
  }

  /** Once the whiteout is in its place the directory is gone for everybody, cleaned up or not. */
  @Test
  void whatCannotBeRemovedAfterTheStepIsNoFailure() throws Exception {
    HostTree.needsRoot();
    try (WorkDirectory work = openWork();
        Fd upper = tree.directory("upper")) {
      tree.mkdir("upper/d");
      tree.file("upper/d/f", "x");
      setImmutable(path.resolve("upper/d/f"), true);
      try {
        assertThatThrownBy(() -> WorkDirectory.removeTree(tree.fd(), bytes("upper/d/f"), 8))
            .hasMessage("EPERM");
        work.replaceDirectoryByWhiteout(upper.number(), bytes("d"));
        assertThat(tree.stat("upper/d").isZeroDevice()).isTrue();
      } finally {
        for (String left : tree.names("w/work")) {
          Path file = path.resolve("w/work/" + left + "/f");
          if (java.nio.file.Files.exists(file)) {
            setImmutable(file, false);
          }
        }
        if (tree.has("upper/d/f")) {
          setImmutable(path.resolve("upper/d/f"), false);
        }
      }
    }
  }

  private static void setImmutable(Path file, boolean on) throws ErrnoException {
    try (Fd fd = new Fd(Files.open(Linux.AT_FDCWD, bytes(file.toString()), Linux.O_RDONLY, 0))) {
      byte[] flags = new byte[8];
      Files.ioctl(fd.number(), Linux.FS_IOC_GETFLAGS, flags);
      flags[0] = (byte) (on ? flags[0] | FS_IMMUTABLE_FL : flags[0] & ~FS_IMMUTABLE_FL);
      Files.ioctl(fd.number(), Linux.FS_IOC_SETFLAGS, flags);
    } catch (ErrnoException e) {
      assumeTrue(false, "no immutable files here: " + e.getMessage());
    }
  }
}
