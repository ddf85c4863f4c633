"""Random layers: everything that image layers hold, and what other tools or accidents leave in them."""

import posixpath

from . import values
from .scenario import Layer, Scenario

_PAGE = 4096
_LEAST_ALIKE = 12 * _PAGE
_PLACES = ["ext4", "ext4", "ext4", "tmpfs", "xfs"]
_ALIKE_MODES = [mode for mode in values.MODES[:9] if not mode & 0o111]  # what may be executed is not shared in part
_REDIRECTS = ["/a", "/b", "/dir", "/a/b", "/dir/sub", "a", "b", "sub", "a/b", "../a", "/a/../b", "/", "", "//a", "/a/"]


def random_scenario(rng, seed, alike=False):
    """All of a scenario but the operations that depend on what the tree has become: those of the rounds and of the main part.

    With `alike` layers hold files that are alike only in part, and every other mount copies all files up page by page.
    """
    options = _options(rng)
    hard_links = options.get("index") == "on"
    one_place = rng.choice(_PLACES) if rng.random() < 0.75 else None
    layers = []
    for number in range(rng.choice([1, 1, 2, 2, 3, 4])):
        place = one_place or rng.choice(_PLACES)
        if number and "userxattr" not in options and rng.random() < 0.35:
            layers.append(Layer("round", place, options=_round_options(options)))
        else:
            layers.append(Layer("raw", place, _RawLayer(rng, number, options, hard_links, alike).operations))
    scenario = Scenario(seed, layers, options, upper_place=one_place or rng.choice(_PLACES))
    kind = rng.random()
    if len(layers) > 1 and kind < 0.04:
        scenario.upper = "none"
        options.pop("volatile", None)
    elif len(layers) > 1 and kind < 0.35:
        scenario.upper = "last"
    scenario.system_options = {"coherence": rng.choice(["auto", "auto", "strict"])}
    if alike:
        scenario.system_options["partial"] = rng.choice(["off", "1"])
    return scenario


def alike_files(scenario):
    """The paths of files that are large enough to be alike in part."""
    return sorted({op["path"] for layer in scenario.layers for op in layer.operations
                   if op["op"] == "write_file" and op["length"] >= _LEAST_ALIKE})


def _options(rng):
    options = {}
    if rng.random() < 0.12:
        options["userxattr"] = None
    else:
        redirect = rng.choice(["on", "on", "on", "off", None])
        if redirect:
            options["redirect_dir"] = redirect
        metacopy = rng.choice(["on", "on", "off", None])
        if metacopy and not (metacopy == "on" and redirect == "off"):
            options["metacopy"] = metacopy
    index = rng.choice(["on", "on", "off", None, None] if "userxattr" not in options else ["off", None])
    if index:
        options["index"] = index
    if rng.random() < 0.15:
        options["xino"] = rng.choice(["on", "off", "auto"])
    if rng.random() < 0.05:
        options["volatile"] = None
    return options


def _round_options(options):
    chosen = {"redirect_dir": "on"}
    if options.get("metacopy") == "on":
        chosen["metacopy"] = "on"
    if "index" in options:
        chosen["index"] = options["index"]
    return chosen


