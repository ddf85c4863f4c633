package io.samepage.daemon;

import io.samepage.dedup.ContentIndex;
import io.samepage.dedup.PageOptions;
import io.samepage.dedup.StableFiles;
import io.samepage.fuse.MountException;
import io.samepage.fuse.Session;
import io.samepage.fuse.kernel.KernelMountOptions;
import io.samepage.overlay.OverlayConfig;
import io.samepage.overlay.OverlayFileSystem;
import io.samepage.overlay.options.ByteString;
import io.samepage.overlay.options.HostDirectory;
import io.samepage.overlay.options.MetricsAddress;
import io.samepage.overlay.options.MountDirectories;
import io.samepage.overlay.options.MountOptionParser;
import io.samepage.overlay.options.MountOptionParser.Parsed;
import io.samepage.overlay.options.MountOptions;
import io.samepage.overlay.options.MountRefusedException;
import io.samepage.overlay.options.Passthrough;
import io.samepage.overlay.options.SharingMode;
import io.samepage.overlay.options.VolatileMark;
import io.samepage.posix.Credentials;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.MountTable;
import io.samepage.posix.Processes;
import io.samepage.posix.StatFs;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.nio.channels.ServerSocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The life of one mount, and of the process that serves it: from the options to the end of the
 * session. Until the mount stands whatever goes wrong is the caller's to know, and nothing is left
 * behind; from then on it goes to the log.
 */
final class MountProcess {
  /** How long to wait for the daemon of an earlier mount of the same directories to end. */
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  /** How long, on a signal, to wait for those who still use the mount. */
  private static final Duration FAREWELL = Duration.ofSeconds(5);

  /** How long who mounts waits for the content index, so that the first opens find it open. */
  private static final Duration INDEX_PATIENCE = Duration.ofMillis(300);

  private static final int MAX_LOGGED_OPTIONS = 1000;
  private static final byte[] ROOT = {'/'};
  private static final ByteString DEFAULT_FSNAME = ByteString.of("samepage");
  private static final long ECRYPTFS_MAGIC = 0xf15fL;

  private final MountRequest request;
  private final Caller caller;
  private final StateDirectory state;
  private final List<String> notes = new ArrayList<>();
  private final CountDownLatch over = new CountDownLatch(1);

  /** Held while the mount is made, so that a signal finds it either not begun or standing. */
  private final Object mounting = new Object();

  /** Guarded by {@link #mounting}. */
  private @Nullable Session session;

  /** Set once, when the mount stands. */
  private volatile @Nullable ControlSocket control;

  /** Set once, before the mount stands, where metrics are asked for. */
  private volatile @Nullable MetricsServer metrics;

  /** Whether this process has been told to end; guarded by {@link #mounting}. */
  private boolean ending;

  private MountProcess(MountRequest request, Caller caller) {
    this.request = request;
    this.caller = caller;
    this.state = StateDirectory.ofThisUser();
  }

  /**
   * Mounts, and serves the mount until it is unmounted.
   *
   * @throws CommandFailure if the mount does not come to stand
   */
  static void run(MountRequest request, Caller caller) throws CommandFailure {
    new MountProcess(request, caller).run();
  }

  private void run() throws CommandFailure {
    DaemonLog.setFile(state.log());
    Thread preparation = new Thread(MountProcess::prepare, "prepare");
    preparation.setDaemon(true);
    preparation.start();
    try {
      Parsed parsed = MountOptionParser.parse(request.form(), request.options());
      notes.addAll(parsed.notes());
      serve(parsed.options(), preparation);
    } catch (MountRefusedException e) {
      throw CommandFailure.of(e);
    } catch (MountException e) {
      throw CommandFailure.ofMount(e.errno(), String.valueOf(e.getMessage()));
    } catch (ErrnoException e) {
      throw new CommandFailure(
          ExitCode.SYSTEM, e.getMessage() + ": see what the kernel says about it (dmesg)");
    } catch (InterruptedException e) {
      throw new CommandFailure(ExitCode.INTERNAL, "interrupted: mount again");
    } finally {
      over.countDown();
    }
  }

  /** Loads, beside the work on the directories, what is needed after it and takes a while. */
  private static void prepare() {
    LoggerFactory.getLogger(MountProcess.class);
    try {
      ServerSocketChannel.open(StandardProtocolFamily.UNIX).close();
    } catch (IOException | UnsupportedOperationException e) {
      // It will be said when the socket is opened in earnest.
    }
  }

