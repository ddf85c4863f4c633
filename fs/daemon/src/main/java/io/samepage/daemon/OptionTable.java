package io.samepage.daemon;

import io.samepage.overlay.options.MountOption;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The table of mount options as a text. */
final class OptionTable {
  private static final int INDENT = 2;
  private static final int COLUMN = 34;

  private OptionTable() {}

  /** Lines of at most a width. */
  static String[] lines(int width) {
    List<String> lines = new ArrayList<>();
    lines.add("Mount options. In a value, write \\, and \\: and \\\\ for a comma, a colon that is");
    lines.add(
        "part of a name, and a backslash; or put the value into double quotes. Of options that");
    lines.add("contradict each other the later one wins.");
    Map<MountOption.Group, Map<String, List<String>>> groups =
        new EnumMap<>(MountOption.Group.class);
    for (MountOption option : MountOption.values()) {
      groups
          .computeIfAbsent(option.group(), group -> new LinkedHashMap<>())
          .computeIfAbsent(option.meaning(), meaning -> new ArrayList<>())
          .add(option.syntax());
    }
    groups.forEach(
        (group, meanings) -> {
          lines.add("");
          lines.add(group.title() + ":");
          meanings.forEach((meaning, words) -> addEntry(lines, width, words, meaning));
        });
    return lines.toArray(new String[0]);
  }

  /** Options that mean the same, and beside them, or below, what they mean. */
  private static void addEntry(List<String> lines, int width, List<String> words, String meaning) {
    String left = String.join(", ", words);
    if (meaning.isEmpty()) {
      addWrapped(lines, width, INDENT, "", left);
    } else if (INDENT + left.length() + 2 <= COLUMN) {
      addWrapped(lines, width, COLUMN, " ".repeat(INDENT) + left, meaning);
    } else {
      addWrapped(lines, width, INDENT, "", left);
      addWrapped(lines, width, COLUMN, "", meaning);
    }
  }

  private static void addWrapped(
      List<String> lines, int width, int indent, String first, String text) {
    StringBuilder line = new StringBuilder(first);
    line.append(" ".repeat(indent - line.length()));
    boolean empty = true;
    for (String word : text.split(" ", -1)) {
      if (!empty && line.length() + 1 + word.length() > width) {
        lines.add(line.toString());
        line = new StringBuilder(" ".repeat(indent));
        empty = true;
      }
      if (!empty) {
        line.append(' ');
      }
      line.append(word);
      empty = false;
    }
    lines.add(line.toString());
  }
}
