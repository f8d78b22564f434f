"""The audit: who got what, who was denied, what operators did."""

import json
import pathlib
import signal
import stat

import pytest

from harness import metrics
from harness.api import Api, Refused
from harness.operator import Operator
from harness.process import eventually


@pytest.fixture
def sandbox(start_sandbox):
    return start_sandbox()


class Audit:
    def __init__(self, path: pathlib.Path):
        self.path = path

    def lines(self, event: str | None = None) -> list[dict]:
        text = self.path.read_text() if self.path.exists() else ""
        found = [json.loads(line) for line in text.splitlines()]  # Splits at every separator that Unicode has.
        assert all(list(line)[:2] == ["time", "event"] for line in found)
        return [line for line in found if event in (None, line["event"])]

    def wait(self, event: str, count: int) -> list[dict]:
        return eventually(lambda: (found := self.lines(event)) and len(found) >= count and found, 20,
                          f"{count} × {event}")


@pytest.fixture
def audit(tmp_path):
    return Audit(tmp_path / "audit.jsonl")


def test_the_first_time_a_caller_gets_a_generation(sandbox, start_server, audit):
    server = start_server([sandbox.credential("inbox")], audit={"file": str(audit.path)})
    for _ in range(20):
        server.api.get("inbox")
    with_same_identity = Api(server.address)
    with_same_identity.get("inbox")
    with_same_identity.close()
    [line] = audit.wait("token_issued", 1)
    assert line["caller"] == "anonymous" and line["connection"] == "plaintext"
    assert line["credential"] == "inbox" and line["generation"] == 1
    assert line["peer"].startswith("ipv4:127.0.0.1:") and line["source"] in ("cache", "refresh")

    Operator(server.api).refresh("inbox")
    for _ in range(20):
        assert server.api.get("inbox").generation == 2
    assert [each["generation"] for each in audit.wait("token_issued", 2)] == [1, 2]
    assert stat.S_IMODE(audit.path.stat().st_mode) == 0o600


def test_each_way_in_is_another_caller(sandbox, start_server, audit, tmp_path):
    socket = tmp_path / "s"
    server = start_server([sandbox.credential("inbox")], audit={"file": str(audit.path)},
                          listen=["127.0.0.1:0", f"unix:{socket}"])
    server.api.get("inbox")
    by_socket = Api(f"unix:{socket}")
    by_socket.get("inbox")
    watch = server.api.watch("inbox")
    next(watch)
    watch.cancel()
    by_socket.close()
    lines = audit.wait("token_issued", 2)
    assert [(line["caller"], line["connection"]) for line in lines] == [
        ("anonymous", "plaintext"), (f"unix:{socket}", "unix")]


def test_every_denial_whatever_its_name_holds(sandbox, start_server, audit):
    server = start_server([sandbox.credential("inbox")], audit={"file": str(audit.path)},
                          callers=[{"identity": "anonymous", "credentials": ["other"]}])
    hostile = 'x"}\n{"time":"now","event":"start"}\r\x1b[31m\u2028{\x00'
    for _ in range(2):
        server.api.refusal("inbox")
    assert server.api.refusal(hostile).reason == "INVALID_REQUEST"
    with pytest.raises(Refused):
        Operator(server.api).call("DeleteCredential", name=hostile)
    with pytest.raises(Refused):
        Operator(server.api).get("n" * 3000)

    lines = audit.wait("denied", 4)
    assert len(lines) == 4 and len(audit.lines("start")) == 1
    first = lines[0]
    assert first["method"] == "GetAccessToken" and first["credential"] == "inbox"
    assert first["code"] == "PERMISSION_DENIED" and first["reason"] == "CREDENTIAL_NOT_PERMITTED"
    assert lines[2]["method"] == "DeleteCredential" and lines[2]["reason"] == "OPERATOR_REQUIRED"
    assert lines[2]["credential"] == hostile
    assert lines[3]["credential"] == "n" * 256, "what a stranger sends is cut"
    assert audit.lines("operator_call") == []


