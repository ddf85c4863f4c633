package io.samepage.dedup;

import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Stat;
import io.samepage.posix.StatFs;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.UUID;

/**
 * A number for a file system that no other has, on this host.
 *
 * <p>Where f_fsid comes from a UUID, it stays the same over reboots. Elsewhere the number is made
 * of the device number and the boot. There is none for file systems whose inodes may have other
 * content under the same times: images without change times (one that takes another's place on a
 * loop device looks just the same), and those that other hosts change (their ctime is another
 * clock's, and comes late).
 */
final class FileSystemId {
  /** What file systems without a number get. */
  static final long NONE = 0;

  private static final long EXT4 = 0xef53L;
  private static final long BTRFS = 0x9123683eL;
  private static final long TMPFS = StatFs.TMPFS_MAGIC;
  private static final long BCACHEFS = 0xca451a4eL;
  private static final long XFS = 0x58465342L;
  private static final long F2FS = 0xf2f52010L;
  private static final long ZFS = 0x2fc12fc1L;
  private static final long OVERLAYFS = StatFs.OVERLAYFS_MAGIC;

  private FileSystemId() {}

  /** What identifies the boot; looked up when it is needed first. */
  private static final class Boot {
    static final long ID = read();

    private static long read() {
      try {
        String text =
            java.nio.file.Files.readString(
                Path.of("/proc/sys/kernel/random/boot_id"), StandardCharsets.US_ASCII);
        UUID id = UUID.fromString(text.strip());
        return id.getMostSignificantBits() ^ id.getLeastSignificantBits();
      } catch (IOException | IllegalArgumentException e) {
        return UUID.randomUUID().getMostSignificantBits(); // good for this process alone
      }
    }
  }

  /**
   * The number of the file system of a descriptor, which may be an O_PATH one.
   *
   * @param dev {@link Stat#dev} of the same descriptor
   * @return {@link #NONE} if its files are not to be identified
   */
  static long of(int fd, long dev) throws ErrnoException {
    StatFs statfs = new StatFs();
    Files.statfs(fd, statfs);
    long type = statfs.type & 0xffffffffL;
    if (type == EXT4 || type == BTRFS || type == TMPFS || type == BCACHEFS) {
      if (statfs.fsid != 0) {
        return number(statfs.fsid, type);
      }
    } else if (type != XFS && type != F2FS && type != ZFS && type != OVERLAYFS) {
      return NONE;
    }
    return number(dev ^ Boot.ID, type);
  }

  private static long number(long base, long type) {
    long mixed = (base ^ type << 17) * 0x9e3779b97f4a7c15L;
    mixed ^= mixed >>> 32;
    return mixed == NONE ? 1 : mixed;
  }
}
