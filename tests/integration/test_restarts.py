"""SIGTERM and a new start at the same address, under load: what callers see of it."""

import json
import threading
import time

import grpc
import pytest

from harness.api import Api, Refused
from harness.process import eventually

# As docs/clients.md has it.
RETRY = json.dumps({"methodConfig": [{
    "name": [{"service": "token.v1.TokenService"}], "waitForReady": True,
    "retryPolicy": {"maxAttempts": 5, "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"]}}]})
SOON = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 1000)]


class Caller(threading.Thread):
    """Calls again and again on one channel."""

    def __init__(self, address: str, options: list):
        super().__init__(daemon=True)
        self.api = Api(address)
        self.api.channel.close()
        self.channel = grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1), *options])
        self.api.channel = self.channel
        self._get = self.api.unary("/token.v1.TokenService/GetAccessToken", "token.v1.GetAccessTokenResponse")
        self.stopping = threading.Event()
        self.answers, self.errors, self.longest = 0, [], 0.0

    def run(self):
        while not self.stopping.is_set():
            began = time.monotonic()
            try:
                self._get(Api.request(), timeout=30)
                self.answers += 1
            except grpc.RpcError as error:
                self.errors.append(Refused(error))
            self.longest = max(self.longest, time.monotonic() - began)
            time.sleep(0.002)

    def stop(self) -> None:
        self.stopping.set()
        self.join()
        self.channel.close()


@pytest.fixture
def server(start_sandbox, start_server, tmp_path):
    sandbox = start_sandbox()
    server = start_server([sandbox.credential()], listen=[f"unix:{tmp_path}/s"])
    server.sandbox = sandbox
    server.api.get()
    return server


def restart(server, caller) -> None:
    assert server.stop() == 0
    server.start()
    answers = caller.answers
    eventually(lambda: caller.answers > answers, 30, "the caller is served again")


def test_with_grpcs_retry_no_call_fails(server):
    callers = [Caller(server.address, [("grpc.service_config", RETRY), *SOON]) for _ in range(3)]
    for caller in callers:
        caller.start()
    for _ in range(3):
        restart(server, callers[0])
    for caller in callers:
        caller.stop()
        assert caller.answers > 0 and not caller.errors, caller.errors[:1]
    print(f"longest call: {max(caller.longest for caller in callers):.2f} s")
    assert server.sandbox.stats()["token_requests"] == 1, "a restart costs the provider nothing"


def test_without_retry_calls_fail_while_the_server_is_away_and_only_so(server):
    caller = Caller(server.address, SOON)
    caller.start()
    restart(server, caller)
    caller.stop()
    print(f"{len(caller.errors)} calls failed, {caller.answers} did not")
    assert {error.code for error in caller.errors} <= {"UNAVAILABLE", "CANCELLED"}
    assert {error.reason for error in caller.errors} <= {"SHUTTING_DOWN", None}


def test_a_stale_socket_file_is_no_obstacle(server):
    assert server.api.get().generation == 1, "no exchange is lost with it"
    server.kill()
    server.start()
    assert server.api.get().generation == 1
