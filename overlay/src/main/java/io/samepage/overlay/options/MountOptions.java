package io.samepage.overlay.options;

import io.samepage.overlay.options.MountRefusedException.Reason;
import io.samepage.posix.Linux;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a mount is asked to be. Combinations have been checked and defaults filled in; whether the
 * directories are there has not been looked at.
 *
 * @param lower the lower layers, topmost first; at least one
 * @param data the data-only layers below them, topmost first: nothing in them is seen, but their
 *     files hold the data of metacopies that name them
 * @param upper where changes go; null for a mount that is read-only
 * @param work the work directory; null if and only if there is no upper directory
 * @param syncNothing {@code volatile}; false without an upper directory
 * @param userXattr whether marks are user.overlay.* rather than trusted.overlay.*
 * @param partialFrom the size from which on a file is copied up page by page, in bytes; 0 for never
 * @param metacopy whether metadata may be copied up alone
 * @param index whether there is an index for hard links; false without an upper directory
 * @param nativeDirs absolute paths in the mount, below which {@link Coherence#AUTO} reads natively
 * @param sharing what lower files share
 * @param pageMin size of the smallest file that is shared in part, in bytes
 * @param pageLikeness which part of its pages others must have, in per cent, from 1 to 100
 * @param numa what mounts on several NUMA nodes share
 * @param domain only mounts of one domain share; empty for the one that has no name
 * @param metrics where metrics are served; null for nowhere
 * @param allowOther whether it was asked that other users come in
 * @param nonEmpty whether the mount point may have entries
 * @param fsname the source that is shown for the mount; null if none was asked for
 * @param mountFlags MS_* of mount(2), with MS_RDONLY for a mount without an upper directory
 */
public record MountOptions(
    List<ByteString> lower,
    List<ByteString> data,
    @Nullable ByteString upper,
    @Nullable ByteString work,
    boolean syncNothing,
    boolean userXattr,
    RedirectDir redirectDir,
    long partialFrom,
    boolean metacopy,
    boolean index,
    Xino xino,
    Coherence coherence,
    List<ByteString> nativeDirs,
    SharingMode sharing,
    long pageMin,
    int pageLikeness,
    NumaPolicy numa,
    String domain,
    @Nullable MetricsAddress metrics,
    Passthrough passthrough,
    Transport transport,
    boolean allowOther,
    boolean nonEmpty,
    @Nullable ByteString fsname,
    long mountFlags) {

  /** As many as the kernel's overlayfs takes. */
  public static final int MAX_LOWER = 500;

  /** What {@code partial} is where it is not given, in bytes. */
  public static final long DEFAULT_PARTIAL_FROM = 1L << 20;

  /** The directories that the Filesystem Hierarchy Standard calls static and shareable. */
  public static final String DEFAULT_NATIVE_DIRS =
      "/usr:/bin:/sbin:/lib:/lib32:/lib64:/libx32:/opt";

  /** As {@link #pageMin} unless it is told. */
  public static final long DEFAULT_PAGE_MIN = 1 << 20;

  /** As {@link #pageLikeness} unless it is told. */
  public static final int DEFAULT_PAGE_LIKENESS = 10;

  public MountOptions {
    lower = List.copyOf(lower);
    data = List.copyOf(data);
    nativeDirs = List.copyOf(nativeDirs);
  }

  /** Whether nothing can be changed, because it was asked for or for want of an upper directory. */
  public boolean readOnly() {
    return (mountFlags & Linux.MS_RDONLY) != 0;
  }

  /** Whether access times are never updated. */
  public boolean noAtime() {
    return (mountFlags & Linux.MS_NOATIME) != 0;
  }

  /** Options without any layer yet. */
  public static Builder builder() {
    return new Builder();
  }

  /** Collects options, and remembers which of them were given. Later ones win. */
  public static final class Builder {
    private final List<String> notes = new ArrayList<>();
    private final List<ByteString> lower = new ArrayList<>();
    private final List<ByteString> data = new ArrayList<>();
    private @Nullable ByteString upper;
    private @Nullable ByteString work;
    private boolean syncNothing;
    private boolean userXattr;
    private @Nullable RedirectDir redirectDir;
    private boolean redirectDirOff;
    private long partialFrom = DEFAULT_PARTIAL_FROM;
    private @Nullable Boolean metacopy;
    private @Nullable Boolean index;
    private Xino xino = Xino.AUTO;
    private Coherence coherence = Coherence.AUTO;
    private SharingMode sharing = SharingMode.FILE;
    private long pageMin = DEFAULT_PAGE_MIN;
    private int pageLikeness = DEFAULT_PAGE_LIKENESS;
    private NumaPolicy numa = NumaPolicy.OFF;
    private String domain = "";
    private @Nullable MetricsAddress metrics;
    private List<ByteString> nativeDirs = defaultNativeDirs();
    private Passthrough passthrough = Passthrough.AUTO;
    private Transport transport = Transport.AUTO;
    private boolean allowOther;
    private boolean nonEmpty;
    private @Nullable ByteString fsname;
    private long mountFlags;

    private Builder() {}

    private static List<ByteString> defaultNativeDirs() {
      List<ByteString> dirs = new ArrayList<>();
      for (String dir : DEFAULT_NATIVE_DIRS.split(":", -1)) {
        dirs.add(ByteString.of(dir));
      }
      return dirs;
    }

    /** All of the lower layers, in place of those that were named before. */
    public Builder lower(List<ByteString> layers) {
      lower.clear();
      data.clear();
      lower.addAll(layers);
      return this;
    }

    /** One more lower layer; refused after a data-only one. */
    Builder addLower(ByteString layer) throws MountRefusedException {
      if (!data.isEmpty()) {
        throw refused(
            layer + " is a lower layer after a data-only one: name all data-only layers last");
      }
      lower.add(layer);
      return this;
    }

    /** One more data-only layer; refused before the first lower one. */
    Builder addData(ByteString layer) throws MountRefusedException {
      if (lower.isEmpty()) {
        throw refused(
            layer + " is a data-only layer, and nothing is above it: name a lower layer first");
      }
      data.add(layer);
      return this;
    }

    public Builder upper(ByteString directory) {
      upper = directory;
      return this;
    }

    public Builder work(ByteString directory) {
      work = directory;
      return this;
    }

    public Builder syncNothing(boolean on) {
      syncNothing = on;
      return this;
    }

    public Builder userXattr(boolean on) {
      userXattr = on;
      return this;
    }

    public Builder redirectDir(RedirectDir mode) {
      redirectDir = mode;
      redirectDirOff = false;
      return this;
    }

    /** {@code redirect_dir=off}: earlier renames are honoured where that is safe. */
    Builder redirectDirOff() {
      redirectDirOff = true;
      return this;
    }

    public Builder partialFrom(long size) {
      partialFrom = size;
      return this;
    }

    public Builder metacopy(boolean on) {
      metacopy = on;
      return this;
    }

    public Builder index(boolean on) {
      index = on;
      return this;
    }

    public Builder xino(Xino mode) {
      xino = mode;
      return this;
    }

    public Builder sharing(SharingMode mode) {
      sharing = mode;
      return this;
    }

    public Builder pageMin(long bytes) {
      pageMin = bytes;
      return this;
    }

    public Builder pageLikeness(int percent) {
      pageLikeness = percent;
      return this;
    }

    public Builder numa(NumaPolicy policy) {
      numa = policy;
      return this;
    }

    public Builder domain(String name) {
      domain = name;
      return this;
    }

    public Builder metrics(MetricsAddress address) {
      metrics = address;
      return this;
    }

    public Builder coherence(Coherence mode) {
      coherence = mode;
      return this;
    }

    public Builder nativeDirs(List<ByteString> dirs) {
      nativeDirs = dirs;
      return this;
    }

    public Builder passthrough(Passthrough mode) {
      passthrough = mode;
      return this;
    }

    public Builder transport(Transport choice) {
      transport = choice;
      return this;
    }

    public Builder allowOther(boolean on) {
      allowOther = on;
      return this;
    }

    public Builder nonEmpty(boolean on) {
      nonEmpty = on;
      return this;
    }

    public Builder fsname(ByteString name) {
      fsname = name;
      return this;
    }

    /** Changes flags of mount(2). */
    public Builder mountFlags(long clear, long set) {
      mountFlags = (mountFlags & ~clear) | set;
      return this;
    }

    Builder note(String note) {
      notes.add(note);
      return this;
    }

    /** What {@link #build} and the parser found worth a line in the log. */
    public List<String> notes() {
      return List.copyOf(notes);
    }

    /**
     * Checks the combination as the kernel's overlayfs does (ovl_fs_params_verify in
     * fs/overlayfs/params.c), and fills in what was not given.
     */
    public MountOptions build() throws MountRefusedException {
      if (lower.isEmpty()) {
        throw refused("lowerdir is missing: name at least one lower layer, lowerdir=DIR");
      }
      int layers = lower.size() + data.size();
      if (layers > MAX_LOWER) {
        throw refused(
            "lowerdir names "
                + layers
                + " layers, and at most "
                + MAX_LOWER
                + " can be stacked: merge some of them");
      }
      boolean hasUpper = upper != null;
      if (hasUpper && work == null) {
        throw refused(
            "workdir is missing: with upperdir="
                + upper
                + " also give workdir=DIR, a directory on the same mount");
      }
      // On unless it is switched off: whoever changes one of the names of a lower file wants the
      // others to change with it, as on any file system.
      boolean keepsIndex = !Boolean.FALSE.equals(index);
      if (!hasUpper) {
        noteUseless(work != null, "workdir=" + work);
        noteUseless(Boolean.TRUE.equals(index), "index=on");
        noteUseless(syncNothing, "volatile");
      }
      if (numa == NumaPolicy.REPLICATE && sharing == SharingMode.OFF) {
        notes.add("numa=replicate is ignored: with sharing=off each file uses its own pages");
      }
      RedirectDir redirects = redirects(hasUpper);
      return new MountOptions(
          lower,
          data,
          upper,
          hasUpper ? work : null,
          syncNothing && hasUpper,
          userXattr,
          redirects,
          partialFrom,
          Boolean.TRUE.equals(metacopy),
          keepsIndex && hasUpper,
          xino,
          coherence,
          nativeDirs,
          sharing,
          pageMin,
          pageLikeness,
          numa,
          domain,
          metrics,
          passthrough,
          transport,
          allowOther,
          nonEmpty,
          fsname,
          hasUpper ? mountFlags : mountFlags | Linux.MS_RDONLY);
    }

    /** Settles how redirect_dir, metacopy and userxattr go together. */
    private RedirectDir redirects(boolean hasUpper) throws MountRefusedException {
      boolean wantsMetacopy = Boolean.TRUE.equals(metacopy);
      if (userXattr) {
        if (redirectDir != null && !redirectDirOff && redirectDir != RedirectDir.NOFOLLOW) {
          throw refused(
              "redirect_dir="
                  + (redirectDir == RedirectDir.ON ? "on" : "follow")
                  + " contradicts userxattr: anybody could write such a redirect; leave one of them"
                  + " out");
        }
        if (wantsMetacopy) {
          throw refused(
              "metacopy=on contradicts userxattr: anybody could write such a mark; leave one of them"
                  + " out");
        }
        return RedirectDir.NOFOLLOW;
      }
      RedirectDir redirects =
          redirectDirOff ? RedirectDir.FOLLOW : redirectDir != null ? redirectDir : RedirectDir.ON;
      boolean enough =
          redirects == RedirectDir.ON || (redirects == RedirectDir.FOLLOW && !hasUpper);
      if (wantsMetacopy && !enough) {
        throw refused(
            "metacopy=on contradicts redirect_dir="
                + (redirectDirOff ? "off" : redirects == RedirectDir.FOLLOW ? "follow" : "nofollow")
                + ": make it redirect_dir=on, or leave metacopy out");
      }
      return redirects;
    }

    private void noteUseless(boolean given, String option) {
      if (given) {
        notes.add(option + " is ignored: it means nothing without an upperdir");
      }
    }

    private static MountRefusedException refused(String message) {
      return new MountRefusedException(Reason.OPTIONS, message);
    }
  }
}
