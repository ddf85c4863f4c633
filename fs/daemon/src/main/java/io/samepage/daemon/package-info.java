/** The process: command line, mounts, control socket, metrics and logging. */
@NullMarked
package io.samepage.daemon;

import org.jspecify.annotations.NullMarked;
