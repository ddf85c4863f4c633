package io.samepage.overlay;

/**
 * Guesses whether who lists a directory will look at each of its names, so that the look-ups are
 * better done together with the listing (READDIRPLUS).
 *
 * <p>The kernel can guess as well (FUSE_READDIRPLUS_AUTO), but only from look-ups between two parts
 * of one listing. Programs that use fts(3), as find(1), rm(1) and du(1) do, list all of a directory
 * before they look at anything, and then cause one LOOKUP for each name. Here what a thread did
 * with one directory counts for the next one that it lists. To see what it does, one name of those
 * that it gets is left without a look-up now and then.
 *
 * <p>What is remembered is one directory for each thread, in a table that forgets. All threads call
 * it without a lock: what they get in each other's way is one wrong guess.
 */
final class LookAhead {
  private static final int READERS = 256;

  /** A listing with fewer names left is not worth a sample. */
  private static final int SAMPLE_FROM = 16;

  /** A thread that lists. */
  private static final class Reader {
    volatile int thread;

    /** The directory that it listed last. */
    volatile long directory;

    /** Whether a name of that was left without a look-up. */
    volatile boolean asked;

    /** Whether it has looked up a name there. */
    volatile boolean answered;

    /** Whether there is a guess from the directories before. */
    volatile boolean known;

    /** That guess. */
    volatile boolean looks;
  }

  private final Reader[] readers = new Reader[READERS];

  LookAhead() {
    for (int i = 0; i < READERS; i++) {
      readers[i] = new Reader();
    }
  }

  private Reader reader(int thread) {
    return readers[thread & (READERS - 1)];
  }

  /** A thread looks a name up. */
  void lookedUp(int thread, long directory) {
    Reader reader = reader(thread);
    if (reader.directory == directory && reader.thread == thread && !reader.answered) {
      reader.answered = true;
    }
  }

  /**
   * Whether the next part of a listing is to come with look-ups.
   *
   * @param first whether it is the first part
   */
  boolean isWanted(int thread, long directory, boolean first) {
    Reader reader = reader(thread);
    if (reader.thread != thread) {
      reader.thread = thread;
      reader.known = false;
      begin(reader, directory);
    } else if (reader.directory != directory) {
      // Who begins a listing anew has looked whether it is empty, as rm(1) does: that tells
      // nothing.
      if (reader.asked || reader.answered) {
        reader.known = true;
        reader.looks = reader.answered;
      }
      begin(reader, directory);
    }
    boolean wanted = reader.known ? reader.looks || reader.answered : first || reader.answered;
    if (!wanted) {
      reader.asked = true;
    }
    return wanted;
  }

  private static void begin(Reader reader, long directory) {
    reader.directory = directory;
    reader.asked = false;
    reader.answered = false;
  }

  /** Whether the next name is to be left without a look-up, given how many are left in all. */
  boolean isSample(int thread, int left) {
    if (left < SAMPLE_FROM) {
      return false;
    }
    reader(thread).asked = true;
    return true;
  }
}
