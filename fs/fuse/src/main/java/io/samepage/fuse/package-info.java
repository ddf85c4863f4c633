/**
 * The seam between a file system and whatever carries its requests: {@link
 * io.samepage.fuse.FileSystem} is what a file system implements, and a transport below this package
 * (the kernel's /dev/fuse, or libfuse) is what calls it.
 *
 * <p>How data flows: a transport decodes a request into plain arguments (numbers, names as bytes,
 * addresses of payload), calls one method of the file system on one of its worker threads, and
 * encodes what the method left in the reply objects ({@link io.samepage.fuse.Entry}, {@link
 * io.samepage.fuse.Attributes}, {@link io.samepage.fuse.Opened}). The reply objects belong to the
 * worker and are used again for its next request, so a file system fills them and never keeps them.
 * An {@link io.samepage.posix.ErrnoException} becomes the error of the reply; any other exception
 * becomes EIO and a log line. The vocabulary is that of the FUSE protocol (linux/fuse.h), since
 * that is what every reader of such code knows, but nothing here knows its wire format: that is in
 * {@code wire}, for both transports. Which thread reads which request is decided for both in {@code
 * workers}.
 *
 * <p>What goes the other way, from the file system to the kernel, goes through the {@link
 * io.samepage.fuse.Connection} that {@link io.samepage.fuse.FileSystem#init} hands over:
 * invalidations and backing files for passthrough. Data can spare the file system a part of the
 * way: where they are is said in {@link io.samepage.fuse.DataPieces}, and those of a small file are
 * given with its open ({@link io.samepage.fuse.PageCache}).
 */
@NullMarked
package io.samepage.fuse;

import org.jspecify.annotations.NullMarked;
