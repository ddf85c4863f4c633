/**
 * The transport that speaks the FUSE protocol itself, on {@code /dev/fuse}, versions 7.31 to 7.45.
 *
 * <p><b>Why not libfuse.</b> Passthrough (data that go from the page cache of a file below to the
 * reader, past the daemon) needs an ioctl on the descriptor of the connection and flags in the
 * answer to INIT, which the libfuse of today's distributions does not know. What is left to do
 * without it is this package: encode and decode, and decide who reads when.
 *
 * <p><b>How a mount comes about.</b> {@link io.samepage.fuse.kernel.KernelTransport} opens the
 * device ({@code Channel}), mounts ({@code MountPoint}) and has {@code Handshake} answer INIT,
 * which settles the version and the {@link io.samepage.fuse.wire.InitFlags}. A {@code
 * KernelSession} is then what is left of it: it asks whether files may be registered for
 * passthrough ({@code RegisteredFiles}), calls {@link io.samepage.fuse.FileSystem#init} and lets
 * the workers go.
 *
 * <p><b>How a request flows.</b> One of the {@link io.samepage.fuse.workers.Workers} reads it into
 * the {@code Exchange} of its {@code KernelStation}, the memory for one request and its answer that
 * it uses again and again. The {@code Dispatcher} counts its opcode, looks up the {@code
 * Disposition} of it, which is a handler or the reason why there is none, and calls the handler.
 * Handlers are grouped by their subject ({@code NameRequests}, {@code NodeRequests}, {@code
 * OpenRequests}, {@code DataRequests}, {@code DirectoryRequests}, {@code XattrRequests}, {@code
 * LockRequests}); one decodes its structure, checks that everything it names is within the request,
 * calls one method of the file system and encodes the answer. The structures of both are those of
 * {@code io.samepage.fuse.wire}. What the file system throws becomes an error of the request,
 * whatever it is. The answer goes through the descriptor that the request came through. Requests
 * are worked on in any order, but for one thing: {@code ReleaseOrder}.
 *
 * <p><b>What must not get lost.</b> An answer can count look-ups and hand over handles. If the
 * kernel does not take it, it will never give them back, and the {@code Exchange} takes them back
 * itself.
 *
 * <p><b>What comes later.</b> Only requests for locks are answered later than by returning: their
 * {@code PendingLock} keeps the descriptor open until then, and {@code Interrupts} finds it when
 * the caller is interrupted. What the kernel is told unasked goes out from the thread of the {@code
 * Notifier}.
 *
 * <p><b>How it ends.</b> Reading says ENODEV once the mount is gone, whoever unmounted it. The
 * workers end, and the last of them ends the session: {@link io.samepage.fuse.FileSystem#destroy},
 * then {@link io.samepage.fuse.Session#awaitEnd} returns.
 *
 * <p><b>Locks.</b> {@code Interrupts}, {@code PendingLock} and {@code Notifier} each have one of
 * their own, themselves, as the workers have; none is held while another is taken, nor while the
 * file system or the kernel is called.
 *
 * <p><b>A trap for tests.</b> A JVM must not use its own mount through anything but plain system
 * calls: a thread that waits in a page fault for an answer of the same JVM keeps a safepoint, and
 * so the answer, from ever coming. Use child processes.
 */
@NullMarked
package io.samepage.fuse.kernel;

import org.jspecify.annotations.NullMarked;
