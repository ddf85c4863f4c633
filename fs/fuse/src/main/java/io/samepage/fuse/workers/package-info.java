/**
 * The threads of a transport: who of them reads the next request, and how it waits for it. {@code
 * Workers} are the threads, {@code Lookout} is the waiting of one, {@code ProcessorLoad} what both
 * go by, and {@code ReleaseOrder} the one order that requests have among each other.
 *
 * <p>What a request is and how it is answered is the transport's matter: it gives each worker a
 * {@link io.samepage.fuse.workers.Station}, and says of each request no more than its {@link
 * io.samepage.fuse.workers.RequestKind}, which goes by the opcode.
 *
 * <p><b>Locks.</b> {@code Workers} are a monitor, which is held while no other lock is taken and
 * neither the transport nor the kernel is called.
 */
@NullMarked
package io.samepage.fuse.workers;

import org.jspecify.annotations.NullMarked;
