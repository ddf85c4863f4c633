package io.samepage.posix;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The constants of this package, as a C compiler knows them from the headers. */
final class HeadersTest {
  private static final String INCLUDES =
      """
      #define _GNU_SOURCE
      #include <dirent.h>
      #include <errno.h>
      #include <fcntl.h>
      #include <poll.h>
      #include <sched.h>
      #include <stdio.h>
      #include <sys/ioctl.h>
      #include <sys/mount.h>
      #include <sys/stat.h>
      #include <sys/types.h>
      #include <sys/xattr.h>
      #include <unistd.h>
      #include <linux/fs.h>
      #include <linux/openat2.h>
      // Headers that are older than the constant.
      #ifndef FS_IOC_GETFSUUID
      struct fsuuid2 { __u8 len; __u8 uuid[16]; };
      #define FS_IOC_GETFSUUID _IOR(0x15, 0, struct fsuuid2)
      #endif
      #ifndef STATX_MNT_ID_UNIQUE
      #define STATX_MNT_ID_UNIQUE 0x00004000U
      #endif
      // sys/mount.h of glibc before 2.36 has none of these, and linux/mount.h cannot be beside it.
      #ifndef MOUNT_ATTR_RDONLY
      #define MOUNT_ATTR_RDONLY 0x00000001
      #define MOUNT_ATTR_NOSUID 0x00000002
      #define MOUNT_ATTR_NODEV 0x00000004
      #define MOUNT_ATTR_NOEXEC 0x00000008
      #define MOUNT_ATTR__ATIME 0x00000070
      #define MOUNT_ATTR_NOATIME 0x00000010
      #define OPEN_TREE_CLONE 1
      #endif
      #ifndef MS_NOSYMFOLLOW
      #define MS_NOSYMFOLLOW 256
      #endif
      """;

  /** Of the kernel itself, in no header for programs. */
  private static final Set<String> INTERNAL = Set.of("FMODE_EXEC");

  /** What the headers say is 0 because all files are large ones for the compiler. */
  private static final Set<String> HIDDEN = Set.of("O_LARGEFILE");

  private static Map<String, Long> constants() throws IllegalAccessException {
    Map<String, Long> constants = new HashMap<>();
    for (Class<?> from : new Class<?>[] {Linux.class, Errno.class}) {
      for (Field field : from.getDeclaredFields()) {
        int modifiers = field.getModifiers();
        if (Modifier.isPublic(modifiers)
            && Modifier.isStatic(modifiers)
            && field.getType().isPrimitive()) {
          constants.put(field.getName(), field.getLong(null));
        }
      }
    }
    constants.keySet().removeAll(INTERNAL);
    constants.keySet().removeAll(HIDDEN);
    return constants;
  }

  @Test
  void constantsAreThoseOfTheHeaders(@TempDir Path dir) throws Exception {
    CProgram.needsCompiler();
    Map<String, Long> constants = constants();
    assertThat(constants).hasSizeGreaterThan(140);
    StringBuilder program = new StringBuilder(INCLUDES).append("int main(void) {\n");
    for (String name : constants.keySet()) {
      program.append("  printf(\"%s %lld\\n\", \"" + name + "\", (long long) " + name + ");\n");
    }
    program.append("  return 0;\n}\n");
    assertThat(CProgram.numbers(dir, program.toString()))
        .containsExactlyInAnyOrderEntriesOf(constants);
  }

  @Test
  void errorNumbersHaveTheirNames() throws Exception {
    Set<Integer> seen = new HashSet<>();
    for (Field field : Errno.class.getFields()) {
      int errno = field.getInt(null);
      assertThat(Errno.name(errno)).isEqualTo(field.getName());
      assertThat(seen.add(errno)).isTrue();
    }
    assertThat(Errno.name(133)).isEqualTo("errno 133");
  }
}
