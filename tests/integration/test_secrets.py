"""A secret is nowhere but in an answer to its caller."""

import pathlib
import time

from harness.load import Load
from harness.process import eventually


def every_secret(sandbox, server, seconds: float) -> set[str]:
    """Refresh tokens as minted, and every access token given out meanwhile."""
    secrets = {sandbox.refresh_token_file.read_text().strip()}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            secrets.add(server.api.get().access_token)
        except Exception:
            pass
        time.sleep(0.05)
    return secrets


def assert_nowhere(secrets, name: str, data: bytes) -> None:
    for secret in secrets:
        for part in {secret, secret[:20], secret[-20:]}:
            assert part.encode() not in data, f"a secret is in {name}"


def test_no_secret_in_logs_arguments_environment_or_files(start_sandbox, start_server):
    sandbox = start_sandbox(ttl="1s")
    server = start_server([sandbox.credential()], log={"level": "debug"},
                          limits={"exchange_timeout": "1s"})
    secrets = every_secret(sandbox, server, 3)
    assert len(secrets) >= 3
    # Trouble makes a program talkative.
    for fault in ("garbage", "truncate", "html", "oversized", "reset_after_rotating"):
        sandbox.fault(fault, 1)
        secrets |= every_secret(sandbox, server, 1.5)

    proc = pathlib.Path("/proc") / str(server.process.pid)
    for name in ("cmdline", "environ"):
        try:
            assert_nowhere(secrets, name, (proc / name).read_bytes())
        except PermissionError:
            assert name == "environ"  # The kernel shows it to root only: the server has made itself private.
    for _ in range(2):  # Running, and at rest.
        assert_nowhere(secrets, "the log", server.logs().encode())
        files = [path for path in server.data_dir.rglob("*") if path.is_file()]
        assert files
        for path in files:
            assert_nowhere(secrets, path.name, path.read_bytes())
        server.stop()


def test_the_search_itself_finds_a_secret():
    secrets = {"a-recognisable-access-token-value"}
    try:
        assert_nowhere(secrets, "a planted file", b"xx a-recognisable-access-token-value xx")
    except AssertionError:
        return
    raise AssertionError("a planted secret went unseen")
