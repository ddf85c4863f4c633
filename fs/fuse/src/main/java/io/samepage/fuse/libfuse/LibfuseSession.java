package io.samepage.fuse.libfuse;

import io.samepage.fuse.BackingFiles;
import io.samepage.fuse.Connection;
import io.samepage.fuse.FileSystem;
import io.samepage.fuse.MountException;
import io.samepage.fuse.Session;
import io.samepage.fuse.wire.InterruptIn;
import io.samepage.fuse.workers.Workers;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.NativeBuffer;
import io.samepage.posix.Threads;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A mount through libfuse, from the moment that it has been made to the end of its connection. */
final class LibfuseSession implements Session, Connection, KernelCache {
  private static final Logger log = LoggerFactory.getLogger(LibfuseSession.class);

  /** How many names are kept. Each is some 200 bytes. */
  private static final int NAMES = 50_000;

  /** As many requests are worked on at once, those not counted that wait for a lock. */
  private static final int MOST_WORKERS = 16;

  private static final long POLL_NANOS = 50_000;

  /** Of a worker: a request is Java, C and Java again, of which the C has paths on the stack. */
  private static final long STACK = 1 << 20;

  /** For how long the end of a mount waits for what it still tells; it takes no time. */
  private static final int NOTIFICATION_SECONDS = 10;

  private final Libfuse libfuse;
  private final MountedDirectory mounted;
  private final FileSystem fs;
  private final long mountChannel;
  private final Callbacks callbacks;
  private final Requests requests = new Requests();
  private final Answers answers = new Answers();
  private final LockWaits waits;
  private final Workers workers;
  private final KnownNodes nodes;
  private final NameCache names;
  private final HandleCalls handles;
  private final DirectRequests direct;
  private final long channel;
  private final long fuse;
  private final long session;
  private final ExecutorService notifier =
      Executors.newSingleThreadExecutor(
          task -> {
            Thread thread =
                new Thread(
                    () -> {
                      Threads.runLikeOthers(0); // started by a worker
                      task.run();
                    },
                    "libfuse-notify");
            thread.setDaemon(true);
            return thread;
          });
  private final CountDownLatch begun = new CountDownLatch(1);
  private final CountDownLatch end = new CountDownLatch(1);
  private volatile @Nullable ErrnoException initFailure;
  private volatile boolean initialised;

  private LibfuseSession(
      Libfuse libfuse, MountedDirectory mounted, long mountChannel, FileSystem fs) {
    this.libfuse = libfuse;
    this.mounted = mounted;
    this.fs = fs;
    this.mountChannel = mountChannel;
    int fd = libfuse.channelFd(mountChannel);
    callbacks = new Callbacks(fd);
    workers =
        new Workers(
            () -> new LibfuseStation(fd, callbacks.call(), this::handle),
            MOST_WORKERS,
            POLL_NANOS,
            STACK,
            this::gone,
            this::ended);
    waits = new LockWaits(workers::waits, workers::waited);
    nodes = new KnownNodes(fs);
    names = new NameCache(nodes, NAMES);
    Paths paths = new Paths(fs, nodes, names);
    handles = new HandleCalls(fs, nodes, paths, this);
    PathCalls pathCalls = new PathCalls(fs, nodes, paths, handles, this);
    Operations operations = new Operations(libfuse, pathCalls, handles, callbacks, this::init);
    direct =
        new DirectRequests(
            new LockRequests(handles, waits),
            new NamelessRequests(nodes, handles, pathCalls),
            answers,
            callbacks);
    // libfuse copies both tables.
    long channelTable = Memory.allocate(Layouts.ChanOps.BYTES);
    Memory.IO.putAddress(channelTable + Layouts.ChanOps.SEND, callbacks.sender(answers::send));
    Memory.IO.putAddress(channelTable + Layouts.ChanOps.DESTROY, callbacks.nothing());
    channel = libfuse.channel(channelTable, fd, Requests.ROOM);
    Memory.free(channelTable);
    try (Arguments arguments = Arguments.of(LibfuseMountOptions.libraryOptions())) {
      fuse =
          channel == 0
              ? 0
              : libfuse.create(
                  channel, arguments.address(), operations.address(), Layouts.Operations.BYTES);
    }
    operations.free();
    session = fuse == 0 ? 0 : libfuse.session(fuse);
  }

  /** Null: libfuse does not want it, and has printed why. */
  static @Nullable LibfuseSession open(
      Libfuse libfuse, MountedDirectory mounted, long mountChannel, FileSystem fs) {
    LibfuseSession session = new LibfuseSession(libfuse, mounted, mountChannel, fs);
    if (session.fuse == 0) {
      session.callbacks.close();
      libfuse.destroyChannel(mountChannel);
      return null;
    }
    return session;
  }

