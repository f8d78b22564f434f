"""Credentials that operators make, change and delete while the server runs."""

import json
import pathlib
import subprocess
import threading

import pytest

from harness.operator import Operator, state
from harness.process import eventually
from harness.tools import program


@pytest.fixture
def sandbox(start_sandbox):
    return start_sandbox()


@pytest.fixture
def server(sandbox, start_server):
    """With one declared credential, `declared`, and a default token endpoint."""
    return start_server([sandbox.credential("declared")],
                        defaults={"token_endpoint": sandbox.token_endpoint})


@pytest.fixture
def operator(server):
    return Operator(server.api)


def grant(sandbox, name: str) -> dict:
    """What CreateCredential wants for a grant minted now."""
    return {"client_id": sandbox.client_id, "refresh_token": sandbox.mint(name).read_text()}


def test_a_created_credential_hands_out_tokens(sandbox, server, operator):
    created = operator.create("inbox", purpose="reads the inbox", **grant(sandbox, "a"))
    assert created.name == "inbox" and created.purpose == "reads the inbox"
    assert created.token_endpoint == sandbox.token_endpoint  # The default.
    assert created.client_auth == "none" and not created.managed_by_config
    assert created.HasField("create_time")

    token = server.api.get("inbox")
    assert token.generation == 1 and sandbox.buy_tickets(token.access_token)[0] == 200
    shown = operator.get("inbox")
    assert state(shown) == "ACTIVE" and shown.generation == 1 and shown.HasField("expire_time")
    assert shown.HasField("next_refresh_time") and shown.HasField("last_refresh_time")


def test_the_refresh_token_is_exchanged_without_anybody_asking(sandbox, start_server):
    operator = Operator(start_server([], defaults={"refresh": "on_demand"},
                                     token_endpoints=[sandbox.url]).api)
    operator.create("inbox", token_endpoint=sandbox.token_endpoint, **grant(sandbox, "a"))
    eventually(lambda: operator.get("inbox").generation == 1, 20, "the first token is there")


def test_no_answer_holds_a_secret(sandbox, operator):
    created = operator.create("inbox", client_auth="client_secret_post", client_secret="hush-hush",
                              **grant(sandbox, "a"))
    for shown in (created, operator.get("inbox")):
        assert shown.refresh_token == "" and shown.client_secret == ""


def test_lists_in_pages_by_name(sandbox, operator):
    for name in ("c", "a", "e", "b"):
        operator.create(name, **grant(sandbox, name))
    assert operator.names(2) == [["a", "b"], ["c", "declared"], ["e"]]
    assert operator.names() == [["a", "b", "c", "declared", "e"]]
    assert operator.names(1_000_000) == [["a", "b", "c", "declared", "e"]]


def test_a_page_begins_after_what_was_deleted_meanwhile(sandbox, operator):
    for name in ("a", "b", "c"):
        operator.create(name, **grant(sandbox, name))
    page = operator.call("ListCredentials", page_size=2)
    operator.delete("b")
    rest = operator.call("ListCredentials", page_size=2, page_token=page.next_page_token)
    assert [each.name for each in rest.credentials] == ["c", "declared"]


def test_update_changes_what_the_mask_names(sandbox, operator):
    operator.create("inbox", purpose="old", scope="read", **grant(sandbox, "a"))
    updated = operator.update("inbox", "purpose", purpose="new", scope="ignored")
    assert updated.purpose == "new" and updated.scope == "read"
    assert operator.update("inbox", "scope").scope == ""


def test_update_without_a_mask_changes_what_is_set(sandbox, operator):
    operator.create("inbox", purpose="old", scope="read", **grant(sandbox, "a"))
    updated = operator.update("inbox", purpose="new")
    assert updated.purpose == "new" and updated.scope == "read"


def test_update_cures_a_rejected_client(sandbox, server, operator):
    operator.create("inbox", **{**grant(sandbox, "a"), "client_id": "nobody"})
    eventually(lambda: state(operator.get("inbox")) == "CLIENT_REJECTED", 20, "the client is rejected")
    operator.update("inbox", "client_id", client_id=sandbox.client_id)
    assert server.api.get("inbox").generation == 1


def test_a_new_refresh_token_brings_a_dead_credential_back(sandbox, server, operator):
    operator.create("inbox", **grant(sandbox, "a"))
    first = server.api.get("inbox")
    sandbox.revoke("a")
    refused = operator.refusal("RefreshCredential", name="inbox")
    assert (refused.code, refused.reason) == ("FAILED_PRECONDITION", "REFRESH_TOKEN_REJECTED")
    assert state(operator.get("inbox")) == "NEEDS_REAUTHORIZATION"
    assert operator.get("inbox").last_error_reason == "REFRESH_TOKEN_REJECTED"

    operator.replace("inbox", sandbox.mint("b").read_text())
    shown = eventually(lambda: (found := operator.get("inbox")).generation == 2 and found, 20, "it is back")
    assert state(shown) == "ACTIVE" and shown.consecutive_failures == 0
    second = server.api.get("inbox")
    assert second.access_token != first.access_token
    assert sandbox.buy_tickets(second.access_token)[0] == 200


