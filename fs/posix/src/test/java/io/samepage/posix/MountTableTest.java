package io.samepage.posix;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Objects;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

final class MountTableTest {
  private static final String TEXT =
      """
      22 1 254:0 / / rw,relatime - ext4 /dev/root rw
      40 22 0:36 / /a\\040b\\134\\303 rw,nosuid shared:5 master:2 - fuse.samepage na\\012me rw,user_id=0
      41 22 254:0 /srv/data /mnt/x ro - ext4 /dev/root rw
      42 22 0:37 / /mnt/x rw - overlay - rw,lowerdir=l,workdir=w
      nonsense
      """;

  private static byte[] bytes(String latin1) {
    return latin1.getBytes(ISO_8859_1);
  }

  @Test
  void readsWhatTheKernelWrites() {
    MountTable table = MountTable.parse(bytes(TEXT));
    assertThat(table.mounts()).hasSize(4);
    MountTable.Mount mount = Objects.requireNonNull(table.byId(40));
    assertThat(mount.device()).isEqualTo("0:36");
    assertThat(mount.mountPoint()).isEqualTo(bytes("/a b\\\u00c3"));
    assertThat(mount.type()).isEqualTo("fuse.samepage");
    assertThat(mount.source()).isEqualTo(bytes("na\nme"));
    assertThat(mount.options()).isEqualTo(bytes("rw,user_id=0"));
    assertThat(Objects.requireNonNull(table.byId(41)).root()).isEqualTo(bytes("/srv/data"));
  }

  @Test
  void theTopmostMountIsTheLastOne() {
    MountTable table = MountTable.parse(bytes(TEXT));
    assertThat(Objects.requireNonNull(table.on(bytes("/mnt/x"))).id()).isEqualTo(42);
    assertThat(table.on(bytes("/mnt"))).isNull();
    assertThat(table.byId(99)).isNull();
  }

  @Test
  void theTableOfThisProcessHasItsRoot() throws Exception {
    Stat stat = new Stat();
    Files.statFollow(bytes("/"), stat);
    MountTable.Mount root = Objects.requireNonNull(MountTable.read().byId(stat.mountId));
    assertThat(root.mountPoint()).isEqualTo(bytes("/"));
  }

  @Property
  void anythingIsRead(@ForAll byte[] junk) {
    MountTable.parse(junk);
    byte[] line = bytes("1 2 3:4 /r /m o - t s o\n");
    byte[] both = java.util.Arrays.copyOf(line, line.length + junk.length);
    System.arraycopy(junk, 0, both, line.length, junk.length);
    assertThat(MountTable.parse(both).byId(1)).isNotNull();
  }
}
