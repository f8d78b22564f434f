"""Somebody sets the wall clock; the process is suspended. No token is handed out past its end, and no storm follows."""

import concurrent.futures
import contextlib
import datetime
import pathlib
import signal
import sqlite3
import time

import pytest

from harness import lost_answers
from harness.operator import Operator, state
from harness.process import eventually
from harness.tools import BIN
from harness.token_server import TokenServer

HOUR = 3600


def hour_of(server: TokenServer) -> float:
    """Of its newest line in the log."""
    return datetime.datetime.fromisoformat(server.events()[-1]["time"].replace("Z", "+00:00")).timestamp()


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_wall_clock_set_while_running_changes_nothing(start_sandbox, make_server, clock, jump):
    sandbox = start_sandbox(ttl="10m")
    server = clock.give_to(make_server([sandbox.credential()])).start()
    watch = server.api.watch()
    assert next(watch).generation == 1
    clock.set(jump)
    for generation in (2, 3, 4):  # Without anybody asking: the timers go by another clock.
        clock.advance(520)
        token = next(watch)
        assert token.generation == generation and 540 < token.expires_in <= 600
        assert sandbox.buy_tickets(token.access_token)[0] == 200
        assert sandbox.stats()["token_requests"] == generation, "a refresh at 80 % or so, and no more"
    watch.cancel()
    assert hour_of(server) == pytest.approx(time.time() + jump, abs=60), "the clock was set indeed"


def test_a_wall_clock_set_back_delays_no_look_at_a_token_file(start_sandbox, make_server, clock):
    sandbox = start_sandbox()
    server = clock.give_to(make_server([sandbox.credential()])).start()
    assert server.api.get().generation == 1
    clock.set(-HOUR)
    sandbox.refresh_token_file.write_text(sandbox.mint("another").read_text())
    # Two looks, four seconds apart.
    eventually(lambda: server.events("refresh token adopted from its file"), 30, "the new token is adopted")


@pytest.mark.parametrize("jump", [HOUR, -HOUR, -30])
def test_a_wall_clock_set_over_a_restart_costs_nothing(start_sandbox, make_server, clock, jump):
    """The machine was not booted: how old a token is, another clock tells."""
    sandbox = start_sandbox(ttl="1h")
    names = [f"name-{i}" for i in range(20)]
    server = clock.give_to(make_server([sandbox.credential(name, minted=name) for name in names])).start()
    before = {name: server.api.get(name) for name in names}
    requests = sandbox.stats()["token_requests"]
    assert server.stop() == 0
    clock.set(jump)
    server.start()
    for name in names:
        token = server.api.get(name)
        assert token.access_token == before[name].access_token and token.expires_in <= before[name].expires_in
        assert token.expire_time - time.time() - jump == pytest.approx(token.expires_in, abs=2), "they agree"
    assert sandbox.stats()["token_requests"] == requests


def test_after_another_boot_the_wall_clock_tells_and_a_minute_is_taken_off(start_sandbox, make_server, clock):
    sandbox = start_sandbox(ttl="1h")
    names = ["back", "forth"]
    server = clock.give_to(make_server([sandbox.credential(name, minted=name) for name in names])).start()
    before = {name: server.api.get(name) for name in names}
    assert server.stop() == 0
    with contextlib.closing(sqlite3.connect(server.data_dir / "credentials.db")) as database, database:
        assert database.execute("UPDATE credentials SET token_boot_id='another'").rowcount == len(names)
    clock.set(600)
    server.start()
    token = server.api.get("forth")
    assert token.access_token == before["forth"].access_token
    assert token.expires_in == pytest.approx(before["forth"].expires_in - 660, abs=30)
    assert server.stop() == 0
    clock.set(-600)
    server.start()
    # Nobody can tell how old it is.
    assert server.api.get("back").access_token != before["back"].access_token


def test_a_wall_clock_set_back_opens_no_replay_window(start_sandbox, make_server, clock):
    sandbox = start_sandbox(ttl="1h")
    server = clock.give_to(make_server([sandbox.credential(replay_window="30s")])).start()
    assert server.api.get().generation == 1
    clock.set(600)  # The attempt is begun ten minutes ahead of the clock after the restart.
    loss = lost_answers.Loss("killed", "hang_after_rotating", killed=True)

    def half_a_minute_later():
        clock.advance(31)
        clock.set(0)
    lost_answers.inflict(loss, sandbox, server, while_down=half_a_minute_later)
    assert state(Operator(server.api).get("default")) == "IN_DOUBT"
    assert server.api.get().generation == 1
    assert sandbox.stats()["token_requests"] == 2 and sandbox.stats_of()["reuse_detected"] == 0


