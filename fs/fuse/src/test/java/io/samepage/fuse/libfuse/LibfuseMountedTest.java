package io.samepage.fuse.libfuse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.samepage.fuse.MountException;
import io.samepage.fuse.kernel.MemoryFileSystem;
import io.samepage.fuse.kernel.TestMount;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Real mounts through libfuse 2, used by child processes. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class LibfuseMountedTest {
  private final MemoryFileSystem fs = new MemoryFileSystem();
  private TestMount mount;

  @BeforeEach
  void mount() throws Exception {
    mount =
        TestMount.of(
            directory -> LibfuseTransport.mount(options(directory, "samepage,test\\"), fs),
            "not installed");
  }

  private static LibfuseMountOptions options(Path directory, String fsname) {
    return new LibfuseMountOptions(bytes(directory.toString()), bytes(fsname), 0, false);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @AfterEach
  void unmount() throws Exception {
    if (mount != null) {
      mount.close();
    }
  }

  /** Runs a shell script in the mount that ends with the first command that fails; its output. */
  private String sh(String script) throws Exception {
    return mount.sh("set -e\n" + script);
  }

  @Test
  void ordinaryProgramsWork() throws Exception {
    assertThat(
            sh(
                "mkdir -p a/b; echo text >a/b/f; ln a/b/f g; ln -s a/b l; mv a/b a/c; cat a/c/f g;"
                    + " stat -c %h g; readlink l; chmod 640 g; stat -c %a a/c/f; rm g;"
                    + " stat -c %h a/c/f; truncate -s 2 a/c/f; cat a/c/f; echo; touch -d @5 a/c/f;"
                    + " stat -c %Y a/c/f; mkfifo p; stat -c %F p; ls"))
        .isEqualTo("text\ntext\n2\na/b\n640\n1\nte\n5\nfifo\na\nl\np\n");
  }

  @Test
  void aFileThatIsUnlinkedOrReplacedWhileOpenLivesOn() throws Exception {
    assertThat(
            sh(
                "echo one >f; exec 3<>f; rm f; ls -A; stat -L -c %h /proc/self/fd/3; cat <&3;"
                    + " echo two >&3; chmod 600 /dev/fd/3; stat -L -c %a /proc/self/fd/3;"
                    + " exec 3>&-; echo a >x; exec 4<x; echo b >y; mv y x; cat x; cat <&4;"
                    + " exec 4>&-; mkdir d; echo z >d/z; exec 5<d/z; rm d/z; rmdir d; cat <&5;"
                    + " exec 5>&-; ls -A"))
        .isEqualTo("0\none\n600\nb\na\nz\nx\n");
    assertThat(fs.openHandles()).isZero();
  }

  @Test
  void namesNeedNotBeText() throws Exception {
    assertThat(
            sh("n=$(printf 'a\\377\\200b'); echo x >\"$n\"; mv \"$n\" \"$n$n\"; ls; cat \"$n$n\""))
        .contains("\u00ff\u0080b")
        .endsWith("x\n");
  }

  @Test
  void aDirectoryOfManyNamesIsRead() throws Exception {
    assertThat(sh("seq 20000 | xargs touch; ls | wc -l; ls -U | sort -u | wc -l"))
        .isEqualTo("20000\n20000\n");
  }

  @Test
  void largeFilesAreReadAndWritten() throws Exception {
    assertThat(
            sh(
                "dd if=/dev/urandom of=f bs=1M count=10 status=none; cp f g; cmp f g; dd if=f of=h bs=1M"
                    + " oflag=direct iflag=direct status=none || cp f h; cmp f h; echo same"))
        .isEqualTo("same\n");
    assertThat(mount.session().requests().get("WRITE"))
        .as("requests are larger than a page")
        .isLessThan(400);
  }

  @Test
  void aCallerWaitsForALockAndCanBeInterrupted() throws Exception {
    Assumptions.assumeTrue(Files.isExecutable(Path.of("/usr/bin/flock")), "no flock(1) here");
    assertThat(
            sh(
                "touch f; exec 3<>f; flock 3; timeout 1 flock f echo no || echo interrupted;"
                    + " flock -n f echo no || echo held; (flock f echo yes) & flock -u 3; wait"))
        .isEqualTo("interrupted\nheld\nyes\n");
  }

  @Test
  void theSessionEndsThoughSomebodyWaitsForALock() throws Exception {
    Assumptions.assumeTrue(Files.isExecutable(Path.of("/usr/bin/flock")), "no flock(1) here");
    Process waiter = mount.start("exec 3<>f; flock 3; flock f true");
    while (mount.session().requests().getOrDefault("SETLKW", 0L) < 2) {
      Thread.onSpinWait();
    }
    mount.abort();
    mount.session().awaitEnd();
    assertThat(waiter.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(fs.lookups()).isZero();
  }

  @Test
  void theSourceThatShowsIsTheOneThatWasAskedFor() throws Exception {
    assertThat(Files.readAllLines(Path.of("/proc/self/mounts")))
        .anyMatch(
            line ->
                line.startsWith("samepage,test\\134 " + mount.directory() + " fuse.samepage ")
                    && line.contains("default_permissions"));
    assertThat(mount.session().transport()).isEqualTo("libfuse");
    assertThat(mount.session().protocol()).startsWith("7.");
    assertThat(mount.session().passthrough()).isFalse();
  }

  @Test
  void whoUnmountsFromOutsideEndsTheSession() throws Exception {
    sh("echo x >f");
    TestMount.finish(new ProcessBuilder("umount", mount.directory().toString()).start());
    mount.session().awaitEnd();
    assertThat(fs.lookups()).isZero();
  }

  @Test
  void aTargetThatIsNotThereIsOneLine() throws Exception {
    Path missing = mount.directory().resolveSibling("samepage-libfuse-missing");
    assertThatThrownBy(
            () -> LibfuseTransport.mount(options(missing, "samepage"), new MemoryFileSystem()))
        .isInstanceOf(MountException.class)
        .hasMessageContaining(missing.toString())
        .message()
        .doesNotContain("\n");
  }
}
