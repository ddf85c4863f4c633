package io.samepage.overlay;

import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The nodes that the kernel knows: by nodeid, by name, and, for files with several names, by the
 * inode below. A node is in the table as long as the kernel holds look-ups of it. A directory is
 * there as long as a name in it is known, too: the kernel lets go of a directory in which it knows
 * no name any more, but not of a hard-linked file that it holds by a name elsewhere, and the name
 * here must move along when the directory is renamed.
 *
 * <p>All of it is guarded by the monitor of this object, which is a leaf in the lock order: nothing
 * is called from here. Names are kept in one open-addressed table of {@link Link}s (linear probing,
 * deletion by shifting back), since a map entry a name would double what a node costs.
 *
 * <p>A nodeid is the number of a slot and, above it, how often the slot has been used before, so
 * that none is ever handed out twice.
 */
final class NodeTable {
  private static final int SLOT_BITS = 32;

  private volatile @Nullable Node[] slots = new Node[1024];
  private int[] uses = new int[1024];
  private int[] free = new int[64];
  private int freeCount;
  private int nextSlot = 1;

  private @Nullable Link[] names = new Link[2048];
  private int nameCount;

  private final Map<InodeKey, Node> byInode = new HashMap<>();
  private final IdentityHashMap<Node, List<Object>> extras = new IdentityHashMap<>();

  /**
   * An inode of a file system below.
   *
   * @param dev the device that holds it
   */
  record InodeKey(long dev, long ino) {}

  NodeTable(Directory root) {
    root.nodeid = io.samepage.fuse.FileSystem.ROOT;
    root.lookups = 1;
    @Nullable Node[] table = slots;
    table[1] = root;
    nextSlot = 2;
  }

  /** The node of a nodeid; ESTALE if the kernel was told to forget it or never knew it. */
  Node get(long nodeid) throws ErrnoException {
    @Nullable Node[] table = slots;
    int slot = (int) nodeid;
    Node node = slot > 0 && slot < table.length ? table[slot] : null;
    if (node == null || node.nodeid != nodeid) {
      throw ErrnoException.of(Errno.ESTALE);
    }
    return node;
  }

  /** Like {@link #get}; ENOTDIR if it is no directory. */
  Directory directory(long nodeid) throws ErrnoException {
    if (get(nodeid) instanceof Directory directory) {
      return directory;
    }
    throw ErrnoException.of(Errno.ENOTDIR);
  }

  synchronized int size() {
    return nextSlot - 1 - freeCount;
  }

  // ------------------------------------------------------------------ look-ups

  /** The node that a name leads to, with one more look-up counted; null if it is not known. */
  synchronized @Nullable Node lookup(Directory parent, byte[] name) {
    Link link = find(parent, name);
    if (link == null) {
      return null;
    }
    link.node().lookups++;
    return link.node();
  }

  /** The node that a name leads to, without counting; null if it is not known. */
  synchronized @Nullable Node peek(Directory parent, byte[] name) {
    Link link = find(parent, name);
    return link == null ? null : link.node();
  }

  /** Counts a look-up of a node that is known. */
  synchronized void count(Node node) {
    node.lookups++;
  }

  /** The node of a file with several names; null if it is not known. */
  synchronized @Nullable Node byInode(InodeKey key) {
    return byInode.get(key);
  }

  /** Takes a new node in, with one look-up, under its own parent and name. */
  synchronized void add(Node node) {
    enter(node);
    node.lookups = 1;
    if (node.parent() != null) {
      insert(node);
    }
  }

  /**
   * Takes the node of a file with several names in, unless another thread was faster.
   *
   * @param node a new one, or one that {@link #byInode} gave
   * @return the node that is in the table, with one more look-up, under that name; null if {@code
   *     node} was in the table and has been forgotten meanwhile, so that it has to be found anew
   */
  synchronized @Nullable Node addLinked(InodeKey key, Node node, Directory parent, byte[] name) {
    Node known = byInode.get(key);
    if (known != null) {
      addName(parent, name, known);
      known.lookups++;
      return known;
    }
    if (node.nodeid != 0) {
      return null;
    }
    add(node);
    linkInode(key, node);
    return node;
  }

  /** Lets a node be found by an inode below that has several names. */
  synchronized void linkInode(InodeKey key, Node node) {
    byInode.put(key, node);
    extras(node).add(key);
    node.setLinked(true);
  }

