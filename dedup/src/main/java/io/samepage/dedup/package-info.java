/** Which files and pages have the same content, and who uses them. */
@NullMarked
package io.samepage.dedup;

import org.jspecify.annotations.NullMarked;
