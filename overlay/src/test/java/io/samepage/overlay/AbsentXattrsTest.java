package io.samepage.overlay;

import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.posix.Errno;
import io.samepage.posix.Linux;
import org.junit.jupiter.api.Test;

/** What is known of attributes that are not there. */
final class AbsentXattrsTest {
  private static Node file() {
    return new Node(null, Names.ascii("f"), Linux.S_IFREG, 1);
  }

  @Test
  void anAnswerIsKeptByKind() {
    AbsentXattrs absent = new AbsentXattrs();
    int capability = AbsentXattrs.kind(Names.ascii("security.capability"));
    int acl = AbsentXattrs.kind(Names.ascii("system.posix_acl_access"));
    absent.note(capability, Errno.ENODATA);
    absent.note(acl, Errno.EOPNOTSUPP);
    assertThat(absent.errno(capability)).isEqualTo(Errno.ENODATA);
    assertThat(absent.errno(acl)).isEqualTo(Errno.EOPNOTSUPP);
    assertThat(AbsentXattrs.kind(Names.ascii("user.any"))).isEqualTo(AbsentXattrs.OTHER);
  }

  @Test
  void anErrorOfOneFileIsNoAnswerForTheNext() {
    AbsentXattrs absent = new AbsentXattrs();
    int acl = AbsentXattrs.kind(Names.ascii("system.posix_acl_default"));
    absent.note(acl, Errno.EIO);
    assertThat(absent.errno(acl)).isZero();
  }

  @Test
  void aListFromBeforeAnAttributeIsSetSaysNothing() {
    Node node = file();
    node.setBare(true);
    assertThat(node.isBare()).isTrue();
    node.setDressed();
    assertThat(node.isBare()).isFalse();
    node.setBare(true); // by one who listed before it was set
    assertThat(node.isBare()).isFalse();
    assertThat(node.mayBeDressed()).isTrue();
  }

  @Test
  void whatShowsAttributesIsDressed() {
    Node node = file();
    node.setBare(false);
    assertThat(node.isBare()).isFalse();
    assertThat(node.mayBeDressed()).isTrue();
  }
}
