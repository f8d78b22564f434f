"""What is at rest: rows that somebody has changed, files that are no good, and memory that nobody may see."""

import base64
import os
import pathlib
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile

import pytest

from harness.clock import MovableClock
from harness.keyring import Keyring, new_key
from harness.operator import Operator, state
from harness.process import Process, eventually
from harness.token_server import TokenServer
from harness.tools import missing, need, program, skip_under_address_sanitizer

NOBODY = 65534


# ---- rows


def edit(server, *statements: str) -> dict[str, tuple]:
    """Changes the database by hand; returns what is in it then."""
    database = sqlite3.connect(server.data_dir / "credentials.db")
    with database:
        for statement in statements:
            assert database.execute(statement).rowcount > 0, statement
    rows = {row[0]: row for row in database.execute(
        "SELECT name, refresh_token, seed, client_secret, access_token, grant_state, generation FROM credentials")}
    database.close()
    return rows


def flipped(column: str, position: str) -> str:
    """SQL for the column with one byte made another one."""
    return (f"CAST(substr({column}, 1, {position} - 1) || "
            f"CASE substr({column}, {position}, 1) WHEN x'00' THEN x'01' ELSE x'00' END || "
            f"substr({column}, {position} + 1) AS BLOB)")


DAMAGE = {
    "changed-cipher": f"refresh_token = {flipped('refresh_token', '60')}",
    "changed-first": f"refresh_token = {flipped('refresh_token', '1')}",
    "changed-key-id": f"refresh_token = {flipped('refresh_token', '4')}",
    "changed-last": f"access_token = {flipped('access_token', 'length(access_token)')}",
    "cut": "refresh_token = substr(refresh_token, 1, length(refresh_token) - 1)",
    "elsewhere": "token_endpoint = 'https://127.0.0.1:1/token'",
    "emptied": "refresh_token = x''",
    "moved-generation": "generation = generation + 1",
    "no-text": "purpose = CAST(x'ff41' AS TEXT)",
    "of-another": "refresh_token = (SELECT refresh_token FROM credentials WHERE name = 'whole')",
    "of-another-field": "refresh_token = access_token",
    "grant_state": "grant_state = 'splendid'",
}


def test_damage_disables_one_credential_and_the_rest_serves(start_sandbox, make_server, tmp_path):
    sandbox = start_sandbox(ttl="1h")
    keyring = Keyring(tmp_path / "keyring").write("the-key")
    names = [*DAMAGE, "whole"]
    server = make_server([sandbox.credential(name, name) for name in names], sealing=keyring.config).start()
    for name in names:
        assert server.api.get(name).generation == 1
    server.stop()
    spent = sandbox.stats()["token_requests"]
    damaged = edit(server, *(f"UPDATE credentials SET {how} WHERE name = '{name}'" for name, how in DAMAGE.items()))

    server.start()

    operator = Operator(server.api)
    assert operator.names() == [sorted(names)]
    for name in DAMAGE:
        assert state(operator.get(name)) == "DISABLED", name
        refusal = server.api.refusal(name)
        assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "CREDENTIAL_DISABLED"), name
        assert operator.refusal("ReplaceRefreshToken", name=name, refresh_token="x").reason == "CREDENTIAL_DISABLED"
    told = server.events("credential disabled: what is stored of it does not open")
    assert {line["credential"] for line in told} == set(DAMAGE)
    assert server.api.get("whole").generation == 1
    assert state(operator.refresh("whole")) == "ACTIVE"
    assert sandbox.stats()["token_requests"] == spent + 1, "a damaged credential reached the provider"
    server.stop()
    server.configure([sandbox.credential("another", "another")], sealing=keyring.config)  # They are not declared now.
    server.start()
    assert Operator(server.api).names() == [sorted([*names, "another"])]
    server.stop()
    after = edit(server)
    assert {name: after[name] for name in DAMAGE} == {name: damaged[name] for name in DAMAGE}


