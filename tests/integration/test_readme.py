"""Every ```sh block of the README is run as it stands, but for the ports and where the programs are.

The README starts `ticket-api-sandbox` and `token-server` itself, on their default ports. Blocks run in order, in one
shell session each, in a directory of their own; a program left running in the background (`&`) stays for the later
blocks. A block after the line `<!-- not run: why -->` is left out: one that needs a real account, root or the network.
"""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

import pytest

from harness.grpcurl import grpcurl
from harness.tools import BIN, ROOT, need

README = ROOT / "README.md"
BLOCK = re.compile(r"^(<!-- not run: [^\n]*-->\n+)?```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[int, str]]:
    """(line, text) of those that run."""
    text = README.read_text() if README.exists() else ""
    return [(text[:match.start(2)].count("\n") + 1, match.group(2))
            for match in BLOCK.finditer(text) if not match.group(1)]


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def with_other_ports(script: str, sandbox_port: int, server_port: int) -> str:
    return (script.replace(":8081", f":{sandbox_port}").replace(":50051", f":{server_port}")
            .replace("build/release/bin/", ""))


def test_every_block_of_the_readme_works(tmp_path):
    if not blocks():
        pytest.skip("the README has no ```sh blocks")
    need("curl", "package curl")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "grpcurl").symlink_to(grpcurl())
    work = tmp_path / "work"
    work.mkdir()
    for name in ("proto", "examples", "deploy"):
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, work / name)
    sandbox_port, server_port = free_ports(2)
    # Programs that the README relies on finding at their defaults hear of the other ports from here.
    environment = {**os.environ, "PATH": f"{BIN}:{tools}:{os.environ['PATH']}",
                   "TOKEN_SERVER": f"127.0.0.1:{server_port}", "no_proxy": "*", "HOME": str(tmp_path)}
    script = ["set -eu"]
    for line, text in blocks():
        script.append(f"echo '--- README.md:{line}' >&2")
        script.append(text)
    # One session: what a block starts in the background is there for the next, and ends with the session's group.
    session = subprocess.Popen(
        ["bash", "-c", with_other_ports("\n".join(script), sandbox_port, server_port)], cwd=work,
        env=environment, stdin=subprocess.DEVNULL, stdout=(log := open(tmp_path / "log", "w+")),
        stderr=subprocess.STDOUT, start_new_session=True)
    try:
        code = session.wait(180)
    finally:
        # The session's own group, which this test has made.
        try:
            os.killpg(session.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        log.close()
    assert code == 0, pathlib.Path(log.name).read_text()[-4000:]


def test_a_block_is_found_and_one_marked_as_not_run_is_left_out():
    text = "x\n```sh\none\n```\n<!-- not run: needs an account -->\n```sh\ntwo\n```\n"
    found = [match.group(2) for match in BLOCK.finditer(text) if not match.group(1)]
    assert found == ["one\n"]
