"""The verdict: from the provider's ledger, the proxy's log and the server's trace, what became of every refresh token.

A loss is *traced* when the answer that held the credential's next refresh token never became durable for a reason outside
the server: it was cut or spoilt on the way, or the process was killed between the request and the commit. Everything
else is a violation.
"""

import bisect
import collections
import dataclasses
import math

from provider import Exchange, Provider
from trace import Flight, Run, flights_of

# What the clocks of two processes and a busy machine may differ by when an order is judged, in seconds.
SLACK = 0.1


@dataclasses.dataclass
class Loss:
    credential: str
    kind: str
    how: str
    late_by: float  # From the consumption to the presentation that ended it: a grace as long would have saved it.


@dataclasses.dataclass
class Verdict:
    losses: list[Loss] = dataclasses.field(default_factory=list)
    violations: list[str] = dataclasses.field(default_factory=list)
    replays: collections.Counter = dataclasses.field(default_factory=collections.Counter)  # By what allowed them.
    flights: int = 0


def named_twice(handed) -> list[str]:
    """Whoever reports a generation rejected means one access token, however often the server was killed meanwhile."""
    tokens: dict[tuple[str, int], set[str]] = collections.defaultdict(set)
    for each in handed:
        tokens[each.credential, each.generation].add(each.access_token)
    return [f"{credential}: generation {generation} names {len(those)} access tokens"
            for (credential, generation), those in tokens.items() if len(those) > 1]


