"""oidc-provider from npm: an authorization server nobody here wrote."""

import json
import os
import pathlib
import shutil
import subprocess

from . import http
from .process import Process, eventually
from .tools import WORK, missing, need

_SOURCE = pathlib.Path(__file__).resolve().parents[1] / "oidc-provider"


def installed() -> pathlib.Path:
    """The directory with the server and its packages, fetched once a build directory."""
    need("node", "package nodejs")
    npm = need("npm", "package npm")
    directory = WORK / "oidc-provider"
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "server.mjs", "memory_adapter.mjs"):
        shutil.copy(_SOURCE / name, directory / name)
    done_for = directory / "installed.json"
    wanted = (directory / "package.json").read_text()
    if not done_for.exists() or done_for.read_text() != wanted:
        done = subprocess.run(
            [npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts",
             "--loglevel=error"], cwd=directory, capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            missing(f"npm install of oidc-provider failed: {done.stderr.strip()[-400:]}")
        done_for.write_text(wanted)
    return directory


class OidcProvider:
    """Refresh tokens rotate at every use; one that comes back revokes its grant (an event `revoked`)."""

    def __init__(self, directory: pathlib.Path, access_token_seconds: int = 4):
        self.directory = directory
        code = installed()
        self.process = Process(
            [need("node", "package nodejs"), str(code / "server.mjs")], directory / "oidc-provider",
            env={**os.environ, "ACCESS_TOKEN_SECONDS": str(access_token_seconds)})

        def line():
            assert self.process.running(), self.process.stderr()
            return self.process.stdout().endswith("\n") and self.process.stdout()
        facts = json.loads(eventually(line, 60, "oidc-provider listens"))
        self.issuer, self._control = facts["issuer"], facts["control"]
        self._secret_file = directory / "client-secret"
        self._secret_file.write_text(facts["secret"])
        self._keys = facts["keys"]  # By algorithm, which is the client's name as well.

    def credential(self, name: str, client: str, **more) -> dict:
        """Mints a grant for the client `public`, `basic`, `post`, `ES256`, `RS256` or `PS256`; an entry for token-server."""
        minted = http.ask(self._control + "/credentials", {"client": client})
        path = self.directory / f"refresh-token-{name}"
        path.write_text(minted["refresh_token"])
        entry = {"name": name, "client_id": client, "token_endpoint": self.issuer + "/token",
                 "refresh_token_file": str(path)}
        if client in self._keys:
            entry["client_auth"] = "private_key_jwt"
            entry["client_key_file"] = str(self.key_file(client))
            entry["client_key_id"] = "own"
            if client == "PS256":
                entry["client_assertion_algorithm"] = client
        elif client != "public":
            entry["client_auth"] = f"client_secret_{client}"
            if "client_secret_files" not in more:
                entry["client_secret_file"] = str(self._secret_file)
        return {**entry, **more}

    @property
    def secret_file(self) -> pathlib.Path:
        return self._secret_file

    def key_file(self, client: str) -> pathlib.Path:
        path = self.directory / f"client-key-{client}.pem"
        path.write_text(self._keys[client])
        return path

    def events(self, kind: str | None = None) -> list[dict]:
        events = http.ask(self._control + "/events")
        return [event for event in events if kind is None or event["event"] == kind]

    def delay(self, milliseconds: int) -> None:
        """Holds answers back after the work is done: the time in which a kill loses an answer."""
        http.ask(self._control + "/delay", {"ms": milliseconds})
