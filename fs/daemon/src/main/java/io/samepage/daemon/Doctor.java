package io.samepage.daemon;

import io.samepage.dedup.numa.NumaTopology;
import io.samepage.fuse.MountException;
import io.samepage.fuse.Session;
import io.samepage.fuse.kernel.KernelMountOptions;
import io.samepage.overlay.options.Transport;
import io.samepage.posix.Credentials;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Linux;
import io.samepage.posix.StatFs;
import io.samepage.posix.Threads;
import io.samepage.posix.Xattrs;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Looks at what a host offers to samepage. */
final class Doctor {
  /** How bad it is. */
  enum Verdict {
    /** It is there. */
    OK,
    /** It is not; mounting works without, but less well. */
    ADVICE,
    /** It is not, and nothing can be mounted without. */
    LACK
  }

  /**
   * What was found out about one thing.
   *
   * @param name of the thing, one word
   * @param remedy what to do; empty if there is nothing to be done
   */
  record Finding(String name, Verdict verdict, String found, String remedy) {}

  /** The user namespace that the kernel begins with (PROC_USER_INIT_INO of proc_ns.h). */
  private static final String INITIAL_USER_NAMESPACE = "user:[4026531837]";

  private static final int CAP_SYS_ADMIN = 21;
  private static final long ENOUGH_DESCRIPTORS = 20_000;
  private static final int OLDEST_JAVA = 17;

  private final List<Finding> findings = new ArrayList<>();

  private Doctor() {}

  static List<Finding> examine() {
    Doctor doctor = new Doctor();
    doctor.kernel();
    doctor.java();
    doctor.device();
    doctor.capability();
    doctor.probeMount();
    doctor.stacking();
    doctor.fusermount();
    doctor.libfuse();
    doctor.descriptors();
    doctor.scheduling();
    doctor.numa();
    doctor.attributes();
    doctor.state();
    return doctor.findings;
  }

  private void add(String name, Verdict verdict, String found, String remedy) {
    findings.add(new Finding(name, verdict, found, remedy));
  }

  private void ok(String name, String found) {
    add(name, Verdict.OK, found, "");
  }

