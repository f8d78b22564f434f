"""The real grpcurl."""

import functools
import os
import pathlib
import shutil
import subprocess

from .tools import WORK, missing

# The newest that Go 1.19, Debian 12's, still builds.
_MODULE = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.8.9"


@functools.lru_cache(maxsize=None)
def grpcurl() -> pathlib.Path:
    """Built once a build directory, with whatever Go the machine has."""
    directory = WORK / "grpcurl"
    path = directory / "grpcurl"
    if path.exists():
        return path
    go = shutil.which("go") or missing("Go is not installed (package golang-go), so no grpcurl")
    directory.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([go, "install", _MODULE], capture_output=True, text=True, timeout=900,
                          env={**os.environ, "GOBIN": str(directory), "GOFLAGS": "-mod=mod",
                               "GOTOOLCHAIN": "local"})
    if done.returncode != 0:
        missing(f"go install {_MODULE} failed: {done.stderr.strip()[-400:]}")
    return path
