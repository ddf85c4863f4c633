#!/usr/bin/env python3
"""Lists a tree for comparison: one line for each entry, sorted by path.

    listing.py [--times] [--exclude FILE] ROOT

Type, mode, owner, device number, size, content digest, link target, hard links, xattrs; with --times the time of last
modification too. Directories have no size and no link count here: file systems differ in both. Other mounts are not entered, and
the overlay's own xattrs are not shown. Lines of the --exclude file: `content PATTERN` leaves size and digest out, `path PATTERN`
the whole entry; a pattern is a shell pattern for the path from the root, and # starts a comment.
"""
import argparse
import fnmatch
import hashlib
import os
import stat
import sys

KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "link", stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket",
         stat.S_IFCHR: "char", stat.S_IFBLK: "block"}


def shown(name):
    return "".join(chr(c) if 32 < c < 127 and c != 92 else f"\\x{c:02x}" for c in name)


def digest(path):
    result = hashlib.sha256()
    with open(path, "rb", opener=lambda p, flags: os.open(p, flags | os.O_NOATIME), buffering=0) as file:
        while piece := file.read(1 << 20):
            result.update(piece)
    return result.hexdigest()[:32]


def exclusions(name):
    rules = []
    if name:
        with open(name, encoding="utf-8") as lines:
            for line in lines:
                words = line.split("#")[0].split()
                if words:
                    rules.append((words[0], words[1]))
    return rules


class Listing:
    def __init__(self, root, rules, times):
        self.root = os.fsencode(root)
        self.device = os.lstat(root).st_dev
        self.rules = rules
        self.times = times
        self.links = {}  # (device, inode) to the first path in the order of the listing
        self.digests = {}

    def excluded(self, path):
        text = os.fsdecode(path)
        return {kind for kind, pattern in self.rules if fnmatch.fnmatchcase(text, pattern)}

    def line(self, path, status):
        full = os.path.join(self.root, path)
        excluded = self.excluded(path)
        if "path" in excluded:
            return None
        kind = KINDS[stat.S_IFMT(status.st_mode)]
        parts = [shown(path), kind, f"{stat.S_IMODE(status.st_mode):04o}", f"{status.st_uid}:{status.st_gid}"]
        if kind in ("char", "block"):
            parts.append(f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}")
        if kind == "link":
            parts.append("-> " + shown(os.readlink(full)))
        if kind != "dir":
            identity = (status.st_dev, status.st_ino)
            first = self.links.setdefault(identity, path)
            parts.append(f"links={status.st_nlink}")
            if first != path:
                parts.append("same as " + shown(first))
            if kind == "file" and "content" not in excluded:
                if identity not in self.digests:
                    self.digests[identity] = digest(full)
                parts += [f"size={status.st_size}", self.digests[identity]]
            if status.st_nlink == 1:
                self.digests.pop(identity, None)
        if self.times and "content" not in excluded:
            parts.append(f"mtime={status.st_mtime_ns}")
        for name in sorted(os.listxattr(full, follow_symlinks=False)):
            if not name.startswith(("trusted.overlay.", "user.overlay.", "user.fuseoverlayfs.")):
                parts.append(f"{name}={shown(os.getxattr(full, name, follow_symlinks=False))}")
        return " ".join(parts)

    def walk(self, path):
        full = os.path.join(self.root, path)
        for name in sorted(os.listdir(full)):
            inner = os.path.join(path, name)
            status = os.lstat(os.path.join(self.root, inner))
            if status.st_dev != self.device and stat.S_ISDIR(status.st_mode):
                continue
            line = self.line(inner, status)
            if line is not None:
                yield line
                if stat.S_ISDIR(status.st_mode):
                    yield from self.walk(inner)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", action="store_true")
    parser.add_argument("--exclude", metavar="FILE")
    parser.add_argument("root")
    arguments = parser.parse_args()
    listing = Listing(arguments.root, exclusions(arguments.exclude), arguments.times)
    print(listing.line(b".", os.lstat(arguments.root)))
    for line in listing.walk(b""):
        print(line)


if __name__ == "__main__":
    sys.exit(main())