def test_a_row_under_a_name_that_is_none_is_passed_over(start_sandbox, make_server):
    sandbox = start_sandbox(ttl="1h")
    credentials = [sandbox.credential(name, name) for name in ("control", "garbled", "whole")]
    server = make_server(credentials).start()
    for credential in credentials:
        server.api.get(credential["name"])
    server.stop()
    edit(server, "UPDATE credentials SET name = 'two' || char(10) || 'lines' WHERE name = 'control'")
    database = sqlite3.connect(server.data_dir / "credentials.db")
    with database:
        database.execute("UPDATE credentials SET name = CAST(x'ff41' AS TEXT) WHERE name = 'garbled'")
    database.close()
    server.configure(credentials[2:])

    server.start()

    assert server.api.get("whole").generation == 1
    assert Operator(server.api).names() == [["whole"]]
    assert len(server.events("passed over: a stored credential's name is none")) == 2


# ---- files: each is one line on stderr and exit code 1, and nothing is made worse


def refused(process: Process, code: int = 1) -> str:
    assert process.wait() == code, process.stderr()
    return complaint(process.stderr())


def complaint(stderr: str) -> str:
    """The one line that is for people; the log's may come before it or after."""
    lines = [line for line in stderr.splitlines() if not line.startswith("{")]
    assert len(lines) == 1 and lines[0].startswith("token-server: "), stderr
    return lines[0]


BAD_KEYRINGS = {
    "too short": (f"a {base64.b64encode(bytes(31)).decode()}\n", "a key is 32 bytes, this one is 31"),
    "too long": (f"a {base64.b64encode(bytes(33)).decode()}\n", "a key is 32 bytes, this one is 33"),
    "no base64": (f"a {'*' * 44}\n", "the key is not valid base64"),
    "id twice": (f"a {new_key()}\nb {new_key()}\na {new_key()}\n", "this id has been given to a key already"),
    "empty": ("", "holds no key"),
    "comments only": ("# none\n\n", "holds no key"),
    "binary": ("\x00\x01\x02", "want `ID BASE64`"),
    "too large": ("#" * 70_000, "is longer than 65536 bytes"),
}


@pytest.mark.parametrize("name", BAD_KEYRINGS)
def test_a_keyring_that_is_none(start_sandbox, make_server, tmp_path, name):
    text, wanted = BAD_KEYRINGS[name]
    keyring = Keyring(tmp_path / "keyring").write_text(text)
    server = make_server([start_sandbox().credential()], sealing=keyring.config)
    line = refused(server.launch())
    assert wanted in line and str(keyring.path) in line
    for word in text.split():
        assert len(word) < 40 or word not in line, "the line shows what may be a key"


def test_a_keyring_that_is_a_directory_or_not_there(start_sandbox, make_server, tmp_path):
    credential = start_sandbox().credential()
    (tmp_path / "directory").mkdir()
    # The configuration names what cannot be: found before anything is made, and as --check_config has it.
    for name, wanted in (("directory", "is a directory"), ("absent", "No such file or directory")):
        server = make_server([credential], sealing={"key_file": str(tmp_path / name)})
        line = refused(server.launch(), code=2)
        assert wanted in line and f"{server.config_file}:" in line and "sealing.key_file: " in line
        assert not server.data_dir.exists()


def test_a_lost_key_is_no_reason_to_make_another(start_sandbox, start_server):
    server = start_server([start_sandbox().credential()])
    server.api.get()
    server.stop()
    own = server.data_dir / "sealing.key"
    name = own.read_text().split()[0]
    own.unlink()

    line = refused(server.launch())

    assert f'lacks key "{name}", which 1 credential and the memory of spent refresh tokens need' in line
    assert not own.exists()


