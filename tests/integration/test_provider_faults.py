"""The provider fails; a live token is served to its end, and callers learn why there is none."""

import pytest

from harness.api import Refused
from harness.load import Load
from harness.process import eventually

QUICK = {"exchange_timeout": "1s", "connect_timeout": "1s"}
# Faults that leave the refresh token unspent, and what callers are told.
UNSPENT = [("refuse_5xx_before", "PROVIDER_UNAVAILABLE"), ("reset_before", "PROVIDER_UNAVAILABLE"),
           ("hang", "PROVIDER_UNAVAILABLE"), ("throttle", "PROVIDER_THROTTLED"),
           ("html", "PROVIDER_MALFORMED")]


def get_after_a_while(server, clock, refusals: list, seconds: float = 60):
    """A caller that obeys RetryInfo."""
    def attempt():
        try:
            return server.api.get("default")
        except Refused as refused:
            refusals.append(refused)
            clock.advance(refused.retry_delay or 0.2)
            return None
    return eventually(attempt, seconds, "a token after all")


@pytest.mark.parametrize("fault, reason", UNSPENT)
def test_before_the_first_token_callers_learn_why_and_later_get_one(
        start_sandbox, start_timed, clock, fault, reason):
    sandbox = start_sandbox()
    sandbox.fault(fault, 2, retry_after=1)
    server = start_timed([sandbox.credential()], limits=QUICK)

    refusals = []
    token = get_after_a_while(server, clock, refusals)

    assert token.generation == 1
    assert refusals
    for refused in refusals:
        assert (refused.code, refused.reason) == ("UNAVAILABLE", reason), refused
        assert refused.retry_delay is not None and refused.domain == "token.v1"


@pytest.mark.parametrize("fault, reason", UNSPENT)
def test_a_live_token_outlives_the_providers_trouble(start_sandbox, start_timed, clock, fault, reason):
    sandbox = start_sandbox(ttl="10m")
    server = start_timed([sandbox.credential()], limits=QUICK)
    first = server.api.get()
    sandbox.fault(fault, -1, retry_after=1)

    with Load(server.address, threads=2) as load:
        clock.advance(520)
        eventually(lambda: server.events("refresh failed"), 30, "the refresh at 80 % fails behind them")
        answers = load.answers
        eventually(lambda: load.answers >= answers + 20, 30, "they are answered all the same")
    load.assert_untroubled()
    assert load.generations == {first.generation}

    clock.advance(100)
    refused = eventually(lambda: _refusal(server), 20, "the token expires")
    assert refused.code == "UNAVAILABLE" and refused.reason == reason, refused

    sandbox.heal()
    assert get_after_a_while(server, clock, []).generation == first.generation + 1
    assert sandbox.stats()["reuse_detected"] == 0


def _refusal(server):
    try:
        server.api.get("default")
    except Refused as refused:
        return refused
    return None


def test_retry_after_is_obeyed_and_passed_on(start_sandbox, start_timed, clock, witness):
    sandbox = start_sandbox()
    sandbox.fault("throttle", 1, retry_after=900)
    server = start_timed([sandbox.credential(), witness.credential()])
    witness.watch(server)

    refused = eventually(lambda: _refusal(server), 10, "a refusal")
    assert refused.reason == "PROVIDER_THROTTLED"
    assert 600 < refused.retry_delay <= 1200
    witness.let_pass(520)
    assert sandbox.stats()["token_requests"] == 1, "nobody asks again before its time"
    assert get_after_a_while(server, clock, []).generation == 1


def test_a_provider_that_is_not_there(start_sandbox, start_server):
    sandbox = start_sandbox()
    credential = sandbox.credential()
    sandbox.process.kill()
    server = start_server([credential], limits=QUICK)

    refused = eventually(lambda: _refusal(server), 10, "a refusal")

    assert (refused.code, refused.reason) == ("UNAVAILABLE", "PROVIDER_UNAVAILABLE")
    assert refused.retry_delay > 0


def test_a_dead_grant_is_told_as_such_and_posted_once(start_sandbox, start_timed, witness):
    sandbox = start_sandbox()
    credential = sandbox.credential()
    sandbox.revoke()
    server = start_timed([credential, witness.credential()])
    witness.watch(server)

    for _ in range(20):
        refused = server.api.refusal("default")
        assert (refused.code, refused.reason) == ("FAILED_PRECONDITION", "REFRESH_TOKEN_REJECTED")
        assert refused.retry_delay is None
    witness.let_pass(520)
    assert sandbox.stats()["token_requests"] == 1


def test_a_client_that_the_provider_does_not_know(start_sandbox, start_server):
    sandbox = start_sandbox()
    server = start_server([{**sandbox.credential(), "client_id": "stranger"}])

    refused = server.api.refusal()

    assert (refused.code, refused.reason) == ("FAILED_PRECONDITION", "CLIENT_REJECTED")


def test_validity_that_a_failing_provider_cannot_give_is_unavailable(start_sandbox, start_timed, clock):
    sandbox = start_sandbox(ttl="10m")
    server = start_timed([sandbox.credential()])
    server.api.get()
    clock.advance(60)
    sandbox.fault("refuse_5xx_before", -1)

    refused = server.api.refusal(min_validity=570)

    assert (refused.code, refused.reason) == ("UNAVAILABLE", "PROVIDER_UNAVAILABLE")
    assert server.api.get().generation == 1, "without the wish the live one still serves"
