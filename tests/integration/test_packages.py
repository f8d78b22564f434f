"""The Debian packages: what is in them, and their life on a machine. systemd does not run where they are installed."""

import gzip
import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest

from harness.process import Process, eventually
from harness.spare_root import SpareRoot
from harness.tools import BIN, ROOT, need

UNIT = "/lib/systemd/system/token-server.service"
CONFIG = "/etc/token-server/token-server.yaml"
DATA = "/var/lib/token-server"
SOCKET = "/run/token-server/token-server.sock"
CREDENTIALS = "/run/credentials/token-server.service"
USER = "64321"  # What DynamicUser= would take.


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> dict[str, pathlib.Path]:
    """name → file."""
    need("dpkg-shlibdeps", "package dpkg-dev")
    directory = tmp_path_factory.mktemp("packages")
    done = subprocess.run(["cpack", "--config", BIN.parent / "CPackConfig.cmake", "-B", directory],
                          capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.name.split("_")[0]: path for path in directory.glob("*.deb")}


def control(package: pathlib.Path) -> dict[str, str]:
    text = subprocess.run(["dpkg-deb", "--field", package], capture_output=True, text=True, check=True).stdout
    return dict(re.findall(r"^([A-Za-z-]+): (.*(?:\n .*)*)", text, re.MULTILINE))


def contents(package: pathlib.Path) -> dict[str, str]:
    """path → mode and owner."""
    text = subprocess.run(["dpkg-deb", "--contents", package], capture_output=True, text=True, check=True).stdout
    return {line.split()[5].removeprefix("."): " ".join(line.split()[:2]) for line in text.splitlines()}


