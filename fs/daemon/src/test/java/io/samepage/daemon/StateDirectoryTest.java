package io.samepage.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.samepage.posix.ErrnoException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class StateDirectoryTest {
  @Test
  void rootHasTheDirectoriesOfTheSystem() {
    StateDirectory state = StateDirectory.of(Map.of("XDG_RUNTIME_DIR", "/run/user/0"), 0);
    assertThat(state.sockets()).hasToString("/run/samepage");
    assertThat(state.log()).hasToString("/var/log/samepage/samepage.log");
    assertThat(state.socket("0:53")).hasToString("/run/samepage/53.sock");
  }

  @Test
  void othersHaveTheirOwn() {
    assertThat(StateDirectory.of(Map.of("XDG_RUNTIME_DIR", "/run/user/7"), 7).log())
        .hasToString("/run/user/7/samepage/samepage.log");
    assertThat(StateDirectory.of(Map.of("XDG_RUNTIME_DIR", ""), 7).sockets())
        .hasToString("/tmp/samepage-7");
  }

  @Test
  void theEnvironmentNamesOthers() {
    StateDirectory one = StateDirectory.of(Map.of("SAMEPAGE_RUN_DIR", "/r"), 0);
    assertThat(one.log()).hasToString("/r/samepage.log");
    StateDirectory two =
        StateDirectory.of(Map.of("SAMEPAGE_RUN_DIR", "/r", "SAMEPAGE_LOG_DIR", "/l"), 0);
    assertThat(two.sockets()).hasToString("/r");
    assertThat(two.log()).hasToString("/l/samepage.log");
  }

  @Test
  void aSocketTellsItsDevice() {
    assertThat(StateDirectory.device(Path.of("/r/53.sock"))).isEqualTo("0:53");
    assertThat(StateDirectory.device(Path.of("/r/53.sock.4711"))).isNull();
    assertThat(StateDirectory.device(Path.of("/r/samepage.log"))).isNull();
  }

  @Test
  void directoriesAreMadeForThisUserAlone(@TempDir Path dir) throws Exception {
    Path run = dir.resolve("a/b");
    StateDirectory state = StateDirectory.of(Map.of("SAMEPAGE_RUN_DIR", run.toString()), 1);
    state.make();
    state.make();
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(run)))
        .isEqualTo("rwx------");
  }

  @Test
  void aFileInTheWayIsAnError(@TempDir Path dir) throws Exception {
    Path run = Files.createFile(dir.resolve("file"));
    StateDirectory state = StateDirectory.of(Map.of("SAMEPAGE_RUN_DIR", run.toString()), 1);
    assertThatThrownBy(state::make)
        .isInstanceOf(ErrnoException.class)
        .hasMessageContaining(run.toString());
  }
}
