"""What the server's crash points wrote down: each flight of each run, told from its beginning to its end or its kill."""

import dataclasses
import math
import pathlib

# ExchangeOutcome's alternatives, by index.
OUTCOMES = ("granted", "unspent", "dead", "client refused", "in doubt", "malformed",
            "too late", "extended")
DEAD = 3  # Of AttemptEnd.


@dataclasses.dataclass
class Run:
    """One life of the server."""
    number: int
    started: float
    trace: pathlib.Path
    ended: float = math.inf
    ending: str = ""          # A kill's name; empty: in order.
    disk_faults: set = dataclasses.field(default_factory=set)


@dataclasses.dataclass
class Flight:
    run: Run
    credential: str
    generation: int
    begun: float
    sent: float = math.inf
    answered: float = math.inf
    outcome: str | None = None
    committed: float = math.inf   # Its answer is durable.
    pinned: float = math.inf      # Its answer is in memory only.
    fenced: bool = False
    quarantined: bool = False
    concluded: bool = False
    ended_dead: bool = False      # And concluded so: a first invalid_grant after a lost answer may not be.
    last_point: str = "before-begin"
    points: list = dataclasses.field(default_factory=list)

    def note(self, at: float, point: str, value: int) -> None:
        self.last_point = point
        self.points.append((at, point, value))
        if point == "before-exchange":
            self.sent = at
        elif point == "after-exchange":
            self.answered, self.outcome = at, OUTCOMES[value]
        elif point == "before-publish":
            self.committed = min(self.committed, at)
        elif point == "pinned":
            self.pinned = min(self.pinned, at)
        elif point == "fenced":
            self.fenced = True
        elif point == "after-quarantine":
            self.quarantined = True
        elif point == "after-conclude":
            self.concluded = True
            self.ended_dead = value == DEAD


def flights_of(run: Run) -> list[Flight]:
    """In order of their beginning. A credential has one at a time; a later write of its answer belongs to it."""
    latest: dict[str, Flight] = {}
    flights = []
    text = run.trace.read_text() if run.trace.exists() else ""
    for line in text.splitlines():
        nanoseconds, point, credential, value = line.split(" ")
        at = int(nanoseconds) / 1e9
        if point == "before-begin":
            latest[credential] = Flight(run, credential, int(value), at)
            flights.append(latest[credential])
        elif point not in ("killed-here", "stopped-here"):
            latest[credential].note(at, point, int(value))
    return flights
