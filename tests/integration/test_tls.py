"""TLS and mutual TLS: who is who, who may what, and certificates that are replaced while the server runs."""

import json
import pathlib
import signal
import socket
import ssl
import stat
import subprocess

import grpc
import pytest

from harness.api import Api, Refused
from harness.certificates import Authority, Pair
from harness.process import eventually
from harness.tools import need, program

BILLING = "spiffe://example.org/ns/prod/sa/billing"


def tls(pair: Pair, client_ca: Authority | None = None) -> dict:
    files = {"certificate_file": str(pair.certificate_file),
             "private_key_file": str(pair.private_key_file)}
    if client_ca is not None:
        files["client_ca_file"] = str(client_ca.file)
    return files


def shown_certificate(server, version=None) -> bytes:
    """What a new connection is shown, whoever signed it. Needs a server that asks for none back."""
    host, port = server.address.rsplit(":", 1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with socket.create_connection((host, int(port)), timeout=30) as plain:
        with context.wrap_socket(plain) as connection:
            if version is not None:
                assert connection.version() == version
            return connection.getpeercert(binary_form=True)


def der(pair: Pair) -> bytes:
    text = pair.certificate_file.read_text()
    end = "-----END CERTIFICATE-----"
    return ssl.PEM_cert_to_DER_cert(text[:text.index(end) + len(end)] + "\n")


# Who is who. The subject and the names of a certificate; the identity that gets a token, or None.
IDENTITIES = {
    "spiffe": ("/CN=x", [f"URI:{BILLING}", "DNS:other.example.org"], BILLING),
    "dns": ("/CN=x", ["DNS:billing.example.org"], "billing.example.org"),
    "first_dns": ("/CN=x", ["DNS:a.example.org", "DNS:b.example.org"], "a.example.org"),
    "other_uri": ("/CN=x", ["URI:https://example.org/", "DNS:a.example.org"], "a.example.org"),
    "cn_only": ("/CN=billing", [], "billing"),
    "huge_san": ("/CN=x", [f"DNS:n{i}.example.org" for i in range(1000)], "n0.example.org"),
    "no_name": ("/O=Nobody", [], None),
    "two_spiffe": ("/CN=x", [f"URI:{BILLING}", "URI:spiffe://example.org/ops", "DNS:a.example.org"], None),
    "spiffe_and_uri": ("/CN=x", ["URI:https://example.org/", f"URI:{BILLING}"], None),
    "bad_spiffe": ("/CN=x", ["URI:spiffe://example.org/../ops", "DNS:a.example.org"], None),
    "wildcard_dns": ("/CN=x", ["DNS:*.example.org"], None),
    "cn_newline": ("/CN=billing\nops", [], None),
    "cn_like_spiffe": (f"/CN={BILLING.replace('/', chr(92) + '/')}", [], None),
    "cn_like_socket": ("/CN=unix:\\/run\\/x.sock", [], None),
    "cn_anonymous": ("/CN=anonymous", [], None),
}


@pytest.fixture(scope="module")
def identities(tmp_path_factory):
    """One server for the whole table."""
    from harness.sandbox import Sandbox
    from harness.token_server import TokenServer
    directory = tmp_path_factory.mktemp("identities")
    authority = Authority(directory / "authority")
    sandbox = Sandbox(directory / "sandbox")
    named = {identity for *_, identity in IDENTITIES.values() if identity}
    # What none of them must pass for, and what would be the next best.
    named |= {"anonymous", "unix:/run/x.sock", "x", "spiffe://example.org/ops", "*.example.org"[2:]}
    server = TokenServer(directory / "server", [sandbox.credential()],
                         tls=tls(authority.issue_server(), authority),
                         callers=[{"identity": name, "credentials": ["*"]} for name in sorted(named)])
    yield authority, server.start()
    server.end()
    sandbox.process.kill()


@pytest.mark.parametrize("name", IDENTITIES)
def test_identity(name, identities):
    authority, server = identities
    subject, san, identity = IDENTITIES[name]
    pair = authority.issue(name, subject=subject, san=san)
    api = Api(server.address, grpc.ssl_channel_credentials(
        authority.file.read_bytes(), pair.private_key_file.read_bytes(),
        pair.certificate_file.read_bytes()))
    try:
        if identity is not None:
            assert api.get().access_token
        else:
            refused = api.refusal()
            assert (refused.code, refused.reason) == ("UNAUTHENTICATED", "CALLER_UNKNOWN")
    finally:
        api.close()


@pytest.mark.parametrize("what", ["expired", "other_authority", "none"])
def test_a_certificate_that_nobody_vouches_for_gets_no_connection(
        what, tmp_path, authority, server_pair, connect, start_sandbox, start_server):
    server = start_server([start_sandbox().credential()], tls=tls(server_pair, authority),
                          callers=[{"identity": "billing", "credentials": ["*"]}])
    pairs = {"expired": lambda: authority.issue("billing", subject="/CN=billing", expired=True),
             "other_authority": lambda: Authority(tmp_path / "other").issue(
                 "billing", subject="/CN=billing"),
             "none": lambda: None}
    with pytest.raises(Refused) as refused:
        connect(server, pairs[what]()).get(timeout=5)
    assert refused.value.code == "UNAVAILABLE"
    # And one that is vouched for gets a token from the same server.
    assert connect(server, authority.issue("good", subject="/CN=billing")).get().access_token


def test_policies(authority, server_pair, connect, start_sandbox, start_server):
    first, second = (start_sandbox().credential(name=name) for name in ("first", "second"))
    server = start_server([first, second], tls=tls(server_pair, authority), callers=[
        {"identity": "spiffe://example.org/ns/prod/*", "credentials": ["first"]},
        {"identity": "spiffe://example.org/ns/prod/sa/both", "credentials": ["first", "second"]},
        {"identity": "spiffe://example.org/ops", "operator": True},
        {"identity": "all.example.org", "credentials": ["*"]},
    ])

    def caller(name: str, san: str) -> Api:
        return connect(server, authority.issue(name, san=[san]))

    below = caller("below", "URI:" + BILLING)
    assert below.get("first").credential == "first"
    assert below.get().credential == "first", "the only one it may use"
    # What one may not have and what is not there look the same.
    for missing in ("second", "nobody"):
        refused = below.refusal(missing)
        assert (refused.code, refused.reason) == ("PERMISSION_DENIED", "CREDENTIAL_NOT_PERMITTED")
    assert below.refusal("second").message == below.refusal("nobody").message

    both = caller("both", "URI:spiffe://example.org/ns/prod/sa/both")
    assert both.get("second").credential == "second"
    assert both.refusal().reason == "CREDENTIAL_REQUIRED"

    operator = caller("operator", "URI:spiffe://example.org/ops")
    assert operator.refusal("first").code == "PERMISSION_DENIED", "an operator is no reader"
    assert operator.refusal("nobody").code in ("PERMISSION_DENIED", "NOT_FOUND")

    everything = caller("everything", "DNS:all.example.org")
    assert everything.get("second").credential == "second"
    assert everything.refusal("nobody").reason == "CREDENTIAL_NOT_FOUND"

    stranger = caller("stranger", "URI:spiffe://example.org/ns/test/sa/billing")
    refused = stranger.refusal("first")
    assert (refused.code, refused.reason) == ("PERMISSION_DENIED", "CREDENTIAL_NOT_PERMITTED")


def test_without_callers_each_listener_goes_by_its_own_kind(
        tmp_path, authority, server_pair, connect, start_sandbox, start_server):
    path = tmp_path / "s.sock"
    server = start_server([start_sandbox().credential()], tls=tls(server_pair, authority),
                          listen=["127.0.0.1:0", f"unix:{path}"])
    local = Api(f"unix:{path}")
    assert local.get().access_token
    local.close()
    refused = connect(server, authority.issue("billing", subject="/CN=billing")).refusal()
    assert (refused.code, refused.reason) == ("PERMISSION_DENIED", "CREDENTIAL_NOT_PERMITTED")
    warnings = [e["event"] for e in server.events() if e["level"].lower() == "warning"]
    assert any("without TLS may do everything" in w for w in warnings)
    assert any("nobody may do anything over TLS" in w for w in warnings)


def test_callers_without_tls_are_known_by_their_listener(tmp_path, start_sandbox, start_server):
    path = tmp_path / "s.sock"
    server = start_server(
        [start_sandbox().credential(name=name) for name in ("a", "b")],
        listen=["127.0.0.1:0", f"unix:{path}"],
        callers=[{"identity": "anonymous", "credentials": ["a"]},
                 {"identity": f"unix:{path}", "credentials": ["b"]}])
    local = Api(f"unix:{path}")
    assert (server.api.get().credential, local.get().credential) == ("a", "b")
    assert server.api.refusal("b").code == local.refusal("a").code == "PERMISSION_DENIED"
    local.close()


def test_without_client_ca_nobody_is_asked_and_nobody_is_known(
        authority, server_pair, connect, start_sandbox, start_server):
    server = start_server([start_sandbox().credential()], tls=tls(server_pair),
                          callers=[{"identity": "anonymous", "credentials": ["*"]},
                                   {"identity": "billing", "credentials": ["*"]}])
    for pair in (None, authority.issue("billing", subject="/CN=billing")):
        api = connect(server, pair)
        refused = api.refusal()
        assert (refused.code, refused.reason) == ("UNAUTHENTICATED", "CALLER_UNKNOWN")
        assert api.health() == 1


def say_hello(server) -> socket.socket:
    """A connection whose ClientHello is sent, and nothing else."""
    host, port = server.address.rsplit(":", 1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    to_send = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), to_send).do_handshake()
    connection = socket.create_connection((host, int(port)), timeout=30)
    connection.sendall(to_send.read())
    return connection


