"""SIGHUP: a new configuration, whole or not at all, while callers are being served."""

import pathlib
import signal
import threading

import grpc
import pytest

from harness.api import Api, Refused
from harness.load import Load
from harness.operator import Operator, state
from harness.process import eventually

DONE, REFUSED = "configuration reloaded", "configuration not reloaded, the old one goes on"


def reload(server, credentials=None, *, event: str = DONE, **config) -> dict:
    """Writes the configuration (None: leaves it), sends SIGHUP, and waits for the outcome."""
    if credentials is not None:
        server.configure(credentials, **config)
    before = len(server.events(event))
    server.process.signal(signal.SIGHUP)
    return eventually(lambda: server.events(event)[before:], 30, event)[0]


def refusal_of(watch) -> tuple:
    with pytest.raises(Refused) as refused:
        while True:
            next(watch)
    return refused.value.code, refused.value.reason


ANONYMOUS = {"identity": "anonymous", "credentials": ["*"], "operator": True}


def test_credentials_come_go_and_come_back(start_sandbox, start_server):
    sandbox = start_sandbox()
    first, second = sandbox.credential("first"), sandbox.credential("second", minted="b")
    server = start_server([first])
    operator = Operator(server.api)
    token = server.api.get("first")
    watch = server.api.watch("first")
    next(watch)

    reload(server, [second])
    assert server.api.get("second").generation == 1
    assert refusal_of(watch) == ("FAILED_PRECONDITION", "CREDENTIAL_DISABLED")
    refused = server.api.refusal("first")
    assert (refused.code, refused.reason) == ("FAILED_PRECONDITION", "CREDENTIAL_DISABLED")
    assert state(operator.get("first")) == "DISABLED"
    assert operator.refusal("ReplaceRefreshToken", name="first", refresh_token="x").reason == "CREDENTIAL_DISABLED"

    # It has been kept, sealed: nothing is exchanged for it again.
    reload(server, [first, second])
    assert server.api.get("first").access_token == token.access_token
    assert state(operator.get("first")) == "ACTIVE"
    assert operator.refresh("first").generation == 2

    # Across a restart, too, what was taken out is nobody's.
    reload(server, [second])
    server.restart()
    assert server.api.refusal("first").reason == "CREDENTIAL_DISABLED"
    assert sandbox.stats()["reuse_detected"] == 0


def test_a_dropped_one_can_be_deleted_and_declared_anew(start_sandbox, start_server):
    sandbox = start_sandbox()
    server = start_server([sandbox.credential("inbox")])
    assert server.api.get("inbox").generation == 1
    reload(server, [])
    Operator(server.api).delete("inbox")
    reload(server, [sandbox.credential("inbox", minted="again")])
    assert server.api.get("inbox").generation == 1


def test_what_is_in_the_air_when_its_credential_is_dropped_is_stored(start_sandbox, start_server):
    sandbox = start_sandbox(latency="2s")
    credential = sandbox.credential(refresh="on_demand")
    server = start_server([credential])
    waiting = server.api.get_future()
    eventually(lambda: sandbox.stats()["concurrent_exchanges_max"] == 1, 10, "an exchange is under way")
    reload(server, [])
    with pytest.raises(grpc.RpcError) as ended:
        waiting.result()
    assert ended.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    reload(server, [credential])
    # The rotated refresh token was not lost with the credential's place in the file.
    eventually(lambda: server.api.get().generation == 1, 20, "what came down serves")
    Operator(server.api).refresh("default")
    assert sandbox.stats()["reuse_detected"] == 0


def test_settings_and_defaults_change(start_sandbox, start_server):
    one, other = start_sandbox(), start_sandbox()
    server = start_server([one.credential("declared")], defaults={"token_endpoint": one.token_endpoint})
    operator = Operator(server.api)
    operator.create("made", client_id=one.client_id, refresh_token=one.mint("m").read_text().strip())
    assert server.api.get("made", min_validity=1).generation == 1
    token = server.api.get("declared")

    moved = {**other.credential("declared"), "purpose": "moved"}
    reload(server, [moved], defaults={"token_endpoint": other.token_endpoint, "min_refresh_interval": "1s"})

    shown = operator.get("declared")
    assert (shown.purpose, shown.token_endpoint) == ("moved", other.token_endpoint)
    # It named its endpoint when it was made.
    assert operator.get("made").token_endpoint == one.token_endpoint
    # The file holds another refresh token now: it is exchanged where it belongs.
    eventually(lambda: server.api.get("declared").generation == 2, 20, "the other provider is asked")
    assert other.stats()["token_requests"] == 1 and token.generation == 1


