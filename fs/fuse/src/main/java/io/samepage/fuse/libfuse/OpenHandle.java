package io.samepage.fuse.libfuse;

/**
 * What {@code fi.fh} stands for from open to release: a node, which stays known so long, and the
 * file system's own handle, which directories have none of.
 */
record OpenHandle(KnownNode node, long handle) {}
