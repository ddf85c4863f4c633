package io.samepage.posix;

import static io.samepage.posix.TestDirectory.bytes;
import static io.samepage.posix.TestDirectory.needsRoot;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class StatTest {
  private static List<String> coreutils(Path file, String format) throws Exception {
    Process process = new ProcessBuilder("stat", "-c", format, file.toString()).start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).isZero();
    return List.of(out.trim().split(" ", -1));
  }

  private static String time(long seconds, int nanos) {
    return String.format("%d.%09d", seconds, nanos);
  }

  private static void check(TestDirectory dir, String name) throws Exception {
    Stat stat = dir.stat(name);
    String format = "%i %h %f %u %g %s %b %o %t %T %.9X %.9Y %.9Z %Hd %Ld";
    assertThat(coreutils(dir.path().resolve(name), format))
        .containsExactly(
            "" + stat.ino,
            "" + stat.nlink,
            Integer.toHexString(stat.mode),
            "" + stat.uid,
            "" + stat.gid,
            "" + stat.size,
            "" + stat.blocks,
            "" + stat.blksize,
            Integer.toHexString(stat.rdevMajor),
            Integer.toHexString(stat.rdevMinor),
            time(stat.atimeSeconds, stat.atimeNanos),
            time(stat.mtimeSeconds, stat.mtimeNanos),
            time(stat.ctimeSeconds, stat.ctimeNanos),
            "" + stat.devMajor,
            "" + stat.devMinor);
    if (stat.hasBtime) {
      assertThat(coreutils(dir.path().resolve(name), "%.9W"))
          .containsExactly(time(stat.btimeSeconds, stat.btimeNanos));
    }
  }

  @Test
  void itSaysWhatStatOfCoreutilsSays(@TempDir Path path) throws Exception {
    try (TestDirectory dir = new TestDirectory(path)) {
      byte[] file = dir.file("f", "x".repeat(70_000));
      Files.link(dir.fd(), file, dir.fd(), bytes("f2"));
      Files.utimens(dir.fd(), file, 1_000_000_001, 2, 1_500_000_003, 999_999_999);
      Files.symlink(bytes("nowhere"), dir.fd(), bytes("l"));
      Files.mkdir(dir.fd(), bytes("d"), 01711);
      for (String name : new String[] {"f", "l", "d"}) {
        check(dir, name);
      }
    }
  }

  @Test
  void itSaysWhatStatOfCoreutilsSaysOfDevices(@TempDir Path path) throws Exception {
    needsRoot();
    try (TestDirectory dir = new TestDirectory(path)) {
      Files.mknod(dir.fd(), bytes("b"), Linux.S_IFBLK | 0640, 0x12345678);
      Files.chown(dir.fd(), bytes("b"), 3_000, 4_000);
      check(dir, "b");
    }
  }

  @Test
  void theMountIsKnownWhereItIsAskedFor() throws Exception {
    Stat stat = new Stat();
    Files.statFollow(bytes("/proc/self/exe"), stat);
    assertThat(stat.isRegular()).isTrue();
    assertThat(MountTable.read().byId(stat.mountId)).isNotNull();
    assertThat(stat.attributesMask & Linux.STATX_ATTR_MOUNT_ROOT).isNotZero();
    assertThat(stat.attributes & Linux.STATX_ATTR_MOUNT_ROOT).isZero();
    Files.statFollow(bytes("/proc"), stat);
    assertThat(stat.attributes & Linux.STATX_ATTR_MOUNT_ROOT).isNotZero();
  }

  @Test
  void allOfAnotherOneIsTakenOver() throws Exception {
    Stat from = new Stat();
    int number = 1;
    for (Field field : Stat.class.getFields()) {
      if (!Modifier.isStatic(field.getModifiers())) {
        number++;
        if (field.getType() == int.class) {
          field.setInt(from, number);
        } else if (field.getType() == long.class) {
          field.setLong(from, number);
        } else {
          field.setBoolean(from, true);
        }
      }
    }
    Stat to = new Stat();
    to.set(from);
    assertThat(to).usingRecursiveComparison().isEqualTo(from);
  }

  @Property
  void deviceNumbersAreEncodedAsTheKernelDoes(
      @ForAll @IntRange(max = 0xfff) int major, @ForAll @IntRange(max = 0xfffff) int minor) {
    Stat stat = new Stat();
    stat.rdevMajor = major;
    stat.rdevMinor = minor;
    int rdev = stat.rdev();
    // new_decode_dev of linux/kdev_t.h
    assertThat((rdev & 0xfff00) >>> 8).isEqualTo(major);
    assertThat((rdev & 0xff) | ((rdev >>> 12) & 0xfff00)).isEqualTo(minor);
  }
}
