package io.samepage.overlay;

import static io.samepage.overlay.HostTree.bytes;
import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.overlay.OverlayXattrs.Marks;
import io.samepage.posix.Fd;
import io.samepage.posix.Xattrs;
import java.nio.file.Path;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class OverlayXattrsTest {
  private final OverlayXattrs trusted = new OverlayXattrs(false);
  private final OverlayXattrs user = new OverlayXattrs(true);

  @Provide
  Arbitrary<String> attributes() {
    Arbitrary<String> heads =
        Arbitraries.of(
            "trusted.overlay.",
            "trusted.overlay.overlay.",
            "trusted.overlay",
            "trusted.overlayfs.",
            "trusted.",
            "user.overlay.",
            "user.overlay.overlay.",
            "user.",
            "security.",
            "system.",
            "overlay.");
    Arbitrary<String> tails =
        Arbitraries.oneOf(
            Arbitraries.of("opaque", "redirect", "overlay.", "", "x"),
            Arbitraries.strings().withCharRange('\u0001', '\u00ff').ofMaxLength(8));
    return Combinators.combine(heads, tails).as((head, tail) -> head + tail);
  }

  @Property
  void whatAUserNamesComesBackUnderThatNameAndIsNotOurs(@ForAll("attributes") String text) {
    byte[] name = bytes(text);
    for (OverlayXattrs xattrs : new OverlayXattrs[] {trusted, user}) {
      byte[] below = xattrs.escape(name);
      assertThat(xattrs.unescape(below)).isEqualTo(name);
      for (byte[] own :
          new byte[][] {
            xattrs.opaque,
            xattrs.redirect,
            xattrs.metacopy,
            xattrs.origin,
            xattrs.impure,
            xattrs.nlink,
            xattrs.upper,
            xattrs.whiteout
          }) {
        assertThat(below).isNotEqualTo(own);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "trusted.overlay.opaque, trusted.overlay.overlay.opaque",
    "trusted.overlay.overlay.opaque, trusted.overlay.overlay.overlay.opaque",
    "user.overlay.opaque, user.overlay.opaque",
    "trusted.overlayfs, trusted.overlayfs",
    "user.x, user.x"
  })
  void namesAreEscapedAsTheKernelDoes(String name, String below) {
    assertThat(trusted.escape(bytes(name))).isEqualTo(bytes(below));
  }

  @Test
  void itsOwnAttributesAreHidden() {
    for (OverlayXattrs xattrs : new OverlayXattrs[] {trusted, user}) {
      assertThat(xattrs.unescape(xattrs.opaque)).isNull();
      assertThat(xattrs.isPrivate(xattrs.origin)).isTrue();
    }
    assertThat(trusted.unescape(user.opaque)).isEqualTo(user.opaque);
    assertThat(user.unescape(trusted.opaque)).isEqualTo(trusted.opaque);
    assertThat(trusted.unescape(bytes("trusted.overlay"))).isEqualTo(bytes("trusted.overlay"));
  }

  @Test
  void marksAreRead(@TempDir Path path) throws Exception {
    try (HostTree tree = new HostTree(path)) {
      tree.mkdir("d", "plain");
      assertThat(user.read(tree.fd(), bytes("plain"))).isSameAs(Marks.NONE);
      byte[] d = bytes("d");
      Xattrs.set(tree.fd(), d, user.opaque, OverlayXattrs.YES, 0);
      Xattrs.set(tree.fd(), d, user.redirect, bytes("/a/b"), 0);
      Xattrs.set(tree.fd(), d, user.origin, Names.EMPTY, 0);
      Xattrs.set(tree.fd(), d, user.impure, OverlayXattrs.YES, 0);
      Xattrs.set(tree.fd(), d, bytes("user.other"), OverlayXattrs.YES, 0);
      try (Fd fd = tree.openPath("d")) {
        for (Marks marks :
            new Marks[] {user.read(tree.fd(), d), user.read(fd.number(), Names.EMPTY)}) {
          assertThat(marks.isOpaque()).isTrue();
          assertThat(marks.mayHoldXattrWhiteouts()).isFalse();
          assertThat(marks.redirect()).isEqualTo(bytes("/a/b"));
          assertThat(marks.origin()).isEmpty();
          assertThat(marks.isImpure()).isTrue();
          assertThat(marks.isMetacopy()).isFalse();
          assertThat(marks.hasNlink()).isFalse();
          assertThat(marks.isBare()).as("user.other is shown").isFalse();
        }
      }
      assertThat(trusted.read(tree.fd(), d).isOpaque()).as("by another prefix").isFalse();
      Xattrs.set(tree.fd(), d, user.opaque, bytes("x"), 0);
      assertThat(user.read(tree.fd(), d).isOpaque()).isFalse();
      assertThat(user.read(tree.fd(), d).mayHoldXattrWhiteouts()).isTrue();
      Xattrs.set(tree.fd(), d, user.opaque, bytes("yes"), 0);
      assertThat(user.read(tree.fd(), d).isOpaque()).isFalse();

      tree.file("f", "");
      Xattrs.set(tree.fd(), bytes("f"), user.metacopy, Names.EMPTY, 0);
      Xattrs.set(tree.fd(), bytes("f"), user.whiteout, OverlayXattrs.YES, 0);
      Xattrs.set(tree.fd(), bytes("f"), user.nlink, bytes("U+0"), 0);
      Marks marks = user.read(tree.fd(), bytes("f"));
      assertThat(marks.isMetacopy()).isTrue();
      assertThat(marks.hasNlink()).isTrue();
      assertThat(marks.origin()).isNull();
      assertThat(marks.isBare()).as("all of them are hidden").isTrue();
      assertThat(trusted.read(tree.fd(), bytes("f")).isBare()).as("by another prefix").isFalse();
    }
  }
}