def test_three_packages_with_sound_control_files(packages):
    assert set(packages) == {"token-server", "token-client", "libtoken-service-dev"}
    version = re.search(r"project\(TokenService VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
    newest = (ROOT / "deploy/debian/changelog").read_text().splitlines()[0]
    for name, package in packages.items():
        fields = control(package)
        assert fields["Package"] == name and fields["Maintainer"] and fields["Section"]
        assert fields["Version"] == f"{version}-1" and f"({version}-1)" in newest
        summary, *rest = fields["Description"].splitlines()
        assert 10 < len(summary) < 80 and rest and all(len(line) < 82 for line in rest)
        assert "libc6" in fields["Depends"] or name.endswith("-dev")
    assert {"libc-ares2", "libsqlite3-0", "libsodium23", "libtcmalloc-minimal4"} <= {
        each.split()[0] for each in control(packages["token-server"])["Depends"].split(",")}


def test_files_belong_to_root_and_secrets_have_a_closed_place(packages):
    for package in packages.values():
        for path, (mode_and_owner) in contents(package).items():
            mode, owner = mode_and_owner.split()
            assert owner == "root/root" and mode[8] != "w", path
    files = contents(packages["token-server"])
    for closed in ("/etc/token-server/refresh-tokens/", "/etc/token-server/keys/"):
        assert files[closed].startswith("drwx------")
    assert {"/etc/logrotate.d/token-server", "/usr/share/token-service/prometheus/alerts.yaml",
            "/usr/share/token-service/grafana/token-service.json"} <= set(files)
    for name, package in packages.items():
        files = contents(package)
        assert f"/usr/share/doc/{name}/copyright" in files
        assert f"/usr/share/doc/{name}/changelog.Debian.gz" in files
        for program in (path for path in files if path.startswith("/usr/bin/t")):
            assert f"/usr/share/man/man1/{pathlib.PurePath(program).name}.1.gz" in files


def test_the_manual_says_what_the_program_says(packages, tmp_path):
    for name in ("token-server", "token-client"):
        subprocess.run(["dpkg-deb", "--extract", packages[name], tmp_path / name], check=True)
        page = gzip.decompress((tmp_path / name / f"usr/share/man/man1/{name}.1.gz").read_bytes()).decode()
        help_text = subprocess.run([BIN / name, "--help"], capture_output=True, text=True, check=True).stdout
        for flag in re.findall(r"--[a-z_]+", help_text):
            assert flag.replace("-", "\\-") in page


@pytest.fixture
def root(tmp_path):
    spare = SpareRoot(tmp_path / "spare")
    yield spare
    spare.close()


def dpkg(root: SpareRoot, *arguments: str) -> str:
    """Nothing here has to outlive a power failure, and nobody reads the manual's index."""
    return root.run("dpkg", "--force-unsafe-io", "--force-confold", "--no-triggers", *arguments)


def put(root: SpareRoot, package: pathlib.Path) -> str:
    """The package's path in there."""
    shutil.copy(package, root.path("/var/tmp") / package.name)
    return f"/var/tmp/{package.name}"


def newer(package: pathlib.Path, work: pathlib.Path) -> pathlib.Path:
    """The same with the next version and another configuration file."""
    subprocess.run(["dpkg-deb", "--raw-extract", package, work], check=True)
    text = (work / "DEBIAN/control").read_text()
    (work / "DEBIAN/control").write_text(text.replace("-1\n", "-2\n", 1))
    with open(work / CONFIG[1:], "a") as config:
        config.write("# of the next version\n")
    built = work.with_suffix(".deb")
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", work, built], check=True, capture_output=True)
    return built


def status(root: SpareRoot, name: str) -> str:
    return root.try_run("dpkg-query", "--show", "--showformat=${db:Status-Status}", name).stdout


def as_systemd_would(root: SpareRoot, files: dict[str, pathlib.Path]) -> None:
    """The directories and the secrets that the unit asks for, the secrets readable by the user alone."""
    for path, group, mode in ((DATA, USER, "0700"), ("/run/token-server", "token-callers", "0750"),
                              (CREDENTIALS, USER, "0500")):
        root.run("install", "-d", "-o", USER, "-g", group, "-m", mode, path)
    for name, path in files.items():
        root.path(f"{CREDENTIALS}/{name}").write_bytes(path.read_bytes())
        root.run("chown", USER, f"{CREDENTIALS}/{name}")
        root.run("chmod", "0400", f"{CREDENTIALS}/{name}")


def start(root: SpareRoot, log: pathlib.Path) -> Process:
    command = re.search(r"^ExecStart=(.*)$", root.path(UNIT).read_text(), re.MULTILINE).group(1).split()
    server = Process(root.command("setpriv", f"--reuid={USER}", "--regid=token-callers", "--clear-groups",
                                  "--no-new-privs", *command), log)

    def serving():
        assert server.running(), server.stderr()
        return server.stderr().count('"serving"') == 2
    eventually(serving, 30, "the installed server serves")
    return server


def test_a_life_from_installation_to_purge(root, packages, start_sandbox, tmp_path):
    sandbox = start_sandbox()
    debs = [put(root, packages[name]) for name in ("token-server", "token-client")]

    dpkg(root, "--install", *debs)
    assert root.run("getent", "group", "token-callers")
    assert root.run("dpkg", "--verify", "token-server", "token-client") == ""
    assert root.path("/etc/systemd/system/multi-user.target.wants/token-server.service").is_symlink()
    as_systemd_would(root, {"refresh-tokens_support-inbox": sandbox.refresh_token_file})
    root.run("token-server", f"--config={CONFIG}", "--check_config")

    # The example in the file, uncommented, and the sandbox for a provider.
    config = root.path(CONFIG)
    edited, count = re.subn(r"^credentials: \[\]\n((?:#.*\n)+)", lambda m: m.group(1).replace("#", ""),
                            config.read_text(), flags=re.MULTILINE)
    assert count == 1
    edited = edited.replace("my-client", "sandbox").replace("https://api.socialboards.com/token",
                                                            sandbox.token_endpoint)
    config.write_text(edited)
    root.run("token-server", f"--config={CONFIG}", "--check_config")

    # Without a store, which might be a lost one, nothing starts; root makes it for the server's user.
    serve = ["setpriv", f"--reuid={USER}", "--clear-groups", "token-server", f"--config={CONFIG}"]
    without = root.try_run(*serve)
    assert without.returncode == 1 and "token-server init" in without.stderr
    assert not list(root.path(DATA).iterdir())
    root.run("token-server", "init", f"--config={CONFIG}")
    assert root.try_run("token-server", "init", f"--config={CONFIG}").returncode == 1
    server = start(root, tmp_path / "server")
    caller = ["setpriv", "--reuid=65534", "--regid=65534"]
    get = ["token-client", "get", f"--server=unix:{SOCKET}"]
    token = root.run(*caller, "--groups=token-callers", *get).strip()
    assert sandbox.buy_tickets(token)[0] == 200
    stranger = root.try_run(*caller, "--clear-groups", *get, "--timeout=2s")
    assert stranger.returncode == 1 and "UNAVAILABLE" in stranger.stderr
    operate = ["token-client", f"--server=unix:{DATA}/operator.sock", "credential"]
    assert "support-inbox" in root.run(*operate, "list")
    refused = root.try_run(*caller, "--groups=token-callers", "token-client", f"--server=unix:{SOCKET}", "credential",
                           "list")
    assert refused.returncode == 1 and "OPERATOR_REQUIRED" in refused.stderr

    # The next version arrives while it serves. What the operator wrote stays.
    dpkg(root, "--install", put(root, newer(packages["token-server"], tmp_path / "newer")))
    assert config.read_text() == edited
    assert root.path(CONFIG + ".dpkg-dist").exists()
    assert root.run(*caller, "--groups=token-callers", *get).strip() == token
    assert server.stop() == 0
    server = start(root, tmp_path / "server-2")
    assert root.run(*caller, "--groups=token-callers", *get).strip() == token, "from the store"
    assert server.stop() == 0
    assert sandbox.stats()["token_requests"] == 1

    dpkg(root, "--remove", "token-server")
    assert status(root, "token-server") == "config-files" and not root.path("/usr/bin/token-server").exists()
    assert config.read_text() == edited and root.path(f"{DATA}/credentials.db").exists()
    dpkg(root, "--install", debs[0])
    assert config.read_text() == edited

    audit = root.path("/var/log/token-server")
    audit.mkdir(parents=True, exist_ok=True)
    (audit / "audit.jsonl").write_text("{}\n")
    said = dpkg(root, "--purge", "token-server", "token-client")
    assert f"rm -r {DATA}" in said and "rm -r /var/log/token-server" in said
    assert (audit / "audit.jsonl").exists()
    assert not config.exists() and root.path(f"{DATA}/credentials.db").exists()
    assert not root.path("/etc/logrotate.d/token-server").exists()
    assert not root.path("/etc/systemd/system/multi-user.target.wants/token-server.service").is_symlink()
    assert status(root, "token-server") != "installed"


def test_the_audit_is_rotated(root, packages):
    rotate = [need("logrotate", "package logrotate"), "--force", "/etc/logrotate.d/token-server"]
    for name in ("token-server", "token-client"):
        dpkg(root, "--install", put(root, packages[name]))
    shutil.copy(ROOT / "tests/integration/harness/systemctl_stand_in", root.path("/usr/local/bin/systemctl"))
    path = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    root.run(*rotate)  # There is nothing yet.
    audit = root.path("/var/log/token-server/audit.jsonl")
    with open(root.path(CONFIG), "a") as config:
        config.write("audit: {file: /var/log/token-server/audit.jsonl}\n")
    root.run("token-server", "init", f"--config={CONFIG}")
    try:
        root.run("systemctl", "start", "token-server", PATH=path)
        eventually(lambda: '"start"' in audit.read_text(), 30, "the server tells that it started")
        for older in ("audit.jsonl.1", "audit.jsonl.2.gz"):
            root.run(*rotate, PATH=path)
            eventually(lambda: audit.exists() and '"reload"' in audit.read_text(), 30, "it writes to a new file")
            assert (audit.stat().st_mode & 0o777, audit.stat().st_uid) == (0o600, int(USER))
            assert audit.with_name(older).exists()
        assert '"start"' in gzip.decompress(audit.with_name("audit.jsonl.2.gz").read_bytes()).decode()
    finally:
        root.try_run("systemctl", "stop", "token-server", PATH=path)


@pytest.mark.parametrize("script, arguments", [
    ("postinst", ["configure"]), ("postinst", ["configure", "0.1.0-1"]), ("postinst", ["abort-remove"]),
    ("prerm", ["remove"]), ("prerm", ["upgrade", "0.1.0-2"]),
    ("postrm", ["remove"]), ("postrm", ["purge"]), ("postrm", ["upgrade", "0.1.0-2"]),
])
def test_maintainer_scripts_may_run_again(script, arguments, root):
    shutil.copy(ROOT / "deploy" / "debian" / script, root.path("/var/tmp"))
    for _ in range(2):
        root.run("env", "DPKG_MAINTSCRIPT_PACKAGE=token-server", f"/var/tmp/{script}", *arguments)


def test_a_service_that_was_switched_off_stays_off(root, packages):
    deb = put(root, packages["token-server"])
    dpkg(root, "--install", deb)
    link = root.path("/etc/systemd/system/multi-user.target.wants/token-server.service")
    link.unlink()
    dpkg(root, "--install", deb)
    assert not link.is_symlink()


def test_the_unit_is_valid_and_confined(root, packages):
    need("systemd-analyze", "package systemd")
    dpkg(root, "--install", put(root, packages["token-server"]))
    said = root.run("systemd-analyze", "verify", "--man=no", UNIT)
    assert "token-server" not in said, said
    # 0 is locked up, 10 is open; nearly all of what is left is that it talks to the network.
    root.run("systemd-analyze", "security", "--offline=true", "--threshold=20", UNIT)


def test_the_unit_waits_longer_than_the_drain_and_is_fed_often_enough():
    unit = (ROOT / "deploy/systemd/token-server.service").read_text()
    value = dict(re.findall(r"^(\w+)=(.+)$", unit, re.MULTILINE))
    drain = re.search(r"`drain_timeout` \| `(\d+)s`", (ROOT / "docs/configuration.md").read_text()).group(1)
    assert int(value["TimeoutStopSec"].removesuffix("s")) > int(drain) + 5
    assert value["Type"] == "notify" and value["LimitCORE"] == "0"


def test_every_block_of_the_operations_page_works(root, packages, start_sandbox):
    """On an installed package, with a stand-in for systemctl and the sandbox for a provider that punishes reuse."""
    sandbox = start_sandbox(ttl="5s")
    for name, tokens in (("refresh-token", sandbox.refresh_token_file), ("new-refresh-token", sandbox.mint("new")),
                         ("another-refresh-token", sandbox.mint("another"))):
        shutil.copy(tokens, root.path("/root") / name)
    for name in ("token-server", "token-client"):
        shutil.copy(packages[name], root.path("/root"))
    shutil.copy(ROOT / "tests/integration/harness/systemctl_stand_in", root.path("/usr/local/bin/systemctl"))
    # The network is for the registry's lists; all that these packages need is here.
    text = (ROOT / "docs" / "operations.md").read_text().replace("apt-get install -y", "dpkg --force-unsafe-io --force-confold --no-triggers --install")
    script = ["set -eu", "cd /root", "unset TOKEN_SERVER"]
    for number, match in enumerate(re.finditer(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)):
        block = match.group(1).replace("my-client", "sandbox")
        script.append(f"echo '--- block {number}' >&2\n{block}")
        if number == 0:
            script.append(f"sed -i 's#https://api.socialboards.com/token#{sandbox.token_endpoint}#' {CONFIG}")
        if "token-server backup" in block:
            # Time goes by after the backup: its access token expires, its refresh token is used up. To present that
            # one would be the end of the grant.
            script.append("""
                generation() { token-client get --format=json | sed 's/.*"generation":"\\([0-9]*\\)".*/\\1/'; }
                at_backup=$(generation)
                until [ "$(generation)" -gt $((at_backup + 1)) ]; do sleep 0.1; done""")
        script.append("cd /root")
    try:
        root.run("bash", "-c", "\n".join(script), PATH="/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        stats = {each["name"]: each for each in sandbox.stats()["credentials"]}
        assert all(each["reuse_detected"] == 0 for each in stats.values())
        token = root.run("token-client", "get", f"--server=unix:{DATA}/operator.sock").strip()
        assert sandbox.buy_tickets(token)[0] == 200
    finally:
        pid_file = root.path("/var/tmp/token-server.pid")
        if pid_file.exists():
            os.kill(int(pid_file.read_text()), signal.SIGKILL)