  /** One more name of a node. */
  synchronized void addName(Directory parent, byte[] name, Node node) {
    if (find(parent, name) != null) {
      return;
    }
    if (node.parent() == null) {
      node.place(parent, name);
      node.setRemoved(false);
      insert(node);
      return;
    }
    Link.Alias alias = new Link.Alias(parent, name, node);
    extras(node).add(alias);
    insert(alias);
  }

  /**
   * Removes a name. If the node has another known name, that becomes the one it is found by.
   *
   * @return the node, if that was its last known name; else null
   */
  synchronized @Nullable Node removeName(Directory parent, byte[] name) {
    Link link = find(parent, name);
    if (link == null) {
      return null;
    }
    erase(link);
    Node node = link.node();
    if (link != node) {
      extras(node).remove(link);
      link.place(null, Names.EMPTY);
      return null;
    }
    node.place(null, name);
    Link.Alias other = anyAlias(node);
    if (other == null) {
      return node;
    }
    Directory otherParent = other.parent();
    byte[] otherName = other.name();
    erase(other);
    extras(node).remove(other);
    other.place(null, Names.EMPTY);
    node.place(otherParent, otherName);
    insert(node);
    return null;
  }

  /** Whether a node has a known name other than the one given. */
  synchronized boolean hasOtherName(Node node, Directory parent, byte[] name) {
    Link link = find(parent, name);
    if (link == null || link.node() != node) {
      return node.parent() != null;
    }
    return link != node ? node.parent() != null : anyAlias(node) != null;
  }

  /** Moves a name to another place, where nothing is. */
  synchronized void moveName(Directory parent, byte[] name, Directory newParent, byte[] newName) {
    Link link = find(parent, name);
    if (link != null) {
      erase(link);
      link.place(newParent, newName);
      insert(link);
    }
  }

  /** Lets two names change places. */
  synchronized void exchangeNames(
      Directory parent, byte[] name, Directory newParent, byte[] newName) {
    Link link = find(parent, name);
    Link other = find(newParent, newName);
    if (link != null) {
      erase(link);
    }
    if (other != null) {
      erase(other);
      other.place(parent, name);
      insert(other);
    }
    if (link != null) {
      link.place(newParent, newName);
      insert(link);
    }
  }

  /**
   * Puts a new node in the place of an old one: all its names and inodes lead to the new one from
   * now on. The old one keeps its nodeid until it is forgotten, and until then holds one look-up of
   * the new one.
   *
   * @return the names that the new one has now
   */
  synchronized List<Link> supersede(Node old, Node successor) {
    List<Link> names = new ArrayList<>(1);
    enter(successor);
    successor.lookups = 1;
    Directory parent = old.parent();
    if (parent != null) {
      erase(old);
      successor.place(parent, old.name());
      insert(successor);
      names.add(successor);
    }
    List<Object> more = extras.remove(old);
    if (more != null) {
      for (Object extra : more) {
        if (extra instanceof InodeKey key) {
          byInode.put(key, successor);
          extras(successor).add(key);
          successor.setLinked(true);
        } else if (extra instanceof Link.Alias alias) {
          Directory aliasParent = alias.parent();
          erase(alias);
          if (aliasParent != null) {
            Link.Alias moved = new Link.Alias(aliasParent, alias.name(), successor);
            extras(successor).add(moved);
            insert(moved);
            names.add(moved);
          }
        }
      }
    }
    old.setLinked(false);
    // Others may be on their way to its upper file at this moment. They find it, by the name that
    // it keeps, or that it has been superseded, which is therefore said first.
    old.setSuperseded();
    old.place(null, old.name());
    return names;
  }

  /**
   * Takes look-ups back.
   *
   * @return what is out of the table now: the node if none is left, and the directories that were
   *     there for its names alone
   */
  synchronized List<Node> forget(long nodeid, long count) {
    @Nullable Node[] table = slots;
    int slot = (int) nodeid;
    Node node = slot > 0 && slot < table.length ? table[slot] : null;
    if (node == null || node.nodeid != nodeid || slot == 1) {
      return List.of();
    }
    node.lookups -= count;
    if (isInUse(node)) {
      return List.of();
    }
    List<Node> gone = new ArrayList<>(1);
    gone.add(node);
    for (int i = 0; i < gone.size(); i++) {
      remove(gone.get(i), gone);
    }
    return gone;
  }

