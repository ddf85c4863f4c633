package io.samepage.daemon;

import io.samepage.dedup.SharingReport.Result;
import io.samepage.dedup.SharingReport.SizeResult;
import io.samepage.dedup.SharingReport.TreeResult;
import io.samepage.overlay.options.ByteString;
import java.util.Locale;

/** A report as one HTML page with plots, which refers to nothing outside of itself. */
final class ReportPage {
  private static final int WIDTH = 900;
  private static final int LABEL = 260;
  private static final int ROW = 26;
  private static final int VALUE = 120;
  private static final int MAX_MATRIX = 24;

  private final Result result;
  private final StringBuilder page = new StringBuilder();

  ReportPage(Result result) {
    this.result = result;
  }

  String text() {
    page.append(
        """
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><title>samepage report</title>
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <style>
        body{font:15px/1.5 system-ui,sans-serif;max-width:960px;margin:2em auto;padding:0 1em}
        table{border-collapse:collapse;margin:1em 0}td,th{padding:.2em .8em;text-align:right}
        td:last-child,th:last-child{text-align:left}tr:last-child td{border-top:1px solid #999}
        svg{max-width:100%;height:auto;display:block;margin:1em 0}svg text{font:12px system-ui,sans-serif}
        .held{fill:#4878a8}.page{fill:#e8a33d}.file{fill:#7fb069}
        @media(prefers-color-scheme:dark){body{background:#1c1c1c;color:#ddd}svg text{fill:#ddd}}
        </style></head><body><h1>What sharing would save</h1>
        """);
    summary();
    table();
    page.append("<h2>In all</h2>\n");
    totals();
    page.append("<h2>By tree</h2>\n");
    legend();
    byTree();
    page.append("<h2>By size of file</h2>\n");
    bySize();
    if (result.trees().size() > 1 && result.trees().size() <= MAX_MATRIX) {
      page.append("<h2>What two trees have in common</h2>\n");
      matrix();
    }
    return page.append("</body></html>\n").toString();
  }

  private void summary() {
    page.append(
        String.format(
            Locale.ROOT,
            "<p>If all files of %d trees were in memory, they would take %s. One page for equal"
                + " files saves %s (%s); one page for equal pages would save %s (%s).</p>%n",
            result.trees().size(),
            ReportCommand.size(result.pages()),
            ReportCommand.size(result.savedByFile()),
            ReportCommand.percent(result.savedByFile(), result.pages()),
            ReportCommand.size(result.savedByPage()),
            ReportCommand.percent(result.savedByPage(), result.pages())));
  }

  private void table() {
    page.append(
        "<table><tr><th>files</th><th>size</th><th>saved by file</th><th></th>"
            + "<th>saved by page</th><th></th><th>tree</th></tr>\n");
    long files = 0;
    for (TreeResult tree : result.trees()) {
      files += tree.files();
      row(tree.files(), tree.pages(), tree.savedByFile(), tree.savedByPage(), name(tree));
    }
    row(files, result.pages(), result.savedByFile(), result.savedByPage(), "in all");
    page.append("</table>\n");
  }

  private void row(long files, long pages, long byFile, long byPage, String name) {
    page.append(
        String.format(
            Locale.ROOT,
            "<tr><td>%,d</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>%n",
            files,
            ReportCommand.size(pages),
            ReportCommand.size(byFile),
            ReportCommand.percent(byFile, pages),
            ReportCommand.size(byPage),
            ReportCommand.percent(byPage, pages),
            name));
  }

  private void legend() {
    page.append(
        "<p><svg width=\"600\" height=\"18\" viewBox=\"0 0 600 18\">"
            + "<rect class=\"held\" width=\"14\" height=\"14\"/><text x=\"20\" y=\"12\">held once"
            + "</text><rect class=\"page\" x=\"110\" width=\"14\" height=\"14\"/><text x=\"130\""
            + " y=\"12\">saved by page only</text><rect class=\"file\" x=\"270\" width=\"14\""
            + " height=\"14\"/><text x=\"290\" y=\"12\">saved by file</text></svg></p>\n");
  }

  private void open(int rows) {
    int height = rows * ROW + 4;
    page.append(
        String.format(
            Locale.ROOT,
            "<svg role=\"img\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">%n",
            WIDTH,
            height,
            WIDTH,
            height));
  }

  private void label(int row, String text) {
    page.append(
        String.format(
            Locale.ROOT,
            "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>%n",
            LABEL - 8,
            row * ROW + 17,
            text));
  }

