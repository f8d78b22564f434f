"""token-client watch, and token-client exec: a token for a child process."""

import json
import os
import pathlib
import signal
import subprocess
import sys

import pytest

from harness.operator import Operator
from harness.process import Process, eventually
from harness.tools import program

CLIENT = program("token-client")


def execute(server, *arguments: str, **more) -> subprocess.CompletedProcess:
    return subprocess.run([CLIENT, f"--server={server.address}", "exec", *arguments], capture_output=True,
                          text=True, timeout=60, **more)


def child(tmp_path: pathlib.Path, script: str) -> list[str]:
    path = tmp_path / "child.py"
    path.write_text(script)
    return ["--", sys.executable, "-B", str(path)]


@pytest.fixture
def start(tmp_path):
    """start("exec", …): token-client, ended with the test."""
    started = []

    def begin(server, *arguments: str) -> Process:
        process = Process([CLIENT, f"--server={server.address}", *arguments], tmp_path / f"client-{len(started)}")
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()


def test_the_child_finds_the_token_in_a_descriptor(start_sandbox, start_server):
    server = start_server([start_sandbox().credential()])
    token = server.api.get().access_token

    done = execute(server, "--", "sh", "-c", "cat <&$TOKEN_FD; env >&2")

    assert (done.returncode, done.stdout) == (0, token)
    assert "TOKEN_FD=3" in done.stderr and token not in done.stderr


def test_the_descriptor_is_of_the_callers_choosing_and_cannot_be_written(start_sandbox, start_server):
    server = start_server([start_sandbox().credential()])
    token = server.api.get().access_token

    done = execute(server, "--token_fd=7", "--format=header", "--",
                   "sh", "-c", "cat /dev/fd/7; echo x >/dev/fd/7 || exit 9")

    assert done.stdout == f"Authorization: Bearer {token}"
    assert done.returncode == 9


def test_the_child_finds_the_token_in_its_environment_when_asked_for(start_sandbox, start_server):
    server = start_server([start_sandbox().credential()])

    done = execute(server, "--token_env=API_TOKEN", "--", "sh", "-c", 'printf %s "$API_TOKEN"; ls /proc/self/fd/3')

    assert done.stdout == server.api.get().access_token
    assert done.returncode != 0, "no descriptor that was not asked for"


def test_no_token_is_in_the_clients_own_arguments_or_environment(start_sandbox, start_server, start, tmp_path):
    server = start_server([start_sandbox().credential()])
    token = server.api.get().access_token.encode()
    ready = tmp_path / "ready"
    process = start(server, "exec", f"--token_file={tmp_path / 'token'}", "--",
                    "sh", "-c", f"echo $$ >{ready}; sleep 60")
    eventually(lambda: ready.exists() and ready.read_text(), 30, "the child runs")
    for pid in (str(process.pid), ready.read_text().strip()):
        for name in ("cmdline", "environ"):
            assert token not in pathlib.Path("/proc", pid, name).read_bytes()


def test_the_file_is_kept_fresh_for_its_owner_alone_and_removed(start_sandbox, start_server, tmp_path):
    server = start_server([start_sandbox(ttl="3s").credential()])
    directory = pathlib.Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else tmp_path
    path = directory / f"token-of-{os.getpid()}"

    done = execute(server, f"--token_file={path}", *child(tmp_path, f"""
import os, stat, time
path = {str(path)!r}
assert os.environ["TOKEN_FILE"] == path
seen = set()
end = time.monotonic() + 30
while len(seen) < 3 and time.monotonic() < end:
    text = open(path).read()
    assert text and text.count(".") == 2, "a whole token"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    seen.add(text)
assert len(seen) == 3
"""))

    assert done.returncode == 0, done.stderr
    assert not path.exists()
    assert not list(directory.glob(f"{path.name}*"))
    assert done.stderr == "" or directory == tmp_path


def test_a_file_on_disk_is_warned_of(start_sandbox, start_server, tmp_path):
    server = start_server([start_sandbox().credential()])
    kind = subprocess.run(["stat", "-f", "-c", "%T", tmp_path], capture_output=True, text=True).stdout.strip()
    if kind in ("tmpfs", "ramfs"):
        pytest.skip("no disk here")
    done = execute(server, f"--token_file={tmp_path / 'token'}", "--", "true")
    assert done.returncode == 0 and "not in memory" in done.stderr


