"""tests/torture: a minute of it, that it can tell a loss from a traced one, and that what ships has none of it."""

import pathlib
import re
import subprocess
import sys

import pytest

from harness.tools import ROOT, program

TORTURE = ROOT / "tests" / "torture"
sys.path.insert(0, str(TORTURE))

from callers import Handed  # noqa: E402
from judge import Judge, named_twice  # noqa: E402
from provider import Class, Provider  # noqa: E402
from proxy import Wire  # noqa: E402
from trace import DEAD, OUTCOMES, Run  # noqa: E402


def test_the_shipped_program_has_no_crash_points():
    marks = (b"TORTURE_", b"AtCrashPoint", b"after-exchange")
    shipped = pathlib.Path(program("token-server")).read_bytes()
    tortured = pathlib.Path(program("token-server-torture")).read_bytes()
    assert not [mark for mark in marks if mark in shipped]
    assert not [mark for mark in marks if mark not in tortured]


def test_a_minute_of_torture_loses_nothing_untraced():
    done = subprocess.run([str(TORTURE / "torture"), "--seconds=50"], capture_output=True, text=True, timeout=400)
    print(done.stdout, done.stderr)
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-2000:]}"
    summary = done.stdout.splitlines()[-1]
    refreshes, kills = (int(re.search(rf"(\d+) {what}", summary).group(1)) for what in ("refreshes", "kills"))
    assert refreshes > 300 and kills > 5, f"hardly any torture: {summary}"


class Story:
    """One credential's life, told step by step: a provider's ledger and the trace that a server would have left."""

    def __init__(self, directory: pathlib.Path, lifetime: int = 1000, **kind):
        self.directory, self.time = directory, 100.0
        self.provider = Provider(seed=1, rate=0)
        self.token = self.provider.mint("alpha", Class("told", **kind), lifetime)
        self.runs: list[Run] = []
        self.start()

    def start(self):
        number = len(self.runs)
        self.runs.append(Run(number, self.time, self.directory / f"trace-{number}"))

    def end(self, ending: str):
        self.time += 1
        self.runs[-1].ended, self.runs[-1].ending = self.time, ending

    def pass_(self, point: str, value: int = 0):
        self.time += 0.001
        with open(self.runs[-1].trace, "a") as trace:
            trace.write(f"{round(self.time * 1e9)} {point} alpha {value}\n")

    def flight(self, outcome: str | None = "granted", cut: str | None = None, committed: bool = True,
               token: str | None = None, ended: int | None = None) -> str | None:
        """The refresh token that the provider's answer held."""
        for point in ("before-begin", "after-begin", "before-exchange"):
            self.pass_(point)
        wire = Wire(self.time, fault=cut, credential="alpha", relayed=cut is None)
        form = {"grant_type": "refresh_token", "client_id": "torture", "refresh_token": token or self.token}
        _, _, body, _ = self.provider.exchange(form, wire)
        self.provider.ledger[-1].at = self.time
        if outcome is not None:
            self.pass_("after-exchange", OUTCOMES.index(outcome))
        if outcome == "granted":
            self.pass_("before-commit", 1)
            if committed:
                self.pass_("before-publish", 1)
        elif outcome is not None:
            dead = DEAD if outcome == "dead" else 0
            self.pass_("after-conclude", dead if ended is None else ended)
        found = re.search(r'"refresh_token": "([^"]*)"', body.decode())
        return found and found.group(1)

    def rotate(self):
        self.token = self.flight()

    def verdict(self):
        return Judge(self.provider, self.runs, {}, {}, {}).judge()


@pytest.fixture
def story(tmp_path):
    it = Story(tmp_path)
    it.rotate()
    it.time += 10
    return it


def test_an_answer_cut_on_its_way_is_a_traced_loss(story):
    story.flight("in doubt", cut="reset after")
    story.flight("dead")
    verdict = story.verdict()
    assert not verdict.violations
    assert [loss.how for loss in verdict.losses] == ["answer cut by the network: reset after"]


def test_a_first_invalid_grant_that_is_not_believed_is_no_end(story):
    story.flight("in doubt", cut="reset after")
    story.flight("dead", ended=1)  # In doubt.
    story.flight("dead")
    assert not story.verdict().violations


def test_a_kill_between_answer_and_commit_is_a_traced_loss(story):
    story.flight(committed=False)
    story.end("before-commit")
    story.start()
    story.flight("dead")
    verdict = story.verdict()
    assert not verdict.violations
    assert [loss.how for loss in verdict.losses] == ["killed between answer and commit (before-commit)"]


@pytest.mark.parametrize("what, tell", [
    ("although its successor was stored", lambda it: (it.flight(), it.flight("dead"))),
    ("nothing explains it", lambda it: (it.flight(committed=False), it.flight("dead"))),
    ("nothing explains it", lambda it: (it.flight(committed=False), it.flight("dead"), it.end("killed later"))),
    ("a whole answer taken for: in doubt", lambda it: it.flight("in doubt")),
    ("a spent refresh token taken for: unspent", lambda it: it.flight("unspent", cut="reset after")),
    ("a replay outside the rule", lambda it: (it.flight("in doubt", cut="reset after"), setattr(it, "time", it.time + 30),
                                              it.flight("dead"))),
    ("posted although the grant was known to be dead", lambda it: (it.flight("in doubt", cut="reset after"),
                                                                   it.flight("dead"), it.flight("dead"))),
    ("never handed out", lambda it: it.flight("dead", token="made up")),
])
def test_what_nothing_explains_is_a_violation(story, what, tell):
    tell(story)
    violations = story.verdict().violations
    assert [each for each in violations if what in each], violations


def test_a_generation_that_names_two_tokens_is_a_violation():
    def handed(credential, generation, access_token):
        return Handed(credential, generation, access_token, asked=1, got=2)
    history = [handed("alpha", 7, "a"), handed("alpha", 8, "b"), handed("beta", 8, "c"), handed("alpha", 8, "b")]
    assert not named_twice(history)
    assert named_twice(history + [handed("alpha", 8, "d")]) == ["alpha: generation 8 names 2 access tokens"]
