"""Who calls, and for how long that is so: certificates that end, authorities that go, users of a socket."""

import json
import os
import signal
import socket
import ssl
import subprocess
import threading

import grpc
import pytest

from harness import h2, metrics
from harness.api import Api, Refused
from harness.certificates import Authority
from harness.operator import Operator
from harness.process import Process, eventually
from harness.tools import program

ALICE = "spiffe://example.org/alice"


def tls(pair, client_ca) -> dict:
    return {"certificate_file": str(pair.certificate_file), "private_key_file": str(pair.private_key_file),
            "client_ca_file": str(client_ca)}


def end_of(watch) -> Refused | None:
    """None: it ended with OK."""
    try:
        for _ in watch:
            pass
    except Refused as refused:
        return refused
    return None


EXPIRED = ("UNAUTHENTICATED", "CALLER_EXPIRED")


def test_a_certificate_is_nobody_after_its_end(authority, server_pair, connect, start_sandbox, start_server):
    sandbox, slow = start_sandbox(), start_sandbox(latency="25s")
    server = start_server([sandbox.credential("inbox"), slow.credential("slow")],
                          tls=tls(server_pair, authority.file),
                          callers=[{"identity": ALICE, "operator": True, "credentials": ["*"]}])
    lasting = connect(server, authority.issue("lasting", san=["URI:" + ALICE]))
    assert lasting.get("inbox").generation == 1
    brief = connect(server, authority.issue_briefly("brief", 8, san=["URI:" + ALICE]))
    assert brief.get("inbox").generation == 1
    watch, still = brief.watch("inbox"), lasting.watch("inbox")
    assert next(watch).generation == 1 and next(still).generation == 1
    waiting = []
    waits = threading.Thread(target=lambda: waiting.append(brief.refusal("slow", timeout=60)))
    waits.start()

    end = end_of(watch)
    assert (end.code, end.reason) == EXPIRED
    waits.join(20)
    assert [(each.code, each.reason) for each in waiting] == [EXPIRED], "before the provider answers"
    refused = brief.refusal("inbox")
    assert (refused.code, refused.reason) == EXPIRED
    assert Operator(brief).refusal("GetCredential", name="inbox").reason == "CALLER_EXPIRED"
    # Nobody else has noticed.
    assert lasting.get("inbox").generation == 1
    Operator(lasting).refresh("inbox")
    assert next(still).generation == 2


class Resumed(h2.Connection):
    """HTTP/2 over a TLS session that may be an old one's."""

    def __init__(self, address: str, context: ssl.SSLContext, session=None):
        host, port = address.rsplit(":", 1)
        plain = socket.create_connection((host, int(port)), timeout=20)
        self.socket = context.wrap_socket(plain, server_hostname="localhost", session=session)
        self._buffer = b""
        self.send(h2.PREFACE + h2.frame(h2.SETTINGS, 0, 0))

    def ask(self, credential: bytes) -> bytes:
        """What the call brings, header blocks and all."""
        self.send(h2.request(1, h2.GET, b"\x0a" + bytes([len(credential)]) + credential))
        heard = b""
        while (frame := self.read()) is not None:
            kind, flags, stream, payload = frame
            if stream != 1:
                continue
            heard += payload
            if flags & h2.END_STREAM:
                return heard
        raise AssertionError("hung up")


def test_a_resumed_session_is_looked_at_again(authority, server_pair, start_sandbox, start_server):
    server = start_server([start_sandbox().credential("inbox")], tls=tls(server_pair, authority.file),
                          callers=[{"identity": ALICE, "credentials": ["*"]}])
    pair = authority.issue_briefly("brief", 6, san=["URI:" + ALICE])
    context = ssl.create_default_context(cafile=str(authority.file))
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # As Python 3.13 has it by default.
    context.load_cert_chain(pair.certificate_file, pair.private_key_file)
    context.set_alpn_protocols(["h2"])
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # The session is there with the handshake.

    first = Resumed(server.address, context)
    assert b"Bearer" in first.ask(b"inbox")
    session = first.socket.session
    first.socket.close()
    second = Resumed(server.address, context, session)
    assert second.socket.session_reused, "this server gives tickets out"
    assert b"Bearer" in second.ask(b"inbox")

    def later() -> bytes | None:
        again = Resumed(server.address, context, session)
        assert again.socket.session_reused
        heard = again.ask(b"inbox")
        again.socket.close()
        return heard if b"Bearer" not in heard else None
    assert b"ended" in eventually(later, 30, "the session proves nothing any more", interval=0.3)


