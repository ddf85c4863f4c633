package io.samepage.daemon;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Stands in for the daemon's main class in launcher.bats: does what the system property "play" says. */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) throws Exception {
        System.out.println("noise of a JVM");
        Path report = Path.of(System.getProperty("report"));
        Files.writeString(
                report,
                "arguments=" + String.join("|", arguments) + "\ndetached="
                        + System.getProperty("samepage.detached") + "\ncwd=" + System.getProperty("user.dir") + "\npid="
                        + ProcessHandle.current().pid() + "\n" + descriptors());
        switch (System.getProperty("play", "mount")) {
            case "mount" -> {
                System.out.println("samepage: a word before the mount stands");
                System.out.println("READY");
                Thread.sleep(30_000); // with the pipe still open
            }
            case "refuse" -> {
                System.out.println("samepage: /nowhere: no such directory");
                System.out.println("EXIT 5");
                System.exit(5);
            }
            case "die" -> Runtime.getRuntime().halt(9);
            case "hang" -> Thread.sleep(30_000);
            case "answer" -> {
                System.out.println("an answer");
                System.exit(3);
            }
            default -> throw new IllegalArgumentException();
        }
    }

    private static String descriptors() throws IOException {
        StringBuilder lines = new StringBuilder();
        try (var list = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
            for (Path fd : list) {
                try {
                    lines.append("fd=").append(Files.readSymbolicLink(fd)).append('\n');
                } catch (IOException e) {
                    // the descriptor of this listing itself
                }
            }
        }
        return lines.toString();
    }
}
