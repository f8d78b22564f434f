"""The programs in examples/, against a sandbox that revokes tokens under their hands."""

import os
import subprocess
import sys

from harness.process import Process, eventually
from harness.tools import program


def run(server, *arguments: str) -> subprocess.CompletedProcess:
    env = {**os.environ, "TOKEN_SERVER": server.address, "no_proxy": "*"}
    return subprocess.run([program("example-tickets"), *arguments], capture_output=True, text=True, timeout=60, env=env)


def test_tickets_are_bought(start_sandbox, start_server):
    sandbox = start_sandbox()
    server = start_server([sandbox.credential()])

    done = run(server, sandbox.url + "/v2/tickets", "5")

    assert done.returncode == 0 and '"tickets"' in done.stdout, done.stderr
    assert sandbox.stats()["token_requests"] == 1


def test_a_token_that_the_api_refuses_is_replaced_and_the_request_made_again(
        start_sandbox, start_server, tmp_path):
    sandbox = start_sandbox(ttl="1h")
    # The server may replace a token as soon as it is a second old.
    server = start_server([sandbox.credential(min_refresh_interval="1s")])
    first = server.api.get()
    api = tmp_path / "api.py"
    # An API that takes any token but the first.
    api.write_text(f"""
import http.server
class Api(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        refused = self.headers["Authorization"] == "Bearer {first.access_token}"
        self.send_response(401 if refused else 200)
        self.end_headers()
        self.wfile.write(b"refused" if refused else b"welcome")
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Api)
print(server.server_port, flush=True)
server.serve_forever()
""")
    process = Process([sys.executable, "-B", str(api)], tmp_path / "api")
    try:
        port = eventually(lambda: process.stdout().strip(), 30, "the API listens")

        def welcome():
            done = run(server, f"http://127.0.0.1:{port}/", "3")
            # Within the first second: 401 and REFRESHED_RECENTLY.
            return done if done.returncode == 0 else None
        done = eventually(welcome, 30, "the request is made again with another token", interval=0.3)
    finally:
        process.kill()

    assert done.stdout == "welcome\n"
    assert server.api.get().generation == 2
    assert sandbox.stats()["token_requests"] == 2


def test_without_a_token_it_says_why(start_sandbox, start_server):
    sandbox = start_sandbox()
    sandbox.revoke()
    server = start_server([sandbox.credential()])
    done = run(server, sandbox.url + "/v2/tickets")
    assert done.returncode == 1 and "REFRESH_TOKEN_REJECTED" in done.stderr
