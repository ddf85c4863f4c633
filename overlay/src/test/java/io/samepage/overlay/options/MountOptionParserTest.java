package io.samepage.overlay.options;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.samepage.overlay.options.MountOptionParser.Form;
import io.samepage.overlay.options.MountOptionParser.Parsed;
import io.samepage.posix.Linux;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class MountOptionParserTest {
  private static Parsed parse(Form form, String... optionStrings) throws MountRefusedException {
    List<ByteString> strings = new ArrayList<>();
    for (String options : optionStrings) {
      strings.add(ByteString.of(options));
    }
    return MountOptionParser.parse(form, strings);
  }

  private static MountOptions strict(String... optionStrings) throws MountRefusedException {
    return parse(Form.STRICT, optionStrings).options();
  }

  private static List<ByteString> paths(String... paths) {
    List<ByteString> list = new ArrayList<>();
    for (String path : paths) {
      list.add(ByteString.of(path));
    }
    return list;
  }

  @Test
  void filesThatAreSharedInPartHaveASizeAndALikeness() throws Exception {
    MountOptions options = strict("lowerdir=/a");
    assertThat(options.sharing()).isEqualTo(SharingMode.FILE);
    assertThat(options.pageMin()).isEqualTo(1 << 20);
    assertThat(options.pageLikeness()).isEqualTo(10);
    options = strict("lowerdir=/a,sharing=page,page_min=64K,page_likeness=100");
    assertThat(options.sharing()).isEqualTo(SharingMode.PAGE);
    assertThat(options.pageMin()).isEqualTo(64 << 10);
    assertThat(options.pageLikeness()).isEqualTo(100);
    assertThat(strict("lowerdir=/a,page_min=4097").pageMin()).isEqualTo(4097);
    assertThat(strict("lowerdir=/a,page_min=3G").pageMin()).isEqualTo(3L << 30);
    for (String wrong :
        List.of(
            "page_min=0",
            "page_min=K",
            "page_min=-1M",
            "page_min=+1",
            "page_min=1T",
            "page_min=9999999999G",
            "page_likeness=0",
            "page_likeness=101",
            "page_likeness=x")) {
      assertThatThrownBy(() -> strict("lowerdir=/a", wrong))
          .isInstanceOf(MountRefusedException.class)
          .hasMessageContaining(wrong)
          .hasMessageContaining(": use page_");
    }
  }

  @Test
  void numaHasTwoPoliciesAndNeedsSharing() throws Exception {
    assertThat(strict("lowerdir=/a").numa()).isEqualTo(NumaPolicy.OFF);
    assertThat(strict("lowerdir=/a,numa=replicate").numa()).isEqualTo(NumaPolicy.REPLICATE);
    assertThat(strict("lowerdir=/a,numa=replicate,numa=off").numa()).isEqualTo(NumaPolicy.OFF);
    assertThatThrownBy(() -> strict("lowerdir=/a,numa=on"))
        .isInstanceOf(MountRefusedException.class)
        .hasMessageContaining("numa=on is unknown: use numa=off|replicate");
    assertThat(parse(Form.STRICT, "lowerdir=/a,numa=replicate").notes()).isEmpty();
    assertThat(parse(Form.STRICT, "lowerdir=/a,numa=replicate,sharing=off").notes())
        .containsExactly(
            "numa=replicate is ignored: with sharing=off each file uses its own pages");
  }

  @Test
  void layersAfterTwoColonsAreDataOnlyAndLayersCanBeNamedOneByOne() throws Exception {
    MountOptions two = strict("lowerdir=/a:/b::/c::/d\\:e");
    assertThat(two.lower()).isEqualTo(paths("/a", "/b"));
    assertThat(two.data()).isEqualTo(paths("/c", "/d:e"));
    MountOptions one = strict("lowerdir+=/a:x,lowerdir+=/b", "datadir+=/c,datadir+=/d::e");
    assertThat(one.lower()).isEqualTo(paths("/a:x", "/b"));
    assertThat(one.data()).isEqualTo(paths("/c", "/d::e"));
    MountOptions later = strict("lowerdir=/a::/b,lowerdir=/c");
    assertThat(later.lower()).isEqualTo(paths("/c"));
    assertThat(later.data()).isEmpty();
  }

  @Test
  void defaultsAreAsTheHelpTextSays() throws Exception {
    Parsed parsed = parse(Form.STRICT, "lowerdir=/a:/b,upperdir=/u,workdir=/w");
    MountOptions options = parsed.options();
    assertThat(options.lower()).isEqualTo(paths("/a", "/b"));
    assertThat(options.upper()).isEqualTo(ByteString.of("/u"));
    assertThat(options.work()).isEqualTo(ByteString.of("/w"));
    assertThat(options.redirectDir()).isEqualTo(RedirectDir.ON);
    assertThat(options.metacopy()).isFalse();
    assertThat(options.index()).isTrue();
    assertThat(options.xino()).isEqualTo(Xino.AUTO);
    assertThat(options.coherence()).isEqualTo(Coherence.AUTO);
    assertThat(options.nativeDirs()).contains(ByteString.of("/usr"), ByteString.of("/opt"));
    assertThat(options.passthrough()).isEqualTo(Passthrough.AUTO);
    assertThat(options.transport()).isEqualTo(Transport.AUTO);
    assertThat(options.mountFlags()).isZero();
    assertThat(options.readOnly()).isFalse();
    assertThat(options.fsname()).isNull();
    assertThat(parsed.notes()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"unix:/run/x.metrics", "127.0.0.1:9400", "[::1]:1", "[::1]:65535"})
  void metricsAreServedAtASocketOrOnThisHost(String address) throws Exception {
    assertThat(strict("lowerdir=/a").metrics()).isNull();
    assertThat(strict("lowerdir=/a,metrics=" + address.replace(":", "\\:")).metrics())
        .hasToString(address);
    assertThat(strict("lowerdir=/a,metrics=" + address + ",ro").metrics()).hasToString(address);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "0.0.0.0:9400",
        "[::]:9400",
        "192.0.2.1:9400",
        "::1:9400",
        "example.org:9400",
        ":9400",
        "9400",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:http",
        "127.0.0.1:",
        "unix:",
        "unix:relative",
        "unix:/directory/",
        "unix:/with space"
      })
  void metricsForOthersAreRefusedWithTheRemedy(String address) {
    assertThatThrownBy(() -> strict("lowerdir=/a,metrics=" + address))
        .isInstanceOf(MountRefusedException.class)
        .hasMessageStartingWith("metrics=" + address + " ")
        .hasMessageContaining(": ");
  }

  @Test
  void withoutAnUpperDirectoryItIsReadOnlyAndTheRestIsNoted() throws Exception {
    Parsed parsed = parse(Form.STRICT, "lowerdir=/a,workdir=/w,volatile,index=on");
    assertThat(parsed.options().readOnly()).isTrue();
    assertThat(parsed.options().work()).isNull();
    assertThat(parsed.options().syncNothing()).isFalse();
    assertThat(parsed.options().index()).isFalse();
    assertThat(parsed.notes())
        .hasSize(3)
        .anyMatch(note -> note.startsWith("workdir=/w is ignored"))
        .anyMatch(note -> note.startsWith("index=on is ignored"))
        .anyMatch(note -> note.startsWith("volatile is ignored"));
  }

  @Test
  void readsWhatPodmanWrites() throws Exception {
    assertThat(parse(Form.TOLERANT, "lowerdir=/l/AAAA,upperdir=/x/diff,workdir=/x/work,,volatile"))
        .satisfies(
            parsed -> {
              assertThat(parsed.options().syncNothing()).isTrue();
              assertThat(parsed.notes()).isEmpty();
            });
    assertThat(strict("lowerdir=/l/A:/l/B,upperdir=/d,workdir=/w,").lower()).hasSize(2);
    assertThat(parse(Form.TOLERANT, "lowerdir=/d,upperdir=/u,workdir=/w,private").notes())
        .singleElement()
        .asString()
        .startsWith("private is ignored");
    assertThat(parse(Form.TOLERANT, "lowerdir=/d,fsync=0,noacl,static_nlink,nodev").notes())
        .hasSize(3);
  }

  @Test
  void leavesNothingPendingForAnEngine() throws Exception {
    String layers = "lowerdir=/l,upperdir=/u,workdir=/w";
    assertThat(parse(Form.ENGINE, layers).options().partialFrom()).isZero();
    assertThat(parse(Form.ENGINE, layers + ",partial=2M").options().partialFrom())
        .isEqualTo(2 << 20);
    assertThat(parse(Form.TOLERANT, layers).options().partialFrom()).isEqualTo(1 << 20);
  }

  @Test
  void laterOptionsWin() throws Exception {
    assertThat(strict("lowerdir=/a", "lowerdir=/b:/c").lower()).isEqualTo(paths("/b", "/c"));
    assertThat(strict("lowerdir=/a,xino=on,xino=off").xino()).isEqualTo(Xino.OFF);
    assertThat(strict("lowerdir=/a,redirect_dir=off,redirect_dir=on").redirectDir())
        .isEqualTo(RedirectDir.ON);
    assertThat(strict("lowerdir=/a,upperdir=/u,workdir=/w,ro,rw").readOnly()).isFalse();
    assertThat(strict("lowerdir=/a,noatime,relatime").mountFlags() & Linux.MS_NOATIME).isZero();
  }

  @Test
  void genericOptionsBecomeMountFlags() throws Exception {
    assertThat(
            strict("defaults,lowerdir=/a,upperdir=/u,workdir=/w,nosuid,nodev,noexec,noatime,ro")
                .mountFlags())
        .isEqualTo(
            Linux.MS_NOSUID
                | Linux.MS_NODEV
                | Linux.MS_NOEXEC
                | Linux.MS_NOATIME
                | Linux.MS_RDONLY);
    assertThat(strict("lowerdir=/a,x-systemd.requires=/y,_netdev,nofail,user=me,X-mount.mkdir"))
        .isNotNull();
  }

  @Test
  void escapesAndQuotes() throws Exception {
    assertThat(strict("lowerdir=/a\\:b:/c\\,d:/e\\\\f").lower())
        .isEqualTo(paths("/a:b", "/c,d", "/e\\f"));
    assertThat(strict("lowerdir=\"/a,b:/c\",ro").lower()).isEqualTo(paths("/a,b", "/c"));
    assertThat(strict("lowerdir=/a\"b:/c\"d").lower()).isEqualTo(paths("/a\"b", "/c\"d"));
    assertThat(strict("lowerdir=\"/a").lower()).isEqualTo(paths("\"/a"));
    assertThat(strict("context=\"\",lowerdir=/a")).isNotNull();
    assertThat(strict("lowerdir=/a,fsname=x\\,y=z").fsname()).isEqualTo(ByteString.of("x,y=z"));
    assertThat(strict("lowerdir=/a/../b").lower()).isEqualTo(paths("/a/../b"));
  }

  @Test
  void userxattrTurnsRedirectsOff() throws Exception {
    assertThat(strict("lowerdir=/a,userxattr").redirectDir()).isEqualTo(RedirectDir.NOFOLLOW);
    assertThat(strict("lowerdir=/a,userxattr,redirect_dir=off").redirectDir())
        .isEqualTo(RedirectDir.NOFOLLOW);
    assertThat(strict("lowerdir=/a,redirect_dir=off").redirectDir()).isEqualTo(RedirectDir.FOLLOW);
  }

  @Test
  void nativeDirsMayBeEmpty() throws Exception {
    assertThat(strict("lowerdir=/a,native_dirs=").nativeDirs()).isEmpty();
    assertThat(strict("lowerdir=/a,native_dirs=/srv").nativeDirs()).isEqualTo(paths("/srv"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiterString = "=>",
      value = {
        "ro => lowerdir is missing: name",
        "lowerdir => lowerdir needs a value: lowerdir=DIR",
        "lowerdir= => lowerdir needs a value",
        "lowerdir=/a: => lowerdir=/a: has an empty name",
        "lowerdir=:/a => lowerdir=:/a has an empty name",
        "lowerdir=/a:: => lowerdir=/a:: has an empty name",
        "lowerdir=/a:::/b => has an empty name",
        "lowerdir=::/b => has an empty name",
        "lowerdir=/a::/b:/c => has a lower layer after a data-only one: data-only layers come last",
        "lowerdir=/a::/b,lowerdir+=/c => /c is a lower layer after a data-only one: name all",
        "datadir+=/a => /a is a data-only layer, and nothing is above it: name a lower layer first",
        "lowerdir=/a,lowerdir+= => lowerdir+ needs a value",
        "lowerdir=/a\\ => in the middle of an escape",
        "lowerdir=/a,upperdir=/u => workdir is missing: with upperdir=/u",
        "lowerdir=/a,frobnicate=1 => unknown option frobnicate: samepage",
        "lowerdir=/a,metacopy=maybe => metacopy=maybe is unknown: use metacopy=on|off",
        "lowerdir=/a,metacopy=on|off => is unknown",
        "lowerdir=/a,volatile=1 => volatile takes no value",
        "lowerdir=/a,ro=1 => ro takes no value",
        "lowerdir=/a,userxattr,redirect_dir=on => redirect_dir=on contradicts userxattr",
        "lowerdir=/a,userxattr,metacopy=on => metacopy=on contradicts userxattr",
        "lowerdir=/a,metacopy=on,redirect_dir=nofollow => contradicts redirect_dir=nofollow",
        "lowerdir=/a,upperdir=/u,workdir=/w,metacopy=on,redirect_dir=off => redirect_dir=off:",
        "lowerdir=/a,nfs_export=on => nfs_export=on is not supported",
        "lowerdir=/a,verity=require => verity=require is not supported",
        "lowerdir=/a,uuid=on => uuid=on is not supported",
        "lowerdir=/a,context=\"x:y\" => context=x:y is not supported",
        "lowerdir=/a,native_dirs=usr => native_dirs=usr is not a path from",
        "lowerdir=/a,transport=pigeon => use transport=auto|kernel|libfuse",
      })
  void refusesInOneLineWithARemedy(String options, String message) {
    assertThatThrownBy(() -> strict(options))
        .isInstanceOf(MountRefusedException.class)
        .hasMessageContaining(message)
        .extracting(e -> ((MountRefusedException) e).reason())
        .isEqualTo(MountRefusedException.Reason.OPTIONS);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "uidmapping=:0:100000:65536",
        "gidmapping=:0:100000:65536",
        "squash_to_uid=100000",
        "squash_to_gid=100000",
        "squash_to_root",
        "force_mask=shared",
        "xattr_permissions=2"
      })
  void refusesWhatWouldChangeOwnersInBothForms(String option) {
    for (Form form : Form.values()) {
      assertThatThrownBy(() -> parse(form, "lowerdir=/a," + option))
          .isInstanceOf(MountRefusedException.class)
          .hasMessageContaining("owners and modes are shown as they are stored");
    }
  }

  @Test
  void unknownOptionsAreNotedInTheTolerantForm() throws Exception {
    assertThat(parse(Form.TOLERANT, "lowerdir=/a,frobnicate=\"1,2\",xyzzy").notes())
        .containsExactly("unknown option frobnicate is ignored", "unknown option xyzzy is ignored");
  }

  @Test
  void countsLayers() throws Exception {
    StringBuilder options = new StringBuilder("lowerdir=/0");
    for (int i = 1; i < 500; i++) {
      options.append(":/").append(i);
    }
    assertThat(strict(options.toString()).lower()).hasSize(500);
    assertThatThrownBy(() -> strict(options + ":/500"))
        .hasMessageContaining("lowerdir names 501 layers, and at most 500");
  }

  @Test
  void everyOptionOfTheTableIsReadOrRefused() {
    for (MountOption option : MountOption.values()) {
      String value = option.syntax().replaceAll("\\[=.*", "").replaceAll("[|\\[].*", "");
      try {
        strict("lowerdir=/a," + value.replace("=DIR", "=/d"));
      } catch (MountRefusedException e) {
        assertThat(e).hasMessageNotContaining("unknown option");
      }
    }
  }

  @Property
  void escapedPathsAreReadAsTheyWere(@ForAll("paths") List<byte[]> given) throws Exception {
    ByteArrayOutputStream options = new ByteArrayOutputStream();
    options.writeBytes("ro,lowerdir=".getBytes(StandardCharsets.US_ASCII));
    List<ByteString> expected = new ArrayList<>();
    for (byte[] path : given) {
      if (!expected.isEmpty()) {
        options.write(':');
      }
      expected.add(ByteString.of(path));
      options.writeBytes(MountOptionParser.escape(ByteString.of(path)).toBytes());
    }
    options.writeBytes(",nodev".getBytes(StandardCharsets.US_ASCII));
    Parsed parsed =
        MountOptionParser.parse(Form.STRICT, List.of(ByteString.of(options.toByteArray())));
    assertThat(parsed.options().lower()).isEqualTo(expected);
    assertThat(parsed.options().mountFlags()).isEqualTo(Linux.MS_RDONLY | Linux.MS_NODEV);
  }

  @Provide
  Arbitrary<List<byte[]>> paths() {
    Arbitrary<Byte> bytes =
        Arbitraries.frequencyOf(
            Tuple.of(3, Arbitraries.of((byte) ',', (byte) ':', (byte) '\\')),
            Tuple.of(2, Arbitraries.of((byte) '"', (byte) '=', (byte) '/')),
            Tuple.of(3, Arbitraries.bytes().filter(b -> b != 0)));
    return bytes.array(byte[].class).ofMinSize(1).ofMaxSize(20).list().ofMinSize(1).ofMaxSize(8);
  }

  @Property(tries = 1000)
  void nothingButARefusalIsThrown(@ForAll("junk") byte[] junk) {
    for (Form form : Form.values()) {
      try {
        MountOptionParser.parse(form, List.of(ByteString.of("lowerdir=/a"), ByteString.of(junk)));
      } catch (MountRefusedException e) {
        assertThat(e.getMessage()).isNotBlank().doesNotContain("\n");
      }
    }
  }

  @Provide
  Arbitrary<byte[]> junk() {
    List<String> words =
        new ArrayList<>(List.of(",", "=", ":", "\\", "\"", "::", "on", "/x", "\n"));
    for (MountOption option : MountOption.values()) {
      words.add(option.word());
      words.add(option.word() + "=");
    }
    Arbitrary<byte[]> known =
        Arbitraries.of(words).map(word -> word.getBytes(StandardCharsets.UTF_8));
    Arbitrary<byte[]> any = Arbitraries.bytes().array(byte[].class).ofMaxSize(3);
    return Arbitraries.frequencyOf(Tuple.of(5, known), Tuple.of(1, any))
        .list()
        .ofMaxSize(12)
        .map(
            parts -> {
              ByteArrayOutputStream out = new ByteArrayOutputStream();
              parts.forEach(out::writeBytes);
              return out.toByteArray();
            });
  }
}
