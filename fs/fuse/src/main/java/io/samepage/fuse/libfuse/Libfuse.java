package io.samepage.fuse.libfuse;

import com.kenai.jffi.CallContext;
import com.kenai.jffi.CallingConvention;
import com.kenai.jffi.Invoker;
import com.kenai.jffi.Library;
import com.kenai.jffi.Type;
import io.samepage.fuse.MountException;
import io.samepage.posix.Errno;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
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
  private static final int RTLD_LAZY = 1;

  private static final Invoker CALL = Invoker.getInstance();
  private static final CallContext NONE = context(0);
  private static final CallContext ONE = context(1);
  private static final CallContext TWO = context(2);
  private static final CallContext THREE = context(3);
  private static final CallContext FOUR = context(4);
  private static final CallContext FIVE = context(5);

  private static @Nullable Libfuse instance;

  private final long handle;
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

  private Libfuse(long handle) throws MountException {
    this.handle = handle;
    mount = find("fuse_mount", "2.6");
    unmount = find("fuse_unmount", "2.6");
    create = find("fuse_new", "2.6");
    destroy = find("fuse_destroy", "2.2");
    getSession = find("fuse_get_session", "2.6");
    process = find("fuse_session_process", "2.4");
    chanNew = find("fuse_chan_new", "2.6");
    chanFd = find("fuse_chan_fd", "2.4");
    chanDestroy = find("fuse_chan_destroy", "2.4");
    invalInode = find("fuse_lowlevel_notify_inval_inode", "2.8");
    invalEntry = find("fuse_lowlevel_notify_inval_entry", "2.8");
    getContext = find("fuse_get_context", "2.8");
    find("fuse_fs_fallocate", "2.9.1"); // older ones call back with less
  }

  /** The library; an exception that names the package where there is none. */
  static synchronized Libfuse open() throws MountException {
    if (instance == null) {
      long name = string(FILE);
      long handle = CALL.invokeN2(TWO, symbol("dlopen"), name, RTLD_LAZY);
      Memory.free(name);
      if (handle == 0) {
        throw new MountException(
            Errno.ENOENT,
            "libfuse 2 ("
                + FILE
                + ") is not installed: apt-get install libfuse2, or use transport=kernel");
      }
      instance = new Libfuse(handle);
    }
    return instance;
  }

  private static long symbol(String name) {
    return Library.getDefault().getSymbolAddress(name);
  }

  private static long string(String text) {
    long memory = Memory.allocate(text.length() + 1);
    Memory.putString(memory, text.getBytes(StandardCharsets.US_ASCII));
    return memory;
  }

  /**
   * A function in the version that the headers of 2.9 mean. Asked for a name alone, glibc gives the
   * oldest fuse_new, which takes other arguments.
   */
  private long find(String name, String version) throws MountException {
    long dlvsym = symbol("dlvsym");
    long symbol = string(name);
    long label = string("FUSE_" + version);
    long address =
        dlvsym == 0
            ? CALL.invokeN2(TWO, symbol("dlsym"), handle, symbol)
            : CALL.invokeN3(THREE, dlvsym, handle, symbol, label);
    Memory.free(label);
    Memory.free(symbol);
    if (address == 0) {
      throw new MountException(
          Errno.ENOENT,
          FILE + " has no " + name + ", as libfuse 2.9.1 and newer have: install a newer libfuse2");
    }
    return address;
  }

  private static CallContext context(int arguments) {
    Type[] types = new Type[arguments];
    Arrays.fill(types, Type.SLONG);
    return CallContext.getCallContext(Type.SLONG, types, CallingConvention.DEFAULT, false);
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