@pytest.mark.parametrize("what", ["garbage", "directory", "newer schema", "another program's"])
def test_a_database_that_is_none(start_sandbox, make_server, what):
    server = make_server([start_sandbox().credential()])
    server.data_dir.mkdir(mode=0o700)
    path = server.data_dir / "credentials.db"
    if what == "directory":
        path.mkdir()
    elif what == "garbage":
        path.write_bytes(os.urandom(20_000))
    else:
        server.start().stop()
        database = sqlite3.connect(path)
        database.execute("PRAGMA user_version=1000" if what == "newer schema" else "PRAGMA application_id=7")
        database.close()
    before = None if what == "directory" else path.read_bytes()

    line = refused(server.launch())

    assert str(path) in line
    assert {"garbage": "SQLITE_NOTADB", "directory": "Is a directory",
            "newer schema": "written by a newer token-server",
            "another program's": "another program's database"}[what] in line
    assert before is None or path.read_bytes() == before


def test_a_second_server_leaves_the_first_alone(start_sandbox, start_server):
    server = start_server([start_sandbox().credential()])
    line = refused(server.launch())
    assert line == f"token-server: {server.data_dir} is in use by another token-server (pid {server.process.pid})"
    assert server.api.get().generation == 1


# ---- as somebody who may not do everything