  private void bar(int row, double from, double to, String kind) {
    double room = WIDTH - LABEL - VALUE;
    page.append(
        String.format(
            Locale.ROOT,
            "<rect class=\"%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>%n",
            kind,
            LABEL + room * from,
            row * ROW + 3,
            Math.max(0, room * (to - from)),
            ROW - 6));
  }

  private void value(int row, double at, String text) {
    page.append(
        String.format(
            Locale.ROOT,
            "<text x=\"%.1f\" y=\"%d\">%s</text>%n",
            LABEL + (WIDTH - LABEL - VALUE) * at + 6,
            row * ROW + 17,
            text));
  }

  private void totals() {
    String[] names = {"without sharing", "one page for equal files", "one page for equal pages"};
    String[] kinds = {"held", "file", "page"};
    long[] pages = {
      result.pages(), result.pages() - result.savedByFile(), result.pages() - result.savedByPage()
    };
    open(names.length);
    for (int i = 0; i < names.length; i++) {
      double part = part(pages[i], result.pages());
      label(i, names[i]);
      bar(i, 0, part, kinds[i]);
      value(i, part, ReportCommand.size(pages[i]));
    }
    page.append("</svg>\n");
  }

  private void byTree() {
    long most = result.trees().stream().mapToLong(TreeResult::pages).max().orElse(0);
    open(result.trees().size());
    int row = 0;
    for (TreeResult tree : result.trees()) {
      double held = part(tree.pages() - tree.savedByPage(), most);
      double byPage = part(tree.pages() - tree.savedByFile(), most);
      double all = part(tree.pages(), most);
      label(row, shorten(tree));
      bar(row, 0, held, "held");
      bar(row, held, byPage, "page");
      bar(row, byPage, all, "file");
      value(row, all, ReportCommand.size(tree.pages()));
      row++;
    }
    page.append("</svg>\n");
  }

  private void bySize() {
    long most = result.sizes().stream().mapToLong(SizeResult::pages).max().orElse(0);
    open(result.sizes().size());
    int row = 0;
    for (SizeResult size : result.sizes()) {
      double held = part(size.pages() - size.savedByFile(), most);
      double all = part(size.pages(), most);
      label(
          row,
          size.limit() == Long.MAX_VALUE ? "larger" : "up to " + ProgressLine.bytes(size.limit()));
      bar(row, 0, held, "held");
      bar(row, held, all, "file");
      value(row, all, ReportCommand.size(size.pages()));
      row++;
    }
    page.append("</svg>\n");
  }

  /** For each row's tree, how much of it the column's tree has as well. */
  private void matrix() {
    int count = result.trees().size();
    int cell = Math.min(48, (WIDTH - LABEL) / count);
    page.append(
        String.format(
            Locale.ROOT,
            "<svg role=\"img\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">%n",
            WIDTH,
            count * ROW + 24,
            WIDTH,
            count * ROW + 24));
    for (int a = 0; a < count; a++) {
      label(a, (a + 1) + "  " + shorten(result.trees().get(a)));
      for (int b = 0; b < count; b++) {
        double part = part(result.common()[a][b], result.common()[a][a]);
        page.append(
            String.format(
                Locale.ROOT,
                "<rect class=\"file\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\""
                    + " fill-opacity=\"%.3f\"><title>%s</title></rect>"
                    + "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%.0f</text>%n",
                LABEL + b * cell,
                a * ROW + 1,
                cell - 2,
                ROW - 2,
                0.1 + 0.9 * part,
                ReportCommand.size(result.common()[a][b]),
                LABEL + b * cell + cell / 2,
                a * ROW + 17,
                100 * part));
      }
    }
    for (int b = 0; b < count; b++) {
      page.append(
          String.format(
              Locale.ROOT,
              "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%d</text>%n",
              LABEL + b * cell + cell / 2,
              count * ROW + 16,
              b + 1));
    }
    page.append(
        "</svg>\n<p>Per cent of the content of the row's tree that the column's tree has, too.</p>\n");
  }

  private static double part(long part, long whole) {
    return whole == 0 ? 0 : (double) part / whole;
  }

  private static String name(TreeResult tree) {
    return escape(ByteString.of(tree.path()).toString());
  }

  private static String shorten(TreeResult tree) {
    String name = ByteString.of(tree.path()).toString();
    return escape(name.length() <= 36 ? name : "…" + name.substring(name.length() - 35));
  }

  static String escape(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;");
  }
}
