"""What /metrics tells of a server that is used, and that fails."""

import json
import re
import signal
import socket
import sys
import time

import pytest

from harness import http, metrics
from harness.api import Refused
from harness.operator import Operator
from harness.process import eventually
from harness.tools import BIN, ROOT

sys.path.insert(0, str(ROOT / "tests" / "torture"))
from disk import Disk  # noqa: E402

ON = {"listen": "127.0.0.1:0"}


@pytest.fixture
def sandbox(start_sandbox):
    return start_sandbox()


@pytest.fixture
def server(sandbox, start_server):
    return start_server([sandbox.credential("inbox")], metrics=ON,
                        defaults={"token_endpoint": sandbox.token_endpoint})


def calls(page, outcome: str, method: str = "GetAccessToken"):
    return page("token_service_calls_total", method=method, caller="plaintext", outcome=outcome)


def test_calls_are_counted_by_what_came_of_them(sandbox, server):
    for _ in range(5):
        server.api.get("inbox")
    assert server.api.refusal("inbox", min_validity=1e6).reason == "VALIDITY_UNAVAILABLE"
    assert server.api.refusal("nobody").reason == "CREDENTIAL_NOT_FOUND"
    assert server.api.refusal("NO NAME").reason == "INVALID_REQUEST"

    page = metrics.scrape(server)
    assert calls(page, "OK") == 5
    assert calls(page, "VALIDITY_UNAVAILABLE") == calls(page, "CREDENTIAL_NOT_FOUND") == calls(page, "INVALID_REQUEST") == 1
    assert page.sum("token_service_tokens_issued_total", caller="plaintext") == 5
    assert page("token_service_tokens_issued_total", caller="plaintext", source="cache") >= 4
    of_inbox = {"credential": "inbox", "caller": "plaintext"}
    assert page("token_service_credential_calls_total", **of_inbox, outcome="token") == 5
    assert page("token_service_credential_calls_total", **of_inbox, outcome="refused") == 1
    assert page.values("token_service_credential_calls_total", "credential") == {"inbox"}, "no series for what is not"


def test_a_scrape_tells_how_credentials_and_exchanges_are(sandbox, server):
    server.api.get("inbox")
    page = metrics.scrape(server)
    assert page("token_service_credentials", state="ACTIVE") == 1
    assert 3000 < page("token_service_credential_token_remaining_seconds", credential="inbox") <= 3600
    endpoint = {"endpoint": sandbox.token_endpoint}
    assert page("token_service_exchanges_total", **endpoint, outcome="granted") == 1
    assert page("token_service_exchange_duration_seconds_count", **endpoint) == 1
    assert page("token_service_exchanges_in_flight", **endpoint) == 0
    assert page("token_service_endpoint_breaker_open", **endpoint) == 0
    assert page("token_service_store_transaction_duration_seconds_count", operation="commit") == 1
    assert page("token_service_unpersisted_rotations") == 0
    assert page("token_service_config_last_reload_successful") == 1
    assert abs(page("token_service_config_taken_timestamp_seconds") - time.time()) < 300
    assert abs(page("process_start_time_seconds") - time.time()) < 300
    assert page("process_open_fds") > 5 and page("process_resident_memory_bytes") > 1e6
    assert page("process_cpu_seconds_total") > 0 and page("process_threads") > 5
    assert page.sum("token_service_build_info") == 1
    metrics.promtool("check", "metrics", text=page.text)


def test_waiting_calls_and_watchers_are_gauges(sandbox, server):
    server.api.get("inbox")
    watch = server.api.watch("inbox")
    assert next(watch).generation == 1
    sandbox.fault("hang", -1)
    operator = Operator(server.api)
    operator.create("slow", client_id=sandbox.client_id, refresh_token=sandbox.mint("slow").read_text())
    waiting = server.api.get_future("slow")

    def both():
        page = metrics.scrape(server)
        return page("token_service_waiting_calls") == 1 and page("token_service_watchers") == 1
    eventually(both, 20, "one waits and one watches")
    assert metrics.scrape(server)("token_service_exchanges_in_flight", endpoint=sandbox.token_endpoint) == 1
    waiting.cancel()
    watch.cancel()

    def neither():
        page = metrics.scrape(server)
        return page("token_service_waiting_calls") == 0 and page("token_service_watchers") == 0
    eventually(neither, 20, "both have left")
    page = metrics.scrape(server)
    assert calls(page, "CANCELLED") == calls(page, "CANCELLED", "WatchAccessToken") == 1
    assert page("token_service_tokens_issued_total", caller="plaintext", source="watch") == 1
    assert calls(page, "OK", "CreateCredential") == 1
    sandbox.heal()


