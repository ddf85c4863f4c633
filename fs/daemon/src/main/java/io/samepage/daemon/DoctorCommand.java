package io.samepage.daemon;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import io.samepage.daemon.Doctor.Finding;
import io.samepage.daemon.Doctor.Verdict;
import java.io.IOException;
import java.io.PrintStream;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code samepage doctor}. */
@Command(
    name = "doctor",
    description =
        "Tells what this host offers, and what to do about what it lacks. Makes a mount of its own"
            + " for a moment.",
    mixinStandardHelpOptions = true,
    versionProvider = RootCommand.Versions.class)
final class DoctorCommand implements Callable<Integer> {
  private static final int NAME_WIDTH = 12;

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  @Override
  public Integer call() {
    List<Finding> findings = Doctor.examine();
    PrintStream out = Caller.out();
    if (json) {
      printJson(out, findings);
    } else {
      print(out, findings);
    }
    boolean lacks = findings.stream().anyMatch(finding -> finding.verdict() == Verdict.LACK);
    return (lacks ? ExitCode.LACKING : ExitCode.OK).number();
  }

  private static String word(Verdict verdict) {
    return verdict.name().toLowerCase(Locale.ROOT);
  }

  private static void print(PrintStream out, List<Finding> findings) {
    for (Finding finding : findings) {
      out.printf(
          Locale.ROOT,
          "%-7s %-" + NAME_WIDTH + "s %s%n",
          word(finding.verdict()),
          finding.name(),
          finding.found());
      if (!finding.remedy().isEmpty()) {
        out.println(" ".repeat(7 + 1 + NAME_WIDTH + 1) + "-> " + finding.remedy());
      }
    }
  }

  private static void printJson(PrintStream out, List<Finding> findings) {
    try (JsonGenerator generator = new JsonFactory().createGenerator(out)) {
      generator.setPrettyPrinter(new DefaultPrettyPrinter());
      generator.writeStartArray();
      for (Finding finding : findings) {
        generator.writeStartObject();
        generator.writeStringField("name", finding.name());
        generator.writeStringField("verdict", word(finding.verdict()));
        generator.writeStringField("found", finding.found());
        generator.writeStringField("remedy", finding.remedy());
        generator.writeEndObject();
      }
      generator.writeEndArray();
      generator.writeRaw('\n');
    } catch (IOException e) {
      // The reader has gone.
    }
  }
}
