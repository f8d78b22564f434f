"""The switch of faulty_disk.so, and a small file system that really fills up."""

import mmap
import os
import pathlib
import struct
import subprocess

FAULTS = {"full": 1, "read-only": 2, "no sync": 3, "short writes": 4, "torn and full": 5}
_DIE = 6


class Disk:
    """Shared with the server through a file of eight words."""

    def __init__(self, path: pathlib.Path):
        self.path = path
        path.write_bytes(bytes(32))
        with open(path, "r+b") as file:
            self._words = mmap.mmap(file.fileno(), 32)

    def fail(self, fault: str | None) -> None:
        self._set(0, FAULTS[fault] if fault else 0)

    def die_in_write(self, number: int) -> None:
        """The process is killed half way through its `number`th write to the database from now on."""
        self._set(1, number)
        self._set(0, _DIE)

    def struck(self) -> int:
        return struct.unpack_from("I", self._words, 8)[0]

    def _set(self, word: int, value: int) -> None:
        struct.pack_into("I", self._words, 4 * word, value)


class SmallDisk:
    """A tmpfs of a few megabytes; `fill` leaves nothing free, `free` gives it back. Needs root."""

    def __init__(self, mount_point: pathlib.Path, megabytes: int):
        mount_point.mkdir(parents=True)
        self.mount_point = mount_point
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", str(mount_point)],
                       check=True)

    def fill(self) -> None:
        with open(self.mount_point / "ballast", "ab", buffering=0) as ballast:
            size = 1 << 20
            while size:
                try:
                    if ballast.write(bytes(size)) < size:
                        raise OSError
                except OSError:
                    size //= 2

    def free(self) -> None:
        (self.mount_point / "ballast").unlink(missing_ok=True)

    def unmount(self) -> None:
        subprocess.run(["umount", "-l", str(self.mount_point)], check=False)


def may_mount() -> bool:
    return os.geteuid() == 0
