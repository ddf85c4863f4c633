package io.samepage.daemon;

import io.samepage.overlay.options.MountOptionParser.Form;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** The command without a subcommand: help, the version, and the forms that other programs use. */
@Command(
    name = "samepage",
    customSynopsis = {
      "  samepage mount [-f] -o OPTIONS TARGET",
      "  samepage umount [-l] TARGET",
      "  samepage status [--json] [TARGET]",
      "  samepage doctor [--json]",
      "  samepage index DIR... [--index PATH] [--domain NAME] [--pages [--page-min SIZE]]",
      "  samepage report DIR... [--html FILE]",
      "  samepage pages [--json] FILE",
      "  samepage verify [--json] [--files] [--resident] TARGET...",
      "  samepage complete UPPER WORK",
      "  samepage [-f] -o OPTIONS TARGET       (as container engines call a mount program)",
      "  samepage SOURCE TARGET -o OPTIONS     (as mount helpers are called)"
    },
    synopsisHeading = "Usage:%n",
    description = {
      "%nMounts a stack of directories as one writable tree, on the disk format of the kernel's"
          + " overlayfs.",
      "samepage COMMAND --help describes a command.%n"
    },
    mixinStandardHelpOptions = true,
    versionProvider = RootCommand.Versions.class,
    commandListHeading = "%nCommands:%n",
    optionListHeading = "",
    footerHeading = "%nEnvironment:%n",
    footer = {
      "  SAMEPAGE_RUN_DIR    where the control sockets are (default: /run/samepage for root,",
      "                      else $XDG_RUNTIME_DIR/samepage)",
      "  SAMEPAGE_LOG_DIR    where the log is (default: /var/log/samepage for root, else beside the",
      "                      control sockets)",
      "  SAMEPAGE_INDEX      the directory of the content index (default: /var/lib/samepage/index)",
      "  SAMEPAGE_NUMA_NODES a directory that describes the NUMA nodes, laid out as the kernel's own",
      "                      (default: /sys/devices/system/node)",
      "  SAMEPAGE_JAVA       the java to run with (default: JAVA_HOME, PATH, /usr/lib/jvm)",
      "  SAMEPAGE_JAVA_OPTS  further options for it"
    })
final class RootCommand implements Callable<Integer> {
  static final class Versions implements IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {"samepage " + Version.text()};
    }
  }

  private final Caller caller;

  @Spec private CommandSpec spec;

  @Option(
      names = {"-o", "--options"},
      paramLabel = "OPTIONS",
      hidden = true)
  private List<String> options = new ArrayList<>();

  @Option(
      names = {"-f", "--foreground"},
      hidden = true)
  private boolean foreground;

  @Parameters(hidden = true)
  private List<String> operands = new ArrayList<>();

  RootCommand(Caller caller) {
    this.caller = caller;
    this.spec = CommandSpec.create();
  }

  /** What {@link MountRequest#read} has not taken for a request. */
  @Override
  public Integer call() throws CommandFailure {
    if (options.isEmpty()) {
      throw new ParameterException(
          spec.commandLine(),
          operands.isEmpty()
              ? "a command is missing: mount, umount, status, doctor, index, report, pages, verify or"
                  + " complete"
              : "unknown command " + operands.get(0));
    }
    if (operands.size() != 1) {
      throw new ParameterException(
          spec.commandLine(),
          operands.isEmpty() ? "the mount point is missing" : "more than one mount point");
    }
    return MountCommand.mount(Form.ENGINE, options, operands.get(0), foreground, caller);
  }
}
