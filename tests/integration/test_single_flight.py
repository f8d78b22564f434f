"""One exchange at a time, whoever asks and whoever leaves."""

import concurrent.futures

import grpc

from harness.process import eventually


def test_cold_callers_share_one_exchange(start_sandbox, start_server):
    sandbox = start_sandbox(latency="1s")
    server = start_server([sandbox.credential(refresh="on_demand")])

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        tokens = list(pool.map(lambda _: server.api.get().access_token, range(200)))

    assert len(set(tokens)) == 1
    stats = sandbox.stats()
    assert stats["token_requests"] == 1
    assert stats["concurrent_exchanges_max"] == 1


def test_the_flight_goes_on_when_the_first_caller_leaves(start_sandbox, start_server):
    sandbox = start_sandbox(latency="1s")
    server = start_server([sandbox.credential(refresh="on_demand")])

    first = server.api.get_future()
    eventually(lambda: sandbox.stats()["concurrent_exchanges_max"] == 1, 10, "an exchange is under way")
    second = server.api.get_future()
    first.cancel()

    assert second.result().generation == 1
    assert sandbox.stats()["token_requests"] == 1


def test_the_flight_goes_on_when_every_caller_has_left(start_sandbox, start_server):
    sandbox = start_sandbox(latency="1s")
    server = start_server([sandbox.credential(refresh="on_demand")])

    only = server.api.get_future(timeout=0.3)
    assert only.exception().code() == grpc.StatusCode.DEADLINE_EXCEEDED

    assert server.api.get().generation == 1
    assert sandbox.stats()["token_requests"] == 1


def test_callers_beyond_the_limit_are_refused_at_once(start_sandbox, start_server):
    sandbox = start_sandbox(latency="2s")
    server = start_server([sandbox.credential(refresh="on_demand")], limits={"waiting_calls": 3})

    calls = [server.api.get_future() for _ in range(10)]
    failures = [call.exception() for call in calls]

    assert sum(failure is None for failure in failures) == 3
    refused = next(failure for failure in failures if failure is not None)
    assert refused.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert b"OVERLOADED" in dict(refused.trailing_metadata())["grpc-status-details-bin"]


def test_an_on_demand_credential_costs_nothing_until_asked_for(start_sandbox, start_timed, witness):
    sandbox = start_sandbox()
    server = start_timed([sandbox.credential(refresh="on_demand"), witness.credential()])
    witness.watch(server).let_pass(520)
    assert sandbox.stats()["token_requests"] == 0
    assert server.api.get("default").generation == 1
