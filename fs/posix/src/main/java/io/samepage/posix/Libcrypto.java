package io.samepage.posix;

import com.kenai.jffi.CallContext;
import com.kenai.jffi.Invoker;
import org.jspecify.annotations.Nullable;

/**
 * SHA-256 by OpenSSL's libcrypto, which almost every host has: in assembly, with the processor's
 * SHA instructions where there are any. The JDK's own needs its large compiler for that, which the
 * daemon does without. SHA256_Init(3) and the two beside it are called, which have been in every
 * version and look nothing up.
 *
 * <p>An object is used by one thread at a time.
 */
public final class Libcrypto {
  /** Bytes in a digest. */
  public static final int SHA256_BYTES = 32;

  /** SHA256_CTX has 112. */
  private static final int CONTEXT = 256;

  private final NativeBuffer memory = NativeBuffer.allocate(CONTEXT + SHA256_BYTES);

  private Libcrypto() {}

  /** A hasher; null where there is no libcrypto. */
  public static @Nullable Libcrypto open() {
    return Functions.FINAL == 0 ? null : new Libcrypto();
  }

  /** Hashes memory; puts the digest at {@code at}. */
  public void sha256(long address, int length, byte[] digest, int at) {
    long context = memory.address();
    Functions.init(context);
    Functions.update(context, address, length);
    Functions.end(context + CONTEXT, context);
    memory.bytes().get(CONTEXT, digest, at, SHA256_BYTES);
  }

  private static final class Functions {
    private static final String[] NAMES = {"libcrypto.so.3", "libcrypto.so.1.1"};

    private static final Invoker CALL = Invoker.getInstance();
    private static final CallContext ONE = SharedLibrary.longs(1);
    private static final CallContext TWO = SharedLibrary.longs(2);
    private static final CallContext THREE = SharedLibrary.longs(3);
    private static final @Nullable SharedLibrary LIBRARY = library();
    private static final long INIT = find("SHA256_Init");
    private static final long UPDATE = find("SHA256_Update");
    private static final long FINAL = INIT == 0 || UPDATE == 0 ? 0 : find("SHA256_Final");

    private static @Nullable SharedLibrary library() {
      for (String name : NAMES) {
        SharedLibrary library = SharedLibrary.open(name);
        if (library != null) {
          return library;
        }
      }
      return null;
    }

    private static long find(String name) {
      return LIBRARY == null ? 0 : LIBRARY.find(name);
    }

    static void init(long context) {
      CALL.invokeN1(ONE, INIT, context);
    }

    static void update(long context, long data, long length) {
      CALL.invokeN3(THREE, UPDATE, context, data, length);
    }

    static void end(long digest, long context) {
      CALL.invokeN2(TWO, FINAL, digest, context);
    }
  }
}
