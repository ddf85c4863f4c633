package io.samepage.overlay.options;

import io.samepage.posix.Linux;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The table of mount options: every word that may stand in {@code -o}, what its value looks like,
 * and what is done with it.
 */
public enum MountOption {
  LOWERDIR(
      "lowerdir",
      Group.LAYERS,
      "DIR[:DIR]...",
      "the lower layers, topmost first; at least one, at most 500. After a \"::\" a layer is"
          + " data-only: its files are not seen, but hold the data of metacopies that name them"),
  LOWERDIR_APPEND("lowerdir+", Group.LAYERS, "DIR", "one more lower layer, below those before it"),
  DATADIR_APPEND("datadir+", Group.LAYERS, "DIR", "one more data-only layer"),
  UPPERDIR("upperdir", Group.LAYERS, "DIR", "where changes go; without it the mount is read-only"),
  WORKDIR(
      "workdir",
      Group.LAYERS,
      "DIR",
      "a directory on the same mount as upperdir, for this mount alone"),

  VOLATILE(
      "volatile",
      Group.OVERLAY,
      null,
      "sync nothing: faster, but after a crash of the host the upper directory is lost"),
  USERXATTR(
      "userxattr",
      Group.OVERLAY,
      null,
      "keep the overlay's marks in user.overlay.* instead of trusted.overlay.*"),
  REDIRECT_DIR(
      "redirect_dir",
      Group.OVERLAY,
      "on|follow|nofollow|off",
      "on: directories of lower layers can be renamed (default; with userxattr: nofollow);"
          + " follow, off: earlier renames are honoured; nofollow: not even these"),
  METACOPY(
      "metacopy",
      Group.OVERLAY,
      "on|off",
      "copy up metadata alone where nothing else changes (default: off)"),
  INDEX(
      "index",
      Group.OVERLAY,
      "on|off",
      "keep hard links together across remounts, by an index in workdir (default: on)"),
  XINO(
      "xino",
      Group.OVERLAY,
      "auto|on|off",
      "inode numbers that are unique across layers of several file systems (default: auto)"),

  COHERENCE(
      "coherence",
      Group.SAMEPAGE,
      "auto|strict|relaxed",
      "what a descriptor that was opened for reading before a copy-up reads after it: the new data"
          + " (strict), the old data at native speed (relaxed), or the old data below native_dirs"
          + " alone (auto, default)"),
  NATIVE_DIRS(
      "native_dirs",
      Group.SAMEPAGE,
      "DIR[:DIR]...",
      "directories of the mount below which coherence=auto reads at native speed (default: "
          + MountOptions.DEFAULT_NATIVE_DIRS
          + ")"),
  SHARING(
      "sharing",
      Group.SAMEPAGE,
      "off|file|page",
      "whether files of lower layers with equal content use the same page frames; only where there"
          + " is passthrough (default: file). page: in addition, files that are alike only in part"
          + " are read through the daemon, each range from one file of those that have it, as soon as"
          + " they have been read once, or by samepage index --pages before"),
  PAGE_MIN(
      "page_min",
      Group.SAMEPAGE,
      "SIZE",
      "with sharing=page, the smallest file that is shared in part; in bytes, or with K, M or G"
          + " after the number (default: 1M)"),
  PAGE_LIKENESS(
      "page_likeness",
      Group.SAMEPAGE,
      "PERCENT",
      "with sharing=page, how many of a file's pages other files must have for it to be read through"
          + " the daemon, from 1 to 100 (default: 10)"),
  NUMA(
      "numa",
      Group.SAMEPAGE,
      "off|replicate",
      "where a content is in several places and this host has several NUMA nodes: one place for all"
          + " (off, default), or one for each node, used by mounts whose processes run there, so"
          + " that its pages are in that node's memory (replicate)"),
  DOMAIN(
      "domain",
      Group.SAMEPAGE,
      "NAME",
      "only mounts with the same name here share with each other"),
  METRICS(
      "metrics",
      Group.SAMEPAGE,
      "unix:PATH|127.0.0.1:PORT|[::1]:PORT",
      "serve metrics in Prometheus' text format, as http://…/metrics: at a socket for root alone, or"
          + " at a port, for every user of this host (default: nowhere)"),
  PARTIAL(
      "partial",
      Group.SAMEPAGE,
      "off|SIZE",
      "lower files from this size on (bytes, or with K, M or G) are copied up page by page as they"
          + " are written, and the rest in the background, where they cannot be cloned (default:"
          + " 1M; off as a mount program of a container engine)"),
  PASSTHROUGH(
      "passthrough",
      Group.SAMEPAGE,
      "auto|off",
      "whether the kernel reads and writes files of the layers by itself, where it can (default:"
          + " auto)"),
  TRANSPORT(
      "transport",
      Group.SAMEPAGE,
      "auto|kernel|libfuse",
      "how requests come: from /dev/fuse itself (kernel), or through libfuse 2, which needs no right"
          + " to mount, and has no passthrough (default: auto, which takes libfuse where the kernel"
          + " forbids the other)"),

