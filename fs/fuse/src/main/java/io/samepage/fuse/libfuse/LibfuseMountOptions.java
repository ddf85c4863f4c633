package io.samepage.fuse.libfuse;

import io.samepage.posix.Credentials;
import io.samepage.posix.Linux;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * What a mount is to be.
 *
 * @param target path of the directory to mount on
 * @param fsname what mount(8) shows as source
 * @param flags MS_* flags of mount(2)
 * @param allowOther whether users other than the mounting one may use it; for an ordinary user
 *     /etc/fuse.conf must allow that
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record LibfuseMountOptions(byte[] target, byte[] fsname, long flags, boolean allowOther) {
  private static final String SUBTYPE = "samepage";

  /**
   * What libfuse 2 has an option for. It can say nothing of how access times are kept but noatime,
   * and to an ordinary user fusermount gives neither set-user-ID bits nor devices.
   */
  private static final List<Flag> FLAGS =
      List.of(
          new Flag(Linux.MS_RDONLY, "ro", ""),
          new Flag(Linux.MS_NOSUID, "nosuid", "suid"),
          new Flag(Linux.MS_NODEV, "nodev", "dev"),
          new Flag(Linux.MS_NOEXEC, "noexec", ""),
          new Flag(Linux.MS_SYNCHRONOUS, "sync", ""),
          new Flag(Linux.MS_DIRSYNC, "dirsync", ""),
          new Flag(Linux.MS_NOATIME, "noatime", ""));

  private record Flag(long bit, String set, String clear) {}

  /** The flags that libfuse 2 has no option for. */
  public long unknownFlags() {
    long known = Linux.MS_RELATIME; // the default
    for (Flag flag : FLAGS) {
      known |= flag.bit;
    }
    return flags & ~known;
  }

  /** For fuse_mount. */
  byte[] mountOptions() {
    List<String> options = new ArrayList<>();
    for (Flag flag : FLAGS) {
      boolean isSet = (flags & flag.bit) != 0;
      if (isSet) {
        options.add(flag.set);
      } else if (!flag.clear.isEmpty() && Credentials.effectiveUid() == 0) {
        options.add(flag.clear);
      }
    }
    options.add("default_permissions");
    if (allowOther) {
      options.add("allow_other");
    }
    // Whether the directory may have entries has been decided before.
    options.add("nonempty");
    options.add("subtype=" + SUBTYPE);
    options.add("fsname=");
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    bytes.writeBytes(String.join(",", options).getBytes(StandardCharsets.US_ASCII));
    for (byte b : fsname) {
      if (b == ',' || b == '\\') {
        bytes.write('\\');
      }
      bytes.write(b);
    }
    return bytes.toByteArray();
  }

  /**
   * For fuse_new. Timeouts are those that {@link Answers} puts in: without it nothing would be
   * kept, but a name that is absent must be answered as an entry at all.
   */
  static byte[] libraryOptions() {
    return ("use_ino,entry_timeout=0,attr_timeout=0,negative_timeout=1,big_writes,atomic_o_trunc"
            + ",async_read,no_splice_read,no_splice_write,no_splice_move"
            + ",max_write="
            + Requests.MAX_DATA
            + ",max_background=64,congestion_threshold=48")
        .getBytes(StandardCharsets.US_ASCII);
  }
}
