"""A store that is not there, and one that comes from an old copy: nothing is spent by a slip."""

import os
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest

from harness.keyring import Keyring, rekey
from harness.operator import Operator, state
from harness.process import eventually
from harness.tools import ROOT, program


def command(server, verb: str, *arguments) -> subprocess.CompletedProcess:
    return subprocess.run([program("token-server"), verb, f"--config={server.config_file}", *map(str, arguments)],
                          capture_output=True, text=True, timeout=60)


def done(server, verb: str, *arguments) -> str:
    run = command(server, verb, *arguments)
    assert run.returncode == 0, run.stderr
    return run.stdout


def refused(server, verb: str, *arguments) -> str:
    """What it said, on one line."""
    run = command(server, verb, *arguments)
    assert run.returncode == 1 and run.stderr.count("\n") == 1, (run.returncode, run.stderr)
    return run.stderr


def ended(server, *flags) -> str:
    """What a start that does not serve says."""
    process = server.launch(*flags)
    assert process.wait() == 1, process.stderr()
    return process.stderr()


def reuse(sandbox) -> list[str]:
    return [each["name"] for each in sandbox.stats()["credentials"] if each["reuse_detected"] or each["revoked"]]


def rotated(server, at_least: int, name: str = "default") -> None:
    eventually(lambda: Operator(server.api).get(name).generation >= at_least, 60, f"generation {at_least}")


# ---- no store


def test_without_a_store_there_is_no_start_and_nothing_is_left(start_sandbox, make_server):
    sandbox = start_sandbox()
    server = make_server([sandbox.credential()], require_store=True)
    for _ in range(2):
        said = ended(server)
        assert "there is no store" in said and "token-server init" in said and "restore" in said
        assert not server.data_dir.exists()
    assert sandbox.stats()["token_requests"] == 0

    done(server, "init")
    assert "there is a store already" in refused(server, "init")
    server.start()
    assert server.api.get().generation == 1
    server.restart()
    assert server.api.get().generation == 1


def test_a_volume_that_was_lost_is_no_first_start(start_sandbox, make_server):
    sandbox = start_sandbox(ttl="2s")
    server = make_server([sandbox.credential()], require_store=True)
    done(server, "init")
    server.start()
    rotated(server, 2)
    assert server.stop() == 0
    asked = sandbox.stats()["token_requests"]
    for lost in ("emptied", "removed", "mounted elsewhere"):
        if lost == "emptied":
            for path in server.data_dir.glob("credentials.db*"):
                os.truncate(path, 0)
        elif lost == "removed":
            for path in server.data_dir.glob("credentials.db*"):
                path.unlink()
        else:
            shutil.rmtree(server.data_dir)
            server.data_dir.mkdir()
        assert "there is no store" in ended(server), lost
    assert sandbox.stats()["token_requests"] == asked and reuse(sandbox) == []


def test_without_the_key_a_store_is_made(start_sandbox, start_server):
    server = start_server([start_sandbox().credential()])
    assert server.api.get().generation == 1


# ---- backup


def test_a_backup_is_made_while_the_server_rotates(start_sandbox, start_server, tmp_path):
    sandbox = start_sandbox(ttl="1s", latency="5ms")
    server = start_server([sandbox.credential()])
    rotated(server, 1)
    for number in range(20):
        copy = tmp_path / f"copy-{number}"
        assert "credentials: 1" in done(server, "backup", copy)
        assert copy.stat().st_mode & 0o777 == 0o600
        assert sqlite3.connect(copy).execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    rotated(server, Operator(server.api).get("default").generation + 2)
    assert reuse(sandbox) == [] and not server.events("rotation not persisted")


def test_a_backup_replaces_no_file(start_sandbox, start_server, tmp_path):
    server = start_server([start_sandbox().credential()])
    copy = tmp_path / "copy"
    copy.write_text("precious")
    assert str(copy) in refused(server, "backup", copy)
    assert copy.read_text() == "precious"
    assert str(tmp_path / "nowhere") in refused(server, "backup", tmp_path / "nowhere" / "copy")
    assert [path.name for path in tmp_path.glob("copy*")] == ["copy"]


