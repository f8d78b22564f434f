"""Refresh tokens lie in the memory of secrets and nowhere else: the process is looked through, as root."""

import os
import pathlib
import secrets

import pytest

from harness.certificates import Authority
from harness.operator import Operator
from harness.process import eventually
from harness.scripted_provider import ScriptedProvider

LARGEST = 1 << 30

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into a process that keeps itself private")


def regions(pid: int):
    """(bytes, is_locked) of each writable part of its memory. What keeps secrets is locked, and left out of core files."""
    parts = []
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        head = line.split()
        if "-" in head[0] and len(head) >= 5:
            begin, end = (int(number, 16) for number in head[0].split("-"))
            mode = head[1]
        elif head[0] == "Rss:":
            resident = int(head[1]) * 1024
        elif head[0] == "VmFlags:":
            # What a sanitizer reserves is larger than any memory, and holds nothing of ours.
            if "w" in mode and "r" in mode and resident > 0 and end - begin < LARGEST:
                parts.append((begin, end, "dd" in head[1:]))
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for begin, end, private in parts:
            try:
                memory.seek(begin)
                yield memory.read(end - begin), private
            except OSError:
                continue


def found(pid: int, tokens: list[str]) -> dict[str, tuple[int, int]]:
    """Of each token: how often it is in ordinary memory, and in that of secrets."""
    counts = {token: [0, 0] for token in tokens}
    for data, private in regions(pid):
        for token in tokens:
            counts[token][private] += data.count(token.encode())
    return {token: tuple(count) for token, count in counts.items()}


class Sentinels(ScriptedProvider):
    """Its refresh tokens can be told from anything else."""

    tokens = [f"sentinel-{secrets.token_hex(16)}" for _ in range(64)]

    @classmethod
    def refresh_token(cls, number: int) -> str:
        return cls.tokens[number]


@pytest.mark.parametrize("tls", [False, True], ids=["plaintext", "TLS"])
def test_no_refresh_token_of_an_answer_is_in_ordinary_memory(make_server, tmp_path, tls):
    authority = Authority(tmp_path / "authority")
    provider = Sentinels(certificate=authority.issue_server() if tls else None)
    evidence = f"sentinel-{secrets.token_hex(16)}"
    try:
        more = {"ca_file": str(authority.file)} if tls else {}
        server = make_server([provider.credential(tmp_path, **more)]).start()
        eventually(server.api.get, 30, "a token")
        operator = Operator(server.api)
        for _ in range(5):
            operator.refresh("inbox")
        provider.answers.append((500, f'{{"error": {{"deep": {{"refresh_token": "{evidence}"}}}}}}'))
        operator.refusal("RefreshCredential", name="inbox")
        eventually(lambda: operator.call("ListEvidence", name="inbox").evidence, 30, "evidence")
        made = [provider.tokens[number] for number in range(1, provider.made + 1)]
        assert len(made) == 6
        counts = found(server.process.pid, [*made, evidence])
        seen = found(server.process.pid, ["inbox"])
    finally:
        provider.close()
    assert seen["inbox"][0] > 0, "it was looked through"
    assert {token: ordinary for token, (ordinary, _) in counts.items() if ordinary} == {}


def test_the_search_finds_what_is_there(tmp_path):
    token = f"sentinel-{secrets.token_hex(16)}"
    assert found(os.getpid(), [token])[token][0] > 0
