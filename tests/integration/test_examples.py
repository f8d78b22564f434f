"""The examples in other languages: built from their registries, against a real server over mutual TLS."""

import http.server
import os
import re
import shutil
import subprocess
import threading

import pytest

from harness import examples
from harness.certificates import Authority
from harness.tools import ROOT, missing


@pytest.fixture(scope="module", params=examples.LANGUAGES)
def example(request) -> list[str]:
    return examples.build(request.param)


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority") / "ca")


class Api:
    """What the token is for: refuses the first token it sees for good, and takes what the provider takes."""

    def __init__(self, sandbox):
        self.refused, self.taken = set(), set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                scheme, _, token = self.headers["Authorization"].partition(" ")
                outer.refused = outer.refused or {token}
                code = 401 if scheme != "Bearer" or token in outer.refused else sandbox.buy_tickets(token)[0]
                outer.taken |= {token} if code == 200 else set()
                self.send_response(code)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def start(authority, start_sandbox, start_server):
    """start(caller's credentials, **sandbox flags): the server, its provider, and what a caller has to know."""
    def starting(allowed: list[str], **flags):
        sandbox = start_sandbox(**flags)
        pair = authority.issue_server("localhost")
        server = start_server(
            [sandbox.credential(name="inbox", refresh="on_demand")],
            tls={"certificate_file": str(pair.certificate_file), "private_key_file": str(pair.private_key_file),
                 "client_ca_file": str(authority.file)},
            callers=[{"identity": "spiffe://example.org/billing", "credentials": allowed}])
        own = authority.issue("billing", san=["URI:spiffe://example.org/billing"])
        environment = {
            **os.environ, "TOKEN_SERVER": "localhost:" + server.address.rsplit(":", 1)[1],
            "TOKEN_CREDENTIAL": "inbox", "TLS_CA_FILE": str(authority.file),
            "TLS_CERTIFICATE_FILE": str(own.certificate_file), "TLS_PRIVATE_KEY_FILE": str(own.private_key_file),
            "no_proxy": "*", "NO_PROXY": "*"}
        return sandbox, environment
    return starting


def run(example, environment) -> subprocess.CompletedProcess:
    return subprocess.run(example, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def test_it_spends_a_token_replaces_a_refused_one_and_watches(example, start):
    sandbox, environment = start(["inbox"], ttl="4s")
    api = Api(sandbox)
    done = run(example, {**environment, "API_URL": api.url})
    api.close()
    assert done.returncode == 0, done.stderr
    said = re.findall(r"^(\S+).*? (\d+)(?:: the API answers (\d+))?$", done.stdout, re.MULTILINE)
    first, second, *watched = said
    assert first[0] == second[0] == "generation" and (first[2], second[2]) == ("401", "200")
    assert int(second[1]) > int(first[1])
    assert [each[0] for each in watched] == ["watching:"] * 2
    assert int(second[1]) <= int(watched[0][1]) < int(watched[1][1])
    assert len(api.refused) == len(api.taken) == 1 and sandbox.stats_of()["reuse_detected"] == 0
    assert not any(token in done.stdout + done.stderr for token in api.refused | api.taken)


def test_it_reads_the_reason(example, start):
    _, environment = start(["another"])
    done = run(example, {**environment, "API_URL": "http://127.0.0.1:1/"})
    assert done.returncode == 1
    assert "CREDENTIAL_NOT_PERMITTED: " in done.stderr and "again in" not in done.stderr


def test_it_reads_when_to_try_again_and_does_not_wait_beyond_its_deadline(example, start):
    sandbox, environment = start(["inbox"])
    sandbox.fault("throttle", -1, retry_after=600)
    done = run(example, {**environment, "API_URL": "http://127.0.0.1:1/"})
    assert done.returncode == 1
    assert "PROVIDER_THROTTLED: " in done.stderr and "(again in " in done.stderr
    assert sandbox.stats()["token_requests"] == 1


def test_it_has_to_show_its_certificate(example, start, authority, tmp_path):
    _, environment = start(["inbox"])
    stranger = Authority(tmp_path / "stranger").issue("billing", san=["URI:spiffe://example.org/billing"])
    done = run(example, {**environment, "API_URL": "http://127.0.0.1:1/",
                         "TLS_CERTIFICATE_FILE": str(stranger.certificate_file),
                         "TLS_PRIVATE_KEY_FILE": str(stranger.private_key_file)})
    # Each library has another word for a connection that the server ended.
    assert done.returncode == 1 and done.stdout == "" and re.search("(?i)unavailable|cancel", done.stderr)


def test_it_finds_a_server_at_one_of_the_addresses_of_localhost(example, start, tmp_path):
    _, environment = start(["another"])
    hosts = tmp_path / "hosts"
    hosts.write_text("::1 localhost\n127.0.0.1 localhost\n")  # As Debian's installer has it; the server is at the second.
    mine = ["-m"] if os.geteuid() == 0 else ["-rm"]
    if subprocess.run(["unshare", *mine, "mount", "--bind", hosts, "/etc/hosts"], capture_output=True).returncode != 0:
        missing("nothing can be mounted here")
    # What Node.js does unasked since 20.
    alone = "--no-network-family-autoselection"
    if example[0].endswith("node") and subprocess.run([example[0], alone, "-e", "0"], capture_output=True).returncode == 0:
        example = [example[0], alone, *example[1:]]
    done = run(["unshare", *mine, "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts), *example],
               {**environment, "API_URL": "http://127.0.0.1:1/"})
    assert done.returncode == 1
    assert "CREDENTIAL_NOT_PERMITTED: " in done.stderr, done.stderr


def test_the_commands_that_make_stubs(tmp_path):
    """Every ```sh block of docs/clients.md, in the order of the page."""
    shutil.copytree(ROOT / "proto", tmp_path / "proto")
    blocks = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "docs" / "clients.md").read_text(), re.MULTILINE | re.DOTALL)
    done = subprocess.run(["bash", "-c", "set -eu\n" + "\n".join(blocks)], cwd=tmp_path, capture_output=True, text=True,
                          timeout=120, env={**os.environ, "PATH": examples.path_with_generators()})
    assert done.returncode == 0, done.stderr
    made = {path.name for path in tmp_path.rglob("*token_service*")}
    assert {"token_service.pb.go", "token_service_grpc.pb.go", "token_service_pb2.py", "token_service_pb2_grpc.py",
            "token_service_pb.js"} <= made
    by_protoc, by_buf = (tmp_path / each / "token" / "v1" / "token_service_pb.js" for each in ("gen", "gen-by-buf"))
    assert by_protoc.read_text() == by_buf.read_text()