  ALLOW_OTHER("allow_other", Group.FUSE, null, "let other users in (a mount by root always does)"),
  DEFAULT_PERMISSIONS(
      "default_permissions", Group.FUSE, null, "let the kernel check permissions (it always does)"),
  FSNAME("fsname", Group.FUSE, "NAME", "the source that mount(8) and df(1) show"),
  NONEMPTY("nonempty", Group.FUSE, null, "mount over a directory that is not empty"),

  RO("ro", Group.GENERIC, Linux.MS_RDONLY, 0, "read-only"),
  RW("rw", Group.GENERIC, 0, Linux.MS_RDONLY, "read-write (default where there is an upperdir)"),
  NOSUID("nosuid", Group.GENERIC, Linux.MS_NOSUID, 0, "ignore set-user-ID and set-group-ID bits"),
  SUID("suid", Group.GENERIC, 0, Linux.MS_NOSUID, "honour them (default)"),
  NODEV("nodev", Group.GENERIC, Linux.MS_NODEV, 0, "device files cannot be opened"),
  DEV("dev", Group.GENERIC, 0, Linux.MS_NODEV, "they can (default)"),
  NOEXEC("noexec", Group.GENERIC, Linux.MS_NOEXEC, 0, "nothing can be executed"),
  EXEC("exec", Group.GENERIC, 0, Linux.MS_NOEXEC, "programs can (default)"),
  SYNC("sync", Group.GENERIC, Linux.MS_SYNCHRONOUS, 0, "write everything through at once"),
  ASYNC("async", Group.GENERIC, 0, Linux.MS_SYNCHRONOUS, "do not (default)"),
  DIRSYNC("dirsync", Group.GENERIC, Linux.MS_DIRSYNC, 0, "write directories through at once"),
  NOATIME("noatime", Group.GENERIC, Linux.MS_NOATIME, Flags.ATIME, "never update access times"),
  RELATIME(
      "relatime",
      Group.GENERIC,
      Linux.MS_RELATIME,
      Flags.ATIME,
      "update them when they are a day old or older than the last change (default)"),
  STRICTATIME(
      "strictatime", Group.GENERIC, Linux.MS_STRICTATIME, Flags.ATIME, "always update them"),
  ATIME("atime", Group.GENERIC, 0, Linux.MS_NOATIME, "not noatime"),
  NORELATIME("norelatime", Group.GENERIC, 0, Linux.MS_RELATIME, "not relatime"),
  NOSTRICTATIME("nostrictatime", Group.GENERIC, 0, Linux.MS_STRICTATIME, "not strictatime"),
  NODIRATIME(
      "nodiratime", Group.GENERIC, Linux.MS_NODIRATIME, 0, "never update those of directories"),
  DIRATIME("diratime", Group.GENERIC, 0, Linux.MS_NODIRATIME, "not nodiratime"),
  LAZYTIME("lazytime", Group.GENERIC, Linux.MS_LAZYTIME, 0, "write times late"),
  NOLAZYTIME("nolazytime", Group.GENERIC, 0, Linux.MS_LAZYTIME, "not lazytime"),
  NOSYMFOLLOW("nosymfollow", Group.GENERIC, Linux.MS_NOSYMFOLLOW, 0, "follow no symbolic links"),
  SYMFOLLOW("symfollow", Group.GENERIC, 0, Linux.MS_NOSYMFOLLOW, "follow them (default)"),
  DEFAULTS("defaults", Group.GENERIC, 0, 0, "nothing"),

