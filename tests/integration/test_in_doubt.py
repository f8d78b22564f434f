"""The answer is lost after the request has left: nobody knows whether the refresh token is spent."""

import contextlib
import sqlite3

import pytest

from harness import lost_answers
from harness.api import Refused
from harness.load import Load
from harness.operator import Operator, state
from harness.process import eventually

LOST = ["reset_after_rotating", "close_after_rotating", "hang_after_rotating", "error_500_after_rotating"]
QUICK = {"exchange_timeout": "1s"}


@pytest.mark.parametrize("fault", LOST)
def test_a_provider_with_a_grace_period_gives_the_lost_answer_again(start_sandbox, start_timed, clock, fault):
    sandbox = start_sandbox(ttl="10m", grace="20s")
    server = start_timed([sandbox.credential()], limits=QUICK)
    server.api.get()
    clock.advance(520)
    eventually(lambda: server.api.get().generation == 2, 20, "the provider has been seen to rotate")
    sandbox.fault(fault, 1)

    with Load(server.address, threads=2) as load:
        for generation in (3, 4):
            clock.advance(520)
            eventually(lambda: server.api.get().generation >= generation, 20, "another token, two in all")

    load.assert_untroubled()
    assert sandbox.stats_of()["reuse_detected"] == 0


def held_shorter_than_an_exchange(sandbox, start_server):
    """Its replay window, counted from the attempt's beginning, would be over before a time-out is noticed."""
    return start_server([sandbox.credential(replay_window="800ms")], limits=QUICK)


TIMED_OUT = lost_answers.Loss("no answer", "hang_after_rotating")
RESET = lost_answers.Loss("reset", "reset_after_rotating")
NEVER_ARRIVED = lost_answers.Loss("never arrived", "reset_before")
KILLED = lost_answers.Loss("killed", "hang_after_rotating", killed=True)


# `bench/replay` has the whole table, with the server's own time-outs (docs/rotation.md).
@pytest.mark.parametrize("loss, grace, kept", [
    (TIMED_OUT, "8s", True), (TIMED_OUT, "0s", False), (RESET, "8s", True), (RESET, "0s", False),
    (NEVER_ARRIVED, "0s", True)], ids=lambda value: getattr(value, "name", str(value)).replace(" ", "-"))
def test_only_a_prompt_replay_keeps_a_grant(start_sandbox, start_server, loss, grace, kept):
    sandbox = start_sandbox(ttl="2m", grace=grace)
    server = held_shorter_than_an_exchange(sandbox, start_server)
    assert lost_answers.outlives(loss, sandbox, server, patience=30) == kept
    assert sandbox.stats_of()["reuse_detected"] == (0 if kept else 1)


def of_another_boot(server):
    """What the server left behind in its store."""
    with contextlib.closing(sqlite3.connect(server.data_dir / "credentials.db")) as database, database:
        boots = database.execute("SELECT attempt_boot_id, token_boot_id FROM credentials").fetchall()
        assert len(boots) == 1 and len(boots[0][0]) == 32 and boots[0][0] == boots[0][1]
        database.execute("UPDATE credentials SET attempt_boot_id='another', token_boot_id='another'")


@pytest.mark.parametrize("rebooted", [False, True])
def test_after_a_kill_the_window_is_open_unless_the_machine_was_booted_anew(start_sandbox, make_server, rebooted):
    """Then nobody knows for how long it was down."""
    sandbox = start_sandbox(ttl="1h", grace="60s")
    server = make_server([sandbox.credential(replay_window="20s")]).start()
    assert server.api.get().generation == 1
    requests = sandbox.stats()["token_requests"]
    lost_answers.inflict(KILLED, sandbox, server,
                         while_down=lambda: of_another_boot(server) if rebooted else None)
    if rebooted:
        assert state(Operator(server.api).get("default")) == "IN_DOUBT"
        assert server.api.get().generation == 1
        assert sandbox.stats()["token_requests"] == requests + 1
    else:
        eventually(lambda: server.api.get().generation >= 2, 20, "the answer, fetched again")
    assert sandbox.stats_of()["reuse_detected"] == 0


def rotating_and_held(start_sandbox, start_timed, clock, witness):
    """A lost answer, and a replay held back (replay_window 0s)."""
    sandbox = start_sandbox(ttl="10m")
    server = start_timed([sandbox.credential(replay_window="0s"), witness.credential()], limits=QUICK)
    first = server.api.get("default")
    assert first.generation == 1
    witness.watch(server)
    clock.advance(60)
    requests = sandbox.stats()["token_requests"]
    sandbox.fault("reset_after_rotating", 1)
    refused = server.api.refusal("default", min_validity=570)  # Makes the exchange that is lost.
    eventually(lambda: sandbox.stats()["token_requests"] == requests + 1, 10, "the lost exchange")
    return sandbox, server, refused


def test_without_grace_the_token_serves_and_more_validity_is_in_doubt(start_sandbox, start_timed, clock, witness):
    sandbox, server, first = rotating_and_held(start_sandbox, start_timed, clock, witness)

    for refused in (first, server.api.refusal("default", min_validity=570)):
        assert refused.code == "UNAVAILABLE"
        assert refused.retry_delay is not None
    assert refused.reason == "REFRESH_IN_DOUBT"
    requests = sandbox.stats()["token_requests"]
    with Load(server.address, threads=2, credential="default") as load:
        eventually(lambda: load.answers >= 10, 30, "it serves")
        witness.let_pass(300)
        answers = load.answers
        eventually(lambda: load.answers >= answers + 10, 30, "it serves on")
    load.assert_untroubled()
    assert load.generations == {1}
    assert sandbox.stats()["token_requests"] == requests, "the replay is held back"


def test_without_grace_the_end_is_a_definite_dead_grant(start_sandbox, start_timed, clock, witness):
    sandbox, server, _ = rotating_and_held(start_sandbox, start_timed, clock, witness)
    witness.let_pass(550)

    def dead():
        try:
            server.api.get("default")
        except Refused as refused:
            assert refused.reason in ("REFRESH_IN_DOUBT", "REFRESH_TOKEN_REJECTED"), refused
            return refused.reason == "REFRESH_TOKEN_REJECTED" and refused
        return None

    refused = eventually(dead, 40, "the provider's definite answer")
    assert refused.code == "FAILED_PRECONDITION"
    witness.let_pass(520)
    stats = sandbox.stats_of()
    assert stats["reuse_detected"] == 1, "presented once more, and never after the definite answer"


def test_an_answer_that_makes_no_sense_is_kept_as_evidence(start_sandbox, start_server):
    sandbox = start_sandbox(ttl="1h")
    sandbox.fault("garbage", 1)
    server = start_server([sandbox.credential()])

    refused = server.api.refusal()

    assert refused.reason == "ANSWER_UNREADABLE", "a rotated token may be in it"
    assert server.process.running()