@pytest.fixture
def unprivileged(start_sandbox):
    """A configured server in a directory of nobody's, and how to run a command as nobody."""
    if os.geteuid() == 0:
        setpriv = need("setpriv", "util-linux")
        prefix = [setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    else:
        prefix = []
    base = pathlib.Path(tempfile.mkdtemp(prefix="token-server-nobody-"))
    try:
        if prefix:
            os.chown(base, NOBODY, NOBODY)
        credential = start_sandbox().credential()
        token = base / "refresh-token"
        token.write_text(pathlib.Path(credential["refresh_token_file"]).read_text())
        token.chmod(0o644)
        server = TokenServer(base, [{**credential, "refresh_token_file": str(token)}])
        yield server, prefix
        server.end()
    finally:
        shutil.rmtree(base)


def launch_as(server: TokenServer, prefix: list[str]) -> Process:
    process = Process([*prefix, program("token-server"), f"--config={server.config_file}"],
                      server.directory / f"unprivileged-{len(server.runs)}")
    server.runs.append(process)
    return process


def test_what_may_not_be_read_or_written(unprivileged):
    server, prefix = unprivileged
    server.process = launch_as(server, prefix)
    eventually(server._serving, 30, "token-server serves")
    assert server.stop() == 0
    database, key = server.data_dir / "credentials.db", server.data_dir / "sealing.key"
    before = database.read_bytes()

    for path, mode, whole in ((key, 0o000, 0o600), (database, 0o400, 0o600), (server.data_dir, 0o500, 0o700)):
        path.chmod(mode)
        if path == server.data_dir:  # What it would have to make anew.
            for name in ("owner.lock", "credentials.db-wal", "credentials.db-shm"):
                (server.data_dir / name).unlink(missing_ok=True)
        line = refused(launch_as(server, prefix))
        assert str(path) in line and "Permission denied" in line
        path.chmod(whole)
    assert database.read_bytes() == before
    server.process = launch_as(server, prefix)
    eventually(server._serving, 30, "token-server serves again")


def test_a_disk_that_is_full_at_the_start(start_sandbox, make_server):
    unshare = need("unshare", "util-linux")
    server = make_server([start_sandbox().credential()])
    server.data_dir.mkdir()
    script = ('mount -t tmpfs -o size=12k none "$1" || exit 77; "$2" --config="$3"; echo "ended: $?" >&2; '
              'mount -o remount,size=16m "$1" && exec "$2" --config="$3"')
    mine = ["-m"] if os.geteuid() == 0 else ["-rm"]
    server.process = Process([unshare, *mine, "sh", "-c", script, "sh", str(server.data_dir), program("token-server"),
                              str(server.config_file)], server.directory / "full-disk")
    server.runs.append(server.process)

    def over():
        return not server.process.running() or server.events("serving")
    eventually(over, 30, "it serves once there is room")
    if not server.process.running() and "ended: " not in server.process.stderr():
        missing("nothing can be mounted here")
    first, _, then = server.process.stderr().partition("ended: 1\n")
    line = complaint(first)
    assert any(word in line for word in ("No space left on device", "SQLITE_FULL", "SQLITE_IOERR")), line
    assert '"event":"serving"' in then


# ---- memory


def as_core_dumper() -> None:
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


def abort(process: subprocess.Popen) -> bool:
    """Whether SIGABRT makes a core file."""
    process.send_signal(signal.SIGABRT)
    _, status = os.waitpid(process.pid, 0)
    process.returncode = -signal.SIGABRT
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGABRT
    return os.WCOREDUMP(status)


def test_no_core_file(start_sandbox, make_server, tmp_path):
    directory = tmp_path / "cores"
    directory.mkdir()
    control = subprocess.Popen(["sleep", "100"], cwd=directory, preexec_fn=as_core_dumper)
    can_dump = abort(control)
    for core in directory.iterdir():
        core.unlink()
    server = make_server([start_sandbox().credential()])
    log = tmp_path / "aborted.err"
    with open(log, "wb") as err:
        process = subprocess.Popen([program("token-server"), f"--config={server.config_file}"], cwd=directory,
                                   stdin=subprocess.DEVNULL, stderr=err, preexec_fn=as_core_dumper)
    try:
        eventually(lambda: '"event":"serving"' in log.read_text(), 30, "token-server serves")
        limits = pathlib.Path(f"/proc/{process.pid}/limits").read_text()
        assert [line.split()[-3:-1] for line in limits.splitlines() if "core file" in line] == [["0", "0"]]
        dumped = abort(process)
    finally:
        if process.returncode is None:
            process.kill()
            process.wait()
    assert not dumped
    assert list(directory.iterdir()) == []
    if not can_dump:
        pytest.skip("this machine makes no core files: nothing is shown by the server's making none")


def test_not_even_its_own_user_looks_into_its_memory(unprivileged):
    server, prefix = unprivileged
    other = subprocess.Popen([*prefix, "sleep", "100"])
    server.process = launch_as(server, prefix)
    eventually(server._serving, 30, "token-server serves")

    def look(pid: int) -> int:
        return subprocess.run([*prefix, "head", "-c", "1", f"/proc/{pid}/environ"], capture_output=True).returncode
    try:
        eventually(lambda: look(other.pid) == 0, 10, "the look itself works")
        assert look(server.process.pid) != 0
        assert os.stat(f"/proc/{server.process.pid}/mem").st_uid == 0  # The kernel's word for it: not dumpable.
    finally:
        other.kill()
        other.wait()


def test_secrets_lie_in_locked_memory(unprivileged):
    skip_under_address_sanitizer("its mlock locks nothing")
    server, prefix = unprivileged
    server.process = launch_as(server, prefix)
    eventually(server._serving, 30, "token-server serves")
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    locked = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmLck:"))
    limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    if limit != resource.RLIM_INFINITY and limit < 64 * 1024:
        pytest.skip("RLIMIT_MEMLOCK allows nothing here")
    assert locked > 0


def test_without_a_limit_to_lock_it_says_so_once_and_serves(unprivileged):
    skip_under_address_sanitizer("its mlock locks nothing")
    server, prefix = unprivileged
    clock = MovableClock(server.directory / "clock")
    prlimit = need("prlimit", "util-linux")
    # The clock is for the server alone: it brings a thread, and setpriv must have one.
    timed = ["env", *(f"{name}={value}" for name, value in clock.environment.items())]
    server.process = launch_as(server, [prlimit, "--memlock=0:0", *prefix, *timed])
    server.address = eventually(server._serving, 30, "token-server serves")
    event = "not all secrets fit into locked memory and they may be swapped out: raise RLIMIT_MEMLOCK"
    eventually(lambda: server.events(event), 10, "it is told")
    for generation in (1, 2, 3):  # Two more looks: one is due before each refresh.
        eventually(lambda: [each for each in server.events("token refreshed") if each["generation"] == generation], 30,
                   f"generation {generation}")
        clock.advance(3200)
    assert len(server.events(event)) == 1
