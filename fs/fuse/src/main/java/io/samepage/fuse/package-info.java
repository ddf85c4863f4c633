/** The interface that a FUSE file system implements, whatever the transport. */
@NullMarked
package io.samepage.fuse;

import org.jspecify.annotations.NullMarked;
