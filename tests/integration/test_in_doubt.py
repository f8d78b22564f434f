"""The answer is lost after the request has left: nobody knows whether the refresh token is spent."""

import time

import pytest

from harness.api import Refused
from harness.load import Load
from harness.process import eventually

LOST = ["reset_after_rotating", "close_after_rotating", "hang_after_rotating", "error_500_after_rotating"]
QUICK = {"exchange_timeout": "1s"}


@pytest.mark.parametrize("fault", LOST)
def test_a_provider_with_a_grace_period_gives_the_lost_answer_again(start_sandbox, start_server, fault):
    sandbox = start_sandbox(ttl="5s", grace="20s")
    server = start_server([sandbox.credential()], limits=QUICK)
    server.api.get()
    eventually(lambda: server.api.get().generation == 2, 20, "the provider has been seen to rotate")
    sandbox.fault(fault, 1)

    with Load(server.address, threads=2) as load:
        eventually(lambda: server.api.get().generation >= 4, 40, "two tokens later")

    load.assert_untroubled()
    assert sandbox.stats_of()["reuse_detected"] == 0


def rotating_and_held(start_sandbox, start_server):
    """A lost answer, and a replay held back (replay_window 0s)."""
    sandbox = start_sandbox(ttl="12s")
    server = start_server([sandbox.credential(replay_window="0s")], limits=QUICK)
    first = server.api.get()
    assert first.generation == 1
    time.sleep(2)
    requests = sandbox.stats()["token_requests"]
    sandbox.fault("reset_after_rotating", 1)
    refused = server.api.refusal(min_validity=10.5)  # Makes the exchange that is lost.
    eventually(lambda: sandbox.stats()["token_requests"] == requests + 1, 10, "the lost exchange")
    return sandbox, server, refused


def test_without_grace_the_token_serves_and_more_validity_is_in_doubt(start_sandbox, start_server):
    sandbox, server, first = rotating_and_held(start_sandbox, start_server)

    for refused in (first, server.api.refusal(min_validity=10.5)):
        assert refused.code == "UNAVAILABLE"
        assert refused.retry_delay is not None
    assert refused.reason == "REFRESH_IN_DOUBT"
    requests = sandbox.stats()["token_requests"]
    with Load(server.address, threads=2) as load:
        time.sleep(3)
    load.assert_untroubled()
    assert load.generations == {1}
    assert sandbox.stats()["token_requests"] == requests, "the replay is held back"


def test_without_grace_the_end_is_a_definite_dead_grant(start_sandbox, start_server):
    sandbox, server, _ = rotating_and_held(start_sandbox, start_server)

    def dead():
        try:
            server.api.get()
        except Refused as refused:
            assert refused.reason in ("REFRESH_IN_DOUBT", "REFRESH_TOKEN_REJECTED"), refused
            return refused.reason == "REFRESH_TOKEN_REJECTED" and refused
        return None

    refused = eventually(dead, 40, "the provider's definite answer")
    assert refused.code == "FAILED_PRECONDITION"
    time.sleep(2)
    stats = sandbox.stats_of()
    assert stats["reuse_detected"] == 1, "presented once more, and never after the definite answer"


def test_an_answer_that_makes_no_sense_is_kept_as_evidence(start_sandbox, start_server):
    sandbox = start_sandbox(ttl="1h")
    sandbox.fault("garbage", 1)
    server = start_server([sandbox.credential()])

    refused = server.api.refusal()

    assert refused.reason in ("PROVIDER_MALFORMED", "REFRESH_TOKEN_REJECTED")
    assert server.process.running()
