package io.samepage.overlay;

import static io.samepage.overlay.HostTree.bytes;
import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.posix.Credentials;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import io.samepage.posix.Xattrs;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.opentest4j.TestAbortedException;

/** Files are created in a directory with a default ACL, and have what {@link DefaultAcl} says. */
final class DefaultAclTest {
  private static final int USER_OBJ = 1;
  private static final int USER = 2;
  private static final int GROUP_OBJ = 4;
  private static final int GROUP = 8;
  private static final int MASK = 0x10;
  private static final int OTHER = 0x20;
  private static final int NO_ID = -1;

  private static Path path;
  private static HostTree tree;

  record Entry(int tag, int permissions, int id) {}

  @BeforeContainer
  static void makeDirectory() throws Exception {
    path = java.nio.file.Files.createTempDirectory("samepage-acl");
    tree = new HostTree(path);
    tree.mkdir("d");
  }

  @AfterContainer
  static void removeDirectory() throws Exception {
    tree.close();
    try (Stream<Path> all = java.nio.file.Files.walk(path)) {
      for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
        java.nio.file.Files.delete(each);
      }
    }
  }

  private static byte[] encode(List<Entry> entries) {
    ByteBuffer b = ByteBuffer.allocate(4 + 8 * entries.size()).order(ByteOrder.LITTLE_ENDIAN);
    b.putInt(2);
    for (Entry entry : entries) {
      b.putShort((short) entry.tag).putShort((short) entry.permissions).putInt(entry.id);
    }
    return b.array();
  }

  @Provide
  Arbitrary<byte[]> acls() {
    Arbitrary<Integer> permissions = Arbitraries.integers().between(0, 7);
    Arbitrary<List<Integer>> ids = Arbitraries.of(0, 1, 1000, 65_534).list().ofMaxSize(2);
    return Combinators.combine(permissions.list().ofSize(9), ids, ids, Arbitraries.of(true, false))
        .as(DefaultAclTest::acl);
  }

  private static byte[] acl(
      List<Integer> permissions, List<Integer> users, List<Integer> groups, boolean withMask) {
    List<Entry> entries = new ArrayList<>();
    TreeMap<Integer, Integer> named = new TreeMap<>();
    entries.add(new Entry(USER_OBJ, permissions.get(0), NO_ID));
    for (int id : users) {
      named.put(id, permissions.get(1 + named.size()));
    }
    named.forEach((id, each) -> entries.add(new Entry(USER, each, id)));
    entries.add(new Entry(GROUP_OBJ, permissions.get(4), NO_ID));
    TreeMap<Integer, Integer> namedGroups = new TreeMap<>();
    for (int id : groups) {
      namedGroups.put(id, permissions.get(5 + namedGroups.size()));
    }
    namedGroups.forEach((id, each) -> entries.add(new Entry(GROUP, each, id)));
    if (withMask || !named.isEmpty() || !namedGroups.isEmpty()) {
      entries.add(new Entry(MASK, permissions.get(7), NO_ID));
    }
    entries.add(new Entry(OTHER, permissions.get(8), NO_ID));
    return encode(entries);
  }

  @Property(tries = 300)
  void aNewFileHasWhatTheKernelGivesIt(
      @ForAll("acls") byte[] acl, @ForAll @IntRange(max = 07777) int mode) throws Exception {
    try {
      Xattrs.set(tree.fd(), bytes("d"), DefaultAcl.DEFAULT, acl, 0);
    } catch (ErrnoException e) {
      if (e.errno() == Errno.EOPNOTSUPP) {
        throw new TestAbortedException("this file system has no ACLs");
      }
      throw e;
    }
    // What is set is what the kernel keeps, in its order.
    byte[] inherited = tree.xattr("d", DefaultAcl.DEFAULT);
    int wanted = Credentials.effectiveUid() == 0 ? mode : mode & 0777;
    Files.close(
        Files.open(tree.fd(), bytes("d/f"), Linux.O_CREAT | Linux.O_EXCL | Linux.O_WRONLY, wanted));
    Stat stat = tree.stat("d/f");
    byte[] access = Xattrs.find(tree.fd(), bytes("d/f"), DefaultAcl.ACCESS);
    Files.unlink(tree.fd(), bytes("d/f"));

    DefaultAcl result = DefaultAcl.apply(inherited, wanted);
    assertThat(result.mode()).isEqualTo(stat.mode & 07777);
    assertThat(result.access()).isEqualTo(access);
  }

  @Property(tries = 300)
  void junkIsNoFailure(@ForAll byte[] junk, @ForAll @IntRange(max = 07777) int mode)
      throws IOException {
    byte[] before = junk.clone();
    assertThat(DefaultAcl.apply(junk, mode).mode() & ~07777).isZero();
    assertThat(junk).as("the directory's own").isEqualTo(before);
  }
}
