"""Prometheus' text format, read strictly: what a scraper may stumble over fails the test."""

import math
import re
import subprocess

from . import http, tools

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')


class Page:
    """Samples by name and labels; `page("name", label="value")` is a number, None when there is none."""

    def __init__(self, text: str):
        self.text = text
        self.types: dict[str, str] = {}
        self.samples: dict[tuple, float] = {}
        helped = set()
        assert text.endswith("\n")
        for line in text.splitlines():
            if line.startswith("# HELP "):
                name = line.split(" ", 3)[2]
                assert name not in helped, f"{name}: two families"
                helped.add(name)
            elif line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                assert name in helped and name not in self.types and _NAME.fullmatch(name), line
                self.types[name] = kind
            else:
                self._add_sample(line)

    def _add_sample(self, line: str) -> None:
        found = _SAMPLE.fullmatch(line)
        assert found, line
        name, labels, value = found.groups()
        pairs = _LABEL.findall(labels or "")
        assert _LABEL.sub("", labels or "") == "", line
        assert len({label for label, _ in pairs}) == len(pairs), f"a label twice: {line}"
        assert self.family(name), f"a sample without its family: {line}"
        key = (name, frozenset(pairs))
        assert key not in self.samples, f"twice: {line}"
        self.samples[key] = float(value)

    def family(self, sample: str) -> str | None:
        base = re.sub(r"_(bucket|sum|count)$", "", sample)
        if self.types.get(base) in ("histogram", "summary"):
            return base
        return sample if sample in self.types else None

    def __call__(self, name: str, **labels: str) -> float | None:
        return self.samples.get((name, frozenset(labels.items())))

    def sum(self, name: str, **labels: str) -> float:
        """Of all samples with at least these labels."""
        return sum(value for (each, pairs), value in self.samples.items()
                   if each == name and labels.items() <= dict(pairs).items())

    def values(self, name: str, label: str) -> set[str]:
        return {dict(pairs)[label] for each, pairs in self.samples if each == name}

    def check(self) -> None:
        """Conventions, and what histograms promise."""
        for name, kind in self.types.items():
            assert (kind == "counter") == name.endswith("_total"), f"{name} is a {kind}"
        for (name, pairs), value in self.samples.items():
            if self.types.get(self.family(name)) == "counter":
                assert value >= 0 and not math.isnan(value), name
        for name in [name for name, kind in self.types.items() if kind == "histogram"]:
            for key in {pairs for each, pairs in self.samples if each == name + "_count"}:
                self._check_histogram(name, key)

    def _check_histogram(self, name: str, key: frozenset) -> None:
        buckets = sorted((float(dict(pairs)["le"]), value) for (each, pairs), value in self.samples.items()
                         if each == name + "_bucket" and key < pairs)
        counts = [count for _, count in buckets]
        assert buckets[-1][0] == math.inf and counts == sorted(counts), name
        assert counts[-1] == self.samples[(name + "_count", key)], name


def address(server) -> str:
    return server.events("serving metrics")[0]["address"]


def scrape(server) -> Page:
    status, text = http.call(f"http://{address(server)}/metrics")
    assert status == 200, text
    page = Page(text)
    page.check()
    return page


def promtool(*arguments: str, text: str = "", directory=None) -> None:
    fetched = tools.ROOT / "build" / "promtool" / "promtool"
    tool = str(fetched) if fetched.exists() else tools.need("promtool", "scripts/install-dependencies --tests")
    done = subprocess.run([tool, *arguments], input=text, capture_output=True, text=True, timeout=120, cwd=directory)
    assert done.returncode == 0, done.stdout + done.stderr
