/**
 * What each page of a mapping uses, page by page: state per (mapping, offset).
 *
 * <p><b>Terms.</b> A <i>mapping</i> is the pages of one file that a mount shows. Each page of it is
 * OWN, SHARED, PRIVATE or a HOLE ({@link io.samepage.dedup.pages.PageState}); its <i>page map</i>
 * ({@link io.samepage.dedup.pages.ExtentMap}) says which, in extents. The <i>reverse map</i> of a
 * stable file ({@link io.samepage.dedup.pages.RangeUsers}) leads from its pages back to those who
 * use them; {@code io.samepage.dedup.ReverseMap} is that of files which are used as a whole. To
 * <i>break</i> pages is to let them use the writable copy.
 *
 * <p><b>Where ranges come from.</b> {@link io.samepage.dedup.pages.RangeFinder} compares the
 * digests of a content's pages with those of contents that came before, and makes a page map of
 * what is equal.
 *
 * <p><b>How a write goes.</b> The writer takes the pages in the mapping's {@link
 * io.samepage.dedup.pages.PageLock}, which announces it: it waits for the reads of these pages that
 * are under way, and later ones wait for it. Then it completes a page that is written in part from
 * what the map says it uses, writes the copy, and only then breaks the pages in the map. A read
 * takes its pages, asks the map, and reads from what that says. Where that cannot be read, the map
 * is told to use something else for these pages.
 *
 * <p><b>Locks.</b> First pages of a {@code PageLock}, of one range at a time; then, as leaves, the
 * monitors of {@code ExtentMap} and {@code RangeUsers}. Nobody waits for a {@code PageLock} while
 * holding one of those.
 *
 * <p>Nothing here reads or writes a file: pages are numbers, stable files and mappings are numbers
 * of the caller's.
 */
@NullMarked
package io.samepage.dedup.pages;

import org.jspecify.annotations.NullMarked;
