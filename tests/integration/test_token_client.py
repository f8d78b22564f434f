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
