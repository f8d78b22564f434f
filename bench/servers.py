"""Starts the servers that the programs of bench/ set side by side, and loads them."""

import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
START_TIMEOUT = 60.0  # seconds
STOP_TIMEOUT = 30.0  # seconds
LOAD_TIMEOUT = 300.0  # seconds; bench-load ends by itself long before
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")

# A policy of 1,001 callers, as a company has.
CONFIG = """\
listen: ["127.0.0.1:0"{more_listen}]
data_dir: {directory}/data
{tls}defaults: {{token_endpoint: "{sandbox_url}/token"}}
limits: {{watchers: 20000}}
credentials:
{credentials}
callers:
{callers}
"""
OTHER_CALLERS = [f"spiffe://bench.example.org/ns/prod/sa/service-{i:04d}" for i in range(1000)]
CALLER = "spiffe://bench.example.org/ns/prod/sa/bench"


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
        self.load_flags = []  # What bench-load needs to call it.

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

    def start_quiet(self, label, argv, core, address):
        """A server that does not say where it listens."""
        server = Server(label, argv, core, self.directory)
        self.children.append(server)
        server.address = address
        host, port = address.split(":")
        deadline = time.monotonic() + START_TIMEOUT
        while server.process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex((host, int(port))) == 0:
                    return server
            time.sleep(0.02)
        raise Failed(f"{label} does not serve")

    def load(self, server, *limits):
        """Runs bench-load once; its line of JSON."""
        argv = [str(self.bin_dir / "bench-load"), f"--server={server.address}", *server.load_flags, *limits]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=LOAD_TIMEOUT,
                              preexec_fn=pinned(self.client_core))
        if done.returncode != 0:
            raise Failed(f"calls to {server.label} failed: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def sandbox(self, label="ticket-api-sandbox", *flags):
        """A provider, and a function that mints a refresh token into a file for each name."""
        provider = self.start(label, [self.bin_dir / "ticket-api-sandbox", "--listen=127.0.0.1:0", "--client_id=bench",
                                      f"--refresh_token_file={self.directory}/unused", *flags], self.client_core)

        def mint(names, directory):
            host = http.client.HTTPConnection(provider.address.removeprefix("http://"), timeout=30)
            for name in names:
                host.request("POST", "/sandbox/credentials", json.dumps({"name": name}),
                             {"Content-Type": "application/json"})
                (directory / name).write_text(json.loads(host.getresponse().read())["refresh_token"])

        return provider, mint

    def token_server(self, label, sandbox, credentials=("default",), more_listen=(), tls=None, identity="anonymous",
                     wrap=(), operator=False):
        """token-server with tokens bought from `sandbox` for the named credentials. `operator`: who calls is one. Its
        `add` takes more names into the configuration."""
        provider, mint = sandbox
        directory = self.directory / re.sub(r"\W+", "-", label)
        tokens = directory / "refresh-tokens"
        tokens.mkdir(parents=True)
        identities = [*OTHER_CALLERS, identity, *more_listen]
        config = directory / "config.yaml"
        known = []

        def configure(names):
            mint(names, tokens)
            known.extend(names)
            config.write_text(CONFIG.format(
                directory=directory, sandbox_url=provider.address, more_listen="".join(f', "{x}"' for x in more_listen),
                tls=f"tls: {json.dumps(tls)}\n" if tls else "",
                credentials="\n".join(f"  - {{name: {name}, client_id: bench, refresh_token_file: {tokens}/{name}}}"
                                      for name in known),
                callers="\n".join(f'  - {{identity: "{x}", credentials: [default], operator: {str(operator and x == identity).lower()}}}'
                                  for x in identities)))

        def add(names):
            configure(names)
            server.process.send_signal(signal.SIGHUP)

        configure(credentials)
        server = self.start(label, [*wrap, self.bin_dir / "token-server", f"--config={config}"], self.server_core)
        server.add = add
        return server

    def certificates(self):
        """An authority's file, and a (certificate, key) pair for the server and one for a client."""
        ca = [self.directory / "ca.pem", self.directory / "ca.key"]
        new_key = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]

        def openssl(*arguments):
            done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=60)
            if done.returncode != 0:
                raise Failed(f"openssl: {done.stderr}")

        def issued(name, san):
            pair = [self.directory / f"{name}.pem", self.directory / f"{name}.key"]
            request, extensions = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
            extensions.write_text(f"subjectAltName={san}\n")
            openssl(*new_key, "-subj", "/O=Bench", "-keyout", pair[1], "-out", request)
            openssl("x509", "-req", "-in", request, "-CA", ca[0], "-CAkey", ca[1], "-CAcreateserial", "-days", "2",
                    "-extfile", extensions, "-out", pair[0])
            return pair

        openssl(*new_key, "-x509", "-days", "2", "-subj", "/CN=Bench", "-keyout", ca[1], "-out", ca[0])
        return (ca[0], issued("server", "IP:127.0.0.1,DNS:localhost"),
                issued("client", f"URI:{CALLER},DNS:bench.example.org"))

    def mutual_tls_server(self, label, sandbox, wrap=()):
        ca, (certificate, key), client = self.certificates()
        server = self.token_server(
            label, sandbox, identity=CALLER, wrap=wrap,
            tls={"certificate_file": str(certificate), "private_key_file": str(key), "client_ca_file": str(ca)})
        server.load_flags = [f"--tls_ca_file={ca}", f"--tls_certificate_file={client[0]}",
                             f"--tls_private_key_file={client[1]}"]
        return server

    def empty_server(self, label, size, *flags, wrap=()):
        return self.start(label, [*wrap, self.bin_dir / "bench-empty-server", f"--token_bytes={size}", *flags],
                          self.server_core)

    def contenders(self, wrap=lambda label: [], alone=False):
        """For bench/instructions, one after the other: token-server with a token in its cache, then, unless it is to be
        `alone`, the same at other kinds of address, and the empty servers. `wrap` gives a command to run each by."""
        sandbox = self.sandbox()
        ours = self.token_server("token-server", sandbox, wrap=wrap("token-server"))
        # Buys the token, and tells its length.
        size = self.load(ours, "--calls=1", "--concurrency=1")["token_bytes"]
        yield ours
        if alone:
            return
        label, path = "token-server, unix socket", f"unix:{self.directory}/s"
        on_socket = self.token_server(label, sandbox, more_listen=[path], wrap=wrap(label))
        on_socket.address = path
        yield on_socket
        label = "token-server, mutual TLS"
        yield self.mutual_tls_server(label, sandbox, wrap=wrap(label))
        label = "empty"
        yield self.empty_server(label, size, "--deadlock_detection", wrap=wrap(label))
        label = "empty, deadlock detection off"
        yield self.empty_server(label, size, wrap=wrap(label))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(condition, what):
    deadline = time.monotonic() + START_TIMEOUT
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f"no {what} within {START_TIMEOUT:g} s")
        time.sleep(0.1)


def stats(provider):
    """What a ticket-api-sandbox has counted."""
    host = http.client.HTTPConnection(provider.address.removeprefix("http://"), timeout=30)
    host.request("GET", "/sandbox/stats")
    return json.loads(host.getresponse().read())
