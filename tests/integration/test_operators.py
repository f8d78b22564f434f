"""What an operator can do, and above all what it cannot: read a refresh token that it has not brought."""

import http.server
import threading

import pytest

from harness.api import Api, Refused
from harness.operator import Operator
from harness.process import Process, eventually
from harness.tools import program


class Thief:
    """An endpoint of an operator's own: keeps what it is sent."""

    def __init__(self):
        got = self.got = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                got.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                body = b'{"access_token": "theirs", "token_type": "Bearer", "expires_in": 3600}'
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.endpoint = self.origin + "/token"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def thief():
    thief = Thief()
    yield thief
    thief.close()


@pytest.fixture
def sandbox(start_sandbox):
    return start_sandbox()


@pytest.fixture
def on_sockets(tmp_path, start_server):
    """on_sockets(credentials, {socket: entry}, ...): a server, and an Api for each socket's callers."""
    opened = []

    def start(credentials, entries, **config):
        paths = {name: f"unix:{tmp_path}/{name}" for name in entries}
        server = start_server(
            credentials, listen=["127.0.0.1:0", *paths.values()],
            callers=[{"identity": "anonymous", "operator": True, "credentials": ["*"]},
                     *({"identity": paths[name], **entry} for name, entry in entries.items())], **config)
        apis = {name: Api(path) for name, path in paths.items()}
        opened.extend(apis.values())
        return server, apis
    yield start
    for api in opened:
        api.close()


def grant(sandbox, name: str) -> dict:
    return {"client_id": sandbox.client_id, "refresh_token": sandbox.mint(name).read_text()}


def code_of(refused: Refused) -> tuple[str, str]:
    return refused.code, refused.reason


def test_an_operator_manages_the_credentials_it_may_use_and_knows_of_no_others(sandbox, on_sockets):
    server, apis = on_sockets(
        [sandbox.credential("shared", "s"), sandbox.credential("other", "o")],
        {"a": {"operator": True, "credentials": ["tenant-a-*", "shared", "absent"]}},
        defaults={"token_endpoint": sandbox.token_endpoint})
    root, tenant = Operator(server.api), Operator(apis["a"])
    for name in ("tenant-a-1", "tenant-a-2", "tenant-b-1", "tenant-a"):
        root.create(name, **grant(sandbox, name))

    assert tenant.names() == [["shared", "tenant-a-1", "tenant-a-2"]]
    assert tenant.names(1) == [["shared"], ["tenant-a-1"], ["tenant-a-2"]]
    assert tenant.create("tenant-a-3", **grant(sandbox, "a3")).name == "tenant-a-3"
    assert tenant.update("tenant-a-1", "purpose", purpose="x").purpose == "x"
    assert tenant.refresh("shared").generation >= 1
    tenant.delete("tenant-a-2")

    denied = ("PERMISSION_DENIED", "CREDENTIAL_NOT_PERMITTED")
    for name in ("tenant-b-1", "tenant-a", "other", "nobody", "tenant-b-9"):
        for method, fields in (
                ("GetCredential", {"name": name}), ("DeleteCredential", {"name": name}),
                ("RefreshCredential", {"name": name}), ("ReleaseCredential", {"name": name}),
                ("ReplaceRefreshToken", {"name": name, "refresh_token": "x"}),
                ("UpdateCredential", {"credential": {"name": name, "purpose": "x"}}),
                ("CreateCredential", {"credential": {"name": name, "client_id": "c", "refresh_token": "x"}})):
            refused = tenant.refusal(method, **fields)
            assert code_of(refused) == denied, (method, name)
            assert refused.message == tenant.refusal(method, **fields).message
    # Of its own it may know.
    assert tenant.refusal("GetCredential", name="tenant-a-2").reason == "CREDENTIAL_NOT_FOUND"
    assert tenant.refusal("GetCredential", name="absent").reason == "CREDENTIAL_NOT_FOUND"
    assert sorted(sum(root.names(), [])) == ["other", "shared", "tenant-a", "tenant-a-1", "tenant-a-3", "tenant-b-1"]


def test_a_reading_operator_changes_nothing(sandbox, on_sockets):
    server, apis = on_sockets([sandbox.credential("one")], {"r": {"operator": "read_only", "credentials": ["*"]}})
    reader = Operator(apis["r"])
    eventually(lambda: reader.get("one").generation == 1, 20, "it may look")
    assert reader.names() == [["one"]]
    for method, fields in (
            ("DeleteCredential", {"name": "one"}), ("RefreshCredential", {"name": "one"}),
            ("ReleaseCredential", {"name": "one"}),
            ("ReplaceRefreshToken", {"name": "one", "refresh_token": "x"}),
            ("UpdateCredential", {"credential": {"name": "one", "purpose": "x"}}),
            ("CreateCredential", {"credential": {"name": "two", "client_id": "c", "refresh_token": "x"}})):
        assert code_of(reader.refusal(method, **fields)) == ("PERMISSION_DENIED", "OPERATOR_REQUIRED"), method
    assert reader.get("one").generation == 1


