"""Which adapters there are, and how each is built and started."""

import os
import pathlib
import shlex
import subprocess
import sys

ADAPTERS = pathlib.Path(__file__).parent.parent / "adapters"
ROOT = ADAPTERS.parent.parent.parent
BUILD = ROOT / "build" / "conformance"

BINDINGS = ["c", "python_asyncio", "python_uvloop", "python_sync", "ruby_threads", "ruby_fibers", "go", "rust"]


def selected():
    """The adapters this run asks, from $STATEKEEP_ADAPTERS or all of them."""
    names = os.environ.get("STATEKEEP_ADAPTERS")
    return names.split(",") if names else BINDINGS


def build_c():
    """The C adapter with the engine's one-file build, so that it needs nothing installed."""
    program = BUILD / "adapter-c"
    sources = [ROOT / "core" / "all.c", *sorted(ADAPTERS.glob("c/*.c"))]
    watched = [*sources, *ADAPTERS.glob("c/*.h"), *ROOT.glob("core/src/*.[ch]"), *ROOT.glob("core/include/*.h")]
    if program.exists() and program.stat().st_mtime > max(path.stat().st_mtime for path in watched):
        return [str(program)]
    BUILD.mkdir(parents=True, exist_ok=True)
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "libpq", "libcjson"], check=True, capture_output=True, text=True
    ).stdout.split()
    command = ["cc", "-std=c11", "-D_GNU_SOURCE", "-O1", "-g", "-pthread", f"-I{ROOT / 'core' / 'include'}"]
    command += [*os.environ.get("CFLAGS", "").split(), *map(str, sources), *flags, "-o", str(program)]
    subprocess.run(command, check=True)
    return [str(program)]


def build_go():
    program = BUILD / "adapter-go"
    BUILD.mkdir(parents=True, exist_ok=True)
    subprocess.run(["go", "build", "-o", str(program), "./tests/conformance/adapters/go"], check=True, cwd=ROOT)
    return [str(program)]


def build_rust():
    """The Rust adapter below build/, with the workspace's own lock file."""
    target = ROOT / "build" / "cargo"
    command = ["cargo", "build", "--quiet", "--locked", "--manifest-path", str(ROOT / "rust" / "Cargo.toml")]
    command += ["--package", "statekeep-adapter", "--target-dir", str(target)]
    subprocess.run(command, check=True)
    return [str(target / "debug" / "statekeep-adapter")]


def command(name):
    """The command that starts an adapter; builds it first where it is compiled."""
    given = os.environ.get(f"STATEKEEP_ADAPTER_{name.upper()}")
    if given:
        return shlex.split(given)
    if name == "c":
        return build_c()
    if name == "go":
        return build_go()
    if name == "rust":
        return build_rust()
    if name == "python_uvloop":
        return [*command("python_asyncio"), "--uvloop"]
    if name.startswith("python"):
        return [sys.executable, str(ADAPTERS / f"{name}.py")]
    if name.startswith("ruby"):
        return ["ruby", str(ADAPTERS / f"{name}.rb")]
    lie = name.partition(":")[2]
    if name == "reference" or name.startswith("liar:"):
        return [sys.executable, str(ADAPTERS / "liar.py"), lie or "none"]
    raise ValueError(f"no adapter {name}")