def test_an_authority_that_goes_takes_its_clients_along(tmp_path, authority, server_pair, connect, start_sandbox, start_server):
    other = Authority(tmp_path / "other")
    bundle = tmp_path / "clients.pem"
    bundle.write_bytes(authority.file.read_bytes() + other.file.read_bytes())
    server = start_server([start_sandbox().credential("inbox")], tls=tls(server_pair, bundle),
                          callers=[{"identity": ALICE, "credentials": ["*"]}])
    ours = connect(server, authority.issue("ours", san=["URI:" + ALICE]))
    theirs = connect(server, other.issue("theirs", san=["URI:" + ALICE]))
    watches = {api: api.watch("inbox") for api in (ours, theirs)}
    for watch in watches.values():
        assert next(watch).generation == 1

    bundle.write_bytes(authority.file.read_bytes())
    server.process.signal(signal.SIGHUP)
    end = end_of(watches[theirs])
    assert (end.code, end.reason) == EXPIRED
    assert theirs.refusal("inbox").reason == "CALLER_EXPIRED"
    assert ours.get("inbox").generation == 1


def test_connections_end_by_age_and_watches_go_on(tmp_path, start_sandbox, start_server):
    server = start_server([start_sandbox().credential("inbox")], limits={"connection_age": "2s"})
    server.api.get("inbox")
    raw = h2.Connection(server.address)
    kinds = []
    while (frame := raw.read()) is not None:
        kinds.append(frame[0])
        if frame[0] == h2.GOAWAY:
            break
    assert h2.GOAWAY in kinds

    watching = Process([program("token-client"), f"--server={server.address}", "watch", "--credential=inbox",
                        "--format=json"], tmp_path / "watch")
    # A stream ends with OK, and whoever iterates begins another.
    for _ in range(3):
        watch = server.api.watch("inbox")
        assert next(watch).generation == 1
        assert end_of(watch) is None
    Operator(server.api).refresh("inbox")
    eventually(lambda: watching.stdout().count("\n") == 2, 20, "one line a token")
    assert watching.running() and watching.stderr() == ""
    watching.stop()


def test_a_greedy_caller_leaves_room_for_others(tmp_path, start_sandbox, start_server):
    paths = [tmp_path / "a", tmp_path / "b"]
    server = start_server([start_sandbox(latency="20s").credential("slow")], listen=[f"unix:{p}" for p in paths],
                          callers=[{"identity": f"unix:{p}", "credentials": ["*"]} for p in paths],
                          limits={"waiting_calls": 8, "watchers": 8}, metrics={"listen": "127.0.0.1:0"})
    greedy, modest = Api(f"unix:{paths[0]}"), Api(f"unix:{paths[1]}")
    waiting = [greedy.get_future("slow", timeout=60) for _ in range(20)]

    def refused(calls):
        return [each for each in calls if each.done()]
    eventually(lambda: len(refused(waiting)) == 14, 15, "six of twenty wait")
    for each in refused(waiting):
        assert each.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    others = [modest.get_future("slow", timeout=60) for _ in range(2)]
    # Before there are watchers, who wait too.
    eventually(lambda: metrics.scrape(server)("token_service_waiting_calls") == 8, 15, "so do two more")
    watches = [greedy.watch("slow") for _ in range(8)]
    more = modest.watch("slow")
    with pytest.raises(Refused) as error:
        for watch in watches:
            next(watch)
    assert error.value.reason == "OVERLOADED"
    assert not refused(others), "they wait"
    for call in (*waiting, *others, *watches, more):
        call.cancel()
    greedy.close()
    modest.close()


def test_denials_cost_little_to_write_down(tmp_path, start_sandbox, start_server):
    audit = tmp_path / "audit.jsonl"
    server = start_server([start_sandbox().credential("inbox")], audit={"file": str(audit)},
                          callers=[{"identity": "anonymous", "credentials": ["other"]}])
    reasons = {}
    for i in range(600):
        refused = server.api.refusal(f"guess-{i}")
        reasons[refused.reason] = reasons.get(refused.reason, 0) + 1
    assert set(reasons) == {"CREDENTIAL_NOT_PERMITTED", "OVERLOADED"}
    assert 100 <= reasons["CREDENTIAL_NOT_PERMITTED"] < 600
    server.stop()
    lines = [json.loads(line) for line in audit.read_text().splitlines()]
    denied = [line for line in lines if line["event"] == "denied"]
    repeats = [line for line in lines if line["event"] == "denied_repeats"]
    assert len(denied) + sum(line["count"] for line in repeats) == reasons["CREDENTIAL_NOT_PERMITTED"]
    assert len(denied) == 5 and len(repeats) <= 2 + len(lines) // 10
    assert repeats[0]["caller"] == "anonymous" and repeats[0]["peer"] == "ipv4:127.0.0.1"
    assert audit.stat().st_size < 4000


