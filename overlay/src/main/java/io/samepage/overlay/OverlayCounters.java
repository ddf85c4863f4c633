package io.samepage.overlay;

import io.samepage.dedup.SharingCounters;
import org.jspecify.annotations.Nullable;

/**
 * What a mount has done, for {@code status}.
 *
 * @param inodes nodes that the kernel knows now
 * @param handles handles that are open now
 * @param copyUps files and directories brought up
 * @param partialCopyUps large files that were begun to be copied up page by page
 * @param breaks files that got a nodeid of their own because they were to be written
 * @param fallbacks opens that wanted passthrough and could not have it
 * @param pagedOpens opens of files that are read through a page map
 * @param sharing what was counted of sharing, users being open nodes of this mount; null without
 *     sharing
 * @param bookkeepingBytes what sharing costs in memory
 */
public record OverlayCounters(
    long inodes,
    long handles,
    long copyUps,
    long partialCopyUps,
    long breaks,
    long fallbacks,
    long pagedOpens,
    @Nullable SharingCounters sharing,
    long bookkeepingBytes) {}
