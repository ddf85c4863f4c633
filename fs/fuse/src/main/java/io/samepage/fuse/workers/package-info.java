/**
 * The threads of a transport: who of them reads the next request, how it waits for it, and on which
 * processor. {@code Workers} are the threads, {@code Lookout} is the waiting of one, {@code
 * Placement} says where they run, {@code ProcessorLoad} is what all of them go by, and {@code
 * ReleaseOrder} the one order that requests have among each other.
 *
 * <p>What a request is and how it is answered is the transport's matter: it gives each worker a
 * {@link io.samepage.fuse.workers.Station}, and says of each request no more than its {@link
 * io.samepage.fuse.workers.RequestKind} and the thread that it came from.
 *
 * <p><b>Locks.</b> {@code Workers} are a monitor, which is held while no other lock is taken and
 * neither the transport nor the kernel is called. {@code Placement} is one, too, held while the
 * kernel's scheduler is told where threads are to run, and by workers while no other lock is held.
 */
@NullMarked
package io.samepage.fuse.workers;

import org.jspecify.annotations.NullMarked;