class Judge:
    def __init__(self, provider: Provider, runs: list[Run], rejected: dict[str, list[float]],
                 forced: dict[str, list[float]], replaced: dict[str, list[float]]):
        self._provider = provider
        self._rejected, self._forced, self._replaced = rejected, forced, replaced
        self._flights: dict[str, list[Flight]] = collections.defaultdict(list)
        self.verdict = Verdict()
        for run in runs:
            for flight in flights_of(run):
                self._flights[flight.credential].append(flight)
                self.verdict.flights += 1

    def judge(self) -> Verdict:
        by_credential = collections.defaultdict(list)
        for line in self._provider.ledger:
            by_credential[line.credential].append(line)
        for line in by_credential.pop("?", ()):
            self._violation(line, "the provider got something it never handed out")
        for lines in by_credential.values():
            self._judge_credential(lines)
        return self.verdict

    def _judge_credential(self, lines: list[Exchange]) -> None:
        lost_epochs = set()
        for line in lines:
            flight = self.flight_of(line)
            if flight is None:
                self._violation(line, "a post that no flight made")
                continue
            self._judge_outcome(line, flight)
            if line.result in ("again", "reuse"):
                self._judge_replay(line, flight)
            if line.result == "reuse" and line.epoch not in lost_epochs:
                lost_epochs.add(line.epoch)
                self._judge_loss(line)
            if line.result == "revoked":
                self._judge_post_after_the_end(line, flight)

    def flight_of(self, line: Exchange) -> Flight | None:
        """The one that was out when the provider got this."""
        flights = self._flights[line.credential]
        at = bisect.bisect_right([flight.begun for flight in flights], line.at)
        for flight in reversed(flights[:at]):
            if flight.sent <= line.at:
                return flight
        return None

    def _judge_outcome(self, line: Exchange, flight: Flight) -> None:
        """What the server made of an answer that spent the refresh token."""
        if line.result not in ("rotated", "again", "kept") or flight.outcome is None:
            return
        whole = not line.spoilt and not line.wire.spoilt
        if flight.outcome in ("unspent", "dead", "client refused") and line.result == "rotated":
            self._violation(line, f"a spent refresh token taken for: {flight.outcome}")
        if whole and flight.outcome != "granted":
            self._violation(line, f"a whole answer taken for: {flight.outcome}")

    def _judge_replay(self, line: Exchange, flight: Flight) -> None:
        """Was a consumed refresh token presented by the documented rule? (docs/adr/0001-rotation.md)"""
        lost = line.consumer
        loser = self.flight_of(lost)
        if loser.committed <= line.at and loser is not flight:
            return self._violation(line, "a refresh token was presented although its successor was stored")
        rule = self._rule(line, flight, loser)
        if rule is None:
            return self._violation(line, f"a replay outside the rule, {line.at - lost.at:.1f} s late")
        self.verdict.replays[rule] += 1

    def _rule(self, line: Exchange, flight: Flight, loser: Flight) -> str | None:
        grant = self._provider.grants[line.credential]
        # What was pinned was forgotten with its process.
        granted = [other for other in self._flights[line.credential] if other.begun < flight.begun and
                   flight.begun > (min(other.committed, other.pinned) if other.run is flight.run else other.committed)]
        if not granted:
            return "no access token, or never seen to rotate"
        # From when the loss was noticed; where nobody noticed (a kill), from the attempt's beginning.
        noticed = lambda other: (other.answered if other.answered < math.inf and
                                 (other.concluded or other.run is flight.run) else other.begun)
        first_doubt = min((noticed(other) for other in self._flights[line.credential]
                           if granted[-1].begun < other.begun <= loser.begun), default=noticed(loser))
        if flight.begun <= first_doubt + grant.kind.replay_window + SLACK:
            return "inside the replay window"
        issued = granted[-1].sent
        sure = grant.lifetime - min(1, grant.lifetime / 2)
        nearly_spent = issued + sure - min(60, sure / 10)
        if flight.begun >= nearly_spent - SLACK:
            return "the access token was nearly spent"
        recent = lambda times: any(issued <= at <= flight.begun + SLACK for at in times.get(line.credential, ()))
        if recent(self._rejected):
            return "a caller reported the access token rejected"
        if recent(self._forced) or recent(self._replaced):
            return "an operator insisted"
        return None

    def _judge_loss(self, line: Exchange) -> None:
        lost = line.consumer
        flight = self.flight_of(lost)
        # A process that presents the old token itself was not killed with the new one in its hands.
        lived_on = self.flight_of(line).run is flight.run
        how = self._how(lost, flight, lived_on)
        if how is None:
            return self._violation(line, f"lost, and nothing explains it: {flight.outcome}, last at {flight.last_point}, "
                                         f"run ended by {flight.run.ending or 'nothing'}")
        self.verdict.losses.append(
            Loss(line.credential, self._provider.grants[line.credential].kind.name, how, line.at - lost.at))

    def _how(self, lost: Exchange, flight: Flight, lived_on: bool) -> str | None:
        if flight.committed < float("inf"):
            return None
        if lost.spoilt:
            return f"answer spoilt by the provider: {lost.fault}"
        if flight.outcome == "granted":
            if not flight.run.ending or lived_on:
                return None
            pinned = flight.pinned < float("inf")
            return "killed with an answer that the disk would not take" if pinned else \
                f"killed between answer and commit ({flight.last_point})"
        if lost.wire.spoilt and flight.outcome is not None:
            return f"answer cut by the network: {lost.wire.fault}"
        if flight.outcome is None and flight.run.ending and not lived_on:
            return "killed before the answer was read"
        return None

    def _judge_post_after_the_end(self, line: Exchange, flight: Flight) -> None:
        """Only a definite answer ends a grant, and after it there is no other post."""
        for other in self._flights[line.credential]:
            told = other.begun < flight.begun and other.ended_dead and not other.run.disk_faults
            since = [at for times in (self._forced, self._replaced) for at in times.get(line.credential, ())
                     if other.answered <= at <= line.at]
            if told and not since:
                return self._violation(line, "posted although the grant was known to be dead")

    def _violation(self, line: Exchange, what: str) -> None:
        self.verdict.violations.append(f"{line.credential} (grant {line.epoch}, refresh token {line.presented}): {what}")