def test_refresh_waits_for_the_new_token(sandbox, server, operator):
    operator.create("inbox", **grant(sandbox, "a"))
    assert server.api.get("inbox").generation == 1
    refreshed = operator.refresh("inbox")
    assert refreshed.generation == 2 and server.api.get("inbox").generation == 2


def test_refresh_overrides_a_backoff(sandbox, operator):
    sandbox.fault("html", -1)
    operator.create("inbox", **grant(sandbox, "a"))
    eventually(lambda: operator.get("inbox").consecutive_failures >= 3, 30, "it backs off")
    sandbox.heal()
    assert operator.refresh("inbox").generation == 1


def test_delete_ends_everything(sandbox, server, operator):
    operator.create("inbox", **grant(sandbox, "a"))
    assert server.api.get("inbox").generation == 1
    operator.delete("inbox")
    for refused in (server.api.refusal("inbox"), operator.refusal("GetCredential", name="inbox"),
                    operator.refusal("DeleteCredential", name="inbox")):
        assert (refused.code, refused.reason) == ("NOT_FOUND", "CREDENTIAL_NOT_FOUND")
        assert refused.metadata["credential"] == "inbox"
    assert operator.names() == [["declared"]]


def test_delete_ends_waiting_calls(sandbox, server, operator):
    assert server.api.get("declared").generation == 1
    sandbox.slow(5)
    operator.create("inbox", **grant(sandbox, "a"))
    waiting = server.api.get_future("inbox")
    eventually(lambda: sandbox.stats_of("a")["in_flight_max"], 10, "the exchange is under way")
    operator.delete("inbox")
    assert waiting.exception(timeout=4).code().name == "NOT_FOUND"


def test_a_name_used_again_never_serves_the_old_grant(sandbox, server, operator):
    """The old grant's exchange is in the air while its credential is deleted and made anew."""
    assert server.api.get("declared").generation == 1
    sandbox.slow(3)
    operator.create("inbox", **grant(sandbox, "old"))
    eventually(lambda: sandbox.stats_of("old")["in_flight_max"], 10, "the exchange is under way")
    operator.delete("inbox")
    created = operator.create("inbox", purpose="new", **grant(sandbox, "new"))
    assert created.purpose == "new" and created.generation <= 1
    token = server.api.get("inbox")
    assert token.generation == 1
    assert sandbox.buy_tickets(token.access_token)[0] == 200
    sandbox.revoke("new")
    assert sandbox.buy_tickets(token.access_token)[0] == 401, "the token is of the old grant"


def test_a_declared_credential_is_the_configurations(sandbox, server, operator):
    for method, fields in (("DeleteCredential", {"name": "declared"}),
                           ("UpdateCredential", {"credential": {"name": "declared", "purpose": "x"}})):
        refused = operator.refusal(method, **fields)
        assert (refused.code, refused.reason) == ("FAILED_PRECONDITION", "MANAGED_BY_CONFIG")
        assert refused.domain == "token.v1" and refused.metadata["credential"] == "declared"
    assert operator.get("declared").managed_by_config
    assert server.api.get("declared").generation == 1
    assert operator.refresh("declared").generation == 2
    operator.replace("declared", sandbox.mint("other").read_text())
    eventually(lambda: operator.get("declared").generation == 3, 20, "the new grant is exchanged")


def test_one_dropped_from_the_configuration_is_disabled_listed_and_deletable(sandbox, server):
    server.api.get("declared")
    assert server.stop() == 0
    server.configure([])
    server.start()
    operator = Operator(server.api)
    assert state(operator.get("declared")) == "DISABLED" and operator.names() == [["declared"]]
    assert not operator.get("declared").managed_by_config, "it is the operators' to delete"
    refused = operator.refusal("ReplaceRefreshToken", name="declared", refresh_token="x")
    assert (refused.code, refused.reason) == ("FAILED_PRECONDITION", "CREDENTIAL_DISABLED")
    operator.delete("declared")
    assert operator.names() == [[]]
    server.restart()
    assert Operator(server.api).names() == [[]]


