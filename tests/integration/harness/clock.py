"""The time of the servers it is given to: ten minutes pass at once."""

import pathlib
import struct

from .tools import BIN


class MovableClock:
    """By tests/torture/shifted_clock.c. What libraries wait for by clocks of their own (a call's deadline, an exchange's
    time-out) goes on as it is, and so does the provider's time."""

    def __init__(self, path: pathlib.Path):
        shim = BIN / "shifted_clock.so"
        assert shim.exists(), f"{shim} is not there: build it"
        self.environment = {"LD_PRELOAD": str(shim), "TORTURE_CLOCK": str(path)}
        self._path = path
        self._wall, self._passed = 0, 0
        self._path.write_bytes(bytes(16))

    def _write(self) -> None:
        with open(self._path, "r+b", buffering=0) as file:
            file.write(struct.pack("qq", self._wall, self._passed))

    def set(self, seconds: int) -> None:
        """The wall clock, so far from the true time."""
        self._wall = seconds
        self._write()

    def advance(self, seconds: float) -> None:
        """The machine's clock, which tells what time has passed: so much more, and the timers go off."""
        self._passed += round(seconds * 1e9)
        self._write()

    def give_to(self, server):
        server.environment = dict(self.environment)
        return server


class Witness:
    """A credential of the same server whose refreshes tell that the timers have run: what is not done by then is not done."""

    LIFETIME = 300

    def __init__(self, start_sandbox, clock: MovableClock):
        self._sandbox, self._clock = start_sandbox(ttl=f"{self.LIFETIME}s"), clock

    def credential(self) -> dict:
        return self._sandbox.credential("witness")

    def watch(self, server) -> "Witness":
        self._watch = server.api.watch("witness")
        self._newest = next(self._watch).generation
        return self

    def let_pass(self, seconds: float) -> None:
        """At least the lifetime's 85 % since the last time; returns when the witness has another token."""
        assert seconds >= 0.87 * self.LIFETIME
        self._clock.advance(seconds)
        token = next(self._watch)
        assert token.generation == self._newest + 1
        self._newest = token.generation
