"""A secret is nowhere but in an answer to its caller: every way there is, with secrets that can be recognised."""

import base64
import json
import os
import pathlib
import secrets
import signal
import subprocess

import grpc
import pytest

from harness import http, metrics
from harness.api import Api, Refused
from harness.certificates import Authority
from harness.keyring import Keyring, reload_keys, rekey
from harness.leaky_provider import FAULTS, LeakyProvider
from harness.operator import Operator, state
from harness.process import Process, eventually
from harness.secret_search import SecretSearch
from harness.tools import program

AUTHS = ("none", "client_secret_post", "client_secret_basic")
UNUSABLE_FILE = "refresh_token_file cannot be used; going on with the stored one"
FILE_AUTHS = ("private_key_jwt", "two_secrets")  # For declared credentials only.


@pytest.fixture
def provider():
    made = LeakyProvider()
    yield made
    made.close()


class Drive:
    """A server with everything switched on, and everything done to it that somebody may do."""

    def __init__(self, provider: LeakyProvider, make_server, directory: pathlib.Path):
        self.provider, self.directory = provider, directory
        self.search = SecretSearch()
        self.authority = Authority(directory / "authority")
        pair = self.authority.issue_server()
        self.pem = pair.private_key_file
        self.client_key = self.authority.issue("client-key").private_key_file
        self.audit_file = directory / "audit.log"
        self.keyring = Keyring(directory / "keyring").write("first")
        self.socket = f"unix:{directory}/s"
        self.server = make_server(
            [self.declared(f"declared-{auth.replace('_', '-')}", auth) for auth in (*AUTHS, *FILE_AUTHS)],
            listen=[self.socket, "127.0.0.1:0"], sealing=self.keyring.config,
            tls={"certificate_file": str(pair.certificate_file), "private_key_file": str(pair.private_key_file),
                 "client_ca_file": str(self.authority.file)},
            callers=[{"identity": self.socket, "operator": True, "credentials": ["*"]},
                     {"identity": "spiffe://example.org/some", "credentials": ["declared-none"]}],
            defaults={"token_endpoint": provider.token_endpoint},
            log={"level": "debug", "format": "json"}, limits={"exchange_timeout": "3s"},
            audit={"file": str(self.audit_file)}, metrics={"listen": "127.0.0.1:0"})
        self.server.start()
        self.api = Api(self.socket)
        self.operator = Operator(self.api)

    # ---- secrets go in

    def file(self, name: str, text: str) -> str:
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o600)
        return str(path)

    def declared(self, name: str, auth: str) -> dict:
        entry = {"name": name, "client_id": name, "token_endpoint": self.provider.token_endpoint, "client_auth": auth,
                 "refresh_token_file": self.file(f"{name}.token", self.provider.grant(name) + "\n")}
        if auth == "private_key_jwt":
            entry["client_key_file"] = str(self.client_key)
        elif auth == "two_secrets":
            self.provider.misbehave(name, "client")  # The first is refused.
            entry["client_auth"] = "client_secret_post"
            entry["client_secret_files"] = [self.file(f"{name}.{i}", self.provider.secret("client secret"))
                                            for i in range(2)]
        elif auth != "none":
            entry["client_secret_file"] = self.file(f"{name}.secret", self.provider.secret("client secret"))
        return entry

    def create(self, name: str, auth: str, *faults: str):
        self.provider.misbehave(name, *faults)
        more = {} if auth == "none" else {"client_secret": self.provider.secret("client secret")}
        return self.answer("CreateCredential", credential={
            "name": name, "client_id": name, "refresh_token": self.provider.grant(name), "client_auth": auth, **more})

    # ---- what comes out is kept for the search

    def refused(self, refused: Refused) -> None:
        self.search.saw("statuses", f"{refused.code} {refused.message} {refused.reason} {refused.metadata}")
        self.search.saw("statuses", refused.details)

    def get(self, name: str, api: Api | None = None, **more):
        """A token, or None and the refusal is kept. The token itself is where it is meant to be."""
        try:
            return (api or self.api).get(name, timeout=10, **more)
        except Refused as refused:
            self.refused(refused)
            return None

    def answer(self, method: str, **fields):
        """An operator's call; nothing that it answers is a secret's place."""
        try:
            answer = self.operator.call(method, **fields)
        except Refused as refused:
            return self.refused(refused)
        self.search.saw("operators' answers", answer.SerializeToString() + str(answer).encode())
        return answer

    def client(self, *arguments: str, secret: str = "", shows_token: bool = False) -> int:
        done = subprocess.run([program("token-client"), f"--server={self.socket}", *arguments], input=secret.encode(),
                              capture_output=True, timeout=60)
        self.search.saw("token-client's stderr", done.stderr)
        if not shows_token:
            self.search.saw("token-client's stdout", done.stdout)
        return done.returncode

    def look_at_process(self, name: str, pid: int) -> None:
        for what in ("cmdline", "environ"):
            try:
                self.search.saw(f"{name}'s {what}", pathlib.Path(f"/proc/{pid}/{what}").read_bytes())
            except PermissionError:
                assert what == "environ"  # The kernel shows it to root only: the server has made itself private.

    def look_at_files(self, when: str) -> None:
        files = [path for path in self.server.data_dir.rglob("*") if path.is_file()]
        assert {"credentials.db", "owner.lock"} <= {path.name for path in files}
        for path in files:
            self.search.saw(f"{path.name} {when}", path.read_bytes())

    def look_at_metrics(self) -> None:
        if not self.told_missing("serves no metrics"):
            status, text = http.call(f"http://{metrics.address(self.server)}/metrics")
            assert status == 200 and "# TYPE" in text
            self.search.saw("/metrics", text)

    def told_missing(self, what: str) -> bool:
        """The server has said that it does not do this (yet)."""
        return any(f"this version {what}" in line["event"] for line in self.server.events())

    def finds(self) -> list[str]:
        every = dict(self.provider.secrets)
        for name, key in self.keyring.keys.items():
            every[key] = f"key {name}"
            every[base64.b64decode(key)] = f"key {name}"
        for path in (self.pem, self.client_key):
            pem = "".join(path.read_text().splitlines()[1:-1])
            every[pem] = every[base64.b64decode(pem)[32:]] = f"private key {path.name}"  # Not what every key begins with.
        return self.search.finds(every)


