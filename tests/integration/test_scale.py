"""Many credentials at once, what has to hold by count. How fast: bench/scale."""

import base64
import json
import signal

import pytest

from harness import metrics
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
