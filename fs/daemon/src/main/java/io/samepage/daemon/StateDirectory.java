package io.samepage.daemon;

import io.samepage.posix.Credentials;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Where daemons have their control sockets and their log. One socket for each mount, by the number
 * of its device as in /sys/fs/fuse/connections, which no two mounts have at a time:
 *
 * <pre>
 * /run/samepage/53.sock            as root; $XDG_RUNTIME_DIR/samepage for others
 * /var/log/samepage/samepage.log   as root; beside the sockets for others
 * </pre>
 */
final class StateDirectory {
  /** Names another directory for the sockets, and so for the log. */
  static final String RUN_DIR = "SAMEPAGE_RUN_DIR";

  /** Names another directory for the log alone. */
  static final String LOG_DIR = "SAMEPAGE_LOG_DIR";

  private static final String SOCKET = ".sock";
  private static final String LOG = "samepage.log";

  private final Path sockets;
  private final Path logs;

  private StateDirectory(Path sockets, Path logs) {
    this.sockets = sockets;
    this.logs = logs;
  }

  /** The directories that this user and environment have. */
  static StateDirectory ofThisUser() {
    return of(System.getenv(), Credentials.effectiveUid());
  }

  static StateDirectory of(Map<String, String> environment, int uid) {
    String run = given(environment, RUN_DIR);
    String runtime = given(environment, "XDG_RUNTIME_DIR");
    Path sockets;
    if (run != null) {
      sockets = Path.of(run);
    } else if (uid == 0) {
      sockets = Path.of("/run/samepage");
    } else if (runtime != null) {
      sockets = Path.of(runtime, "samepage");
    } else {
      sockets = Path.of("/tmp/samepage-" + Integer.toUnsignedString(uid));
    }
    String log = given(environment, LOG_DIR);
    Path logs;
    if (log != null) {
      logs = Path.of(log);
    } else if (uid == 0 && run == null) {
      logs = Path.of("/var/log/samepage");
    } else {
      logs = sockets;
    }
    return new StateDirectory(sockets.toAbsolutePath(), logs.toAbsolutePath());
  }

  private static @Nullable String given(Map<String, String> environment, String name) {
    String value = environment.get(name);
    return value == null || value.isEmpty() ? null : value;
  }

  /** Where the sockets are. */
  Path sockets() {
    return sockets;
  }

  /** The socket of a mount, by its device as in {@code 0:53}. */
  Path socket(String device) {
    return sockets.resolve(device.substring(device.indexOf(':') + 1) + SOCKET);
  }

  /** The device of the mount that a socket is of; null for another file. */
  static @Nullable String device(Path socket) {
    String name = String.valueOf(socket.getFileName());
    return name.matches("[0-9]+\\.sock")
        ? "0:" + name.substring(0, name.length() - SOCKET.length())
        : null;
  }

  /** The log of all daemons. */
  Path log() {
    return logs.resolve(LOG);
  }

  /**
   * Makes the directories where they are missing. Only this user may look into that of the sockets,
   * and only he may own it.
   */
  void make() throws ErrnoException {
    makePrivate(sockets);
    if (!logs.equals(sockets)) {
      makePrivate(logs);
    }
  }

  private static void makePrivate(Path directory) throws ErrnoException {
    byte[] path = directory.toString().getBytes(StandardCharsets.UTF_8);
    Path parent = directory.getParent();
    Stat stat = new Stat();
    int errno = Files.tryStat(Linux.AT_FDCWD, path, stat);
    if (errno == Errno.ENOENT && parent != null) {
      if (Files.tryStat(Linux.AT_FDCWD, parent.toString().getBytes(StandardCharsets.UTF_8), stat)
          == Errno.ENOENT) {
        makePrivate(parent);
      }
      try {
        Files.mkdir(Linux.AT_FDCWD, path, 0700);
      } catch (ErrnoException e) {
        if (e.errno() != Errno.EEXIST) {
          throw ErrnoException.of(e.errno(), directory.toString());
        }
      }
      errno = Files.tryStat(Linux.AT_FDCWD, path, stat);
    }
    if (errno != 0) {
      throw ErrnoException.of(errno, directory.toString());
    }
    if (!stat.isDirectory()) {
      throw ErrnoException.of(Errno.ENOTDIR, directory.toString());
    }
    if (stat.uid != Credentials.effectiveUid() && stat.uid != 0) {
      throw ErrnoException.of(Errno.EPERM, directory + " belongs to somebody else");
    }
  }
}
