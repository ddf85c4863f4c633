package io.samepage.fuse;

import java.util.Map;

/** A mount that stands: one file system served through one transport. Thread-safe. */
public interface Session {
  /** Which transport: {@code kernel} or {@code libfuse}. */
  String transport();

  /** Whether data may pass the daemon by. */
  boolean passthrough();

  /** Why there is passthrough or why not, for people. */
  String passthroughReason();

  /** The protocol version agreed on, as in {@code 7.45}. */
  String protocol();

  /** Requests handled so far, by the name of their opcode; those that never came are left out. */
  Map<String, Long> requests();

  /**
   * Waits until the file system has been unmounted, by whomever, and all requests are answered;
   * {@link FileSystem#destroy} has then been called.
   */
  void awaitEnd() throws InterruptedException;

  /**
   * Unmounts as umount2(2) with MNT_DETACH does, so that nobody new comes in; returns without
   * waiting for those who still use it.
   */
  void unmount();
}
