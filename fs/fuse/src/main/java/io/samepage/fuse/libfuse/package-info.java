/**
 * The transport through libfuse 2.9: for users and hosts that may not mount /dev/fuse themselves,
 * since the setuid program fusermount does it for libfuse.
 *
 * <p><b>What is in between.</b> libfuse's file systems answer calls with paths, and {@link
 * io.samepage.fuse.FileSystem} knows nodes. {@code PathCalls} and {@code HandleCalls} translate,
 * call by call; {@code Paths} walks along a path, with the help of {@code NameCache} (which name in
 * which directory leads to which node; bounded) and {@code KnownNodes} (of which nodes look-ups are
 * held, and when to give them back). These know nothing of C, and are tested without a mount.
 *
 * <p><b>How a request flows.</b> One of the {@link io.samepage.fuse.workers.Workers} reads it into
 * the memory of its {@code LibfuseStation}, {@code Requests} notes in the thread's {@code Call}
 * what it is about and on whose behalf it comes, and libfuse gets it to take apart
 * (fuse_session_process). On the same thread libfuse calls back, once or several times, through
 * {@code Operations}, the functions in its table, which turn pointers into bytes and structures
 * into records. libfuse's answer goes through the function {@code send} of the channel, {@code
 * Answers}, to the kernel.
 *
 * <p><b>Why the loop is ours.</b> libfuse's own (fuse_main, which jnr-fuse calls) takes the signals
 * of the process, reads on threads that are attached to the virtual machine and detached again for
 * each call, and lets nobody see a request or an answer. All of that the functions below it, in
 * fuse_lowlevel.h, leave to the caller. What the loop sees makes right what the calls alone cannot:
 *
 * <ul>
 *   <li>the answers say for each file for how long the kernel may keep what it knows of it, where
 *       libfuse has one time for all (no time for a file with several names, since libfuse makes a
 *       node of each name);
 *   <li>a file that is unlinked while it is open gets a hidden name by libfuse, which exists
 *       nowhere but here: {@code Paths};
 *   <li>locks, which libfuse would remember after they are gone, are asked for past it, and so is
 *       what it has no path for, a removed directory or fifo that is open: {@code DirectRequests};
 *   <li>flags that today's kernels offer and that ask nothing of libfuse are agreed on (ACLs, large
 *       requests, directories that are read and looked up in at once).
 * </ul>
 *
 * <p>What of requests and answers is read or written here, past libfuse, has the structures of
 * {@code io.samepage.fuse.wire}.
 *
 * <p><b>What of jnr-fuse is used.</b> Its structures of libfuse, as far as they are right: {@code
 * Layouts}. Not its callbacks, since they make Strings of names, which need not be UTF-8, and not
 * its door to the library: {@code Libfuse}.
 *
 * <p><b>Locks.</b> {@code KnownNodes}, {@code NameCache} and {@code LockWaits} each have one of
 * their own; none is held while the file system, libfuse or another of these is called. Who appends
 * to a file holds {@code KnownNode.appending}, and takes the others under it. libfuse holds locks
 * of its own on the names of a path while it calls back, and none on what is called by a handle: so
 * a thread may wait there for a lock of fcntl(2) without being in anybody's way.
 */
@NullMarked
package io.samepage.fuse.libfuse;

import org.jspecify.annotations.NullMarked;
