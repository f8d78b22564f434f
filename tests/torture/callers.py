"""Microservices: ask for tokens all the time, and note what they get."""

import collections
import dataclasses
import random
import threading
import time

from victim import Api, Refused


@dataclasses.dataclass(frozen=True)
class Handed:
    credential: str
    generation: int
    access_token: str
    asked: float
    got: float


class Callers:
    """`api` is called for the connection of the moment."""

    def __init__(self, api, credentials: list[str], seed: int, threads: int = 3):
        self._api, self._credentials = api, credentials
        self.handed: list[Handed] = []
        self.refused = collections.Counter()
        self.rejected: dict[str, list[float]] = collections.defaultdict(list)
        self.expired = 0
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(random.Random(f"{seed}/{i}"),), daemon=True)
                         for i in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _run(self, rng: random.Random) -> None:
        last: dict[str, int] = {}
        while not self._stopping.wait(0.004):
            api: Api | None = self._api()
            if api is None:
                continue
            name = rng.choice(self._credentials)
            more = {}
            dice = rng.random()
            asked = time.monotonic()
            if dice < 0.02 and name in last:
                more["rejected_generation"] = last[name]
                self.rejected[name].append(asked)
            elif dice < 0.1:
                more["min_validity"] = 0.5
            try:
                token = api.get(name, timeout=3, **more)
            except Refused as refused:
                self.refused[refused.reason or refused.code] += 1
                continue
            except ValueError:  # The channel was closed under it.
                continue
            last[name] = token.generation
            self.expired += token.expires_in <= 0
            self.handed.append(Handed(name, token.generation, token.access_token, asked, time.monotonic()))
