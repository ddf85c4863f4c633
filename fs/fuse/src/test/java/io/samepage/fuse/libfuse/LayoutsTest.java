package io.samepage.fuse.libfuse;

import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.posix.CProgram;
import java.lang.reflect.Field;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import ru.serce.jnrfuse.FuseCallbacks;
import ru.serce.jnrfuse.struct.FuseFileInfo;

/** The layouts of this package, as a C compiler knows them; and what jnr-fuse has wrong of them. */
final class LayoutsTest {
  /** Those of libfuse as its headers of 2.9.9 have them, which need not be installed. */
  private static final String HEADERS =
      """
      #define _GNU_SOURCE
      #define _FILE_OFFSET_BITS 64
      #include <fcntl.h>
      #include <stddef.h>
      #include <stdint.h>
      #include <stdio.h>
      #include <sys/stat.h>
      #include <sys/statvfs.h>
      #include <sys/types.h>
      #include <sys/uio.h>
      typedef void (*function)(void);
      struct fuse_file_info {
        int flags; unsigned long fh_old; int writepage;
        unsigned int direct_io : 1; unsigned int keep_cache : 1; unsigned int flush : 1;
        unsigned int nonseekable : 1; unsigned int flock_release : 1; unsigned int padding : 27;
        uint64_t fh; uint64_t lock_owner;
      };
      struct fuse_conn_info {
        unsigned proto_major, proto_minor, async_read, max_write, max_readahead, capable, want;
        unsigned max_background, congestion_threshold, reserved[23];
      };
      struct fuse_context {
        struct fuse *fuse; uid_t uid; gid_t gid; pid_t pid; void *private_data; mode_t umask;
      };
      struct fuse_args { int argc; char **argv; int allocated; };
      struct fuse_chan_ops { function receive, send, destroy; };
      struct fuse_operations {
        function getattr, readlink, getdir, mknod, mkdir, unlink, rmdir, symlink, rename, link, chmod,
            chown, truncate, utime, open, read, write, statfs, flush, release, fsync, setxattr,
            getxattr, listxattr, removexattr, opendir, readdir, releasedir, fsyncdir, init, destroy,
            access, create, ftruncate, fgetattr, lock, utimens, bmap;
        unsigned int flag_nullpath_ok : 1; unsigned int flag_nopath : 1;
        unsigned int flag_utime_omit_ok : 1; unsigned int flag_reserved : 29;
        function ioctl, poll, write_buf, read_buf, flock, fallocate;
      };
      static int word(size_t at, const void *of) { return ((const int *)of)[at / 4]; }
      """;

  /** What is compared: the constants of each class in {@link Layouts}, by what they mean in C. */
  private static Map<String, Long> constants() throws IllegalAccessException {
    Map<String, Long> constants = new HashMap<>();
    for (Class<?> layout : Layouts.class.getDeclaredClasses()) {
      for (Field field : layout.getDeclaredFields()) {
        if (field.getType() == long.class || field.getType() == int.class) {
          constants.put(layout.getSimpleName() + "." + field.getName(), field.getLong(null));
        }
      }
    }
    return constants;
  }

