"""The peers' own packages, each in an environment of its own: from PyPI when they are first asked for, kept in
build/peers."""
import hashlib
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
PEERS = HERE.parent.parent / "build" / "peers"


class Peer:
    """A Python environment with a peer's packages, in which StateKeep stands in for pycopg where that is wanted."""

    def __init__(self, python, paths):
        self.python = python
        self.paths = paths  # of StateKeep alone, not of what is installed beside it

    def environment(self, stands_in, **more):
        paths = [str(self.paths)]
        if stands_in:
            paths.insert(0, str(HERE / "pycopg_shim"))
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "DB_", "DATABASE_"))}
        return {**kept, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1", **more}

    def run(self, *arguments, stands_in=True, timeout=300, cwd=None, **environment):
        return subprocess.run([self.python, *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                              cwd=cwd or HERE, env=self.environment(stands_in, **environment))


NEWEST = {"gathering": (3, 12)}  # the newest Python for which what a peer pins can be had


def interpreter(newest):
    """A Python that has StateKeep and is not newer, its version, and where its StateKeep is."""
    ask = "import sys, statekeep; print(sys.version_info[0], sys.version_info[1], statekeep.__file__)"
    for python in [sys.executable, *sorted(PEERS.parent.glob("venv-*/bin/python"), reverse=True)]:
        told = subprocess.run([python, "-c", ask], capture_output=True, text=True, cwd=HERE).stdout.split(maxsplit=2)
        if told and (newest is None or (int(told[0]), int(told[1])) <= newest):
            return python, ".".join(told[:2]), pathlib.Path(told[2].strip()).absolute().parent
    raise RuntimeError(f"no Python up to {newest} has StateKeep; scripts/build.sh python installs it for all there are")


def make_peer(name):
    """The environment of requirements-<name>.txt, made once for each state of that file and each Python. Raises
    RuntimeError when PyPI does not give it."""
    interpreting, version, package = interpreter(NEWEST.get(name))
    requirements = HERE / f"requirements-{name}.txt"
    state = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    place = PEERS / f"{name}-{version}-{state}"
    python = place / "bin" / "python"
    if not (place / "made").exists():
        for command in ([interpreting, "-m", "venv", "--clear", place],
                        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements]):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0:
                raise RuntimeError(f"{requirements.name} cannot be installed from PyPI: {done.stderr[-300:]}")
        (place / "made").touch()
    paths = place / "statekeep-alone"
    paths.mkdir(exist_ok=True)
    link = paths / "statekeep"
    link.unlink(missing_ok=True)
    link.symlink_to(package)
    return Peer(python, paths)
