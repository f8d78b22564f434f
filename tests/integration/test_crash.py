"""kill -9 at random moments, under load, with rotation."""

import os
import random
import time

from harness.api import Refused
from harness.load import Load
from harness.process import eventually

ROUNDS = 10
REFRESH = 520  # Seconds, past 85 % of ten minutes.
RANDOM = 0.12  # Seconds in which the refresh begins, is under way, and is done: a random moment is what a kill needs.


def seeded() -> random.Random:
    seed = int(os.environ.get("SEED", time.time_ns() % 10**9))
    print(f"SEED={seed}")
    return random.Random(seed)


def down(refused: Refused) -> bool:
    """The server is away: no details, because nobody is there to send any."""
    return refused.code in ("UNAVAILABLE", "CANCELLED", "UNKNOWN") and refused.reason is None


def outcome(server):
    """A token, or the definite end; waits through anything that passes. A dead grant's last token still serves."""
    def settled():
        try:
            return server.api.get()
        except Refused as refused:
            return refused if refused.code == "FAILED_PRECONDITION" else None
    return eventually(settled, 60, "a token or a definite end")


def test_with_a_grace_period_the_credential_outlives_every_kill(start_sandbox, start_timed, clock):
    rng = seeded()
    sandbox = start_sandbox(ttl="10m", grace="30s", latency="20ms")
    server = start_timed([sandbox.credential()])
    with Load(lambda: server.address, tolerate=lambda refused: down(refused) or refused.code in
              ("UNAVAILABLE", "DEADLINE_EXCEEDED")) as load:
        for _ in range(ROUNDS):
            clock.advance(REFRESH)
            time.sleep(rng.uniform(0, RANDOM))
            server.kill()
            server.start()
            assert not isinstance(outcome(server), Refused), server.logs()[-2000:]
    assert not load.errors, load.errors[0]
    assert load.answers > 0
    assert sandbox.stats_of()["reuse_detected"] == 0


def test_without_grace_only_a_lost_answer_ends_a_credential(start_sandbox, start_timed, clock):
    rng = seeded()
    sandbox = start_sandbox(ttl="10m")
    server = start_timed([sandbox.credential()])
    for _ in range(ROUNDS):
        with Load(server.address, threads=2, tolerate=lambda refused: True):
            clock.advance(REFRESH)
            time.sleep(rng.uniform(0, RANDOM))
            server.kill()
        server.start()
        outcome(server)
        if sandbox.stats_of()["revoked"]:
            assert_an_answer_was_lost(server, sandbox.stats_of()["issued"])
            return  # This grant is gone for a reason; nothing is left to kill.
    assert sandbox.stats_of()["reuse_detected"] == 0


def assert_an_answer_was_lost(server, issued: int) -> None:
    """The provider gave out more tokens than any run of the server got to store."""
    known = max(committed(server), default=0)
    assert issued > known, f"revoked, although all of {issued} answers were stored: generation {known}"


def committed(server) -> set[int]:
    """The generations that the log says were stored."""
    found = set()
    for run in server.runs:
        for line in run.stderr().splitlines():
            if '"generation":' in line:
                digits = line.split('"generation":', 1)[1].lstrip().split(",")[0].rstrip("}").strip('"')
                found.add(int(digits))
    return found


def test_a_restart_costs_the_provider_nothing(start_sandbox, start_server):
    sandbox = start_sandbox(ttl="1h")
    server = start_server([sandbox.credential()])
    before = server.api.get()

    server.kill()
    server.start()
    after = server.api.get()

    assert (after.access_token, after.generation) == (before.access_token, before.generation)
    assert sandbox.stats()["token_requests"] == 1


def test_a_start_that_is_killed_costs_no_grant(start_sandbox, make_server):
    rng = seeded()
    sandbox = start_sandbox(grace="60s")
    for round_ in range(ROUNDS):
        names = [f"credential-{round_}-{i}" for i in range(40)]
        server = make_server([sandbox.credential(name, minted=name) for name in names])
        # From before the data directory is made until the first tokens are down.
        for longest in (0.1, 0.3):
            process = server.launch()
            time.sleep(rng.uniform(0, longest))
            process.kill()
        server.start()
        for name in names:
            assert eventually(lambda: server.api.get(name), 30, f"{name} has a token").generation >= 1
        assert server.stop() == 0
    assert all(each["reuse_detected"] == 0 for each in sandbox.stats()["credentials"])