def test_a_permission_that_is_withdrawn_ends_at_once(start_sandbox, start_server):
    sandbox = start_sandbox()
    credentials = [sandbox.credential("inbox"), sandbox.credential("archive", minted="b")]
    server = start_server(credentials, callers=[ANONYMOUS])
    assert server.api.get("inbox").generation == 1
    ending, staying = server.api.watch("inbox"), server.api.watch("archive")
    next(ending), next(staying)

    reload(server, credentials, callers=[{"identity": "anonymous", "credentials": ["archive"]}])

    assert refusal_of(ending) == ("PERMISSION_DENIED", "CREDENTIAL_NOT_PERMITTED")
    assert server.api.refusal("inbox").reason == "CREDENTIAL_NOT_PERMITTED"
    assert Operator(server.api).refusal("ListCredentials").reason == "OPERATOR_REQUIRED"
    # Everybody else has noticed nothing.
    assert server.api.get("archive").generation == 1
    reload(server, credentials, callers=[ANONYMOUS])
    assert server.api.get("inbox").generation == 1
    Operator(server.api).refresh("archive")
    assert next(staying).generation == 2


def test_a_call_that_waits_while_its_permission_is_withdrawn_gets_no_token(start_sandbox, start_server):
    sandbox = start_sandbox(latency="2s")
    credentials = [sandbox.credential(refresh="on_demand")]
    server = start_server(credentials, callers=[ANONYMOUS])
    waiting, watch = server.api.get_future(), server.api.watch()
    eventually(lambda: sandbox.stats()["concurrent_exchanges_max"] == 1, 10, "an exchange is under way")
    reload(server, credentials, callers=[])
    assert refusal_of(watch) == ("PERMISSION_DENIED", "CREDENTIAL_NOT_PERMITTED")
    with pytest.raises(grpc.RpcError) as ended:
        waiting.result()
    assert ended.value.code() == grpc.StatusCode.PERMISSION_DENIED


def bad_yaml(server, tmp_path):
    server.config_file.write_text(server.config_file.read_text() + "}")


def config_gone(server, tmp_path):
    server.config_file.unlink()


def another_data_dir(server, tmp_path):
    server.configure([], data_dir=str(tmp_path / "other"))


def missing_secret(server, tmp_path):
    server.configure([{"name": "new", "client_id": "c", "token_endpoint": "http://127.0.0.1:1/token",
                       "refresh_token_file": str(tmp_path / "not-there")}])


def contradicting_policy(server, tmp_path):
    server.configure([], callers=[ANONYMOUS, ANONYMOUS])


BAD = {bad_yaml: "token-server.yaml:", config_gone: "token-server.yaml", another_data_dir: "data_dir",
       missing_secret: "not-there", contradicting_policy: "callers[1].identity"}


@pytest.mark.parametrize("spoil", BAD, ids=lambda spoil: spoil.__name__)
def test_a_bad_configuration_changes_nothing(spoil, start_sandbox, start_server, tmp_path):
    credentials = [start_sandbox().credential()]
    server = start_server(credentials)
    token = server.api.get()
    watch = server.api.watch()
    next(watch)

    spoil(server, tmp_path)
    line = reload(server, event=REFUSED)

    assert BAD[spoil] in line["error"] and "\n" not in line["error"]
    assert line["level"] == "error"
    assert server.api.get().access_token == token.access_token
    assert Operator(server.api).names() == [["default"]]
    reload(server, credentials, log={"level": "info"})
    Operator(server.api).refresh("default")
    assert next(watch).generation == 2


def test_what_takes_a_restart_is_named_and_the_rest_is_taken_up(start_sandbox, start_server):
    credentials = [start_sandbox().credential()]
    server = start_server(credentials)
    server.api.get()
    reload(server, credentials, listen=["127.0.0.1:1"], limits={"refresh_workers": 2, "watchers": 1},
           callers=[{"identity": "anonymous", "credentials": ["default"]}])
    said = server.events("these keys were changed, which takes a restart")
    assert [line["keys"] for line in said] == ["listen limits.refresh_workers"]
    assert Operator(server.api).refusal("ListCredentials").reason == "OPERATOR_REQUIRED"
    watch = server.api.watch()
    next(watch)
    assert refusal_of(server.api.watch()) == ("RESOURCE_EXHAUSTED", "OVERLOADED")