  private static boolean isInUse(Node node) {
    return node.lookups > 0 || (node instanceof Directory directory && directory.names > 0);
  }

  /** Erases a name of a node that goes; with its last one an unused directory goes as well. */
  private void eraseLast(Link link, List<Node> gone) {
    Directory parent = link.parent();
    if (parent != null) {
      erase(link);
      if (!isInUse(parent) && !gone.contains(parent)) {
        gone.add(parent);
      }
    }
  }

  private void remove(Node node, List<Node> gone) {
    eraseLast(node, gone);
    List<Object> more = extras.remove(node);
    if (more != null) {
      for (Object extra : more) {
        if (extra instanceof InodeKey key) {
          byInode.remove(key, node);
        } else if (extra instanceof Link.Alias alias) {
          eraseLast(alias, gone);
        }
      }
    }
    int slot = (int) node.nodeid;
    @Nullable Node[] table = slots;
    table[slot] = null;
    if (freeCount == free.length) {
      free = Arrays.copyOf(free, free.length * 2);
    }
    free[freeCount++] = slot;
  }

  /** All nodes that are known; for the end of a mount. */
  synchronized List<Node> all() {
    List<Node> nodes = new ArrayList<>();
    for (Node node : slots) {
      if (node != null) {
        nodes.add(node);
      }
    }
    return nodes;
  }

  // ------------------------------------------------------------------ the tables

  private List<Object> extras(Node node) {
    return extras.computeIfAbsent(node, n -> new ArrayList<>(2));
  }

  private Link.@Nullable Alias anyAlias(Node node) {
    List<Object> more = extras.get(node);
    if (more != null) {
      for (Object extra : more) {
        if (extra instanceof Link.Alias alias) {
          return alias;
        }
      }
    }
    return null;
  }

  private void enter(Node node) {
    int slot;
    if (freeCount > 0) {
      slot = free[--freeCount];
    } else {
      slot = nextSlot++;
      @Nullable Node[] table = slots;
      if (slot == table.length) {
        int length = table.length + (table.length >> 1);
        uses = Arrays.copyOf(uses, length);
        slots = Arrays.copyOf(table, length);
      }
    }
    node.nodeid = ((long) uses[slot]++ << SLOT_BITS) | slot;
    @Nullable Node[] table = slots;
    table[slot] = node;
  }

  private static int hash(Directory parent, byte[] name) {
    long h = Names.hash(name) + parent.nodeid * 0x9e3779b97f4a7c15L;
    return (int) (h ^ (h >>> 32));
  }

  private @Nullable Link find(Directory parent, byte[] name) {
    int mask = names.length - 1;
    for (int i = hash(parent, name) & mask; ; i = (i + 1) & mask) {
      Link link = names[i];
      if (link == null) {
        return null;
      }
      if (link.parent() == parent && Arrays.equals(link.name(), name)) {
        return link;
      }
    }
  }

  private void insert(Link link) {
    Directory parent = link.parent();
    if (parent != null) {
      parent.names++;
    }
    if (++nameCount * 3 > names.length * 2) {
      @Nullable Link[] old = names;
      names = new Link[old.length * 2];
      for (Link each : old) {
        if (each != null) {
          place(each);
        }
      }
    }
    place(link);
  }

  private void place(Link link) {
    Directory parent = link.parent();
    if (parent == null) {
      throw new IllegalStateException("a link without a directory");
    }
    int mask = names.length - 1;
    int i = hash(parent, link.name()) & mask;
    while (names[i] != null) {
      i = (i + 1) & mask;
    }
    names[i] = link;
  }

  private void erase(Link link) {
    Directory parent = link.parent();
    if (parent == null) {
      return;
    }
    int mask = names.length - 1;
    int i = hash(parent, link.name()) & mask;
    while (names[i] != link) {
      if (names[i] == null) {
        return;
      }
      i = (i + 1) & mask;
    }
    nameCount--;
    parent.names--;
    int hole = i;
    for (int next = (hole + 1) & mask; ; next = (next + 1) & mask) {
      Link moved = names[next];
      if (moved == null) {
        break;
      }
      Directory movedParent = moved.parent();
      if (movedParent == null) {
        throw new IllegalStateException("a link without a directory");
      }
      int home = hash(movedParent, moved.name()) & mask;
      if (((next - home) & mask) >= ((next - hole) & mask)) {
        names[hole] = moved;
        hole = next;
      }
    }
    names[hole] = null;
  }
}
