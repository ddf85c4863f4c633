/**
 * Which files and pages have the same content, and who uses them. There is nothing here yet; this
 * is what the package is for.
 *
 * <p>The content index tells the digest of a file (its fs-verity digest, whose Merkle tree has one
 * for each page too) by file system, inode, size and times, and the places that hold a digest. It
 * is a cache that all daemons of a host share: whoever deletes it loses nothing but time. For each
 * content one place is the stable file that stands for all others; it is checked whenever it would
 * be used, and another place takes over if it has changed or gone.
 *
 * <p>A page map says, by extents, which pages of an overlay inode are its own, shared with a stable
 * file, private or a hole; the reverse map leads from a stable file back to all its users. A range
 * leaves the shared state in a time that does not depend on how many share it. The counters have
 * the names that the kernel's KSM gives them.
 *
 * <p>Nothing here knows of overlays or of FUSE: files are descriptors, users are numbers. It uses
 * io.samepage.posix alone.
 */
@NullMarked
package io.samepage.dedup;

import org.jspecify.annotations.NullMarked;
