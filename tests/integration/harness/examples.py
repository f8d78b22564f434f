"""The programs in examples/, built with each language's own tools, once a build directory."""

import os
import pathlib
import shutil
import subprocess

from .tools import ROOT, WORK, missing, need

_PLACE = WORK / "examples"
_GO_TOOLS = ["google.golang.org/protobuf/cmd/protoc-gen-go@v1.33.0",
             "google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.3.0"]

_BUF = "@bufbuild/buf@1.50.0"


def _run(*command, cwd: pathlib.Path, **environment: str) -> None:
    done = subprocess.run([str(each) for each in command], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=900, env={**os.environ, **environment})
    assert done.returncode == 0, f"{command}: {(done.stdout + done.stderr)[-3000:]}"


def _fetch(done_for: pathlib.Path, wanted: str, *commands: list, cwd: pathlib.Path, **environment: str) -> None:
    """From a registry, unless what is wanted has been fetched already."""
    if done_for.exists() and done_for.read_text() == wanted:
        return
    for command in commands:
        try:
            _run(*command, cwd=cwd, **environment)
        except AssertionError as error:
            missing(f"cannot be fetched: {error}")
    done_for.write_text(wanted)


def _copy(language: str) -> pathlib.Path:
    """The example beside proto/, as in the repository, with what earlier runs left there."""
    shutil.copytree(ROOT / "proto", _PLACE / "proto", dirs_exist_ok=True)
    return pathlib.Path(shutil.copytree(ROOT / "examples" / language, _PLACE / "examples" / language, dirs_exist_ok=True))


def _go() -> list[str]:
    go = need("go", "package golang-go")
    need("protoc", "package protobuf-compiler")
    directory, tools = _copy("go"), _PLACE / "go-tools"
    tools.mkdir(exist_ok=True)
    path = f"{tools}:{os.environ['PATH']}"
    _fetch(tools / "fetched", str(_GO_TOOLS), *([go, "install", tool] for tool in _GO_TOOLS), cwd=directory,
           GOBIN=str(tools), GOTOOLCHAIN="local")
    _fetch(tools / "modules", (directory / "go.sum").read_text(), [go, "mod", "download"], cwd=directory,
           GOTOOLCHAIN="local")
    _run(go, "generate", cwd=directory, PATH=path)
    _run(go, "vet", ".", cwd=directory, GOTOOLCHAIN="local")
    _run(go, "build", "-o", "example", cwd=directory, GOTOOLCHAIN="local")
    return [str(directory / "example")]


def _python() -> list[str]:
    directory, venv = _copy("python"), _PLACE / "venv"
    _fetch(_PLACE / "venv-fetched", (directory / "requirements.txt").read_text(),
           ["/usr/bin/python3", "-m", "venv", venv],
           [venv / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"],
           cwd=directory)
    _run(directory / "generate.sh", cwd=directory, PATH=f"{venv / 'bin'}:{os.environ['PATH']}")
    return [str(venv / "bin" / "python3"), "-u", str(directory / "example.py")]


def _node() -> list[str]:
    node, npm = need("node", "package nodejs"), need("npm", "package npm")
    need("protoc", "package protobuf-compiler")
    directory = _copy("node")
    _fetch(directory / "fetched", (directory / "package.json").read_text(),
           [npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"],
           cwd=directory)
    _run(npm, "run", "generate", cwd=directory)
    return [node, str(directory / "example.js")]


def _java() -> list[str]:
    java, maven = need("java", "package default-jdk-headless"), need("mvn", "package maven")
    directory = _copy("java")
    _fetch(directory / "fetched", (directory / "pom.xml").read_text(), [maven, "-q", "-B", "package"], cwd=directory)
    _run(maven, "-q", "-B", "-o", "package", cwd=directory)
    return [java, "-XX:TieredStopAtLevel=1", "-cp", f"{directory}/target/classes:{directory}/target/lib/*", "Example"]


def path_with_generators() -> str:
    """PATH with what the commands of docs/clients.md ask to be installed."""
    for language in ("go", "python", "node"):
        build(language)
    buf = _PLACE / "buf"
    buf.mkdir(exist_ok=True)
    _fetch(buf / "fetched", _BUF, [need("npm", "package npm"), "install", f"--prefix={buf}", "--no-package-lock",
                                   "--no-audit", "--no-fund", "--loglevel=error", _BUF], cwd=buf)
    modules = "node_modules/.bin"
    return ":".join(map(str, (_PLACE / "go-tools", _PLACE / "venv" / "bin", _PLACE / "examples" / "node" / modules,
                              buf / modules, os.environ["PATH"])))


LANGUAGES = {"go": _go, "python": _python, "node": _node, "java": _java}


def build(language: str) -> list[str]:
    """The command that runs it."""
    _PLACE.mkdir(parents=True, exist_ok=True)
    return LANGUAGES[language]()
