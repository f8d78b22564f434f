"""token-server-torture: started, told where to die, and watched."""

import json
import os
import pathlib
import random
import signal
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

from harness.api import Api, Refused  # noqa: E402
from harness.operator import Operator, state  # noqa: E402
from harness.process import Process  # noqa: E402
from harness.tools import BIN, program  # noqa: E402

from disk import Disk  # noqa: E402
from trace import Run  # noqa: E402

# Where the server kills itself, and the most passings before it does. The rare ones die the first time or two.
CRASH_POINTS = {
    "before-begin": 60, "after-begin": 60, "before-exchange": 60, "after-exchange": 60, "before-commit": 60,
    "before-publish": 60, "landed": 60, "before-conclude": 8, "after-conclude": 8, "before-quarantine": 2,
    "after-quarantine": 2, "pinned": 4, "fenced": 1,
}

__all__ = ["Api", "CRASH_POINTS", "Operator", "Refused", "Victim", "state"]


class Victim:
    def __init__(self, directory: pathlib.Path, data_dir: pathlib.Path, config: dict):
        self._directory = directory
        self.socket = directory / "socket"
        self._config = directory / "token-server.yaml"
        # JSON is YAML.
        self._config.write_text(json.dumps({"listen": [f"unix:{self.socket}"], "data_dir": str(data_dir), **config}))
        self.disk = Disk(directory / "disk")
        self.runs: list[Run] = []
        self.process: Process | None = None
        self.api: Api | None = None
        self.faults: list[str] = []  # What must not happen to a process.

    def start(self, crash: str | None = None) -> Run:
        number = len(self.runs)
        run = Run(number, time.monotonic(), self._directory / f"trace-{number}")
        self.runs.append(run)
        environment = {**os.environ, "TORTURE_TRACE": str(run.trace), "TORTURE_DISK": str(self.disk.path),
                       "LD_PRELOAD": str(BIN / "faulty_disk.so")}
        environment.pop("TORTURE_CRASH", None)
        if crash:
            environment["TORTURE_CRASH"] = crash
        self.process = Process([program("token-server-torture"), f"--config={self._config}"],
                               self._directory / f"server-{number}", environment)
        return run

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_serving(self, seconds: float = 60) -> bool:
        """False: it ended before."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not self.process.running():
                return False
            if '"event":"serving"' in self.process.stderr():
                self.api = Api(f"unix:{self.socket}")
                return True
            time.sleep(0.01)
        raise AssertionError("token-server does not serve")

    def died(self) -> bool:
        return not self.process.running()

    def kill(self) -> None:
        self.process.kill()

    def terminate(self) -> None:
        """In order: whatever is under way is finished first."""
        self.process.signal(signal.SIGTERM)
        self.process.wait(90)

    def close(self, ending: str) -> Run:
        """The run is over; `ending` says by what, empty for in order."""
        run = self.runs[-1]
        code = self.process.wait(60)
        if not ending and code != 0:
            ending = "stopped with an answer that the disk would not take" if code == 1 and run.disk_faults else ending
        expected = (-signal.SIGKILL,) if ending and not ending.startswith("stopped") else (0, 1)
        if code not in expected or (code == 1 and not run.disk_faults):
            self.faults.append(f"run {run.number} ended with {code}, not by {ending or 'SIGTERM'}: "
                               f"{self.process.stderr()[-600:]}")
        run.ended, run.ending = time.monotonic(), ending
        if self.api is not None:
            self.api.close()
            self.api = None
        return run


def crash_order(random_: random.Random) -> tuple[str, str]:
    """A point, and the order for TORTURE_CRASH."""
    point = random_.choice(list(CRASH_POINTS))
    return point, f"{point}:{random_.randint(1, CRASH_POINTS[point])}"
