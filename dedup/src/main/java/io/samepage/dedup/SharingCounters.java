package io.samepage.dedup;

/**
 * What has been counted, by KSM's names where KSM has one (Documentation/admin-guide/mm/ksm.rst).
 * Pages are 4 KiB. A use is here what a rmap item is there, but of a whole file, or of a range of
 * one: the pages count whether they are in memory or not, and they count as long as the file is
 * open (a mapping alone is one of the stable file, of which the kernel tells nobody).
 *
 * @param pagesShared pages of stable files that have more than one use
 * @param pagesSharing how many more uses of them there are: what is saved
 * @param pagesUnshared pages of files that have one use
 * @param pagesVolatile pages of files that changed while they were hashed, or just before; it only
 *     grows, where KSM's tells what is so at present
 * @param generalProfit bytes: what pagesSharing saves, less what is kept in memory to know it
 *     ({@link StableFiles#bookkeepingBytes})
 * @param fullScans how often the queue was worked off
 * @param queued files that wait to be identified
 * @param dropped files that were not queued, since the queue was full
 * @param filesHashed files whose digest was made
 * @param bytesHashed their bytes
 * @param filesAlone files that were not hashed, since no other of their size is known
 * @param filesChanging files that changed while they were hashed, or just before
 * @param filesUnreadable files that could not be read
 * @param fallbacks how often a place could not stand for a file any more
 * @param sharedRangeBytes bytes of ranges of other files that files in use are read from
 */
public record SharingCounters(
    long pagesShared,
    long pagesSharing,
    long pagesUnshared,
    long pagesVolatile,
    long generalProfit,
    long fullScans,
    long queued,
    long dropped,
    long filesHashed,
    long bytesHashed,
    long filesAlone,
    long filesChanging,
    long filesUnreadable,
    long fallbacks,
    long sharedRangeBytes) {}
