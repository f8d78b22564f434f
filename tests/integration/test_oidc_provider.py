"""With oidc-provider as the judge: its reuse detection sees every refresh token that is presented twice."""

import contextlib
import time

import pytest

from harness.load import Load
from harness.oidc_provider import OidcProvider
from test_crash import Refused, assert_an_answer_was_lost, outcome, seeded


@pytest.fixture
def start_provider(tmp_path):
    started = []

    def start() -> OidcProvider:
        directory = tmp_path / f"provider-{len(started)}"
        directory.mkdir()
        started.append(OidcProvider(directory))
        return started[-1]

    yield start
    for provider in started:
        provider.process.kill()


@pytest.fixture
def provider(start_provider):
    return start_provider()


@pytest.mark.parametrize("client", ["public", "basic", "post"])
def test_each_way_of_client_authentication(provider, start_server, client):
    server = start_server([provider.credential("default", client)])
    assert server.api.get().token_type == "Bearer"
    assert not provider.events("error")


@pytest.mark.long
def test_a_minute_of_rotation_under_load_reuses_no_refresh_token(provider, start_server):
    names = {"public": "public", "basic": "basic", "more": "public"}
    server = start_server([provider.credential(name, client) for name, client in names.items()])

    with contextlib.ExitStack() as stack:
        loads = [stack.enter_context(Load(server.address, threads=3, credential=name)) for name in names]
        time.sleep(60)

    for load in loads:
        load.assert_untroubled()
        assert len(load.generations) >= 12
    assert not provider.events("revoked")
    assert not provider.events("error")


@pytest.mark.long
def test_after_kills_at_random_moments_only_a_lost_answer_ends_a_credential(start_provider, start_server):
    rng = seeded()

    def anew():
        provider = start_provider()
        provider.delay(30)  # The time in which a kill loses an answer.
        return provider, start_server([provider.credential("default", "public")])

    provider, server = anew()
    lost = 0
    for _ in range(10):
        with Load(server.address, threads=2, tolerate=lambda refused: True):
            time.sleep(rng.uniform(0, 4.5))
            server.kill()
        server.start()
        result = outcome(server)
        if not provider.events("revoked"):
            assert not isinstance(result, Refused), result
            continue
        assert_an_answer_was_lost(server, len(provider.events("success")))
        lost += 1
        server.end()
        provider, server = anew()
    print(f"10 kills, {lost} lost answers")
