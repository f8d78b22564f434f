"""What no operator means to configure: one clear line, the right exit code, and nothing done. And what no client means to
send: a refusal, and a log that stays one."""

import json
import socket

import grpc
import pytest

from harness.process import Process
from harness.tools import program

DATA = "data_dir: {directory}/data\n"
BOMB = "x: &a0 [y,y,y,y,y,y,y,y,y]\n" + "".join(
    f"x{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9))
CREDENTIAL = "credentials:\n  - {{name: {name}, client_id: c, token_endpoint: 'http://127.0.0.1:1/t', refresh_token_file: r}}\n"


def as_text(text: str):
    return lambda path: path.write_text(text.replace("{directory}", str(path.parent)))


def sparse(path) -> None:
    with open(path, "wb") as file:
        file.truncate(100 << 20)


# What to make of the file; what the line must say; the exit code of --check_config; of a start.
BAD = {
    "a directory": (lambda path: path.mkdir(), "is a directory", 2, 2),
    "empty": (as_text(""), "empty", 2, 2),
    "100 MiB of zeros": (sparse, "longer than", 2, 2),
    "binary": (lambda path: path.write_bytes(bytes(range(256)) * 40), "not UTF-8", 2, 2),
    "an alias bomb": (as_text(BOMB), "bad.yaml:", 2, 2),
    "a name over two lines": (as_text(DATA + CREDENTIAL.format(name='"in\\nbox"')), "credentials[0].name", 2, 2),
    "a name with NUL": (as_text(DATA + CREDENTIAL.format(name='"in\\0box"')), "credentials[0].name", 2, 2),
    "a name too long": (as_text(DATA + CREDENTIAL.format(name="a" * 64)), "credentials[0].name", 2, 2),
    "an address twice": (as_text(DATA + "listen: ['127.0.0.1:7', '127.0.0.1:7']\n"), "listen[1]", 2, 2),
    "a socket's path too long": (as_text(DATA + f"listen: ['unix:/tmp/{'s' * 120}']\n"), "listen[0]", 2, 2),
    "an identity twice": (as_text(DATA + "callers: [{identity: a, credentials: []}, {identity: a}]\n"),
                          "callers[1].identity", 2, 2),
    "a star in the middle": (as_text(DATA + "callers: [{identity: 'spiffe://*/x'}]\n"), "callers[0].identity", 2, 2),
    "no identity": (as_text(DATA + "callers: [{credentials: ['*']}]\n"), "callers[0].identity", 2, 2),
    # Of the world, not of the text: only a start finds out.
    "a socket in no directory": (as_text(DATA + "listen: ['unix:{directory}/none/s']\n"), "none/s", 0, 1),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_one_line(what, tmp_path):
    make, says, checked, started = BAD[what]
    path = tmp_path / "bad.yaml"
    make(path)
    for flags, code in ((["--check_config"], checked), ([], started)):
        process = Process([program("token-server"), f"--config={path}", *flags], tmp_path / f"run{len(flags)}")
        assert process.wait() == code, process.stderr()
        if code:
            line = process.stderr().strip().splitlines()[-1]
            assert says in line and len(line) < 500 and line.isprintable(), line


FILES = {
    "a token that is empty": ("t", b"", "t: is empty"),
    "a token that is none": ("t", b"\xff\xfe", "t: holds a character"),
    "a token that is not there": ("t", None, "t: No such file"),
    "a keyring that is none": ("k", b"nonsense", "k:1: want `ID BASE64`"),
    "a certificate that is none": ("c", b"nonsense", "c: holds no certificate in PEM form"),
}


@pytest.mark.parametrize("what", FILES)
def test_a_bad_file_is_found_before_anything_is_made(what, tmp_path):
    name, content, says = FILES[what]
    good = {"t": b"token\n", "k": b"one " + b"A" * 43 + b"=\n"}
    for file, bytes_ in {**good, **({} if content is None else {name: content})}.items():
        if file != name or content is not None:
            (tmp_path / file).write_bytes(bytes_)
    config = {"listen": ["127.0.0.1:0"], "data_dir": "data", "sealing": {"key_file": "k"}, "audit": {"file": "audit"},
              "credentials": [{"name": "inbox", "client_id": "c", "token_endpoint": "http://127.0.0.1:1/t",
                               "refresh_token_file": "t"}]}
    if name == "c":
        config["tls"] = {"certificate_file": "c", "private_key_file": "c"}
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(config))
    before = sorted(tmp_path.iterdir())
    process = Process([program("token-server"), f"--config={path}"], tmp_path / "run")
    assert process.wait() == (1 if name == "k" else 2), process.stderr()
    assert says in process.stderr().strip().splitlines()[-1]
    made = [each for each in sorted(tmp_path.iterdir()) if each not in before and not each.name.startswith("run")]
    assert [each.name for each in made] in ([], ["audit"] if name == "k" else [])


def test_a_flag_given_twice_is_exit_2(tmp_path):
    process = Process([program("token-server"), "--config=a", "--config=b"], tmp_path / "run")
    assert process.wait() == 2
    assert process.stderr() == "token-server: --config: given twice\n"


NO_TEXT = b"sentinel-\xff\xfe-sentinel"  # Not UTF-8, as a string of a message must be.


@pytest.mark.parametrize("level", ["info", "debug"])
def test_bytes_that_are_no_text_are_refused_and_the_log_stays_json(level, start_sandbox, start_server):
    server = start_server([start_sandbox().credential()], log={"level": level})
    first_field = b"\x0a" + bytes([len(NO_TEXT)]) + NO_TEXT
    for method in ("TokenService/GetAccessToken", "CredentialService/GetCredential", "CredentialService/DeleteCredential",
                   "CredentialService/CreateCredential"):
        with pytest.raises(grpc.RpcError) as refused:
            server.api.channel.unary_unary(f"/token.v1.{method}")(first_field, timeout=20)
        # The last one is gRPC's own word for it, in its callback API.
        assert refused.value.code().name in ("INVALID_ARGUMENT", "INTERNAL", "UNIMPLEMENTED"), refused.value
    with pytest.raises(grpc.RpcError):
        list(server.api.channel.unary_stream("/token.v1.TokenService/WatchAccessToken")(first_field, timeout=20))
    # And to gRPC itself, which complains of it.
    host, port = server.address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: \xff\r\n\r\n")
        while connection.recv(4096):
            pass
    assert server.api.get().access_token
    assert server.stop() == 0
    for line in server.process.stderr().splitlines():
        assert isinstance(json.loads(line), dict), line
        assert "sentinel" not in line
    assert bool(server.events("protobuf")) == (level == "debug"), "Protobuf did complain"
