package io.samepage.daemon;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.classic.spi.StackTraceElementProxy;
import ch.qos.logback.core.AppenderBase;
import ch.qos.logback.core.spi.ContextAwareBase;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import org.jspecify.annotations.Nullable;

/**
 * The log of the daemons: a line for each event that an operator needs, in one file for all mounts
 * of a host, where each line says whose it is. Logback is configured here rather than in XML, since
 * reading that takes a good part of the time that a mount may take.
 *
 * <pre>
 * 2025-01-31T12:34:56.789Z WARN  [4711 /merged] KernelSession: what has happened; what to do
 * </pre>
 */
public final class DaemonLog extends ContextAwareBase implements Configurator {
  private static final long LIMIT = 4L << 20;
  private static final int BURST = 10;
  private static final long WINDOW_MILLIS = 60_000;

  private static volatile @Nullable Path file;
  private static volatile String mount = "-";

  /** For Logback, which finds this class by its service file. */
  public DaemonLog() {}

  /** Says where the log is, before the first logger is made. */
  static void setFile(Path path) {
    file = path;
  }

  /** Says of which mount the lines are from now on. */
  static void setMount(String name) {
    mount = name;
  }

  @Override
  public ExecutionStatus configure(LoggerContext context) {
    ch.qos.logback.classic.Logger root = context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    Path path = file;
    if (path == null) {
      root.setLevel(Level.OFF); // a command that is no daemon
      return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
    }
    root.setLevel(Level.toLevel(System.getProperty("samepage.log.level"), Level.INFO));
    Lines lines = new Lines(new SharedLogFile(path, LIMIT));
    lines.setContext(context);
    lines.start();
    root.addAppender(lines);
    return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
  }

  /** Writes events as lines; one at a time, by its superclass's lock. */
  private static final class Lines extends AppenderBase<ILoggingEvent> {
    private final SharedLogFile file;
    private final RepeatLimit limit = new RepeatLimit(BURST, WINDOW_MILLIS);

    Lines(SharedLogFile file) {
      this.file = file;
    }

    @Override
    protected void append(ILoggingEvent event) {
      int suppressed = limit.pass(event.getLoggerName() + event.getMessage(), event.getTimeStamp());
      if (suppressed < 0) {
        return;
      }
      try {
        file.append(line(event, suppressed).getBytes(StandardCharsets.UTF_8));
      } catch (IOException e) {
        // There is nobody left to tell.
      }
    }

    @Override
    public void stop() {
      super.stop();
      try {
        file.close();
      } catch (IOException e) {
        // What was written is written.
      }
    }
  }

  static String line(ILoggingEvent event, int suppressed) {
    StringBuilder line = new StringBuilder(160);
    String logger = event.getLoggerName();
    line.append(Instant.ofEpochMilli(event.getTimeStamp()).truncatedTo(ChronoUnit.MILLIS))
        .append(' ')
        .append(event.getLevel())
        .append(" [")
        .append(ProcessHandle.current().pid())
        .append(' ')
        .append(mount)
        .append("] ")
        .append(logger, logger.lastIndexOf('.') + 1, logger.length())
        .append(": ");
    appendOneLine(line, event.getFormattedMessage());
    if (suppressed > 0) {
      line.append(" (and ").append(suppressed).append(" times before, left out)");
    }
    line.append('\n');
    appendTrace(line, event.getThrowableProxy());
    return line.toString();
  }

  private static void appendOneLine(StringBuilder line, @Nullable String message) {
    String text = message == null ? "" : message;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      line.append(c < ' ' || c == 0x7f ? ' ' : c);
    }
  }

  /** Only mistakes of samepage itself are logged with an exception. */
  private static void appendTrace(StringBuilder line, @Nullable IThrowableProxy thrown) {
    for (IThrowableProxy t = thrown; t != null; t = t.getCause()) {
      line.append("    ").append(t.getClassName()).append(": ");
      appendOneLine(line, t.getMessage());
      line.append('\n');
      for (StackTraceElementProxy frame : t.getStackTraceElementProxyArray()) {
        line.append("      ").append(frame.getSTEAsString()).append('\n');
      }
    }
  }
}
