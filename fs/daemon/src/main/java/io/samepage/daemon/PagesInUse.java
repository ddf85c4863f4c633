package io.samepage.daemon;

import io.samepage.dedup.FileKey;
import io.samepage.dedup.UsedPages;
import java.nio.charset.StandardCharsets;

/**
 * Files whose pages mappings use, and how many mappings, of all mounts that were asked: what one
 * mount alone cannot tell, since two may use the same file.
 *
 * <p>A daemon says it in lines of six numbers, the fields of a {@link FileKey} and the users, or of
 * eight where a range of its pages is used: the fields, the first page, how many, and the users.
 */
final class PagesInUse {
  static final int PAGE = 4096;
  private static final int FIELDS = 6;

  private final UsedPages pages = new UsedPages();

  /** A key as one word for each field. */
  static String text(FileKey key) {
    return key.fileSystem()
        + " "
        + key.ino()
        + " "
        + key.size()
        + " "
        + key.mtime()
        + " "
        + key.ctime();
  }

  /** Reads {@link #text} back; NumberFormatException if it is something else. */
  static FileKey key(String text) {
    String[] words = text.split(" ", -1);
    if (words.length < FIELDS - 1) {
      throw new NumberFormatException("no key: " + text);
    }
    return new FileKey(
        Long.parseLong(words[0]),
        Long.parseLong(words[1]),
        Long.parseLong(words[2]),
        Long.parseLong(words[3]),
        Long.parseLong(words[4]));
  }

  /** A key with a range of pages, the first and how many, for {@link #range}. */
  static String text(String key, long firstPage, long pages) {
    return key + ' ' + firstPage + ' ' + pages;
  }

  /** Reads the range back; NumberFormatException if there is none. */
  static long[] range(String text) {
    String[] words = text.split(" ", -1);
    if (words.length != FIELDS + 1) {
      throw new NumberFormatException("no range: " + text);
    }
    long first = Long.parseLong(words[FIELDS - 1]);
    long pages = Long.parseLong(words[FIELDS]);
    if (first < 0 || pages < 0 || first + pages < 0) {
      throw new NumberFormatException("no range: " + text);
    }
    return new long[] {first, pages};
  }

  static void append(StringBuilder lines, FileKey key, long users) {
    lines.append(text(key)).append(' ').append(users).append('\n');
  }

  static void append(StringBuilder lines, FileKey key, long firstPage, long pages, long users) {
    lines.append(text(text(key), firstPage, pages)).append(' ').append(users).append('\n');
  }

  /** Adds what a daemon has said; NumberFormatException if that is nonsense. */
  void add(byte[] lines) {
    new String(lines, StandardCharsets.US_ASCII).lines().forEach(this::add);
  }

  private void add(String line) {
    int last = line.lastIndexOf(' ');
    long users = Long.parseLong(line.substring(last + 1));
    String what = line.substring(0, Math.max(0, last));
    FileKey key = key(what);
    if (what.split(" ", -1).length == FIELDS - 1) {
      pages.add(key, users);
    } else {
      long[] range = range(what);
      pages.add(key, range[0], range[1], users);
    }
  }

  /** KSM's counters of all of them. */
  UsedPages.Counts counts() {
    return pages.counts();
  }
}
