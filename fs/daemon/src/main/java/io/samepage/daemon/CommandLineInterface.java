package io.samepage.daemon;

import io.samepage.overlay.options.ByteString;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.ParameterException;

/**
 * The command line in full, with its help texts. Arguments reach picocli with one character for
 * each byte ({@link Arguments#latin1}).
 */
final class CommandLineInterface {
  private static final int WIDTH = 100;

  private CommandLineInterface() {}

  /** Runs a command line; returns the number to exit with. */
  static int run(List<ByteString> arguments, Caller caller) {
    CommandLine line = build(caller);
    line.setParameterExceptionHandler((e, words) -> caller.fail(ExitCode.USAGE, usage(e)));
    line.setExecutionExceptionHandler(
        (e, command, parsed) -> {
          if (e instanceof CommandFailure failure) {
            return caller.fail(failure);
          }
          throw e;
        });
    return line.execute(Arguments.latin1(arguments));
  }

  static CommandLine build(Caller caller) {
    StateDirectory state = StateDirectory.ofThisUser();
    CommandLine mount = new CommandLine(new MountCommand(caller));
    mount.getCommandSpec().usageMessage().footer(OptionTable.lines(WIDTH));
    CommandLine line =
        new CommandLine(new RootCommand(caller))
            .addSubcommand(mount)
            .addSubcommand(new UmountCommand(state))
            .addSubcommand(new StatusCommand(state))
            .addSubcommand(new DoctorCommand())
            .addSubcommand(new IndexCommand())
            .addSubcommand(new ReportCommand())
            .addSubcommand(new PagesCommand(state))
            .addSubcommand(new VerifyCommand())
            .addSubcommand(new CompleteCommand())
            .addSubcommand(new CommandLine.HelpCommand());
    line.getCommandSpec()
        .usageMessage()
        .exitCodeListHeading("%nExit codes:%n")
        .exitCodeList(exitCodes());
    // Paths may begin with @, and are not files of arguments.
    return line.setExpandAtFiles(false)
        .setUsageHelpWidth(WIDTH)
        .setColorScheme(CommandLine.Help.defaultColorScheme(Ansi.OFF))
        .setOut(new PrintWriter(Caller.out(), true, StandardCharsets.UTF_8))
        .setErr(new PrintWriter(Caller.err(), true, StandardCharsets.UTF_8));
  }

  private static Map<String, String> exitCodes() {
    Map<String, String> codes = new LinkedHashMap<>();
    for (ExitCode code : ExitCode.values()) {
      codes.put(String.valueOf(code.number()), code.meaning());
    }
    return codes;
  }

  private static String usage(ParameterException e) {
    String message = String.valueOf(e.getMessage()).replaceAll("\\s*[\\r\\n]+\\s*", "; ");
    String command = e.getCommandLine().getCommandSpec().qualifiedName();
    return Arguments.bytes(message) + " (" + command + " --help tells how)";
  }
}
