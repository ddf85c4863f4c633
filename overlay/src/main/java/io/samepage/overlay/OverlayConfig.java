package io.samepage.overlay;

import io.samepage.overlay.options.ByteString;
import io.samepage.overlay.options.Coherence;
import io.samepage.overlay.options.MountOptions;
import io.samepage.overlay.options.RedirectDir;
import io.samepage.overlay.options.Xino;
import java.util.List;

/**
 * How one mount behaves, as decided by its options.
 *
 * @param readOnly whether the tree cannot be changed
 * @param volatileUpper whether nothing is ever synced ({@code volatile})
 * @param userXattrs whether the overlay's own attributes are {@code user.overlay.*}
 * @param createRedirects whether a directory with lower parts can be renamed
 * @param followRedirects whether redirects that are there already are honoured
 * @param metacopy whether a change of metadata copies no data
 * @param index whether hard links of a lower file stay together by the kernel's index
 * @param xino whether the layer's number goes into the upper bits of inode numbers
 * @param partialFrom the size from which on a file is copied up page by page, in bytes; 0 for never
 * @param coherence how handles that were opened before a copy-up read
 * @param nativeDirectories absolute paths in the mount below which {@link Coherence#AUTO} is native
 */
public record OverlayConfig(
    boolean readOnly,
    boolean volatileUpper,
    boolean userXattrs,
    boolean createRedirects,
    boolean followRedirects,
    boolean metacopy,
    boolean index,
    boolean xino,
    long partialFrom,
    Coherence coherence,
    List<ByteString> nativeDirectories) {
  /** What the options of a mount come to. */
  public static OverlayConfig of(MountOptions options) {
    return new OverlayConfig(
        options.readOnly(),
        options.syncNothing(),
        options.userXattr(),
        options.redirectDir() == RedirectDir.ON,
        options.redirectDir() != RedirectDir.NOFOLLOW,
        options.metacopy(),
        options.index(),
        options.xino() != Xino.OFF,
        options.partialFrom(),
        options.coherence(),
        options.nativeDirs());
  }
}
