package io.samepage.fuse.kernel;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Waiting for locks on real mounts. Everything on them is done by child processes. */
@Timeout(value = 90, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class MountedLocksTest {
  private static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  @Test
  void theWaitForALockEndsWhenItIsGrantedOrInterrupted() throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem();
    fs.addFile("f", bytes("x"));
    try (TestMount mount = TestMount.of(fs)) {
      mount.python(
          """
          import fcntl, os, signal, time
          class Alarm(Exception): pass
          def alarm(*_): raise Alarm()
          signal.signal(signal.SIGALRM, alarm)
          for lock in (fcntl.flock, fcntl.lockf):
              mine = open("f", "r+")
              lock(mine, fcntl.LOCK_EX)
              ready, go = os.pipe()
              child = os.fork()
              if child == 0:
                  other = open("f", "r+")
                  try: lock(other, fcntl.LOCK_EX | fcntl.LOCK_NB); os._exit(1)
                  except BlockingIOError: pass
                  signal.setitimer(signal.ITIMER_REAL, 0.2)
                  try: lock(other, fcntl.LOCK_EX); os._exit(2)
                  except Alarm: pass
                  os.write(go, b"x")
                  lock(other, fcntl.LOCK_EX)
                  os._exit(0)
              os.read(ready, 1)
              time.sleep(0.1)
              assert os.waitpid(child, os.WNOHANG) == (0, 0)
              lock(mine, fcntl.LOCK_UN)
              assert os.waitpid(child, 0)[1] == 0
              mine.close()
          """);
      assertThat(mount.count("INTERRUPT")).isEqualTo(2);
      TestMount.await("releases", () -> fs.openHandles() == 0);
    }
  }

  @Test
  void aSignalKillsWhoWaitsForALock() throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem();
    fs.addFile("f", bytes("x"));
    try (TestMount mount = TestMount.of(fs)) {
      Process holder = mount.start("exec 3<f; flock 3; sleep 60");
      TestMount.await("a lock", () -> mount.count("SETLKW") == 1);
      List<Process> waiters = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        waiters.add(mount.start("exec 3<f; exec flock 3"));
      }
      TestMount.await("waiters", () -> mount.count("SETLKW") == 41);
      assertThat(mount.sh("cat f")).as("workers are free").isEqualTo("x");
      waiters.forEach(Process::destroyForcibly);
      for (Process waiter : waiters) {
        assertThat(waiter.waitFor(10, TimeUnit.SECONDS)).isTrue();
      }
      holder.descendants().forEach(ProcessHandle::destroyForcibly);
      holder.destroyForcibly();
      TestMount.await("releases", () -> fs.openHandles() == 0);
    }
  }
}