  private void serve(MountOptions options, Thread preparation)
      throws MountRefusedException,
          MountException,
          ErrnoException,
          InterruptedException,
          CommandFailure {
    Standing standing;
    try (TargetLock target = TargetLock.take(request, new ControlClient(state))) {
      if (target.served()) {
        target.close();
        caller.releaseReady();
        return;
      }
      target.directory().requireFree(request.form(), options.nonEmpty());
      standing = stand(options, target, preparation);
    }
    try (standing) {
      standing.session.awaitEnd();
    }
  }

  /** A mount that stands, and what is closed after it. */
  private record Standing(
      Session session,
      MountDirectories directories,
      @Nullable ControlSocket control,
      @Nullable MetricsServer metrics)
      implements AutoCloseable {
    @Override
    public void close() {
      if (metrics != null) {
        metrics.close();
      }
      if (control != null) {
        control.close();
      }
      directories.close();
      log().info("unmounted");
    }
  }

  private Standing stand(MountOptions options, TargetLock target, Thread preparation)
      throws MountRefusedException,
          MountException,
          ErrnoException,
          InterruptedException,
          CommandFailure {
    MountDirectories directories = MountDirectories.open(options, PATIENCE);
    boolean stands = false;
    MetricsServer server = null;
    try {
      target.directory().requireApart(directories);
      notes.addAll(directories.notes());
      ByteString path = target.directory().path();
      Processes.changeDirectory(ROOT);
      preparation.join();
      Thread.setDefaultUncaughtExceptionHandler(
          (thread, e) -> log().error("thread {} ended by a fault", thread.getName(), e));
      DaemonLog.setMount(path.toString());
      MetricsAddress metricsAddress = options.metrics();
      if (metricsAddress != null) {
        server = MetricsServer.open(metricsAddress);
        metrics = server;
      }
      NumaPlacement numa = NumaPlacement.of(options);
      String useless = numa.note();
      if (useless != null) {
        notes.add(useless);
      }
      StableFiles stableFiles = stableFiles(options, numa);
      if (stableFiles != null) {
        stableFiles.begin(); // beside all that follows
      }
      OverlayFileSystem overlay = open(options, directories, stableFiles);
      Session session = mount(options, directories, path, overlay);
      try {
        directories.closeLower();
        MountStatus status =
            new MountStatus(
                options,
                request.optionText(),
                path,
                directories,
                session,
                overlay,
                numa,
                state.log());
        control = openControl(path, status);
        if (server != null) {
          server.serve(new MountMetrics(status));
        }
        Standing standing = new Standing(session, directories, control, server);
        announce(session);
        target.close();
        if (!request.foreground()) {
          if (stableFiles != null) {
            // What is opened first, programs and their libraries, stays open longest.
            stableFiles.awaitIndexes(INDEX_PATIENCE.toMillis());
          }
          caller.releaseReady();
        }
        stands = true;
        return standing;
      } finally {
        if (!stands) {
          session.unmount();
        }
      }
    } finally {
      if (!stands) {
        if (server != null) {
          server.close();
        }
        directories.discard();
        directories.close();
      }
    }
  }

  private static OverlayFileSystem open(
      MountOptions options, MountDirectories directories, @Nullable StableFiles stableFiles)
      throws CommandFailure {
    try {
      return OverlayFileSystem.open(OverlayConfig.of(options), directories, stableFiles);
    } catch (ErrnoException e) {
      boolean denied = e.errno() == Errno.EACCES || e.errno() == Errno.EPERM;
      throw new CommandFailure(
          denied ? ExitCode.PERMISSION : ExitCode.SYSTEM,
          "the layers cannot be used ("
              + e.getMessage()
              + "): "
              + (denied ? "run as root" : "see what the kernel says about it (dmesg)"));
    }
  }

  private static @Nullable StableFiles stableFiles(MountOptions options, NumaPlacement numa) {
    if (options.sharing() == SharingMode.OFF) {
      return null;
    }
    return new StableFiles(
        new StableFiles.Options(
            ContentIndexLocation.of(null).toBytes(),
            ContentIndex.DEFAULT_LIMIT,
            options.domain(),
            options.sharing() == SharingMode.PAGE
                ? new PageOptions(options.pageMin(), options.pageLikeness())
                : null,
            numa.home()));
  }

