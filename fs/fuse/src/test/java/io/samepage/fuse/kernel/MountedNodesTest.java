package io.samepage.fuse.kernel;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.fuse.Opened;
import io.samepage.fuse.Request;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Linux;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What the kernel keeps of the names and nodes of real mounts, and what it gives back. Everything
 * on them is done by child processes.
 */
@Timeout(value = 90, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class MountedNodesTest {
  private static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  @Test
  void aLargeDirectoryIsListedWholeAndOnce() throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem();
    for (int i = 0; i < 10_000; i++) {
      fs.add(fs.root(), "file-with-a-name-of-some-length-" + i, Linux.S_IFREG | 0644);
    }
    try (TestMount mount = TestMount.of(fs)) {
      assertThat(mount.sh("ls -f | sort | uniq | wc -l").trim()).isEqualTo("10002");
      long asked = mount.count("READDIR") + mount.count("READDIRPLUS");
      assertThat(mount.sh("ls -f | sort | uniq | wc -l").trim()).isEqualTo("10002");
      assertThat(mount.count("READDIR") + mount.count("READDIRPLUS"))
          .as("a second listing comes from the kernel's cache")
          .isEqualTo(asked);
      assertThat(mount.count("OPENDIR")).isEqualTo(1);
      long before = mount.count("LOOKUP") + mount.count("GETATTR");
      assertThat(mount.sh("ls -l | wc -l").trim()).isEqualTo("10001");
      assertThat(mount.sh("touch new; ls -f | wc -l").trim()).isEqualTo("10003");
      assertThat(mount.count("LOOKUP") + mount.count("GETATTR") - before).isLessThan(10_100);
    }
  }

  @Test
  void everyLookupIsForgotten() throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem();
    for (int i = 0; i < 500; i++) {
      fs.addFile("file" + i, bytes("content"));
    }
    try (TestMount mount = TestMount.of(fs)) {
      mount.sh(
          """
          set -e
          ls -lR >/dev/null; cat file* >/dev/null; rm file1*
          mkdir d; for i in 1 2 3 4 5 6 7 8 9; do echo $i > d/$i; ln d/$i d/l$i; done
          ls -l d >/dev/null; rm -r d; ln -s x y; mkfifo p
          """);
      assertThat(fs.lookups()).isPositive();
      mount.dropInodes();
      TestMount.await("forgets", () -> fs.lookups() == 0);
      TestMount.await("releases", () -> fs.openHandles() == 0);
    }
  }

  @Test
  void inodesAreForgottenInTheMiddleOfEverything() throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem();
    try (TestMount mount = TestMount.of(fs)) {
      List<Process> busy = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        busy.add(
            mount.startPython(
                """
                import os
                me = "%d"
                for n in range(150):
                    os.mkdir(me)
                    for name in "abcd":
                        with open(me + "/" + name, "w") as f: f.write(name * 1000)
                    os.rename(me + "/a", me + "/e")
                    os.link(me + "/b", me + "/f")
                    os.symlink("f", me + "/g")
                    assert sorted(os.listdir(me)) == list("bcdefg")
                    for name in "bcdefg":
                        with open(me + "/" + name) as f: assert len(f.read()) == 1000
                    for name in "bcdefg": os.unlink(me + "/" + name)
                    os.rmdir(me)
                """
                    .formatted(i)));
      }
      while (busy.stream().anyMatch(Process::isAlive)) {
        mount.dropInodes();
      }
      for (Process process : busy) {
        TestMount.finish(process);
      }
      mount.dropInodes();
      TestMount.await("forgets", () -> fs.lookups() == 0);
      TestMount.await("releases", () -> fs.openHandles() == 0);
    }
  }

  @Test
  void aFileThatIsNowAnotherNodeIsLookedUpAgain() throws Exception {
    MemoryFileSystem fs =
        new MemoryFileSystem() {
          @Override
          public synchronized void open(
              Request request, long nodeid, int flags, boolean killSuidgid, Opened opened)
              throws ErrnoException {
            MemoryNode node = node(nodeid);
            if (nodeid == 2 && node.nlink > 0) {
              unlink(request, ROOT, bytes("f"));
              addFile("f", bytes("new\n"));
              throw ErrnoException.of(Errno.ESTALE);
            }
            super.open(request, nodeid, flags, killSuidgid, opened);
          }
        };
    fs.addFile("f", bytes("old\n"));
    try (TestMount mount = TestMount.of(fs)) {
      assertThat(mount.sh("stat f >/dev/null; cat f")).isEqualTo("new\n");
      assertThat(mount.count("OPEN")).isEqualTo(2);
    }
  }

  @Test
  void theKernelDropsWhatItIsToldTo() throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem();
    MemoryNode node = fs.addFile("f", bytes("old\n"));
    try (TestMount mount = TestMount.of(fs)) {
      assertThat(mount.sh("cat f; ls appears 2>&1 | wc -l")).isEqualTo("old\n1\n");
      synchronized (fs) {
        node.data = bytes("new\n");
        fs.addFile("appears", bytes(""));
      }
      assertThat(mount.sh("cat f")).as("it is kept").isEqualTo("old\n");
      fs.connection.invalidateInode(node.id, 0, 0);
      fs.connection.invalidateInode(987654, 0, 0);
      fs.connection.invalidateEntry(1, bytes("appears"));
      fs.connection.invalidateEntry(1, bytes("never-was"));
      TestMount.await("the inode", () -> quietly(mount, "cat f").equals("new\n"));
      TestMount.await("the name", () -> quietly(mount, "ls appears").equals("appears\n"));
      synchronized (fs) {
        node.mode = Linux.S_IFREG | 0600;
      }
      fs.connection.invalidateInode(node.id, -1, 0);
      TestMount.await("the mode", () -> quietly(mount, "stat -c %a f").equals("600\n"));
    }
  }

  private static String quietly(TestMount mount, String script) {
    try {
      return mount.sh(script);
    } catch (Exception | AssertionError e) {
      return e.toString();
    }
  }

  @Test
  void attributesAreKeptForAsLongAsTheFileSystemSays() throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem();
    fs.addFile("f", bytes("x"));
    fs.addFile("d", bytes("x"));
    try (TestMount mount = TestMount.of(fs)) {
      // Once more for the attributes of the directory, whose time of access READDIR makes doubtful.
      mount.sh("for i in 1 2; do stat f d none; ls; done; true");
      var before = mount.session().requests();
      mount.sh("for i in 1 2 3 4 5; do stat f d none; ls; done; true");
      assertThat(mount.session().requests()).isEqualTo(before);
    }
  }
}
