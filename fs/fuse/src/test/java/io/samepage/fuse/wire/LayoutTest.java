package io.samepage.fuse.wire;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Map.entry;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * The structures have the sizes, offsets and flags of {@code layout.txt}, which are those of the
 * kernel's header; and where that header and a C compiler are there, they are asked as well, also
 * for the numbers that belong to no structure.
 */
class LayoutTest {
  private static final Path HEADER = Path.of("/usr/include/linux/fuse.h");

  /** Classes that are not called as their structures are. */
  private static final Map<String, Class<?>> CLASSES =
      Map.ofEntries(
          entry("fuse_notify_inval_inode_out", InvalInodeOut.class),
          entry("fuse_notify_inval_entry_out", InvalEntryOut.class),
          entry("fuse_notify_store_out", StoreOut.class),
          entry("fuse_statx", StatxOut.Statx.class));

  /** One line of layout.txt. */
  private record Structure(
      String name, int size, Map<String, Integer> offsets, Map<String, Integer> numbers) {
    Class<?> type() throws ClassNotFoundException {
      Class<?> known = CLASSES.get(name);
      if (known != null) {
        return known;
      }
      StringBuilder camel = new StringBuilder("io.samepage.fuse.wire.");
      for (String part : name.substring("fuse_".length()).split("_", -1)) {
        camel.append(part.substring(0, 1).toUpperCase(Locale.ROOT)).append(part.substring(1));
      }
      return Class.forName(camel.toString());
    }
  }

  private static List<Structure> structures() throws IOException {
    String text;
    try (InputStream in = LayoutTest.class.getResourceAsStream("/layout.txt")) {
      text = new String(in.readAllBytes(), UTF_8).replace("\\\n", "");
    }
    List<Structure> structures = new ArrayList<>();
    for (String line : text.split("\n", -1)) {
      if (line.isEmpty() || line.startsWith("#")) {
        continue;
      }
      String[] words = line.trim().split(" +", -1);
      Map<String, Integer> offsets = new LinkedHashMap<>();
      Map<String, Integer> numbers = new LinkedHashMap<>();
      for (int i = 2; i < words.length; i++) {
        String[] parts = words[i].split("[@=]", -1);
        (words[i].contains("=") ? numbers : offsets).put(parts[0], Integer.decode(parts[1]));
      }
      structures.add(new Structure(words[0], Integer.parseInt(words[1]), offsets, numbers));
    }
    return structures;
  }

  @TestFactory
  Stream<DynamicTest> theClassesHaveTheLayoutOfTheProtocol() throws IOException {
    return structures().stream()
        .map(s -> DynamicTest.dynamicTest(s.name(), () -> checkAgainstClass(s)));
  }

  private static void checkAgainstClass(Structure structure) throws Exception {
    Class<?> type = structure.type();
    if (!structure.name().equals("fuse_dirent")) {
      assertThat(constant(type, "BYTES")).as("size").isEqualTo(structure.size());
    }
    for (Map.Entry<String, Integer> field : structure.offsets().entrySet()) {
      String simple = field.getKey().substring(field.getKey().indexOf('.') + 1);
      assertThat(constant(type, simple.toUpperCase(Locale.ROOT)))
          .as(field.getKey())
          .isEqualTo(field.getValue());
    }
    for (Map.Entry<String, Integer> number : structure.numbers().entrySet()) {
      assertThat(constant(type, number.getKey().replaceFirst("^FUSE_", "")))
          .as(number.getKey())
          .isEqualTo(number.getValue());
    }
    long constants =
        Stream.of(type.getDeclaredFields())
            .filter(f -> f.getType() == int.class && !f.getName().equals("BYTES"))
            .count();
    assertThat(constants)
        .as("constants of %s", type)
        .isEqualTo(structure.offsets().size() + structure.numbers().size());
  }

  private static int constant(Class<?> type, String name) throws Exception {
    Field field = type.getDeclaredField(name);
    field.setAccessible(true);
    return field.getInt(null);
  }

  @TestFactory
  Stream<DynamicTest> theKernelsHeaderAgrees(@TempDir Path directory) throws Exception {
    if (!Files.exists(HEADER)) {
      return Stream.of(
          DynamicTest.dynamicTest("header", () -> assumeTrue(false, HEADER + " is not there")));
    }
    String header = Files.readString(HEADER);
    List<Structure> all = structures();
    Map<String, String> printed = new LinkedHashMap<>();
    StringBuilder program =
        new StringBuilder(
            """
            #include <stdio.h>
            #include <stddef.h>
            #include <stdint.h>
            #include <sys/ioctl.h>
            #include <linux/fuse.h>
            int main(void) {
            """);
    for (Structure structure : all) {
      String body = body(header, structure.name());
      if (body != null) {
        program.append(line(structure.name(), "sizeof(struct " + structure.name() + ")"));
        for (String field : structure.offsets().keySet()) {
          if (Pattern.compile("\\b" + field.replaceAll("\\..*", "") + "\\b").matcher(body).find()) {
            program.append(
                line(
                    structure.name() + " " + field,
                    "offsetof(struct " + structure.name() + ", " + field + ")"));
          }
        }
      }
      structure.numbers().keySet().forEach(number -> program.append(print(header, number)));
    }
    Map<String, Long> ioctls = ioctls();
    ioctls.keySet().forEach(ioctl -> program.append(print(header, ioctl)));
    program.append("return 0; }\n");
    boolean compiled = compileAndRun(program.toString(), directory, printed);
    Stream<DynamicTest> commands =
        ioctls.entrySet().stream()
            .map(
                e ->
                    DynamicTest.dynamicTest(
                        e.getKey(),
                        () -> {
                          assumeTrue(printed.containsKey(e.getKey()), "not in this header");
                          assertThat(printed).containsEntry(e.getKey(), e.getValue().toString());
                        }));
    Stream<DynamicTest> layouts =
        all.stream()
            .map(
                s ->
                    DynamicTest.dynamicTest(
                        s.name(),
                        () -> {
                          assumeTrue(compiled, "there is no gcc here");
                          assumeTrue(
                              printed.containsKey(s.name()),
                              HEADER + " (" + version(header) + ") has no " + s.name());
                          checkAgainstHeader(s, printed);
                        }));
    return Stream.concat(layouts, commands);
  }

