package io.samepage.daemon;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a daemon has answered, as read back: objects are maps in the order of the text, arrays are
 * lists, and the rest is strings, numbers, booleans or null.
 */
final class StatusDocument {
  private static final JsonFactory JSON = new JsonFactory();
  private static final int MAX_DEPTH = 16;

  private final Map<String, @Nullable Object> fields;

  private StatusDocument(Map<String, @Nullable Object> fields) {
    this.fields = fields;
  }

  /** A document with the given fields. */
  static StatusDocument of(Map<String, @Nullable Object> fields) {
    return new StatusDocument(fields);
  }

  static StatusDocument parse(byte[] json) throws CommandFailure {
    try (JsonParser parser = JSON.createParser(json)) {
      if (parser.nextToken() == JsonToken.START_OBJECT) {
        return new StatusDocument(readObject(parser, 0));
      }
    } catch (IOException e) {
      // As good as no answer.
    }
    throw unreadable();
  }

  /** A daemon has answered nonsense. */
  static CommandFailure unreadable() {
    return new CommandFailure(
        ExitCode.UNREACHABLE, "a daemon's answer cannot be read: is it of another version?");
  }

  private static Map<String, @Nullable Object> readObject(JsonParser parser, int depth)
      throws IOException {
    Map<String, @Nullable Object> object = new LinkedHashMap<>();
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String name = parser.currentName();
      parser.nextToken();
      object.put(name, readValue(parser, depth + 1));
    }
    return object;
  }

  private static @Nullable Object readValue(JsonParser parser, int depth) throws IOException {
    if (depth > MAX_DEPTH) {
      throw new IOException("too deep");
    }
    JsonToken token = parser.currentToken();
    return switch (token) {
      case START_OBJECT -> readObject(parser, depth);
      case START_ARRAY -> readArray(parser, depth);
      case VALUE_STRING -> parser.getText();
      case VALUE_NUMBER_INT -> parser.getLongValue();
      case VALUE_NUMBER_FLOAT -> parser.getDoubleValue();
      case VALUE_TRUE, VALUE_FALSE -> parser.getBooleanValue();
      case VALUE_NULL -> null;
      default -> throw new IOException("unexpected " + token);
    };
  }

  private static List<@Nullable Object> readArray(JsonParser parser, int depth) throws IOException {
    List<@Nullable Object> array = new ArrayList<>();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      array.add(readValue(parser, depth + 1));
    }
    return array;
  }

  /** A field as text; empty if it is not there. */
  String text(String name) {
    Object value = fields.get(name);
    return value == null ? "" : value.toString();
  }

  /** A field that is a number; 0 if it is not there. */
  long number(String name) {
    return fields.get(name) instanceof Number number ? number.longValue() : 0;
  }

  /** Whether a field is there and true. */
  boolean is(String name) {
    return Boolean.TRUE.equals(fields.get(name));
  }

  /** A field that is an object; an empty one if it is not there. */
  @SuppressWarnings("unchecked") // readObject makes no others
  StatusDocument object(String name) {
    return fields.get(name) instanceof Map<?, ?> map
        ? new StatusDocument((Map<String, @Nullable Object>) map)
        : new StatusDocument(Map.of());
  }

  /** A field that is an array, as texts; empty if it is not there. */
  List<String> texts(String name) {
    List<String> texts = new ArrayList<>();
    if (fields.get(name) instanceof List<?> list) {
      for (Object element : list) {
        texts.add(String.valueOf(element));
      }
    }
    return texts;
  }

  /** All fields, in their order. */
  Map<String, @Nullable Object> fields() {
    return fields;
  }

  /** A field that is an array of objects; empty if it is not there. */
  @SuppressWarnings("unchecked") // readObject makes no others
  List<StatusDocument> objects(String name) {
    List<StatusDocument> objects = new ArrayList<>();
    if (fields.get(name) instanceof List<?> list) {
      for (Object element : list) {
        if (element instanceof Map<?, ?> map) {
          objects.add(new StatusDocument((Map<String, @Nullable Object>) map));
        }
      }
    }
    return objects;
  }

  /** Writes it as JSON. */
  void write(JsonGenerator json) throws IOException {
    writeValue(json, fields);
  }

  /** Prints it as JSON for people to read, too. */
  void print(PrintStream out) {
    try (JsonGenerator generator = JSON.createGenerator(out)) {
      generator.setPrettyPrinter(new DefaultPrettyPrinter());
      write(generator);
      generator.writeRaw('\n');
    } catch (IOException e) {
      // The reader has gone.
    }
  }

  private static void writeValue(JsonGenerator json, @Nullable Object value) throws IOException {
    if (value instanceof Map<?, ?> map) {
      json.writeStartObject();
      for (Map.Entry<?, ?> field : map.entrySet()) {
        json.writeFieldName(String.valueOf(field.getKey()));
        writeValue(json, field.getValue());
      }
      json.writeEndObject();
    } else if (value instanceof List<?> list) {
      json.writeStartArray();
      for (Object element : list) {
        writeValue(json, element);
      }
      json.writeEndArray();
    } else if (value instanceof Long number) {
      json.writeNumber(number);
    } else if (value instanceof Double number) {
      json.writeNumber(number);
    } else if (value instanceof Boolean truth) {
      json.writeBoolean(truth);
    } else if (value instanceof String text) {
      json.writeString(text);
    } else {
      json.writeNull();
    }
  }
}
