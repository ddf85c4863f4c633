/** Layers, union directories, whiteouts and copy-up. */
@NullMarked
package io.samepage.overlay;

import org.jspecify.annotations.NullMarked;
