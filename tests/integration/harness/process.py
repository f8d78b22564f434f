"""A program under test: started, watched, ended by its own process id."""

import pathlib
import signal
import subprocess
import time


class Process:
    """stdout and stderr go to files, so that a test can read them at any time and after the end."""

    def __init__(self, command: list[str], log: pathlib.Path, env: dict | None = None):
        self.stdout_path = log.with_suffix(".out")
        self.stderr_path = log.with_suffix(".err")
        with open(self.stdout_path, "wb") as out, open(self.stderr_path, "wb") as err:
            self._popen = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env)

    @property
    def pid(self) -> int:
        return self._popen.pid

    def stdout(self) -> str:
        return self.stdout_path.read_text(errors="replace")

    def stderr(self) -> str:
        return self.stderr_path.read_text(errors="replace")

    def running(self) -> bool:
        return self._popen.poll() is None

    def signal(self, number: int) -> None:
        self._popen.send_signal(number)

    def wait(self, seconds: float = 60) -> int:
        """The exit code; a negative one is a signal."""
        return self._popen.wait(seconds)

    def kill(self) -> None:
        """kill -9, and it is gone when this returns."""
        if self.running():
            self._popen.kill()
        self._popen.wait()

    def stop(self) -> int:
        """SIGTERM, and -9 when that does not help."""
        if self.running():
            self.signal(signal.SIGTERM)
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise


def eventually(probe, seconds: float, what: str, interval: float = 0.02):
    """Calls `probe` until it returns something true, and returns that."""
    end = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds} s still not: {what}")
        time.sleep(interval)