def still_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        while connection.recv(1 << 16):
            pass
        return False
    except BlockingIOError:
        return True


def test_handshakes_that_stop_halfway_hold_nobody_up(authority, server_pair, connect, start_sandbox, start_server):
    """Within the 20 s that gRPC gives each; the test does not wait for their end."""
    server = start_server([start_sandbox().credential()], tls=tls(server_pair, authority),
                          callers=[{"identity": "billing", "credentials": ["*"]}])
    halfway = [say_hello(server) for _ in range(100)]
    try:
        for connection in halfway:
            assert connection.recv(1), "the server has begun its part"
        for connection in halfway[:50]:
            connection.sendall(b"\x17\x03\x03\x01\x00and in the middle of a record")
        # One after the other, so that many of the server's threads have their turn.
        pair = authority.issue("billing", subject="/CN=billing")
        for _ in range(20):
            assert connect(server, pair).get(timeout=15).access_token
        assert still_open(halfway[-1]), "they were all waiting meanwhile"
    finally:
        for connection in halfway:
            connection.close()


# What a client shows: bytes of a certificate, how many of them. OpenSSL takes 100 kB of them all, as they are sent, and
# then hangs up.
HUGE = {"one of 50 kB": (50_000, 1, True), "a chain of 86 kB": (4_000, 24, True),
        "one of 110 kB": (110_000, 1, False), "a chain of 800 kB": (30_000, 30, False)}