def test_the_log_changes_its_level(start_sandbox, start_server):
    credentials = [start_sandbox().credential()]
    server = start_server(credentials, callers=[ANONYMOUS])
    server.configure(credentials, log={"level": "error"}, callers=[])
    server.process.signal(signal.SIGHUP)

    def nobody_may():
        try:
            return not server.api.get()
        except Refused as refused:
            return refused.reason == "CREDENTIAL_NOT_PERMITTED"
    eventually(nobody_may, 30, "the file is in force")
    reload(server, credentials, log={"level": "info"}, callers=[ANONYMOUS])
    assert len(server.events(DONE)) == 1, "the reload before was not to be logged"


def test_reloads_and_operators_changes_at_once_under_load(start_sandbox, start_server):
    sandbox = start_sandbox()
    stays, comes = sandbox.credential("stays"), sandbox.credential("comes", minted="b")
    server = start_server([stays], callers=[ANONYMOUS])
    server.api.get("stays")
    stop, troubles = threading.Event(), []

    def operate():
        api = Api(server.address)
        operator = Operator(api)
        while not stop.is_set():
            try:
                operator.create("made", client_id=sandbox.client_id, token_endpoint=sandbox.token_endpoint,
                                refresh_token=sandbox.mint("made").read_text().strip())
                operator.update("made", "purpose", purpose="x")
                operator.delete("made")
            except Exception as trouble:  # noqa: BLE001
                troubles.append(trouble)
                return
        api.close()

    thread = threading.Thread(target=operate)
    with Load(server.address, threads=2, credential="stays") as load:
        thread.start()
        for round in range(10):
            reload(server, [stays, comes] if round % 2 == 0 else [stays], callers=[ANONYMOUS])
        stop.set()
        thread.join()
    load.assert_untroubled()
    assert not troubles
    assert server.api.refusal("comes").reason == "CREDENTIAL_DISABLED"
    assert sandbox.stats()["reuse_detected"] == 0


def test_a_token_file_that_is_gone_is_told_once(start_sandbox, start_server):
    sandbox = start_sandbox()
    credential = sandbox.credential()
    server = start_server([credential])
    server.api.get()
    pathlib.Path(credential["refresh_token_file"]).unlink()
    reload(server, [{**credential, "purpose": "another"}])

    def told():
        return server.events("refresh_token_file cannot be used; going on with the stored one")
    eventually(told, 20, "a warning")
    reload(server, [{**credential, "purpose": "a third"}])
    assert len(told()) == 1
    assert server.api.get().generation == 1


def test_a_storm_of_signals_is_a_few_reloads_and_none_while_draining(start_sandbox, start_server):
    sandbox = start_sandbox(latency="1s")
    credentials = [sandbox.credential(refresh="on_demand")]
    server = start_server(credentials)
    for _ in range(200):
        server.process.signal(signal.SIGHUP)
    reload(server)
    assert len(server.events(DONE)) <= 201
    waiting = server.api.get_future()
    eventually(lambda: sandbox.stats()["concurrent_exchanges_max"] == 1, 10, "an exchange is under way")
    server.terminate()
    eventually(lambda: server.events("draining"), 10, "it drains")
    reloads = len(server.events(DONE))
    server.configure([])
    server.process.signal(signal.SIGHUP)
    assert waiting.result().generation == 1
    assert server.stop() == 0
    assert len(server.events(DONE)) == reloads


def test_flags_are_read_again_too(start_sandbox, make_server):
    sandbox = start_sandbox()
    server = make_server([])
    server.start_with_flags(f"--data_dir={server.data_dir}", f"--token_endpoint={sandbox.token_endpoint}",
                            f"--client_id={sandbox.client_id}", f"--refresh_token_file={sandbox.refresh_token_file}")
    assert server.api.get().generation == 1
    sandbox.refresh_token_file.write_text(sandbox.mint("other").read_text())
    reload(server)
    eventually(lambda: server.api.get().generation == 2, 20, "the file's new token is exchanged")
