"""Start, stop, configuration, files."""

import concurrent.futures
import json
import stat
import time

import grpc
import pytest

from harness.api import Refused
from harness.process import Process, eventually
from harness.tools import program


def test_sigterm_answers_who_waits_and_commits_what_is_under_way(start_sandbox, start_server):
    sandbox = start_sandbox(latency="2s")
    server = start_server([sandbox.credential(refresh="on_demand")])
    waiting = server.api.get_future()
    eventually(lambda: sandbox.stats()["concurrent_exchanges_max"] == 1, 10, "an exchange is under way")

    server.terminate()

    token = waiting.result()
    assert server.stop() == 0
    server.start()
    assert server.api.get().access_token == token.access_token
    assert sandbox.stats()["token_requests"] == 1


def test_a_draining_server_takes_no_new_calls(start_sandbox, start_server):
    sandbox = start_sandbox(latency="3s")
    server = start_server([sandbox.credential(refresh="on_demand")])
    waiting = server.api.get_future()
    eventually(lambda: sandbox.stats()["concurrent_exchanges_max"] == 1, 10, "an exchange is under way")

    server.terminate()

    def refused():
        try:
            server.api.get(timeout=2)
        except Refused as refusal:
            return refusal if refusal.code == "UNAVAILABLE" else None
        return None
    refusal = eventually(refused, 10, "new calls are refused")
    assert refusal.reason in ("SHUTTING_DOWN", None), "None: the connection is closed already"
    assert waiting.result().generation == 1
    assert server.stop() == 0


def test_who_watches_the_health_hears_of_changes_alone(start_sandbox, start_server):
    server = start_server([start_sandbox().credential()])
    for service in ("", "token.v1.TokenService"):
        heard = server.api.watch_health(service)
        assert next(heard).status == 1
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            second = pool.submit(next, heard)
            # Longer than the server takes between two looks at itself.
            with pytest.raises(concurrent.futures.TimeoutError):
                second.result(2.5)
            heard.cancel()
            with pytest.raises(grpc.RpcError):
                second.result(30)


def test_a_changed_refresh_token_file_is_adopted_while_running(start_sandbox, start_server):
    sandbox = start_sandbox(ttl="1h")
    credential = sandbox.credential()
    sandbox.revoke()
    server = start_server([credential])
    assert server.api.refusal().reason == "REFRESH_TOKEN_REJECTED"

    fresh = sandbox.mint("demo").read_text()
    sandbox.refresh_token_file.write_text(fresh + "\n")

    def works():
        try:
            return server.api.get()
        except Refused:
            return None
    token = eventually(works, 25, "the new refresh token is in use", interval=0.2)
    assert sandbox.buy_tickets(token.access_token)[0] == 200


def test_a_file_that_changed_while_the_server_was_down_is_exchanged_at_the_start(start_sandbox, start_server):
    sandbox = start_sandbox(ttl="1h")
    server = start_server([sandbox.credential()])
    assert server.api.get().generation == 1
    assert server.stop() == 0

    sandbox.refresh_token_file.write_text(sandbox.mint("other").read_text())
    server.start()
    # The old access token has an hour to go: nothing but the new grant is a reason to refresh.
    eventually(lambda: server.api.get().generation == 2, 25, "the new refresh token is in use", interval=0.1)
    assert sandbox.stats_of("other")["rotations"] == 1


def test_an_unchanged_file_never_overwrites_the_rotated_token(start_sandbox, start_server):
    sandbox = start_sandbox(ttl="2s")
    server = start_server([sandbox.credential()])
    eventually(lambda: server.api.get().generation >= 2, 20, "rotated")

    server.restart()
    eventually(lambda: server.api.get().generation >= 4, 20, "rotated on")

    assert sandbox.stats_of()["reuse_detected"] == 0


def test_a_second_server_on_the_same_data_is_told_so(start_sandbox, start_server):
    server = start_server([start_sandbox().credential()])

    second = server.launch()

    assert second.wait() == 1
    assert str(server.data_dir) in second.stderr()
    assert server.api.get().generation == 1


