"""ticket-api-sandbox, the provider that can be told to fail."""

import pathlib
import re

from . import http
from .process import Process, eventually
from .tools import program


class Sandbox:
    """One credential, `demo`, is minted at the start; its refresh token is in `refresh_token_file`."""

    client_id = "sandbox"

    def __init__(self, directory: pathlib.Path, **flags):
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.refresh_token_file = directory / "refresh-token"
        arguments = {"listen": "127.0.0.1:0", "refresh_token_file": self.refresh_token_file, **flags}
        self.process = Process(
            [program("ticket-api-sandbox")] + [f"--{key}={value}" for key, value in arguments.items()],
            directory / "sandbox")

        def listening():
            assert self.process.running(), self.process.stderr()
            return re.search(r"^listening on (\S+)$", self.process.stdout(), re.MULTILINE)
        self.url = eventually(listening, 30, "the sandbox listens").group(1).rstrip("/")
        eventually(self.refresh_token_file.exists, 30, "the refresh token is written")

    @property
    def token_endpoint(self) -> str:
        return self.url + "/token"

    def stats(self) -> dict:
        return http.ask(self.url + "/sandbox/stats")

    def stats_of(self, name: str = "demo") -> dict:
        return next(each for each in self.stats()["credentials"] if each["name"] == name)

    def fault(self, fault: str, count: int = 1, **more) -> None:
        """The next `count` token requests suffer it; -1: all; 0: none any more."""
        http.ask(self.url + "/sandbox/faults", {"fault": fault, "count": count, **more})

    def slow(self, seconds: float, count: int = 1) -> None:
        self.fault("none", count, latency=seconds)

    def heal(self) -> None:
        self.fault("none", 0)

    def mint(self, name: str) -> pathlib.Path:
        """A new grant; returns the file with its refresh token."""
        path = self.directory / f"refresh-token-{name}"
        path.write_text(http.ask(self.url + "/sandbox/credentials", {"name": name})["refresh_token"])
        return path

    def revoke(self, name: str = "demo") -> None:
        http.ask(self.url + f"/sandbox/credentials/{name}/revoke", {})

    def buy_tickets(self, access_token: str) -> tuple[int, str]:
        """What the token is for: GET /v2/tickets."""
        return http.call(self.url + "/v2/tickets", headers={"Authorization": f"Bearer {access_token}"})

    def credential(self, name: str = "default", minted: str = "demo", **more) -> dict:
        """An entry of token-server's `credentials` for what was minted here."""
        path = self.refresh_token_file if minted == "demo" else self.mint(minted)
        return {"name": name, "client_id": self.client_id, "token_endpoint": self.token_endpoint,
                "refresh_token_file": str(path), **more}
