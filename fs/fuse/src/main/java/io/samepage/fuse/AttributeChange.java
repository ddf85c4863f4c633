package io.samepage.fuse;

/**
 * What SETATTR is to change. A mutable record of a request, used again for the next one. It may
 * name nothing at all ({@link #isEmpty}).
 */
public final class AttributeChange {
  /** An open handle through which the change comes (ftruncate), or {@link Opened#NO_HANDLE}. */
  public long handle;

  public boolean setMode;
  public int mode;
  public boolean setUid;
  public int uid;
  public boolean setGid;
  public int gid;
  public boolean setSize;
  public long size;
  public boolean setAtime;
  public boolean atimeNow;
  public long atimeSeconds;
  public int atimeNanos;
  public boolean setMtime;
  public boolean mtimeNow;
  public long mtimeSeconds;
  public int mtimeNanos;

  /** FATTR_KILL_SUIDGID: clear the set-user-ID and set-group-ID bits as write(2) does. */
  public boolean killSuidgid;

  /**
   * Whether nothing is named: chown(2) to the owner and group that it has, or what goes before a
   * write past the daemon to a file with set-user-ID or set-group-ID bits, by somebody whose writes
   * take them away. fuse_setattr() leaves that to the file system and does not say it.
   */
  public boolean isEmpty() {
    return !(setMode || setUid || setGid || setSize || setAtime || setMtime || killSuidgid);
  }
}
