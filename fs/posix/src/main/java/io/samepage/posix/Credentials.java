package io.samepage.posix;

import static io.samepage.posix.LibC.C;

/**
 * What the calling thread creates files as. Linux keeps file system IDs by thread; the umask too,
 * once the thread has left the process's shared state ({@link #unshareFileSystemState}).
 */
public final class Credentials {
  private Credentials() {}

  /** setfsuid(2) of this thread alone. */
  public static void setFsuid(int uid) {
    C.setfsuid(uid);
  }

  /** setfsgid(2) of this thread alone. */
  public static void setFsgid(int gid) {
    C.setfsgid(gid);
  }

  /** umask(2); returns the old one. */
  public static int umask(int mask) {
    return C.umask(mask);
  }

  /** unshare(2) with CLONE_FS: from now on umask and working directory are this thread's own. */
  public static void unshareFileSystemState() throws ErrnoException {
    Files.check(C.unshare(Linux.CLONE_FS));
  }

  public static int effectiveUid() {
    return C.geteuid();
  }

  public static int effectiveGid() {
    return C.getegid();
  }
}
