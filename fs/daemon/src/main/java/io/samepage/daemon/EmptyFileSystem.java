package io.samepage.daemon;

import io.samepage.fuse.Attributes;
import io.samepage.fuse.FileSystem;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Linux;
import java.lang.reflect.Proxy;
import org.jspecify.annotations.Nullable;

/**
 * A file system that is one empty directory, read-only. The doctor mounts it to see what a mount
 * gets from this kernel.
 */
final class EmptyFileSystem {
  private EmptyFileSystem() {}

  static FileSystem create() {
    return (FileSystem)
        Proxy.newProxyInstance(
            FileSystem.class.getClassLoader(),
            new Class<?>[] {FileSystem.class},
            (proxy, method, arguments) -> answer(method.getName(), arguments));
  }

  private static @Nullable Object answer(String request, Object[] arguments) throws ErrnoException {
    switch (request) {
      case "init", "destroy", "forget", "release", "statfs", "readdir", "readdirplus" -> {
        return null;
      }
      case "getattr" -> {
        for (Object argument : arguments) {
          if (argument instanceof Attributes attributes) {
            attributes.ino = FileSystem.ROOT;
            attributes.mode = Linux.S_IFDIR | 0555;
            attributes.nlink = 2;
          }
        }
        return null;
      }
      case "lookup" -> throw ErrnoException.of(Errno.ENOENT);
      case "hashCode" -> {
        return 1;
      }
      default -> throw ErrnoException.of(Errno.EROFS);
    }
  }
}
