"""Many credentials of a file: `token-client credential import` and `apply`."""

import json
import subprocess

import pytest

from harness.operator import Operator, state
from harness.process import eventually
from harness.scripted_provider import ScriptedProvider
from harness.tools import program

SENTINEL = "sentinel0badcafe"


@pytest.fixture
def provider():
    made = ScriptedProvider()
    yield made
    made.close()


@pytest.fixture
def server(provider, start_server):
    return start_server([], defaults={"token_endpoint": provider.token_endpoint})


def line(name, **more) -> str:
    return json.dumps({"name": name, "client_id": "c", "refresh_token": f"RT-{SENTINEL}-{name}", **more})


def run(server, tmp_path, command, lines, *flags):
    file = tmp_path / "credentials.jsonl"
    file.write_text("\n".join(lines) + "\n")
    where = [str(file)] if command == "import" else ["-f", str(file)]
    done = subprocess.run([program("token-client"), "credential", command, *where, f"--server={server.address}", *flags],
                          capture_output=True, text=True, timeout=120)
    assert SENTINEL not in done.stdout + done.stderr
    return done


def test_a_second_run_changes_nothing(server, provider, tmp_path):
    lines = [line("a", scope="s"), line("b", purpose="mail"), "", line("c")]
    dry = run(server, tmp_path, "import", lines, "--dry_run")
    assert (dry.returncode, dry.stdout) == (0, "line 1: a: would be created\nline 2: b: would be created\n"
                                               "line 4: c: would be created\n")
    assert Operator(server.api).names() == [[]] and provider.sent == []

    first = run(server, tmp_path, "import", lines)
    assert (first.returncode, first.stdout, first.stderr) == (
        0, "line 1: a: created\nline 2: b: created\nline 4: c: created\n", "token-client: 3 created\n")
    operator = Operator(server.api)
    eventually(lambda: all(operator.get(name).generation == 1 for name in "abc"), 20, "all have a token")

    second = run(server, tmp_path, "import", lines)
    assert (second.returncode, second.stderr) == (0, "token-client: 3 unchanged\n")
    assert sorted(provider.sent) == sorted(f"RT-{SENTINEL}-{name}" for name in "abc"), "each was sent once"


def test_good_lines_are_taken_beside_bad_ones(server, tmp_path):
    bad = ["{", '{"name": "x", "refresh_tokn": "' + SENTINEL + '"}', '{"client_id": "c"}', line("good"), line("good"),
           line("Upper"), json.dumps({"name": "nothing", "client_id": "c"}), "[1]", "x" * 70000]
    done = run(server, tmp_path, "import", bad)
    assert done.returncode == 1
    told = dict(each.split(": ", 1) for each in done.stdout.splitlines())
    assert told["line 1"] == told["line 8"] == "not a JSON object"
    assert told["line 2"] == 'a credential has no field "refresh_tokn"'
    assert told["line 3"] == "name: is required"
    assert told["line 4"] == "good: created"
    assert told["line 5"] == "good: the same name as in line 4"
    assert "INVALID_REQUEST" in told["line 6"] and "INVALID_REQUEST" in told["line 7"]
    assert told["line 9"] == "longer than 65536 bytes"
    assert Operator(server.api).names() == [["good"]]
    as_json = run(server, tmp_path, "import", bad, "--format=json")
    assert [json.loads(each)["ok"] for each in as_json.stdout.splitlines()] == [False] * 3 + [True] + [False] * 5


def test_what_is_there_and_differs_is_left_by_import_and_changed_by_apply(server, provider, tmp_path):
    run(server, tmp_path, "import", [line("a", scope="s")])
    operator = Operator(server.api)
    eventually(lambda: operator.get("a").generation == 1, 20, "a token")
    changed = [line("a", scope="s t", purpose="mail"), line("b")]
    left = run(server, tmp_path, "import", changed)
    assert (left.returncode, left.stdout) == (
        1, "line 1: a: is there already and differs in purpose, scope\nline 2: b: created\n")
    applied = run(server, tmp_path, "apply", changed)
    assert (applied.returncode, applied.stdout) == (0, "line 1: a: updated\nline 2: b: unchanged\n")
    assert operator.get("a").scope == "s t"
    assert provider.sent.count(f"RT-{SENTINEL}-a") == 1, "no old list's refresh token comes back"
    assert run(server, tmp_path, "apply", changed).stderr == "token-client: 2 unchanged\n"


def test_an_old_list_does_not_bring_a_spent_token_back(server, provider, tmp_path):
    run(server, tmp_path, "import", [line("a")])
    operator = Operator(server.api)
    eventually(lambda: operator.get("a").generation == 1, 20, "a token")
    operator.delete("a")
    again = run(server, tmp_path, "import", [line("a")])
    assert again.returncode == 1 and "REFRESH_TOKEN_SPENT" in again.stdout
    assert provider.sent == [f"RT-{SENTINEL}-a"]


def test_two_thousand_lines(server, tmp_path):
    lines = [line(f"tenant-{i}") for i in range(2000)]
    done = run(server, tmp_path, "import", lines)
    assert (done.returncode, done.stderr) == (0, "token-client: 2000 created\n"), done.stdout[-500:]
    assert run(server, tmp_path, "import", lines).stderr == "token-client: 2000 unchanged\n"
    assert state(Operator(server.api).get("tenant-1999")) in ("ACTIVE", "NEW")


def test_a_file_that_is_not_there_is_wrong_usage(server, tmp_path):
    done = subprocess.run([program("token-client"), "credential", "import", str(tmp_path / "none"),
                           f"--server={server.address}"], capture_output=True, text=True)
    assert done.returncode == 2 and "cannot be read" in done.stderr