  private static String read(String file) {
    try {
      return Files.readString(Path.of(file), StandardCharsets.ISO_8859_1).strip();
    } catch (IOException e) {
      return "";
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private void kernel() {
    String release = read("/proc/sys/kernel/osrelease");
    Matcher version = Pattern.compile("(\\d+)\\.(\\d+)").matcher(release);
    int number =
        version.lookingAt()
            ? Integer.parseInt(version.group(1)) * 1000 + Integer.parseInt(version.group(2))
            : 0;
    if (number < 5004) {
      add("kernel", Verdict.LACK, "Linux " + release, "samepage needs Linux 5.4 or newer");
    } else if (number < 6009) {
      add(
          "kernel",
          Verdict.ADVICE,
          "Linux " + release,
          "Linux 6.9 and newer let data pass the daemon by (passthrough)");
    } else {
      ok("kernel", "Linux " + release);
    }
  }

  private void java() {
    String found =
        System.getProperty("java.vm.name")
            + " "
            + System.getProperty("java.runtime.version")
            + " in "
            + System.getProperty("java.home");
    if (Runtime.version().feature() < OLDEST_JAVA) {
      add("java", Verdict.LACK, found, "install Java " + OLDEST_JAVA + " or newer");
    } else {
      ok("java", found);
    }
  }

  private void device() {
    int fd;
    try {
      fd = io.samepage.posix.Files.tryOpen(Linux.AT_FDCWD, bytes("/dev/fuse"), Linux.O_RDWR, 0);
    } catch (ErrnoException e) {
      fd = -e.errno();
    }
    if (fd >= 0) {
      io.samepage.posix.Files.close(fd);
      ok("device", "/dev/fuse can be opened");
    } else if (-fd == Errno.ENOENT || -fd == Errno.ENODEV || -fd == Errno.ENXIO) {
      add(
          "device",
          Verdict.LACK,
          "there is no /dev/fuse",
          "modprobe fuse; in a container: --device /dev/fuse");
    } else {
      add(
          "device",
          Verdict.LACK,
          "/dev/fuse cannot be opened (" + Errno.name(-fd) + ")",
          "run as root, or chmod 666 /dev/fuse; in a container: --device /dev/fuse");
    }
  }

  private void capability() {
    Matcher effective =
        Pattern.compile("(?m)^CapEff:\\s*([0-9a-f]+)$").matcher(read("/proc/self/status"));
    boolean admin =
        effective.find()
            && (Long.parseUnsignedLong(effective.group(1), 16) >>> CAP_SYS_ADMIN & 1) != 0;
    boolean initial;
    try {
      initial =
          Files.readSymbolicLink(Path.of("/proc/self/ns/user"))
              .toString()
              .equals(INITIAL_USER_NAMESPACE);
    } catch (IOException e) {
      initial = true;
    }
    if (admin && initial) {
      ok("capability", "CAP_SYS_ADMIN in the initial user namespace");
    } else {
      add(
          "capability",
          Verdict.ADVICE,
          admin ? "CAP_SYS_ADMIN in a user namespace" : "no CAP_SYS_ADMIN",
          "for passthrough, samepage must run as root outside of any user namespace");
    }
  }

  /** Mounts an empty directory, and looks at what the kernel grants. */
  private void probeMount() {
    Path target;
    try {
      target = Files.createTempDirectory("samepage-doctor");
    } catch (IOException e) {
      add("mount", Verdict.LACK, "no temporary directory can be made", "set TMPDIR");
      return;
    }
    try {
      Session session =
          TransportChoice.mount(
              Transport.AUTO,
              KernelMountOptions.of(bytes(target.toString()), bytes("samepage-doctor")),
              EmptyFileSystem.create(),
              note -> {});
      session.unmount();
      session.awaitEnd();
      if (session.transport().equals("kernel")) {
        ok("mount", "a mount can be made");
      } else {
        add(
            "mount",
            Verdict.ADVICE,
            "a mount can be made through libfuse alone",
            "run as root for what libfuse 2 cannot do");
      }
      ok("protocol", "FUSE " + session.protocol());
      if (session.passthrough()) {
        ok("passthrough", session.passthroughReason());
      } else {
        add(
            "passthrough",
            Verdict.ADVICE,
            "no: " + session.passthroughReason(),
            "file data go through the daemon: correct, but slower");
      }
    } catch (MountException e) {
      add("mount", Verdict.LACK, "no mount can be made: " + e.getMessage(), "see there");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      try {
        Files.deleteIfExists(target);
      } catch (IOException e) {
        // An empty directory among temporary files.
      }
    }
  }

  private void stacking() {
    StatFs statfs = new StatFs();
    try (Fd root =
        new Fd(io.samepage.posix.Files.open(Linux.AT_FDCWD, bytes("/"), Linux.O_PATH, 0))) {
      io.samepage.posix.Files.statfs(root.number(), statfs);
    } catch (ErrnoException e) {
      return;
    }
    if (statfs.type == StatFs.OVERLAYFS_MAGIC) {
      add(
          "stacking",
          Verdict.ADVICE,
          "the root file system is an overlayfs, as in a container",
          "an upper directory cannot be on it: put it on a volume or a tmpfs; and nothing can be"
              + " stacked on a mount whose layers are on it");
    } else {
      ok("stacking", "the root file system is not a stacked one");
    }
  }

  private void fusermount() {
    Path found = null;
    for (String directory :
        (System.getenv().getOrDefault("PATH", "") + ":/usr/bin:/bin").split(":", -1)) {
      Path candidate = Path.of("/", directory, "fusermount3");
      if (found == null && !directory.isEmpty() && Files.isExecutable(candidate)) {
        found = candidate;
      }
    }
    if (found != null) {
      ok("fusermount3", found.toString());
    } else {
      add(
          "fusermount3",
          Verdict.ADVICE,
          "not found",
          "apt-get install fuse3: users other than root, and container engines, unmount with it");
    }
  }

  private void libfuse() {
    String pattern = "libfuse.so.2";
    for (String directory : List.of("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib")) {
      try (Stream<Path> files = Files.find(Path.of(directory), 2, (p, a) -> named(p, pattern))) {
        Path found = files.findFirst().orElse(null);
        if (found != null) {
          ok("libfuse", found + ", for transport=libfuse");
          return;
        }
      } catch (IOException | UncheckedIOException e) {
        // Not there, or not to be read.
      }
    }
    add(
        "libfuse",
        Verdict.ADVICE,
        "libfuse 2 is not installed",
        "apt-get install libfuse2: users other than root mount through it (transport=libfuse)");
  }

  private static boolean named(Path path, String name) {
    return String.valueOf(path.getFileName()).equals(name);
  }

  private void descriptors() {
    Matcher limit =
        Pattern.compile("(?m)^Max open files\\s+(\\S+)\\s+(\\S+)")
            .matcher(read("/proc/self/limits"));
    if (!limit.find()) {
      return;
    }
    // The JVM raises the soft limit to the hard one.
    String hard = limit.group(2);
    long descriptors = hard.equals("unlimited") ? Long.MAX_VALUE : Long.parseLong(hard);
    if (descriptors >= ENOUGH_DESCRIPTORS) {
      ok("descriptors", "at most " + hard + " open files");
    } else {
      add(
          "descriptors",
          Verdict.ADVICE,
          "at most " + hard + " open files",
          "allow " + ENOUGH_DESCRIPTORS + " or more (ulimit -Hn, or LimitNOFILE= of systemd)");
    }
  }

  private void scheduling() {
    if (Runtime.getRuntime().availableProcessors() == 1) {
      ok("scheduling", "one processor, which workers share with their callers");
    } else if (Threads.canGiveWay()) {
      ok("scheduling", "workers may share a processor with their caller, and give way there");
    } else {
      add(
          "scheduling",
          Verdict.ADVICE,
          "workers may not give way to their caller, since they could not stop to (sched(7))",
          "requests take half the time with CAP_SYS_NICE (in a container: --cap-add SYS_NICE), or"
              + " with ulimit -e 20");
    }
  }

  private void numa() {
    try {
      NumaTopology topology = NumaLocation.topology();
      if (topology.count() == 1) {
        ok("numa", "one node with CPUs: the mount option numa=replicate does nothing");
      } else {
        ok(
            "numa",
            topology.count()
                + " nodes with CPUs: the mount option numa=replicate keeps pages near to who reads"
                + " them");
      }
    } catch (CommandFailure e) {
      add("numa", Verdict.ADVICE, e.line(), "");
    }
  }

  private void attributes() {
    Path probe;
    try {
      probe = Files.createTempDirectory("samepage-doctor");
    } catch (IOException e) {
      return;
    }
    String where = "in " + probe.getParent();
    try (Fd directory =
        new Fd(
            io.samepage.posix.Files.open(
                Linux.AT_FDCWD, bytes(probe.toString()), Linux.O_RDONLY | Linux.O_DIRECTORY, 0))) {
      boolean user = canSet(directory, "user.overlay.opaque");
      boolean trusted = canSet(directory, "trusted.overlay.opaque");
      if (trusted) {
        ok("attributes", "trusted.*" + (user ? " and user.*" : "") + " can be set " + where);
      } else if (user) {
        add(
            "attributes",
            Credentials.effectiveUid() == 0 ? Verdict.ADVICE : Verdict.OK,
            "only user.* can be set " + where,
            "mount with the option userxattr, or as root on a file system with trusted.*");
      } else {
        add(
            "attributes",
            Verdict.ADVICE,
            "none can be set " + where,
            "put upper and work directories on ext4, xfs, btrfs or tmpfs");
      }
    } catch (ErrnoException e) {
      add("attributes", Verdict.ADVICE, "cannot be tried " + where + ": " + e.getMessage(), "");
    } finally {
      try {
        Files.deleteIfExists(probe);
      } catch (IOException e) {
        // An empty directory among temporary files.
      }
    }
  }

  private static boolean canSet(Fd directory, String attribute) {
    try {
      Xattrs.set(directory.number(), new byte[0], bytes(attribute), bytes("y"), 0);
      return true;
    } catch (ErrnoException e) {
      return false;
    }
  }

  private void state() {
    StateDirectory state = StateDirectory.ofThisUser();
    try {
      state.make();
      ok("state", "sockets in " + state.sockets() + ", log " + state.log());
    } catch (ErrnoException e) {
      add(
          "state",
          Verdict.ADVICE,
          "no control sockets or log can be made (" + e.getMessage() + ")",
          "name another directory in " + StateDirectory.RUN_DIR);
    }
  }
}
