"""A refresh token that was spent is never adopted and never sent again, by whatever way it comes."""

import re
import signal

import pytest

from harness.keyring import Keyring, rekey, reload_keys
from harness.operator import Operator, state
from harness.process import eventually

SPENT = "the refresh token in a file is spent and not adopted; going on with the stored one"
SINCE = r"spent since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"


@pytest.fixture
def sandbox(start_sandbox):
    """Rotates, and revokes the grant when an old refresh token comes back."""
    return start_sandbox(ttl="1h", rotate="true", reuse_detection="true")


def assert_alive(sandbox, server, name: str) -> None:
    """Nothing was posted that had been consumed: the next exchange works."""
    assert state(Operator(server.api).refresh(name)) == "ACTIVE"
    assert sandbox.buy_tickets(server.api.get(name).access_token)[0] == 200


def test_an_operator_cannot_give_it(sandbox, start_server):
    server = start_server([], defaults={"token_endpoint": sandbox.token_endpoint})
    operator = Operator(server.api)
    first = sandbox.mint("a").read_text()
    operator.create("inbox", client_id=sandbox.client_id, refresh_token=first)
    assert server.api.get("inbox").generation == 1
    for refusal in (operator.refusal("ReplaceRefreshToken", name="inbox", refresh_token=first),
                    operator.refusal("CreateCredential", credential={
                        "name": "twin", "client_id": sandbox.client_id, "refresh_token": first})):
        assert refusal.code == "FAILED_PRECONDITION" and refusal.reason == "REFRESH_TOKEN_SPENT"
        assert re.search(SINCE, refusal.message), refusal.message
        assert first not in refusal.message
    assert operator.names() == [["inbox"]]
    assert_alive(sandbox, server, "inbox")
    # Nor when the credential is gone.
    operator.delete("inbox")
    refusal = operator.refusal("CreateCredential", credential={
        "name": "inbox", "client_id": sandbox.client_id, "refresh_token": first})
    assert refusal.reason == "REFRESH_TOKEN_SPENT"
    assert sandbox.stats_of("a")["rotations"] == 2


def test_the_first_declaration_of_an_operators_credential_adopts_nothing(sandbox, start_server):
    server = start_server([], defaults={"token_endpoint": sandbox.token_endpoint})
    declared = sandbox.credential("inbox", minted="a")
    token = open(declared["refresh_token_file"], encoding="ascii").read()
    Operator(server.api).create("inbox", client_id=sandbox.client_id, refresh_token=token)
    assert server.api.get("inbox").generation == 1

    server.configure([declared], defaults={"token_endpoint": sandbox.token_endpoint})
    server.process.signal(signal.SIGHUP)
    warning = eventually(lambda: server.events(SPENT), 20, "it says so")[0]
    assert warning["file"] == declared["refresh_token_file"] and warning["since"]
    assert Operator(server.api).get("inbox").managed_by_config
    assert_alive(sandbox, server, "inbox")
    server.restart()
    assert_alive(sandbox, server, "inbox")
    assert sandbox.stats_of("a")["rotations"] == 3


def test_a_file_that_is_rolled_back_is_not_adopted(sandbox, start_server):
    credential = sandbox.credential()
    server = start_server([credential])
    assert server.api.get().generation == 1
    first = sandbox.refresh_token_file.read_text()
    sandbox.refresh_token_file.write_text(sandbox.mint("b").read_text())
    eventually(lambda: server.api.get().generation == 2, 20, "the new grant is in use")

    sandbox.refresh_token_file.write_text(first)  # A slip of a deployment.
    warning = eventually(lambda: server.events(SPENT), 20, "it says so")[0]
    assert warning["file"] == str(sandbox.refresh_token_file)
    assert_alive(sandbox, server, "default")
    server.restart()
    assert server.events(SPENT)
    assert_alive(sandbox, server, "default")
    assert sandbox.stats_of("demo")["rotations"] == 1, "the spent one was posted"