def test_a_refresh_token_goes_nowhere_that_its_bringer_did_not_name(sandbox, thief, on_sockets):
    """The server permits the thief's origin, which is as bad as it gets."""
    server, _ = on_sockets([], {}, token_endpoints=[sandbox.url, thief.origin])
    operator = Operator(server.api)
    operator.create("victim", token_endpoint=sandbox.token_endpoint, client_auth="client_secret_post",
                    client_secret="sandbox-secret", **grant(sandbox, "v"))
    for paths, fields in (
            ((), {"token_endpoint": thief.endpoint}),
            (("token_endpoint",), {"token_endpoint": thief.endpoint}),
            (("token_endpoint", "client_auth"), {"token_endpoint": thief.endpoint, "client_auth": "none"}),
            (("client_auth",), {"client_auth": "client_secret_basic"}),
            (("client_auth",), {"client_auth": "none"})):
        refused = operator.refusal("UpdateCredential", credential={"name": "victim", **fields},
                                   update_mask={"paths": paths})
        assert code_of(refused) == ("FAILED_PRECONDITION", "SECRET_REQUIRED"), fields
        assert refused.metadata["field"] == "refresh_token"
    # The refresh token alone does not take the client's secret with it.
    refused = operator.refusal("UpdateCredential", update_mask={"paths": ["token_endpoint", "refresh_token"]},
                               credential={"name": "victim", "token_endpoint": thief.endpoint, "refresh_token": "mine"})
    assert (refused.reason, refused.metadata["field"]) == ("SECRET_REQUIRED", "client_secret")
    try:
        operator.refresh("victim")
    except Refused:
        pass
    assert thief.got == []

    # With secrets of its own it may move; the old ones stay behind.
    operator.update("victim", "token_endpoint", "refresh_token", "client_secret", token_endpoint=thief.endpoint,
                    refresh_token="mine", client_secret="my-secret")
    eventually(lambda: thief.got, 20, "the new refresh token is exchanged")
    assert all("refresh_token=mine" in body and "my-secret" in body for body in thief.got)
    # The old token serves until the new one is there.
    eventually(lambda: server.api.get("victim").access_token == "theirs", 20, "the new token is served")


def test_credentials_made_by_rpc_stay_within_the_configurations_origins(sandbox, thief, on_sockets):
    server, _ = on_sockets([], {}, defaults={"token_endpoint": sandbox.token_endpoint})
    operator = Operator(server.api)
    wanted = {"name": "x", "token_endpoint": thief.endpoint, "client_id": "c", "refresh_token": "r"}
    refused = operator.refusal("CreateCredential", credential=wanted)
    assert (refused.code, refused.reason) == ("INVALID_ARGUMENT", "INVALID_REQUEST")
    assert refused.metadata["field"] == "token_endpoint" and "token_endpoints" in refused.message
    operator.create("inbox", **grant(sandbox, "a"))
    refused = operator.refusal("UpdateCredential", credential=wanted | {"name": "inbox"},
                               update_mask={"paths": ["token_endpoint", "refresh_token"]})
    assert refused.metadata["field"] == "token_endpoint"
    # Another path of the same origin is another matter.
    assert operator.update("inbox", "token_endpoint", token_endpoint=sandbox.url + "/elsewhere").name == "inbox"
    assert thief.got == []


@pytest.mark.parametrize("origin, what", [
    ("https://example.org/token", "no path"), ("http://example.org", "expected https"), ("*", "expected an https URL"),
    ("https://user@example.org", "not allowed")])
def test_an_origin_is_no_more_than_an_origin(make_server, origin, what):
    process = make_server([], token_endpoints=[origin]).launch("--check_config")
    assert process.wait() == 2
    assert "token_endpoints[0]" in process.stderr() and what in process.stderr()
    assert process.stderr().count("\n") == 1


def test_the_command_brings_the_refresh_token_along(tmp_path, sandbox, thief, on_sockets):
    server, _ = on_sockets([], {}, token_endpoints=[sandbox.url, thief.origin])
    Operator(server.api).create("inbox", token_endpoint=sandbox.token_endpoint, **grant(sandbox, "a"))

    def update(*flags: str) -> Process:
        return Process([program("token-client"), f"--server={server.address}", "credential", "update", "inbox",
                        f"--token_endpoint={thief.endpoint}", *flags], tmp_path / "client")
    alone = update()
    assert alone.wait() == 1 and "SECRET_REQUIRED" in alone.stderr()
    (tmp_path / "mine").write_text("mine\n")
    assert update(f"--refresh_token_file={tmp_path}/mine").wait() == 0
    eventually(lambda: any("refresh_token=mine" in body for body in thief.got), 20, "it is exchanged there")


def test_a_name_that_nobody_can_have_is_a_configuration_error(make_server, tmp_path):
    process = make_server([], callers=[{"identity": "uid:2001"}]).launch("--check_config")
    assert process.wait() == 2
    assert "callers[0].identity: no caller can have this identity" in process.stderr()
    assert process.stderr().count("\n") == 1


def test_a_socket_that_is_not_listened_on_is_a_warning(start_server, tmp_path):
    server = start_server([], callers=[{"identity": f"unix:{tmp_path}/other.sock", "credentials": ["*"]}])
    assert any("no such socket is in listen" in event["event"] for event in server.events())
