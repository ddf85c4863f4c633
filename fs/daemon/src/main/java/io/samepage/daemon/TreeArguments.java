package io.samepage.daemon;

import io.samepage.overlay.options.ByteString;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Directories that a command is given, by the names under which anybody finds them. */
final class TreeArguments {
  private TreeArguments() {}

  /** Full paths of directories, without symbolic links. */
  static List<ByteString> resolve(List<String> latin1) throws CommandFailure {
    return resolve(latin1, Linux.O_PATH | Linux.O_DIRECTORY);
  }

  /** Full paths of directories or files, without symbolic links. */
  static List<ByteString> resolveAny(List<String> latin1) throws CommandFailure {
    return resolve(latin1, Linux.O_PATH);
  }

  private static List<ByteString> resolve(List<String> latin1, int flags) throws CommandFailure {
    List<ByteString> paths = new ArrayList<>();
    for (String argument : latin1) {
      ByteString path = Arguments.bytes(argument);
      try (Fd fd = new Fd(Files.open(Linux.AT_FDCWD, path.toBytes(), flags, 0))) {
        byte[] link = ("/proc/self/fd/" + fd.number()).getBytes(StandardCharsets.US_ASCII);
        paths.add(ByteString.of(Files.readlink(Linux.AT_FDCWD, link)));
      } catch (ErrnoException e) {
        throw new CommandFailure(ExitCode.LAYERS, path + ": " + e.getMessage());
      }
    }
    return paths;
  }
}
