package io.samepage.overlay.lock;

/** The locks and waiters of one file, of both kinds. Guarded by the {@link LockTable}. */
final class FileLocks {
  final RecordLocks records = new RecordLocks();
  final Flocks flocks = new Flocks();

  /** What stands for the file in the table. */
  final Object key;

  FileLocks(Object key) {
    this.key = key;
  }

  LockSpace space(boolean flock) {
    return flock ? flocks : records;
  }

  /** Locks that are held. */
  int held() {
    return records.size() + flocks.size();
  }

  /** Locks and waiters: what it takes of memory. */
  int size() {
    return held() + records.waiters.size() + flocks.waiters.size();
  }
}
