/**
 * System calls of Linux, through jffi, the core of jnr-ffi: the only place of samepage with native
 * code.
 *
 * <p>Each class has one subject ({@link io.samepage.posix.Files}, {@link io.samepage.posix.Xattrs},
 * {@link io.samepage.posix.Mounts}, …) and static methods that are named after the calls they make
 * and take what these take: descriptors as numbers, names as bytes, addresses as numbers. A failed
 * call throws {@link io.samepage.posix.ErrnoException}; calls that are expected to fail in ordinary
 * work (does this name exist?) have a variant that returns the errno, so that the common case costs
 * no exception.
 *
 * <p>How data flows: a name or a structure is copied into a small native area that belongs to the
 * calling thread ({@code Scratch}), the call is made through {@code LibC}, and results are read
 * back from that area. Nothing is allocated per call, but for the few bytes that jffi needs to pass
 * more than six arguments.
 *
 * <p>Numbers are those of x86-64 and arm64, which agree in all that is used here unless {@link
 * io.samepage.posix.Linux} says otherwise.
 */
@NullMarked
package io.samepage.posix;

import org.jspecify.annotations.NullMarked;