def test_a_new_declaration_with_a_spent_one_leaves_the_others_served(sandbox, start_server):
    credential = sandbox.credential()
    server = start_server([credential])
    first = sandbox.refresh_token_file.read_text()
    assert server.api.get().generation == 1
    copy = sandbox.directory / "copy"
    copy.write_text(first)
    other = sandbox.credential("other", minted="other")
    server.configure([credential, other, {**credential, "name": "late", "refresh_token_file": str(copy)}])
    server.process.signal(signal.SIGHUP)
    eventually(lambda: server.events("configuration reloaded"), 20, "it is reloaded")
    assert server.api.get("other").generation == 1
    operator = Operator(server.api)
    late = operator.get("late")
    assert state(late) == "NEEDS_REAUTHORIZATION" and late.last_error_reason == "REFRESH_TOKEN_SPENT"
    assert server.api.refusal("late").reason == "REFRESH_TOKEN_REJECTED"
    assert_alive(sandbox, server, "default")
    server.restart()
    operator = Operator(server.api)
    assert state(operator.get("late")) == "NEEDS_REAUTHORIZATION"
    # It is given one of its own.
    operator.replace("late", sandbox.mint("late").read_text())
    assert sandbox.buy_tickets(server.api.get("late").access_token)[0] == 200
    assert sandbox.stats_of("demo")["rotations"] == 2


def test_one_file_for_two_is_not_sent_once_it_was_seen_to_be_replaced(sandbox, start_server):
    server = start_server([sandbox.credential("a"), sandbox.credential("b")])

    def settled():
        states = [state(Operator(server.api).get(name)) for name in ("a", "b")]
        return states if "NEEDS_REAUTHORIZATION" in states else None
    states = eventually(settled, 30, "one of them finds it spent")
    assert sorted(states) == ["ACTIVE", "NEEDS_REAUTHORIZATION"]
    assert_alive(sandbox, server, "ab"[states.index("ACTIVE")])
    assert sandbox.stats_of("demo")["rotations"] == 2


def test_a_provider_that_does_not_rotate_is_given_its_token_again(start_sandbox, start_server):
    sandbox = start_sandbox(ttl="1h", rotate="false")
    server = start_server([], defaults={"token_endpoint": sandbox.token_endpoint})
    operator = Operator(server.api)
    grant = {"client_id": sandbox.client_id, "refresh_token": sandbox.mint("a").read_text()}
    operator.create("inbox", **grant)
    assert server.api.get("inbox").generation == 1
    operator.replace("inbox", grant["refresh_token"])
    eventually(lambda: server.api.get("inbox").generation == 2, 20, "it is exchanged")
    operator.create("twin", **grant)
    assert server.api.get("twin").generation == 1
    operator.delete("inbox")
    operator.create("inbox", **grant)
    assert server.api.get("inbox").generation == 1


def test_the_memory_outlives_the_key_that_seals(sandbox, start_server, tmp_path):
    ring = Keyring(tmp_path / "keyring").write("first")
    defaults = {"token_endpoint": sandbox.token_endpoint}
    server = start_server([], sealing=ring.config, defaults=defaults)
    operator = Operator(server.api)
    first = sandbox.mint("a").read_text()
    operator.create("inbox", client_id=sandbox.client_id, refresh_token=first)
    assert server.api.get("inbox").generation == 1
    ring.write("second", "first")
    assert reload_keys(server)["seals"] == "second"
    done = rekey(server)
    assert done.code == 0 and done.needs["first"] == 0, done.error
    ring.write("second")
    assert reload_keys(server)["keys"] == 1
    server.restart()
    assert operator_refusal(server, first) == "REFRESH_TOKEN_SPENT"
    assert_alive(sandbox, server, "inbox")


def operator_refusal(server, token: str) -> str:
    return Operator(server.api).refusal("ReplaceRefreshToken", name="inbox", refresh_token=token).reason
