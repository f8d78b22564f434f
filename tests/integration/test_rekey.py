"""A new key takes over, while the server serves and while it does not."""

import os
import random
import sqlite3
import time

import pytest

from harness.api import Refused
from harness.keyring import Keyring, Rekey, new_key, reload_keys, rekey
from harness.load import Load
from harness.operator import Operator
from harness.process import eventually

MANY = 120


@pytest.fixture
def keyring(tmp_path):
    return Keyring(tmp_path / "keyring").write("first")


def add_credentials(server, sandbox, count: int) -> list[str]:
    operator = Operator(server.api)
    names = [f"made-{i:03}" for i in range(count)]
    for name in names:
        operator.create(name, client_id=sandbox.client_id, token_endpoint=sandbox.token_endpoint,
                        refresh_token=sandbox.mint(name).read_text())
    return names


def settled(server, names) -> dict:
    """Every credential's token."""
    def get(name):
        try:
            return server.api.get(name)
        except Refused as refused:
            assert refused.code == "UNAVAILABLE", refused
            return None
    return {name: eventually(lambda: get(name), 60, f"{name} has a token") for name in names}


def test_a_key_is_replaced_while_the_server_rotates(start_sandbox, start_server, keyring):
    sandbox = start_sandbox(ttl="3s", grace="30s", latency="5ms")
    server = start_server([sandbox.credential()], sealing=keyring.config)
    names = ["default"] + add_credentials(server, sandbox, MANY)
    settled(server, names)

    keyring.write("second", "first")
    assert reload_keys(server)["seals"] == "second"
    with Load(server.address) as load:
        done = rekey(server)
    assert not load.errors, load.errors[0]
    assert done.code == 0, done.error
    assert done.rows == len(names)
    assert done.needs["first"] == 0 and done.needs["second"] >= 4 * len(names)
    assert rekey(server).resealed == 0

    keyring.write("second")
    assert reload_keys(server)["keys"] == 1
    server.kill()
    server.start()
    settled(server, names)
    eventually(lambda: server.api.get().generation >= 3, 30, "rotated on")
    stats = sandbox.stats()["credentials"]
    assert [each["name"] for each in stats if each["reuse_detected"] or each["revoked"]] == []
    assert "credential disabled" not in server.logs()


def test_killed_anywhere_it_goes_on_where_it_was(start_sandbox, start_server, keyring):
    seed = int(os.environ.get("SEED", time.time_ns() % 10**9))
    print(f"SEED={seed}")
    rng = random.Random(seed)
    sandbox = start_sandbox(ttl="1h")
    server = start_server([sandbox.credential()], sealing=keyring.config)
    names = ["default"] + add_credentials(server, sandbox, MANY)
    before = settled(server, names)
    server.stop()

    for round_number in range(4):  # There and back again, offline: nobody but the file remembers.
        new, old = ("second", "first") if round_number % 2 == 0 else ("first", "second")
        keyring.write(new, old)
        for _ in range(12):
            run = Rekey(server)
            time.sleep(rng.uniform(0, 0.06))
            run.process.kill()
        done = rekey(server)
        assert done.code == 0, done.error
        assert done.needs == {new: 4 * len(names) + 1, old: 0}  # And the key of the hashes.

    keyring.write("first")
    server.start()
    after = settled(server, names)
    assert {name: token.access_token for name, token in after.items()} == {
        name: token.access_token for name, token in before.items()}


def test_a_key_that_the_server_has_not_loaded_is_refused(start_sandbox, start_server, keyring):
    sandbox = start_sandbox()
    server = start_server([sandbox.credential()], sealing=keyring.config)
    server.api.get()
    keyring.write("second", "first")

    refused = rekey(server)

    assert refused.code == 1
    assert refused.error == (
        f'token-server: rekey: another token-server (pid {server.process.pid}) seals with key "first", not with '
        '"second": put "second" first in its keyring and send it SIGHUP, then rekey again\n')
    reload_keys(server)
    assert rekey(server).code == 0


