"""Loads a gRPC server with nghttp2's h2load, which costs a fraction of what a gRPC client costs: on a machine of few
cores the client must not be what is measured."""

import re
import subprocess

from servers import Failed, LOAD_TIMEOUT, pinned

PATH = "/token.v1.TokenService/GetAccessToken"
EMPTY_MESSAGE = b"\0\0\0\0\0"  # Not compressed, of length 0: the default credential.


def quantile(ordered, q):
    return ordered[min(len(ordered) - 1, max(0, -int(-q * len(ordered) // 1) - 1))] if ordered else 0


def target(address):
    """h2load's arguments for a server at 127.0.0.1:port or unix:/path."""
    if address.startswith("unix:"):
        return [f"--base-uri={address}", f"http://localhost{PATH}"]
    return [f"http://{address}{PATH}"]


class H2Load:
    def __init__(self, directory, core):
        self.core = core
        self.log = directory / "h2load.log"
        self.body = directory / "h2load.body"
        self.body.write_bytes(EMPTY_MESSAGE)

    def run(self, address, seconds, concurrency, connections, least_bytes, rate=None):
        """One turn. `rate`: calls a second, all connections together; None: as many as are answered.
        `least_bytes`: an answer is longer, or it was none: h2load does not look at trailers."""
        self.log.unlink(missing_ok=True)
        argv = ["h2load", f"--duration={round(seconds * 1000)}ms", f"--clients={connections}",
                f"--max-concurrent-streams={max(1, concurrency // connections)}", f"--data={self.body}",
                f"--log-file={self.log}", "--header=content-type: application/grpc", "--header=te: trailers",
                *([f"--rps={rate / connections:g}"] if rate else []), *target(address)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=LOAD_TIMEOUT,
                              preexec_fn=pinned(self.core))
        counts = re.search(r"requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored", done.stdout)
        data = re.search(r"traffic: .* headers .*?, \S+ \((\d+)\) data", done.stdout)
        if done.returncode != 0 or not counts or not data:
            raise Failed(f"h2load: {(done.stdout + done.stderr)[-500:]}")
        calls = int(counts[1])
        if calls == 0 or int(counts[2]) or int(counts[3]) or int(data[1]) < calls * least_bytes:
            raise Failed(f"calls to {address} failed: {counts[0]}, {data[1]} bytes of answers")
        took = sorted(int(line.split("\t")[2]) for line in self.log.read_text().splitlines())
        return {"calls": calls, "requests_per_second": calls / seconds, "p50_us": quantile(took, 0.50),
                "p99_us": quantile(took, 0.99), "p999_us": quantile(took, 0.999)}
