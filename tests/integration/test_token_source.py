"""The C++ client library's TokenSource while the server comes and goes, seen through `token-client exec --token_file`."""

import pathlib
import signal
import sys

import pytest

from harness.certificates import Authority
from harness.operator import Operator
from harness.process import Process, eventually
from harness.tools import program

# A proxy that cuts every connection a moment after it was made: no stream lives long.
CUTTING_PROXY = """
import asyncio, sys
async def pump(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
async def connected(reader, writer):
    there = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
    try:
        await asyncio.wait_for(asyncio.gather(pump(reader, there[1]), pump(there[0], writer)), 0.3)
    except (asyncio.TimeoutError, OSError):
        pass
    for end in (writer, there[1]):
        end.transport.abort()
async def main():
    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


@pytest.fixture
def hold(tmp_path):
    """hold(address, *flags): token-client that keeps a token file, and that file."""
    held = []

    def begin(address: str, *flags: str) -> tuple[Process, pathlib.Path]:
        path = tmp_path / f"token-{len(held)}"
        process = Process([program("token-client"), f"--server={address}", *flags, "exec", f"--token_file={path}",
                           "--", "sleep", "600"], tmp_path / f"client-{len(held)}")
        held.append(process)
        eventually(lambda: path.exists() or not process.running(), 30, "the first token is there")
        assert process.running(), process.stderr()
        return process, path

    yield begin
    for process in held:
        process.signal(signal.SIGTERM)  # Its child must not stay behind.
        process.wait()


def follows(path: pathlib.Path, server) -> bool:
    return path.read_text() == server.api.get().access_token


def test_a_token_whose_server_was_killed_is_good_to_its_end_and_then_named_expired(
        start_sandbox, start_server, hold):
    sandbox = start_sandbox(ttl="9s")
    server = start_server([sandbox.credential()])
    process, path = hold(server.address)

    server.kill()

    token = path.read_text()
    assert "stale" not in process.stderr()
    assert sandbox.buy_tickets(token)[0] == 200
    eventually(lambda: "TOKEN_EXPIRED" in process.stderr(), 30, "the token is at its end")
    # Counted up to a second short, as whoever counts whole seconds may have it.
    eventually(lambda: sandbox.buy_tickets(token)[0] == 401, 5, "the provider says so too")


def test_a_deleted_credential_is_told_at_once(start_sandbox, start_server, hold):
    sandbox = start_sandbox()
    server = start_server([], token_endpoints=[sandbox.url])
    operator = Operator(server.api)

    def create():
        operator.create("inbox", client_id="sandbox", token_endpoint=sandbox.token_endpoint,
                        refresh_token=sandbox.mint("inbox").read_text().strip())
    create()
    process, path = hold(server.address, "--credential=inbox")
    operator.delete("inbox")
    eventually(lambda: "CREDENTIAL_NOT_FOUND" in process.stderr(), 30, "it is told")

    create()
    eventually(lambda: path.read_text() == server.api.get("inbox").access_token, 60, "and is served again")


def test_a_caller_who_is_permitted_no_more_is_told(start_sandbox, start_server, hold, tmp_path):
    sandbox = start_sandbox()
    callers = [{"identity": f"unix:{tmp_path}/s", "credentials": ["default"]}]
    credentials = [sandbox.credential()]
    server = start_server(credentials, listen=[f"unix:{tmp_path}/s"], callers=callers)
    process, path = hold(server.address)
    server.configure(credentials, listen=[f"unix:{tmp_path}/s"],
                     callers=[{"identity": f"unix:{tmp_path}/s", "credentials": []}])

    server.restart()

    eventually(lambda: "CREDENTIAL_NOT_PERMITTED" in process.stderr(), 30, "it is told")


def test_through_a_proxy_that_breaks_streams_the_token_stays_fresh(start_sandbox, start_server, hold, tmp_path):
    sandbox = start_sandbox(ttl="10s")
    server = start_server([sandbox.credential()])
    script = tmp_path / "proxy.py"
    script.write_text(CUTTING_PROXY)
    proxy = Process([sys.executable, "-B", str(script), server.address.rsplit(":", 1)[1]], tmp_path / "proxy")
    try:
        port = eventually(lambda: proxy.stdout().strip(), 30, "the proxy listens")
        process, path = hold(f"127.0.0.1:{port}")
        first = server.api.get().generation
        while server.api.get().generation < first + 2:
            assert sandbox.buy_tickets(path.read_text())[0] == 200
        eventually(lambda: follows(path, server), 30, "the newest is there")
    finally:
        proxy.kill()
    assert "stale" not in process.stderr()


def test_a_renewed_certificate_is_used_for_the_next_connection(start_sandbox, start_server, hold, tmp_path):
    old, new = Authority(tmp_path / "old"), Authority(tmp_path / "new")
    pair = old.issue("client", san=["URI:spiffe://example.org/billing"])
    sandbox = start_sandbox(ttl="4s")
    served = old.issue_server()

    def config(authority):
        return {"listen": ["127.0.0.1:0"], "tls": {
            "certificate_file": str(served.certificate_file), "private_key_file": str(served.private_key_file),
            "client_ca_file": str(authority.file)},
            "callers": [{"identity": "spiffe://example.org/billing", "credentials": ["default"]}]}
    server = start_server([sandbox.credential()], **config(old))
    process, path = hold(server.address, f"--tls_ca_file={old.file}", f"--tls_certificate_file={pair.certificate_file}",
                         f"--tls_private_key_file={pair.private_key_file}")
    first = path.read_text()
    renewed = new.issue("client", san=["URI:spiffe://example.org/billing"])
    # From now on the server knows the new authority only, so the old certificate makes no connection any more.
    server.configure([sandbox.credential()], **{**config(new), "listen": [server.address]})
    server.restart()
    renewed.copy_to(pair)

    eventually(lambda: path.read_text() != first, 60, "a token came over a new connection")
    assert process.running()


def test_a_token_that_came_while_the_client_stood_still_is_no_longer_good_for_that(start_sandbox, start_server, hold):
    sandbox = start_sandbox(ttl="8s")
    server = start_server([sandbox.credential()])
    process, path = hold(server.address)
    process.signal(signal.SIGSTOP)
    try:
        eventually(lambda: server.api.get().generation == 2, 30, "the next token is pushed")
        sandbox.fault("refuse_5xx_before", -1)  # And no third.
        token = server.api.get().access_token
        eventually(lambda: sandbox.buy_tickets(token)[0] == 401, 30, "it is at its end", interval=0.2)
    finally:
        process.signal(signal.SIGCONT)

    eventually(lambda: "stale" in process.stderr(), 30, "that there is no token is told")
    assert path.read_text() != token
