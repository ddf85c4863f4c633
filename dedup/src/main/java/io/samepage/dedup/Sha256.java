package io.samepage.dedup;

import io.samepage.posix.Libcrypto;
import io.samepage.posix.NativeBuffer;
import java.security.DigestException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import org.jspecify.annotations.Nullable;

/**
 * SHA-256 of blocks of memory outside the heap: OpenSSL's where the host has it, else the JDK's. An
 * object is used by one thread at a time.
 */
final class Sha256 {
  private final @Nullable Libcrypto libcrypto;
  private final MessageDigest jdk;
  private byte[] block = {};

  Sha256() {
    this(Libcrypto.open());
  }

  Sha256(@Nullable Libcrypto libcrypto) {
    this.libcrypto = libcrypto;
    try {
      jdk = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /** Hashes {@code length} bytes from {@code at} on; puts the digest at {@code toAt}. */
  void hash(NativeBuffer from, int at, int length, byte[] to, int toAt) {
    if (libcrypto != null) {
      libcrypto.sha256(from.address() + at, length, to, toAt);
      return;
    }
    if (block.length < length) {
      block = new byte[length];
    }
    from.bytes().get(at, block, 0, length);
    try {
      jdk.update(block, 0, length);
      jdk.digest(to, toAt, VerityDigest.LENGTH);
    } catch (DigestException e) {
      throw new IllegalStateException(e);
    }
  }
}
