package io.samepage.dedup;

import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.dedup.NodePlaces.Choice;
import io.samepage.dedup.numa.DescribedNodes;
import io.samepage.dedup.numa.NumaTopology;
import io.samepage.posix.FileHandles.FileHandle;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class NodePlacesTest {
  private static final Place A = place(1);
  private static final Place B = place(2);
  private static final Place C = place(3);
  private static final NodePlaces NONE = NodePlaces.decode(null);

  @TempDir Path directory;
  private NumaTopology topology;

  private static Place place(long ino) {
    return new Place(new FileKey(7, ino, 100, 5, 6), new FileHandle(1, new byte[] {1}), 9);
  }

  /** Two sockets of two nodes each. */
  @BeforeEach
  void describe() throws Exception {
    topology =
        new DescribedNodes(directory)
            .node(0, "0")
            .node(1, "1")
            .node(2, "2")
            .node(3, "3")
            .distances(0, "10 12 32 32")
            .distances(1, "12 10 32 32")
            .distances(2, "32 32 10 12")
            .distances(3, "32 32 12 10")
            .topology();
  }

  private Choice choose(NodePlaces owners, List<Place> places, int node) {
    return owners.choose(places, topology, node, null);
  }

  @Test
  void aNodeWithoutAPlaceTakesTheFirstThatNobodyHas() {
    Choice choice = choose(NONE, List.of(A, B, C), 1);
    assertThat(choice.places()).containsExactly(A, B, C);
    assertThat(choice.settled()).isFalse();
    NodePlaces owners = NONE.with(List.of(A, B, C), 1, A.key());
    choice = choose(owners, List.of(A, B, C), 2);
    assertThat(choice.places()).containsExactly(B, C, A);
    assertThat(choice.settled()).isFalse();
  }

  @Test
  void itTakesTheFileThatIsAskedForIfNobodyHasIt() {
    List<Place> places = List.of(A, B, C);
    assertThat(NONE.choose(places, topology, 1, C.key()).places()).containsExactly(C, A, B);
    NodePlaces owners = NONE.with(places, 0, C.key());
    assertThat(owners.choose(places, topology, 1, C.key()).places()).containsExactly(A, B, C);
  }

  @Test
  void itKeepsItsPlaceWhateverComesAndGoes() {
    NodePlaces owners = NONE.with(List.of(A, B), 0, A.key()).with(List.of(A, B), 1, B.key());
    Choice choice = choose(owners, List.of(A, B), 1);
    assertThat(choice.settled()).isTrue();
    assertThat(choice.places()).containsExactly(B, A);
    // A is gone, and another one comes
    assertThat(choose(owners, List.of(B), 1).places()).containsExactly(B);
    choice = choose(owners, List.of(B, C), 1);
    assertThat(choice.settled()).isTrue();
    assertThat(choice.places()).containsExactly(B, C);
    choice = choose(owners, List.of(B, C), 0);
    assertThat(choice.settled()).isFalse();
    assertThat(choice.places()).containsExactly(C, B);
  }

  @Test
  void whereAPlaceFailsOneThatNobodyHasIsNext() {
    List<Place> places = List.of(A, B, C);
    NodePlaces owners = NONE.with(places, 0, A.key()).with(places, 1, B.key());
    assertThat(choose(owners, places, 0).places()).containsExactly(A, C, B);
  }

  @Test
  void nodesThatCameTooLateReadWhatIsNearest() {
    List<Place> places = List.of(A, B);
    NodePlaces owners = NONE.with(places, 3, A.key()).with(places, 0, B.key());
    Choice choice = choose(owners, places, 1);
    assertThat(choice.settled()).isTrue();
    assertThat(choice.places().get(0)).isEqualTo(B);
    assertThat(choose(owners, places, 2).places().get(0)).isEqualTo(A);
    // and get one of their own when there is one
    choice = choose(owners, List.of(A, B, C), 2);
    assertThat(choice.settled()).isFalse();
    assertThat(choice.places().get(0)).isEqualTo(C);
  }

  @Test
  void ofNodesThatAreEquallyFarEachTakesAnother() {
    List<Place> places = List.of(A, B);
    NodePlaces owners = NONE.with(places, 0, A.key()).with(places, 1, B.key());
    assertThat(choose(owners, places, 2).places().get(0)).isEqualTo(A);
    assertThat(choose(owners, places, 3).places().get(0)).isEqualTo(B);
  }

  @Test
  void aNodeThatIsNotThereAnyMoreIsFarAway() {
    List<Place> places = List.of(A, B);
    NodePlaces owners = NONE.with(places, 17, A.key()).with(places, 3, B.key());
    assertThat(choose(owners, places, 0).places().get(0)).isEqualTo(B);
    owners = NONE.with(List.of(A), 17, A.key());
    assertThat(choose(owners, List.of(A), 0).places()).containsExactly(A);
  }

  @Test
  void whatIsWantedIsGivenOnlyIfItIsFree() {
    List<Place> places = List.of(A, B, C);
    NodePlaces owners = NONE.with(places, 0, B.key());
    assertThat(owners.has(0, B.key())).isTrue();
    assertThat(owners.has(0, A.key())).isFalse();
    NodePlaces more = owners.with(places, 1, B.key());
    assertThat(more.has(1, A.key())).isTrue();
    assertThat(more.has(0, B.key())).isTrue();
    assertThat(more.with(places, 1, C.key())).isSameAs(more);
    assertThat(more.with(List.of(A, B), 2, A.key())).isSameAs(more);
  }

  @Test
  void placesThatAreGoneAreForgottenWithTheNextChange() {
    NodePlaces owners = NONE.with(List.of(A, B), 0, A.key()).with(List.of(A, B), 1, B.key());
    NodePlaces after = owners.with(List.of(B, C), 2, C.key());
    assertThat(after.has(0, A.key())).isFalse();
    assertThat(after.has(1, B.key())).isTrue();
    assertThat(after.has(2, C.key())).isTrue();
  }

  @Test
  void whatIsWrittenIsRead() {
    List<Place> places = List.of(A, B, C);
    NodePlaces owners = NONE.with(places, 0, C.key()).with(places, 1023, A.key());
    byte[] written = owners.encode();
    assertThat(written).hasSize(40);
    NodePlaces read = NodePlaces.decode(written);
    assertThat(read.has(0, C.key())).isTrue();
    assertThat(read.has(1023, A.key())).isTrue();
    assertThat(read.encode()).isEqualTo(written);
    assertThat(NodePlaces.decode(new byte[30]).encode()).hasSize(20);
  }
}
