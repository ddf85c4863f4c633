package io.samepage.daemon;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A log file that many processes append to, a line with one write each. Whoever finds it too large
 * moves it aside, over the one that was moved aside before; whoever finds that the file is no
 * longer the one he has open (another process, or logrotate, has moved it) opens it anew. So all
 * that daemons ever leave behind is two files of bounded size. Not thread-safe.
 */
final class SharedLogFile implements AutoCloseable {
  private static final Set<StandardOpenOption> APPEND =
      Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.APPEND);

  private final Path path;
  private final long limit;
  private @Nullable FileChannel channel;
  private @Nullable Object openKey;

  /**
   * A file that need not be there yet.
   *
   * @param limit the size in bytes at which it is moved aside
   */
  SharedLogFile(Path path, long limit) {
    this.path = path;
    this.limit = limit;
  }

  /** Appends a line, which has its line feed already. */
  void append(byte[] line) throws IOException {
    FileChannel out = current();
    if (out.size() + line.length > limit && out.size() > 0) {
      moveAside(out);
      out = current();
    }
    out.write(ByteBuffer.wrap(line));
  }

  /** The file that the name means now. */
  private FileChannel current() throws IOException {
    FileChannel open = channel;
    if (open != null && openKey != null && openKey.equals(key())) {
      return open;
    }
    close();
    FileChannel opened =
        FileChannel.open(
            path,
            APPEND,
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    channel = opened;
    openKey = key();
    return opened;
  }

  private @Nullable Object key() throws IOException {
    try {
      return Files.readAttributes(path, BasicFileAttributes.class).fileKey();
    } catch (NoSuchFileException e) {
      return null;
    }
  }

  /** Under a lock, since two processes may come to it at once. */
  private void moveAside(FileChannel out) throws IOException {
    try (FileLock lock = out.tryLock()) {
      if (lock != null && Objects.equals(openKey, key())) {
        Files.move(
            path,
            path.resolveSibling(path.getFileName() + ".1"),
            StandardCopyOption.ATOMIC_MOVE,
            StandardCopyOption.REPLACE_EXISTING);
      }
    }
  }

  @Override
  public void close() throws IOException {
    if (channel != null) {
      channel.close();
      channel = null;
    }
  }
}
