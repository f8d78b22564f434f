"""GetAccessToken against a provider that works."""

import pytest


def test_a_token_end_to_end_buys_the_tickets(start_sandbox, start_server):
    sandbox = start_sandbox(ttl="1h")
    server = start_server([sandbox.credential("support-inbox")])

    token = server.api.get()

    assert token.token_type == "Bearer"
    assert token.credential == "support-inbox"
    assert token.generation == 1
    assert 3590 < token.expires_in <= 3600
    status, body = sandbox.buy_tickets(token.access_token)
    assert status == 200 and "tickets" in body


def test_many_calls_cost_the_provider_one_exchange(start_sandbox, start_server):
    sandbox = start_sandbox()
    server = start_server([sandbox.credential()])

    tokens = {server.api.get().access_token for _ in range(100)}

    assert len(tokens) == 1
    assert sandbox.stats()["token_requests"] == 1


def test_each_name_has_its_own_token_and_default_is_the_unnamed(start_sandbox, start_server):
    sandbox = start_sandbox()
    server = start_server([sandbox.credential("default"), sandbox.credential("other", minted="other")])

    assert server.api.get("other").credential == "other"
    assert server.api.get("").credential == "default"
    assert server.api.get("other").access_token != server.api.get("default").access_token


def test_a_name_is_required_when_several_would_do(start_sandbox, start_server):
    sandbox = start_sandbox()
    server = start_server([sandbox.credential("a"), sandbox.credential("b", minted="b")])

    refused = server.api.refusal("")

    assert (refused.code, refused.reason) == ("INVALID_ARGUMENT", "CREDENTIAL_REQUIRED")
    assert refused.domain == "token.v1"


def test_an_unknown_credential_is_not_found(start_sandbox, start_server):
    server = start_server([start_sandbox().credential()])

    refused = server.api.refusal("nobody")

    assert (refused.code, refused.reason) == ("NOT_FOUND", "CREDENTIAL_NOT_FOUND")
    assert refused.domain == "token.v1"
    assert refused.metadata["credential"] == "nobody"
    assert refused.retry_delay is None


@pytest.mark.parametrize("field, request_fields", [
    ("credential", {"credential": "Not A Name"}),
    ("credential", {"credential": "x" * 64}),
    ("min_validity", {"min_validity": -1}),
    ("min_validity", {"min_validity": -0.5}),
])
def test_a_malformed_request_names_the_field(start_sandbox, start_server, field, request_fields):
    server = start_server([start_sandbox().credential()])

    refused = server.api.refusal(**request_fields)

    assert (refused.code, refused.reason) == ("INVALID_ARGUMENT", "INVALID_REQUEST")
    assert refused.metadata["field"] == field


def test_a_malformed_duration_is_refused(start_sandbox, start_server):
    server = start_server([start_sandbox().credential()])
    request = server.api.request()
    request.min_validity.seconds, request.min_validity.nanos = 1, -1  # Signs that differ.
    with pytest.raises(Exception) as caught:
        server.api.send(request)
    assert caught.value.reason == "INVALID_REQUEST"


def test_min_validity_is_kept_by_a_refresh(start_sandbox, start_timed, clock):
    sandbox = start_sandbox(ttl="10m")
    server = start_timed([sandbox.credential()])
    first = server.api.get()
    clock.advance(60)  # Past min_refresh_interval.

    again = server.api.get(min_validity=570)

    assert again.generation == first.generation + 1
    assert again.expires_in >= 570
    assert server.api.get(min_validity=540).generation == again.generation, "the live one is good enough"


def test_more_min_validity_than_a_token_can_have_costs_the_provider_nothing(start_sandbox, start_server):
    sandbox = start_sandbox(ttl="1h")
    server = start_server([sandbox.credential()])
    server.api.get()

    refused = server.api.refusal(min_validity=3595)  # The lifetime less min_refresh_interval is 3590.

    assert (refused.code, refused.reason) == ("OUT_OF_RANGE", "VALIDITY_UNAVAILABLE")
    assert sandbox.stats()["token_requests"] == 1


def test_a_rejected_generation_is_replaced_once(start_sandbox, start_timed, clock):
    sandbox = start_sandbox(ttl="1h")
    server = start_timed([sandbox.credential()])
    first = server.api.get()
    clock.advance(60)  # Past min_refresh_interval.

    second = server.api.get(rejected_generation=first.generation)
    late = server.api.get(rejected_generation=first.generation)

    assert second.generation == first.generation + 1
    assert late.generation == second.generation, "that one is replaced already"
    assert sandbox.stats()["token_requests"] == 2


def test_a_token_just_replaced_is_not_replaced_again(start_sandbox, start_server):
    sandbox = start_sandbox(ttl="1h")
    server = start_server([sandbox.credential()])
    token = server.api.get()

    refused = server.api.refusal(rejected_generation=token.generation)

    assert (refused.code, refused.reason) == ("UNAVAILABLE", "REFRESHED_RECENTLY")
    assert 0 < refused.retry_delay <= 10
    assert sandbox.stats()["token_requests"] == 1