  /** Lets requests in, and returns when the first of them has been answered. */
  void start() throws MountException {
    workers.start();
    try {
      begun.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new MountException(Errno.EINTR, "interrupted while mounting");
    }
    ErrnoException failure = initFailure;
    if (failure != null) {
      throw new MountException(
          failure.errno(), "the mount could not be set up: " + failure.getMessage());
    }
    if (!initialised) {
      throw new MountException(Errno.ENODEV, "the mount was undone before it stood");
    }
  }

  /** Called by libfuse when the kernel has offered a version. */
  private void init(long info) {
    int want = Memory.IO.getInt(info + Layouts.ConnInfo.WANT);
    int capable = Memory.IO.getInt(info + Layouts.ConnInfo.CAPABLE);
    want |= capable & (Layouts.ConnInfo.CAP_DONT_MASK | Layouts.ConnInfo.CAP_IOCTL_DIR);
    Memory.IO.putInt(info + Layouts.ConnInfo.WANT, want);
    try {
      fs.init(this);
      initialised = true;
    } catch (ErrnoException e) {
      initFailure = e;
    }
  }

  private void handle(Call call, NativeBuffer request, int length) {
    if (!requests.begin(call, request, length)) {
      return;
    }
    switch (call.opcode) {
      case INTERRUPT -> waits.interrupt(InterruptIn.unique(request.bytes(), Requests.BODY));
      case INIT -> {
        answers.offer(request);
        libfuse.process(session, request.address(), length, channel);
        begun.countDown();
      }
      case FORGET, BATCH_FORGET -> {
        Requests.forEachForgotten(call, request, length, handles::forgotten);
        libfuse.process(session, request.address(), length, channel);
      }
      case GETATTR -> {
        long orphan = handles.orphanHandle(call.number);
        if (orphan != 0) {
          Requests.askByHandle(request, length, orphan);
        }
        libfuse.process(session, request.address(), length, channel);
      }
      default -> {
        if (!direct.answer(call, request, length)) {
          libfuse.process(session, request.address(), length, channel);
        }
      }
    }
  }

  /** No request will come any more: who waits for a lock waits for nothing. */
  private void gone() {
    waits.interruptAll();
  }

  /** The last worker has ended. */
  private void ended() {
    try {
      notifier.shutdown();
      mounted.detach(libfuse);
    } finally {
      try {
        if (isQuiet()) {
          libfuse.destroy(fuse);
          libfuse.destroyChannel(mountChannel);
          callbacks.close();
        }
        // Nobody closes any more what is open.
        handles.clear();
        names.clear();
        fs.destroy();
      } catch (RuntimeException e) {
        log.error("the end of the mount failed", e);
      } finally {
        begun.countDown();
        end.countDown();
      }
    }
  }

  /**
   * Waits for the end of a notification that is on its way, which uses the memory of libfuse. The
   * kernel holds none of the locks any more for which it might have waited.
   */
  private boolean isQuiet() {
    try {
      return notifier.awaitTermination(NOTIFICATION_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  @Override
  public String transport() {
    return "libfuse";
  }

  @Override
  public boolean passthrough() {
    return false;
  }

  @Override
  public String passthroughReason() {
    return "libfuse 2 does not know it";
  }

  @Override
  public String protocol() {
    return answers.protocol();
  }

  @Override
  public Map<String, Long> requests() {
    return requests.counts();
  }

  @Override
  public void awaitEnd() throws InterruptedException {
    end.await();
  }

  @Override
  public void unmount() {
    mounted.detach(libfuse);
  }

  // ------------------------------------------------------------------ what the kernel is told

  @Override
  public @Nullable BackingFiles backingFiles() {
    return null;
  }

  @Override
  public void invalidateInode(long nodeid, long offset, long length) {
    KnownNode node = nodes.find(nodeid);
    if (node != null) {
      for (long number : node.changeUnder(0)) {
        dropPages(number);
      }
      attributesChanged(node);
    }
  }

  @Override
  public void invalidateAttributes(long nodeid) {
    KnownNode node = nodes.find(nodeid);
    if (node != null) {
      attributesChanged(node);
    }
  }

  @Override
  public void invalidateEntry(long parent, byte[] name) {
    names.forget(parent, name);
    KnownNode directory = nodes.find(parent);
    if (directory == null || directory.shownAs == 0) {
      return;
    }
    dropName(directory.shownAs, name);
  }

  @Override
  public void dropName(long directory, byte[] name) {
    tell(
        () -> {
          long string = Memory.allocate(name.length + 1);
          Memory.putString(string, name);
          libfuse.invalidateEntry(channel, directory, string, name.length);
          Memory.free(string);
        });
  }

  @Override
  public void dropPages(long number) {
    tell(() -> libfuse.invalidateInode(channel, number, 0, 0));
  }

  @Override
  public boolean dropAttributes(long number) {
    return !workers.isGone() && libfuse.invalidateInode(channel, number, -1, 0) != -Errno.ENOENT;
  }

  /** From a thread that answers no requests, since the kernel takes locks for it. */
  private void tell(Runnable notification) {
    if (!workers.isGone()) {
      notifier.execute(
          () -> {
            if (!workers.isGone()) {
              notification.run();
            }
          });
    }
  }
}
