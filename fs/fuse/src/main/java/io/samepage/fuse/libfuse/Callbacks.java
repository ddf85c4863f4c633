package io.samepage.fuse.libfuse;

import com.kenai.jffi.CallingConvention;
import com.kenai.jffi.Closure;
import com.kenai.jffi.ClosureManager;
import com.kenai.jffi.Type;
import io.samepage.fuse.wire.Opcode;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Functions that C can call. Whatever goes wrong in one becomes an errno: nothing is thrown into C.
 * They exist until {@link #close}.
 */
final class Callbacks implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Callbacks.class);

  /** The request that this thread works on; a thread of others has one too, by which it tells. */
  private final ThreadLocal<Call> calls;

  private final List<Closure.Handle> handles = new ArrayList<>();
  private final Map<String, AtomicLong> faults = new ConcurrentHashMap<>();

  /**
   * @param fd of the connection: where a thread that reads no requests tells the kernel something
   */
  Callbacks(int fd) {
    calls =
        ThreadLocal.withInitial(
            () -> {
              Call call = new Call();
              call.fd = fd;
              return call;
            });
  }

  /** An operation of {@code struct fuse_operations}: its result, or the errno that it throws. */
  interface Operation {
    int call(Call call, Closure.Buffer arguments) throws ErrnoException;
  }

  /** What is done with {@code struct fuse_conn_info} before the first request. */
  interface Initialisation {
    void init(long connInfo);
  }

  /** What sends an answer: 0, or −errno. */
  interface Send {
    int send(Call call, long vector, int count);
  }

  /** The call of this thread. */
  Call call() {
    return calls.get();
  }

  long operation(Operation operation, Type... parameters) {
    return function(
        Type.SINT32,
        arguments -> {
          Call call = calls.get();
          int result;
          try {
            result = operation.call(call, arguments);
          } catch (ErrnoException e) {
            result = -errno(call, e.errno());
          } catch (RuntimeException | Error e) {
            report(call, e);
            result = -Errno.EIO;
          }
          arguments.setIntReturn(result);
        },
        parameters);
  }

  /**
   * ENOSYS would tell the kernel never to ask for this again, on behalf of one file whose own file
   * system happens to lack an operation; but {@link PathCalls#create} means libfuse by it.
   */
  static int errno(Call call, int errno) {
    if (errno != Errno.ENOSYS || call.opcode == Opcode.MKNOD) {
      return errno;
    }
    return call.opcode == Opcode.IOCTL ? Errno.ENOTTY : Errno.EOPNOTSUPP;
  }

  long initialisation(Initialisation init) {
    return function(
        Type.POINTER,
        arguments -> {
          try {
            init.init(arguments.getAddress(0));
          } catch (RuntimeException | Error e) {
            report(calls.get(), e);
          }
          arguments.setAddressReturn(0);
        },
        Type.POINTER);
  }

  /** The function {@code send} of a channel. */
  long sender(Send send) {
    return function(
        Type.SINT32,
        arguments -> {
          int result;
          Call call = calls.get();
          try {
            result = send.send(call, arguments.getAddress(1), (int) arguments.getLong(2));
          } catch (RuntimeException | Error e) {
            report(call, e);
            result = -Errno.EIO;
          }
          arguments.setIntReturn(result);
        },
        Type.POINTER,
        Type.POINTER,
        Type.SINT64);
  }

  /** A function that does nothing, of one argument. */
  long nothing() {
    return function(Type.VOID, arguments -> {}, Type.POINTER);
  }

  private long function(Type result, Closure closure, Type... parameters) {
    Closure.Handle handle =
        ClosureManager.getInstance()
            .newClosure(closure, result, parameters, CallingConvention.DEFAULT);
    handles.add(handle);
    return handle.getAddress();
  }

  /** Says once what should never happen, and again whenever the number of times has doubled. */
  void report(Call call, Throwable fault) {
    StackTraceElement[] trace = fault.getStackTrace();
    String kind = fault.getClass().getName() + (trace.length > 0 ? " " + trace[0] : "");
    if (faults.size() > 256) {
      faults.clear();
    }
    long count = faults.computeIfAbsent(kind, k -> new AtomicLong()).incrementAndGet();
    if (count == 1) {
      log.error("{} failed and was answered with EIO; please report this", call.opcode, fault);
    } else if (Long.bitCount(count) == 1) {
      log.error("{} failed, {} times so far: {}", call.opcode, count, fault);
    }
  }

  /** No C code will call any more. */
  @Override
  public void close() {
    handles.forEach(Closure.Handle::dispose);
    handles.clear();
  }
}
