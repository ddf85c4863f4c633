package io.samepage.overlay;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Processes;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * O_PATH descriptors of directories, upper and lower ones, in a bounded cache. A directory is
 * opened by one component in its parent, never by a path, so that no symbolic link is ever
 * followed. A descriptor follows its directory through renames.
 *
 * <p>Upper directories are opened under the tree lock, since they are found by their names.
 */
final class Descriptors implements AutoCloseable {
  private static final int FLAGS = Linux.O_PATH | Linux.O_DIRECTORY | Linux.O_NOFOLLOW;

  private final Cache<Object, Shared> cache;
  private final @Nullable Layer upper;

  /**
   * How many a mount keeps: a quarter of what this process may have open; the rest is for files.
   */
  static int limit() throws ErrnoException {
    return (int) Math.max(64, Math.min(4096, Processes.descriptorLimit() / 4));
  }

  /**
   * A cache.
   *
   * @param limit how many descriptors are kept
   */
  Descriptors(int limit, @Nullable Layer upper) {
    this.upper = upper;
    this.cache =
        Caffeine.newBuilder()
            .maximumSize(limit)
            .executor(Runnable::run)
            .<Object, Shared>removalListener(
                (key, shared, cause) -> {
                  if (shared != null) {
                    shared.close();
                  }
                })
            .build();
  }

  /** A descriptor that several use: closed when the cache and all of them have let it go. */
  static final class Shared implements AutoCloseable {
    private final Fd fd;
    private final AtomicInteger users = new AtomicInteger(1);

    Shared(Fd fd) {
      this.fd = fd;
    }

    int number() {
      return fd.number();
    }

    private boolean acquire() {
      while (true) {
        int n = users.get();
        if (n == 0) {
          return false;
        }
        if (users.compareAndSet(n, n + 1)) {
          return true;
        }
      }
    }

    /** Lets it go. */
    @Override
    public void close() {
      if (users.decrementAndGet() == 0) {
        fd.close();
      }
    }
  }

  private @Nullable Shared cached(Object key) {
    Shared shared = cache.getIfPresent(key);
    return shared != null && shared.acquire() ? shared : null;
  }

  private Shared keep(Object key, int fd) {
    Shared shared = new Shared(new Fd(fd));
    shared.acquire();
    cache.put(key, shared);
    return shared;
  }

  /** A directory of a lower layer. */
  Shared lower(LayerDirectory directory) throws ErrnoException {
    Shared shared = cached(directory);
    if (shared != null) {
      return shared;
    }
    LayerDirectory parent = directory.parent();
    if (parent == null) {
      return keep(directory, Files.dup(directory.layer().rootFd()));
    }
    try (Shared above = lower(parent)) {
      return keep(directory, Files.open(above.number(), directory.name(), FLAGS, 0));
    }
  }

  /**
   * The upper part of a directory. ENOENT if it was removed and nothing holds it any more.
   *
   * <p>The caller holds the tree lock.
   */
  Shared upper(Directory directory) throws ErrnoException {
    Shared shared = cached(directory);
    if (shared != null) {
      return shared;
    }
    Fd anchor = directory.anchor();
    if (anchor != null) {
      return keep(directory, Files.dup(anchor.number()));
    }
    Directory parent = directory.parent();
    if (parent == null) {
      if (upper == null || directory.nodeid != io.samepage.fuse.FileSystem.ROOT) {
        throw ErrnoException.of(Errno.ENOENT);
      }
      return keep(directory, Files.dup(upper.rootFd()));
    }
    try (Shared above = upper(parent)) {
      return keep(directory, Files.open(above.number(), directory.name(), FLAGS, 0));
    }
  }

  /** Forgets a directory that went away. */
  void drop(Object directory) {
    cache.invalidate(directory);
  }

  @Override
  public void close() {
    cache.invalidateAll();
  }
}