def test_users_of_one_socket_are_told_apart(tmp_path, start_sandbox, start_server):
    sandbox, socket_path, me = start_sandbox(), tmp_path / "s", os.getuid()
    audit = tmp_path / "audit.jsonl"
    credentials = [sandbox.credential("mine", "mine"), sandbox.credential("common", "common")]

    def configuration(user):
        return {"listen": [f"unix:{socket_path}"], "audit": {"file": str(audit)},
                "callers": [{"identity": f"unix:{socket_path}?uid={user}", "credentials": ["mine"]},
                            {"identity": f"unix:{socket_path}", "credentials": ["common"]}]}
    server = start_server(credentials, **configuration(me))
    assert server.api.get("mine").credential == "mine"
    assert server.api.refusal("common").reason == "CREDENTIAL_NOT_PERMITTED"

    # Anybody else is whoever is on the socket.
    server.configure(credentials, **configuration(me + 1))
    server.process.signal(signal.SIGHUP)
    eventually(lambda: server.events("configuration reloaded"), 20, "it is taken")
    assert server.api.get("common").credential == "common"
    assert server.api.refusal("mine").reason == "CREDENTIAL_NOT_PERMITTED"
    lines = eventually(lambda: [json.loads(line) for line in audit.read_text().splitlines() if "denied" in line][1:],
                       20, "both denials are written")
    assert lines[0]["caller"] == f"unix:{socket_path}" and lines[0]["peer"] == f"unix:{socket_path}?uid={me}"

    # An entry that comes for the user ends what the socket alone was allowed.
    watch = server.api.watch("common")
    assert next(watch).credential == "common"
    server.configure(credentials, **configuration(me))
    server.process.signal(signal.SIGHUP)
    with pytest.raises(Refused) as ended:
        next(watch)
    assert ended.value.reason == "CREDENTIAL_NOT_PERMITTED"


def test_who_fails_a_handshake_and_why(tmp_path, authority, server_pair, connect, start_server):
    server = start_server([], tls=tls(server_pair, authority.file), metrics={"listen": "127.0.0.1:0"}, callers=[])
    stranger = Authority(tmp_path / "stranger")
    cases = {"expired": authority.issue("old", subject="/O=Test/CN=old", expired=True),
             "unknown_authority": stranger.issue("foreign", subject='/O=Test/CN=for"\\n eign')}
    for pair in cases.values():
        with pytest.raises(Refused):
            connect(server, pair).get(timeout=5)
    host, port = server.address.rsplit(":", 1)
    context = ssl.create_default_context(cafile=str(authority.file))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(OSError):
        with context.wrap_socket(socket.create_connection((host, int(port))), server_hostname="localhost") as nobody:
            nobody.recv(1)
    with socket.create_connection((host, int(port))) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        plain.recv(1)
    scrape = metrics.scrape(server)

    def counted(cause: str) -> float:
        return metrics.scrape(server)("token_service_tls_handshake_failures_total", cause=cause)
    for cause in ("expired", "unknown_authority", "no_certificate", "not_tls"):
        eventually(lambda: counted(cause) >= 1, 20, cause)
        line = next(e for e in server.events("tls handshake failed") if e["cause"] == cause)
        assert line["peer"].startswith("ipv4:127.0.0.1:")
    told = {e["cause"]: e for e in server.events("tls handshake failed")}
    assert "CN=old" in told["expired"]["subject"] and "expired" in told["expired"]["error"]
    assert "eign" in told["unknown_authority"]["subject"]
    ends = subprocess.run(["openssl", "x509", "-noout", "-enddate", "-in", str(server_pair.certificate_file)],
                          capture_output=True, text=True, check=True).stdout.strip().removeprefix("notAfter=")
    assert scrape("token_service_certificate_expiry_timestamp_seconds") == ssl.cert_time_to_seconds(ends)
