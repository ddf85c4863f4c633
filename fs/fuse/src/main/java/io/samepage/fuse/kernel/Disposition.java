package io.samepage.fuse.kernel;

import io.samepage.fuse.wire.Opcode;
import org.jspecify.annotations.Nullable;

/**
 * What becomes of the requests of one opcode: a handler, or ENOSYS with the reason. A kernel that
 * gets ENOSYS for one of these does without it from then on, which is what those reasons count on.
 *
 * @param handler what answers them; null: they get ENOSYS
 * @param refusal why there is no handler; null: there is one
 */
record Disposition(@Nullable Handler handler, @Nullable String refusal) {
  private static final Disposition[] BY_OPCODE = new Disposition[Opcode.COUNT];

  static {
    for (Opcode opcode : Opcode.values()) {
      BY_OPCODE[opcode.index()] = decide(opcode);
    }
  }

  /** That of an opcode. */
  static Disposition of(Opcode opcode) {
    return BY_OPCODE[opcode.index()];
  }

  private static Disposition decide(Opcode opcode) {
    return switch (opcode) {
      case UNKNOWN -> refused("7.45 has no such opcode");
      case LOOKUP -> by(NameRequests::lookup);
      case FORGET -> by(NodeRequests::forget);
      case GETATTR -> by(NodeRequests::getattr);
      case SETATTR -> by(NodeRequests::setattr);
      case READLINK -> by(NodeRequests::readlink);
      case SYMLINK -> by(NameRequests::symlink);
      case MKNOD -> by(NameRequests::mknod);
      case MKDIR -> by(NameRequests::mkdir);
      case UNLINK -> by(NameRequests::unlink);
      case RMDIR -> by(NameRequests::rmdir);
      case RENAME -> by(NameRequests::rename);
      case LINK -> by(NameRequests::link);
      case OPEN -> by(OpenRequests::open);
      case READ -> by(DataRequests::read);
      case WRITE -> by(DataRequests::write);
      case STATFS -> by(NodeRequests::statfs);
      case RELEASE -> by(OpenRequests::release);
      case FSYNC -> by(DataRequests::fsync);
      case SETXATTR -> by(XattrRequests::setxattr);
      case GETXATTR -> by(XattrRequests::getxattr);
      case LISTXATTR -> by(XattrRequests::listxattr);
      case REMOVEXATTR -> by(XattrRequests::removexattr);
      case FLUSH -> by(OpenRequests::flush);
      case INIT -> refused("the connection has been initialised by Handshake, and is only once");
      case OPENDIR ->
          refused("directories have no handles; the kernel then keeps what READDIR said of them");
      case READDIR -> by(DirectoryRequests::readdir);
      case RELEASEDIR -> refused("directories have no handles");
      case FSYNCDIR -> by(DirectoryRequests::fsyncdir);
      case GETLK -> by(LockRequests::getlk);
      case SETLK -> by(LockRequests::setlk);
      case SETLKW -> by(LockRequests::setlkw);
      case ACCESS -> refused("the kernel checks permissions itself (default_permissions)");
      case CREATE -> by(OpenRequests::create);
      case INTERRUPT -> by(LockRequests::interrupt);
      case BMAP -> refused("there is no block device below");
      case DESTROY -> by(NodeRequests::destroy);
      case IOCTL -> by(DataRequests::ioctl);
      case POLL -> refused("regular files are always ready");
      case NOTIFY_REPLY -> refused("nothing is ever retrieved from the kernel (NOTIFY_RETRIEVE)");
      case BATCH_FORGET -> by(NodeRequests::batchForget);
      case FALLOCATE -> by(DataRequests::fallocate);
      case READDIRPLUS -> by(DirectoryRequests::readdirplus);
      case RENAME2 -> by(NameRequests::rename2);
      case LSEEK -> by(DataRequests::lseek);
      case COPY_FILE_RANGE -> by(DataRequests::copyFileRange);
      case SETUPMAPPING -> refused("DAX windows belong to virtiofs");
      case REMOVEMAPPING -> refused("DAX windows belong to virtiofs");
      case SYNCFS -> by(NodeRequests::syncfs);
      case TMPFILE -> by(OpenRequests::tmpfile);
      case STATX -> by(NodeRequests::statx);
      case COPY_FILE_RANGE_64 -> by(DataRequests::copyFileRange64);
      case CUSE_INIT -> refused("this is no character device");
    };
  }

  private static Disposition by(Handler handler) {
    return new Disposition(handler, null);
  }

  private static Disposition refused(String reason) {
    return new Disposition(null, reason);
  }
}