  AUTO("auto", Group.FSTAB, null, ""),
  NOAUTO("noauto", Group.FSTAB, null, ""),
  NOFAIL("nofail", Group.FSTAB, null, ""),
  NETDEV("_netdev", Group.FSTAB, null, ""),
  USER("user", Group.FSTAB, "[=NAME]", ""),
  NOUSER("nouser", Group.FSTAB, null, ""),
  USERS("users", Group.FSTAB, null, ""),
  NOUSERS("nousers", Group.FSTAB, null, ""),
  OWNER("owner", Group.FSTAB, null, ""),
  NOOWNER("noowner", Group.FSTAB, null, ""),
  GROUP("group", Group.FSTAB, null, ""),
  NOGROUP("nogroup", Group.FSTAB, null, ""),
  COMMENT("comment", Group.FSTAB, "TEXT", ""),
  SILENT("silent", Group.FSTAB, null, ""),
  LOUD("loud", Group.FSTAB, null, ""),

  PRIVATE("private", Group.IGNORED, null, Text.PROPAGATION),
  RPRIVATE("rprivate", Group.IGNORED, null, Text.PROPAGATION),
  SHARED("shared", Group.IGNORED, null, Text.PROPAGATION),
  RSHARED("rshared", Group.IGNORED, null, Text.PROPAGATION),
  SLAVE("slave", Group.IGNORED, null, Text.PROPAGATION),
  RSLAVE("rslave", Group.IGNORED, null, Text.PROPAGATION),
  NOACL("noacl", Group.IGNORED, null, "ACLs work, and cost nothing where there are none"),
  FSYNC("fsync", Group.IGNORED, "N", "what turns syncing off is volatile"),
  STATIC_NLINK("static_nlink", Group.IGNORED, null, "link counts are right"),
  NOXATTRS("noxattrs", Group.IGNORED, "[=N]", "extended attributes work"),
  FAST_INO("fast_ino", Group.IGNORED, "[=N]", "inode numbers are governed by xino"),
  TIMEOUT("timeout", Group.IGNORED, "SECONDS", Text.CACHES),
  ENTRY_TIMEOUT("entry_timeout", Group.IGNORED, "SECONDS", Text.CACHES),
  ATTR_TIMEOUT("attr_timeout", Group.IGNORED, "SECONDS", Text.CACHES),
  NEGATIVE_TIMEOUT("negative_timeout", Group.IGNORED, "SECONDS", Text.CACHES),
  KERNEL_CACHE("kernel_cache", Group.IGNORED, null, Text.CACHES),
  AUTO_CACHE("auto_cache", Group.IGNORED, null, Text.CACHES),
  WRITEBACK("writeback", Group.IGNORED, "[=N]", "the kernel's writeback cache stays off"),
  THREADED("threaded", Group.IGNORED, "[=N]", "there are always several threads"),
  SUBTYPE("subtype", Group.IGNORED, "NAME", "the type is always fuse.samepage"),
  MAX_READ("max_read", Group.IGNORED, "N", Text.REQUEST_SIZE),
  MAX_WRITE("max_write", Group.IGNORED, "N", Text.REQUEST_SIZE),
  BIG_WRITES("big_writes", Group.IGNORED, null, Text.REQUEST_SIZE),
  BLKDEV("blkdev", Group.REFUSED, null, "there is no block device: leave it out"),

  NFS_EXPORT("nfs_export", Group.OFF_ONLY, "off", "it cannot be exported by NFS"),
  VERITY("verity", Group.OFF_ONLY, "off", "digests of metacopy files are not checked"),
  UUID("uuid", Group.OFF_ONLY, "off|null|auto", "no UUID is stored in the upper directory"),
  CONTEXT("context", Group.OFF_ONLY, "\"\"", Text.LABEL),
  FSCONTEXT("fscontext", Group.OFF_ONLY, "\"\"", Text.LABEL),
  DEFCONTEXT("defcontext", Group.OFF_ONLY, "\"\"", Text.LABEL),
  ROOTCONTEXT("rootcontext", Group.OFF_ONLY, "\"\"", Text.LABEL),

