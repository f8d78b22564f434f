"""WatchAccessToken."""

import concurrent.futures

import pytest

from harness.api import Refused
from harness.process import eventually
from harness.protos import message


def test_the_current_token_comes_at_once_and_then_each_new_one(start_sandbox, start_server):
    sandbox = start_sandbox(ttl="4s")
    server = start_server([sandbox.credential()])

    watch = server.api.watch()
    tokens = [next(watch) for _ in range(4)]

    assert [token.generation for token in tokens] == [1, 2, 3, 4]
    assert len({token.access_token for token in tokens}) == 4
    # Each came while the one before it was good.
    assert all(0 < token.expires_in <= 3 for token in tokens)
    assert sandbox.stats()["reuse_detected"] == 0


def test_a_watcher_gets_what_a_caller_gets(start_sandbox, start_server):
    server = start_server([start_sandbox().credential("support-inbox")])

    token = next(server.api.watch("support-inbox"))

    assert token.access_token == server.api.get("support-inbox").access_token
    assert (token.token_type, token.credential) == ("Bearer", "support-inbox")


def test_a_watcher_who_comes_cold_waits_for_the_first_token(start_sandbox, start_server):
    sandbox = start_sandbox(latency="1s")
    server = start_server([sandbox.credential(refresh="on_demand")])

    with concurrent.futures.ThreadPoolExecutor(20) as threads:
        tokens = list(threads.map(lambda _: next(server.api.watch()), range(20)))

    assert {token.generation for token in tokens} == {1}
    assert sandbox.stats()["token_requests"] == 1


def test_a_reader_that_is_slow_gets_the_newest(start_sandbox, start_timed, clock):
    sandbox = start_sandbox(ttl="10m")
    server = start_timed([sandbox.credential()])
    watch = server.api.watch()
    assert next(watch).generation >= 1
    # What gRPC has on its way already comes first; then nothing older than what is current.
    for generation in (2, 3, 4):
        clock.advance(520)
        eventually(lambda: server.api.get().generation >= generation, 30, "another token")
    current = server.api.get().generation

    def caught_up():
        return next(watch).generation >= current
    eventually(caught_up, 10, "the newest token comes")


def test_an_unknown_credential_is_not_found(start_sandbox, start_server):
    server = start_server([start_sandbox().credential()])

    with pytest.raises(Refused) as refused:
        next(server.api.watch("nobody"))

    assert (refused.value.code, refused.value.reason) == ("NOT_FOUND", "CREDENTIAL_NOT_FOUND")


def test_a_dead_grant_ends_the_watch_and_says_why(start_sandbox, start_server):
    sandbox = start_sandbox(ttl="3s")
    server = start_server([sandbox.credential()])
    watch = server.api.watch()
    assert next(watch).generation == 1
    sandbox.revoke()

    with pytest.raises(Refused) as refused:
        while True:
            next(watch)

    assert (refused.value.code, refused.value.reason) == (
        "FAILED_PRECONDITION", "REFRESH_TOKEN_REJECTED")


def test_a_provider_that_is_down_does_not_end_the_watch(start_sandbox, start_server):
    sandbox = start_sandbox(ttl="3s")
    server = start_server([sandbox.credential()])
    watch = server.api.watch()
    assert next(watch).generation == 1
    sandbox.fault("refuse_5xx_before", count=3)

    generations = [next(watch).generation for _ in range(2)]

    assert generations == [2, 3]


def test_draining_ends_the_watch_at_once(start_sandbox, start_server):
    server = start_server([start_sandbox().credential()])
    watch = server.api.watch()
    next(watch)

    server.terminate()

    with pytest.raises(Refused) as refused:
        next(watch)
    assert (refused.value.code, refused.value.reason) == ("UNAVAILABLE", "SHUTTING_DOWN")
    assert server.stop() == 0


def test_one_watcher_too_many_is_refused_until_one_leaves(start_sandbox, start_server):
    server = start_server([start_sandbox().credential()], limits={"watchers": 2})
    watches = [server.api.watch() for _ in range(2)]
    for watch in watches:
        next(watch)

    with pytest.raises(Refused) as refused:
        next(server.api.watch())
    assert (refused.value.code, refused.value.reason) == ("RESOURCE_EXHAUSTED", "OVERLOADED")
    assert refused.value.retry_delay > 0
    assert "watch" in refused.value.message and refused.value.metadata["credential"] == "default"

    watches[0].cancel()

    def admitted():
        try:
            return next(server.api.watch())
        except Refused:
            return None
    eventually(admitted, 10, "the place is free again")


def test_deleting_the_credential_ends_the_watch(start_sandbox, start_server):
    sandbox = start_sandbox()
    server = start_server([], token_endpoints=[sandbox.url])
    created = server.api.channel.unary_unary(
        "/token.v1.CredentialService/CreateCredential",
        request_serializer=lambda request: request.SerializeToString(),
        response_deserializer=message("token.v1.Credential").FromString)
    deleted = server.api.channel.unary_unary(
        "/token.v1.CredentialService/DeleteCredential",
        request_serializer=lambda request: request.SerializeToString(),
        response_deserializer=message("google.protobuf.Empty").FromString)
    create = message("token.v1.CreateCredentialRequest")()
    create.credential.name = "inbox"
    create.credential.client_id = "sandbox"
    create.credential.token_endpoint = sandbox.token_endpoint
    create.credential.refresh_token = sandbox.mint("inbox").read_text().strip()
    created(create, timeout=30)
    watch = server.api.watch("inbox")
    assert next(watch).generation == 1

    deleted(message("token.v1.DeleteCredentialRequest")(name="inbox"), timeout=30)

    with pytest.raises(Refused) as refused:
        next(watch)
    assert (refused.value.code, refused.value.reason) == ("NOT_FOUND", "CREDENTIAL_NOT_FOUND")
