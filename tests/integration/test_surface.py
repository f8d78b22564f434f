"""What every gRPC tool expects: health, reflection, limits."""

import grpc
import pytest

from harness.process import eventually
from harness.protos import message


@pytest.mark.parametrize("service", ["", "token.v1.TokenService"])
def test_health_says_serving(start_sandbox, start_server, service):
    server = start_server([start_sandbox().credential()])
    assert server.api.health(service) == 1


def test_health_does_not_know_other_services(start_sandbox, start_server):
    server = start_server([start_sandbox().credential()])
    with pytest.raises(grpc.RpcError) as caught:
        server.api.health("nobody.v1.Nothing")
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


def test_health_says_not_serving_while_draining(start_sandbox, start_server):
    sandbox = start_sandbox(latency="3s")
    server = start_server([sandbox.credential(refresh="on_demand")])
    watch = server.api.channel.unary_stream(
        "/grpc.health.v1.Health/Watch", request_serializer=lambda request: request.SerializeToString(),
        response_deserializer=message("grpc.health.v1.HealthCheckResponse").FromString)
    states = watch(message("grpc.health.v1.HealthCheckRequest")(), timeout=30)
    assert next(states).status == 1
    waiting = server.api.get_future()
    eventually(lambda: sandbox.stats()["concurrent_exchanges_max"] == 1, 10, "an exchange is under way")
    server.terminate()
    assert next(states).status == 2
    waiting.result()


def test_reflection_lists_the_services(start_sandbox, start_server):
    server = start_server([start_sandbox().credential()])
    ask = server.api.channel.stream_stream(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        request_serializer=lambda request: request.SerializeToString(),
        response_deserializer=message("grpc.reflection.v1alpha.ServerReflectionResponse").FromString)
    request = message("grpc.reflection.v1alpha.ServerReflectionRequest")(list_services="*")
    answer = next(ask(iter([request]), timeout=30))
    names = {service.name for service in answer.list_services_response.service}
    assert {"token.v1.TokenService", "token.v1.CredentialService", "grpc.health.v1.Health"} <= names


@pytest.mark.parametrize("size, reason", [(5000, "INVALID_REQUEST"), (66000, None)])
def test_a_request_for_a_token_over_4_kib_is_refused(start_sandbox, start_server, size, reason):
    server = start_server([start_sandbox().credential()])
    refused = server.api.refusal("x" * size)
    assert (refused.code, refused.reason) == ("RESOURCE_EXHAUSTED", reason)
    assert server.api.get().generation == 1
