package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_in_header}: what every request begins with.
 *
 * <pre>
 *       +-------------------------+-------------------------+
 *     0 |           len           |          opcode         |
 *       +---------------------------------------------------+
 *     8 |                       unique                      |
 *       +---------------------------------------------------+
 *    16 |                       nodeid                      |
 *       +-------------------------+-------------------------+
 *    24 |           uid           |           gid           |
 *       +-------------------------+------------+------------+
 *    32 |           pid           |total_extlen|  padding   |
 *       +-------------------------+------------+------------+
 * </pre>
 */
public final class InHeader {
  public static final int LEN = 0;
  static final int OPCODE = 4;
  static final int UNIQUE = 8;
  static final int NODEID = 16;
  static final int UID = 24;
  static final int GID = 28;
  static final int PID = 32;
  static final int TOTAL_EXTLEN = 36;

  /** The size of the whole. */
  public static final int BYTES = 40;

  private InHeader() {}

  public static int len(ByteBuffer b, int at) {
    return b.getInt(at + LEN);
  }

  public static int opcode(ByteBuffer b, int at) {
    return b.getInt(at + OPCODE);
  }

  public static long unique(ByteBuffer b, int at) {
    return b.getLong(at + UNIQUE);
  }

  public static long nodeid(ByteBuffer b, int at) {
    return b.getLong(at + NODEID);
  }

  public static int uid(ByteBuffer b, int at) {
    return b.getInt(at + UID);
  }

  public static int gid(ByteBuffer b, int at) {
    return b.getInt(at + GID);
  }

  public static int pid(ByteBuffer b, int at) {
    return b.getInt(at + PID);
  }

  static int totalExtlen(ByteBuffer b, int at) {
    return b.getShort(at + TOTAL_EXTLEN) & 0xffff;
  }
}
