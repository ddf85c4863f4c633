/**
 * What a mount is asked to be: the mount options, and whether the host's directories can be mounted
 * that way.
 *
 * <p>{@link io.samepage.overlay.options.MountOption} is the one table of options, from which the
 * parser works and the help text is printed. {@link io.samepage.overlay.options.MountOptionParser}
 * turns option strings into {@link io.samepage.overlay.options.MountOptions}, whose combinations
 * have been checked by the rules of the kernel's overlayfs (fs/overlayfs/params.c).
 *
 * <p>Paths are bytes ({@link io.samepage.overlay.options.ByteString}). Whatever is wrong becomes a
 * {@link io.samepage.overlay.options.MountRefusedException}, whose message is one line that names
 * the option or path and the remedy.
 */
@NullMarked
package io.samepage.overlay.options;

import org.jspecify.annotations.NullMarked;
