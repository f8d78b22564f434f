"""Keyrings and the `rekey` command."""

import base64
import pathlib
import re
import secrets
import signal

from .process import Process, eventually
from .tools import program


def new_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


class Keyring:
    """A keyring file; keys by id, in the order given."""

    def __init__(self, path: pathlib.Path):
        self.path = path
        self.keys: dict[str, str] = {}

    def write(self, *ids: str) -> "Keyring":
        for name in ids:
            self.keys.setdefault(name, new_key())
        return self.write_text("".join(f"{name} {self.keys[name]}\n" for name in ids))

    def write_text(self, text: str) -> "Keyring":
        self.path.write_text(text)
        self.path.chmod(0o600)
        return self

    @property
    def config(self) -> dict:
        """For `sealing`."""
        return {"key_file": str(self.path)}


def reload_keys(server) -> dict:
    """SIGHUP; returns what the server made of it."""
    events = ("keyring loaded", "the new keyring cannot be used; going on with the keys that are loaded")
    seen = sum(len(server.events(event)) for event in events)
    server.process.signal(signal.SIGHUP)

    def answered():
        found = [line for line in server.events() if line.get("event") in events]
        return found[seen:]
    return eventually(answered, 30, "the server has looked at the keyring")[-1]


class Rekey:
    """One run of `token-server rekey`."""

    _runs = 0

    def __init__(self, server, *flags: str):
        Rekey._runs += 1
        self.process = Process([program("token-server"), "rekey", *(flags or [f"--config={server.config_file}"])],
                               server.directory / f"rekey-{Rekey._runs}")

    def end(self) -> "Rekey":
        self.code = self.process.wait()
        self.error = self.process.stderr()
        text = self.process.stdout()
        self.rows, self.resealed = (
            int(found.group(1)) if (found := re.search(rf"^{what}: (\d+)$", text, re.MULTILINE)) else None
            for what in ("rows", "sealed anew"))
        self.needs = {name: int(count) for name, count in
                      re.findall(r'^key "([^"]+)": (\d+) sealed values', text, re.MULTILINE)}
        return self


def rekey(server, *flags: str) -> Rekey:
    return Rekey(server, *flags).end()
