/** System calls, errno and file descriptors, the only place with native code. */
@NullMarked
package io.samepage.posix;

import org.jspecify.annotations.NullMarked;
