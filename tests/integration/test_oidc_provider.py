"""With oidc-provider as the judge: its reuse detection sees every refresh token that is presented twice."""

import contextlib
import pathlib
import signal
import time

import pytest

from harness.load import Load
from harness.oidc_provider import OidcProvider
from harness.operator import Operator
from harness.process import eventually
from test_crash import Refused, assert_an_answer_was_lost, outcome, seeded


@pytest.fixture
def start_provider(tmp_path):
    started = []

    def start(**options) -> OidcProvider:
        directory = tmp_path / f"provider-{len(started)}"
        directory.mkdir()
        started.append(OidcProvider(directory, **options))
        return started[-1]

    yield start
    for provider in started:
        provider.process.kill()


@pytest.fixture
def provider(start_provider):
    return start_provider()


TEN_MINUTES = {"access_token_seconds": 600}
REFRESH = 520  # Seconds, past 85 % of that.
CLIENTS = ["public", "basic", "post", "ES256", "RS256", "PS256"]


def test_each_way_of_client_authentication(provider, start_server):
    server = start_server([provider.credential(client.lower(), client, min_refresh_interval="1ms")
                           for client in CLIENTS])
    for client in CLIENTS:
        first = server.api.get(client.lower())
        assert first.token_type == "Bearer"
        # An assertion is good for one request: the provider remembers every jti.
        second = server.api.get(client.lower(), rejected_generation=first.generation)
        assert second.generation > first.generation
    assert not provider.events("error")


def test_a_client_secret_is_replaced_without_a_gap(provider, start_server):
    not_yet = provider.directory / "new-secret"
    not_yet.write_text("sentinel-new-secret")
    server = start_server([provider.credential(
        "default", "basic", client_secret_files=[str(not_yet), str(provider.secret_file)],
        min_refresh_interval="1ms")])
    first = server.api.get()
    assert [event["error"] for event in provider.events("error")] == ["invalid_client"]
    assert [event["secret"] for event in server.events("client secret refused")] == [1]
    assert [event["secret"] for event in server.events("client secret taken")] == [2]
    # From then on the one that was taken.
    assert server.api.get(rejected_generation=first.generation).generation > first.generation
    assert len(provider.events("error")) == 1
    assert not provider.events("revoked")
    assert "sentinel-new-secret" not in server.logs()


def test_a_key_of_the_defaults_is_for_credentials_made_by_rpc(provider, start_server):
    made = provider.credential("inbox", "ES256")
    server = start_server([], defaults={"token_endpoint": made["token_endpoint"],
                                        "client_key_file": made["client_key_file"], "client_key_id": "own"})
    Operator(server.api).create(
        "inbox", client_id="ES256", client_auth="private_key_jwt",
        refresh_token=pathlib.Path(made["refresh_token_file"]).read_text())
    assert server.api.get("inbox").token_type == "Bearer"
    assert not provider.events("error")


def test_a_client_that_signs_with_an_unknown_key_is_rejected(provider, start_server):
    key = provider.directory / "key.pem"
    key.write_text(provider.key_file("PS256").read_text())
    server = start_server([provider.credential("default", "RS256", client_key_file=str(key))])
    assert isinstance(outcome(server), Refused)
    assert [event["error"] for event in provider.events("error")] == ["invalid_client"]
    # The right key in its place and a reload: the refresh token, which nobody has spent, is presented again.
    key.write_text(provider.key_file("RS256").read_text())
    server.process.signal(signal.SIGHUP)
    eventually(lambda: not isinstance(outcome(server), Refused), 30, "a token, with the right key")
    assert not provider.events("revoked")


def test_twelve_rotations_under_load_reuse_no_refresh_token(start_provider, start_timed, clock):
    provider = start_provider(**TEN_MINUTES)
    names = {"public": "public", "basic": "basic", "more": "public"}
    server = start_timed([provider.credential(name, client) for name, client in names.items()])

    with contextlib.ExitStack() as stack:
        loads = [stack.enter_context(Load(server.address, threads=3, credential=name)) for name in names]
        for number in range(1, 14):
            eventually(lambda: all(len(load.generations) >= number for load in loads), 30, f"token {number} of each")
            clock.advance(REFRESH)

    for load in loads:
        load.assert_untroubled()
        assert len(load.generations) >= 12
    assert not provider.events("revoked")
    assert not provider.events("error")


def test_after_kills_at_random_moments_only_a_lost_answer_ends_a_credential(start_provider, start_timed, clock):
    rng = seeded()

    def anew():
        provider = start_provider(**TEN_MINUTES)
        provider.delay(30)  # The time in which a kill loses an answer.
        return provider, start_timed([provider.credential("default", "public")])

    provider, server = anew()
    lost = 0
    for _ in range(10):
        with Load(server.address, threads=2, tolerate=lambda refused: True):
            clock.advance(REFRESH)
            time.sleep(rng.uniform(0, 0.15))  # Before the exchange, within, and after it.
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