@pytest.fixture
def drive(provider, make_server, tmp_path):
    made = Drive(provider, make_server, tmp_path)
    yield made
    made.api.close()


def ways_of_callers(drive: Drive) -> None:
    for auth in (*AUTHS, *FILE_AUTHS):
        name = f"declared-{auth.replace('_', '-')}"
        token = drive.get(name)
        assert token is not None and token.generation == 1, drive.server.logs()
        assert drive.get(name, rejected_generation=1) is None  # Too young.
        assert drive.get(name, min_validity=1e6) is None
    for name in ("nobody", "", "UPPER", "two\nlines", 'x","event":"planted', "\x1b[31m", "n" * 5000):
        assert drive.get(name) is None
    some = drive.authority.issue("some", san=["URI:spiffe://example.org/some"])
    other = drive.authority.issue("other", san=["URI:spiffe://example.org/other"])
    tcp = next(line["address"] for line in drive.server.events("serving") if "unix" not in line["address"])
    for pair, name, allowed in ((some, "declared-none", True), (some, "declared-client-secret-post", False),
                                (some, "nobody", False), (other, "declared-none", False)):
        api = Api(tcp, grpc.ssl_channel_credentials(drive.authority.file.read_bytes(), pair.private_key_file.read_bytes(),
                                                    pair.certificate_file.read_bytes()))
        assert (drive.get(name, api) is not None) == allowed
        with pytest.raises(Refused) as denied:
            Operator(api).get("declared-none")
        drive.refused(denied.value)
        api.close()


