"""Chance by seed: the same seed, credential and occasion draw the same, however threads and processes interleave."""

import hashlib


def draw(*what) -> float:
    """0 to 1."""
    digest = hashlib.sha256(repr(what).encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def pick(table: dict, *what):
    """A key of `table` by its share; None for what the shares leave of 1."""
    at = draw(*what)
    for key, share in table.items():
        if at < share:
            return key
        at -= share
    return None