  private static Map<String, Long> ioctls() throws IllegalAccessException {
    Map<String, Long> ioctls = new LinkedHashMap<>();
    for (Field field : DeviceIoctls.class.getDeclaredFields()) {
      if (field.getType() == long.class) {
        ioctls.put("FUSE_DEV_IOC_" + field.getName(), field.getLong(null));
      }
    }
    return ioctls;
  }

  private static void checkAgainstHeader(Structure structure, Map<String, String> printed) {
    assertThat(printed.get(structure.name())).isEqualTo(String.valueOf(structure.size()));
    structure
        .offsets()
        .forEach(
            (field, offset) -> {
              String there = printed.get(structure.name() + " " + field);
              // A field that came later took the place of padding, and is not in an older header.
              if (there != null) {
                assertThat(there).as(field).isEqualTo(String.valueOf(offset));
              }
            });
    structure
        .numbers()
        .forEach(
            (number, value) -> {
              if (printed.containsKey(number)) {
                assertThat(printed).containsEntry(number, String.valueOf(value));
              }
            });
  }

  /** The number of each opcode of the header is ours, and each of ours that it has is the same. */
  @TestFactory
  Stream<DynamicTest> theKernelsHeaderHasTheseOpcodes() throws IOException {
    assumeTrue(Files.exists(HEADER), HEADER + " is not there");
    String header = Files.readString(HEADER);
    Matcher list = Pattern.compile("enum fuse_opcode \\{(.*?)\\};", Pattern.DOTALL).matcher(header);
    assertThat(list.find()).isTrue();
    return Pattern.compile("(FUSE|CUSE)_(\\w+)\\s*=\\s*(\\d+)")
        .matcher(list.group(1))
        .results()
        .filter(m -> !m.group(2).endsWith("BSWAP_RESERVED"))
        .map(
            m ->
                DynamicTest.dynamicTest(
                    m.group(2),
                    () -> {
                      String name = m.group(1).equals("CUSE") ? "CUSE_INIT" : m.group(2);
                      assertThat(Opcode.of(Integer.parseInt(m.group(3))).name()).isEqualTo(name);
                    }));
  }

  @TestFactory
  Stream<DynamicTest> theKernelsHeaderHasTheseFlags() throws IOException {
    assumeTrue(Files.exists(HEADER), HEADER + " is not there");
    Map<String, Long> bits = new LinkedHashMap<>();
    Pattern.compile("#define FUSE_(\\w+)\\s*\\(1(?:ULL)? << (\\d+)\\)")
        .matcher(Files.readString(HEADER))
        .results()
        .forEach(m -> bits.put(m.group(1), 1L << Integer.parseInt(m.group(2))));
    return Stream.of(InitFlags.class.getDeclaredFields())
        .filter(f -> f.getType() == long.class)
        .map(
            f ->
                DynamicTest.dynamicTest(
                    f.getName(),
                    () -> {
                      assumeTrue(bits.containsKey(f.getName()), "not in this header");
                      assertThat(f.getLong(null)).isEqualTo(bits.get(f.getName()));
                    }));
  }

  private static String line(String what, String value) {
    return "  printf(\"" + what + " = %lld\\n\", (long long) " + value + ");\n";
  }

  /** Prints a number by its name, if the header has it. */
  private static String print(String header, String name) {
    Pattern definition = Pattern.compile("#define " + name + "\\b|\\b" + name + "\\s*=");
    return definition.matcher(header).find() ? line(name, name) : "";
  }

  private static String body(String header, String structure) {
    Matcher m =
        Pattern.compile("struct " + structure + " \\{(.*?)\\n\\};", Pattern.DOTALL).matcher(header);
    return m.find() ? m.group(1) : null;
  }

  private static String version(String header) {
    Matcher m = Pattern.compile("FUSE_KERNEL_MINOR_VERSION (\\d+)").matcher(header);
    return m.find() ? "7." + m.group(1) : "7.?";
  }

  private static boolean compileAndRun(String program, Path directory, Map<String, String> printed)
      throws Exception {
    Path source = Files.writeString(directory.resolve("layout.c"), program);
    Path binary = directory.resolve("layout");
    Process gcc;
    try {
      gcc =
          new ProcessBuilder("gcc", "-o", binary.toString(), source.toString())
              .redirectErrorStream(true)
              .start();
    } catch (IOException e) {
      return false;
    }
    String messages = new String(gcc.getInputStream().readAllBytes(), UTF_8);
    assertThat(gcc.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(gcc.exitValue()).as(messages).isZero();
    Process run = new ProcessBuilder(binary.toString()).start();
    String output = new String(run.getInputStream().readAllBytes(), UTF_8);
    assertThat(run.waitFor(10, TimeUnit.SECONDS)).isTrue();
    for (String line : output.split("\n", -1)) {
      int at = line.indexOf(" = ");
      if (at > 0) {
        printed.put(line.substring(0, at), line.substring(at + 3));
      }
    }
    return true;
  }
}