def ways_of_providers(drive: Drive) -> None:
    for i, fault in enumerate(FAULTS):
        name = f"fault-{i}"
        assert drive.create(name, AUTHS[i % 3], fault) is not None
        drive.get(name)
        drive.answer("RefreshCredential", name=name)  # Another try, of a token that may be spent.
        drive.answer("GetCredential", name=name)
        drive.client("get", f"--credential={name}", shows_token=True)
        drive.client("credential", "show", name, "--format=json")
    assert drive.server.events("unusable answer quarantined")
    assert drive.server.events("refresh failed")


def ways_of_operators(drive: Drive) -> None:
    assert state(drive.answer("GetCredential", name="fault-0")) == "NEEDS_REAUTHORIZATION"
    drive.answer("ReplaceRefreshToken", name="fault-0", refresh_token=drive.provider.secret("refresh token"))
    again = drive.provider.grant("fault-0")
    assert drive.client("credential", "replace-refresh-token", "fault-0", "--refresh_token_file=-", secret=again) == 0
    eventually(lambda: drive.get("fault-0"), 30, "the new grant is in use")
    drive.answer("UpdateCredential", credential={"name": "fault-1", "client_auth": "client_secret_basic",
                                                 "client_secret": drive.provider.secret("client secret")},
                 update_mask={"paths": ["client_auth", "client_secret"]})
    for wrong in ({"refresh_token": "two\nlines " + drive.provider.secret("refresh token")},
                  {"token_endpoint": "ftp://" + drive.provider.secret("password in a URL")},
                  {"client_auth": drive.provider.secret("client secret")}):
        drive.answer("CreateCredential", credential={"name": "wrong", "client_id": "c", "refresh_token": "r", **wrong})
    drive.answer("CreateCredential", credential={"name": "two\nlines", "client_id": "c",
                                                 "refresh_token": drive.provider.secret("refresh token")})
    drive.answer("ReplaceRefreshToken", name="nobody", refresh_token=drive.provider.secret("refresh token"))
    drive.answer("ListCredentials")
    made = drive.file("made.token", drive.provider.grant("made"))
    assert drive.client("credential", "create", "made", "--client_id=made", "--client_auth=client_secret_post",
                        f"--refresh_token_file={made}", f"--client_secret_file={drive.file('made.secret', drive.provider.secret('client secret'))}") == 0
    assert drive.client("credential", "list") == 0
    eventually(lambda: drive.get("made"), 30, "a token")
    watch = drive.api.watch("made")
    next(watch)
    assert drive.client("credential", "refresh", "made") == 0
    next(watch)
    waiting = Process([program("token-client"), f"--server={drive.socket}", "get", "--credential=made",
                       "--min_validity=3590s"], drive.directory / "waiting")
    drive.look_at_process("token-client", waiting.pid)
    waiting.kill()
    assert drive.client("credential", "delete", "made") == 0
    with pytest.raises(Refused) as ended:
        next(watch)
    drive.refused(ended.value)


def ways_of_files(drive: Drive) -> None:
    spoilt = {"declared-none": "two\nlines ", "declared-client-secret-post": "\x00"}
    for name, text in spoilt.items():
        (drive.directory / f"{name}.token").write_text(text + drive.provider.secret("refresh token"))
        drive.server.process.signal(signal.SIGHUP)
        eventually(lambda: name in [line["credential"] for line in drive.server.events(UNUSABLE_FILE)], 30, "it is told")
    for name in spoilt:
        (drive.directory / f"{name}.token").write_text(drive.provider.grant(name))
    drive.keyring.write_text(f"first {drive.keyring.keys['first'][:-3]}\n")
    assert reload_keys(drive.server)["level"] == "error"
    drive.keyring.write("second", "first")
    assert reload_keys(drive.server)["level"] == "info"
    done = rekey(drive.server)
    assert done.code == 0, done.error
    drive.search.saw("rekey", done.error + done.process.stdout())
    drive.keyring.write("second")
    assert reload_keys(drive.server)["level"] == "info"
    eventually(lambda: {line["credential"] for line in drive.server.events("refresh token adopted from its file")} >=
               spoilt.keys(), 30, "the files' tokens are adopted")


