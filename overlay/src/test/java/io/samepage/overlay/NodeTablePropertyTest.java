package io.samepage.overlay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.samepage.overlay.NodeTable.InodeKey;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Linux;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** The table beside plain maps, after each of many steps. */
final class NodeTablePropertyTest {
  private static final int DIRECTORIES = 3;
  private static final int NAMES = 4;
  private static final int KEYS = 3;

  enum Kind {
    ADD,
    ADD_LINKED,
    LOOKUP,
    FORGET,
    ADD_NAME,
    REMOVE_NAME,
    MOVE,
    EXCHANGE,
    LINK,
    SUPERSEDE
  }

  /** What each number means depends on the kind; all are taken modulo what there is. */
  record Step(Kind kind, int a, int b, int c) {}

  @Provide
  Arbitrary<List<Step>> steps() {
    Arbitrary<Integer> number = Arbitraries.integers().between(0, 1000).withoutEdgeCases();
    return Combinators.combine(Arbitraries.of(Kind.class), number, number, number)
        .as(Step::new)
        .list()
        .ofMinSize(1)
        .ofMaxSize(60);
  }

  private record Place(Directory parent, String name) {
    byte[] bytes() {
      return HostTree.bytes(name);
    }
  }

  private static final class Model {
    final Directory root = new Directory(null, Names.EMPTY, 1, new LayerDirectory[0]);
    final NodeTable table = new NodeTable(root);
    final List<Directory> directories = new ArrayList<>();
    final Map<Place, Node> names = new HashMap<>();
    final Map<InodeKey, Node> keys = new HashMap<>();
    final IdentityHashMap<Node, Long> lookups = new IdentityHashMap<>();
    final List<Node> known = new ArrayList<>();
    final List<Node> gone = new ArrayList<>();
    final Set<Long> nodeids = new HashSet<>();

    Model() {
      directories.add(root);
      while (directories.size() < DIRECTORIES) {
        byte[] name = HostTree.bytes("dir" + directories.size());
        Directory directory = new Directory(root, name, 1, new LayerDirectory[0]);
        table.add(directory);
        directories.add(directory);
      }
    }

    Place place(int number) {
      return new Place(directories.get(number % DIRECTORIES), "n" + number / DIRECTORIES % NAMES);
    }

    InodeKey key(int number) {
      return new InodeKey(7, number % KEYS);
    }

    Node node(Place place) {
      return new Node(place.parent, place.bytes(), Linux.S_IFREG, 9);
    }

    void entered(Node node) {
      assertThat(nodeids.add(node.nodeid)).as("a nodeid that was not there before").isTrue();
      known.add(node);
      lookups.put(node, 1L);
    }

    boolean hasName(Node node) {
      return names.containsValue(node);
    }

    void step(Step step) throws ErrnoException {
      switch (step.kind) {
        case ADD -> add(place(step.a));
        case ADD_LINKED -> addLinked(key(step.b), place(step.a));
        case LOOKUP -> lookup(place(step.a));
        case MOVE -> move(place(step.a), place(step.b));
        case EXCHANGE -> exchange(place(step.a), place(step.b));
        case REMOVE_NAME -> removeName(place(step.a));
        default -> {
          if (!known.isEmpty()) {
            withNode(step, known.get(step.a % known.size()));
          }
        }
      }
    }

    private void withNode(Step step, Node node) {
      switch (step.kind) {
        case FORGET -> forget(node, 1 + step.b % lookups.get(node));
        case ADD_NAME -> addName(place(step.b), node);
        case LINK -> link(key(step.b), node);
        default -> supersede(node);
      }
    }

    private void add(Place place) {
      if (!names.containsKey(place)) {
        Node node = node(place);
        table.add(node);
        entered(node);
        names.put(place, node);
      }
    }

    private void addLinked(InodeKey key, Place place) {
      if (names.containsKey(place)) {
        return;
      }
      Node fresh = node(place);
      Node node = Objects.requireNonNull(table.addLinked(key, fresh, place.parent, place.bytes()));
      if (keys.containsKey(key)) {
        assertThat(node).isSameAs(keys.get(key));
        lookups.merge(node, 1L, Long::sum);
      } else {
        assertThat(node).isSameAs(fresh);
        entered(node);
        keys.put(key, node);
      }
      names.put(place, node);
    }

    private void lookup(Place place) {
      Node node = table.lookup(place.parent, place.bytes());
      assertThat(node).isSameAs(names.get(place));
      if (node != null) {
        lookups.merge(node, 1L, Long::sum);
      }
    }