def test_a_dead_grant_and_an_unusable_answer(sandbox, server):
    server.api.get("inbox")
    sandbox.fault("garbage", 1)
    operator = Operator(server.api)
    with pytest.raises(Refused):
        operator.refresh("inbox")
    page = metrics.scrape(server)
    endpoint = {"endpoint": sandbox.token_endpoint}
    assert page("token_service_exchanges_total", **endpoint, outcome="malformed") == 1
    assert page("token_service_quarantined_answers_total") == 1
    # The provider had rotated: who insists on a replay finds the grant dead.
    with pytest.raises(Refused):
        operator.refresh("inbox", even_if_rejected=True)
    page = metrics.scrape(server)
    assert page("token_service_exchanges_total", **endpoint, outcome="dead") >= 1
    assert page("token_service_credentials", state="NEEDS_REAUTHORIZATION") == 1
    assert page("token_service_credentials", state="ACTIVE") == 0
    assert page("token_service_credential_state", credential="inbox", state="NEEDS_REAUTHORIZATION") == 1
    assert calls(page, "REFRESH_TOKEN_REJECTED", "RefreshCredential") >= 1
    operator.create("other", client_id=sandbox.client_id, refresh_token=sandbox.mint("other").read_text())
    operator.delete("other")
    assert "other" not in metrics.scrape(server).values("token_service_credential_token_remaining_seconds", "credential")


def test_a_breaker_that_is_open(sandbox, server):
    server.api.get("inbox")
    sandbox.fault("refuse_5xx_before", -1)
    operator = Operator(server.api)
    for _ in range(5):
        with pytest.raises(Refused):
            operator.refresh("inbox")
    assert metrics.scrape(server)("token_service_endpoint_breaker_open", endpoint=sandbox.token_endpoint) == 1
    sandbox.heal()
    operator.refresh("inbox")
    assert metrics.scrape(server)("token_service_endpoint_breaker_open", endpoint=sandbox.token_endpoint) == 0


def test_a_rotation_that_the_disk_does_not_take(sandbox, make_server, tmp_path):
    disk = Disk(tmp_path / "disk")
    server = make_server([sandbox.credential("inbox")], metrics=ON)
    server.environment = {"TORTURE_DISK": str(disk.path), "LD_PRELOAD": str(BIN / "faulty_disk.so")}
    server.start()
    server.api.get("inbox")
    sandbox.slow(2)
    refresh = Operator(server.api)
    future = server.api.unary("/token.v1.CredentialService/RefreshCredential", "token.v1.Credential").future(
        _refresh_request("inbox"), timeout=60)
    # The attempt is on record; its answer will find no room.
    eventually(lambda: metrics.scrape(server).sum("token_service_exchanges_in_flight") == 1, 20, "the exchange")
    disk.fail("full")
    eventually(lambda: metrics.scrape(server)("token_service_unpersisted_rotations") == 1, 20, "nothing is stored")
    page = metrics.scrape(server)
    assert page("token_service_commit_failures_total") >= 1
    assert page("token_service_store_failures_total", operation="commit") >= 1
    disk.fail(None)
    eventually(lambda: metrics.scrape(server)("token_service_unpersisted_rotations") == 0, 30, "it is stored")
    future.exception(timeout=30)
    assert refresh.get("inbox").generation == 2


def _refresh_request(name: str):
    from harness.protos import message
    return message("token.v1.RefreshCredentialRequest")(name=name)


def test_denials_are_counted_and_make_no_series(sandbox, start_server):
    server = start_server([sandbox.credential("inbox")], metrics=ON,
                          callers=[{"identity": "anonymous", "credentials": ["other"]}])
    for name in ("inbox", "invented", "by.a.stranger"):
        assert server.api.refusal(name).reason == "CREDENTIAL_NOT_PERMITTED"
    with pytest.raises(Refused):
        Operator(server.api).get("inbox")
    page = metrics.scrape(server)
    assert calls(page, "CREDENTIAL_NOT_PERMITTED") == 3
    assert calls(page, "OPERATOR_REQUIRED", "GetCredential") == 1
    assert page.values("token_service_credential_calls_total", "credential") == set()
    assert "invented" not in page.text and "stranger" not in page.text


def test_only_the_page_is_served(server):
    url = f"http://{metrics.address(server)}"
    for path in ("/", "/metricsx", "/index.html", "/../etc/passwd", "/debug"):
        assert http.call(url + path)[0] == 404, path
    assert http.call(url + "/metrics", body={})[0] >= 400
    assert len(server.events("serving metrics")) == 1