def test_operator_calls_with_what_came_of_them(sandbox, start_server, audit):
    server = start_server([sandbox.credential("inbox")], audit={"file": str(audit.path)},
                          defaults={"token_endpoint": sandbox.token_endpoint})
    operator = Operator(server.api)
    grant = {"client_id": sandbox.client_id, "refresh_token": sandbox.mint("new").read_text(),
             "client_auth": "client_secret_post", "client_secret": "hush-hush-hush"}
    operator.create("new", **grant)
    operator.refusal("CreateCredential", credential={"name": "new", **grant})
    operator.get("new")
    operator.names()
    operator.update("new", "purpose", purpose="tests")
    operator.refresh("inbox")
    replacement = sandbox.mint("replacement").read_text()
    operator.replace("inbox", replacement)
    operator.delete("new")
    operator.refusal("GetCredential", name="new")

    lines = audit.wait("operator_call", 9)
    assert [(line["method"], line["credential"], line["code"], line["reason"]) for line in lines] == [
        ("CreateCredential", "new", "OK", "OK"),
        ("CreateCredential", "new", "ALREADY_EXISTS", "CREDENTIAL_EXISTS"),
        ("GetCredential", "new", "OK", "OK"),
        ("ListCredentials", "", "OK", "OK"),
        ("UpdateCredential", "new", "OK", "OK"),
        ("RefreshCredential", "inbox", "OK", "OK"),
        ("ReplaceRefreshToken", "inbox", "OK", "OK"),
        ("DeleteCredential", "new", "OK", "OK"),
        ("GetCredential", "new", "NOT_FOUND", "CREDENTIAL_NOT_FOUND")]
    assert all(line["caller"] == "anonymous" and line["peer"].startswith("ipv4:") for line in lines)
    token = server.api.get("inbox").access_token
    text = audit.path.read_text()
    for secret in (token, replacement, grant["refresh_token"], grant["client_secret"]):
        assert secret.strip() not in text


def test_logrotate_renames_and_sends_sighup(sandbox, start_server, audit):
    server = start_server([sandbox.credential("inbox")], audit={"file": str(audit.path)})
    operator = Operator(server.api)
    operator.get("inbox")
    audit.wait("operator_call", 1)
    old = Audit(audit.path.with_suffix(".1"))
    audit.path.rename(old.path)
    operator.names()
    old.wait("operator_call", 2)  # Until it is told, it goes on in the old one.
    server.process.signal(signal.SIGHUP)
    eventually(audit.path.exists, 20, "a new file")
    operator.get("inbox")
    [line] = audit.wait("operator_call", 1)
    assert line["method"] == "GetCredential" and len(old.lines("operator_call")) == 2
    assert stat.S_IMODE(audit.path.stat().st_mode) == 0o600
    assert server.stop() == 0
    assert [line["event"] for line in audit.lines()][-1] == "stop" and old.lines()[0]["event"] == "start"


def test_a_full_disk_does_not_stop_serving(sandbox, start_server, audit):
    audit.path.symlink_to("/dev/full")
    server = start_server([sandbox.credential("inbox")], audit={"file": str(audit.path)},
                          metrics={"listen": "127.0.0.1:0"})
    for _ in range(20):
        server.api.get("inbox")
    Operator(server.api).refresh("inbox")
    eventually(lambda: metrics.scrape(server)("token_service_audit_write_failures_total") >= 1, 20, "it is counted")
    [line] = server.events("audit not written, trying again")
    assert line["level"] == "error" and line["error"] == "No space left on device"
    assert server.api.health() == 1

    audit.path.unlink()  # Room again.
    server.process.signal(signal.SIGHUP)
    audit.wait("operator_call", 1)
    assert [each["event"] for each in audit.lines()[:2]] == ["start", "token_issued"], "nothing is lost"
    eventually(lambda: server.events("audit written again"), 20, "and said")
    assert metrics.scrape(server)("token_service_audit_lines_dropped_total") == 0


@pytest.mark.parametrize("config", [{}, {"audit": {"file": "-"}}])
def test_without_a_file_it_is_among_the_log(sandbox, start_server, config):
    server = start_server([sandbox.credential("inbox")], log={"format": "json"}, **config)
    server.api.get("inbox")
    [line] = eventually(lambda: server.events("token_issued"), 20, "the line")
    assert line["audit"] is True and line["credential"] == "inbox" and line["level"] == "info"
    assert server.events("start")[0]["audit"] is True


def test_a_file_that_cannot_be_made_is_one_line(sandbox, make_server, tmp_path):
    process = make_server([sandbox.credential()], audit={"file": str(tmp_path / "none" / "audit.log")}).launch()
    assert process.wait() == 1
    [line] = [line for line in process.stderr().splitlines() if not line.startswith("{")]
    assert line.startswith("token-server: audit.file: ") and line.endswith("No such file or directory")
