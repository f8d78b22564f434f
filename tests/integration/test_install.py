"""`cmake --install`, and a project of somebody else that builds against what it installed."""

import os
import pathlib
import shutil
import subprocess

import pytest

from harness.tools import BIN, ROOT, WORK, need

CONSUMER = ROOT / "tests" / "consumer"


def run(*command, **more) -> str:
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True, timeout=600, **more)
    assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory) -> pathlib.Path:
    """Installed to one place and moved to another: nothing may remember the first."""
    first = tmp_path_factory.mktemp("first") / "prefix"
    run("cmake", "--install", BIN.parent, "--prefix", first)
    moved = tmp_path_factory.mktemp("moved") / "prefix"
    shutil.move(first, moved)
    return moved


@pytest.fixture(scope="module")
def consumer(prefix) -> pathlib.Path:
    """The directory with its programs. Always in the same place: the compiler's cache knows it."""
    build = WORK / "consumer"
    shutil.rmtree(build, ignore_errors=True)
    run("cmake", "-G", "Ninja", "-S", CONSUMER, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}",
        "-DCMAKE_BUILD_TYPE=Debug")
    run("cmake", "--build", build)
    return build


def test_the_programs_are_there_and_run(prefix):
    assert {path.name for path in (prefix / "bin").iterdir()} == {
        "token-server", "token-client", "ticket-api-sandbox"}
    assert run(prefix / "bin" / "token-server", "--version").startswith("token-server ")
    assert run(prefix / "bin" / "token-client", "--version").startswith("token-client ")
    assert "credential" in run(prefix / "bin" / "token-client", "--help")


@pytest.mark.parametrize("component, there, not_there", [
    ("server", "bin/token-server", "bin/token-client"),
    ("server", "share/token-service/grafana/token-service.json", "share/token-service/proto"),
    ("server", "share/token-service/prometheus/alerts.yaml", "share/token-service/prometheus/alerts_test.yaml"),
    ("client", "bin/token-client", "bin/token-server"),
    ("sandbox", "bin/ticket-api-sandbox", "bin/token-server"),
    ("development", "include/token_service/token_client.h", "bin"),
])
def test_components(component, there, not_there, tmp_path):
    run("cmake", "--install", BIN.parent, "--prefix", tmp_path, "--component", component)
    assert (tmp_path / there).exists() and not (tmp_path / not_there).exists()


def test_the_protos_compile_by_themselves(prefix, tmp_path):
    protos = prefix / "share" / "token-service" / "proto"
    run(need("protoc", "package protobuf-compiler"), f"-I{protos}", f"--python_out={tmp_path}",
        *[path.relative_to(protos) for path in protos.rglob("*.proto")])
    assert (tmp_path / "token" / "v1" / "credential_service_pb2.py").exists()


def test_nothing_installed_knows_where_it_was_built(prefix):
    places = [str(ROOT).encode(), str(BIN.parent).encode()]
    for path in prefix.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(place in content for place in places), path


def test_a_consumer_gets_a_token(consumer, start_sandbox, start_server):
    sandbox = start_sandbox()
    server = start_server([sandbox.credential()])
    token = run(consumer / "consumer", server.address).strip()
    assert sandbox.buy_tickets(token)[0] == 200
    assert run(consumer / "stub_consumer", server.address) == "1\n"


def test_a_consumer_gets_the_reason(consumer, start_sandbox, start_server):
    server = start_server([start_sandbox().credential()])
    done = subprocess.run([consumer / "consumer", server.address, "nobody"], capture_output=True, text=True,
                          timeout=60)
    assert (done.returncode, done.stdout) == (1, "CREDENTIAL_NOT_FOUND\n")


def test_a_consumer_keeps_a_token_source(consumer, start_sandbox, start_server):
    """Current, Get, Replace, on_change, the header, and a gRPC API that is called with it."""
    sandbox = start_sandbox()
    server = start_server([sandbox.credential(min_refresh_interval="100ms")])
    first, second = run(consumer / "source_consumer", server.address).splitlines()
    assert first != second
    token = server.api.get()
    assert second == f"Bearer {token.access_token}" and token.generation == 2
    assert sandbox.buy_tickets(second.removeprefix("Bearer "))[0] == 200


def test_a_consumer_without_cmake(prefix, tmp_path, start_sandbox, start_server):
    """pkg-config tells the compiler all it has to know."""
    found = next(prefix.rglob("token-service-client.pc"))
    environment = {**os.environ, "PKG_CONFIG_PATH": str(found.parent)}
    flags = run(need("pkg-config", "package pkg-config"), "--cflags", "--libs", "token-service-client",
                env=environment).split()
    run("g++", "-std=c++20", CONSUMER / "consumer.cc", "-o", tmp_path / "consumer", *flags)
    server = start_server([start_sandbox().credential()])
    assert run(tmp_path / "consumer", server.address).count(".") == 2


def test_another_minor_version_is_refused(prefix, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(X LANGUAGES CXX)\nfind_package(TokenService 0.99 REQUIRED)\n")
    done = subprocess.run(["cmake", "-S", tmp_path, "-B", tmp_path / "b", f"-DCMAKE_PREFIX_PATH={prefix}"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "0.99" in done.stderr
