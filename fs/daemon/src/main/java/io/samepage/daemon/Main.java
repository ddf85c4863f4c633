package io.samepage.daemon;

import io.samepage.overlay.options.ByteString;
import java.util.List;

/** Where the command {@code samepage} begins. */
public final class Main {
  private static final List<ByteString> ASK_VERSION = List.of(ByteString.of("--version"));

  private Main() {}

  public static void main(String[] decoded) {
    System.exit(run(Arguments.raw(decoded)));
  }

  private static int run(List<ByteString> arguments) {
    Caller caller = new Caller();
    if (arguments.equals(ASK_VERSION)) {
      Caller.out().println("samepage " + Version.text());
      return ExitCode.OK.number();
    }
    try {
      MountRequest request = MountRequest.read(arguments);
      if (request == null) {
        return CommandLineInterface.run(arguments, caller);
      }
      MountProcess.run(request, caller);
      return ExitCode.OK.number();
    } catch (CommandFailure e) {
      return caller.fail(e);
    } catch (RuntimeException | Error e) {
      StackTraceElement[] trace = e.getStackTrace();
      return caller.fail(
          ExitCode.INTERNAL,
          "a fault of samepage itself, please report it: "
              + e.toString().replaceAll("\\s*[\\r\\n]+\\s*", "; ")
              + (trace.length > 0 ? " at " + trace[0] : ""));
    }
  }
}
