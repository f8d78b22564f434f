"""Starts the servers that bench/compare and bench/instructions set side by side, and loads them."""

import json
import os
import pathlib
import re
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
START_TIMEOUT = 60.0  # seconds
STOP_TIMEOUT = 30.0  # seconds
LOAD_TIMEOUT = 300.0  # seconds; bench-load ends by itself long before
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")

CONFIG = """\
listen: ["127.0.0.1:0"]
data_dir: {directory}/data
defaults: {{token_endpoint: "{sandbox_url}/token"}}
credentials:
  - {{name: default, purpose: bench, client_id: bench, refresh_token_file: {directory}/refresh_token}}
"""


class Failed(Exception):
    """A program would not start, or a call failed."""


def add_bin_dir(parser):
    parser.add_argument("--bin_dir", type=pathlib.Path, default=ROOT / "build/release/bin",
                        help="where the programs are")


def cores():
    """(one for the servers, one for the client); the same when there is one only."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


def pinned(core):
    return lambda: os.sched_setaffinity(0, {core})


def address_in(line):
    """Where a program says it listens; None when the line is about something else."""
    if line.startswith("listening on "):  # ticket-api-sandbox, for scripts.
        return line.split()[2]
    try:
        event = json.loads(line)
    except ValueError:
        return None
    if isinstance(event, dict) and event.get("event") == "serving":
        return event["address"]
    return None


class Server:
    """A child process that says where it listens by a line on stdout or stderr."""

    def __init__(self, label, argv, core, directory):
        self.label = label
        self.log = directory / (re.sub(r"\W+", "-", label) + ".log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, preexec_fn=pinned(core))
        self.address = None

    def wait_until_serving(self):
        deadline = time.monotonic() + START_TIMEOUT
        while self.process.poll() is None and time.monotonic() < deadline:
            for line in self.log.read_text(errors="replace").splitlines(keepends=True):
                self.address = address_in(line.strip()) if line.endswith("\n") else None
                if self.address:
                    return self
            time.sleep(0.02)
        tail = self.log.read_text(errors="replace")[-1000:]
        raise Failed(f"{self.label} does not serve; its log ends:\n{tail}")

    def cpu_seconds(self):
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text()
        fields = stat.rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS

    def rss_mib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Bench:
    """The children of one run, in a directory that goes away with them. Use with `with`."""

    def __init__(self, bin_dir, directory):
        self.bin_dir = bin_dir
        self.directory = pathlib.Path(directory)
        self.server_core, self.client_core = cores()
        self.children = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in reversed(self.children):
            child.stop()

    def start(self, label, argv, core):
        self.children.append(Server(label, argv, core, self.directory))
        return self.children[-1].wait_until_serving()

    def load(self, server, *limits):
        """Runs bench-load once; its line of JSON."""
        argv = [str(self.bin_dir / "bench-load"), f"--server={server.address}", *limits]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=LOAD_TIMEOUT,
                              preexec_fn=pinned(self.client_core))
        if done.returncode != 0:
            raise Failed(f"calls to {server.label} failed: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def contenders(self, wrap=lambda label: []):
        """token-server with a token in its cache, then the empty servers. `wrap` gives a command to run each by."""
        sandbox = self.start("ticket-api-sandbox", [
            self.bin_dir / "ticket-api-sandbox", "--listen=127.0.0.1:0", "--client_id=bench",
            f"--refresh_token_file={self.directory}/refresh_token"], self.client_core)
        config = self.directory / "config.yaml"
        config.write_text(CONFIG.format(directory=self.directory, sandbox_url=sandbox.address))

        def contender(label, program, *flags):
            return self.start(label, [*wrap(label), self.bin_dir / program, *flags],
                              self.server_core)

        ours = contender("token-server", "token-server", f"--config={config}")
        # Buys the token, and tells its length.
        first = self.load(ours, "--calls=1", "--concurrency=1")
        size = f"--token_bytes={first['token_bytes']}"
        return [ours, contender("empty", "bench-empty-server", size),
                contender("empty, deadlock detection on", "bench-empty-server", size,
                          "--deadlock_detection")]
