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
import subprocess

import pytest

from harness.grpcurl import grpcurl
from harness.process import eventually
from harness.tools import BIN, ROOT, need

README = ROOT / "README.md"
BLOCK = re.compile(r"^(<!-- not run: [^\n]*-->\n+)?```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[int, str]]:
    """(line, text) of those that run."""
    text = README.read_text() if README.exists() else ""
    return [(text[:match.start(2)].count("\n") + 1, match.group(2))
            for match in BLOCK.finditer(text) if not match.group(1)]


# What a program that the README starts says of the port it has got, by the port that the README names.
STARTS = {8081: r"^listening on http://127\.0\.0\.1:(\d+)", 50051: r'"event":"serving","address":"127\.0\.0\.1:(\d+)"'}


class Session:
    """One bash, fed piece by piece: what a block starts in the background is there for the next, and ends with its group."""

    def __init__(self, directory: pathlib.Path, log: pathlib.Path, environment: dict):
        self.log = log
        script, self._script = os.pipe()
        with open(log, "wb") as out:
            self._bash = subprocess.Popen(
                ["bash", "-eu", f"/dev/fd/{script}"], cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True, pass_fds=[script])
        os.close(script)
        self._ports: dict[int, str] = {}

    def run(self, script: str) -> None:
        """The programs take ports that are free, and the lines after their start name those."""
        for statement in re.split(r"(?<=&\n)", script):
            statement = statement.replace("build/release/bin/", "")
            starts = [port for port in STARTS if statement.endswith("&\n") and f"--listen=127.0.0.1:{port}" in statement]
            for port in starts:
                statement = statement.replace(f"--listen=127.0.0.1:{port}", "--listen=127.0.0.1:0")
            for port, own in self._ports.items():
                statement = statement.replace(f":{port}", f":{own}")
            os.write(self._script, statement.encode())
            for port in starts:
                self._ports[port] = eventually(lambda: self._port(port), 60, f"the program at {port} serves")
                if port == 50051:  # token-client, which relies on finding it there.
                    os.write(self._script, f"export TOKEN_SERVER=127.0.0.1:{self._ports[port]}\n".encode())

    def _port(self, named: int) -> str | None:
        text = self.log.read_text(errors="replace")
        assert self._bash.poll() is None, text[-4000:]
        found = re.search(STARTS[named], text, re.MULTILINE)
        return found and found.group(1)

    def wait(self) -> int:
        os.close(self._script)
        return self._bash.wait(180)

    def end(self) -> None:
        # The session's own group, which this test has made.
        try:
            os.killpg(self._bash.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._bash.wait()


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
    environment = {**os.environ, "PATH": f"{BIN}:{tools}:{os.environ['PATH']}", "no_proxy": "*", "HOME": str(tmp_path)}
    session = Session(work, tmp_path / "log", environment)
    try:
        for line, text in blocks():
            session.run(f"echo '--- README.md:{line}' >&2\n{text}")
        code = session.wait()
    finally:
        session.end()
    assert code == 0, session.log.read_text()[-4000:]


def test_a_block_is_found_and_one_marked_as_not_run_is_left_out():
    text = "x\n```sh\none\n```\n<!-- not run: needs an account -->\n```sh\ntwo\n```\n"
    found = [match.group(2) for match in BLOCK.finditer(text) if not match.group(1)]
    assert found == ["one\n"]
