"""Builds the servers that a team would write in other languages, in build/peers, and says how to start them.

A peer whose tools or packages are not to be had is left out, with a line that says so.
"""

import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HERE = ROOT / "bench/peers"
PLACE = ROOT / "build/peers"
GO_PLUGINS = ["google.golang.org/protobuf/cmd/protoc-gen-go@v1.33.0",
              "google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.3.0"]
GO_PACKAGE = "Mtoken/v1/token_service.proto=example.org/peer/tokenv1"


def run(*command, cwd, **environment):
    done = subprocess.run([str(each) for each in command], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=600, env={**os.environ, **environment})
    if done.returncode != 0:
        raise OSError(f"{command[0]}: {(done.stdout + done.stderr).strip()[-300:]}")


def copied(language):
    return pathlib.Path(shutil.copytree(HERE / language, PLACE / language, dirs_exist_ok=True))


def node():
    directory = copied("node")
    if not (directory / "node_modules").exists():
        run("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", cwd=directory)
    return lambda size: ["node", directory / "server.js", ROOT / "proto", size]


def python():
    directory = copied("python")
    # Python has a module `token` already.
    stubs = directory / "token_stubs"
    stubs.mkdir(exist_ok=True)
    shutil.copy(ROOT / "proto/token/v1/token_service.proto", stubs)
    run("protoc", "-I.", "--python_out=.", "--grpc_python_out=.",
        f"--plugin=protoc-gen-grpc_python={shutil.which('grpc_python_plugin')}", "token_stubs/token_service.proto",
        cwd=directory)
    # Debian's own python3 is the one with Debian's grpcio.
    return lambda size: ["/usr/bin/python3", directory / "server.py", directory, size]


def go():
    directory = copied("go")
    if not (directory / "peer").exists():
        plugins = PLACE / "go-plugins"
        for plugin in GO_PLUGINS:
            run("go", "install", plugin, cwd=directory, GOBIN=str(plugins), GOTOOLCHAIN="local")
        run("protoc", f"-I{ROOT}/proto", "--go_out=.", "--go-grpc_out=.", "--go_opt=module=example.org/peer",
            "--go-grpc_opt=module=example.org/peer", f"--go_opt={GO_PACKAGE}", f"--go-grpc_opt={GO_PACKAGE}",
            "token/v1/token_service.proto", cwd=directory, PATH=f"{plugins}:{os.environ['PATH']}")
        run("go", "build", "-o", "peer", ".", cwd=directory, GOTOOLCHAIN="local")
    return lambda size: [directory / "peer", size]


def available():
    """Label → function from a token's size to the command that serves."""
    PLACE.mkdir(parents=True, exist_ok=True)
    found = {}
    for label, prepare in {"grpc-go": go, "grpc-js": node, "Python, grpc.aio": python}.items():
        try:
            found[label] = prepare()
        except (OSError, subprocess.SubprocessError) as error:
            print(f"without {label}: {error}", file=sys.stderr)
    return found