def test_a_backup_during_rekey_needs_both_keys(start_sandbox, start_server, tmp_path):
    keyring = Keyring(tmp_path / "keyring").write("first")
    sandbox = start_sandbox()
    server = start_server([sandbox.credential()], sealing=keyring.config)
    rotated(server, 1)
    keyring.write("second", "first")
    server.process.signal(signal.SIGHUP)
    eventually(lambda: server.events("keyring loaded"), 30, "the new key seals")
    Operator(server.api).create("new", client_id=sandbox.client_id, token_endpoint=sandbox.token_endpoint,
                                refresh_token=sandbox.mint("new").read_text())
    said = done(server, "backup", tmp_path / "copy")
    assert 'key "first"' in said and 'key "second"' in said
    assert rekey(server).code == 0
    assert server.stop() == 0
    shutil.rmtree(server.data_dir)
    keyring.write("second")
    assert "first" in refused(server, "restore", tmp_path / "copy")
    assert not (server.data_dir / "credentials.db").exists()
    keyring.write("second", "first")
    done(server, "restore", tmp_path / "copy")


# ---- restore


@pytest.fixture
def old_copy(start_sandbox, start_server, tmp_path):
    """A server, its provider and a copy of its store from before it rotated on; the server is stopped."""
    sandbox = start_sandbox(ttl="3s")
    server = start_server([sandbox.credential()])
    rotated(server, 2)
    copy = tmp_path / "copy"
    done(server, "backup", copy)
    rotated(server, Operator(server.api).get("default").generation + 2)
    assert server.stop() == 0
    return server, sandbox, copy


def test_a_restored_backup_sends_nothing(old_copy):
    server, sandbox, copy = old_copy
    asked = sandbox.stats()["token_requests"]
    assert "--force" in refused(server, "restore", copy)
    said = done(server, "restore", "--force", copy)
    assert "held: default" in said and "credentials.db.replaced-" in said
    for _ in range(2):
        server.start()
        operator = Operator(server.api)
        assert state(operator.get("default")) == "HELD"
        for refusal in (operator.refusal("RefreshCredential", name="default"),
                        server.api.refusal(), server.api.refusal(min_validity=1)):
            assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "CREDENTIAL_HELD")
        assert "release" in operator.refusal("RefreshCredential", name="default").message
        assert server.stop() == 0
    assert sandbox.stats()["token_requests"] == asked and reuse(sandbox) == []


def test_a_new_refresh_token_ends_the_hold(old_copy):
    server, sandbox, copy = old_copy
    done(server, "restore", "--force", copy)
    server.start()
    Operator(server.api).replace("default", sandbox.mint("again").read_text())
    token = server.api.get()
    assert sandbox.buy_tickets(token.access_token)[0] == 200
    assert state(Operator(server.api).get("default")) == "ACTIVE"
    assert reuse(sandbox) == []


def test_what_is_certainly_the_last_state_is_released(start_sandbox, start_server, tmp_path):
    sandbox = start_sandbox(ttl="2s")
    server = start_server([sandbox.credential()])
    rotated(server, 2)
    assert server.stop() == 0
    copy = tmp_path / "copy"
    done(server, "backup", copy)
    (server.data_dir / "credentials.db").unlink()
    done(server, "restore", copy)
    server.start()
    released = subprocess.run([program("token-client"), f"--server={server.address}", "credential", "release", "default"],
                              capture_output=True, text=True, timeout=30)
    assert released.returncode == 0 and "state                 HELD" not in released.stdout, released.stderr
    rotated(server, 3)
    assert reuse(sandbox) == []
    assert any(line.get("method") == "ReleaseCredential" for line in server.events()), "in the audit"


