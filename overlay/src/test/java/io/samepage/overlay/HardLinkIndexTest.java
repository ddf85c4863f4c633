package io.samepage.overlay;

import static io.samepage.overlay.HostTree.bytes;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Stat;
import io.samepage.posix.Xattrs;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class HardLinkIndexTest {
  private static final OverlayXattrs XATTRS = new OverlayXattrs(false);

  @TempDir Path path;

  /** As ovl_get_nlink of the kernel: the upper file has 5 names, the lower one 3. */
  @ParameterizedTest
  @CsvSource({
    "U+0, 5",
    "U-2, 3",
    "U+7, 12",
    "L+0, 3",
    "L-1, 2",
    "L+4, 7",
    "U+00, 5",
    "U-5, 5",
    "U-6, 5",
    "L-3, 5",
    "L-100, 5",
    "U+2147483647, 5",
    "U+99999999999, 5",
    "X+1, 5",
    "U2, 5",
    "U12, 5",
    "+1, 5",
    "U+, 5",
    "U, 5",
    "'', 5",
    "u+1, 5",
    "U+1x, 5",
    "U+ 1, 5",
    "U--1, 5",
    "U+-1, 5"
  })
  void differencesAreReadAsTheKernelReadsThem(String value, int nlink) {
    assertThat(HardLinkIndex.nlink(bytes(value), 5, 3)).isEqualTo(nlink);
    assertThat(HardLinkIndex.nlink(bytes(value + "\0"), 5, 3)).isEqualTo(nlink);
  }

  @Test
  void aDifferenceToALowerFileThatIsNotKnownCountsForNothing() {
    assertThat(HardLinkIndex.nlink(bytes("L+4"), 5, 0)).isEqualTo(5);
    assertThat(HardLinkIndex.nlink(bytes("U+4"), 5, 0)).isEqualTo(9);
  }

  private void check(HostTree tree, HardLinkIndex index, String name) throws Exception {
    Stat lower = tree.stat("lower/a");
    try (Fd upper = tree.openPath("upper/" + name)) {
      Stat stat = new Stat();
      Files.stat(upper.number(), stat);
      assertThat(index.nlink(upper.number(), stat, lower.nlink))
          .as(
              "%s, upper %d, lower %d",
              new String(tree.xattr("upper/" + name, XATTRS.nlink), US_ASCII),
              stat.nlink,
              lower.nlink)
          .isEqualTo(tree.stat("merged/" + name).nlink);
    }
  }

  @Test
  void theKernelCountsTheSameNames(@TempDir Path dir) throws Exception {
    HostTree.needsRoot();
    try (HostTree tree = new HostTree(dir)) {
      tree.mkdir("lower");
      tree.file("lower/a", "data");
      for (String name : new String[] {"b", "c"}) {
        Files.link(tree.fd(), bytes("lower/a"), tree.fd(), bytes("lower/" + name));
      }
      tree.mountOverlay(",index=on");
      try (HardLinkIndex index = new HardLinkIndex(tree.directory("work/index"), XATTRS)) {
        Files.chown(tree.fd(), bytes("merged/a"), 7, 7);
        check(tree, index, "a");
        assertThat(tree.stat("merged/a").nlink).isEqualTo(3);
        Files.unlink(tree.fd(), bytes("merged/b"));
        check(tree, index, "a");
        Files.link(tree.fd(), bytes("merged/a"), tree.fd(), bytes("merged/d"));
        check(tree, index, "d");
        Files.chown(tree.fd(), bytes("merged/c"), 8, 8);
        check(tree, index, "c");
        Files.unlink(tree.fd(), bytes("merged/a"));
        check(tree, index, "d");
        assertThat(tree.stat("merged/d").nlink).isEqualTo(2);
      }
    }
  }

  /** What is stored here means the same to the kernel. */
  @Test
  void theKernelReadsWhatIsStored(@TempDir Path dir) throws Exception {
    HostTree.needsRoot();
    try (HostTree tree = new HostTree(dir)) {
      tree.mkdir("lower");
      tree.file("lower/a", "data");
      Files.link(tree.fd(), bytes("lower/a"), tree.fd(), bytes("lower/b"));
      tree.mountOverlay(",index=on");
      Files.chown(tree.fd(), bytes("merged/a"), 7, 7);
      tree.unmount();
      try (HardLinkIndex index = new HardLinkIndex(tree.directory("work/index"), XATTRS);
          Fd upper = tree.openPath("upper/a")) {
        index.storeNlink(upper.number(), 9, tree.stat("upper/a").nlink);
        assertThat(tree.xattr("upper/a", XATTRS.nlink)).isEqualTo(bytes("U+7"));
        tree.mountOverlay(",index=on");
        assertThat(tree.stat("merged/a").nlink).isEqualTo(9);
        tree.unmount();
        index.storeNlink(upper.number(), 1, tree.stat("upper/a").nlink);
        assertThat(tree.xattr("upper/a", XATTRS.nlink)).isEqualTo(bytes("U-1"));
        tree.mountOverlay(",index=on");
        assertThat(tree.stat("merged/a").nlink).isEqualTo(1);
      }
    }
  }

  @Test
  void anEntryIsOpenedByItsOriginUntilItIsRemoved() throws Exception {
    OverlayXattrs user = new OverlayXattrs(true);
    try (HostTree tree = new HostTree(path)) {
      tree.mkdir("work", "index");
      tree.file("work/#1", "data");
      byte[] origin = {0, (byte) 0xfb, 3, (byte) 0x9a};
      try (HardLinkIndex index = new HardLinkIndex(tree.directory("index"), user);
          Fd work = tree.directory("work")) {
        assertThat(index.open(origin)).isNull();
        assertThat(index.open(Names.EMPTY)).isNull();
        index.enter(origin, work.number(), bytes("#1"));
        assertThat(tree.names("index")).containsExactly("00fb039a");
        try (Fd entry = index.open(origin)) {
          assertThat(entry).isNotNull();
          Stat stat = new Stat();
          Files.stat(entry.number(), stat);
          assertThat(index.nlink(entry.number(), stat, 0)).isEqualTo(1);
          Xattrs.set(entry.number(), Names.EMPTY, user.nlink, bytes("U+3"), 0);
          assertThat(index.nlink(entry.number(), stat, 0)).isEqualTo(4);
        }
        index.remove(origin);
        assertThat(index.open(origin)).isNull();
      }
    }
  }
}
