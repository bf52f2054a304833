"""RoomKit's own tests and what they run with, fetched once into build/ through pip; never part of this repository."""

import contextlib
import fcntl
import pathlib
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CACHE = ROOT / "build" / "roomkit"


# Beside the environment: it changes how every other test of ours would be collected.
PLUGIN = "pytest-asyncio==1.5.0"


@contextlib.contextmanager
def alone():
    """Keeps other processes from fetching the same."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def pip(*arguments):
    subprocess.run([sys.executable, "-m", "pip", *arguments, "--quiet", "--disable-pip-version-check"], check=True)


def unpacked(version):
    """The directory of that release's sdist, with src/ and tests/."""
    place = CACHE / f"roomkit-{version}"
    with alone():
        if not place.exists():
            with tempfile.TemporaryDirectory(dir=CACHE) as directory:
                wanted = ["--no-deps", "--no-binary", "roomkit", f"roomkit=={version}"]
                pip("download", *wanted, "--dest", directory)
                (archive,) = pathlib.Path(directory).glob("*.tar.gz")
                with tarfile.open(archive) as tar:
                    tar.extractall(directory, filter="data")
                (pathlib.Path(directory) / place.name).rename(place)
    return place


def plugins():
    """A directory for PYTHONPATH that holds the pytest plugin their tests need."""
    place = CACHE / PLUGIN
    with alone():
        if not place.exists():
            with tempfile.TemporaryDirectory(dir=CACHE) as directory:
                pip("install", "--no-deps", "--target", f"{directory}/plugin", PLUGIN)
                (pathlib.Path(directory) / "plugin").rename(place)
    return place
