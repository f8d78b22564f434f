"""Many credentials at once, what has to hold by count. How fast: bench/scale."""

import base64
import json
import signal
import socket
import threading
import time

import pytest

from harness import metrics
from harness.operator import Operator
from harness.process import eventually

AT_ONCE = 8  # The default of limits.refreshes_per_endpoint.


@pytest.fixture
def make_server_of(make_server):
    def make(sandbox, names):
        return make_server([sandbox.credential(name, minted=name) for name in names],
                           metrics={"listen": "127.0.0.1:0"})
    return make


def names_of(count: int) -> list[str]:
    return [f"credential-{i:03d}" for i in range(count)]


def issued(token) -> int:
    """Its place among all that the sandbox issued; the sandbox writes it into `kid`."""
    header = token.access_token.split(".")[0]
    kid = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]
    return int(kid.split(".")[2])


def test_callers_go_before_the_queue_of_a_cold_start(start_sandbox, make_server_of):
    sandbox, names = start_sandbox(latency="400ms"), names_of(100)
    server = make_server_of(sandbox, names)
    sandbox.process.signal(signal.SIGSTOP)  # Nobody gets anything yet, and everybody is due.
    server.start()
    wanted = names[-AT_ONCE:]  # The queue is in order of name.
    calls = [server.api.get_future(name) for name in wanted]
    eventually(lambda: metrics.scrape(server)("token_service_waiting_calls") == len(wanted), 20, "the calls wait")
    sandbox.process.signal(signal.SIGCONT)
    assert [call.result().credential for call in calls] == wanted

    order = sorted(names, key=lambda name: issued(server.api.get(name)))
    # In the second round of twelve, if no thread was kept waiting. Those before them in the queue come last.
    assert set(wanted) <= set(order[:len(names) // 2])
    assert set(names[-2 * AT_ONCE:-AT_ONCE]) <= set(order[len(names) // 2:])
    stats = sandbox.stats()
    assert stats["token_requests"] == len(names)
    assert stats["concurrent_exchanges_max"] <= AT_ONCE


def test_a_start_with_fresh_tokens_asks_the_provider_for_nothing(start_sandbox, make_server_of):
    sandbox, names = start_sandbox(), names_of(300)
    server = make_server_of(sandbox, names).start()
    first = {name: server.api.get(name).access_token for name in names}
    before = sandbox.stats()
    assert before["token_requests"] == len(names)
    assert before["concurrent_exchanges_max"] <= AT_ONCE
    server.restart()
    assert {name: server.api.get(name).access_token for name in names} == first
    assert sandbox.stats()["token_requests"] == len(names)


def test_ten_thousand_credentials_come_with_one_reload_and_the_watchdog_is_fed(start_server, tmp_path, monkeypatch):
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening.bind(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "20000000")
    heard, silences = [time.monotonic()], []

    def listen():
        while True:
            message = listening.recv(4096).decode()
            if message == "END":
                return
            if "WATCHDOG=1" in message:
                silences.append(time.monotonic() - heard[0])
                heard[0] = time.monotonic()
    listener = threading.Thread(target=listen)
    server = start_server([])
    heard[0] = time.monotonic()
    listener.start()

    (tmp_path / "tokens").mkdir()
    declared = []
    for i in range(10_000):
        path = tmp_path / "tokens" / str(i)
        path.write_text(f"token-{i}")
        declared.append({"name": f"c-{i}", "client_id": "c", "refresh_token_file": str(path)})
    # Nobody asks, so nobody is exchanged.
    defaults = {"token_endpoint": "http://127.0.0.1:1/token", "refresh": "on_demand"}
    server.configure(declared, defaults=defaults)
    begun = time.monotonic()
    server.process.signal(signal.SIGHUP)
    eventually(lambda: server.events("configuration reloaded"), 240, "it is reloaded")
    took = time.monotonic() - begun
    listening_end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening_end.sendto(b"END", str(tmp_path / "notify"))
    listener.join()
    silences.append(time.monotonic() - heard[0])
    print(f"10,000 credentials in {took:.1f} s, the longest silence {max(silences):.1f} s")
    assert max(silences) < 20, silences
    assert len(Operator(server.api).call("ListCredentials", page_size=1000).credentials) == 1000

    begun = time.monotonic()
    server.restart()
    print(f"started again with them in {time.monotonic() - begun:.1f} s")
    assert server.events("credentials loaded")[0]["count"] == 10_000