def ways_of_mistakes(drive: Drive) -> None:
    """A secret typed where it does not belong; the program that is given it must not repeat it."""
    def stray() -> str:
        return drive.provider.secret("stray")
    configs = [f"refresh_token: {stray()}\n", f"credentials: [{stray()}]\n",
               f"data_dir: x\ncredentials:\n  - {{name: a, client_id: b, refresh_token: {stray()}}}\n", stray()]
    runs = [[f"--config={drive.file(f'mistake-{i}.yaml', text)}", "--check_config"] for i, text in enumerate(configs)]
    runs += [[f"--refresh_token={stray()}"], [stray()], [f"--check_config={stray()}"]]
    for arguments in runs:
        done = subprocess.run([program("token-server"), *arguments], capture_output=True, timeout=30)
        assert done.returncode == 2
        drive.search.saw("complaints", done.stdout + done.stderr)
    for arguments in (["get", f"--refresh_token={stray()}"], ["get", "--refresh_token", stray()], ["get", stray()],
                      ["credential", "create", "x", "--client_id=x", f"--client_secret={stray()}"]):
        assert drive.client(*arguments) == 2


def test_no_secret_anywhere_but_where_it_is_meant_to_be(drive):
    drive.look_at_process("token-server", drive.server.process.pid)
    ways_of_callers(drive)
    ways_of_providers(drive)
    ways_of_operators(drive)
    ways_of_files(drive)
    ways_of_mistakes(drive)
    drive.look_at_metrics()
    drive.look_at_files("while it runs")
    assert drive.server.stop() == 0
    drive.look_at_files("at rest")
    drive.search.saw("the log", drive.server.logs())
    if not drive.told_missing("writes no audit"):
        drive.search.saw("the audit file", drive.audit_file.read_bytes())
        assert drive.search.seen("the audit file").count(b"\n") > 20

    assert len(drive.provider.secrets) > 100
    assert drive.finds() == []
    # A name cannot make a line of its own.
    for line in drive.server.process.stderr().splitlines():
        assert json.loads(line)["event"] != "planted"


def test_the_search_itself_finds_a_secret_in_any_spelling():
    secret = "re+" + secrets.token_hex(24) + "/end-of-it"
    for spelling in (secret, secret[:18], secret[-17:], json.dumps({"token": secret}), secret.replace("/", "\\/"),
                     base64.b64encode(b"xx" + secret.encode()).decode(), base64.b64encode(b"y:" + secret.encode() + b"zz").decode(),
                     base64.urlsafe_b64encode(b"abc" + secret.encode()).decode(), secret.encode().hex(),
                     secret.replace("+", "%2B").replace("/", "%2F"), f"Authorization: Bearer {secret}\n"):
        search = SecretSearch()
        search.saw("a planted file", f"before {spelling} after")
        assert search.finds({secret: "a token"}) == ["a token in a planted file"], spelling
    search = SecretSearch()
    search.saw("a file", secrets.token_bytes(1 << 20))
    assert search.finds({secret: "a token"}) == []


def test_what_grpc_would_trace_is_not_logged(start_sandbox, make_server):
    """Its environment asks for every byte on the wire."""
    server = make_server([start_sandbox().credential()], log={"level": "debug"})
    server.environment = {"GRPC_VERBOSITY": "debug", "GRPC_TRACE": "all"}
    token = server.start().api.get().access_token
    assert server.stop() == 0
    assert token not in server.logs()
    for line in server.process.stderr().splitlines():
        assert isinstance(json.loads(line), dict), line
