"""The real h2spec: what a server makes of HTTP/2, well-formed and not."""

import concurrent.futures
import functools
import os
import pathlib
import shutil
import subprocess
import xml.etree.ElementTree

from .tools import ROOT, WORK, missing

# The newest that the Go proxy has, with libraries that Go 1.19, Debian 12's, builds.
_MODULE = ROOT / "tests/integration/h2spec"
_PROGRAM = "github.com/summerwind/h2spec/cmd/h2spec"


@functools.lru_cache(maxsize=None)
def h2spec() -> pathlib.Path:
    """Built once a build directory."""
    path = WORK / "h2spec" / "h2spec"
    if path.exists():
        return path
    go = shutil.which("go") or missing("Go is not installed (package golang-go), so no h2spec")
    source = path.parent / "module"
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(_MODULE, source)
    done = subprocess.run([go, "build", "-mod=mod", "-o", str(path), _PROGRAM], cwd=source, capture_output=True, text=True,
                          timeout=900, env={**os.environ, "GOFLAGS": "", "GOTOOLCHAIN": "local"})
    if done.returncode != 0:
        missing(f"go build {_PROGRAM} failed: {done.stderr.strip()[-400:]}")
    return path


def run(address: str, directory: pathlib.Path, sections: list[list[str]], patience: int = 1) -> dict[str, bool]:
    """Case ("http2/5.1 #1") → did it pass, with so many seconds for each answer. Each list of sections is one run, all at
    once: most of it is waiting. What h2spec skips is left out."""
    host, port = address.rsplit(":", 1)

    def one(number: int) -> dict[str, bool]:
        report = directory / f"h2spec-{number}.xml"
        done = subprocess.run([h2spec(), "-h", host, "-p", port, "-o", str(patience), "-j", report, *sections[number]],
                              capture_output=True, text=True, timeout=300)
        assert report.exists(), done.stdout[-400:] + done.stderr[-400:]
        return read(report)
    with concurrent.futures.ThreadPoolExecutor(len(sections)) as threads:
        return {case: passed for each in threads.map(one, range(len(sections))) for case, passed in each.items()}


def read(report: pathlib.Path) -> dict[str, bool]:
    cases = {}
    for suite in xml.etree.ElementTree.parse(report).getroot().iter("testsuite"):
        for number, case in enumerate(suite.findall("testcase"), 1):
            if case.find("skipped") is None:
                failed = case.find("failure") is not None or case.find("error") is not None
                cases[f"{suite.get('package')} #{number}"] = not failed
    return cases
