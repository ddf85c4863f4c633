package io.samepage.fuse.wire;

/** The commands of ioctl(2) on a descriptor of /dev/fuse: FUSE_DEV_IOC_*. */
public final class DeviceIoctls {
  /** Makes a descriptor that has just been opened one more of a connection. */
  public static final long CLONE = 0x8004e500L;

  /** Registers the file of a {@link BackingMap} for passthrough; the result is its number. */
  public static final long BACKING_OPEN = 0x4010e501L;

  /** Ends a registration, by its number. */
  public static final long BACKING_CLOSE = 0x4004e502L;

  private DeviceIoctls() {}
}
