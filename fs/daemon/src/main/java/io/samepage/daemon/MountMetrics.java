package io.samepage.daemon;

import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.CounterSnapshot.CounterDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot.GaugeDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.InfoSnapshot;
import io.prometheus.metrics.model.snapshots.InfoSnapshot.InfoDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.TreeMap;

/**
 * What {@link MountStatus} counts, in Prometheus' text format: {@code samepage_} and the name that
 * status has, {@code _total} behind what only grows, the mount point in the label {@code target}.
 */
final class MountMetrics implements MetricsServer.Source {
  private static final String PREFIX = "samepage_";

  private final MountStatus status;
  private final PrometheusTextFormatWriter writer = PrometheusTextFormatWriter.create();

  MountMetrics(MountStatus status) {
    this.status = status;
  }

  @Override
  public String contentType() {
    return writer.getContentType();
  }

  @Override
  public byte[] text() {
    MetricSnapshots.Builder all = MetricSnapshots.builder();
    Labels target = Labels.of("target", status.target());
    Map<String, Long> counters = status.counters();
    for (MountCounters.Kind kind : MountCounters.KINDS) {
      long value = counters.getOrDefault(kind.name(), 0L);
      if (kind.grows()) {
        all.metricSnapshot(
            CounterSnapshot.builder()
                .name(PREFIX + kind.name())
                .help(kind.meaning())
                .dataPoint(
                    CounterDataPointSnapshot.builder().value((double) value).labels(target).build())
                .build());
      } else {
        gauge(all, kind.name(), kind.meaning(), (double) value, target);
      }
    }
    CounterSnapshot.Builder requests =
        CounterSnapshot.builder().name(PREFIX + "requests").help("requests of the kernel");
    for (Map.Entry<String, Long> count : new TreeMap<>(status.requests()).entrySet()) {
      requests.dataPoint(
          CounterDataPointSnapshot.builder()
              .value((double) count.getValue())
              .labels(target.add("opcode", count.getKey()))
              .build());
    }
    all.metricSnapshot(requests.build());
    Integer home = status.numa().homeNode();
    if (home != null) {
      gauge(
          all,
          "home_node",
          "the NUMA node that the processes of the mount run on",
          (double) home,
          target);
    }
    gauge(
        all,
        "resident_bytes",
        "memory of the daemon",
        (double) MountStatus.residentBytes(),
        target);
    gauge(all, "uptime_seconds", "since the mount stands", (double) status.uptimeSeconds(), target);
    all.metricSnapshot(
        InfoSnapshot.builder()
            .name(PREFIX + "build")
            .help("which samepage serves the mount")
            .dataPoint(
                InfoDataPointSnapshot.builder()
                    .labels(target.add("version", Version.text()))
                    .build())
            .build());
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try {
      writer.write(out, all.build());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  private static void gauge(
      MetricSnapshots.Builder all, String name, String meaning, double value, Labels labels) {
    all.metricSnapshot(
        GaugeSnapshot.builder()
            .name(PREFIX + name)
            .help(meaning)
            .dataPoint(GaugeDataPointSnapshot.builder().value(value).labels(labels).build())
            .build());
  }
}
