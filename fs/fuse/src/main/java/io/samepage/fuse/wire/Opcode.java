package io.samepage.fuse.wire;

import java.util.Arrays;

/** Every opcode of FUSE 7.45, by the name that {@code enum fuse_opcode} has for it. */
public enum Opcode {
  /** Any number that none of the others has. */
  UNKNOWN(0),

  LOOKUP(1),
  FORGET(2),
  GETATTR(3),
  SETATTR(4),
  READLINK(5),
  SYMLINK(6),
  MKNOD(8),
  MKDIR(9),
  UNLINK(10),
  RMDIR(11),
  RENAME(12),
  LINK(13),
  OPEN(14),
  READ(15),
  WRITE(16),
  STATFS(17),
  RELEASE(18),
  FSYNC(20),
  SETXATTR(21),
  GETXATTR(22),
  LISTXATTR(23),
  REMOVEXATTR(24),
  FLUSH(25),
  INIT(26),
  OPENDIR(27),
  READDIR(28),
  RELEASEDIR(29),
  FSYNCDIR(30),
  GETLK(31),
  SETLK(32),
  SETLKW(33),
  ACCESS(34),
  CREATE(35),
  INTERRUPT(36),
  BMAP(37),
  DESTROY(38),
  IOCTL(39),
  POLL(40),
  NOTIFY_REPLY(41),
  BATCH_FORGET(42),
  FALLOCATE(43),
  READDIRPLUS(44),
  RENAME2(45),
  LSEEK(46),
  COPY_FILE_RANGE(47),
  SETUPMAPPING(48),
  REMOVEMAPPING(49),
  SYNCFS(50),
  TMPFILE(51),
  STATX(52),
  COPY_FILE_RANGE_64(53),
  CUSE_INIT(4096);

  /** How many there are. */
  public static final int COUNT = values().length;

  /** Without that of CUSE, whose number is far from the others. */
  private static final Opcode[] BY_NUMBER = new Opcode[54];

  static {
    Arrays.fill(BY_NUMBER, UNKNOWN);
    for (Opcode opcode : values()) {
      if (opcode.number < BY_NUMBER.length) {
        BY_NUMBER[opcode.number] = opcode;
      }
    }
  }

  private final int number;

  Opcode(int number) {
    this.number = number;
  }

  /** The opcode of a number. */
  public static Opcode of(int number) {
    if (number >= 0 && number < BY_NUMBER.length) {
      return BY_NUMBER[number];
    }
    return number == CUSE_INIT.number ? CUSE_INIT : UNKNOWN;
  }

  public int number() {
    return number;
  }

  /** Its place in a table of all, of {@link #COUNT} places. */
  @SuppressWarnings("EnumOrdinal") // Such a table lives as long as the program.
  public int index() {
    return ordinal();
  }

  /** Whether its sender waits for an answer, be it an error. */
  public boolean repliesToErrors() {
    return this != FORGET && this != BATCH_FORGET && this != INTERRUPT;
  }
}
