package io.samepage.posix;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class PipeTest {
  private static final int HEADER = 16;

  @TempDir Path temporary;

  @Test
  void whatComesOutIsWhatStandsInLentMemoryThenAndAfterItThePagesOfTheFile() throws Exception {
    TestDirectory directory = new TestDirectory(temporary);
    String text = "0123456789".repeat(1000);
    directory.file("from", text);
    NativeBuffer header = NativeBuffer.allocate(HEADER);
    try (Pipe pipe = Pipe.open(16);
        Fd from = directory.open("from", Linux.O_RDONLY);
        Fd to = directory.open("to", Linux.O_WRONLY | Linux.O_CREAT)) {
      assertThat(pipe.lend(header.address(), HEADER)).isEqualTo(HEADER);
      assertThat(pipe.fill(from.number(), 5, 20_000)).isEqualTo(9995);
      assertThat(pipe.fill(from.number(), 10_000, 20_000)).isZero();
      for (int i = 0; i < HEADER; i++) {
        header.bytes().put(i, (byte) 'h');
      }
      assertThat(pipe.drain(to.number(), HEADER + 9995)).isEqualTo(HEADER + 9995);
    }
    assertThat(directory.text("to")).isEqualTo("h".repeat(HEADER) + text.substring(5));
    directory.close();
  }

  @Test
  void aFullPipeTakesNoMoreAndBlocksNobody() throws Exception {
    NativeBuffer page = NativeBuffer.allocate(4096);
    try (Pipe pipe = Pipe.open(2)) {
      for (int i = 0; i < pipe.pages(); i++) {
        assertThat(pipe.lend(page.address(), 4096)).isEqualTo(4096);
      }
      assertThat(pipe.lend(page.address(), 4096)).isEqualTo(-Errno.EAGAIN);
    }
  }
}
