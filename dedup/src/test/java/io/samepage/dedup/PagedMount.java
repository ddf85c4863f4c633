package io.samepage.dedup;

import io.samepage.dedup.pages.PageExtent;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/** What a mount of one layer has of this package, for files that are shared in part. */
final class PagedMount implements AutoCloseable {
  private final StableFiles files;
  private final LayerTree mount;
  private final LayerTree tree;
  private final CountDownLatch held = new CountDownLatch(1);

  PagedMount(Path index, Tree layer, PageOptions pages) throws Exception {
    files =
        new StableFiles(
            new StableFiles.Options(Tree.bytes(index), ContentIndex.DEFAULT_LIMIT, "", pages, null),
            Long.MIN_VALUE / 2);
    files.begin();
    mount = LayerTree.mount(layer.name());
    tree = files.open(mount.rootFd(), layer.name());
  }

  StableFiles files() {
    return files;
  }

  FileKey key(Path file) throws Exception {
    try (Fd fd = Tree.open(file, Linux.O_PATH)) {
      Stat stat = new Stat();
      Files.stat(fd.number(), stat);
      FileKey key = tree.key(fd.number(), stat);
      if (key == null) {
        throw new AssertionError(file + " cannot be identified");
      }
      return key;
    }
  }

  /** As an open of the file would: null if it is not shared in part, or not known to be. */
  @Nullable PagedFile find(Path file) throws Exception {
    Stat stat = new Stat();
    try (Fd fd = Tree.open(file, Linux.O_PATH)) {
      Files.stat(fd.number(), stat);
      try (Content content = files.find(tree, FileAt.of(fd.number()), stat)) {
        return content == null ? null : content.paged();
      }
    }
  }

  /** Has files identified, one after another. */
  void identify(Path... some) throws Exception {
    for (Path file : some) {
      find(file);
      settle();
    }
  }

  /** Waits until the background thread has done what is queued by now. */
  void settle() throws InterruptedException {
    CountDownLatch done = new CountDownLatch(1);
    files.queue().add(new Object(), done::countDown);
    done.await();
  }

  /** Has the background thread wait, once, until {@link #go}. */
  void hold() {
    files
        .queue()
        .add(
            new Object(),
            () -> {
              try {
                held.await();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
  }

  void go() throws InterruptedException {
    held.countDown();
    settle();
  }

  static List<PageExtent> extents(PagedFile paged) {
    List<PageExtent> extents = new ArrayList<>();
    paged.forEach(range -> extents.add(range.extent()));
    return extents;
  }

  @Override
  public void close() throws Exception {
    held.countDown();
    files.close(tree);
    mount.close();
    files.close();
  }
}