def test_flags_name_the_data_directory_alone(start_sandbox, start_server):
    sandbox = start_sandbox()
    server = start_server([sandbox.credential()])
    server.api.get()
    own = Keyring(server.data_dir / "sealing.key")
    old_line = own.path.read_text()
    own.write_text(f"second {new_key()}\n{old_line}")
    reload_keys(server)

    done = rekey(server, f"--data_dir={server.data_dir}")

    assert done.code == 0, done.error
    assert done.needs == {"second": 5, old_line.split()[0]: 0}


def test_evidence_is_sealed_anew_and_asks_for_its_key(start_sandbox, start_server, keyring):
    sandbox = start_sandbox()
    sandbox.fault("garbage", 1)
    server = start_server([sandbox.credential()], sealing=keyring.config)
    eventually(lambda: server.events("unusable answer quarantined"), 30, "an answer is kept")
    server.stop()
    database = sqlite3.connect(server.data_dir / "credentials.db")
    body = database.execute("SELECT body FROM evidence").fetchone()[0]
    keyring.write("second", "first")

    done = rekey(server)

    assert done.code == 0, done.error
    assert (done.rows, done.resealed, done.needs["first"]) == (2, 2, 0)
    with database:  # As from a run that was killed just before it.
        database.execute("UPDATE evidence SET body=?", (body,))
    database.close()
    keyring.write("second")
    process = server.launch()
    assert process.wait() == 1
    assert 'the keyring lacks key "first", which 1 quarantined answer needs' in process.stderr()
    keyring.write("second", "first")
    assert (rekey(server).resealed, rekey(server).resealed) == (1, 0)


def test_a_needed_key_taken_out_is_named_at_reload_and_at_start(start_sandbox, start_server, keyring):
    sandbox = start_sandbox(ttl="2s")
    server = start_server([sandbox.credential()], sealing=keyring.config)
    server.api.get()
    keyring.write("second")

    refused = reload_keys(server)

    assert refused["level"] == "error"
    assert refused["error"] == 'the keyring lacks key "first", which 1 credential and the memory of spent refresh tokens need'
    eventually(lambda: server.api.get().generation >= 2, 30, "it goes on with the key it has")
    server.stop()
    process = server.launch()
    assert process.wait() == 1
    assert 'token-server: the keyring lacks key "first", which 1 credential and the memory of spent refresh tokens need' in process.stderr().splitlines()


def test_a_bad_keyring_at_reload_changes_nothing(start_sandbox, start_server, keyring):
    sandbox = start_sandbox(ttl="2s")
    server = start_server([sandbox.credential()], sealing=keyring.config)
    generation = server.api.get().generation
    for text in ("", "first AAAA\n", "no-base64 !!!\n", "a\n", f"first {new_key()}\n"):
        keyring.write_text(text)
        refused = reload_keys(server)
        assert refused["level"] == "error" and ("first" in refused["error"] or str(keyring.path) in refused["error"])
    keyring.path.unlink()
    assert "No such file" in reload_keys(server)["error"]
    generation = max(generation, server.api.get().generation)
    eventually(lambda: server.api.get().generation > generation, 30, "it goes on")


def test_a_backup_from_before_asks_for_its_key(start_sandbox, start_server, keyring):
    sandbox = start_sandbox(ttl="1h")
    server = start_server([sandbox.credential()], sealing=keyring.config)
    token = server.api.get()
    server.stop()
    backup = (server.data_dir / "credentials.db").read_bytes()
    keyring.write("second", "first")
    assert rekey(server).code == 0
    keyring.write("second")
    server.start()
    server.stop()

    (server.data_dir / "credentials.db").write_bytes(backup)
    process = server.launch()
    assert process.wait() == 1
    assert 'the keyring lacks key "first", which 1 credential and the memory of spent refresh tokens need' in process.stderr()
    keyring.write("second", "first")
    server.start()
    assert server.api.get().access_token == token.access_token
