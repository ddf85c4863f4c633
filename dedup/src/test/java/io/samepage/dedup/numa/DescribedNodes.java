package io.samepage.dedup.numa;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A directory like /sys/devices/system/node, for a host that is not there. */
public final class DescribedNodes {
  private final Path directory;

  /** An empty one. */
  public DescribedNodes(Path directory) throws IOException {
    this.directory = Files.createDirectories(directory);
  }

  /** Adds a node; its file ends with a line feed, as the kernel's do. */
  public DescribedNodes node(int number, String cpus) throws IOException {
    Path node = Files.createDirectories(directory.resolve("node" + number));
    Files.writeString(node.resolve("cpulist"), cpus + "\n");
    return this;
  }

  /** Says how far a node that was added is from all, in the order of their numbers. */
  public DescribedNodes distances(int number, String row) throws IOException {
    Files.writeString(directory.resolve("node" + number).resolve("distance"), row + "\n");
    return this;
  }

  /** Reads it. */
  public NumaTopology topology() throws IOException {
    return NumaTopology.read(directory);
  }
}
