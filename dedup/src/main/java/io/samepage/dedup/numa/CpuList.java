package io.samepage.dedup.numa;

import java.util.BitSet;

/**
 * A set of CPUs as the kernel writes it: numbers and ranges with commas between them, as in {@code
 * 0-3,8} (Documentation/core-api/printk-formats.rst, {@code %*pbl}); nothing for no CPU.
 */
final class CpuList {
  /** More than any kernel has (CONFIG_NR_CPUS is at most 8192). */
  private static final int MAX_CPU = 65_535;

  private CpuList() {}

  /**
   * Reads one.
   *
   * @throws IllegalArgumentException if it is none; the message has it in quotes
   */
  static BitSet parse(String text) {
    BitSet cpus = new BitSet();
    String list = text.strip();
    if (list.isEmpty()) {
      return cpus;
    }
    for (String range : list.split(",", -1)) {
      int dash = range.indexOf('-');
      int first = number(text, dash < 0 ? range : range.substring(0, dash));
      int last = dash < 0 ? first : number(text, range.substring(dash + 1));
      if (last < first) {
        throw wrong(text);
      }
      cpus.set(first, last + 1);
    }
    return cpus;
  }

  private static int number(String text, String digits) {
    if (!digits.matches("[0-9]{1,5}") || Integer.parseInt(digits) > MAX_CPU) {
      throw wrong(text);
    }
    return Integer.parseInt(digits);
  }

  private static IllegalArgumentException wrong(String text) {
    return new IllegalArgumentException("\"" + text.strip() + "\" is no list of CPUs like 0-3,8");
  }
}
