package io.samepage.overlay.options;

import io.samepage.overlay.options.MountRefusedException.Reason;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.MountTable;
import io.samepage.posix.Stat;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The directories that a mount is made of, opened, checked and locked: none is missing, no two
 * overlap, the work directory is on the mount of the upper one, both are used by nobody else, and
 * their file system can do what is needed.
 *
 * <p>The locks (flock(2) on the upper and the work directory) last until {@link #close}.
 */
public final class MountDirectories implements AutoCloseable {
  private static final int RETRY_MILLIS = 10;

  /** What a mount makes in its work directory. */
  private static final List<ByteString> MADE =
      List.of(ByteString.of("work"), ByteString.of("index"));

  private final List<HostDirectory> lower = new ArrayList<>();
  private final List<HostDirectory> data = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();
  private @Nullable HostDirectory upper;
  private @Nullable HostDirectory work;
  private UpperFeatures features = UpperFeatures.ALL;
  private final List<ByteString> missing = new ArrayList<>();

  private MountDirectories() {}

  /**
   * Opens and checks the directories that options name.
   *
   * @param patience how long to wait for another mount that is just ending to let go of the upper
   *     and the work directory
   */
  public static MountDirectories open(MountOptions options, Duration patience)
      throws MountRefusedException {
    MountDirectories directories = new MountDirectories();
    try {
      MountTable mounts = readMounts();
      directories.openAll(options, mounts);
      directories.refuseOverlaps();
      directories.prepareUpper(options, mounts, patience);
      return directories;
    } catch (MountRefusedException | RuntimeException e) {
      directories.close();
      throw e;
    }
  }

  /** The same for an upper and a work directory alone, whose lower layers are not known yet. */
  public static MountDirectories openUpper(ByteString upper, ByteString work, Duration patience)
      throws MountRefusedException {
    MountDirectories directories = new MountDirectories();
    try {
      MountTable mounts = readMounts();
      directories.upper = open("upperdir", upper, mounts);
      directories.work = open("workdir", work, mounts);
      directories.refuseOverlaps();
      directories.lockUpper(mounts, patience);
      return directories;
    } catch (MountRefusedException | RuntimeException e) {
      directories.close();
      throw e;
    }
  }

  static MountTable readMounts() throws MountRefusedException {
    try {
      return MountTable.read();
    } catch (ErrnoException e) {
      throw new MountRefusedException(
          Reason.SYSTEM, e.getMessage() + ": /proc is not mounted; mount it");
    }
  }

  private void openAll(MountOptions options, MountTable mounts) throws MountRefusedException {
    for (ByteString path : options.lower()) {
      lower.add(open("lowerdir", path, mounts));
    }
    for (ByteString path : options.data()) {
      data.add(open("datadir+", path, mounts));
    }
    if (options.upper() != null && options.work() != null) {
      upper = open("upperdir", options.upper(), mounts);
      work = open("workdir", options.work(), mounts);
    }
  }

  private static HostDirectory open(String option, ByteString path, MountTable mounts)
      throws MountRefusedException {
    return HostDirectory.open(option + "=" + path, path, Linux.O_RDONLY, Reason.LAYERS, mounts);
  }

  private void refuseOverlaps() throws MountRefusedException {
    Map<ByteString, HostDirectory> byLocation = new HashMap<>();
    List<HostDirectory> all = new ArrayList<>(readOnly());
    if (upper != null && work != null) {
      all.add(upper);
      all.add(work);
    }
    for (HostDirectory directory : all) {
      HostDirectory same = byLocation.putIfAbsent(directory.location(), directory);
      if (same != null) {
        throw new MountRefusedException(
            Reason.LAYERS,
            same.name()
                + " and "
                + directory.name()
                + " are the same directory: name two different ones");
      }
    }
    for (HostDirectory directory : all) {
      byte[] location = directory.location().toBytes();
      for (int end = location.length - 1; end > 0; end--) {
        if (location[end] == '/') {
          HostDirectory outer = byLocation.get(ByteString.of(Arrays.copyOf(location, end)));
          if (outer != null) {
            throw new MountRefusedException(
                Reason.LAYERS,
                directory.name()
                    + " is inside "
                    + outer.name()
                    + ": name directories that are not nested");
          }
        }
      }
    }
  }

  private void prepareUpper(MountOptions options, MountTable mounts, Duration patience)
      throws MountRefusedException {
    if (upper == null || work == null) {
      return;
    }
    lockUpper(mounts, patience);
    for (ByteString name : MADE) {
      if (!isThere(work, name)) {
        missing.add(name);
      }
    }
    features = UpperProbe.probe(upper, work, options.userXattr());
    if (!features.entryTypes()) {
      notes.add(
          "the file system of "
              + upper.name()
              + " does not tell the types of directory entries;"
              + " listing directories is slower than it could be");
    }
  }

  private void lockUpper(MountTable mounts, Duration patience) throws MountRefusedException {
    if (upper == null || work == null) {
      return;
    }
    if (upper.mountId() != work.mountId()) {
      throw new MountRefusedException(
          Reason.LAYERS,
          work.name()
              + " is not on the same mount as "
              + upper.name()
              + ": name a directory beside it");
    }
    refuseKernelOverlays(upper, work, mounts);
    long deadline = System.nanoTime() + patience.toNanos();
    lock(work, deadline);
    lock(upper, deadline);
    VolatileMark.check(work);
  }

  private static boolean isThere(HostDirectory work, ByteString name) {
    try {
      return Files.tryStat(work.fd(), name.toBytes(), new Stat()) == 0;
    } catch (ErrnoException e) {
      return true;
    }
  }

  /** Leaves the work directory as it was found, after a mount that did not come about. */
  public void discard() {
    if (work == null) {
      return;
    }
    for (ByteString name : missing) {
      try {
        Files.rmdir(work.fd(), name.toBytes());
      } catch (ErrnoException e) {
        // It was not made, or is in use after all.
      }
    }
  }

  private void lock(HostDirectory directory, long deadline) throws MountRefusedException {
    try {
      while (!Files.tryLockExclusively(directory.fd())) {
        if (System.nanoTime() - deadline >= 0) {
          throw new MountRefusedException(
              Reason.IN_USE,
              directory.name()
                  + " is in use by another mount: unmount that, or name another directory (samepage"
                  + " status lists all mounts)");
        }
        Thread.sleep(RETRY_MILLIS);
      }
    } catch (ErrnoException e) {
      notes.add(
          directory.name()
              + " cannot be locked ("
              + e.getMessage()
              + "): see to it that no other mount uses it");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new MountRefusedException(Reason.SYSTEM, "interrupted: mount again");
    }
  }

  /** The kernel's overlayfs takes no lock that can be seen, but says what it was mounted with. */
  private static void refuseKernelOverlays(
      HostDirectory upper, HostDirectory work, MountTable mounts) throws MountRefusedException {
    for (MountTable.Mount mount : mounts.mounts()) {
      if (mount.type().equals("overlay")) {
        String options = "," + new String(mount.options(), StandardCharsets.ISO_8859_1) + ",";
        refuseIfUsed(upper, ",upperdir=", options, mount);
        refuseIfUsed(work, ",workdir=", options, mount);
      }
    }
  }

  private static void refuseIfUsed(
      HostDirectory directory, String option, String options, MountTable.Mount mount)
      throws MountRefusedException {
    String path = new String(directory.path().toBytes(), StandardCharsets.ISO_8859_1);
    if (options.contains(option + path + ",")) {
      throw new MountRefusedException(
          Reason.IN_USE,
          directory.name()
              + " is in use by the kernel's overlayfs on "
              + ByteString.of(mount.mountPoint())
              + ": unmount that, or name another directory");
    }
  }

  /** The lower layers, topmost first; closed by {@link #closeLower}. */
  public List<HostDirectory> lower() {
    return List.copyOf(lower);
  }

  /** The data-only layers below them, topmost first; closed by {@link #closeLower}. */
  public List<HostDirectory> data() {
    return List.copyOf(data);
  }

  /** Both, in the order in which layers are numbered. */
  public List<HostDirectory> readOnly() {
    List<HostDirectory> all = new ArrayList<>(lower);
    all.addAll(data);
    return all;
  }

  /** The upper directory; null for a mount that is read-only. */
  public @Nullable HostDirectory upper() {
    return upper;
  }

  /** The work directory; null if and only if there is no upper directory. */
  public @Nullable HostDirectory work() {
    return work;
  }

  /** What the upper directory's file system can do. */
  public UpperFeatures features() {
    return features;
  }

  /** Lines for the log. */
  public List<String> notes() {
    return List.copyOf(notes);
  }

  /** Closes the lower layers, once somebody has descriptors of his own. */
  public void closeLower() {
    lower.forEach(HostDirectory::close);
    data.forEach(HostDirectory::close);
  }

  @Override
  public void close() {
    closeLower();
    if (upper != null) {
      upper.close();
    }
    if (work != null) {
      work.close();
    }
  }
}