def test_what_was_made_changed_and_deleted_survives_a_restart(sandbox, server, operator):
    operator.create("inbox", **grant(sandbox, "a"))
    operator.create("outbox", **grant(sandbox, "b"))
    operator.update("inbox", "purpose", purpose="kept")
    token = server.api.get("inbox")
    operator.delete("outbox")
    server.restart()
    operator = Operator(server.api)
    assert operator.names() == [["declared", "inbox"]]
    assert operator.get("inbox").purpose == "kept"
    assert server.api.get("inbox").access_token == token.access_token
    assert operator.refresh("inbox").generation == 2


def test_a_name_that_is_taken_is_refused(sandbox, operator):
    operator.create("inbox", **grant(sandbox, "a"))
    for name in ("inbox", "declared"):
        refused = operator.refusal("CreateCredential", credential={"name": name, **grant(sandbox, name)})
        assert (refused.code, refused.reason) == ("ALREADY_EXISTS", "CREDENTIAL_EXISTS")
        assert refused.metadata["credential"] == name


GOOD = {"name": "inbox", "client_id": "c", "refresh_token": "secret-in-request"}


@pytest.mark.parametrize("field, method, fields", [
    ("name", "CreateCredential", {"credential": {**GOOD, "name": ""}}),
    ("name", "CreateCredential", {"credential": {**GOOD, "name": "In box"}}),
    ("name", "CreateCredential", {"credential": {**GOOD, "name": "a\n"}}),
    ("name", "CreateCredential", {"credential": {**GOOD, "name": "x" * 64}}),
    ("name", "CreateCredential", {}),
    ("client_id", "CreateCredential", {"credential": {**GOOD, "client_id": ""}}),
    ("client_id", "CreateCredential", {"credential": {**GOOD, "client_id": "a\nb"}}),
    ("purpose", "CreateCredential", {"credential": {**GOOD, "purpose": "a\nb"}}),
    ("scope", "CreateCredential", {"credential": {**GOOD, "scope": "a\"b"}}),
    ("token_endpoint", "CreateCredential", {"credential": {**GOOD, "token_endpoint": "http://example.org"}}),
    ("token_endpoint", "CreateCredential",
     {"credential": {**GOOD, "token_endpoint": "https://u:secret-in-request@example.org"}}),
    ("refresh_token", "CreateCredential", {"credential": {**GOOD, "refresh_token": ""}}),
    ("refresh_token", "CreateCredential", {"credential": {**GOOD, "refresh_token": "secret-in-request\n"}}),
    ("refresh_token", "CreateCredential", {"credential": {**GOOD, "refresh_token": "x" * 16385}}),
    ("client_auth", "CreateCredential", {"credential": {**GOOD, "client_auth": "magic"}}),
    ("client_secret", "CreateCredential", {"credential": {**GOOD, "client_secret": "secret-in-request"}}),
    ("client_secret", "CreateCredential", {"credential": {**GOOD, "client_auth": "client_secret_post"}}),
    ("name", "GetCredential", {}),
    ("name", "DeleteCredential", {"name": "../x"}),
    ("name", "RefreshCredential", {"name": "X"}),
    ("name", "ReplaceRefreshToken", {"refresh_token": "secret-in-request"}),
    ("refresh_token", "ReplaceRefreshToken", {"name": "inbox"}),
    ("page_size", "ListCredentials", {"page_size": -1}),
    ("page_token", "ListCredentials", {"page_token": "!"}),
    ("update_mask", "UpdateCredential", {"credential": {"name": "inbox"}, "update_mask": {"paths": ["name"]}}),
    ("update_mask", "UpdateCredential",
     {"credential": {"name": "inbox"}, "update_mask": {"paths": ["state"]}}),
    ("token_endpoint", "CreateCredential", {"credential": {**GOOD, "token_endpoint": "https://169.254.169.254/x"}}),
])
def test_a_malformed_request_names_its_field(start_server, field, method, fields):
    server = start_server([], defaults={"token_endpoint": "http://127.0.0.1:9/token"})
    refused = Operator(server.api).refusal(method, **fields)
    assert (refused.code, refused.reason, refused.domain) == ("INVALID_ARGUMENT", "INVALID_REQUEST", "token.v1")
    assert refused.metadata["field"] == field
    assert b"secret-in-request" not in refused.details and "secret-in-request" not in refused.message


def test_without_a_default_the_token_endpoint_is_required(start_server):
    refused = Operator(start_server([]).api).refusal("CreateCredential", credential=GOOD)
    assert (refused.reason, refused.metadata["field"]) == ("INVALID_REQUEST", "token_endpoint")


