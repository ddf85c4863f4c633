package io.samepage.dedup.numa;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The nodes of a host that have CPUs, by the numbers that the kernel gives them; memory alone (CXL,
 * say) makes no node here, since no process runs there. It is as it was when it was read: who has a
 * CPU come or go under a standing mount is seen by later mounts. Immutable.
 */
public final class NumaTopology {
  /** Where the kernel describes it (Documentation/ABI/stable/sysfs-devices-node). */
  public static final Path OF_THIS_HOST = Path.of("/sys/devices/system/node");

  /** In place of a node, where that is not known. */
  public static final int UNKNOWN = -1;

  private static final Pattern NODE = Pattern.compile("node(0|[1-9][0-9]{0,4})");

  /** As the firmware's tables have it (ACPI, SLIT): 10 is near, and 20 the usual for far. */
  private static final int NEAR = 10;

  private static final int FAR = 20;

  /** In ascending order. */
  private final int[] nodes;

  /** By CPU; {@link #UNKNOWN} where there is none. */
  private final int[] nodeOfCpu;

  /** By positions in {@link #nodes}. */
  private final int[][] distances;

  private NumaTopology(int[] nodes, int[] nodeOfCpu, int[][] distances) {
    this.nodes = nodes;
    this.nodeOfCpu = nodeOfCpu;
    this.distances = distances;
  }

  /** That of this host; a single node where the kernel knows of none. */
  public static NumaTopology ofThisHost() throws IOException {
    try {
      return read(OF_THIS_HOST);
    } catch (NoSuchFileException e) {
      return new NumaTopology(new int[] {0}, new int[0], new int[][] {{NEAR}});
    }
  }

  /**
   * Reads a description.
   *
   * @param directory laid out as {@link #OF_THIS_HOST}: a directory {@code nodeN} for each node, in
   *     it {@code cpulist}, as in {@code 0-3,8}, and, if they are known, {@code distance}
   * @throws NoSuchFileException if there is none
   * @throws IOException if it is none; the message says what is wrong with it
   */
  public static NumaTopology read(Path directory) throws IOException {
    List<Integer> all = new ArrayList<>();
    try (Stream<Path> entries = Files.list(directory)) {
      for (Path entry : (Iterable<Path>) entries::iterator) {
        Matcher name = NODE.matcher(String.valueOf(entry.getFileName()));
        if (name.matches()) {
          all.add(Integer.parseInt(name.group(1)));
        }
      }
    }
    all.sort(null);
    List<Integer> withCpus = new ArrayList<>();
    int[] nodeOfCpu = {};
    for (int node : all) {
      BitSet cpus = cpus(directory.resolve("node" + node).resolve("cpulist"));
      if (cpus.isEmpty()) {
        continue;
      }
      withCpus.add(node);
      int known = nodeOfCpu.length;
      if (cpus.length() > known) {
        nodeOfCpu = Arrays.copyOf(nodeOfCpu, cpus.length());
        Arrays.fill(nodeOfCpu, known, nodeOfCpu.length, UNKNOWN);
      }
      for (int cpu = cpus.nextSetBit(0); cpu >= 0; cpu = cpus.nextSetBit(cpu + 1)) {
        if (nodeOfCpu[cpu] != UNKNOWN) {
          throw new IOException(
              directory + " has CPU " + cpu + " on nodes " + nodeOfCpu[cpu] + " and " + node);
        }
        nodeOfCpu[cpu] = node;
      }
    }
    if (withCpus.isEmpty()) {
      throw new IOException(directory + " has no directory nodeN whose cpulist names a CPU");
    }
    int[] nodes = withCpus.stream().mapToInt(Integer::intValue).toArray();
    int[][] distances = new int[nodes.length][];
    for (int i = 0; i < nodes.length; i++) {
      Path file = directory.resolve("node" + nodes[i]).resolve("distance");
      int[] row = distances(file, all.size());
      distances[i] = new int[nodes.length];
      for (int j = 0; j < nodes.length; j++) {
        distances[i][j] = row != null ? row[all.indexOf(nodes[j])] : i == j ? NEAR : FAR;
      }
    }
    return new NumaTopology(nodes, nodeOfCpu, distances);
  }

  private static BitSet cpus(Path file) throws IOException {
    try {
      return CpuList.parse(Files.readString(file, StandardCharsets.ISO_8859_1));
    } catch (NoSuchFileException e) {
      throw new IOException(file + " is missing", e);
    } catch (IllegalArgumentException e) {
      throw new IOException(file + ": " + e.getMessage(), e);
    }
  }

  /** A number for each node, those without CPUs among them; null where that is not described. */
  private static int @Nullable [] distances(Path file, int count) throws IOException {
    try {
      String[] row = Files.readString(file, StandardCharsets.ISO_8859_1).strip().split("\\s+", -1);
      return row.length == count ? Arrays.stream(row).mapToInt(Integer::parseInt).toArray() : null;
    } catch (NoSuchFileException | NumberFormatException e) {
      return null;
    }
  }

  /** How many nodes have CPUs; at least one. */
  public int count() {
    return nodes.length;
  }

  /** Their numbers, in ascending order. */
  public List<Integer> nodes() {
    return Arrays.stream(nodes).boxed().toList();
  }

  /** The position of a node among those with CPUs, from 0 on; negative if it is none of them. */
  public int position(int node) {
    return Arrays.binarySearch(nodes, node);
  }

  /** The node of a CPU; {@link #UNKNOWN} if it came later. */
  int nodeOf(int cpu) {
    return cpu >= 0 && cpu < nodeOfCpu.length ? nodeOfCpu[cpu] : UNKNOWN;
  }

  /**
   * How far the memory of one node is from the CPUs of another, as the firmware has it: 10 from its
   * own. Both have CPUs.
   */
  public int distance(int from, int to) {
    return distances[position(from)][position(to)];
  }
}
