package io.samepage.posix;

import static io.samepage.posix.TestDirectory.bytes;
import static io.samepage.posix.TestDirectory.needsRoot;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two threads, of which one changes what it creates files as. */
final class CredentialsTest {
  private static final int NEW = Linux.O_CREAT | Linux.O_EXCL | Linux.O_WRONLY;

  @TempDir Path path;
  private TestDirectory dir;
  private final ExecutorService changed = Executors.newSingleThreadExecutor();
  private final ExecutorService other = Executors.newSingleThreadExecutor();

  @BeforeEach
  void open() throws Exception {
    dir = new TestDirectory(path);
    on(other, () -> null);
  }

  @AfterEach
  void close() {
    changed.shutdownNow();
    other.shutdownNow();
    dir.close();
  }

  private static <T> T on(ExecutorService thread, Callable<T> call) throws Exception {
    return thread.submit(call).get();
  }

  private Stat create(ExecutorService thread, String name) throws Exception {
    return on(
        thread,
        () -> {
          Files.close(Files.open(dir.fd(), bytes(name), NEW, 0777));
          return dir.stat(name);
        });
  }

  @Test
  void theUmaskOfAThreadThatLeftTheSharedStateIsItsOwn() throws Exception {
    int before =
        on(
            changed,
            () -> {
              Credentials.unshareFileSystemState();
              return Credentials.umask(0);
            });
    assertThat(create(changed, "a").mode & 0777).isEqualTo(0777);
    assertThat(on(changed, () -> Credentials.umask(037))).isZero();
    assertThat(create(changed, "b").mode & 0777).isEqualTo(0740);
    assertThat(create(other, "c").mode & 0777).isEqualTo(0777 & ~before);
  }

  @Test
  void fileSystemIdsAreTheThreadsOwn() throws Exception {
    needsRoot();
    Files.chmod(dir.fd(), 0777);
    on(
        changed,
        () -> {
          Credentials.setFsgid(4321);
          Credentials.setFsuid(1234);
          return null;
        });
    Stat mine = create(changed, "mine");
    assertThat(mine.uid).isEqualTo(1234);
    assertThat(mine.gid).isEqualTo(4321);
    Stat others = create(other, "others");
    assertThat(others.uid).isEqualTo(Credentials.effectiveUid());
    assertThat(others.gid).isEqualTo(Credentials.effectiveGid());
    on(
        changed,
        () -> {
          Credentials.setFsuid(0);
          Credentials.setFsgid(0);
          return null;
        });
    assertThat(create(changed, "again").uid).isZero();
  }
}