def test_slow_scrapers_wait_for_themselves(sandbox, server):
    server.api.get("inbox")
    host, port = metrics.address(server).rsplit(":", 1)
    idle = []
    for _ in range(60):
        peer = socket.create_connection((host, int(port)), timeout=10)
        peer.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")  # And no more.
        idle.append(peer)
    for _ in range(50):
        server.api.get("inbox")
    assert server.api.health() == 1
    for peer in idle:
        peer.close()
    eventually(lambda: metrics.scrape(server)("token_service_credentials", state="ACTIVE") == 1, 30, "a scrape")


def test_an_address_that_is_taken_is_one_line(sandbox, make_server):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        process = make_server([sandbox.credential()], metrics={"listen": address}).launch()
        assert process.wait() == 1
    [line] = [line for line in process.stderr().splitlines() if not line.startswith("{")]
    assert line == f"token-server: metrics.listen: cannot listen on {address}: Address already in use"


def test_without_the_key_nothing_is_served(sandbox, start_server):
    server = start_server([sandbox.credential()])
    server.api.get()
    assert server.events("serving metrics") == []


def test_loopback_by_its_name(sandbox, start_server):
    metrics.scrape(start_server([sandbox.credential()], metrics={"listen": "localhost:0"}))


def test_a_reload_that_is_refused_and_one_that_is_taken(sandbox, server):
    good = server.config_file.read_text()
    server.config_file.write_text("listen: 7\n")
    server.process.signal(signal.SIGHUP)
    eventually(lambda: metrics.scrape(server)("token_service_config_reloads_total", outcome="refused") == 1, 20, "it is")
    page = metrics.scrape(server)
    assert page("token_service_config_last_reload_successful") == 0
    since = page("token_service_config_taken_timestamp_seconds")
    server.config_file.write_text(good)
    server.process.signal(signal.SIGHUP)
    eventually(lambda: metrics.scrape(server)("token_service_config_reloads_total", outcome="taken") == 1, 20, "it is")
    page = metrics.scrape(server)
    assert page("token_service_config_last_reload_successful") == 1
    assert page("token_service_config_taken_timestamp_seconds") > since
    assert [line["taken"] for line in server.events("reload")] == [False, True], "the audit has both"


DEPLOY = ROOT / "deploy"


def expressions() -> list[str]:
    """Of the dashboard and of the alerts."""
    dashboard = json.loads((DEPLOY / "grafana" / "token-service.json").read_text())
    found = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    found += [each["query"]["query"] for each in dashboard["templating"]["list"] if each["type"] == "query"]
    alerts = (DEPLOY / "prometheus" / "alerts.yaml").read_text()
    return found + re.findall(r"^ +expr: (>\n(?: {10}.*\n)+|.*\n)", alerts, re.MULTILINE)


# There where the server has a certificate: test_identity looks at them.
WITH_TLS = {"token_service_tls_handshake_failures_total", "token_service_certificate_expiry_timestamp_seconds"}


def test_dashboard_and_alerts_ask_for_what_there_is(server):
    server.api.get("inbox")
    page = metrics.scrape(server)
    asked = {name for expression in expressions()
             for name in re.findall(r"\b(?:token_service|process|exposer)_[a-z_]+", expression)}
    assert len(asked) > 20
    assert {name for name in asked if not page.family(name)} == {name for name in WITH_TLS if name in asked}


def test_the_page_of_metrics_names_them_all(server):
    server.api.get("inbox")
    documented = set(re.findall(r"`((?:token_service|process|exposer)_[a-z_]+[a-z])`",
                                (ROOT / "docs" / "metrics.md").read_text().split("## All of them")[1]))
    assert documented - WITH_TLS == set(metrics.scrape(server).types)


def test_alerts_are_sound_and_fire_when_they_should():
    directory = DEPLOY / "prometheus"
    metrics.promtool("check", "rules", "alerts.yaml", directory=directory)
    metrics.promtool("test", "rules", "alerts_test.yaml", directory=directory)
    alerts = set(re.findall(r"- alert: (\w+)", (directory / "alerts.yaml").read_text()))
    assert alerts == set(re.findall(r"alertname: (\w+)", (directory / "alerts_test.yaml").read_text()))
    assert alerts == set(re.findall(r"^## (\w+)", (ROOT / "docs" / "alerts.md").read_text(), re.MULTILINE))
