/**
 * Advisory locks of files, fcntl(2)'s on ranges and flock(2)'s on the whole file, kept in the
 * daemon.
 *
 * <p>Why here and not in the kernel: the kernel keeps locks by its inode, that is by nodeid, and a
 * file of this file system changes its nodeid when its data change their backing file. A lock taken
 * before would be invisible to whoever opens the file after. Here locks are kept by a key that
 * stays the same for the file whatever its nodeid, so no lock ever moves.
 *
 * <p>What it decides: the rules are those of Linux's fs/locks.c, since programs were written
 * against it, down to the order in which F_GETLK finds conflicts. A lock is granted whenever no
 * held lock conflicts, also past somebody who waits (with anything else a holder could not extend
 * its lock while others wait for it); a lock that is released goes at once, under the same hold of
 * the guard, to the first who waits for it and can have it, so nobody who releases and takes a lock
 * in a loop can starve the others. Readers who overlap each other for ever do starve a writer, as
 * they do in the kernel. Deadlocks are detected among owners of range locks. The protocol does not
 * tell locks of open file descriptions (OFD) from those of processes, so these are detected too,
 * which the kernel would not do.
 *
 * <p>Where it differs, it gives more: a conversion of an flock lock that nothing stands against
 * does not let anybody in between.
 *
 * <p>How it is built: {@link io.samepage.overlay.lock.LockTable} has the only lock of this package,
 * which guards everything in it. It is held for short computations only, never while a {@link
 * io.samepage.fuse.LockReply} or anything else outside is called; so it comes last in any order of
 * locks. Below it, {@code FileLocks} is what one file has, {@code RecordLocks} and {@code Flocks}
 * are the two kinds, plain data structures that know no threads, and {@code Waiter} is a request
 * that waits. A file without locks and waiters has no state at all.
 */
@NullMarked
package io.samepage.overlay.lock;

import org.jspecify.annotations.NullMarked;