  UIDMAPPING("uidmapping", Group.REFUSED, "MAP", Text.OWNERSHIP),
  GIDMAPPING("gidmapping", Group.REFUSED, "MAP", Text.OWNERSHIP),
  SQUASH_TO_ROOT("squash_to_root", Group.REFUSED, null, Text.OWNERSHIP),
  SQUASH_TO_UID("squash_to_uid", Group.REFUSED, "UID", Text.OWNERSHIP),
  SQUASH_TO_GID("squash_to_gid", Group.REFUSED, "GID", Text.OWNERSHIP),
  FORCE_MASK("force_mask", Group.REFUSED, "MASK", Text.OWNERSHIP),
  XATTR_PERMISSIONS("xattr_permissions", Group.REFUSED, "N", Text.OWNERSHIP),
  PLUGINS("plugins", Group.REFUSED, "LIST", "there are no plugins: leave it out"),
  REMOUNT(
      "remount",
      Group.REFUSED,
      null,
      "a standing mount cannot be changed: unmount it and mount it again"),
  ALLOW_ROOT("allow_root", Group.REFUSED, null, "use allow_other");

  /** What belongs together in the help text, and is treated alike. */
  public enum Group {
    LAYERS("Layers"),
    OVERLAY("As the kernel's overlayfs has them"),
    SAMEPAGE("samepage's own"),
    FUSE("As FUSE file systems have them"),
    GENERIC("As all file systems have them"),
    FSTAB("Accepted for /etc/fstab, of no effect here (so are x-* and X-*)"),
    IGNORED("Accepted for other programs' sake, ignored with a line in the log"),
    OFF_ONLY("Accepted with the values that ask for nothing"),
    REFUSED("Known but refused, since ignoring them would change what is seen");

    private final String title;

    Group(String title) {
      this.title = title;
    }

    /** The heading of the group. */
    public String title() {
      return title;
    }
  }

  private static final class Flags {
    static final long ATIME = Linux.MS_NOATIME | Linux.MS_RELATIME | Linux.MS_STRICTATIME;
  }

  private static final class Text {
    static final String PROPAGATION = "the propagation of the mount below stays as it is";
    static final String CACHES = "the kernel's caches are kept right without";
    static final String REQUEST_SIZE = "requests are as large as the kernel makes them";
    static final String OWNERSHIP =
        "owners and modes are shown as they are stored: leave it out, and give the layers the"
            + " owners that are wanted";
    static final String LABEL = "there are no SELinux labels for a whole mount";
  }

  private static final Map<String, MountOption> BY_WORD = new HashMap<>();

  static {
    for (MountOption option : values()) {
      BY_WORD.put(option.word, option);
    }
  }

  private final String word;
  private final Group group;
  private final @Nullable String value;
  private final String meaning;
  private final long flagsSet;
  private final long flagsCleared;

  MountOption(String word, Group group, @Nullable String value, String meaning) {
    this.word = word;
    this.group = group;
    this.value = value;
    this.meaning = meaning;
    this.flagsSet = 0;
    this.flagsCleared = 0;
  }

  MountOption(String word, Group group, long flagsSet, long flagsCleared, String meaning) {
    this.word = word;
    this.group = group;
    this.value = null;
    this.meaning = meaning;
    this.flagsSet = flagsSet;
    this.flagsCleared = flagsCleared;
  }

  static @Nullable MountOption find(String word) {
    return BY_WORD.get(word);
  }

  /** The option as it is written, without its value. */
  public String word() {
    return word;
  }

  public Group group() {
    return group;
  }

  /** What it does, or why it does nothing, for people; empty for what the group's title says. */
  public String meaning() {
    return meaning;
  }

  /** The option with its value, as in {@code metacopy=on|off}. */
  public String syntax() {
    if (value == null) {
      return word;
    }
    return value.startsWith("[") ? word + value : word + "=" + value;
  }

  /** Whether it is a SELinux label for the whole mount. */
  boolean isLabel() {
    return meaning.equals(Text.LABEL);
  }

  /** Whether it may have a value. */
  boolean takesValue() {
    return value != null;
  }

  /** Whether a value is one of those that {@link #syntax} lists. */
  boolean lists(String candidate) {
    return value != null
        && !candidate.contains("|")
        && ("|" + value + "|").contains("|" + candidate + "|");
  }

  /** MS_* flags of mount(2) that it sets. */
  long flagsSet() {
    return flagsSet;
  }

  /** MS_* flags of mount(2) that it clears before. */
  long flagsCleared() {
    return flagsCleared;
  }
}