class _RawLayer:
    """The operations that make one layer on a bare directory."""

    def __init__(self, rng, number, options, hard_links, alike):
        self._rng = rng
        self._prefix = "user.overlay." if "userxattr" in options else "trusted.overlay."
        self._options = options
        self._tree = {"": "directory"}
        self.operations = [{"op": "umask", "mask": 0}]
        steps = [
            (8, self._directory), (12, self._file), (3, self._symlink), (2, self._special), (4, self._mode), (3, self._owner),
            (5, self._attribute), (2, self._sparse),
        ]
        if hard_links:
            steps.append((3, self._link))
        if number:
            steps += [(4, self._whiteout), (2, self._opaque), (1, self._attribute_whiteout)]
        if number and not alike:
            steps += [(0.5, self._redirect), (0.3, self._metacopy)]  # by no overlay, and mostly wrong
        weights = [weight for weight, _ in steps]
        for _ in range(rng.randrange(5, 15) if alike else rng.randrange(10, 35)):
            rng.choices([step for _, step in steps], weights)[0]()
        for _ in range(rng.randrange(3, 9) if alike else 0):
            self._alike()
        for step, chance in ((self._large, 0.2), (self._crowd, 0.08), (self._program, 0.4)):
            if rng.random() < chance:
                step()
        self._do("chmod", path="", mode=rng.choice([0o755, 0o755, 0o777, 0o1777, 0o2775]))
        self._do("settle")

    def _do(self, op, **arguments):
        self.operations.append({"op": op, **arguments})

    def _directory_path(self):
        return self._rng.choice([path for path, kind in self._tree.items() if kind == "directory"])

    def _new(self, kind):
        """A free name, or None."""
        path = posixpath.join(self._directory_path(), values.name(self._rng))
        if path in self._tree or path.count("/") > 3:
            return None
        self._tree[path] = kind
        return path

    def _some(self, *kinds):
        paths = [path for path, kind in self._tree.items() if path and (not kinds or kind in kinds)]
        return self._rng.choice(paths) if paths else None

    def _directory(self):
        if path := self._new("directory"):
            self._do("mkdir", path=path, mode=self._rng.choice([0o755, 0o755, 0o777, 0o700, 0o1777, 0o2775]))

    def _file(self):
        if path := self._new("file"):
            self._do("write_file", path=path, offset=0, length=self._rng.choice(values.SIZES), fill=self._rng.randrange(10**6),
                     mode=self._rng.choice(values.MODES[:9]))

    def _sparse(self):
        if path := self._new("file"):
            for _ in range(self._rng.randrange(1, 4)):
                self._do("write_file", path=path, offset=self._rng.choice(values.OFFSETS) * 4,
                         length=self._rng.choice(values.SIZES), fill=self._rng.randrange(10**6))
            self._do("truncate", path=path, length=self._rng.randrange(600000))

    def _large(self):
        if path := self._new("file"):
            self._do("write_file", path=path, offset=self._rng.choice([0, 8192]), length=3 << 20, fill=self._rng.randrange(10**6))

    def _alike(self):
        """Pages of one of a few contents, at times shifted by some, and with some that nobody else has: amid them or at the end."""
        if path := self._new("file"):
            rng = self._rng
            mode = rng.choice(_ALIKE_MODES)
            shift = rng.choice([0, 0, 0, 1, 3, 16]) * _PAGE
            length = _LEAST_ALIKE + rng.randrange(48) * _PAGE
            self._do("write_file", path=path, offset=shift, length=length, fill=rng.randrange(3), mode=mode)
            for _ in range(rng.randrange(3)):
                self._do("write_file", path=path, offset=rng.randrange(40) * _PAGE + rng.choice([0, 0, 100]),
                         length=rng.choice(values.SIZES), fill=rng.randrange(10**6))
            if rng.random() < 0.5:
                self._do("write_file", path=path, offset=shift + length, length=rng.choice(values.SIZES), fill=rng.randrange(10**6))

    def _crowd(self):
        """More names than one read of a directory returns."""
        if path := self._new("directory"):
            self._do("mkdir", path=path, mode=0o755)
            for number in range(300):
                self._do("write_file", path=f"{path}/{number} {'long' * (number % 40)}", offset=0, length=0, fill=0)

    def _program(self):
        path = posixpath.join(self._directory_path(), values.PROGRAM)
        if path not in self._tree:
            self._tree[path] = "file"
            self._do("install_program", path=path)

    def _symlink(self):
        if path := self._new("symlink"):
            self._do("symlink", path=path, target=values.symlink_target(self._rng))

    def _special(self):
        if path := self._new("special"):
            self._do("mknod", path=path, **values.special(self._rng))

    def _mode(self):
        if path := self._some("directory", "file", "special"):
            self._do("chmod", path=path, mode=self._rng.choice(values.MODES) | (0o700 if self._tree[path] == "directory" else 0))

    def _owner(self):
        if path := self._some():
            self._do("chown", path=path, uid=self._rng.choice(values.OWNERS), gid=self._rng.choice(values.GROUPS))

    def _attribute(self):
        if path := self._some("directory", "file"):
            name, value = values.attribute(self._rng)
            self._do("setxattr", path=path, name=name, value=value)

    def _link(self):
        if (path := self._some("file", "symlink", "special")) and (new := self._new(self._tree[path])):
            self._do("link", path=path, new=new)

    def _whiteout(self):
        if path := self._new("whiteout"):
            self._do("mknod", path=path, kind="char", mode=0)

    def _opaque(self):
        if path := self._some("directory"):
            self._do("setxattr", path=path, name=self._prefix + "opaque", value=self._rng.choice([b"y", b"y", b"y", b"z"]).hex())

    def _attribute_whiteout(self):
        """The form for layers that must not hold devices: an empty file, in a directory that says to look for such."""
        if path := self._new("whiteout"):
            self._do("write_file", path=path, offset=0, length=0, fill=0)
            self._do("setxattr", path=path, name=self._prefix + "whiteout", value=b"y".hex())
            self._do("setxattr", path=posixpath.dirname(path), name=self._prefix + "opaque", value=b"x".hex())

    def _redirect(self):
        """Right or wrong: what no overlay wrote must be read as the kernel reads it."""
        if path := self._some("directory"):
            self._do("setxattr", path=path, name=self._prefix + "redirect", value=self._rng.choice(_REDIRECTS).encode().hex())

    def _metacopy(self):
        if self._options.get("metacopy") == "on" and (path := self._some("file")):
            self._do("setxattr", path=path, name=self._prefix + "metacopy", value="")