  /** The same in C; null: a bit, which is compared apart. */
  private static String inC(String constant) {
    String layout = constant.substring(0, constant.indexOf('.'));
    String field = constant.substring(constant.indexOf('.') + 1).toLowerCase(Locale.ROOT);
    String struct =
        switch (layout) {
          case "Operations" -> "struct fuse_operations";
          case "FileInfo" -> "struct fuse_file_info";
          case "Context" -> "struct fuse_context";
          case "StatOut" -> "struct stat";
          case "Time" -> "struct timespec";
          case "StatvfsOut" -> "struct statvfs";
          case "ConnInfo" -> "struct fuse_conn_info";
          case "Args" -> "struct fuse_args";
          case "ChanOps" -> "struct fuse_chan_ops";
          case "Iovec" -> "struct iovec";
          default -> throw new AssertionError(layout);
        };
    if (field.equals("bytes")) {
      return "sizeof(" + struct + ")";
    }
    String member =
        switch (layout) {
          case "Operations" -> field.equals("flags") ? "bmap) + sizeof(function" : null;
          case "FileInfo" ->
              switch (field) {
                case "bits" -> "writepage) + sizeof(int";
                case "flock_release" -> null;
                default -> field;
              };
          case "StatOut" ->
              switch (field) {
                case "atime", "mtime", "ctime" -> "st_" + field.replace("time", "tim");
                default -> "st_" + field;
              };
          case "Time" -> "tv_nsec";
          case "StatvfsOut" -> "f_" + field;
          case "ConnInfo" -> field.startsWith("cap_") ? null : field;
          case "Iovec" -> "iov_" + field;
          default -> field;
        };
    return member == null ? null : "offsetof(" + struct + ", " + member + ")";
  }

  @Test
  void layoutsAreThoseOfTheCompiler(@TempDir Path dir) throws Exception {
    CProgram.needsCompiler();
    Map<String, Long> constants = constants();
    assertThat(constants).hasSizeGreaterThan(50);
    StringBuilder program = new StringBuilder(HEADERS).append("int main(void) {\n");
    constants.keySet().removeIf(constant -> inC(constant) == null);
    for (String constant : constants.keySet()) {
      program.append(
          "  printf(\"%s %zu\\n\", \"" + constant + "\", (size_t)(" + inC(constant) + "));\n");
    }
    // The bits, set by their names and read as the word that Layouts takes them for.
    program.append(
        """
          struct fuse_operations ops = {.flag_nullpath_ok = 1};
          struct fuse_operations nopath = {.flag_nopath = 1};
          struct fuse_operations omit = {.flag_utime_omit_ok = 1};
          struct fuse_file_info info = {.flock_release = 1};
          size_t flags = offsetof(struct fuse_operations, bmap) + sizeof(function);
          size_t bits = offsetof(struct fuse_file_info, writepage) + sizeof(int);
          printf("Operations.NULLPATH_OK %d\\n", word(flags, &ops));
          printf("Operations.NOPATH %d\\n", word(flags, &nopath));
          printf("Operations.UTIME_OMIT_OK %d\\n", word(flags, &omit));
          printf("FileInfo.FLOCK_RELEASE %d\\n", word(bits, &info));
          printf("nlink %zu\\n", sizeof(((struct stat *)0)->st_nlink));
        """);
    program.append("  return 0;\n}\n");
    Map<String, Long> found = CProgram.numbers(dir, program.toString());
    assertThat(found.remove("nlink"))
        .isEqualTo(Layouts.StatOut.WIDE_NLINK ? Long.BYTES : Integer.BYTES);
    constants.put("Operations.NULLPATH_OK", (long) Layouts.Operations.NULLPATH_OK);
    constants.put("Operations.NOPATH", (long) Layouts.Operations.NOPATH);
    constants.put("Operations.UTIME_OMIT_OK", (long) Layouts.Operations.UTIME_OMIT_OK);
    constants.put("FileInfo.FLOCK_RELEASE", (long) Layouts.FileInfo.FLOCK_RELEASE);
    assertThat(found).containsExactlyInAnyOrderEntriesOf(constants);
  }

  /** When this fails a newer jnr-fuse is right, and {@link Layouts} can do without its own. */
  @Test
  void jnrFuseIsStillWrong() throws Exception {
    assertThat(FuseFileInfo.class.getFields())
        .extracting(Field::getName)
        .contains("direct_io", "fh")
        .doesNotContain("writepage");
    assertThat(FuseCallbacks.FsyncdirCallback.class.getDeclaredMethods()[0].getParameterCount())
        .as("fsyncdir: path, whether data alone, fi")
        .isEqualTo(2);
  }
}
