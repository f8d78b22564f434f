"""token-server, as an operator runs it."""

import json
import os
import pathlib
import signal

from .api import Api
from .process import Process, eventually
from .tools import program


class TokenServer:
    """Configured by a file in `directory`, its data beside it. `start` may be called again after an end."""

    def __init__(self, directory: pathlib.Path, credentials: list[dict], **config):
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.data_dir = directory / "data"
        self.config_file = directory / "token-server.yaml"
        self.configure(credentials, **config)
        self.process: Process | None = None
        self.runs: list[Process] = []
        self.environment: dict[str, str] = {}  # Besides the test's own.
        self._api: Api | None = None

    def configure(self, credentials: list[dict], **config) -> None:
        everything = {"listen": ["127.0.0.1:0"], "data_dir": str(self.data_dir),
                      "credentials": credentials, **config}
        self.config_file.write_text(json.dumps(everything, indent=2))  # JSON is YAML.

    def launch(self, *flags: str) -> Process:
        """Starts the program without waiting for anything."""
        return self._launch(f"--config={self.config_file}", *flags)

    def _launch(self, *flags: str, under: list[str] = ()) -> Process:
        process = Process([*under, program("token-server"), *flags], self.directory / f"token-server-{len(self.runs)}",
                          {**os.environ, **self.environment})
        self.runs.append(process)
        return process

    def start(self, under: list[str] = ()) -> "TokenServer":
        """under: a command that starts it, prlimit say."""
        return self._start(self._launch(f"--config={self.config_file}", under=under))

    def start_with_flags(self, *flags: str) -> "TokenServer":
        """Without the file."""
        return self._start(self._launch("--listen=127.0.0.1:0", *flags))

    def _start(self, process: Process) -> "TokenServer":
        self.process = process
        self.address = eventually(self._serving, 30, "token-server serves")
        self._api = Api(self.address)
        return self

    def _serving(self):
        assert self.process.running(), f"token-server ended: {self.process.stderr()}"
        events = self.events("serving")
        return events[0]["address"] if events else None

    def events(self, name: str | None = None) -> list[dict]:
        """The log of this run, the lines of one event."""
        found = []
        for line in self.process.stderr().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # A line being written, or one of a library's.
            if name is None or entry.get("event") == name:
                found.append(entry)
        return found

    @property
    def api(self) -> Api:
        return self._api

    def logs(self) -> str:
        """What every run so far wrote."""
        return "".join(run.stdout() + run.stderr() for run in self.runs)

    def terminate(self) -> None:
        self.process.signal(signal.SIGTERM)

    def stop(self) -> int:
        self._close()
        return self.process.stop()

    def kill(self) -> None:
        self._close()
        self.process.kill()

    def restart(self) -> "TokenServer":
        assert self.stop() == 0
        return self.start()

    def end(self) -> None:
        """Whatever state it is in; for clean-up."""
        self._close()
        for run in self.runs:
            run.kill()

    def _close(self) -> None:
        if self._api is not None:
            self._api.close()
            self._api = None
