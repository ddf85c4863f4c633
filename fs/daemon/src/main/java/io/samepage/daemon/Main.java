package io.samepage.daemon;

import io.samepage.overlay.options.ByteString;
import java.util.List;

/** Where the command {@code samepage} begins. */
public final class Main {
  private Main() {}

  public static void main(String[] decoded) {
    System.exit(run(Arguments.raw(decoded)));
  }

  private static int run(List<ByteString> arguments) {
    Caller caller = new Caller();
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
