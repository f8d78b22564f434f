"""What token-server tells a service manager: sd_notify(3), black-box."""

import pathlib
import signal
import socket

import pytest

from harness.api import Api
from harness.process import eventually


class Manager:
    """Listens where NOTIFY_SOCKET says."""

    def __init__(self, name: str):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + name[1:] if name.startswith("@") else name)

    def next(self, seconds: float = 30) -> dict[str, str]:
        """The next message but for those of the watchdog."""
        while True:
            message = self.any(seconds)
            if "WATCHDOG" not in message:
                return message

    def any(self, seconds: float = 30) -> dict[str, str]:
        self._socket.settimeout(seconds)
        text = self._socket.recv(4096).decode()
        return dict(line.split("=", 1) for line in text.splitlines())

    def forget(self) -> None:
        """What has come so far."""
        self._socket.setblocking(False)
        try:
            while True:
                self._socket.recv(4096)
        except BlockingIOError:
            pass

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path, monkeypatch):
    name = f"@{tmp_path}" if request.param == "abstract" else str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    listening = Manager(name)
    yield listening
    listening.close()


@pytest.mark.parametrize("manager", ["path"], indirect=True)
def test_nothing_is_said_when_it_cannot_serve(manager, make_server, start_sandbox, tmp_path):
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    process = make_server([start_sandbox().credential()], data_dir=str(blocked)).launch()
    assert process.wait() == 1, process.stderr()
    with pytest.raises(BlockingIOError):
        manager.any(0)


def test_ready_means_serving_and_stopping_asks_for_time(manager, start_sandbox, make_server, tmp_path):
    server = make_server([start_sandbox().credential()], listen=[f"unix:{tmp_path}/s"],
                         limits={"drain_timeout": "100s"})
    server.process = server.launch()
    assert manager.next()["READY"] == "1"
    api = Api(f"unix:{tmp_path}/s")
    assert api.health("token.v1.TokenService") == 1
    api.close()
    server.process.signal(signal.SIGTERM)
    stopping = manager.next()
    assert stopping["STOPPING"] == "1" and int(stopping["EXTEND_TIMEOUT_USEC"]) > 100_000_000
    assert server.process.wait() == 0


def test_a_reload_begins_and_ends(manager, start_sandbox, start_server):
    server = start_server([start_sandbox().credential()])
    assert manager.next()["READY"] == "1"
    server.process.signal(signal.SIGHUP)
    reloading = manager.next()
    assert reloading["RELOADING"] == "1" and int(reloading["MONOTONIC_USEC"]) > 0
    assert manager.next()["READY"] == "1"


@pytest.mark.parametrize("manager", ["path"], indirect=True)
def test_the_watchdog_falls_silent_with_the_server(manager, monkeypatch, start_sandbox, start_server):
    monkeypatch.setenv("WATCHDOG_USEC", "400000")
    server = start_server([start_sandbox().credential()])
    assert manager.next()["READY"] == "1"
    for _ in range(5):
        assert manager.any() == {"WATCHDOG": "1"}

    server.process.signal(signal.SIGSTOP)
    eventually(lambda: stopped(server.process.pid), 10, "the server is stopped")
    manager.forget()
    with pytest.raises(TimeoutError):
        manager.any(1)

    server.process.signal(signal.SIGCONT)
    assert manager.any() == {"WATCHDOG": "1"}


def stopped(pid: int) -> bool:
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"


@pytest.mark.parametrize("manager", ["path"], indirect=True)
def test_a_long_drain_is_no_hang(manager, monkeypatch, start_sandbox, start_server):
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    sandbox = start_sandbox(latency="2s")
    server = start_server([sandbox.credential(refresh="on_demand")])
    waiting = server.api.get_future()
    eventually(lambda: sandbox.stats()["concurrent_exchanges_max"] == 1, 10, "an exchange is under way")
    server.terminate()
    while "STOPPING" not in manager.any():
        pass
    for _ in range(2):
        assert manager.any() == {"WATCHDOG": "1"}
    assert waiting.result().generation == 1


@pytest.mark.parametrize("manager", ["path"], indirect=True)
def test_another_process_watchdog_is_not_fed(manager, monkeypatch, start_sandbox, start_server):
    monkeypatch.setenv("WATCHDOG_USEC", "100000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    start_server([start_sandbox().credential()])
    assert manager.any()["READY"] == "1"
    with pytest.raises(TimeoutError):
        manager.any(0.5)


@pytest.mark.parametrize("name, value", [
    ("NOTIFY_SOCKET", "relative"), ("NOTIFY_SOCKET", "/" + "x" * 200), ("WATCHDOG_USEC", "soon"),
    ("WATCHDOG_USEC", "-1"), ("WATCHDOG_PID", "me")])
def test_what_makes_no_sense_is_one_line_and_exit_2(name, value, monkeypatch, make_server):
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/no-such-socket")
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    monkeypatch.setenv(name, value)
    process = make_server([]).launch()
    assert process.wait() == 2
    assert name in process.stderr() and process.stderr().count("\n") == 1


def test_a_manager_that_does_not_listen_does_no_harm(monkeypatch, start_sandbox, start_server):
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/no-such-socket")
    assert start_server([start_sandbox().credential()]).api.get().generation == 1
