"""A start that fails costs the provider nothing and leaves nothing behind; what a server has is its alone."""

import os
import pathlib
import shutil
import signal
import socket
import tempfile
import time

import pytest

from harness import metrics
from harness.api import Api
from harness.process import Process, eventually
from harness.tools import program


@pytest.fixture
def sandbox(start_sandbox):
    return start_sandbox()


def everything_below(directory) -> set:
    return set(directory.rglob("*")) - set(directory.glob("token-server-*"))  # The harness's logs.


def taken_port() -> tuple[socket.socket, str]:
    listening = socket.create_server(("127.0.0.1", 0))
    return listening, f"127.0.0.1:{listening.getsockname()[1]}"


def taken_socket(path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()
    return listening


# What is wrong; returns keys of the configuration, and what must stay open meanwhile.
def port_in_use(server):
    listening, address = taken_port()
    return {"listen": [address]}, "Address already in use", listening


def second_port_in_use(server):
    listening, address = taken_port()
    return {"listen": ["127.0.0.1:0", f"unix:{server.directory}/s", address]}, "Address already in use", listening


def metrics_port_in_use(server):
    listening, address = taken_port()
    return ({"listen": [f"unix:{server.directory}/s", "127.0.0.1:0"], "metrics": {"listen": address}},
            "metrics.listen: cannot listen on " + address, listening)


def unix_socket_in_use(server):
    listening = taken_socket(server.directory / "theirs")
    return {"listen": ["127.0.0.1:0", f"unix:{server.directory}/theirs"]}, "another process listens there", listening


def unix_socket_is_a_file(server):
    (server.directory / "file").write_text("mine")
    return {"listen": [f"unix:{server.data_dir}/mine", f"unix:{server.directory}/file"]}, "no socket", None


def unix_socket_without_directory(server):
    return ({"listen": [f"unix:{server.data_dir}/mine", f"unix:{server.directory}/absent/s"]},
            f"unix:{server.directory}/absent/s", None)


def audit_without_directory(server):
    return {"listen": [f"unix:{server.directory}/s"], "audit": {"file": str(server.directory / "absent" / "audit")}}, "audit.file", None


def address_of_another_machine(server):
    return {"listen": ["192.0.2.1:0"], "allow_plaintext": True}, "Cannot assign requested address", None


@pytest.mark.parametrize("fault", [port_in_use, second_port_in_use, metrics_port_in_use, unix_socket_in_use,
                                   unix_socket_is_a_file, unix_socket_without_directory, audit_without_directory, address_of_another_machine])
def test_a_start_that_fails_costs_nothing_and_leaves_nothing(sandbox, make_server, fault):
    credential = sandbox.credential()
    server = make_server([credential])
    config, words, held = fault(server)
    good = {"audit": {"file": str(server.directory / "audit")}, "metrics": {"listen": "127.0.0.1:0"}}
    server.configure([credential], **{**good, **config})
    before = everything_below(server.directory)

    process = server.launch()

    assert process.wait() == 1, process.stderr()
    [line] = [line for line in process.stderr().splitlines() if not line.startswith("{")]
    assert words in line
    assert everything_below(server.directory) == before
    assert sandbox.stats()["token_requests"] == 0
    # With the mistake mended the grant is as good as ever.
    server.configure([credential], **good)
    server.start()
    assert server.api.get().generation == 1
    assert sandbox.stats_of()["reuse_detected"] == 0
    if held is not None:
        held.close()


def test_a_start_that_fails_on_a_store_that_is_there_leaves_it_as_it_was(start_sandbox, start_server):
    sandbox = start_sandbox(ttl="1s")  # Due at once.
    server = start_server([sandbox.credential()])
    server.api.get()
    assert server.stop() == 0
    posted = sandbox.stats()["token_requests"]
    before = everything_below(server.directory)
    listening, address = taken_port()
    server.configure([sandbox.credential()], listen=["127.0.0.1:0"], metrics={"listen": address})

    assert server.launch().wait() == 1

    assert everything_below(server.directory) == before
    assert sandbox.stats()["token_requests"] == posted
    listening.close()


# The data directory by another way, and what is done to it while its server runs.
def without_the_lock_file(data):
    (data / "owner.lock").unlink()
    return data


def without_any_file(data):
    for path in data.iterdir():
        path.unlink()
    return data


def by_a_link(data):
    link = data.parent / "link"
    link.symlink_to(data)
    (data / "owner.lock").unlink()
    return link


def moved(data):
    return data.rename(data.parent / "elsewhere")


def database_by_a_hard_link(data):
    other = data.parent / "other"
    other.mkdir()
    os.link(data / "credentials.db", other / "credentials.db")
    (other / "sealing.key").write_bytes((data / "sealing.key").read_bytes())
    (other / "sealing.key").chmod(0o600)
    return other


def database_by_a_link(data):
    other = data.parent / "other"
    other.mkdir()
    (other / "credentials.db").symlink_to(data / "credentials.db")
    return other


@pytest.mark.parametrize("way", [without_the_lock_file, without_any_file, by_a_link, moved, database_by_a_hard_link,
                                 database_by_a_link])
def test_no_second_custodian(sandbox, start_server, make_server, way):
    first = start_server([sandbox.credential()])
    first.api.get()
    second = make_server([sandbox.credential()])
    data = way(first.data_dir)
    second.configure([sandbox.credential()], data_dir=str(data))

    process = second.launch()

    assert process.wait() == 1, process.stderr()
    assert str(data) in process.stderr() and "in use by another token-server" in process.stderr()
    assert first.process.running() and sandbox.stats()["token_requests"] == 1


def test_rekey_knows_the_server_whose_lock_file_is_gone(sandbox, start_server):
    server = start_server([sandbox.credential()])
    server.api.get()
    (server.data_dir / "owner.lock").unlink()
    rekey = Process([program("token-server"), "rekey", f"--config={server.config_file}"], server.directory / "rekey")
    assert rekey.wait() == 0, rekey.stderr()
    assert server.api.get().generation == 1


def api_at(path) -> Api:
    return Api(f"unix:{path}")


def test_a_unix_socket_has_one_server(sandbox, start_server, make_server, tmp_path):
    path = tmp_path / "s"
    first = start_server([sandbox.credential()], listen=[f"unix:{path}"])
    token = first.api.get().access_token
    second = make_server([sandbox.credential(minted="b")], listen=[f"unix:{path}"])

    process = second.launch()

    assert process.wait() == 1
    assert f"unix:{path}: it is in use by another token-server (pid {first.process.pid})" in process.stderr()
    api = api_at(path)  # A new connection.
    assert api.get().access_token == token
    api.close()
    assert first.stop() == 0
    assert [left for left in tmp_path.iterdir() if left.name in ("s", "s.lock", "s.new")] == []


def test_the_socket_of_a_server_that_was_killed_is_replaced(sandbox, start_server, tmp_path):
    path = tmp_path / "s"
    server = start_server([sandbox.credential()], listen=[f"unix:{path}"])
    assert server.api.get().generation == 1, "no exchange is lost with it"
    server.kill()
    assert path.exists()
    server.start()
    assert server.api.get().generation == 1
    assert server.stop() == 0
    assert not path.exists()


def test_a_socket_that_a_cleaner_removed_is_made_anew(sandbox, start_server, tmp_path):
    path = tmp_path / "s"
    server = start_server([sandbox.credential()], listen=[f"unix:{path}"], unix_socket_mode="0600")
    for left in (path, tmp_path / "s.lock"):
        left.unlink()
    eventually(lambda: server.events("the unix socket was removed, and is made anew"), 20, "it is told")
    assert path.stat().st_mode & 0o777 == 0o600
    api = api_at(path)
    assert api.get().generation == 1
    api.close()
    assert server.api.get().generation == 1, "who was connected still is"


def test_a_socket_that_is_anothers_by_now_is_left_alone(sandbox, start_server, tmp_path):
    path = tmp_path / "s"
    server = start_server([sandbox.credential()], listen=["127.0.0.1:0", f"unix:{path}"])
    theirs = taken_socket(tmp_path / "theirs")
    (tmp_path / "theirs").rename(path)
    eventually(lambda: server.events("the unix socket's path is another's now: nobody can connect here"), 20, "told")
    assert server.stop() == 0
    assert path.is_socket()
    theirs.close()


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def connects(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_an_address_means_itself(sandbox, make_server):
    server = make_server([sandbox.credential()], listen=["0.0.0.0:0"], allow_plaintext=True,
                         metrics={"listen": "[::1]:0"})
    server.start()
    port = int(server.address.rsplit(":", 1)[1])
    assert connects("127.0.0.1", port) and not connects("::1", port)
    metrics.scrape(server)
    assert server.stop() == 0
    both = make_server([sandbox.credential()], listen=[f"0.0.0.0:{port}", f"[::]:{port}"], allow_plaintext=True)
    both.start()
    eventually(lambda: len(both.events("serving")) == 2, 20, "both are served")
    assert connects("127.0.0.1", port) and connects("::1", port)


def test_a_server_is_gone_at_once_whoever_stays_connected(sandbox, start_server, tmp_path):
    server = start_server([sandbox.credential()], listen=["127.0.0.1:0", f"unix:{tmp_path}/s"],
                          metrics={"listen": "127.0.0.1:0"})
    server.api.get()
    metrics.scrape(server)
    # Who says nothing, who watches health, and who looks at the connection only when it calls.
    host, port = metrics.address(server).rsplit(":", 1)
    silent = socket.create_connection((host, int(port)))
    watcher, caller = api_at(tmp_path / "s"), api_at(tmp_path / "s")
    assert next(watcher.watch_health()).status == 1
    caller.get()
    begun = time.monotonic()
    server.terminate()
    assert server.process.wait(30) == 0
    took = time.monotonic() - begun
    print(f"gone after {1000 * took:.0f} ms")
    for each in (silent, watcher, caller):
        each.close()
    # An HTTP server that looks for the end every two seconds takes one on average; an idle client of gRPC up to five.
    assert took < 0.5


def test_a_file_that_is_ours_to_use_but_not_to_change_is_a_warning(sandbox, start_server):
    if os.geteuid() != 0:
        pytest.skip("giving files away takes root")
    # A volume whose files are another user's and the group's, as fsGroup makes them; the test's own directory is root's.
    place = pathlib.Path(tempfile.mkdtemp())
    place.chmod(0o755)
    data, group = place / "data", 54321
    server = start_server([sandbox.credential()], data_dir=str(data))
    server.api.get()
    assert server.stop() == 0
    for path in [data, *data.iterdir()]:
        os.chown(path, 12345, group)
        path.chmod(0o770 if path.is_dir() else 0o660)
    process = Process(["setpriv", "--reuid=23456", f"--regid={group}", "--clear-groups", program("token-server"),
                       "--listen=127.0.0.1:0", f"--data_dir={data}",
                       f"--token_endpoint={sandbox.token_endpoint}", f"--client_id={sandbox.client_id}",
                       f"--refresh_token_file={data}/absent"], server.directory / "other")
    try:
        eventually(lambda: '"serving"' in process.stderr() or not process.running(), 30, "it serves or ends")
        assert process.running(), process.stderr()
        assert "belongs to another user" in process.stderr()
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
    finally:
        process.kill()
        shutil.rmtree(place)
