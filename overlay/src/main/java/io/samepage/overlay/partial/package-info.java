/**
 * Partial copy-up: the data of a lower file that is written while most of its pages are still
 * below.
 *
 * <p>A {@link io.samepage.overlay.partial.PartialFile} is one such file: its broken pages in a
 * sparse file, and a map file beside it with a {@link io.samepage.overlay.partial.PartialRecord}
 * and a bitmap. Reads and writes go through a page map of io.samepage.dedup.pages, and so does the
 * filling that makes the sparse file the whole file in the end. At any instant the two files on the
 * disk say what the file is, so that another process can go on with them.
 *
 * <p>Nothing here knows of nodes, names or layers: what is below is a descriptor. The order of
 * locks is in {@link io.samepage.overlay.partial.PartialFile}.
 */
@NullMarked
package io.samepage.overlay.partial;

import org.jspecify.annotations.NullMarked;
