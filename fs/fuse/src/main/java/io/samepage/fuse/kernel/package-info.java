/** The transport that speaks to {@code /dev/fuse} itself. */
@NullMarked
package io.samepage.fuse.kernel;

import org.jspecify.annotations.NullMarked;
