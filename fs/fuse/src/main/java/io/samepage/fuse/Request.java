package io.samepage.fuse;

/**
 * On whose behalf a request comes. One object a worker, filled anew for each request; not to be
 * kept.
 */
public final class Request {
  private int uid;
  private int gid;
  private int pid;
  private boolean direct;

  /** Called by the transport before each request. */
  public void set(int newUid, int newGid, int newPid) {
    uid = newUid;
    gid = newGid;
    pid = newPid;
    direct = false;
  }

  /** Called by the transport before a READ or WRITE. */
  public void setDirect(boolean on) {
    direct = on;
  }

  /** The file system user ID of the caller. */
  public int uid() {
    return uid;
  }

  /** The file system group ID of the caller. */
  public int gid() {
    return gid;
  }

  /** The process ID of the caller in the daemon's pid namespace, 0 if it has none there. */
  public int pid() {
    return pid;
  }

  /**
   * Whether the descriptor that is read or written has O_DIRECT at this moment. It may have lost it
   * since it was opened: who writes a file with direct I/O takes it off for the last part of a
   * block (F_SETFL).
   */
  public boolean isDirect() {
    return direct;
  }
}
