package io.samepage.daemon;

import io.samepage.overlay.options.ByteString;
import io.samepage.overlay.options.MountOptionParser.Form;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code samepage mount}, as far as {@link MountRequest#read} leaves it to picocli. */
@Command(
    name = "mount",
    description = "Mounts layers; returns when the mount stands, and leaves a daemon behind.",
    mixinStandardHelpOptions = true,
    versionProvider = RootCommand.Versions.class,
    footerHeading = "%n")
final class MountCommand implements Callable<Integer> {
  private final Caller caller;

  @Option(
      names = {"-o", "--options"},
      paramLabel = "OPTIONS",
      required = true,
      description = "Mount options, separated by commas; may be given several times.")
  private List<String> options = new ArrayList<>();

  @Option(
      names = {"-f", "--foreground"},
      description = "Stay in the foreground, and end with the mount.")
  private boolean foreground;

  @Parameters(paramLabel = "TARGET", description = "The directory to mount on.")
  private String target = "";

  MountCommand(Caller caller) {
    this.caller = caller;
  }

  @Override
  public Integer call() throws CommandFailure {
    return mount(Form.STRICT, options, target, foreground, caller);
  }

  static int mount(
      Form form, List<String> options, String target, boolean foreground, Caller caller)
      throws CommandFailure {
    List<ByteString> bytes = new ArrayList<>();
    for (String option : options) {
      bytes.add(Arguments.bytes(option));
    }
    MountProcess.run(new MountRequest(form, bytes, Arguments.bytes(target), foreground), caller);
    return ExitCode.OK.number();
  }
}
