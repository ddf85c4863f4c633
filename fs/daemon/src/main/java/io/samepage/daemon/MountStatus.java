package io.samepage.daemon;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.samepage.fuse.Session;
import io.samepage.overlay.OverlayCounters;
import io.samepage.overlay.options.ByteString;
import io.samepage.overlay.options.HostDirectory;
import io.samepage.overlay.options.MountDirectories;
import io.samepage.overlay.options.MountOptions;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What a daemon says of its mount. Paths are in the form of {@link ByteString#toString}, so that
 * those that are not UTF-8 can be told as well.
 */
final class MountStatus {
  private static final JsonFactory JSON = new JsonFactory();

  private final MountOptions options;
  private final String optionText;
  private final ByteString target;
  private final List<ByteString> lower;
  private final @Nullable ByteString upper;
  private final @Nullable ByteString work;
  private final Session session;
  private final Supplier<OverlayCounters> counters;
  private final Path log;
  private final long mountedNanos = System.nanoTime();

  /**
   * Keeps what does not change.
   *
   * @param optionText the options as they were given
   */
  MountStatus(
      MountOptions options,
      String optionText,
      ByteString target,
      MountDirectories directories,
      Session session,
      Supplier<OverlayCounters> counters,
      Path log) {
    this.options = options;
    this.optionText = optionText;
    this.target = target;
    this.lower = new ArrayList<>();
    for (HostDirectory layer : directories.lower()) {
      lower.add(layer.path());
    }
    this.upper = path(directories.upper());
    this.work = path(directories.work());
    this.session = session;
    this.counters = counters;
    this.log = log;
  }

  private static @Nullable ByteString path(@Nullable HostDirectory directory) {
    return directory == null ? null : directory.path();
  }

  /** The status as it is now. */
  byte[] toJson() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (JsonGenerator json = JSON.createGenerator(out)) {
      json.writeStartObject();
      writeMount(json);
      writeNumbers(json);
      json.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  private void writeMount(JsonGenerator json) throws IOException {
    json.writeStringField("target", target.toString());
    json.writeStringField("state", "serving");
    json.writeNumberField("pid", ProcessHandle.current().pid());
    json.writeStringField("version", Version.text());
    json.writeStringField("java", System.getProperty("java.runtime.version", ""));
    json.writeStringField("transport", session.transport());
    json.writeStringField("protocol", session.protocol());
    json.writeBooleanField("passthrough", session.passthrough());
    json.writeStringField("passthrough_reason", session.passthroughReason());
    json.writeStringField("coherence", options.coherence().name().toLowerCase(Locale.ROOT));
    json.writeStringField("sharing", options.sharing() ? "file" : "off");
    json.writeObjectFieldStart("layers");
    json.writeArrayFieldStart("lower");
    for (ByteString layer : lower) {
      json.writeString(layer.toString());
    }
    json.writeEndArray();
    writePath(json, "upper", upper);
    writePath(json, "work", work);
    json.writeEndObject();
    json.writeStringField("options", optionText);
    json.writeBooleanField("read_only", options.readOnly());
    json.writeBooleanField("volatile", options.syncNothing());
    json.writeStringField("log", log.toString());
  }

  private static void writePath(JsonGenerator json, String name, @Nullable ByteString path)
      throws IOException {
    json.writeStringField(name, path == null ? null : path.toString());
  }

  private void writeNumbers(JsonGenerator json) throws IOException {
    json.writeNumberField("uptime_seconds", (System.nanoTime() - mountedNanos) / 1_000_000_000);
    json.writeObjectFieldStart("requests");
    for (Map.Entry<String, Long> count : new TreeMap<>(session.requests()).entrySet()) {
      json.writeNumberField(count.getKey(), count.getValue());
    }
    json.writeEndObject();
    OverlayCounters now = counters.get();
    json.writeNumberField("inodes", now.inodes());
    json.writeNumberField("handles", now.handles());
    json.writeNumberField("copy_ups", now.copyUps());
    json.writeNumberField("breaks", now.breaks());
    json.writeNumberField("fallbacks", now.fallbacks());
    json.writeNumberField("pages_shared", now.pagesShared());
    json.writeNumberField("pages_sharing", now.pagesSharing());
    json.writeNumberField("pages_unshared", now.pagesUnshared());
    Runtime runtime = Runtime.getRuntime();
    json.writeNumberField("heap_bytes", runtime.totalMemory() - runtime.freeMemory());
    json.writeNumberField("heap_max_bytes", runtime.maxMemory());
    json.writeNumberField("resident_bytes", residentBytes());
  }

  /** VmRSS of /proc/self/status. */
  private static long residentBytes() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmRSS:")) {
        return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
      }
    }
    return 0;
  }
}
