"""deploy/Containerfile, as far as it can be tried without an engine for containers: what it copies is all that its build takes,
and what it starts works without root on a file system that is read-only."""

import json
import pathlib
import re
import shutil
import subprocess

import pytest

from harness.certificates import Authority
from harness.process import Process, eventually
from harness.spare_root import SpareRoot
from harness.tools import BIN, ROOT, need

TEXT = (ROOT / "deploy" / "Containerfile").read_text()
USER = "10001"


def instructions(word: str) -> list[str]:
    joined = re.sub(r"\\\n", "", re.sub(r"(?m)^#.*\n", "", TEXT))
    return [line.split(None, 1)[1] for line in joined.splitlines() if line.split(None, 1)[:1] == [word]]


def test_what_it_copies_is_all_that_the_build_takes(tmp_path):
    tree = tmp_path / "source"
    for copied in instructions("COPY"):
        *sources, target = copied.split()
        for source in sources:
            assert (ROOT / source).exists(), source
            if target.startswith("/"):
                continue
            place = tree / target / (pathlib.PurePath(source).name if target.endswith("/") else "")
            place.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if (ROOT / source).is_dir() else shutil.copy)(ROOT / source, place)
    flags = re.search(r"cmake --preset release(.*?)&&", re.sub(r"\\\n", "", TEXT)).group(1).split()
    done = subprocess.run(["cmake", "--preset", "release", *flags], cwd=tree, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    # Every source is there: ninja finds none that it could not make.
    done = subprocess.run(["ninja", "-C", tree / "build/release", "-n"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:]


def test_every_package_is_known_to_apt():
    need("apt-cache", "Debian")
    done = subprocess.run(["apt-cache", "pkgnames"], capture_output=True, text=True, timeout=60)
    packages = set(done.stdout.split())
    build = re.search(r"build_packages=\((.*?)\)", (ROOT / "scripts/install-dependencies").read_text(), re.DOTALL)
    assert not [name for name in build.group(1).split() if name not in packages]


@pytest.fixture
def image(tmp_path):
    """What the second stage makes, on this machine's file system: the two programs and the configuration."""
    root = SpareRoot(tmp_path / "spare")
    for name in ("token-server", "token-client"):
        shutil.copy(BIN / name, root.path("/usr/bin"))
    root.run("install", "-d", "-o", USER, "-g", USER, "-m", "0700", "/var/lib/token-server")
    root.run("install", "-d", "/etc/token-server/tls")
    shutil.copy(ROOT / "deploy/container.yaml", root.path("/etc/token-server/token-server.yaml"))
    yield root
    root.close()


def command(root: SpareRoot, *arguments: str) -> list[str]:
    return root.command("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--bounding-set=-all",
                        "--no-new-privs", *arguments)


def test_it_serves_without_root_and_writes_to_its_volume_alone(image, start_sandbox, tmp_path):
    assert instructions("USER") == [f"{USER}:{USER}"]
    entry = json.loads(instructions("ENTRYPOINT")[0]) + json.loads(instructions("CMD")[0])
    authority = Authority(tmp_path / "authority")
    pair = authority.issue_server()
    sandbox = start_sandbox()
    for source, name in ((pair.certificate_file, "tls.crt"), (pair.private_key_file, "tls.key"),
                         (authority.file, "ca.crt"), (sandbox.refresh_token_file, "inbox")):
        shutil.copy(source, image.path("/etc/token-server/tls") / name)
    image.run("chown", "-R", USER, "/etc/token-server/tls")
    config = image.path("/etc/token-server/token-server.yaml")
    config.write_text(config.read_text().replace("0.0.0.0:8443", "127.0.0.1:0").replace(
        "credentials: []", "credentials: [{name: inbox, client_id: sandbox, refresh_token_file: tls/inbox, token_endpoint: "
        f"\"{sandbox.token_endpoint}\"}}]"))
    image.run("mount", "--bind", "/var/lib/token-server", "/var/lib/token-server")
    image.make_read_only()
    refused = subprocess.run(command(image, "touch", "/etc/x", "/usr/x", "/var/x"), capture_output=True, text=True)
    assert refused.stderr.count("Read-only file system") == 3

    program, flags = entry[0], entry[1:]
    empty = subprocess.run(command(image, *entry), capture_output=True, text=True, timeout=30)
    assert empty.returncode == 1 and "token-server init" in empty.stderr
    made = subprocess.run(command(image, program, "init", *flags), capture_output=True, text=True, timeout=30)
    assert made.returncode == 0, made.stderr
    server = Process(command(image, *entry), tmp_path / "server")
    try:
        eventually(lambda: server.stderr().count('"serving"') == 2 or not server.running(), 30, "it serves")
        environment = dict(each.split("=", 1) for each in instructions("ENV"))
        check = json.loads(re.search(r"CMD (\[.*\])", instructions("HEALTHCHECK")[0]).group(1))
        for asked in (check, ["token-client", "get"]):
            done = subprocess.run(command(image, "env", *(f"{k}={v}" for k, v in environment.items()), *asked),
                                  capture_output=True, text=True, timeout=30)
            assert done.returncode == 0, done.stderr + server.stderr()
        assert sandbox.buy_tickets(done.stdout.strip())[0] == 200
    finally:
        assert server.stop() == 0


def test_without_certificates_it_says_so(image, tmp_path):
    server = Process(command(image, "token-server", "--config=/etc/token-server/token-server.yaml"), tmp_path / "server")
    assert server.wait() == 2 and "certificate_file" in server.stderr() and server.stderr().count("\n") == 1
