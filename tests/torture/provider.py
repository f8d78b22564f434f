"""A strict provider with a complete ledger: every refresh token minted, consumed, presented again, by whom and when.

It rotates or not, revokes on reuse or not, repeats a lost answer during a grace period or not, as a credential's `Class`
says; and it fails as HTTP servers do, before or after it has rotated.
"""

import asyncio
import base64
import dataclasses
import hashlib
import json
import time
import urllib.parse

from chance import draw, pick

# What goes wrong at the provider itself, and its share of all requests at rate 1.
FAULTS = {
    "503 before": 0.012, "503 before, Retry-After": 0.006, "500 after": 0.01, "503 after, Retry-After": 0.004,
    "429, Retry-After": 0.012, "garbage before": 0.006, "garbage after": 0.008, "html before": 0.006,
    "empty after": 0.008, "oversized after": 0.006, "cut JSON after": 0.008, "slow": 0.03,
}


@dataclasses.dataclass(frozen=True)
class Class:
    """How grants of one kind are treated. `replay_window` is what the server is configured with for them."""
    name: str
    rotates: bool = True
    revokes: bool = True
    grace: float = 0.0
    replay_window: float = 1.0


@dataclasses.dataclass
class Token:
    credential: str
    epoch: int                # Which grant of this credential.
    serial: int
    consumed: "Exchange | None" = None


@dataclasses.dataclass
class Exchange:
    """One POST that reached the provider: a line of the ledger."""
    at: float                 # time.monotonic(), as it was decided.
    credential: str
    epoch: int
    presented: int            # The refresh token's serial.
    result: str               # rotated, kept, again, reuse, revoked, unknown; refused: a fault came first.
    minted: int | None = None # The serial of the refresh token in the answer.
    access_token: str | None = None
    fault: str | None = None
    wire: object = None       # The proxy's record of the connection.
    consumer: "Exchange | None" = None  # Of a token presented again: what consumed it.

    @property
    def spoilt(self) -> bool:
        """The answer could not be used, whoever carried it."""
        return self.fault is not None and self.fault != "slow"


@dataclasses.dataclass
class Grant:
    kind: Class
    lifetime: int
    epoch: int = 0
    serial: int = 0
    posts: int = 0
    revoked: bool = False
    answer: dict | None = None


class Provider:
    def __init__(self, seed: int, rate: float):
        self.seed, self.rate = seed, rate
        self.grants: dict[str, Grant] = {}
        self.tokens: dict[str, Token] = {}
        self.ledger: list[Exchange] = []
        self.expiry: dict[str, float] = {}  # Of every access token, monotonic.
        self.wires: dict[int, object] = {}  # The proxy's connections, by their port.

    def mint(self, credential: str, kind: Class | None = None, lifetime: int | None = None) -> str:
        """A grant, or a new one for a credential whose last is gone. Its refresh token."""
        if credential not in self.grants:
            self.grants[credential] = Grant(kind, lifetime)
        grant = self.grants[credential]
        grant.epoch += 1
        grant.revoked, grant.answer = False, None
        return self._new_token(credential, grant)

    def owner(self, refresh_token: str) -> str | None:
        token = self.tokens.get(refresh_token)
        return token.credential if token else None

    def _new_token(self, credential: str, grant: Grant) -> str:
        grant.serial += 1
        secret = hashlib.sha256(f"{self.seed}/{credential}/{grant.serial}".encode()).digest()
        text = base64.b64encode(secret).decode()
        self.tokens[text] = Token(credential, grant.epoch, grant.serial)
        return text

    def _fault(self, credential: str, grant: Grant) -> str | None:
        grant.posts += 1
        rates = {fault: share * self.rate for fault, share in FAULTS.items()}
        return pick(rates, self.seed, "provider", credential, grant.posts)

    def exchange(self, form: dict, wire) -> tuple[int, dict, bytes, bool]:
        """Status, headers, body, slowly."""
        refresh_token = form.get("refresh_token", "")
        token = self.tokens.get(refresh_token)
        if form.get("grant_type") != "refresh_token" or form.get("client_id") != "torture" or token is None:
            self.ledger.append(Exchange(time.monotonic(), "?", 0, 0, "unknown", wire=wire))
            return 400, {}, b'{"error":"invalid_request"}', False
        grant = self.grants[token.credential]
        fault = self._fault(token.credential, grant)
        line = Exchange(time.monotonic(), token.credential, token.epoch, token.serial, "refused", fault=fault, wire=wire)
        self.ledger.append(line)
        if fault == "503 before":
            return 503, {}, b"down\n", False
        if fault == "503 before, Retry-After":
            return 503, {"Retry-After": "1"}, b"down\n", False
        if fault == "429, Retry-After":
            return 429, {"Retry-After": "1"}, b"too many\n", False
        if fault == "garbage before":
            return 200, {}, b"%%%%", False
        if fault == "html before":
            return 200, {"Content-Type": "text/html"}, b"<html>Sign in</html>", False
        answer = self._grant(refresh_token, token, grant, line)
        if answer is None:
            if not fault or fault == "slow":
                line.fault = None
            return 400, {}, b'{"error":"invalid_grant"}', False
        body = json.dumps(answer).encode()
        if fault == "500 after":
            return 500, {}, b"oops\n", False
        if fault == "503 after, Retry-After":
            return 503, {"Retry-After": "1"}, b"oops\n", False
        if fault == "garbage after":
            return 200, {}, b"%%" + body[1:], False
        if fault == "empty after":
            return 200, {}, b"", False
        if fault == "oversized after":
            return 200, {}, b" " * 128 * 1024 + body, False
        if fault == "cut JSON after":
            return 200, {}, body[:len(body) // 2], False
        return 200, {}, body, fault == "slow"

    def _grant(self, refresh_token: str, token: Token, grant: Grant, line: Exchange) -> dict | None:
        kind = grant.kind
        stale = token.epoch != grant.epoch
        if stale or grant.revoked:
            line.result = "revoked"
            line.consumer = token.consumed
            return None
        if kind.rotates and token.consumed is not None:
            line.consumer = token.consumed
            lost = token.consumed
            if line.at - lost.at <= kind.grace and lost.minted == grant.serial:
                line.result, line.minted = "again", lost.minted
                return {**grant.answer, "access_token": self._access_token(line, grant)}
            line.result = "reuse"
            grant.revoked = kind.revokes
            return None
        answer = {"access_token": self._access_token(line, grant), "token_type": "bearer", "expires_in": grant.lifetime}
        if kind.rotates:
            token.consumed = line
            answer["refresh_token"] = self._new_token(line.credential, grant)
            line.result, line.minted = "rotated", grant.serial
        else:
            line.result, line.minted = "kept", token.serial
        grant.answer = answer
        return answer

    def _access_token(self, line: Exchange, grant: Grant) -> str:
        line.access_token = f"access.{line.credential}.{len(self.expiry)}"
        self.expiry[line.access_token] = line.at + grant.lifetime
        return line.access_token

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        wire = self.wires.get(writer.get_extra_info("peername")[1])
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(content_length(head))
            status, headers, answer, slowly = self.exchange(form_of(body), wire)
            if slowly:
                await asyncio.sleep(0.1 + 0.2 * draw(self.seed, "slow", len(self.ledger)))
            lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(answer)}", "Connection: close"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def form_of(body: bytes) -> dict:
    return dict(urllib.parse.parse_qsl(body.decode(errors="replace")))
