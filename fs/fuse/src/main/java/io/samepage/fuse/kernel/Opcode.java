package io.samepage.fuse.kernel;

import io.samepage.fuse.workers.RequestKind;
import org.jspecify.annotations.Nullable;

/**
 * Every opcode of FUSE 7.45 and what becomes of it: a handler, or ENOSYS with the reason. A kernel
 * that gets ENOSYS for one of these does without it from then on, which is what those reasons count
 * on. Anything that is not in this table gets ENOSYS too.
 */
enum Opcode {
  LOOKUP(1, NameRequests::lookup),
  FORGET(2, NodeRequests::forget),
  GETATTR(3, NodeRequests::getattr),
  SETATTR(4, NodeRequests::setattr),
  READLINK(5, NodeRequests::readlink),
  SYMLINK(6, NameRequests::symlink),
  MKNOD(8, NameRequests::mknod),
  MKDIR(9, NameRequests::mkdir),
  UNLINK(10, NameRequests::unlink),
  RMDIR(11, NameRequests::rmdir),
  RENAME(12, NameRequests::rename),
  LINK(13, NameRequests::link),
  OPEN(14, OpenRequests::open),
  READ(15, DataRequests::read),
  WRITE(16, DataRequests::write),
  STATFS(17, NodeRequests::statfs),
  RELEASE(18, OpenRequests::release),
  FSYNC(20, DataRequests::fsync),
  SETXATTR(21, XattrRequests::setxattr),
  GETXATTR(22, XattrRequests::getxattr),
  LISTXATTR(23, XattrRequests::listxattr),
  REMOVEXATTR(24, XattrRequests::removexattr),
  FLUSH(25, OpenRequests::flush),
  INIT(26, "the connection has been initialised by Handshake, and is only once"),
  OPENDIR(27, "directories have no handles; the kernel then keeps what READDIR said of them"),
  READDIR(28, DirectoryRequests::readdir),
  RELEASEDIR(29, "directories have no handles"),
  FSYNCDIR(30, DirectoryRequests::fsyncdir),
  GETLK(31, LockRequests::getlk),
  SETLK(32, LockRequests::setlk),
  SETLKW(33, LockRequests::setlkw),
  ACCESS(34, "the kernel checks permissions itself (default_permissions)"),
  CREATE(35, OpenRequests::create),
  INTERRUPT(36, LockRequests::interrupt),
  BMAP(37, "there is no block device below"),
  DESTROY(38, NodeRequests::destroy),
  IOCTL(39, DataRequests::ioctl),
  POLL(40, "regular files are always ready"),
  NOTIFY_REPLY(41, "nothing is ever retrieved from the kernel (NOTIFY_RETRIEVE)"),
  BATCH_FORGET(42, NodeRequests::batchForget),
  FALLOCATE(43, DataRequests::fallocate),
  READDIRPLUS(44, DirectoryRequests::readdirplus),
  RENAME2(45, NameRequests::rename2),
  LSEEK(46, DataRequests::lseek),
  COPY_FILE_RANGE(47, DataRequests::copyFileRange),
  SETUPMAPPING(48, "DAX windows belong to virtiofs"),
  REMOVEMAPPING(49, "DAX windows belong to virtiofs"),
  SYNCFS(50, NodeRequests::syncfs),
  TMPFILE(51, OpenRequests::tmpfile),
  STATX(52, NodeRequests::statx),
  COPY_FILE_RANGE_64(53, DataRequests::copyFileRange64),
  CUSE_INIT(4096, "this is no character device");

  /** One more than the largest number, that of CUSE aside. */
  static final int COUNT = 54;

  private static final Opcode[] BY_NUMBER = new Opcode[COUNT];

  static {
    for (Opcode opcode : values()) {
      if (opcode.number < COUNT) {
        BY_NUMBER[opcode.number] = opcode;
      }
    }
  }

  private final int number;

  @SuppressWarnings("ImmutableEnumChecker") // Method references without state.
  private final @Nullable Handler handler;

  private final @Nullable String refusal;

  Opcode(int number, Handler handler) {
    this.number = number;
    this.handler = handler;
    this.refusal = null;
  }

  Opcode(int number, String refusal) {
    this.number = number;
    this.handler = null;
    this.refusal = refusal;
  }

  /** The opcode of a number, null if 7.45 has none. */
  static @Nullable Opcode of(int number) {
    if (number >= 0 && number < COUNT) {
      return BY_NUMBER[number];
    }
    return number == CUSE_INIT.number ? CUSE_INIT : null;
  }

  int number() {
    return number;
  }

  /** What answers it; null: it gets ENOSYS, because of {@link #refusal}. */
  @Nullable Handler handler() {
    return handler;
  }

  @Nullable String refusal() {
    return refusal;
  }

  /** What the workers have to know of it. */
  RequestKind kind() {
    return switch (this) {
      case FSYNC, FSYNCDIR, SYNCFS, COPY_FILE_RANGE, COPY_FILE_RANGE_64 -> RequestKind.LONG;
      case RELEASE -> RequestKind.RELEASE;
      case GETLK, SETLK -> RequestKind.LOCK;
      default -> RequestKind.ORDINARY;
    };
  }

  /** Whether its sender waits for an answer, be it an error. */
  boolean repliesToErrors() {
    return this != FORGET && this != BATCH_FORGET && this != INTERRUPT;
  }
}
