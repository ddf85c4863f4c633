package io.samepage.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.LoggingEvent;
import java.time.Instant;
import org.junit.jupiter.api.Test;

final class DaemonLogTest {
  private static String line(String message, Throwable thrown, int suppressed) {
    LoggingEvent event =
        new LoggingEvent(
            "x",
            new LoggerContext().getLogger("io.samepage.fuse.Session"),
            Level.WARN,
            message,
            thrown,
            new Object[] {"it"});
    event.setInstant(Instant.ofEpochMilli(1_738_326_896_789L));
    return DaemonLog.line(event, suppressed);
  }

  @Test
  void anEventIsOneLine() {
    assertThat(line("what {}\nis\t\u001b[31m", null, 0))
        .isEqualTo(
            "2025-01-31T12:34:56.789Z WARN ["
                + ProcessHandle.current().pid()
                + " -] Session: what it is  [31m\n");
  }

  @Test
  void whatWasLeftOutIsSaid() {
    assertThat(line("a", null, 7)).endsWith("Session: a (and 7 times before, left out)\n");
  }

  @Test
  void anExceptionHasItsTrace() {
    String text = line("a", new IllegalStateException("b\nc", new RuntimeException("d")), 0);
    assertThat(text)
        .contains("    java.lang.IllegalStateException: b c\n")
        .contains("    java.lang.RuntimeException: d\n")
        .contains("DaemonLogTest.java");
  }
}
