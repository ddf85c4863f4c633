package io.samepage.fuse.libfuse;

import com.kenai.jffi.CallContext;
import com.kenai.jffi.Invoker;
import io.samepage.fuse.MountException;
import io.samepage.posix.Errno;
import io.samepage.posix.SharedLibrary;
import org.jspecify.annotations.Nullable;

/**
 * The door to libfuse 2: its functions, looked up once, by the names that fuse.h, fuse_common.h and
 * fuse_lowlevel.h give them. Addresses and sizes are C longs; a result that is a C int is cut off.
 *
 * <p>jnr-fuse's own door ({@code LibFuse}) has {@code fuse_main_real} only, which takes the signals
 * of the process, prints what goes wrong, and calls back on threads of its own, each of which would
 * be attached to the virtual machine and detached again for every call.
 */
final class Libfuse {
  private static final String FILE = "libfuse.so.2";

  private static final Invoker CALL = Invoker.getInstance();
  private static final CallContext NONE = SharedLibrary.longs(0);
  private static final CallContext ONE = SharedLibrary.longs(1);
  private static final CallContext TWO = SharedLibrary.longs(2);
  private static final CallContext FOUR = SharedLibrary.longs(4);
  private static final CallContext FIVE = SharedLibrary.longs(5);

  private static @Nullable Libfuse instance;

  private final long mount;
  private final long unmount;
  private final long create;
  private final long destroy;
  private final long getSession;
  private final long process;
  private final long chanNew;
  private final long chanFd;
  private final long chanDestroy;
  private final long invalInode;
  private final long invalEntry;
  private final long getContext;

  private Libfuse(SharedLibrary library) throws MountException {
    mount = find(library, "fuse_mount", "2.6");
    unmount = find(library, "fuse_unmount", "2.6");
    create = find(library, "fuse_new", "2.6");
    destroy = find(library, "fuse_destroy", "2.2");
    getSession = find(library, "fuse_get_session", "2.6");
    process = find(library, "fuse_session_process", "2.4");
    chanNew = find(library, "fuse_chan_new", "2.6");
    chanFd = find(library, "fuse_chan_fd", "2.4");
    chanDestroy = find(library, "fuse_chan_destroy", "2.4");
    invalInode = find(library, "fuse_lowlevel_notify_inval_inode", "2.8");
    invalEntry = find(library, "fuse_lowlevel_notify_inval_entry", "2.8");
    getContext = find(library, "fuse_get_context", "2.8");
    find(library, "fuse_fs_fallocate", "2.9.1"); // older ones call back with less
  }

  /** The library; an exception that names the package where there is none. */
  static synchronized Libfuse open() throws MountException {
    if (instance == null) {
      SharedLibrary library = SharedLibrary.open(FILE);
      if (library == null) {
        throw new MountException(
            Errno.ENOENT,
            "libfuse 2 ("
                + FILE
                + ") is not installed: apt-get install libfuse2, or use transport=kernel");
      }
      instance = new Libfuse(library);
    }
    return instance;
  }

  /** A function in the version that the headers of 2.9 mean: of fuse_new there are two. */
  private static long find(SharedLibrary library, String name, String version)
      throws MountException {
    long address = library.find(name, "FUSE_" + version);
    if (address == 0) {
      throw new MountException(
          Errno.ENOENT,
          FILE + " has no " + name + ", as libfuse 2.9.1 and newer have: install a newer libfuse2");
    }
    return address;
  }

  /** A channel to a mount that has just been made; 0: it did not come about. */
  long mount(long mountPoint, long args) {
    return CALL.invokeN2(TWO, mount, mountPoint, args);
  }

  /** Unmounts lazily, by the setuid program where this process may not. */
  void unmount(long mountPoint) {
    CALL.invokeN2(TWO, unmount, mountPoint, 0);
  }

  /** A {@code struct fuse}; 0: the arguments are wrong. */
  long create(long channel, long args, long operations, long size) {
    return CALL.invokeN5(FIVE, create, channel, args, operations, size, 0);
  }

  void destroy(long fuse) {
    CALL.invokeN1(ONE, destroy, fuse);
  }

  long session(long fuse) {
    return CALL.invokeN1(ONE, getSession, fuse);
  }

  /** Works on one request and answers it through the channel. */
  void process(long session, long request, long length, long channel) {
    CALL.invokeN4(FOUR, process, session, request, length, channel);
  }

  long channel(long operations, int fd, long requestSize) {
    return CALL.invokeN4(FOUR, chanNew, operations, fd, requestSize, 0);
  }

  int channelFd(long channel) {
    return (int) CALL.invokeN1(ONE, chanFd, channel);
  }

  void destroyChannel(long channel) {
    CALL.invokeN1(ONE, chanDestroy, channel);
  }

  int invalidateInode(long channel, long number, long offset, long length) {
    return (int) CALL.invokeN4(FOUR, invalInode, channel, number, offset, length);
  }

  int invalidateEntry(long channel, long parent, long name, long length) {
    return (int) CALL.invokeN4(FOUR, invalEntry, channel, parent, name, length);
  }

  /** The {@code struct fuse_context} of the request that this thread works on. */
  long context() {
    return CALL.invokeN0(NONE, getContext);
  }

  /** The function that libfuse hands to readdir for adding an entry; 1: there is no more room. */
  static int fill(long filler, long buffer, long name, long stat, long offset) {
    return (int) CALL.invokeN4(FOUR, filler, buffer, name, stat, offset);
  }
}
