package io.samepage.fuse.kernel;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A real mount of {@link MemoryFileSystem}. Everything on it is done by child processes. */
@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class MountedTest {
  @Test
  void aFileIsRead() throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem();
    fs.addFile("greeting", "hello\n".getBytes(US_ASCII));
    try (TestMount mount = TestMount.of(fs)) {
      assertThat(mount.sh("ls -l; cat greeting")).contains("greeting").endsWith("hello\n");
    }
    assertThat(fs.destroyed).isEqualTo(1);
  }
}
