"""Builds the true llama-server from the llama.cpp tree inside the llama-cpp-python sdist.

cmake and ninja come from hashed wheels; only the C and C++ compilers are the machine's.
"""

import os
import shutil
import tarfile
from pathlib import Path

import pyvenvs
from pins import HERE, Pin
from steps import BuildError, Steps, cpu_count

_COMPILERS = {"CC": ("cc", "gcc", "clang"), "CXX": ("c++", "g++", "clang++")}


def build(pin: Pin, entry: Path, steps: Steps) -> None:
    """Fetch, configure, compile, keep the one binary; a build that was interrupted goes on where it stopped."""
    for variable, names in _COMPILERS.items():
        _require_compiler(variable, names)
    source_pin, build_pin = pin.inputs
    work = entry / "work"
    tools = work / "venv"
    pyvenvs.make(tools, build_pin, steps)
    source = _fetch_source(source_pin, work, steps)
    _compile(pin, source / "vendor" / "llama.cpp", work / "build", steps)
    for name, built in pin.commands.items():
        shutil.copy2(work / built, entry / "bin" / name)
    shutil.rmtree(work)


def _require_compiler(variable: str, names: tuple[str, ...]) -> None:
    wanted = (os.environ[variable].split()[0],) if os.environ.get(variable) else names
    if not any(shutil.which(name) for name in wanted):
        expected = " or ".join(wanted)
        raise BuildError(f"Expected a compiler ({expected}), found none on PATH - install one or set ${variable}")


def _fetch_source(requirement: str, work: Path, steps: Steps) -> Path:
    source = work / "source"
    if source.is_dir():
        return source
    python = work / "venv" / "bin" / "python"
    # pip asks an sdist for its metadata; without isolation it uses the hashed scikit-build-core of the environment.
    options = ["--no-deps", "--no-binary=:all:", "--no-build-isolation", "--require-hashes"]
    steps.run([python, "-m", "pip", "download", *options, "--dest", work, "--requirement", HERE / requirement])
    return _unpack(next(work.glob("*.tar.gz")), source)


def _unpack(archive: Path, source: Path) -> Path:
    partial = source.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    with tarfile.open(archive) as tar:
        tar.extractall(partial, filter="data")
    next(partial.iterdir()).replace(source)
    return source


def _compile(pin: Pin, source: Path, build_folder: Path, steps: Steps) -> None:
    tools = build_folder.parent / "venv" / "bin"
    cmake = tools / "cmake"
    ninja = f"-DCMAKE_MAKE_PROGRAM={tools / 'ninja'}"
    # --fresh forgets another compiler of an earlier run; what is compiled stays.
    steps.run([cmake, "--fresh", "-S", source, "-B", build_folder, "-G", "Ninja", ninja, *pin.flags])
    steps.run([cmake, "--build", build_folder, "--target", *pin.commands, "-j", cpu_count()])