@pytest.mark.parametrize("kind", ["file", "link to a file", "dangling link", "directory"])
def test_what_is_there_already_is_left_alone(tmp_path, kind):
    path, other = tmp_path / "token", tmp_path / "other"
    if kind == "directory":
        path.mkdir()
    elif kind == "file":
        path.write_text("precious")
    else:
        if kind == "link to a file":
            other.write_text("precious")
        path.symlink_to(other)
    before = sorted(tmp_path.iterdir())

    # Not even the server is asked.
    done = subprocess.run([CLIENT, f"--server=unix:{tmp_path}/nobody", "exec", f"--token_file={path}", "--", "true"],
                          capture_output=True, text=True, timeout=60)

    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "is there already" in done.stderr
    assert sorted(tmp_path.iterdir()) == before
    if kind in ("file", "link to a file"):
        assert path.read_text() == "precious"


def test_a_claim_that_nobody_has_finished_gives_no_right_to_what_is_there(tmp_path):
    """Another is just making it, or was killed before it had looked."""
    path, claim = tmp_path / "token", tmp_path / "token.token-client"
    path.write_text("precious")
    claim.touch()

    done = subprocess.run([CLIENT, f"--server=unix:{tmp_path}/nobody", "exec", f"--token_file={path}", "--", "true"],
                          capture_output=True, text=True, timeout=60)

    assert done.returncode == 2 and "is there already" in done.stderr
    assert path.read_text() == "precious" and not claim.exists()


def test_what_came_while_there_was_no_token_yet_is_left_alone(tmp_path, start):
    class Nobody:
        address = f"unix:{tmp_path}/nobody"
    path, claim = tmp_path / "token", tmp_path / "token.token-client"
    process = start(Nobody, "--timeout=5s", "exec", f"--token_file={path}", "--", "true")
    eventually(lambda: claim.exists() and claim.read_bytes(), 30, "the claim", interval=0.01)
    path.write_text("precious")
    assert process.wait() == 1
    assert path.read_text() == "precious" and not claim.exists()


def test_the_file_of_one_that_was_killed_is_taken_over_and_of_one_that_lives_is_not(start_sandbox, start_server, start,
                                                                                     tmp_path):
    server = start_server([start_sandbox().credential()])
    path = tmp_path / "token"
    child_pid = tmp_path / "child"
    process = start(server, "exec", f"--token_file={path}", "--", "sh", "-c", f"echo $$ >{child_pid}; exec sleep 600")
    eventually(lambda: child_pid.exists() and child_pid.read_text(), 30, "the child runs")

    second = execute(server, f"--token_file={path}", "--", "true")
    assert second.returncode == 2 and "another token-client" in second.stderr
    assert path.read_text() == server.api.get().access_token

    process.signal(signal.SIGKILL)
    process.wait()
    os.kill(int(child_pid.read_text()), signal.SIGKILL)
    assert path.exists()
    third = execute(server, f"--token_file={path}", "--", "sh", "-c", 'cat "$TOKEN_FILE"')
    assert third.returncode == 0 and third.stdout == server.api.get().access_token
    assert not list(tmp_path.glob("token*"))


