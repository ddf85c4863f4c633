package io.samepage.daemon;

import com.fasterxml.jackson.core.JsonGenerator;
import io.samepage.dedup.numa.HomeNode;
import io.samepage.dedup.numa.NumaTopology;
import io.samepage.overlay.options.MountOptions;
import io.samepage.overlay.options.NumaPolicy;
import io.samepage.overlay.options.SharingMode;
import java.io.IOException;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What a mount does about NUMA nodes.
 *
 * @param topology the nodes of the host; null with numa=off, which does not look at them
 * @param home which of them the mount is at home on; null where that makes no difference
 */
record NumaPlacement(NumaPolicy policy, @Nullable NumaTopology topology, @Nullable HomeNode home) {
  /**
   * As the options ask for it.
   *
   * @throws CommandFailure if the nodes are asked for and cannot be read
   */
  static NumaPlacement of(MountOptions options) throws CommandFailure {
    if (options.numa() == NumaPolicy.OFF || options.sharing() == SharingMode.OFF) {
      return new NumaPlacement(NumaPolicy.OFF, null, null);
    }
    NumaTopology topology = NumaLocation.topology();
    HomeNode home = topology.count() == 1 ? null : new HomeNode(topology);
    return new NumaPlacement(options.numa(), topology, home);
  }

  /** Why the option does nothing, for the log; null if it does something, or is not given. */
  @Nullable String note() {
    return topology != null && home == null
        ? "numa=replicate does nothing: this host has one NUMA node with CPUs"
        : null;
  }

  /** The node that the processes of the mount run on; null as long as that is not known. */
  @Nullable Integer homeNode() {
    if (home != null) {
      return home.node() == NumaTopology.UNKNOWN ? null : home.node();
    }
    return topology == null ? null : topology.nodes().get(0);
  }

  /** Writes it as a field of an object. */
  void write(JsonGenerator json) throws IOException {
    json.writeObjectFieldStart("numa");
    json.writeStringField("policy", policy.name().toLowerCase(Locale.ROOT));
    if (topology != null) {
      json.writeArrayFieldStart("nodes");
      for (int node : topology.nodes()) {
        json.writeNumber(node);
      }
      json.writeEndArray();
      Integer at = homeNode();
      if (at == null) {
        json.writeNullField("home_node");
      } else {
        json.writeNumberField("home_node", at);
      }
      // Where it was first is no change.
      json.writeNumberField(
          "home_node_changes", home == null ? 0 : Math.max(0, home.changes() - 1));
    }
    json.writeEndObject();
  }
}
