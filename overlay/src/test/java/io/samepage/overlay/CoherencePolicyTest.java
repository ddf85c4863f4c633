package io.samepage.overlay;

import static io.samepage.overlay.CoherencePolicy.Reading.CACHED;
import static io.samepage.overlay.CoherencePolicy.Reading.COHERENT;
import static io.samepage.overlay.CoherencePolicy.Reading.NATIVE;
import static io.samepage.overlay.HostTree.bytes;
import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.overlay.CoherencePolicy.Reading;
import io.samepage.overlay.options.ByteString;
import io.samepage.overlay.options.Coherence;
import io.samepage.posix.Linux;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class CoherencePolicyTest {
  private static final long LARGE = CoherencePolicy.CACHED_LIMIT + 1;

  private static CoherencePolicy policy(Coherence coherence, boolean readOnly, String... below) {
    return new CoherencePolicy(
        new OverlayConfig(
            readOnly,
            false,
            false,
            true,
            true,
            false,
            true,
            true,
            0,
            coherence,
            Arrays.stream(below).map(ByteString::of).toList()));
  }

  private static Node node(String path) {
    Directory at = new Directory(null, Names.EMPTY, 1, new LayerDirectory[0]);
    String[] components = path.substring(1).split("/", -1);
    for (int i = 0; i < components.length - 1; i++) {
      at = new Directory(at, bytes(components[i]), 1, new LayerDirectory[0]);
    }
    return new Node(at, bytes(components[components.length - 1]), Linux.S_IFREG, 2);
  }

  @ParameterizedTest
  @CsvSource({
    "/usr/bin/ls, NATIVE", "/usr/f, NATIVE", "/usr/local/share/x/y, NATIVE", "/opt/a/f, NATIVE",
    "/usr, COHERENT", "/usrlocal/f, COHERENT", "/us/r/f, COHERENT", "/home/usr/f, COHERENT",
    "/opt/f, COHERENT", "/opt/ab/f, COHERENT", "/f, COHERENT"
  })
  void nativeIsWhatIsBelowTheNativeDirectories(String path, Reading reading) {
    CoherencePolicy policy = policy(Coherence.AUTO, false, "/usr", "//opt//a/");
    assertThat(policy.reading(node(path), LARGE)).isEqualTo(reading);
  }

  @Test
  void smallFilesAreCached() {
    CoherencePolicy policy = policy(Coherence.AUTO, false, "/usr");
    assertThat(policy.reading(node("/home/f"), CoherencePolicy.CACHED_LIMIT)).isEqualTo(CACHED);
    assertThat(policy.reading(node("/home/f"), 0)).isEqualTo(CACHED);
    assertThat(policy.reading(node("/home/f"), LARGE)).isEqualTo(COHERENT);
    assertThat(policy.reading(node("/usr/f"), 0)).isEqualTo(NATIVE);
  }

  @Test
  void strictKnowsNoNativeDirectoriesAndRelaxedNothingElse() {
    CoherencePolicy strict = policy(Coherence.STRICT, false, "/usr");
    assertThat(strict.reading(node("/usr/bin/ls"), LARGE)).isEqualTo(COHERENT);
    assertThat(strict.reading(node("/usr/bin/ls"), 1)).isEqualTo(CACHED);
    CoherencePolicy relaxed = policy(Coherence.RELAXED, false);
    assertThat(relaxed.reading(node("/home/f"), LARGE)).isEqualTo(NATIVE);
  }

  @Test
  void whatCannotBeWrittenIsNative() {
    for (Coherence coherence : Coherence.values()) {
      assertThat(policy(coherence, true).reading(node("/home/f"), LARGE)).isEqualTo(NATIVE);
    }
  }

  @Test
  void aFileThatLostItsNameIsNotNative() {
    CoherencePolicy policy = policy(Coherence.AUTO, false, "/usr");
    Node nameless = new Node(null, Names.EMPTY, Linux.S_IFREG, 2);
    assertThat(policy.reading(nameless, LARGE)).isEqualTo(COHERENT);
  }

  @Test
  void theRootAsANativeDirectoryIsAll() {
    CoherencePolicy policy = policy(Coherence.AUTO, false, "/");
    assertThat(policy.reading(node("/home/f"), LARGE)).isEqualTo(NATIVE);
  }
}
