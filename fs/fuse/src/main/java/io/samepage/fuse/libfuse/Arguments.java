package io.samepage.fuse.libfuse;

import java.nio.charset.StandardCharsets;

/** A {@code struct fuse_args}: the name of a program and one {@code -o} with options. */
final class Arguments implements AutoCloseable {
  private static final String[] BEFORE = {"samepage", "-o"};
  private static final int COUNT = BEFORE.length + 1;

  private final long memory;

  private Arguments(long memory) {
    this.memory = memory;
  }

  static Arguments of(byte[] options) {
    int strings = Layouts.Args.BYTES + (COUNT + 1) * Long.BYTES;
    int size = strings + options.length + 1;
    for (String argument : BEFORE) {
      size += argument.length() + 1;
    }
    long memory = Memory.allocate(size);
    long argv = memory + Layouts.Args.BYTES;
    long at = memory + strings;
    for (int i = 0; i < COUNT; i++) {
      byte[] argument = i < BEFORE.length ? BEFORE[i].getBytes(StandardCharsets.US_ASCII) : options;
      Memory.IO.putAddress(argv + (long) i * Long.BYTES, at);
      Memory.putString(at, argument);
      at += argument.length + 1;
    }
    // Not marked as allocated: libfuse makes a copy before it changes anything, and leaks it.
    Memory.IO.putInt(memory + Layouts.Args.ARGC, COUNT);
    Memory.IO.putAddress(memory + Layouts.Args.ARGV, argv);
    return new Arguments(memory);
  }

  long address() {
    return memory;
  }

  @Override
  public void close() {
    Memory.free(memory);
  }
}
