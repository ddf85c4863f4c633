/**
 * What FUSE looks like on the wire, for both transports: its structures, opcodes and flags, as
 * linux/fuse.h of protocol 7.45 has them. That header is the source of every number here, and the
 * only documentation there is of most of them.
 *
 * <p><b>Structures.</b> Each is a class of its name without {@code fuse_} ({@link
 * io.samepage.fuse.wire.InHeader} is {@code struct fuse_in_header}), with a drawing of its layout,
 * its size and the offsets of its fields. Nobody makes an object of one: it is laid over a buffer
 * by static methods that take the buffer and the place in it where the structure begins. {@code
 * x(b, at)} reads the field {@code x}, and {@code x(b, at, value)} writes it; {@code get} and
 * {@code put} read and write the whole, from and to the records of {@link io.samepage.fuse}. The
 * flags of a field are with its structure, and behind methods that say what they mean; those of
 * INIT are {@link io.samepage.fuse.wire.InitFlags}. All is in the byte order of the machine, which
 * the buffer has to have. An offset is public where something is written by its address (libfuse's
 * answers) or read by a test.
 *
 * <p><b>What is not here.</b> Reading and writing the device, memory for requests, who answers
 * what, and how long a request has to be before a structure may be read from it: these are the
 * matters of a transport. Nothing here keeps state or waits.
 *
 * <p><b>How it is kept true.</b> {@code layout.txt} in the tests is a second copy of all sizes,
 * offsets and flags. A test compares the classes with it, and both with the kernel's header and a C
 * compiler where these are there. A structure that is new gets a class, and a line in that file.
 */
@NullMarked
package io.samepage.fuse.wire;

import org.jspecify.annotations.NullMarked;
