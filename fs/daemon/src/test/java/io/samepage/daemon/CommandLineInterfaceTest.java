package io.samepage.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.overlay.options.ByteString;
import io.samepage.overlay.options.MountOption;
import io.samepage.overlay.options.MountRefusedException;
import io.samepage.overlay.options.MountRefusedException.Reason;
import io.samepage.posix.Errno;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

final class CommandLineInterfaceTest {
  private static CommandLine line() {
    return CommandLineInterface.build(new Caller());
  }

  private static int run(String... words) {
    return CommandLineInterface.run(
        Arrays.stream(words).map(ByteString::of).toList(), new Caller());
  }

  @Test
  void theHelpTextHasEveryExitCode() {
    String help = line().getUsageMessage();
    for (ExitCode code : ExitCode.values()) {
      assertThat(help).contains(code.number() + " ").contains(code.meaning());
    }
    assertThat(Arrays.stream(ExitCode.values()).map(ExitCode::number)).doesNotHaveDuplicates();
  }

  @Test
  void theHelpTextOfMountHasEveryOption() {
    String help = line().getSubcommands().get("mount").getUsageMessage();
    for (MountOption option : MountOption.values()) {
      assertThat(help).contains(option.syntax());
    }
    assertThat(help.lines()).allMatch(text -> text.length() <= 100);
  }

  @Test
  void everyCommandDescribesItself() {
    assertThat(line().getSubcommands().keySet())
        .contains("mount", "umount", "status", "doctor", "help");
    for (CommandLine command : line().getSubcommands().values()) {
      assertThat(command.getUsageMessage()).contains("samepage");
    }
  }

  @Test
  void aWrongCommandLineIsAUsageError() {
    assertThat(run()).isEqualTo(2);
    assertThat(run("frob")).isEqualTo(2);
    assertThat(run("mount")).isEqualTo(2);
    assertThat(run("mount", "--frob", "/m")).isEqualTo(2);
    assertThat(run("-o", "ro")).isEqualTo(2);
    assertThat(run("umount")).isEqualTo(2);
    assertThat(run("umount", "a", "b")).isEqualTo(2);
    assertThat(run("status", "--xml")).isEqualTo(2);
  }

  @Test
  void whatIsNotMountedIsSaidSo() {
    assertThat(run("umount", "/nonesuch")).isEqualTo(11);
    assertThat(run("umount", "/")).isEqualTo(11);
    assertThat(run("status", "/nonesuch")).isEqualTo(11);
  }

  @Test
  void everyReasonHasAnExitCodeOfItsOwn() {
    Set<ExitCode> codes = EnumSet.noneOf(ExitCode.class);
    for (Reason reason : Reason.values()) {
      codes.add(CommandFailure.of(new MountRefusedException(reason, "x")).exitCode());
    }
    assertThat(codes).hasSize(Reason.values().length);
    assertThat(CommandFailure.ofMount(Errno.ENOENT, "x").exitCode()).isEqualTo(ExitCode.NO_FUSE);
    assertThat(CommandFailure.ofMount(Errno.EPERM, "x").exitCode()).isEqualTo(ExitCode.PERMISSION);
    assertThat(CommandFailure.ofMount(Errno.EIO, "x").exitCode()).isEqualTo(ExitCode.SYSTEM);
  }

  @Test
  void aFailureIsOneLine() {
    assertThat(new CommandFailure(ExitCode.SYSTEM, "one\n  two\r\n").line())
        .isEqualTo("one; two; ");
    List<String> lines = List.of(OptionTable.lines(80));
    assertThat(lines).allMatch(text -> text.length() <= 90);
  }
}
