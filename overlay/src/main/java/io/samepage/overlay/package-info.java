/**
 * One writable tree from a stack of directory trees: layers, union directories, whiteouts, copy-up,
 * hard links and inode numbers, on the disk format of the kernel's overlayfs. {@link
 * io.samepage.overlay.OverlayFileSystem} implements the SPI of io.samepage.fuse: it takes requests
 * apart and hands them to the class of their subject. It is all that others see, with {@link
 * io.samepage.overlay.OverlayConfig} and {@link io.samepage.overlay.PendingCopies}, which completes
 * without a mount what mounts have left. {@code Overlay} is what both put together, from {@code
 * OverlayDirectories}; options are parsed and checked in io.samepage.overlay.options, locks of
 * files are kept in io.samepage.overlay.lock.
 *
 * <p>What it decides: a node holds where its file is, not what it is. Attributes are read from the
 * layers whenever the kernel asks, which it seldom does, since it may keep what it was told: nobody
 * else changes the tree. Files below are reached by a descriptor of their directory and one name in
 * it, never by a path, so no symbolic link is followed; lower layers only through read-only mounts
 * of their own. Whatever is changed above is made complete in the work directory and renamed in, so
 * that a crash leaves the old or the new.
 *
 * <p>A look-up: {@code Overlay} asks {@code NodeTable} for the name; if the kernel does not know it
 * yet, {@code Resolver} goes down the layers ({@code LowerSearch}) by {@code Descriptors}, reads
 * the marks of overlayfs, AUFS and fuse-overlayfs ({@code OverlayXattrs}, {@code Names}) as it
 * goes, and makes a {@code Node}, a {@code SplitNode} or a {@code Directory}, whose number comes
 * from {@code InodeNumbers}, of the file itself or of its {@code Origin}. {@code NodeTable} gives
 * it a nodeid and counts what the kernel holds. A listing goes the same way through {@code
 * DirectoryReader} to a {@code Listing}, which {@code DirectoryEntries} hands to the kernel.
 *
 * <p>A read-only open of a lower file: {@code OpenFiles} has {@code ModeChoice} choose how the
 * nodeid is to be open for as long as it is ({@code OpenFile}), which asks {@code CoherencePolicy}
 * whether the kernel may read the lower file itself; {@code RegisteredFiles} then registers that
 * for passthrough. With sharing, {@code Sharing} first asks io.samepage.dedup for the stable file
 * of the content, which is then registered in place of the lower file; without passthrough the
 * daemon reads that one. {@code PageUses} tells the reverse map whose pages are used. A registered
 * file outlives its last release in {@code IdleFiles}. Data that the kernel asks for nevertheless
 * go through {@code FileData}, by the {@code Handles} and what {@code DataDescriptors} opens for
 * them; {@code Durability} answers fsync(2) and the like.
 *
 * <p>A first write: {@code OpenFiles} has {@code CopyUp} bring the file up, with the directories
 * above it, through the {@code WorkDirectory}: {@code DataCopy}, then {@code CopiedMetadata}, then
 * {@code Publication} under its name. Large files are copied up page by page instead ({@code
 * PartialCopies}, with the package io.samepage.overlay.partial), and the rest later ({@code
 * PartialFilling}, {@code PartialCompletion}). A file with several names goes into the {@code
 * HardLinkIndex}, so that all its names lead to the one copy. If others have the lower file open,
 * the node is superseded ({@code Successors}): OPEN is answered with ESTALE, the kernel looks the
 * name up again, and finds the successor, with the same inode number. {@code Metadata}, with {@code
 * Truncation} for sizes, and {@code Creation} bring up what they change in the same way; {@code
 * Creation} asks {@code DefaultAcl} for what a new file inherits.
 *
 * <p>A rename: {@code Renames} brings up what is moved, takes the tree for itself, marks a
 * directory with a redirect to its lower parts, and makes one system call that moves the file and
 * leaves a whiteout where lower layers have the old name; then {@code NodeTable} moves the name.
 * {@code Removal} does the same without a new name, and anchors what is still in use.
 *
 * <p>Threads: requests come on many at once. The order of all locks is in {@code Overlay}; each
 * field says what guards it.
 */
@NullMarked
package io.samepage.overlay;

import org.jspecify.annotations.NullMarked;
