package io.samepage.posix;

import com.kenai.jffi.CallContext;
import com.kenai.jffi.CallingConvention;
import com.kenai.jffi.Invoker;
import com.kenai.jffi.Library;
import com.kenai.jffi.MemoryIO;
import com.kenai.jffi.Type;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A library in C that a host may have or not, opened by its name (dlopen(3)) and never closed, and
 * the addresses of its functions. jffi's own {@code Library} cannot ask for a version of a symbol.
 * Immutable.
 */
public final class SharedLibrary {
  private static final int RTLD_LAZY = 1;
  private static final Invoker CALL = Invoker.getInstance();
  private static final MemoryIO MEMORY = MemoryIO.getInstance();

  private final long handle;

  private SharedLibrary(long handle) {
    this.handle = handle;
  }

  /**
   * Opens a library.
   *
   * @param file its name, as {@code libx.so.1}, which is looked for where the linker does
   * @return null if there is none
   */
  public static @Nullable SharedLibrary open(String file) {
    long name = string(file);
    try {
      long handle = CALL.invokeN2(longs(2), ofTheProcess("dlopen"), name, RTLD_LAZY);
      return handle == 0 ? null : new SharedLibrary(handle);
    } finally {
      MEMORY.freeMemory(name);
    }
  }

  /** The address of a function; 0 if there is none. */
  public long find(String name) {
    long symbol = string(name);
    try {
      return CALL.invokeN2(longs(2), ofTheProcess("dlsym"), handle, symbol);
    } finally {
      MEMORY.freeMemory(symbol);
    }
  }

  /**
   * The address of a function in one version (dlvsym(3)), or whatever there is where the C library
   * knows no versions; 0 if there is none. Asked for a name alone, glibc gives the oldest.
   *
   * @param version as {@code LIBX_2.0}
   */
  public long find(String name, String version) {
    long dlvsym = ofTheProcess("dlvsym");
    if (dlvsym == 0) {
      return find(name);
    }
    long symbol = string(name);
    long label = string(version);
    try {
      return CALL.invokeN3(longs(3), dlvsym, handle, symbol, label);
    } finally {
      MEMORY.freeMemory(label);
      MEMORY.freeMemory(symbol);
    }
  }

  private static long ofTheProcess(String name) {
    return Library.getDefault().getSymbolAddress(name);
  }

  private static long string(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
    long memory = MEMORY.allocateMemory(bytes.length + 1L, true);
    MEMORY.putZeroTerminatedByteArray(memory, bytes, 0, bytes.length);
    return memory;
  }

  /** How a function is called that takes so many C longs, or what fits into them, and gives one. */
  public static CallContext longs(int arguments) {
    return longs(arguments, false);
  }

  /**
   * The same.
   *
   * @param keepsErrno whether errno is kept for {@link LibC#errno}, which costs a little
   */
  static CallContext longs(int arguments, boolean keepsErrno) {
    Type[] types = new Type[arguments];
    Arrays.fill(types, Type.SLONG);
    return CallContext.getCallContext(Type.SLONG, types, CallingConvention.DEFAULT, keepsErrno);
  }
}
