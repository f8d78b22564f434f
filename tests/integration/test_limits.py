"""What one caller can take from the others: nothing."""

import socket

import pytest

from harness import metrics
from harness.api import Api, Refused
from harness.load import Load
from harness.operator import Operator
from harness.process import eventually


def pass_count(api, calls: int) -> tuple[int, list[Refused]]:
    passed, refused = 0, []
    for _ in range(calls):
        try:
            api.get()
            passed += 1
        except Refused as refusal:
            refused.append(refusal)
    return passed, refused


@pytest.fixture
def two_callers(tmp_path, start_sandbox, start_server):
    """two_callers(callers, limits): a server and somebody on its socket besides the one on TCP."""
    opened = []

    def start(callers, **limits):
        path = tmp_path / "s"
        server = start_server([start_sandbox().credential()], listen=["127.0.0.1:0", f"unix:{path}"],
                              callers=callers(f"unix:{path}"), limits=limits)
        server.api.get()
        opened.append(Api(f"unix:{path}"))
        opened[-1].address = f"unix:{path}"
        return server, opened[-1]
    yield start
    for api in opened:
        api.close()


def test_a_caller_over_its_rate_is_refused_and_nobody_else_is(two_callers):
    server, other = two_callers(lambda unix: [
        {"identity": "anonymous", "credentials": ["*"], "rate": 1, "burst": 5},
        {"identity": unix, "credentials": ["*"], "operator": True}])
    with Load(other.address, threads=1) as load:
        passed, refused = pass_count(server.api, 50)
        assert 4 <= passed < 50  # One went before; a slow machine gives some back.
        for refusal in refused:
            assert (refusal.code, refusal.reason) == ("RESOURCE_EXHAUSTED", "OVERLOADED")
            assert 0 < refusal.retry_delay <= 1
            assert refusal.metadata["credential"] == "default"  # Though none was named.
        eventually(lambda: pass_count(server.api, 1)[0], 10, "it gets through again", interval=0.2)
    load.assert_untroubled()
    assert server.api.health() == 1


def test_a_rate_for_all_and_who_is_exempt(two_callers):
    server, other = two_callers(lambda unix: [
        {"identity": "anonymous", "credentials": ["*"], "operator": True},
        {"identity": unix, "credentials": ["*"], "rate": 0}], caller_rate=1, caller_burst=3)
    passed, refused = pass_count(server.api, 30)
    assert passed < 30 and {refusal.reason for refusal in refused} == {"OVERLOADED"}
    # Operators' calls and watches count too.
    refusals = []
    for _ in range(10):
        try:
            Operator(server.api).get("default")
        except Refused as refusal:
            refusals.append((refusal.reason, refusal.metadata["credential"]))
    assert ("OVERLOADED", "default") in refusals
    assert pass_count(other, 30) == (30, [])


def test_one_connection_too_many_is_closed_and_the_others_live(start_sandbox, start_server):
    server = start_server([start_sandbox().credential()], limits={"connections": 50}, metrics={"listen": "127.0.0.1:0"})
    server.api.get()
    assert metrics.scrape(server)("token_service_connections_refused_total") == 0
    host, port = server.address.rsplit(":", 1)
    sockets = [socket.create_connection((host, int(port)), timeout=10) for _ in range(200)]
    try:
        # gRPC greets who may stay.
        greeted = sum(bool(hello(each)) for each in sockets)
        assert 40 <= greeted <= 50 + 40
        assert server.api.get().generation == 1 and server.api.health() == 1
        eventually(lambda: metrics.scrape(server)("token_service_connections_refused_total") == len(sockets) - greeted,
                   10, "they are counted")
        eventually(lambda: server.events("connections closed at once, there are too many"), 10, "it is logged")
    finally:
        for each in sockets:
            each.close()
    late = Api(server.address)
    eventually(lambda: pass_count(late, 1)[0], 20, "there is room again")
    late.close()


def hello(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1)
    except ConnectionError:
        return b""


def test_few_open_files_are_no_end(start_sandbox, make_server):
    """Without a limit of its own, under a low one of the system."""
    server = make_server([start_sandbox().credential()])
    server.start(under=["prlimit", "--nofile=300:300"])
    server.api.get()
    host, port = server.address.rsplit(":", 1)
    for _ in range(2):
        sockets = [socket.create_connection((host, int(port)), timeout=10) for _ in range(400)]
        assert 0 < sum(bool(hello(each)) for each in sockets) < 300
        assert server.api.get().access_token
        # Its database and its provider can still be reached.
        assert Operator(server.api).refresh("default").generation > 1
        for each in sockets:
            each.close()
        late = Api(server.address)
        eventually(lambda: pass_count(late, 1)[0], 20, "there is room again")
        late.close()


def test_a_request_that_is_too_large_is_refused_and_the_connection_lives(start_sandbox, start_server):
    server = start_server([start_sandbox().credential()], limits={"request_bytes": 8192})
    for size in (5000, 9000, 1 << 20):
        refused = server.api.refusal("x" * size)
        assert refused.code == "RESOURCE_EXHAUSTED"
    assert server.api.get().generation == 1


BAD = {
    "limits: {caller_burst: 3}": "limits.caller_burst",
    "limits: {connections: 0}": "limits.connections",
    "limits: {request_bytes: 1}": "limits.request_bytes",
    'callers: [{identity: a, credentials: ["*"], burst: 3}]': "callers[0].burst",
    'callers: [{identity: a, credentials: ["*"], rate: 9999999}]': "callers[0].rate",
}


@pytest.mark.parametrize("line", BAD)
def test_limits_that_mean_nothing_are_one_line_and_exit_2(line, make_server):
    server = make_server([])
    server.config_file.write_text(f"data_dir: {server.data_dir}\n{line}\n")
    process = server.launch("--check_config")
    assert process.wait() == 2
    assert f"{server.config_file}:2: {BAD[line]}" in process.stderr() and process.stderr().count("\n") == 1
