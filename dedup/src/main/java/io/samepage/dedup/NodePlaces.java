package io.samepage.dedup;

import io.samepage.dedup.numa.NumaTopology;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which place of a content each NUMA node has for its own: its stable file there, which only
 * processes of that node are to read, so that its pages are in that node's memory. It is kept in
 * the content index, so that all daemons of a host agree, and so that a node keeps its place when
 * those of others come and go. Immutable.
 *
 * <p>Where there are fewer places than nodes, those nodes that came too late read the place of the
 * nearest node that has one, and of nodes at the same distance, each takes another as far as that
 * goes. They get one of their own when there is one.
 */
final class NodePlaces {
  private static final int LENGTH = Integer.BYTES + 2 * Long.BYTES;

  /**
   * The place of one node.
   *
   * @param node the kernel's number
   * @param fileSystem with {@code ino}, the file; as it is now or as it was
   */
  private record Own(int node, long fileSystem, long ino) {
    boolean is(Place place) {
      return fileSystem == place.key().fileSystem() && ino == place.key().ino();
    }
  }

  /**
   * What a node is to do.
   *
   * @param places of the content, in the order in which they are to be tried
   * @param settled whether the index knows that; if not, the first one is free, and the index is to
   *     be told
   */
  record Choice(List<Place> places, boolean settled) {}

  private final List<Own> all;

  private NodePlaces(List<Own> all) {
    this.all = all;
  }

  /*
   *  0      4        12    20
   *  +------+--------+-----+---
   *  | node | filesys| ino | …
   *  +------+--------+-----+---
   */

  /** Reads what {@link #encode} wrote; nothing if that is null. */
  static NodePlaces decode(byte @Nullable [] value) {
    List<Own> all = new ArrayList<>();
    if (value != null) {
      ByteBuffer b = ByteBuffer.wrap(value);
      while (b.remaining() >= LENGTH) {
        all.add(new Own(b.getInt(), b.getLong(), b.getLong()));
      }
    }
    return new NodePlaces(all);
  }

  byte[] encode() {
    ByteBuffer b = ByteBuffer.allocate(all.size() * LENGTH);
    for (Own own : all) {
      b.putInt(own.node).putLong(own.fileSystem).putLong(own.ino);
    }
    return b.array();
  }

  /**
   * Which place a node is to use: its own, else one that no node has, else that of a node nearby.
   *
   * @param places that hold the content, at least one
   * @param file the file that is asked for, which the node takes rather than another, since its
   *     processes are likely to have read it already; null for none
   */
  Choice choose(List<Place> places, NumaTopology topology, int node, @Nullable FileKey file) {
    int chosen = -1;
    boolean settled = true;
    List<Integer> free = new ArrayList<>(places.size());
    for (int i = 0; i < places.size(); i++) {
      Own own = own(places.get(i));
      if (own == null) {
        free.add(i);
      } else if (own.node == node) {
        chosen = i;
      }
    }
    if (chosen < 0 && !free.isEmpty()) {
      settled = false;
      chosen = free.get(0);
      for (int i : free) {
        if (file != null && places.get(i).isSameFile(file)) {
          chosen = i;
        }
      }
    }
    if (chosen < 0) {
      chosen = nearest(places, topology, node);
    }
    // Should the first one fail, one that nobody has will be the node's from then on.
    List<Place> order = new ArrayList<>(places.size());
    order.add(places.get(chosen));
    for (int i : free) {
      if (i != chosen) {
        order.add(places.get(i));
      }
    }
    for (int i = 0; i < places.size(); i++) {
      if (i != chosen && !free.contains(i)) {
        order.add(places.get(i));
      }
    }
    return new Choice(order, settled);
  }

  /** All places are other nodes'. */
  private int nearest(List<Place> places, NumaTopology topology, int node) {
    List<Integer> nearest = new ArrayList<>();
    int least = Integer.MAX_VALUE;
    for (int i = 0; i < places.size(); i++) {
      Own own = own(places.get(i));
      // A node that has none of the CPUs any more is as far as can be.
      int distance =
          own != null && topology.position(own.node) >= 0
              ? topology.distance(node, own.node)
              : Integer.MAX_VALUE;
      if (distance < least) {
        least = distance;
        nearest.clear();
      }
      if (distance == least) {
        nearest.add(i);
      }
    }
    return nearest.get(topology.position(node) % nearest.size());
  }

  private @Nullable Own own(Place place) {
    for (Own own : all) {
      if (own.is(place)) {
        return own;
      }
    }
    return null;
  }

  /**
   * With a place for a node that has none yet; those of places that are gone are left out.
   *
   * @param wanted which place, if no other node has it meanwhile
   * @return this if the node has one, or if none is free
   */
  NodePlaces with(List<Place> places, int node, FileKey wanted) {
    List<Own> left = new ArrayList<>();
    Place free = null;
    for (Place place : places) {
      Own own = own(place);
      if (own == null) {
        free = free == null || place.isSameFile(wanted) ? place : free;
      } else if (own.node == node) {
        return this;
      } else {
        left.add(own);
      }
    }
    if (free == null) {
      return this;
    }
    left.add(new Own(node, free.key().fileSystem(), free.key().ino()));
    return new NodePlaces(left);
  }

  /** Whether a file is the place of a node. */
  boolean has(int node, FileKey file) {
    for (Own own : all) {
      if (own.node == node && own.fileSystem == file.fileSystem() && own.ino == file.ino()) {
        return true;
      }
    }
    return false;
  }
}
