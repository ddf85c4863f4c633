package io.samepage.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.overlay.options.ByteString;
import io.samepage.overlay.options.MountOptionParser.Form;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

final class MountRequestTest {
  private static List<ByteString> words(String... words) {
    List<ByteString> list = new ArrayList<>();
    for (String word : words) {
      list.add(ByteString.of(word));
    }
    return list;
  }

  private static MountRequest request(
      Form form, boolean foreground, String target, String... options) {
    return new MountRequest(form, words(options), ByteString.of(target), foreground);
  }

  @Test
  void aPersonsForm() {
    MountRequest expected = request(Form.STRICT, false, "/m", "lowerdir=/l");
    assertThat(MountRequest.read(words("mount", "-o", "lowerdir=/l", "/m"))).isEqualTo(expected);
    assertThat(MountRequest.read(words("mount", "/m", "-o", "lowerdir=/l"))).isEqualTo(expected);
    assertThat(MountRequest.read(words("mount", "-olowerdir=/l", "/m"))).isEqualTo(expected);
    assertThat(MountRequest.read(words("mount", "--options", "lowerdir=/l", "/m")))
        .isEqualTo(expected);
    assertThat(MountRequest.read(words("mount", "--options=lowerdir=/l", "--", "/m")))
        .isEqualTo(expected);
    assertThat(MountRequest.read(words("mount", "-f", "-o", "a", "/m", "-o", "b")))
        .isEqualTo(request(Form.STRICT, true, "/m", "a", "b"));
  }

  @Test
  void anEnginesForm() {
    assertThat(MountRequest.read(words("-o", "lowerdir=/l,", "/m")))
        .isEqualTo(request(Form.ENGINE, false, "/m", "lowerdir=/l,"));
  }

  @Test
  void aHelpersForm() {
    assertThat(MountRequest.read(words("a,b", "/m", "-o", "lowerdir=/l")))
        .isEqualTo(request(Form.TOLERANT, false, "/m", "fsname=a\\,b", "lowerdir=/l"));
  }

  @Test
  void whatIsNoPlainRequestIsLeftToTheLibrary() {
    assertThat(MountRequest.read(words())).isNull();
    assertThat(MountRequest.read(words("--version"))).isNull();
    assertThat(MountRequest.read(words("status", "/m", "--json"))).isNull();
    assertThat(MountRequest.read(words("mount", "--help"))).isNull();
    assertThat(MountRequest.read(words("mount", "-o", "lowerdir=/l"))).isNull();
    assertThat(MountRequest.read(words("mount", "/m", "-o"))).isNull();
    assertThat(MountRequest.read(words("mount", "-o", "a", "/m", "/n"))).isNull();
    assertThat(MountRequest.read(words("mount", "-o", "a", "--frob", "/m"))).isNull();
    assertThat(MountRequest.read(words("-o"))).isNull();
  }

  @Test
  void optionsAreShownAsOneText() {
    assertThat(request(Form.STRICT, false, "/m", "a=b", "c\n").optionText())
        .isEqualTo("a=b,c\\x0a");
  }

  @Property(tries = 200)
  void theLibraryReadsTheSameAsTheLightPath(@ForAll("lines") List<String> line) {
    List<ByteString> arguments = words(line.toArray(new String[0]));
    MountRequest light = MountRequest.read(arguments);
    if (light == null || light.form() != Form.STRICT) {
      return;
    }
    ParseResult parsed;
    try {
      CommandLine library = CommandLineInterface.build(new Caller());
      parsed = library.parseArgs(Arguments.latin1(arguments)).subcommand();
    } catch (ParameterException e) {
      // The library is stricter about the absence of options, which the option parser reports too.
      assertThat(light.options()).as("%s: %s", line, e.getMessage()).isEmpty();
      return;
    }
    List<ByteString> options = new ArrayList<>();
    for (String option : parsed.matchedOptionValue('o', List.<String>of())) {
      options.add(Arguments.bytes(option));
    }
    assertThat(options).isEqualTo(light.options());
    assertThat(Arguments.bytes(parsed.matchedPositionalValue(0, ""))).isEqualTo(light.target());
    assertThat(parsed.hasMatchedOption('f')).isEqualTo(light.foreground());
  }

  @Provide
  Arbitrary<List<String>> lines() {
    return Arbitraries.of(
            "-o",
            "--options",
            "-olowerdir=/a",
            "-o=ro",
            "--options=ro",
            "-f",
            "--foreground",
            "--",
            "/m",
            "lowerdir=/a,upperdir=/é",
            "@file",
            "a b",
            "x")
        .list()
        .ofMaxSize(5)
        .map(
            rest -> {
              List<String> line = new ArrayList<>(List.of("mount"));
              line.addAll(rest);
              return line;
            });
  }
}
