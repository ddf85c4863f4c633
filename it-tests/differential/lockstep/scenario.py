"""What is run: layers, mount options and operations, as a plain value that can be written down and run again."""

import json
import re
from dataclasses import asdict, dataclass, field


@dataclass
class Layer:
    """One layer, made by operations: on the bare directory ("raw"), or through the kernel's overlayfs over the layers below it
    ("round"), which so writes its own whiteouts, redirects and metadata copies."""

    kind: str
    place: str
    operations: list = field(default_factory=list)
    options: dict = field(default_factory=dict)


@dataclass
class Scenario:
    """One run. Layers are from the bottom up. `upper` says which directory takes the changes: "fresh" (a new one), "last" (the last
    layer) or "none" (a read-only mount)."""

    seed: int
    layers: list
    options: dict
    upper: str = "fresh"
    upper_place: str = "ext4"
    system_options: dict = field(default_factory=dict)
    operations: list = field(default_factory=list)

    @property
    def hard_links_below(self):
        """Whether lower layers may have hard links: see known.NEVER_TRIED."""
        return self.options.get("index") == "on"

    def parts(self):
        """Every list of operations, by a name for reports."""
        return {**{f"layer {number}": layer.operations for number, layer in enumerate(self.layers)}, "main": self.operations}

    def size(self):
        return sum(map(len, self.parts().values()))

    def to_json(self):
        return json.dumps(asdict(self), indent=1, ensure_ascii=True)

    @staticmethod
    def from_json(text):
        values = json.loads(text)
        values["layers"] = [Layer(**layer) for layer in values["layers"]]
        return Scenario(**values)

    def copy(self):
        return Scenario.from_json(self.to_json())


def told(op):
    """An operation on one line, for a trace."""
    arguments = ", ".join(f"{name}={value!r}" for name, value in op.items() if name not in ("op", "by"))
    return f"{op.get('by', 'root'):5} {op['op']}({shortened(arguments)})"


def shortened(text):
    """Names as long as can be make no trace readable."""
    return re.sub(r"(.)\1{40,}", lambda run: f"{run[1]}*{len(run[0])}", text)