def test_a_port_that_is_taken_is_a_clear_line_and_exit_1(start_sandbox, start_server, make_server):
    sandbox = start_sandbox()
    first = start_server([sandbox.credential()])
    second = make_server([sandbox.credential(minted="b")], listen=[first.address])

    process = second.launch()

    assert process.wait() == 1
    assert first.address in process.stderr()


def test_check_config_only_checks(start_sandbox, make_server):
    server = make_server([start_sandbox().credential()])

    process = server.launch("--check_config")

    assert process.wait() == 0, process.stderr()
    assert not server.data_dir.exists()


BAD = {
    "an unknown key": ("listne: [127.0.0.1:0]\n", 1, "listne"),
    "a wrong type": ("listen: [127.0.0.1:0]\nlimits: {waiting_calls: many}\n", 2, "waiting_calls"),
    "a bad duration": ("listen: [127.0.0.1:0]\nlimits:\n  exchange_timeout: soon\n", 3, "exchange_timeout"),
    "a key given twice": ("data_dir: /tmp/a\ndata_dir: /tmp/b\n", 2, "data_dir"),
    "plain http to another host": (
        "data_dir: /tmp/a\ndefaults:\n  token_endpoint: http://example.org/token\n", 3, "token_endpoint"),
    "an empty file list": ("credentials: 7\n", 1, "credentials"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("flags", [[], ["--check_config"]])
def test_a_bad_configuration_names_file_line_and_key(tmp_path, case, flags):
    text, line, key = BAD[case]
    config = tmp_path / "bad.yaml"
    config.write_text(text)

    process = Process([program("token-server"), f"--config={config}", *flags], tmp_path / "server")

    assert process.wait() == 2, process.stderr()
    assert f"{config}:{line}" in process.stderr()
    assert key in process.stderr()


def test_a_missing_refresh_token_file_is_a_bad_configuration(tmp_path, make_server):
    missing = tmp_path / "not-there"
    server = make_server([{"name": "default", "client_id": "c", "token_endpoint": "http://127.0.0.1:1/token",
                           "refresh_token_file": str(missing)}])
    process = server.launch()
    assert process.wait() == 2, process.stderr()
    assert str(missing) in process.stderr() and "refresh_token_file" in process.stderr()


@pytest.mark.parametrize("arguments", [["--unknown"], ["--config"], ["--config=/not/there.yaml"], ["word"], []])
def test_wrong_usage_is_exit_2(tmp_path, arguments):
    process = Process([program("token-server"), *arguments], tmp_path / "server")
    assert process.wait() == 2
    assert process.stderr().strip()


def test_help_is_exit_0(tmp_path):
    process = Process([program("token-server"), "--help"], tmp_path / "server")
    assert process.wait() == 0
    assert "--config" in process.stdout()


def test_flags_alone_serve_one_credential(start_sandbox, tmp_path):
    from harness.api import Api
    sandbox = start_sandbox()
    process = Process(
        [program("token-server"), "--listen=127.0.0.1:0", f"--data_dir={tmp_path / 'data'}",
         f"--token_endpoint={sandbox.token_endpoint}", f"--client_id={sandbox.client_id}",
         f"--refresh_token_file={sandbox.refresh_token_file}"], tmp_path / "server")
    try:
        def address():
            assert process.running(), process.stderr()
            lines = [json.loads(line) for line in process.stderr().splitlines() if line.startswith("{")]
            return next((line["address"] for line in lines if line["event"] == "serving"), None)
        api = Api(eventually(address, 30, "serving"))
        assert api.get().credential == "default"
        api.close()
    finally:
        process.kill()


def test_the_data_directory_is_for_its_owner_alone(start_sandbox, start_server):
    server = start_server([start_sandbox().credential()])
    server.api.get()
    for path in [server.data_dir, *server.data_dir.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_unix_socket_serves(start_sandbox, make_server, tmp_path):
    server = make_server([start_sandbox().credential()], listen=[f"unix:{tmp_path}/s"])
    server.start()
    assert server.api.get().generation == 1
    assert server.stop() == 0
