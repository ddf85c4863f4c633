package io.samepage.daemon;

import io.samepage.dedup.SharingCounters;
import io.samepage.overlay.OverlayCounters;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What is counted of a mount, by the names under which status and metrics show it. */
final class MountCounters {
  static final String PAGES_SHARED = "pages_shared";
  static final String PAGES_SHARING = "pages_sharing";
  static final String PAGES_UNSHARED = "pages_unshared";
  static final String GENERAL_PROFIT = "general_profit";
  static final String BOOKKEEPING_BYTES = "bookkeeping_bytes";

  /**
   * One of them.
   *
   * @param adds whether that of several mounts is the sum of theirs; the others depend on which
   *     pages the mounts have in common
   * @param grows whether it only ever grows
   */
  record Kind(String name, boolean adds, boolean grows, String meaning) {}

  /** All of them, in the order in which they are shown. */
  static final List<Kind> KINDS =
      List.of(
          new Kind("inodes", true, false, "inodes that the kernel knows"),
          new Kind("handles", true, false, "open file descriptions"),
          new Kind("copy_ups", true, true, "files and directories copied up"),
          new Kind(
              "partial_copy_ups", true, true, "large files begun to be copied up page by page"),
          new Kind(
              "breaks", true, true, "files parted from open readers because they were written"),
          new Kind("fallbacks", true, true, "opens that wanted passthrough and could not have it"),
          new Kind(PAGES_SHARED, false, false, "pages of files in use by more than one mapping"),
          new Kind(PAGES_SHARING, false, false, "how many more mappings use them: what is saved"),
          new Kind(PAGES_UNSHARED, false, false, "pages of files in use by one mapping"),
          new Kind(
              "pages_volatile", true, true, "pages of files that changed while they were hashed"),
          new Kind(GENERAL_PROFIT, false, false, "bytes saved, less what it takes to know what is"),
          new Kind(BOOKKEEPING_BYTES, true, false, "bytes that it takes, by estimate"),
          new Kind("full_scans", true, true, "how often all waiting files had been identified"),
          new Kind("files_queued", true, false, "files that wait to be identified"),
          new Kind("files_dropped", true, true, "files not queued, since too many waited"),
          new Kind("files_hashed", true, true, "files hashed by this daemon"),
          new Kind("bytes_hashed", true, true, "their bytes"),
          new Kind("files_alone", true, true, "files not hashed, since no other has their size"),
          new Kind("files_changing", true, true, "files that changed while they were hashed"),
          new Kind("files_unreadable", true, true, "files that could not be read to be hashed"),
          new Kind("places_lost", true, true, "stable files that had changed, gone or failed"),
          new Kind("paged_opens", true, true, "opens of files that are read through a page map"),
          new Kind(
              "shared_range_bytes",
              true,
              false,
              "bytes of open files that are read from other files that are alike in part"));

  private MountCounters() {}

  /** Their values, in the order of {@link #KINDS}. */
  static Map<String, Long> of(OverlayCounters now) {
    SharingCounters sharing = now.sharing();
    if (sharing == null) {
      sharing = new SharingCounters(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    }
    long[] values = {
      now.inodes(),
      now.handles(),
      now.copyUps(),
      now.partialCopyUps(),
      now.breaks(),
      now.fallbacks(),
      sharing.pagesShared(),
      sharing.pagesSharing(),
      sharing.pagesUnshared(),
      sharing.pagesVolatile(),
      sharing.generalProfit(),
      now.bookkeepingBytes(),
      sharing.fullScans(),
      sharing.queued(),
      sharing.dropped(),
      sharing.filesHashed(),
      sharing.bytesHashed(),
      sharing.filesAlone(),
      sharing.filesChanging(),
      sharing.filesUnreadable(),
      sharing.fallbacks(),
      now.pagedOpens(),
      sharing.sharedRangeBytes(),
    };
    Map<String, Long> counters = new LinkedHashMap<>();
    for (int i = 0; i < values.length; i++) {
      counters.put(KINDS.get(i).name(), values[i]);
    }
    return counters;
  }
}
