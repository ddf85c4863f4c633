package io.samepage.daemon;

import io.samepage.dedup.numa.NumaTopology;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** Where the NUMA nodes of the host are described. */
final class NumaLocation {
  /** The environment's name for the directory, in place of the kernel's. */
  static final String VARIABLE = "SAMEPAGE_NUMA_NODES";

  private NumaLocation() {}

  /**
   * The nodes.
   *
   * @throws CommandFailure if their description cannot be read
   */
  static NumaTopology topology() throws CommandFailure {
    String variable = System.getenv(VARIABLE);
    boolean described = variable != null && !variable.isEmpty();
    try {
      return described ? NumaTopology.read(Path.of(variable)) : NumaTopology.ofThisHost();
    } catch (IOException e) {
      String why =
          e instanceof NoSuchFileException
              ? e.getMessage() + " is not there"
              : String.valueOf(e.getMessage());
      throw new CommandFailure(
          ExitCode.SYSTEM,
          "the NUMA nodes cannot be read ("
              + why
              + "): "
              + (described
                  ? "correct what " + VARIABLE + " names, or unset it"
                  : "describe them in a directory that " + VARIABLE + " names, or leave numa out"));
    }
  }
}
