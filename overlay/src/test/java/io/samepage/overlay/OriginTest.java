package io.samepage.overlay;

import static io.samepage.overlay.HostTree.bytes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.samepage.posix.Fd;
import io.samepage.posix.FileHandles;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Beside the kernel's overlayfs, on the same directories. */
final class OriginTest {
  private static final OverlayXattrs XATTRS = new OverlayXattrs(false);

  @TempDir Path path;
  private HostTree outer;
  private HostTree tree;

  @BeforeEach
  void open() throws Exception {
    HostTree.needsRoot();
    outer = new HostTree(path);
    tree = outer;
  }

  @AfterEach
  void close() throws Exception {
    if (tree != null && tree != outer) {
      tree.close();
    }
    if (outer != null) {
      outer.close();
    }
  }

  /** Goes on below a file system of its own, unless it is to be the one of the host. */
  private void on(String type) throws Exception {
    if (!type.equals("host")) {
      outer.mkdir("fs");
      outer.mount(type, "fs", "size=4m");
      tree = new HostTree(outer.path("fs"));
    }
    tree.mkdir("lower");
  }

  private byte[] origin(String name) throws Exception {
    try (Fd lower = tree.directory("lower");
        Layer layer = Layer.open(1, lower.number())) {
      return Origin.encode(layer, layer.rootFd(), bytes(name));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"host", "tmpfs"})
  void originsAreThoseOfTheKernel(String type) throws Exception {
    on(type);
    tree.file("lower/f", "data");
    tree.mkdir("lower/d");
    Files.symlink(bytes("f"), tree.fd(), bytes("lower/l"));
    tree.mountOverlay("");
    for (String name : List.of("f", "d", "l")) {
      Files.chown(tree.fd(), bytes("merged/" + name), 7, 7);
      byte[] kernels = tree.xattr("upper/" + name, XATTRS.origin);
      assertThat(kernels).as(name).isEqualTo(origin(name)).isNotEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"host", "tmpfs"})
  void namesInTheIndexAreThoseOfTheKernel(String type) throws Exception {
    on(type);
    tree.file("lower/a", "data");
    Files.link(tree.fd(), bytes("lower/a"), tree.fd(), bytes("lower/b"));
    tree.mountOverlay(",index=on");
    Files.chown(tree.fd(), bytes("merged/a"), 7, 7);
    byte[] origin = origin("b");
    String name = new String(HardLinkIndex.entryName(origin), StandardCharsets.US_ASCII);
    assertThat(tree.names("work/index")).containsExactly(name);
    Fd directory = tree.directory("work/index");
    try (HardLinkIndex index = new HardLinkIndex(directory, XATTRS);
        Fd entry = Objects.requireNonNull(index.open(origin))) {
      Stat stat = new Stat();
      Files.stat(entry.number(), stat);
      assertThat(stat.ino).isEqualTo(tree.stat("upper/a").ino);
    }
  }

  @Test
  void anOriginLeadsBackToTheLowerFile() throws Exception {
    on("host");
    tree.file("lower/f", "data");
    byte[] encoded = origin("f");
    Origin origin = Objects.requireNonNull(Origin.decode(encoded));
    try (Fd lower = tree.directory("lower");
        Layer layer = Layer.open(1, lower.number())) {
      assertThat(origin.mayBeOf(layer)).isTrue();
      try (Fd fd = new Fd(FileHandles.tryOpen(layer.handleFd(), origin.handle(), Linux.O_PATH))) {
        Stat stat = new Stat();
        Files.stat(fd.number(), stat);
        assertThat(stat.ino).isEqualTo(tree.stat("lower/f").ino);
      }
    }
  }

  @Test
  void anOriginOfAnotherFileSystemIsToldByItsUuid() throws Exception {
    outer.mkdir("other");
    outer.mount("tmpfs", "other", "size=1m");
    outer.file("other/f", "data");
    outer.mkdir("lower");
    try (Fd other = outer.directory("other");
        Layer layer = Layer.open(1, other.number());
        Fd lower = outer.directory("lower");
        Layer host = Layer.open(2, lower.number())) {
      Origin origin =
          Objects.requireNonNull(Origin.decode(Origin.encode(layer, layer.rootFd(), bytes("f"))));
      assertThat(origin.mayBeOf(layer)).isTrue();
      byte[] unknown = new byte[16];
      assumeTrue(
          !Arrays.equals(layer.uuid(), unknown) && !Arrays.equals(host.uuid(), unknown),
          "these file systems do not tell their UUIDs");
      assertThat(origin.mayBeOf(host)).isFalse();
    }
  }

  @Test
  void whatIsDamagedIsNoOrigin() throws Exception {
    on("host");
    tree.file("lower/f", "data");
    byte[] good = origin("f");
    assertThat(Origin.decode(good)).isNotNull();
    assertThat(Origin.decode(Names.EMPTY)).isNull();
    for (int length = 0; length < good.length; length++) {
      assertThat(Origin.decode(Arrays.copyOf(good, length))).as("cut to %d", length).isNull();
    }
    assertThat(Origin.decode(Arrays.copyOf(good, good.length + 1))).isNull();
    for (int at = 0; at < 4; at++) {
      byte[] bad = good.clone();
      bad[at] ^= (byte) 0x81;
      assertThat(Origin.decode(bad)).as("changed at %d", at).isNull();
    }
  }
}
