"""Peers that are let in and mean harm, over TCP, TLS and a unix socket: what gRPC 1.51 by itself holds memory and CPU for
(docs/security.md). They are bounded and cut off, it is told, and callers notice nothing.
"""

import gzip
import os
import pathlib
import ssl
import struct
import threading

import pytest

from harness import h2, metrics
from harness.api import Api
from harness.certificates import Authority
from harness.load import Load
from harness.process import eventually
from harness.tools import skip_under_address_sanitizer

CUT_OFF = "connections cut off"
ENDLESS_HEADERS, UNACKNOWLEDGED, RESETS, TOO_MUCH = "header_block", "unacknowledged_settings", "resets", "most_of_too_much"


class Victim:
    """A server, how to attack it, and its callers, who are at a unix socket of their own."""

    def __init__(self, server, attacked: str, callers: str, tls: ssl.SSLContext | None):
        self.server, self.attacked, self.callers, self.tls = server, attacked, callers, tls
        self.before = self.resident_mib()
        self.peak = self.before

    def resident_mib(self) -> float:
        status = pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def look(self) -> None:
        self.peak = max(self.peak, self.resident_mib())

    def grown_mib(self) -> float:
        self.look()
        return self.peak - self.before

    def cpu_seconds(self) -> float:
        of_it = pathlib.Path(f"/proc/{self.server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(of_it[11]) + int(of_it[12])) / os.sysconf("SC_CLK_TCK")

    def connect(self, **more) -> h2.Connection:
        return h2.Connection(self.attacked, tls=self.tls, **more)

    def cut_off(self, why: str) -> int:
        """How many connections, as the metric has it; the log says so too, a moment later."""
        count = metrics.scrape(self.server)("token_service_connections_cut_off_total", why=why) or 0
        if count:
            eventually(lambda: [event for event in self.server.events(CUT_OFF) if event["why"] == why and event["peer"]],
                       10, "the log says so")
        return int(count)

    def hangs_up(self, connection: h2.Connection) -> None:
        connection.socket.settimeout(30)
        assert connection.hung_up()
        connection.close()


@pytest.fixture
def attackable(start_sandbox, make_server, tmp_path):
    """attackable("tls", limits={…}): serving."""
    def make(transport: str, **config) -> Victim:
        callers, attacked = f"unix:{tmp_path}/callers.sock", f"unix:{tmp_path}/attacked.sock"
        tls = None
        if transport == "tls":
            authority = Authority(tmp_path / "ca")
            pair, attacker = authority.issue_server(), authority.issue("attacker", san=["DNS:attacker"])
            config["tls"] = {"certificate_file": str(pair.certificate_file), "private_key_file": str(pair.private_key_file),
                             "client_ca_file": str(authority.file)}
            config["callers"] = [{"identity": each, "credentials": ["*"]} for each in ("attacker", callers)]
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
            tls.load_cert_chain(attacker.certificate_file, attacker.private_key_file)
            tls.set_alpn_protocols(["h2"])
        server = make_server([start_sandbox().credential()], listen=["127.0.0.1:0", callers, attacked],
                             metrics={"listen": "127.0.0.1:0"}, **config)
        server.start()
        served = Api(callers)
        served.get()
        served.close()
        return Victim(server, attacked if transport == "unix" else server.address, callers, tls)
    return make


@pytest.fixture(params=["tcp", "tls", "unix"])
def victim(request, attackable):
    return attackable(request.param)


def served_meanwhile(victim: Victim, attack) -> None:
    cpu = victim.cpu_seconds()
    try:
        with Load(victim.callers, threads=1, timeout=20) as load:
            attack()
    finally:
        victim.look()
        print(f"{victim.before:.0f} MiB before, {victim.peak:.0f} MiB at most, {victim.cpu_seconds() - cpu:.2f} s of CPU")
    load.assert_untroubled()
    late = Api(victim.callers)
    assert late.get().access_token and late.health() == 1
    late.close()


def test_a_header_block_without_end(victim):
    """CVE-2023-33953: what has come of a field is copied and read anew with each frame, however small that is."""
    size = 8 << 20
    connection = victim.connect().acknowledged()
    victim.before = victim.resident_mib()
    before = victim.cpu_seconds()

    def attack():
        connection.send(h2.frame(h2.HEADERS, 0, 1, h2.headers(h2.GET) + b"\x00" + h2.length(1) + b"x" + h2.length(size)))
        for _ in range(size // 16384 - 1):
            if not connection.send(h2.frame(h2.CONTINUATION, 0, 1, bytes(16384))):
                break
            victim.look()
        for _ in range(300):
            if not connection.send(h2.frame(h2.CONTINUATION, 0, 1, b"x")):
                break
        victim.hangs_up(connection)
    served_meanwhile(victim, attack)
    assert victim.cut_off(ENDLESS_HEADERS) == 1
    assert victim.cpu_seconds() - before < 1
    assert victim.grown_mib() < 32


def open_calls(connection: h2.Connection, count: int, look=lambda: None) -> bool:
    """Only their headers, fifteen bytes each. False: the server has hung up."""
    first, again = h2.remembered(h2.GET)
    if not connection.send(h2.frame(h2.HEADERS, h2.END_HEADERS, 1, first)):
        return False
    for start in range(1, count, 500):
        if not connection.send(b"".join(h2.frame(h2.HEADERS, h2.END_HEADERS, 2 * i + 1, again)
                                        for i in range(start, min(count, start + 500)))):
            return False
        look()
    return True


def test_calls_without_end_before_the_settings_are_acknowledged(victim):
    connections = [victim.connect() for _ in range(2)]

    def attack():
        for connection in connections:
            open_calls(connection, 17_000, victim.look)
        for connection in connections:
            victim.look()
            connection.socket.settimeout(30)
            while (got := read_silently(connection)) is not None:
                victim.look()
            connection.close()
    served_meanwhile(victim, attack)
    assert victim.cut_off(UNACKNOWLEDGED) == 2
    assert victim.grown_mib() < 100


def read_silently(connection: h2.Connection):
    """As much as there is; None: the server has hung up. Acknowledges nothing."""
    try:
        return connection.socket.recv(1 << 16) or None
    except (ConnectionError, ssl.SSLError):
        return None


def test_settings_that_are_never_acknowledged(victim):
    connection = victim.connect()
    connection.send(h2.request(1, h2.WATCH))

    def attack():
        connection.socket.settimeout(30)
        while read_silently(connection) is not None:
            pass
    served_meanwhile(victim, attack)
    assert victim.cut_off(UNACKNOWLEDGED) == 1


def test_calls_that_are_reset_at_once(victim):
    """CVE-2023-44487."""
    skip_under_address_sanitizer("it keeps what is freed")

    def attack():
        connection = victim.connect().acknowledged()
        reader = threading.Thread(target=lambda: [None for _ in iter(connection.read, None)])
        reader.start()
        first, again = h2.remembered(h2.GET)
        block = [first] + [again] * 499
        for start in range(0, 200_000, 500):
            if not connection.send(b"".join(
                    h2.frame(h2.HEADERS, h2.END_HEADERS, 2 * (start + i) + 1, block[i]) +
                    h2.frame(h2.RST_STREAM, 0, 2 * (start + i) + 1, struct.pack(">I", 8)) for i in range(500))):
                break
            block[0] = again
            victim.look()
        reader.join(30)
        assert not reader.is_alive(), "it was let"
        connection.close()
    served_meanwhile(victim, attack)
    assert victim.cut_off(RESETS) == 1
    assert victim.grown_mib() < 256


def test_a_message_that_inflates(victim):
    """61 KB that were 60 MiB before anybody looked at `limits.request_bytes`."""
    bomb = gzip.compress(bytes(60 << 20), 9)
    assert len(bomb) < 64 * 1024
    encoded = h2.headers(h2.GET, (b"grpc-encoding", b"gzip"))

    def attack():
        connection = victim.connect().acknowledged()
        for i in range(8):
            connection.send(h2.frame(h2.HEADERS, h2.END_HEADERS, 2 * i + 1, encoded))
            whole = b"\x01" + struct.pack(">I", len(bomb)) + bomb
            for at in range(0, len(whole), 16384):
                connection.send(h2.frame(h2.DATA, h2.END_STREAM if at + 16384 >= len(whole) else 0, 2 * i + 1,
                                         whole[at:at + 16384]))
            said = b""
            while True:
                kind, flags, stream, payload = connection.read()
                victim.look()
                said += payload if kind == h2.HEADERS else b""
                if stream == 2 * i + 1 and (kind == h2.RST_STREAM or kind == h2.HEADERS and flags & h2.END_STREAM):
                    break
            assert b"12" in said, "UNIMPLEMENTED"
        connection.close()
    served_meanwhile(victim, attack)
    assert victim.grown_mib() < 32


@pytest.mark.parametrize("transport", ["tcp", "tls", "unix"])
def test_more_calls_than_there_may_be_by_many_connections(transport, attackable):
    """Each has no more than it may; 6096 may be. Who holds less than others is left alone."""
    victim = attackable(transport, limits={"waiting_calls": 1000, "watchers": 1000})
    small = victim.connect().acknowledged()
    open_calls(small, 100)

    def attack():
        connections = [victim.connect().acknowledged() for _ in range(50)]
        for connection in connections:
            open_calls(connection, 1000, victim.look)
        eventually(lambda: victim.cut_off(TOO_MUCH) >= 43, 30, "the rest is cut off")
        victim.look()
        for connection in connections:
            connection.close()
    served_meanwhile(victim, attack)
    assert small.send(h2.frame(h2.PING, 0, 0, b"12345678"))
    while (got := small.read()) is not None and got[0] != h2.PING:
        pass
    assert got is not None, "the small one was cut off"
    assert victim.grown_mib() < 400


def fill_calls(connection: h2.Connection, count: int, look) -> bool:
    """To each of the open calls all but the end of a message, as the connection's window allows. False: hung up."""
    window = 65535
    for i in range(count):
        pieces = [b"\x00" + struct.pack(">I", 60_000) + bytes(16379), bytes(16384), bytes(16384)]
        while window < 49152:
            got = connection.read()
            if got is None:
                return False
            kind, _, stream, payload = got
            if kind == h2.WINDOW_UPDATE and stream == 0:
                window += struct.unpack(">I", payload)[0]
        if not connection.send(b"".join(h2.frame(h2.DATA, 0, 2 * i + 1, piece) for piece in pieces)):
            return False
        window -= 49152
        if i % 50 == 0:
            look()
    return True


@pytest.mark.parametrize("transport", ["tcp", "tls", "unix"])
def test_more_bytes_than_there_may_be_in_calls_without_end(transport, attackable):
    """12 connections would have 500 MiB held."""
    victim = attackable(transport, limits={"waiting_calls": 1000, "watchers": 1000})

    def attack():
        connections = [victim.connect().acknowledged() for _ in range(12)]
        for connection in connections:
            if open_calls(connection, 900, victim.look):
                fill_calls(connection, 900, victim.look)
        eventually(lambda: victim.cut_off(TOO_MUCH) >= 9, 30, "the rest is cut off")
        victim.look()
        for connection in connections:
            connection.close()
    served_meanwhile(victim, attack)
    assert victim.grown_mib() < 400
