"""The file systems that layers lie on: small images of their own in memory, so that neither disk nor host limits what is tried."""

import os
import subprocess

IMAGE_BYTES = 768 << 20
_MAKE = {
    "ext4": ["mkfs.ext4", "-q", "-F", "-I", "256"],
    "xfs": ["mkfs.xfs", "-q", "-f", "-m", "reflink=1"],
}


class BackingStore:
    """A new directory, itself in memory, with one mounted file system of each kind asked for, made when first asked for."""

    def __init__(self, root):
        self.root = root
        os.mkdir(root)
        self._mounted = []

    def place(self, kind):
        """The mount point of a file system of that kind."""
        target = os.path.join(self.root, kind)
        if target not in self._mounted:
            os.mkdir(target)
            if kind != "tmpfs":
                self._mount_image(kind, target)
            self._mounted.append(target)
        return target

    def _mount_image(self, kind, target):
        image = target + ".image"
        with open(image, "wb") as file:
            file.truncate(IMAGE_BYTES)
        subprocess.run([*_MAKE[kind], image], check=True)
        subprocess.run(["mount", "-o", "loop", image, target], check=True)