@pytest.mark.parametrize("method, fields", [
    ("CreateCredential", {"credential": GOOD}), ("GetCredential", {"name": "declared"}),
    ("ListCredentials", {}), ("UpdateCredential", {"credential": {"name": "declared"}}),
    ("ReplaceRefreshToken", {"name": "declared", "refresh_token": "x"}),
    ("RefreshCredential", {"name": "declared"}), ("DeleteCredential", {"name": "declared"}),
])
def test_only_operators_may(sandbox, start_server, method, fields):
    server = start_server([sandbox.credential("declared")],
                          callers=[{"identity": "anonymous", "credentials": ["*"]}])
    refused = Operator(server.api).refusal(method, **fields)
    assert (refused.code, refused.reason) == ("PERMISSION_DENIED", "OPERATOR_REQUIRED")
    assert refused.domain == "token.v1"


def test_operators_that_hurry_do_not_trip_over_each_other(sandbox, server, operator):
    """The same name from several sides at once: one creation wins, and the end is as the last call left it."""
    outcomes = []

    def toil(number: int):
        for _ in range(10):
            for method, fields in (
                    ("CreateCredential", {"credential": {"name": "inbox", **GOOD_GRANT}}),
                    ("UpdateCredential", {"credential": {"name": "inbox", "purpose": str(number)}}),
                    ("DeleteCredential", {"name": "inbox"})):
                try:
                    operator.call(method, **fields)
                except Exception as error:
                    outcomes.append(getattr(error, "reason", repr(error)))

    GOOD_GRANT = grant(sandbox, "a")
    threads = [threading.Thread(target=toil, args=(each,)) for each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Whoever comes again with a grant that has been used meanwhile is told so.
    assert set(outcomes) <= {"CREDENTIAL_EXISTS", "CREDENTIAL_NOT_FOUND", "REFRESH_TOKEN_SPENT"}
    assert "inbox" not in operator.names()[0]
    operator.create("inbox", **grant(sandbox, "b"))
    assert server.api.get("inbox").generation == 1


def client(server, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess:
    return subprocess.run([program("token-client"), "credential", *arguments, f"--server={server.address}"],
                          input=stdin, capture_output=True, text=True, timeout=60)


def test_the_client_does_it_all(sandbox, server):
    done = client(server, "create", "inbox", f"--client_id={sandbox.client_id}", "--purpose=reads",
                  f"--refresh_token_file={sandbox.mint('a')}")
    assert done.returncode == 0 and "inbox" in done.stdout and done.stderr == ""
    assert server.api.get("inbox").generation == 1
    listed = client(server, "list").stdout.splitlines()
    assert listed[0].startswith("NAME") and listed[1].split()[:3] == ["declared", "ACTIVE", "1"]
    shown = json.loads(client(server, "show", "inbox", "--format=json").stdout)
    assert shown["state"] == "CREDENTIAL_STATE_ACTIVE" and shown["purpose"] == "reads"
    assert "new words" in client(server, "update", "inbox", "--purpose=new words").stdout
    assert client(server, "replace-refresh-token", "inbox", "--refresh_token_file=-",
                  stdin=sandbox.mint("b").read_text() + "\n").returncode == 0
    eventually(lambda: server.api.get("inbox").generation == 2, 20, "the new grant is exchanged")
    assert json.loads(client(server, "refresh", "inbox", "--format=json").stdout)["generation"] == "3"
    assert client(server, "delete", "inbox").returncode == 0
    gone = client(server, "show", "inbox")
    assert gone.returncode == 1 and "NOT_FOUND CREDENTIAL_NOT_FOUND" in gone.stderr
    assert gone.stderr.count("\n") == 1


def test_no_secret_is_left_in_the_log_or_the_files(sandbox, server, operator):
    secrets = {"client-secret-recognisable"}
    for each in range(3):
        given = grant(sandbox, f"grant-{each}")
        secrets.add(given["refresh_token"])
        operator.create(f"c{each}", client_auth="client_secret_post", client_secret="client-secret-recognisable",
                        **given)
        operator.refusal("CreateCredential", credential={"name": "BAD", **given})
        operator.refusal("CreateCredential", credential={"name": f"c{each}", **given})
    replacing = sandbox.mint("another").read_text()
    secrets.add(replacing)
    operator.replace("c1", replacing)
    operator.update("c2", "client_secret", client_secret="client-secret-recognisable2")
    operator.delete("c0")
    command_line = pathlib.Path(f"/proc/{server.process.pid}/cmdline").read_bytes()
    assert server.stop() == 0
    files = [path for path in server.data_dir.rglob("*") if path.is_file()]
    assert files
    for name, data in [("cmdline", command_line), ("log", server.logs().encode()),
                       *((path.name, path.read_bytes()) for path in files)]:
        for secret in secrets:
            assert secret.encode() not in data, f"a secret is in {name}"