    private void forget(Node node, long count) {
      long left = lookups.merge(node, -count, Long::sum);
      List<Node> out = table.forget(node.nodeid, count);
      assertThat(out).isEqualTo(left == 0 ? List.of(node) : List.of());
      if (left == 0) {
        names.values().removeIf(each -> each == node);
        keys.values().removeIf(each -> each == node);
        known.remove(node);
        gone.add(node);
      }
    }

    private void addName(Place place, Node node) {
      // A node that was superseded gets no names: the kernel looks up its successor.
      if (!names.containsKey(place) && !node.isSuperseded()) {
        table.addName(place.parent, place.bytes(), node);
        names.put(place, node);
      }
    }

    private void removeName(Place place) {
      Node node = names.remove(place);
      Node last = table.removeName(place.parent, place.bytes());
      assertThat(last).isSameAs(node != null && !hasName(node) ? node : null);
    }

    private void move(Place from, Place to) {
      if (!names.containsKey(to)) {
        table.moveName(from.parent, from.bytes(), to.parent, to.bytes());
        if (names.containsKey(from)) {
          names.put(to, names.remove(from));
        }
      }
    }

    private void exchange(Place from, Place to) {
      Node a = names.get(from);
      Node b = names.get(to);
      if (a != b) { // rename(2) itself does nothing for two names of one file
        table.exchangeNames(from.parent, from.bytes(), to.parent, to.bytes());
        put(to, a);
        put(from, b);
      }
    }

    private void put(Place place, Node node) {
      if (node == null) {
        names.remove(place);
      } else {
        names.put(place, node);
      }
    }

    private void link(InodeKey key, Node node) {
      if (!keys.containsKey(key) && !node.isSuperseded()) {
        table.linkInode(key, node);
        keys.put(key, node);
      }
    }

    private void supersede(Node old) {
      if (old.isSuperseded() || !hasName(old)) {
        return;
      }
      Node successor = new Node(null, Names.EMPTY, Linux.S_IFREG, 9);
      table.supersede(old, successor);
      entered(successor);
      names.replaceAll((place, node) -> node == old ? successor : node);
      keys.replaceAll((key, node) -> node == old ? successor : node);
      assertThat(old.isSuperseded()).isTrue();
    }

    void check() throws ErrnoException {
      for (int i = 0; i < DIRECTORIES * NAMES; i++) {
        Place place = place(i);
        assertThat(table.peek(place.parent, place.bytes())).isSameAs(names.get(place));
      }
      for (int i = 0; i < KEYS; i++) {
        assertThat(table.byInode(key(i))).isSameAs(keys.get(key(i)));
      }
      for (Node node : known) {
        assertThat(table.get(node.nodeid)).isSameAs(node);
        assertThat(node.lookups).isEqualTo(lookups.get(node));
        assertThat(node.parent() != null).isEqualTo(hasName(node));
        assertThat(node.isLinked()).isEqualTo(keys.containsValue(node));
        checkOtherNames(node);
      }
      for (Node node : gone) {
        assertThatThrownBy(() -> table.get(node.nodeid)).hasMessage("ESTALE");
        assertThat(table.forget(node.nodeid, 1)).isEmpty();
      }
      assertThat(table.size()).isEqualTo(DIRECTORIES + known.size());
      Set<Node> all = new HashSet<>(directories);
      all.addAll(known);
      assertThat(new HashSet<>(table.all())).isEqualTo(all);
    }

    private void checkOtherNames(Node node) {
      for (int i = 0; i < DIRECTORIES * NAMES; i++) {
        Place place = place(i);
        boolean other = false;
        for (Map.Entry<Place, Node> entry : names.entrySet()) {
          other |= entry.getValue() == node && !entry.getKey().equals(place);
        }
        assertThat(table.hasOtherName(node, place.parent, place.bytes())).isEqualTo(other);
      }
    }
  }

  @Property(tries = 400)
  void theTableIsWhatPlainMapsAre(@ForAll("steps") List<Step> steps) throws ErrnoException {
    Model model = new Model();
    for (Step step : steps) {
      model.step(step);
      model.check();
    }
    for (Node node : List.copyOf(model.known)) {
      model.forget(node, model.lookups.get(node));
    }
    model.check();
    assertThat(model.table.size()).isEqualTo(DIRECTORIES);
  }
}
