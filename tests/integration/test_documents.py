"""The documents: every link leads somewhere, and nothing is left out of what claims to list it all."""

import re
import subprocess

import pytest

from harness.tools import ROOT

LINK = re.compile(r"\]\(([^)\s]+)\)")
SCHEME = re.compile(r"[a-z]+:")


def documents():
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("this is no checkout of git")
    return [ROOT / name for name in listed.stdout.split()]


def prose(path) -> str:
    """Without what is code."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", lambda code: "`" + code.group(0)[1:-1].replace("](", "") + "`", text)


def anchors(path) -> set[str]:
    """As GitHub makes them of headings."""
    found = set()
    for heading in re.findall(r"^#{1,6} +(.*)$", prose(path), re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        found.add(re.sub(r"[^\w\- ]", "", text).replace(" ", "-"))
    return found


def test_every_link_leads_somewhere():
    broken = []
    for document in documents():
        for target in LINK.findall(prose(document)):
            if SCHEME.match(target):
                continue
            path, _, anchor = target.partition("#")
            there = (document.parent / path).resolve() if path else document
            if not there.exists() or anchor and there.suffix == ".md" and anchor not in anchors(there):
                broken.append(f"{document.relative_to(ROOT)}: {target}")
    assert broken == []


def test_the_page_of_providers_is_what_their_rules_say():
    subprocess.run([ROOT / "scripts" / "provider-docs", "--check"], check=True)


def test_the_index_of_decisions_has_them_all_by_their_titles():
    index = (ROOT / "docs" / "adr" / "README.md").read_text()
    pages = sorted(path for path in (ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        title = page.read_text().splitlines()[0].removeprefix("# ").split(". ", 1)[1]
        assert f"[{title}]({page.name})" in index, page.name


def test_the_table_of_tests_has_every_file():
    table = (ROOT / "docs" / "testing.md").read_text()
    missing = [path.name for path in (ROOT / "tests" / "integration").glob("test_*.py") if f"`{path.name}`" not in table]
    assert missing == []
