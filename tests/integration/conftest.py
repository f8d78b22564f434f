"""Fixtures: each test gets its own servers on free ports and leaves nothing running."""

import pathlib
import sys

import grpc
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness.api import Api  # noqa: E402
from harness.certificates import Authority, Pair  # noqa: E402
from harness.clock import MovableClock, Witness  # noqa: E402
from harness.sandbox import Sandbox  # noqa: E402
from harness.token_server import TokenServer  # noqa: E402

SKIPPED = 77  # ctest's word for it, see CMakeLists.txt.


@pytest.fixture
def clock(tmp_path):
    """For `start_timed`, or `clock.give_to(server)`."""
    return MovableClock(tmp_path / "clock")


@pytest.fixture
def start_sandbox(tmp_path):
    """start_sandbox(ttl="4s", …): flags of ticket-api-sandbox."""
    started = []

    def start(**flags) -> Sandbox:
        sandbox = Sandbox(tmp_path / f"sandbox-{len(started)}", **flags)
        started.append(sandbox)
        return sandbox

    yield start
    for sandbox in started:
        sandbox.process.kill()


@pytest.fixture
def make_server(tmp_path, request):
    """make_server([credential, …], limits={…}, …): configured, not started."""
    made = []

    def make(credentials: list[dict], **config) -> TokenServer:
        server = TokenServer(tmp_path / f"server-{len(made)}", credentials, **config)
        made.append(server)
        return server

    yield make
    for server in made:
        server.end()
    report = getattr(request.node, "report", None)
    if report is not None and report.failed:
        for server in made:
            print(f"--- {server.directory.name}, end of the log\n{server.logs()[-6000:]}")


@pytest.fixture
def start_server(make_server):
    """start_server([credential, …], …): serving."""
    return lambda credentials, **config: make_server(credentials, **config).start()


@pytest.fixture
def start_timed(make_server, clock):
    """The same, by the `clock` that is moved."""
    return lambda credentials, **config: clock.give_to(make_server(credentials, **config)).start()


@pytest.fixture
def witness(start_sandbox, clock):
    """Its `credential()` goes to `start_timed`; then `watch(server)` and `let_pass(520)`."""
    return Witness(start_sandbox, clock)


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority")


@pytest.fixture
def server_pair(authority):
    return authority.issue_server()


@pytest.fixture
def connect(authority):
    """connect(server, pair=…): a connection with its own certificate, or with none."""
    opened = []

    def make(server, pair: Pair | None = None, address: str | None = None) -> Api:
        own = (None, None) if pair is None else (pair.private_key_file.read_bytes(),
                                                 pair.certificate_file.read_bytes())
        credentials = grpc.ssl_channel_credentials(authority.file.read_bytes(), *own)
        opened.append(Api(address or server.address, credentials))
        return opened[-1]

    yield make
    for api in opened:
        api.close()


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.report = outcome.get_result()


def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    stats = reporter.stats if reporter else {}
    if exitstatus == 0 and stats.get("skipped") and not stats.get("passed"):
        session.exitstatus = SKIPPED
