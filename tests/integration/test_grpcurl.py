"""grpcurl without proto files: what a newcomer types first."""

import json
import subprocess

import pytest

from harness.grpcurl import grpcurl


@pytest.fixture
def call(start_sandbox, start_server):
    """call("-d", "{}", "{address}", "method"): against a fresh server."""
    server = start_server([start_sandbox().credential()])

    def run(*arguments: str) -> subprocess.CompletedProcess:
        filled = [argument.replace("{address}", server.address) for argument in arguments]
        return subprocess.run([str(grpcurl()), "-plaintext", *filled], capture_output=True, text=True,
                              timeout=60)
    return run


def test_lists_the_services(call):
    services = call("{address}", "list").stdout.split()
    assert {"token.v1.TokenService", "grpc.health.v1.Health"} <= set(services)


def test_describes_the_service(call):
    done = call("{address}", "describe", "token.v1.TokenService")
    assert done.returncode == 0 and "rpc GetAccessToken" in done.stdout


def test_describes_a_message(call):
    done = call("{address}", "describe", "token.v1.GetAccessTokenRequest")
    assert done.returncode == 0 and "min_validity" in done.stdout


def test_gets_a_token(call):
    done = call("-d", '{"min_validity": "300s"}', "{address}", "token.v1.TokenService/GetAccessToken")
    assert done.returncode == 0, done.stderr
    answer = {name.replace("_", "").lower(): value for name, value in json.loads(done.stdout).items()}
    assert answer["accesstoken"] and answer["tokentype"] == "Bearer" and answer["generation"] == "1"


def test_asks_for_health(call):
    done = call("{address}", "grpc.health.v1.Health/Check")
    assert json.loads(done.stdout) == {"status": "SERVING"}


def test_shows_the_details_of_an_error(call):
    done = call("-d", '{"credential": "nobody"}', "{address}", "token.v1.TokenService/GetAccessToken")
    assert done.returncode != 0
    assert "NotFound" in done.stderr
    assert "google.rpc.ErrorInfo" in done.stderr and "CREDENTIAL_NOT_FOUND" in done.stderr
