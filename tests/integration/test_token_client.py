"""The token-client program, as a shell uses it."""

import json
import os
import subprocess

from harness.tools import program


def client(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    env = {**os.environ, **environment}
    if "TOKEN_SERVER" not in environment:
        env.pop("TOKEN_SERVER", None)
    return subprocess.run([program("token-client"), *arguments], capture_output=True, text=True,
                          timeout=60, env=env)


def test_the_three_formats(start_sandbox, start_server):
    sandbox = start_sandbox()
    server = start_server([sandbox.credential()])
    token = server.api.get().access_token
    at = f"--server={server.address}"

    assert client("get", at).stdout == token + "\n"
    assert client("get", at, "--format=header").stdout == f"Authorization: Bearer {token}\n"
    answer = json.loads(client(at, "get", "--format=json").stdout)
    assert answer["accessToken"] == token and answer["generation"] == "1"
    assert sandbox.buy_tickets(token)[0] == 200


def test_the_server_may_come_from_the_environment(start_sandbox, start_server):
    server = start_server([start_sandbox().credential()])
    assert client("get", TOKEN_SERVER=server.address).returncode == 0


def test_a_no_is_one_line_with_code_reason_and_message(start_sandbox, start_server):
    server = start_server([start_sandbox().credential()])
    done = client("get", f"--server={server.address}", "--credential=nobody")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "NOT_FOUND CREDENTIAL_NOT_FOUND: " in done.stderr


def test_a_server_that_is_not_there_is_one_line(tmp_path):
    done = client("get", f"--server=unix:{tmp_path}/nobody")
    assert done.returncode == 1 and done.stderr.count("\n") == 1


def test_a_header_goes_straight_into_curl(start_sandbox, start_server):
    from harness.tools import need
    need("curl", "package curl")
    sandbox = start_sandbox()
    server = start_server([sandbox.credential()])
    done = subprocess.run(
        ["sh", "-c", f'curl --silent --fail --noproxy "*" -H "$({program("token-client")} get'
                     f' --server={server.address} --format=header)" {sandbox.url}/v2/tickets'],
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "tickets" in json.loads(done.stdout)


def test_wrong_usage_is_exit_2():
    assert client("get", "--unknown").returncode == 2
    assert client().returncode == 2


def test_help_is_exit_0():
    done = client("--help")
    assert done.returncode == 0 and "--server" in done.stdout


def test_health_is_the_server_s_own_word(start_sandbox, start_server):
    sandbox = start_sandbox(latency="5s")
    # Whom `callers` does not name may ask too: a probe has no certificate.
    server = start_server([sandbox.credential(refresh="on_demand")], callers=[{"identity": "nobody"}])
    at = f"--server={server.address}"
    done = client("health", at)
    assert (done.returncode, done.stdout) == (0, "SERVING\n"), done.stderr
    server.kill()
    done = client("health", at)
    assert done.returncode == 1 and done.stdout == "" and "UNAVAILABLE" in done.stderr
    assert done.stderr.count("\n") == 1


def test_health_of_a_server_that_is_not_ready(tmp_path):
    """A server that says NOT_SERVING, and one that knows no such service."""
    import concurrent.futures
    import grpc
    from harness.protos import message
    for status, expected in ((2, "NOT_SERVING\n"), (None, "")):
        def check(_, context, status=status):
            if status is None:
                context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
            return message("grpc.health.v1.HealthCheckResponse")(status=status)
        handlers = {"Check": grpc.unary_unary_rpc_method_handler(
            check, request_deserializer=message("grpc.health.v1.HealthCheckRequest").FromString,
            response_serializer=lambda response: response.SerializeToString())}
        server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.health.v1.Health", handlers),))
        path = tmp_path / f"health-{status}"
        server.add_insecure_port(f"unix:{path}")
        server.start()
        done = client("health", f"--server=unix:{path}")
        server.stop(None)
        assert (done.returncode, done.stdout) == (1, expected), done.stderr
