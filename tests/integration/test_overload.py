"""More than it can take, and worse than anybody ought to send: callers that behave notice little.

The short form runs in CI; TOKEN_SERVICE_OVERLOAD=long is for a machine of one's own, with `ulimit -n` above 20,000.
"""

import concurrent.futures
import os
import pathlib
import signal
import socket
import struct
import threading
import time

import pytest

from harness import h2
from harness.api import Api, Refused
from harness.load import Load
from harness.operator import Operator
from harness.process import eventually
from harness.tools import skip_under_address_sanitizer

LONG = os.environ.get("TOKEN_SERVICE_OVERLOAD") == "long"
IDLE_CONNECTIONS = 10_000 if LONG else 1000
WATCHERS = 10_000 if LONG else 1000
FLOOD = 200_000 if LONG else 4000  # Frames.


def resident_mib(server) -> float:
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


@pytest.fixture
def server(start_sandbox, start_server):
    sandbox = start_sandbox()
    server = start_server([sandbox.credential()])
    server.sandbox = sandbox
    server.api.get()
    before = resident_mib(server)
    yield server
    # Full service after, on the old connection and on a new one.
    assert server.process.running()
    assert server.api.get().access_token and server.api.health() == 1
    late = Api(server.address)
    assert late.get().access_token
    late.close()
    print(f"resident: {before:.0f} MiB before, {resident_mib(server):.0f} MiB after")
    assert server.stop() == 0


def serves_meanwhile(server, abuse) -> None:
    """Somebody else calls all the while, and the health check answers."""
    with Load(server.address, threads=1, timeout=20) as load:
        abuse()
        assert server.api.health() == 1
    load.assert_untroubled()


def test_idle_connections(server):
    connections = []

    def connect():
        for _ in range(IDLE_CONNECTIONS):
            connection = h2.Connection(server.address)
            assert connection.read() is not None
            connections.append(connection)
    serves_meanwhile(server, connect)
    grown = resident_mib(server)
    print(f"{len(connections)} idle connections: {grown:.0f} MiB resident")
    for connection in connections:
        connection.close()


