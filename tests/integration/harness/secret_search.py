"""Looks for secrets in bytes, however they may have been written down."""

import base64
import json
import urllib.parse

WINDOW = 16  # A part this long is a find.


def spellings(secret: bytes) -> set[bytes]:
    """The beginning, the middle and the end of the secret, each as it may appear."""
    middle = len(secret) // 2
    found = set()
    for part in (secret[:WINDOW], secret[middle - WINDOW // 2:middle + WINDOW // 2], secret[-WINDOW:]):
        text = part.decode("latin-1")
        found |= {part, part.hex().encode(), part.hex().upper().encode(),
                  urllib.parse.quote(text, safe="").encode(), json.dumps(text)[1:-1].encode(),
                  text.replace("/", "\\/").encode()}
        for shift in range(3):  # Base64 of it at any place in a longer text: what does not depend on what is around.
            encoded = base64.b64encode(bytes(shift) + part)
            inner = encoded[4 * ((shift + 2) // 3) if shift else 0:len(encoded) // 4 * 4 - 4]
            found |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return {spelling for spelling in found if len(spelling) >= 12}


class SecretSearch:
    """Collects what was seen where, and then looks."""

    def __init__(self):
        self._places: dict[str, bytes] = {}

    def saw(self, place: str, what: bytes | str) -> None:
        data = what if isinstance(what, bytes) else what.encode("utf-8", "surrogateescape")
        self._places[place] = self._places.get(place, b"") + b"\0" + data

    def seen(self, place: str) -> bytes:
        return self._places.get(place, b"")

    def finds(self, secrets: dict) -> list[str]:
        """`secrets`: to what each is."""
        found = []
        for secret, kind in secrets.items():
            raw = secret if isinstance(secret, bytes) else secret.encode()
            for spelling in spellings(raw):
                found += [f"{kind} in {place}" for place, data in self._places.items() if spelling in data]
        return sorted(set(found))