  /** Mounts, unless this process has been told to end; from then on it ends with the mount. */
  private Session mount(
      MountOptions options,
      MountDirectories directories,
      ByteString path,
      OverlayFileSystem overlay)
      throws MountException, ErrnoException, CommandFailure {
    Runtime.getRuntime().addShutdownHook(new Thread(this::endOnSignal, "signal"));
    synchronized (mounting) {
      if (ending) {
        throw new CommandFailure(ExitCode.SYSTEM, "ended by a signal: mount again");
      }
      HostDirectory marked = options.syncNothing() ? directories.work() : null;
      if (marked != null) {
        VolatileMark.set(marked.fd());
      }
      try {
        Session stands =
            TransportChoice.mount(
                options.transport(),
                KernelMountOptions.of(path.toBytes(), fsname(options).toBytes())
                    .withFlags(options.mountFlags())
                    .withAllowOther(options.allowOther() || Credentials.effectiveUid() == 0)
                    .withPassthrough(passthrough(options))
                    .withMaxStackDepth(stackDepth(directories)),
                overlay,
                notes::add);
        session = stands;
        return stands;
      } catch (MountException | RuntimeException e) {
        if (marked != null) {
          VolatileMark.clear(marked.fd());
        }
        throw e;
      }
    }
  }

  private static ByteString fsname(MountOptions options) {
    ByteString name = options.fsname();
    return name == null ? DEFAULT_FSNAME : name;
  }

  private static KernelMountOptions.Passthrough passthrough(MountOptions options) {
    return options.passthrough() == Passthrough.OFF
        ? KernelMountOptions.Passthrough.OFF
        : KernelMountOptions.Passthrough.AUTO;
  }

  /**
   * How deep file systems may be stacked: one level leaves room for an overlayfs above this mount,
   * but a layer that is on a stacked file system itself needs two.
   */
  private static int stackDepth(MountDirectories directories) throws ErrnoException {
    List<HostDirectory> all = directories.readOnly();
    if (directories.upper() != null) {
      all.add(directories.upper());
    }
    StatFs statfs = new StatFs();
    for (HostDirectory directory : all) {
      Files.statfs(directory.fd(), statfs);
      if (statfs.type == StatFs.OVERLAYFS_MAGIC
          || statfs.type == StatFs.FUSE_MAGIC
          || statfs.type == ECRYPTFS_MAGIC) {
        return 2;
      }
    }
    return 1;
  }

  /** Null, and a line in the log, if there can be none: the mount is of use without it. */
  private @Nullable ControlSocket openControl(ByteString path, MountStatus status) {
    try {
      state.make();
      MountTable.Mount mount = MountTable.read().on(path.toBytes());
      if (mount != null) {
        return ControlSocket.open(state.socket(mount.device()), status);
      }
    } catch (ErrnoException | IOException | RuntimeException e) {
      notes.add(
          "there is no control socket in "
              + state.sockets()
              + " ("
              + e.getMessage()
              + "), so that samepage status cannot see this mount; name a directory in "
              + StateDirectory.RUN_DIR);
    }
    return null;
  }

  private void announce(Session session) {
    Logger log = log();
    String options = request.optionText();
    log.info(
        "mounted: {} transport, FUSE {}, {}: {}; options {}",
        session.transport(),
        session.protocol(),
        session.passthrough() ? "passthrough" : "no passthrough",
        session.passthroughReason(),
        options.length() <= MAX_LOGGED_OPTIONS
            ? options
            : options.substring(0, MAX_LOGGED_OPTIONS) + "...");
    for (String note : notes) {
      log.info("{}", note);
    }
  }

  private static Logger log() {
    return LoggerFactory.getLogger(MountProcess.class);
  }

  /** A shutdown hook: SIGTERM, SIGINT and SIGHUP unmount. */
  private void endOnSignal() {
    Session stands;
    synchronized (mounting) {
      ending = true;
      stands = session;
    }
    if (stands == null || over.getCount() == 0) {
      return;
    }
    log().info("told to end by a signal");
    stands.unmount();
    boolean ended = false;
    try {
      ended = over.await(FAREWELL.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (!ended) {
      ControlSocket open = control;
      if (open != null) {
        open.close();
      }
      MetricsServer server = metrics;
      if (server != null) {
        server.close();
      }
      log()
          .warn(
              "ending although the mount is still in use; its open files give errors from now on");
    }
    Runtime.getRuntime().halt((ended ? ExitCode.OK : ExitCode.BUSY).number());
  }
}
