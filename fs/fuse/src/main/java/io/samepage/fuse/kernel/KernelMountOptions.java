package io.samepage.fuse.kernel;

/** What a mount is to be. Immutable; made by {@link #of} and changed copy by copy. */
public final class KernelMountOptions {
  /** Whether data may pass the daemon by. */
  public enum Passthrough {
    /** Wherever the kernel grants it. */
    AUTO,
    OFF
  }

  private final byte[] target;
  private final byte[] fsname;
  private final long flags;
  private final boolean allowOther;
  private final Passthrough passthrough;
  private final int maxStackDepth;
  private final int maxWorkers;
  private final long pollNanos;

  private KernelMountOptions(
      byte[] target,
      byte[] fsname,
      long flags,
      boolean allowOther,
      Passthrough passthrough,
      int maxStackDepth,
      int maxWorkers,
      long pollNanos) {
    this.target = target;
    this.fsname = fsname;
    this.flags = flags;
    this.allowOther = allowOther;
    this.passthrough = passthrough;
    this.maxStackDepth = maxStackDepth;
    this.maxWorkers = maxWorkers;
    this.pollNanos = pollNanos;
  }

  /**
   * A mount with nosuid and nodev left to {@link #withFlags}, for the mounting user alone, with
   * passthrough where it is granted.
   *
   * @param target path of the directory to mount on
   * @param fsname what mount(8) shows as source
   */
  public static KernelMountOptions of(byte[] target, byte[] fsname) {
    return new KernelMountOptions(
        target.clone(), fsname.clone(), 0, false, Passthrough.AUTO, 1, 16, 50_000);
  }

  /** MS_* flags of mount(2). */
  public KernelMountOptions withFlags(long newFlags) {
    return new KernelMountOptions(
        target, fsname, newFlags, allowOther, passthrough, maxStackDepth, maxWorkers, pollNanos);
  }

  /** Whether users other than the mounting one may use it. */
  public KernelMountOptions withAllowOther(boolean newAllowOther) {
    return new KernelMountOptions(
        target, fsname, flags, newAllowOther, passthrough, maxStackDepth, maxWorkers, pollNanos);
  }

  public KernelMountOptions withPassthrough(Passthrough newPassthrough) {
    return new KernelMountOptions(
        target, fsname, flags, allowOther, newPassthrough, maxStackDepth, maxWorkers, pollNanos);
  }

  /**
   * 1: this mount may itself be a layer of an overlayfs, and backing files must not be on a stacked
   * file system. 2: backing files may be on an overlayfs, and nothing can be stacked on this mount.
   */
  public KernelMountOptions withMaxStackDepth(int newMaxStackDepth) {
    if (newMaxStackDepth < 1 || newMaxStackDepth > 2) {
      throw new IllegalArgumentException("stack depth " + newMaxStackDepth);
    }
    return new KernelMountOptions(
        target, fsname, flags, allowOther, passthrough, newMaxStackDepth, maxWorkers, pollNanos);
  }

  /** How many requests may be in work at once. */
  public KernelMountOptions withMaxWorkers(int newMaxWorkers) {
    if (newMaxWorkers < 2) {
      throw new IllegalArgumentException(newMaxWorkers + " workers");
    }
    return new KernelMountOptions(
        target, fsname, flags, allowOther, passthrough, maxStackDepth, newMaxWorkers, pollNanos);
  }

  /** For how long a worker looks out for the next request before it sleeps; 0: not at all. */
  public KernelMountOptions withPollNanos(long newPollNanos) {
    return new KernelMountOptions(
        target, fsname, flags, allowOther, passthrough, maxStackDepth, maxWorkers, newPollNanos);
  }

  public byte[] target() {
    return target.clone();
  }

  public byte[] fsname() {
    return fsname.clone();
  }

  public long flags() {
    return flags;
  }

  public boolean allowOther() {
    return allowOther;
  }

  public Passthrough passthrough() {
    return passthrough;
  }

  public int maxStackDepth() {
    return maxStackDepth;
  }

  public int maxWorkers() {
    return maxWorkers;
  }

  public long pollNanos() {
    return pollNanos;
  }
}
