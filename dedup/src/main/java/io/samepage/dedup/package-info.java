/**
 * Which files have the same content, and who uses which of them in place of its own.
 *
 * <p><b>Terms.</b> The <i>digest</i> of a file is its fs-verity digest ({@link
 * io.samepage.dedup.VerityDigest}), whose leaves are the digests of its pages. A <i>key</i> ({@link
 * io.samepage.dedup.FileKey}) is a file as it is at one time: file system, inode, size, mtime,
 * ctime. A <i>place</i> is a key, a file handle that opens the file whatever its name is by now,
 * and the layer it was found in. For each content one place is the <i>stable file</i> that stands
 * for all others. A <i>user</i> is a number that means a mapping to the caller.
 *
 * <p><b>How data flow.</b> An open of a lower file asks {@link io.samepage.dedup.StableFiles#find}.
 * It looks the key up in the {@link io.samepage.dedup.ContentIndex} (key to digest, digest to
 * places), opens the first place that is still what it was, by its handle and through a read-only
 * mount, and returns it; or null, which means the file's own data. What the index does not know
 * goes into a bounded queue ({@code BackgroundQueue}), from which one thread of low priority
 * identifies it ({@code Identifier}): if no other file of its size is known in the domain, it is
 * entered unhashed; else it is hashed, and so is that other file if it has not been. What an open
 * finds wrong with the places of a content goes the same way ({@code ContentPlaces}). {@code
 * samepage index} does the same ahead of time for whole trees, with several threads.
 *
 * <p><b>Files that are alike in part.</b> Where the options ask for it, {@code PageSharing} has
 * large files hashed page by page ({@code PageIdentification}), as {@code samepage index --pages}
 * does ahead of time. {@code PageIndex} keeps the digests, and which content had a page first;
 * {@link io.samepage.dedup.pages.RangeFinder} finds the ranges that a content has in common with
 * those before it. An open gets them as a {@link io.samepage.dedup.PagedFile}, which reads each
 * range from a place that holds the content it is of, and from the file itself where there is none.
 *
 * <p><b>NUMA nodes.</b> Where the options name a {@link io.samepage.dedup.numa.HomeNode}, a content
 * with several places has a stable file for each node: {@code NodePlaces}, in the index beside the
 * places, says which place a node has for its own. A node gets one when a mount there first asks
 * for a content with a place that no node has; it is written by the background thread, and until
 * then, or where another daemon was faster, the mount asks again ({@link
 * io.samepage.dedup.StableFiles#placing}). Nothing of this is read or written otherwise.
 *
 * <p><b>What is seen of it.</b> {@link io.samepage.dedup.StableFiles#use} tells who uses which
 * file's pages, and is where KSM's counters come from. {@link io.samepage.dedup.SharingReport}
 * reads trees and says what could be shared; {@link io.samepage.dedup.SharingProof} maps files and
 * says what is.
 *
 * <p><b>Where it is kept.</b> In LMDB ({@code LmdbStore}), shared by all processes of the host, or
 * in bounded memory where the disk is full or read-only ({@code MemoryStore}). It is a cache: who
 * deletes it loses nothing but time, and it is not synced to disk. Every value has a checksum, and
 * whoever opens the index alone walks its pages first ({@code LmdbPages}), since LMDB itself trusts
 * them. Nothing of LMDB is loaded until something is asked first, and then by the background
 * thread.
 *
 * <p><b>What is trusted.</b> Nothing that is stored: a place is opened and compared with its key at
 * every use, so that a file that has changed or gone is not used, and another place takes over.
 * That a key tells a content rests on ctime, which is why file systems without a true one are left
 * out ({@code FileSystemId}), and why files that were changed within the last seconds are, too.
 *
 * <p><b>Locks.</b> From first to last, each taken while those before it may be held:
 *
 * <ol>
 *   <li>{@code ContentIndex.OPEN}: which indexes this process has open; held while one is opened
 *   <li>the locks on the files {@code gate}, {@code users} and {@code turn}, between processes
 *   <li>{@code ContentIndex} itself: going over to memory
 *   <li>{@code LmdbStore.open}: for reading by each access, for writing by close
 *   <li>LMDB's own writer lock, between processes; held for one transaction
 * </ol>
 *
 * A {@code PagedFile} is locked before those of the list from the locks of an index on, and so is a
 * {@code PageIndex}, by who changes it; neither is taken while one of them is held.
 *
 * <p>The entries of {@code ReverseMap} and of {@code PageSharing}'s maps have locks under which
 * nothing is called. No lock is held while a file is hashed, nor by {@code find} while it opens
 * one.
 *
 * <p>Nothing here knows of overlays or of FUSE: files are descriptors, users are numbers. It uses
 * io.samepage.posix alone.
 */
@NullMarked
package io.samepage.dedup;

import org.jspecify.annotations.NullMarked;