def test_a_running_servers_store_is_not_replaced(start_sandbox, start_server, tmp_path):
    server = start_server([start_sandbox().credential()])
    rotated(server, 1)
    done(server, "backup", tmp_path / "copy")
    assert f"pid {server.process.pid}" in refused(server, "restore", "--force", tmp_path / "copy")
    assert state(Operator(server.api).get("default")) == "ACTIVE"


def test_killed_anywhere_a_restore_leaves_the_old_store_or_the_new_one(old_copy):
    server, sandbox, copy = old_copy
    asked = sandbox.stats()["token_requests"]
    database = server.data_dir / "credentials.db"
    before = sqlite3.connect(database).execute("SELECT generation FROM credentials").fetchone()[0]
    begun = time.monotonic()
    done(server, "restore", "--force", copy)
    takes = time.monotonic() - begun
    replaced = next(server.data_dir.glob("credentials.db.replaced-*"))
    for number in range(12):
        shutil.copy(replaced, database)
        run = subprocess.Popen([program("token-server"), "restore", "--force", f"--config={server.config_file}", copy],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(takes * number / 11)
        run.kill()
        run.wait()
        assert database.exists()
        generation, held = sqlite3.connect(database).execute("SELECT generation, held_since FROM credentials").fetchone()
        assert held is not None or generation == before
    done(server, "restore", "--force", copy)
    server.start()
    assert state(Operator(server.api).get("default")) == "HELD"
    assert sandbox.stats()["token_requests"] == asked and reuse(sandbox) == []


# ---- --hold


def test_everything_is_held_for_who_asks_for_it(old_copy):
    """As after a snapshot of the volume, or a cp."""
    server, sandbox, copy = old_copy
    for path in server.data_dir.glob("credentials.db*"):
        path.unlink()
    shutil.copy(copy, server.data_dir / "credentials.db")
    asked = sandbox.stats()["token_requests"]
    server._start(server.launch("--hold"))
    assert state(Operator(server.api).get("default")) == "HELD"
    assert server.stop() == 0
    server.start()  # It stays so without the flag.
    assert state(Operator(server.api).get("default")) == "HELD"
    assert sandbox.stats()["token_requests"] == asked and reuse(sandbox) == []


def test_a_lost_store_started_with_hold_spends_no_token_file(start_sandbox, make_server):
    sandbox = start_sandbox()
    server = make_server([sandbox.credential()])
    server._start(server.launch("--hold"))
    assert server.api.refusal().reason == "CREDENTIAL_HELD"
    assert sandbox.stats()["token_requests"] == 0
    Operator(server.api).call("ReleaseCredential", name="default")
    assert server.api.get().generation == 1


# ---- migration


def test_a_migration_keeps_the_database_and_says_so(make_server, tmp_path):
    keyring = Keyring(tmp_path / "keyring").write_text("old-schema AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")
    server = make_server([], sealing=keyring.config, require_store=True)
    server.data_dir.mkdir(mode=0o700)
    database = sqlite3.connect(server.data_dir / "credentials.db")
    database.executescript((ROOT / "tests/store/schema_2.sql").read_text())
    database.close()
    server._start(server.launch("--hold"))  # Nobody's provider has to be asked for this.
    (said,) = server.events("database migrated")
    kept = server.data_dir / "credentials.db.schema-2"
    newest = sqlite3.connect(server.data_dir / "credentials.db").execute("PRAGMA user_version").fetchone()[0]
    assert (said["from_schema"], said["to_schema"], said["kept"]) == (2, newest, str(kept))
    assert kept.stat().st_mode & 0o777 == 0o600
    assert sqlite3.connect(kept).execute("PRAGMA user_version").fetchone() == (2,)
    assert server.stop() == 0
    # The way back for a version that knows how to restore, and of this one to the same.
    assert "held: credential-0" in done(server, "restore", "--force", kept)
    server.start()
    assert server.events("database migrated") == [] and server.stop() == 0
