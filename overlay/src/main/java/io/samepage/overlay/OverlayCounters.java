package io.samepage.overlay;

/**
 * What an overlay counts, at one moment.
 *
 * @param inodes inodes that the kernel knows
 * @param handles open handles
 * @param copyUps files that were copied up since the mount
 */
public record OverlayCounters(long inodes, long handles, long copyUps) {}