def test_many_watchers_hear_of_one_rotation(server):
    a_connection = 500
    connections = [h2.Connection(server.address, struct.pack(">HI", 4, 1 << 20)) for _ in range(WATCHERS // a_connection)]
    operator = Operator(server.api)

    def hear(connection) -> None:
        """Until every stream has had a message more."""
        heard = set()
        while len(heard) < a_connection:
            got = connection.read()
            assert got is not None
            kind, _, stream, payload = got
            if kind == h2.DATA and payload:
                heard.add(stream)
                # Both windows.
                more = struct.pack(">I", len(payload))
                connection.send(h2.frame(h2.WINDOW_UPDATE, 0, 0, more))

    for connection in connections:
        connection.send(b"".join(h2.request(2 * i + 1, h2.WATCH) for i in range(a_connection)))
    with concurrent.futures.ThreadPoolExecutor(len(connections)) as threads:
        list(threads.map(hear, connections))
        operator.refresh("default")
        list(threads.map(hear, connections))
    print(f"{WATCHERS} watchers: {resident_mib(server):.0f} MiB resident")
    for connection in connections:
        connection.close()


def test_watchers_who_do_not_read_cost_little_and_get_the_newest(server):
    """Zero window: nothing can be sent to them."""
    connection = h2.Connection(server.address, struct.pack(">HI", 4, 0))
    connection.send(b"".join(h2.request(2 * i + 1, h2.WATCH) for i in range(500)))
    operator = Operator(server.api)
    before = resident_mib(server)

    def rotate():
        for _ in range(20):
            operator.refresh("default")
    serves_meanwhile(server, rotate)
    assert resident_mib(server) - before < 64
    connection.close()


def test_more_load_than_there_is_room_for(start_sandbox, start_server):
    """Five times as many waiting calls as may wait; the provider is slow."""
    sandbox = start_sandbox(latency="1s")
    server = start_server([sandbox.credential("cold", refresh="on_demand"), sandbox.credential("warm", minted="b")],
                          limits={"waiting_calls": 20})
    server.api.get("warm")
    with Load(server.address, threads=1, credential="warm") as load:
        waiting = [server.api.get_future("cold") for _ in range(100)]
        outcomes = [call.exception() for call in waiting]
    load.assert_untroubled()
    refused = [Refused(outcome) for outcome in outcomes if outcome is not None]
    assert len(refused) == 80
    assert {(each.code, each.reason) for each in refused} == {("RESOURCE_EXHAUSTED", "OVERLOADED")}
    assert all(each.retry_delay > 0 for each in refused)
    assert server.api.get("cold").generation == 1


def test_churn(server):
    def churn():
        for _ in range(100):
            api = Api(server.address)
            api.get()
            api.close()
    before = resident_mib(server)
    serves_meanwhile(server, churn)
    assert resident_mib(server) - before < 64


def silent(address):
    return h2.Connection(address, preface=False)


def half_a_preface(address):
    connection = h2.Connection(address, preface=False)
    connection.send(h2.PREFACE[:10])
    return connection


def half_a_frame(address):
    connection = h2.Connection(address)
    connection.send(h2.frame(h2.HEADERS, h2.END_HEADERS, 1, h2.headers(h2.GET))[:20])
    return connection


@pytest.mark.parametrize("kind", [silent, half_a_preface, half_a_frame], ids=lambda kind: kind.__name__)
def test_half_open_connections(kind, server):
    connections = []

    def connect():
        connections.extend(kind(server.address) for _ in range(100))
    serves_meanwhile(server, connect)
    for connection in connections:
        connection.close()


def batches(frames, size: int = 500):
    batch = []
    for each in frames:
        batch.append(each)
        if len(batch) == size:
            yield b"".join(batch)
            batch = []
    yield b"".join(batch)


def rapid_reset():
    for i in range(FLOOD):
        yield h2.request(2 * i + 1, h2.GET) + h2.frame(h2.RST_STREAM, 0, 2 * i + 1, struct.pack(">I", 8))


def rapid_reset_of_watches():
    for i in range(FLOOD):
        yield h2.request(2 * i + 1, h2.WATCH) + h2.frame(h2.RST_STREAM, 0, 2 * i + 1, struct.pack(">I", 8))


def settings_flood():
    for _ in range(FLOOD):
        yield h2.frame(h2.SETTINGS, 0, 0, struct.pack(">HI", 3, 100))


def ping_flood():
    for _ in range(FLOOD):
        yield h2.frame(h2.PING, 0, 0, b"12345678")


def empty_data_flood():
    yield h2.frame(h2.HEADERS, h2.END_HEADERS, 1, h2.headers(h2.GET))
    for _ in range(FLOOD):
        yield h2.frame(h2.DATA, 0, 1)


def continuation_flood():
    yield h2.frame(h2.HEADERS, 0, 1, h2.headers(h2.GET))
    for _ in range(FLOOD // 20):
        yield h2.frame(h2.CONTINUATION, 0, 1, h2.literal(b"x-filler", b"y" * 8000))


def huge_headers():
    for i in range(20):
        block = h2.headers(h2.GET, *[(b"x-filler-%d" % k, b"y" * 4000) for k in range(100)])
        first, rest = block[:16000], [block[at:at + 16000] for at in range(16000, len(block), 16000)]
        yield h2.frame(h2.HEADERS, h2.END_STREAM, 2 * i + 1, first)
        for k, part in enumerate(rest):
            yield h2.frame(h2.CONTINUATION, h2.END_HEADERS if k == len(rest) - 1 else 0, 2 * i + 1, part)


def more_streams_than_allowed():
    for i in range(5000):
        yield h2.request(2 * i + 1, h2.WATCH)


def window_overflow():
    for _ in range(10):
        yield h2.frame(h2.WINDOW_UPDATE, 0, 0, struct.pack(">I", 0x7fffffff))


def data_on_no_stream():
    yield h2.frame(h2.DATA, 0, 0, b"x") + h2.frame(h2.DATA, 0, 77, b"x" * 1000)


def settings_of_a_wrong_length():
    yield h2.frame(h2.SETTINGS, 0, 0, b"12345")


def a_frame_longer_than_allowed():
    yield h2.frame(h2.DATA, 0, 1, b"x" * (1 << 20))


def headers_that_do_not_decode():
    yield h2.frame(h2.HEADERS, h2.END_HEADERS, 1, b"\xff" * 100)


def noise():
    random = __import__("random").Random(1)
    for _ in range(50):
        yield random.randbytes(2000)


ABUSES = [rapid_reset, rapid_reset_of_watches, settings_flood, ping_flood, empty_data_flood, continuation_flood,
          huge_headers, more_streams_than_allowed, window_overflow, data_on_no_stream,
          settings_of_a_wrong_length, a_frame_longer_than_allowed, headers_that_do_not_decode, noise]


@pytest.mark.parametrize("reads", [False, True] if LONG else [True], ids=lambda reads: "read" if reads else "unread")
@pytest.mark.parametrize("abuse", ABUSES, ids=lambda abuse: abuse.__name__)
def test_abuse_of_http2(abuse, reads, server):
    before = resident_mib(server)
    peak = [before]

    def attack():
        connection = h2.Connection(server.address)
        connection.socket.settimeout(5)
        reader = threading.Thread(target=drain, args=(connection,))
        if reads:
            reader.start()
        for batch in batches(abuse()):
            if not connection.send(batch):
                break
            peak.append(resident_mib(server))
        try:
            connection.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # The server was first.
        if reads:
            reader.join()
        connection.close()
    serves_meanwhile(server, attack)
    print(f"{abuse.__name__}: {before:.0f} MiB before, {max(peak):.0f} MiB at most")
    # What gRPC 1.51 bounds is what one connection has at once; who resets is cut off in time.
    assert LONG or max(peak) - before < 256


def test_who_opens_calls_and_resets_them_is_cut_off(server):
    """For as long as it is let; again and again."""
    skip_under_address_sanitizer("it keeps what is freed")
    before, peak = resident_mib(server), []

    def attack():
        connection = h2.Connection(server.address)
        reader = threading.Thread(target=drain, args=(connection,))
        reader.start()
        for start in range(0, 400_000, 500):  # It would cost gigabytes.
            if not connection.send(b"".join(
                    h2.request(2 * i + 1, h2.GET) + h2.frame(h2.RST_STREAM, 0, 2 * i + 1, struct.pack(">I", 8))
                    for i in range(start, start + 500))):
                break
            peak.append(resident_mib(server))
        else:
            pytest.fail("it was let")
        connection.close()
        reader.join()
    for _ in range(4):
        serves_meanwhile(server, attack)
    print(f"{before:.0f} MiB before, {max(peak):.0f} MiB at most")
    assert max(peak) - before < 512
    assert {event["why"] for event in server.events("connections cut off")} == {"resets"}


def test_many_calls_that_wait_at_one_connection_are_let(start_sandbox, make_server):
    """They look like an attack: memory grows while they are sent and nothing comes back."""
    calls = 8000
    sandbox = start_sandbox()
    server = make_server([sandbox.credential()], limits={"calls_per_connection": 10_000})
    sandbox.process.signal(signal.SIGSTOP)  # Nobody gets anything yet.
    server.start()
    before = resident_mib(server)
    connection = h2.Connection(server.address).acknowledged()
    assert connection.send(h2.frame(h2.WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 30)))
    for start in range(0, calls, 400):
        assert connection.send(b"".join(h2.request(2 * i + 1, h2.GET) for i in range(start, start + 400)))
        time.sleep(0.1)  # A look of the server's.
    eventually(lambda: resident_mib(server) - before > 64, 15, "memory has grown")
    sandbox.process.signal(signal.SIGCONT)
    answered = 0
    while answered < calls:
        frame = connection.read()
        assert frame is not None, f"hung up after {answered} answers"
        kind, flags, stream, _ = frame
        answered += kind == h2.HEADERS and bool(flags & h2.END_STREAM)
    connection.close()


def drain(connection) -> None:
    try:
        connection.hung_up()
    except (OSError, socket.timeout):
        pass