@pytest.mark.parametrize("command, code", [
    (["sh", "-c", "exit 0"], 0), (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -KILL $$"], 137),
    (["no-such-program-here"], 127), (["/etc/passwd"], 126)])
def test_the_exit_status_is_the_childs(start_sandbox, start_server, tmp_path, command, code):
    server = start_server([start_sandbox().credential()])
    path = tmp_path / "token"
    assert execute(server, f"--token_file={path}", "--", *command).returncode == code
    assert not path.exists()


def test_arguments_go_to_the_child_as_they_are(start_sandbox, start_server):
    server = start_server([start_sandbox().credential()])
    done = execute(server, "--", "printf", "%s\n", "--server=", "get", "", "--help", "a b")
    assert done.stdout == "--server=\nget\n\n--help\na b\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signals_go_to_the_child(start_sandbox, start_server, start, tmp_path, number):
    server = start_server([start_sandbox().credential()])
    path = tmp_path / "token"
    process = start(server, "exec", f"--token_file={path}", *child(tmp_path, f"""
import signal, sys
signal.signal({int(number)}, lambda *_: sys.exit(40))
print("ready", flush=True)
while True: signal.pause()
"""))
    eventually(lambda: "ready" in process.stdout(), 30, "the child runs")

    process.signal(number)

    assert process.wait() == 40
    assert not path.exists()


def test_the_child_runs_on_while_the_server_restarts(start_sandbox, start_server, start, tmp_path):
    sandbox = start_sandbox(ttl="4s")
    server = start_server([sandbox.credential()], listen=[f"unix:{tmp_path}/s"])
    path = tmp_path / "token"
    process = start(server, "exec", f"--token_file={path}", "--", "sleep", "600")
    eventually(path.exists, 30, "the token is there")

    server.kill()
    server.start()
    generation = server.api.get().generation
    while server.api.get().generation < generation + 2:
        pass
    eventually(lambda: path.read_text() == server.api.get().access_token, 30, "it is fresh again")

    process.signal(signal.SIGTERM)
    assert process.wait() == 128 + signal.SIGTERM


def test_without_a_token_nothing_is_run(start_sandbox, start_server, tmp_path):
    server = start_server([start_sandbox().credential()])
    done = execute(server, "--credential=nobody", "--", "touch", str(tmp_path / "ran"))
    assert done.returncode == 1 and not (tmp_path / "ran").exists()
    assert done.stderr.count("\n") == 1 and "NOT_FOUND CREDENTIAL_NOT_FOUND" in done.stderr


def test_a_server_that_is_not_there_is_one_line_after_the_timeout(tmp_path):
    done = subprocess.run([CLIENT, f"--server=unix:{tmp_path}/nobody", "--timeout=300ms", "exec", "--", "true"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "UNAVAILABLE" in done.stderr


@pytest.mark.parametrize("arguments", [
    [], ["--token_fd=1", "--", "true"], ["--token_env=A=B", "--", "true"], ["--token_file=/nowhere/token", "--", "true"],
    ["--token_file=", "--", "true"], ["--token_env=", "--", "true"],
    ["--tls_ca_file=/nowhere", "--", "true"]])
def test_wrong_usage_is_exit_2_and_one_line(start_sandbox, start_server, arguments):
    server = start_server([start_sandbox().credential()])
    done = execute(server, *arguments)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr


def test_watch_prints_each_new_token_and_ends_with_the_status(start_sandbox, start_server, start):
    server = start_server([start_sandbox(ttl="3s").credential()])
    process = start(server, "watch", "--format=json")
    lines = eventually(lambda: len(found := process.stdout().splitlines()) >= 3 and found, 30, "three tokens came")
    assert [json.loads(line)["generation"] for line in lines[:3]] == ["1", "2", "3"]

    server.terminate()

    assert process.wait() == 1
    assert "UNAVAILABLE SHUTTING_DOWN" in process.stderr() and process.stderr().count("\n") == 1


def test_watch_ends_when_the_credential_is_deleted(start_sandbox, start_server, start):
    sandbox = start_sandbox()
    server = start_server([], token_endpoints=[sandbox.url])
    operator = Operator(server.api)
    operator.create("inbox", client_id="sandbox", token_endpoint=sandbox.token_endpoint,
                    refresh_token=sandbox.mint("inbox").read_text().strip())
    process = start(server, "watch", "--credential=inbox", "--format=header")
    eventually(lambda: process.stdout().startswith("Authorization: Bearer "), 30, "the token came")

    operator.delete("inbox")

    assert process.wait() == 1
    assert "NOT_FOUND CREDENTIAL_NOT_FOUND" in process.stderr()


def test_watch_that_gets_no_first_token_in_time_says_so(start_sandbox, start_server):
    server = start_server([start_sandbox(latency="20s").credential()])
    done = subprocess.run([CLIENT, f"--server={server.address}", "--timeout=300ms", "watch"], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 1 and "DEADLINE_EXCEEDED" in done.stderr
    server.kill()
