package io.samepage.overlay;

import io.samepage.overlay.options.ByteString;
import io.samepage.overlay.options.HostDirectory;
import io.samepage.overlay.options.MountDirectories;
import io.samepage.overlay.options.MountOptionParser;
import io.samepage.overlay.options.MountOptionParser.Form;
import io.samepage.overlay.options.MountOptions;
import io.samepage.overlay.options.MountRefusedException;
import io.samepage.overlay.options.MountRefusedException.Reason;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Stat;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/**
 * Of which layers the files in the directory {@code partial} are: its file {@code layers}, written
 * by each mount that begins one, so that they can be completed without that mount.
 *
 * <pre>
 *   samepage partial 1 upper=INODE\n
 *   lowerdir=A:B,redirect_dir=on,…
 * </pre>
 *
 * The second line has mount options, which are the rest of the file: a name may have a newline.
 */
final class PartialLayers {
  static final byte[] NAME = Names.ascii("layers");

  private static final String MAGIC = "samepage partial 1 upper=";

  private final long upperInode;
  private final byte[] options;

  private PartialLayers(long upperInode, byte[] options) {
    this.upperInode = upperInode;
    this.options = options;
  }

  /** What the file of a mount is to hold. */
  static byte[] describe(OverlayConfig config, MountDirectories directories) throws ErrnoException {
    ByteArrayOutputStream text = new ByteArrayOutputStream();
    HostDirectory upper = directories.upper();
    Stat stat = new Stat();
    if (upper != null) {
      Files.stat(upper.fd(), stat);
    }
    text.writeBytes(Names.ascii(MAGIC + stat.ino + "\nlowerdir="));
    boolean first = true;
    for (HostDirectory lower : directories.lower()) {
      text.writeBytes(first ? Names.EMPTY : Names.ascii(":"));
      text.writeBytes(MountOptionParser.escape(lower.path()).toBytes());
      first = false;
    }
    for (HostDirectory data : directories.data()) {
      text.writeBytes(Names.ascii("::"));
      text.writeBytes(MountOptionParser.escape(data.path()).toBytes());
    }
    String redirects =
        config.createRedirects() ? "on" : config.followRedirects() ? "follow" : "nofollow";
    text.writeBytes(
        Names.ascii(
            (config.userXattrs()
                    ? ",userxattr"
                    : ",redirect_dir=" + redirects + (config.metacopy() ? ",metacopy=on" : ""))
                + (config.index() ? ",index=on" : ",index=off")
                + (config.xino() ? "" : ",xino=off")
                + (config.volatileUpper() ? ",volatile" : "")
                + ",sharing=off"));
    return text.toByteArray();
  }

  /**
   * Reads it.
   *
   * @param work what messages call the work directory
   */
  static PartialLayers parse(byte[] text, String work) throws MountRefusedException {
    byte[] magic = Names.ascii(MAGIC);
    int end = 0;
    while (end < text.length && text[end] != '\n') {
      end++;
    }
    if (end < text.length
        && end > magic.length
        && Arrays.equals(text, 0, magic.length, magic, 0, magic.length)) {
      try {
        String number =
            new String(text, magic.length, end - magic.length, StandardCharsets.US_ASCII);
        byte[] options = Arrays.copyOfRange(text, end + 1, text.length);
        return new PartialLayers(Long.parseUnsignedLong(number), options);
      } catch (NumberFormatException e) {
        // Damaged, like what has another beginning.
      }
    }
    throw new MountRefusedException(
        Reason.LAYERS,
        work
            + "/partial/layers is damaged: mount the layers, and their daemon completes the files");
  }

  /** Whether an upper directory is the one that was used. */
  boolean isOf(Stat upper) {
    return upperInode == upper.ino;
  }

  /** The options to complete the files with. */
  MountOptions options(ByteString upper, ByteString work) throws MountRefusedException {
    ByteArrayOutputStream text = new ByteArrayOutputStream();
    text.writeBytes(options);
    text.writeBytes(Names.ascii(",upperdir="));
    text.writeBytes(MountOptionParser.escape(upper).toBytes());
    text.writeBytes(Names.ascii(",workdir="));
    text.writeBytes(MountOptionParser.escape(work).toBytes());
    return MountOptionParser.parse(Form.STRICT, List.of(ByteString.of(text.toByteArray())))
        .options();
  }
}
