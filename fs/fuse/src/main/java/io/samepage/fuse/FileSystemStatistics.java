package io.samepage.fuse;

/** The answer to statfs(2). A mutable record of a reply. */
public final class FileSystemStatistics {
  public long blocks;
  public long blocksFree;
  public long blocksAvailable;
  public long files;
  public long filesFree;
  public int blockSize;
  public int fragmentSize;
  public int nameMax;
}
