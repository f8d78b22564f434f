"""This machine's file system with a layer of its own on top: what is installed there is installed nowhere else."""

import os
import pathlib
import subprocess

from .tools import missing, need

_MOUNT = """
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t tmpfs tmpfs "$1/root/run"
mount --bind /dev "$1/root/dev"
mount --bind /proc "$1/root/proc"
echo mounted
exec sleep infinity
"""


class SpareRoot:
    def __init__(self, directory: pathlib.Path):
        if os.geteuid() != 0:
            missing("mounting takes root")
        need("nsenter", "package util-linux")
        directory.mkdir(parents=True)
        # The mounts are this process's alone and go with it.
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation=private", "sh", "-c", _MOUNT, "sh", str(directory)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self._holder.stdout.readline() != "mounted\n":
            missing(f"no overlay can be mounted here: {self._holder.communicate()[1].strip()}")
        self._root = directory / "root"

    def path(self, inside: str) -> pathlib.Path:
        """A file in there, seen from here; also the sockets."""
        return pathlib.Path(f"/proc/{self._holder.pid}/root{self._root}{inside}")

    def command(self, *command: str) -> list[str]:
        return ["nsenter", f"--target={self._holder.pid}", "--mount", "chroot", str(self._root), *command]

    def try_run(self, *command: str, **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            self.command(*command), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8",
                 **environment})

    def run(self, *command: str, **environment: str) -> str:
        done = self.try_run(*command, **environment)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def make_read_only(self) -> None:
        """All but what is mounted below it."""
        done = subprocess.run(["nsenter", f"--target={self._holder.pid}", "--mount", "mount", "-o", "remount,ro,bind",
                               str(self._root)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr

    def close(self) -> None:
        self._holder.kill()
        self._holder.communicate()
