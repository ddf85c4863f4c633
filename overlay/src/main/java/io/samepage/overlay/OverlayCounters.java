package io.samepage.overlay;

/**
 * What a mount has done, for {@code status}.
 *
 * @param inodes nodes that the kernel knows now
 * @param handles handles that are open now
 * @param copyUps files and directories brought up
 * @param breaks files that got a nodeid of their own because they were to be written
 * @param fallbacks opens that wanted passthrough and could not have it
 * @param pagesShared pages of stable files that more than one open node of this mount uses
 * @param pagesSharing how many more uses of them there are
 * @param pagesUnshared pages of stable files that one open node of this mount uses
 */
public record OverlayCounters(
    long inodes,
    long handles,
    long copyUps,
    long breaks,
    long fallbacks,
    long pagesShared,
    long pagesSharing,
    long pagesUnshared) {}
