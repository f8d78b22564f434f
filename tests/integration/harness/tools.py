"""Where programs are, and what to do when one is missing."""

import os
import pathlib
import shutil

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
BIN = pathlib.Path(os.environ.get("TOKEN_SERVICE_BIN", ROOT / "build" / "release" / "bin")).resolve()
# For what the tests fetch and build themselves.
WORK = BIN.parent / "integration"
IN_CI = os.environ.get("CI", "").lower() == "true"


def program(name: str) -> str:
    """One of this project's programs."""
    path = BIN / name
    if not path.exists():
        pytest.fail(f"{path} is not there: build it, or set TOKEN_SERVICE_BIN", pytrace=False)
    return str(path)


def need(tool: str, hint: str) -> str:
    """A program of somebody else's. Without it the test is skipped, in CI it fails."""
    path = shutil.which(tool)
    if path is None:
        missing(f"{tool} is not installed ({hint})")
    return path


def skip_under_address_sanitizer(why: str) -> None:
    """For what the sanitizer's runtime replaces. The same test runs on the other builds."""
    if b"__asan_init" in pathlib.Path(program("token-server")).read_bytes():
        pytest.skip(why)


def missing(why: str) -> None:
    if IN_CI:
        pytest.fail(why, pytrace=False)
    pytest.skip(why)