def test_a_huge_certificate_troubles_nobody(authority, server_pair, connect, start_sandbox, start_server):
    server = start_server([start_sandbox().credential()], tls=tls(server_pair, authority),
                          callers=[{"identity": "n0.example.org", "credentials": ["*"]},
                                   {"identity": "billing", "credentials": ["*"]}])
    billing = authority.issue("billing", subject="/CN=billing")
    before = connect(server, billing)
    assert before.get().access_token
    for what, (size, count, taken) in HUGE.items():
        pair = authority.issue(f"huge-{size}", san=[f"DNS:n{i}.example.org" for i in range(size // 20)])
        pair.certificate_file.write_bytes(pair.certificate_file.read_bytes() * count)
        api = connect(server, pair)
        if taken:
            assert api.get(timeout=15).access_token, what
        else:
            with pytest.raises(Refused) as refused:
                api.get(timeout=15)
            assert refused.value.code == "UNAVAILABLE", what
        assert before.get().access_token and connect(server, billing).get(timeout=15).access_token, what
    eventually(lambda: [entry for entry in server.events("grpc") if "excessive message size" in entry["text"]], 30,
               "it is logged")


def test_versions(authority, server_pair, start_sandbox, start_server):
    server = start_server([start_sandbox().credential()], tls=tls(server_pair))
    shown_certificate(server, version="TLSv1.3")

    def handshake(*flags: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [need("openssl", "package openssl"), "s_client", "-connect", server.address, "-alpn", "h2",
             "-CAfile", str(authority.file), "-verify_return_error", *flags],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=60)

    assert handshake("-tls1_2").returncode == 0
    for old in ("-tls1_1", "-tls1"):
        # At the lowest security level the client itself would go on.
        done = handshake(old, "-cipher", "ALL:@SECLEVEL=0")
        assert done.returncode != 0 and "Cipher is (NONE)" in done.stdout

    def said_no() -> list[dict]:
        return [entry for entry in server.events("grpc") if "unsupported protocol" in entry["text"]]
    eventually(lambda: len(said_no()) == 2, 30, "it was the server that said no")
    assert {entry["level"] for entry in said_no()} == {"warning"}
    plain = Api(server.address)
    with pytest.raises(Refused):
        plain.get(timeout=5)
    plain.close()


def reload(server) -> None:
    server.process.signal(signal.SIGHUP)


def test_a_new_pair_is_shown_to_new_connections_and_old_ones_live_on(
        tmp_path, authority, server_pair, connect, start_sandbox, start_server):
    server = start_server([start_sandbox().credential()], tls=tls(server_pair, authority),
                          callers=[{"identity": "billing", "credentials": ["*"]}])
    before = connect(server, authority.issue("billing", subject="/CN=billing"))
    assert before.get().access_token

    # Another authority's: only who knows that one can connect from now on.
    other = Authority(tmp_path / "other")
    other.issue_server().copy_to(server_pair)
    reload(server)
    eventually(lambda: server.events("certificate replaced"), 30, "the pair is replaced")

    assert before.get().access_token
    with pytest.raises(Refused):
        connect(server, authority.issue("late", subject="/CN=billing")).get(timeout=3)
    pair = authority.issue("new", subject="/CN=billing")
    after = Api(server.address, grpc.ssl_channel_credentials(
        other.file.read_bytes(), pair.private_key_file.read_bytes(),
        pair.certificate_file.read_bytes()))
    assert after.get().access_token and before.get().access_token
    after.close()


def test_the_authority_of_clients_is_replaced_too(
        tmp_path, authority, server_pair, connect, start_sandbox, start_server):
    clients = Authority(tmp_path / "clients")
    server = start_server([start_sandbox().credential()], tls=tls(server_pair, clients),
                          callers=[{"identity": "billing", "credentials": ["*"]}])
    assert connect(server, clients.issue("billing", subject="/CN=billing")).get().access_token
    late = clients.issue("late", subject="/CN=billing")
    clients.file.write_bytes(authority.file.read_bytes())
    reload(server)
    eventually(lambda: server.events("certificate replaced"), 30, "the authority is replaced")
    with pytest.raises(Refused):
        connect(server, late).get(timeout=3)
    assert connect(server, authority.issue("b", subject="/CN=billing")).get().access_token


def test_a_new_pair_is_noticed_without_a_signal(authority, server_pair, start_sandbox, start_server):
    server = start_server([start_sandbox().credential()], tls=tls(server_pair))
    new = authority.issue_server("new")
    new.copy_to(server_pair)
    eventually(lambda: shown_certificate(server) == der(new), 60, "the new certificate is shown")


BAD_PAIRS = {
    "mismatched": lambda authority, now: now.certificate_file.write_bytes(
        authority.issue_server("other").certificate_file.read_bytes()),
    "half_written": lambda authority, now: now.certificate_file.write_bytes(
        now.certificate_file.read_bytes()[:300]),
    "empty_key": lambda authority, now: now.private_key_file.write_bytes(b""),
    "gone": lambda authority, now: now.private_key_file.unlink(),
    "expired": lambda authority, now: authority.issue(
        "old", san=["DNS:localhost"], expired=True).copy_to(now),
}


@pytest.mark.parametrize("what", BAD_PAIRS)
def test_a_bad_pair_leaves_the_old_one_serving(what, authority, server_pair, start_sandbox, start_server):
    server = start_server([start_sandbox().credential()], tls=tls(server_pair))
    before = der(server_pair)
    BAD_PAIRS[what](authority, server_pair)
    reload(server)
    logged = eventually(lambda: server.events("certificate not usable, the old one goes on"), 30,
                        "it is logged")
    assert str(server_pair.certificate_file.parent) in logged[0]["error"]
    assert shown_certificate(server) == before
    # Once the files are right again the new pair is taken.
    good = authority.issue_server("good")
    good.copy_to(server_pair)
    reload(server)
    eventually(lambda: shown_certificate(server) == der(good), 30, "the good pair is shown")
    assert len(server.events("certificate not usable, the old one goes on")) == 1


def without(what: str):
    return lambda authority, pair, files: files.pop(what)


def put(key: str, text: str):
    return lambda authority, pair, files: pathlib.Path(files[key]).write_text(text)


# What is wrong, the key that the one line names, and a word of it.
BAD_FILES = {
    "no_certificate": (lambda a, p, f: p.certificate_file.unlink(), "certificate_file", "No such file"),
    "no_key": (lambda a, p, f: p.private_key_file.unlink(), "private_key_file", "No such file"),
    "certificate_not_pem": (put("certificate_file", "hello"), "certificate_file", "PEM"),
    "key_not_pem": (put("private_key_file", "hello"), "private_key_file", "PEM"),
    "ca_not_pem": (put("client_ca_file", "hello"), "client_ca_file", "PEM"),
    "key_of_another": (lambda a, p, f: p.private_key_file.write_bytes(
        a.issue_server("other").private_key_file.read_bytes()), "private_key_file", "does not match"),
    "certificate_is_a_directory": (lambda a, p, f: (p.certificate_file.unlink(), p.certificate_file.mkdir()),
                                   "certificate_file", "regular file"),
    "key_not_named": (without("private_key_file"), "private_key_file", "is required"),
    "ca_alone": (lambda a, p, f: (f.pop("certificate_file"), f.pop("private_key_file")),
                 "certificate_file", "is required"),
}


@pytest.mark.parametrize("what", BAD_FILES)
@pytest.mark.parametrize("flags", [(), ("--check_config",)], ids=["start", "check"])
def test_a_bad_file_is_one_line_and_exit_2(what, flags, tmp_path, make_server):
    authority = Authority(tmp_path / "authority")
    pair = authority.issue_server()
    files = tls(pair, authority)
    spoil, key, word = BAD_FILES[what]
    spoil(authority, pair, files)
    server = make_server([], tls=files)
    process = server.launch(*flags)
    assert process.wait() == 2
    lines = [line for line in process.stderr().splitlines() if not line.startswith("{")]
    assert len(lines) == 1, lines
    assert f"{server.config_file}:" in lines[0] and f"tls.{key}: " in lines[0] and word in lines[0]


def test_an_expired_certificate_is_a_warning(authority, start_server):
    pair = authority.issue("old", san=["DNS:localhost"], expired=True)
    server = start_server([], tls=tls(pair))
    assert server.events("certificate has expired")[0]["file"] == str(pair.certificate_file)


BAD_CALLERS = {
    "twice": [{"identity": "a", "credentials": ["*"]}, {"identity": "a", "operator": True}],
    "wildcard_twice": [{"identity": "a/*"}, {"identity": "a/*", "credentials": ["*"]}],
    "star_inside": [{"identity": "a/*/b"}],
    "star_alone": [{"identity": "*"}],
    "star_in_segment": [{"identity": "a/b*"}],
    "empty": [{"identity": ""}],
    "newline": [{"identity": "a\nb"}],
    "no_such_name": [{"identity": "a", "credentials": ["Not A Name"]}],
}


@pytest.mark.parametrize("what", BAD_CALLERS)
def test_callers_that_contradict_or_mean_nothing_are_one_line_and_exit_2(what, make_server):
    server = make_server([], callers=BAD_CALLERS[what])
    process = server.launch("--check_config")
    assert process.wait() == 2
    assert process.stderr().count("\n") == 1
    assert f"{server.config_file}:" in process.stderr() and "callers[" in process.stderr()


def test_plaintext_beyond_loopback_wants_to_be_allowed(make_server, start_sandbox):
    credentials = [start_sandbox().credential()]
    refused = make_server(credentials, listen=["0.0.0.0:0"])
    process = refused.launch()
    assert process.wait() == 2 and "listen[0]" in process.stderr()

    allowed = make_server(credentials, listen=["0.0.0.0:0"], allow_plaintext=True,
                          callers=[{"identity": "anonymous", "credentials": ["*"]}]).start()
    api = Api("127.0.0.1:" + allowed.address.rsplit(":", 1)[1])
    assert api.get().access_token
    api.close()


@pytest.mark.parametrize("mode, expected", [(None, 0o660), ("0600", 0o600), ("0666", 0o666)])
def test_the_mode_of_unix_sockets(mode, expected, tmp_path, start_server):
    path = tmp_path / "s.sock"
    more = {} if mode is None else {"unix_socket_mode": mode}
    start_server([], listen=[f"unix:{path}"], **more)
    assert stat.S_IMODE(path.stat().st_mode) == expected


@pytest.mark.parametrize("mode", ["rw-rw----", "0999", "4755", "66", "", "01770"])
def test_a_mode_that_is_none_is_one_line_and_exit_2(mode, make_server):
    process = make_server([], unix_socket_mode=mode).launch("--check_config")
    assert process.wait() == 2
    assert "unix_socket_mode: " in process.stderr() and process.stderr().count("\n") == 1


def client(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([program("token-client"), *arguments], capture_output=True, text=True, timeout=60)


def test_token_client(authority, server_pair, start_sandbox, start_server):
    server = start_server([start_sandbox().credential()], tls=tls(server_pair, authority),
                          callers=[{"identity": "billing", "credentials": ["*"]}])
    billing = authority.issue("billing", subject="/CN=billing")
    at = [f"--server={server.address}", f"--tls_ca_file={authority.file}", "--timeout=5s"]
    own = [f"--tls_certificate_file={billing.certificate_file}",
           f"--tls_private_key_file={billing.private_key_file}"]

    done = client("get", "--format=json", *at, *own)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["generation"] == "1"
    assert client("get", *at, *own, "--tls_server_name=server.example.org").returncode == 0

    for wrong in ([*own, "--tls_server_name=other.example.org"], []):
        done = client("get", *at, *wrong)
        assert done.returncode == 1 and "UNAVAILABLE" in done.stderr and done.stderr.count("\n") == 1

    nobody = authority.issue("nobody")
    done = client("get", *at, f"--tls_certificate_file={nobody.certificate_file}",
                  f"--tls_private_key_file={nobody.private_key_file}")
    assert done.returncode == 1 and "UNAUTHENTICATED CALLER_UNKNOWN: " in done.stderr
