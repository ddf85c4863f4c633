/**
 * On which node of a host with non-uniform memory access (NUMA) the processes of a mount run.
 *
 * <p><b>Terms.</b> A <i>node</i> is what the kernel numbers in /sys/devices/system/node
 * (Documentation/admin-guide/mm/numaperf.rst): CPUs, and memory that is near to them. The <i>home
 * node</i> of a mount is the one that most of its files are opened from.
 *
 * <p><b>What it is for.</b> The page cache takes a page from the node of the process that reads it
 * first, and every node reads it there from then on. Where a content has several places, files of
 * mounts with different home nodes can use different ones, each of which is then read, and so kept,
 * near to its readers: from (content, node) to a stable file. Which that is, the content index
 * knows ({@code io.samepage.dedup.NodePlaces}); here is only found out which node it is.
 *
 * <p><b>How it goes.</b> {@link io.samepage.dedup.numa.NumaTopology} is read once. Each open is
 * told to {@link io.samepage.dedup.numa.HomeNode}, which looks at a few of the processes that open
 * ({@link io.samepage.dedup.numa.ProcessCpus}), and changes its mind slowly.
 *
 * <p><b>Locks.</b> None is waited for: who finds another thread at it leaves it at that.
 */
@NullMarked
package io.samepage.dedup.numa;

import org.jspecify.annotations.NullMarked;
