"""Callers that never rest."""

import threading
import time

from .api import Api, Refused


class Load:
    """Threads that ask for a token again and again, from entering the `with` to leaving it.

    `tolerate` says whether a refusal is no error here (a server that is down on purpose).
    """

    def __init__(self, address, threads: int = 4, pause: float = 0.005, credential: str = "",
                 tolerate=lambda refused: False, timeout: float = 10):
        self._address = address if callable(address) else lambda: address
        self._credential, self._pause, self._timeout = credential, pause, timeout
        self._tolerate = tolerate
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        self.answers = 0
        self.errors: list[Refused] = []
        self.expired = 0
        self.generations: set[int] = set()

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _run(self):
        api, connected_to = None, None
        while not self._stopping.is_set():
            address = self._address()
            if address != connected_to:
                if api is not None:
                    api.close()
                api, connected_to = Api(address), address
            try:
                token = api.get(self._credential, timeout=self._timeout)
                with self._lock:
                    self.answers += 1
                    self.generations.add(token.generation)
                    self.expired += token.expires_in <= 0
            except Refused as refused:
                if not self._tolerate(refused):
                    with self._lock:
                        self.errors.append(refused)
            time.sleep(self._pause)
        if api is not None:
            api.close()

    def assert_untroubled(self) -> None:
        assert self.answers > 0
        assert not self.errors, f"{len(self.errors)} of {self.answers}: {self.errors[0]}"
        assert self.expired == 0