def test_a_process_stopped_for_longer_than_a_lifetime_hands_out_nothing_spent(start_sandbox, start_timed, clock):
    sandbox = start_sandbox(ttl="10m")
    server = start_timed([sandbox.credential()])
    first = server.api.get()
    requests = sandbox.stats()["token_requests"]
    server.process.signal(signal.SIGSTOP)
    clock.advance(610)
    under_way = [server.api.get_future() for _ in range(8)]
    server.process.signal(signal.SIGCONT)
    for call in under_way:
        answer = call.result(timeout=20)
        assert answer.generation > first.generation, "the first one has ended"
        assert sandbox.buy_tickets(answer.access_token)[0] == 200
    assert sandbox.stats()["token_requests"] - requests <= 3
    assert sandbox.stats_of()["reuse_detected"] == 0


def test_an_attempt_begun_before_a_long_stop_is_not_sent_after_it(start_sandbox, make_server, clock, monkeypatch):
    """Stopped between begin and exchange for longer than an attempt may wait: another replica might have taken over."""
    sandbox = start_sandbox(ttl="1h")
    monkeypatch.setattr("harness.token_server.program", lambda name: str(BIN / "token-server-torture"))
    monkeypatch.setenv("TORTURE_CRASH", "after-begin:1:stop")
    server = clock.give_to(make_server([sandbox.credential()], limits={"connect_timeout": "1s"}))
    server.process = server.launch()

    def stopped():
        return "\nState:\tT" in pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    eventually(stopped, 30, "it stopped itself")
    clock.advance(12)  # Ten seconds, and the time to connect, and one.
    server.process.signal(signal.SIGCONT)
    eventually(lambda: [event for event in server.events("refresh failed") if "too long ago" in event["detail"]], 20,
               "the attempt is given up")
    eventually(lambda: server.events("token refreshed"), 20, "the next one is sent")
    assert sandbox.stats()["token_requests"] == 1


def test_an_exchange_that_a_long_stop_cuts_through_loses_nothing(start_sandbox, start_timed, clock):
    """Stopped for longer than the attempt's lease, while the answer is on its way."""
    sandbox = start_sandbox(ttl="1h", grace="60s")
    server = start_timed([sandbox.credential()], limits={"connect_timeout": "1s", "exchange_timeout": "1s"})
    server.api.get()
    sandbox.slow(0.5)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        refresh = pool.submit(Operator(server.api).refresh, "default")
        eventually(lambda: sandbox.stats()["token_requests"] == 2, 10, "the exchange is under way")
        server.process.signal(signal.SIGSTOP)
        clock.advance(18)  # connect and exchange, and 15 s, and one.
        time.sleep(1.2)  # Really: curl ends an exchange by a clock of its own.
        server.process.signal(signal.SIGCONT)
        refresh.exception(timeout=30)  # Whatever it says: the answer may have been lost.
    # The window of a replay is over and the token is good: it serves on, and nothing is risked...
    assert sandbox.buy_tickets(server.api.get().access_token)[0] == 200
    assert sandbox.stats()["token_requests"] == 2
    # ...until a person insists, within the provider's grace.
    assert Operator(server.api).refresh("default").generation >= 2
    assert sandbox.buy_tickets(server.api.get().access_token)[0] == 200
    assert sandbox.stats_of()["reuse_detected"] == 0


def test_a_lifetime_of_ten_years_is_believed(start_sandbox, start_server):
    sandbox = start_sandbox(ttl="87600h")
    server = start_server([sandbox.credential()])
    assert server.api.get().expires_in == pytest.approx(87600 * HOUR, abs=60)
    server.restart()
    assert server.api.get(min_validity=80000 * HOUR).generation == 1
    assert sandbox.stats()["token_requests"] == 1


def test_a_lifetime_of_a_second_is_no_storm(start_sandbox, start_server):
    """Half of it is counted: a provider that counts whole seconds may mean less than one."""
    sandbox = start_sandbox(ttl="1s")
    server = start_server([sandbox.credential()])
    started = time.monotonic()
    spent, newest = 0, 0
    while newest < 5:
        token = server.api.get()
        newest = token.generation
        assert 0 < token.expires_in <= 1
        # From the answer to its use takes less than this, or the machine is too busy for tokens of a second.
        spent += sandbox.buy_tickets(token.access_token)[0] != 200 and token.expires_in > 0.3
    elapsed = time.monotonic() - started
    assert spent == 0
    assert sandbox.stats()["token_requests"] <= 2 + 2 * elapsed
