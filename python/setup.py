"""Builds statekeep._core: SWIG's wrapper and the C core in one extension, linked with libpq and cJSON.

In a checkout the core's sources are found beside this folder, and SWIG runs. An sdist carries both the sources and the
wrapper, made when it is packed, so that installing it takes no SWIG."""

import pathlib
import re
import shutil
import subprocess
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

HERE = pathlib.Path(__file__).resolve().parent
CARRIED = HERE / "source"  # in an sdist
ROOT = CARRIED if CARRIED.is_dir() else HERE.parent
HEADER = ROOT / "core/include/statekeep.h"


def version():
    return re.search(r'#define KEEP_VERSION "(.+)"', HEADER.read_text())[1]


def flags(*packages):
    """(include directories, libraries' directories, libraries) as pkg-config has them."""
    try:
        told = subprocess.run(
            ["pkg-config", "--cflags", "--libs", *packages], check=True, capture_output=True, text=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", None) or error
        sys.exit(f"statekeep needs pkg-config, libpq and cJSON (Debian: pkgconf libpq-dev libcjson-dev): {reason}")
    words = told.stdout.split()
    return tuple([word[2:] for word in words if word.startswith(option)] for option in ("-I", "-L", "-l"))


def write_wrapper(path):
    command = ["swig", "-python", "-noproxy", "-module", "_core", f"-I{ROOT / 'core/include'}"]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(
            [*command, "-outdir", str(path.parent), "-o", str(path), str(ROOT / "bindings/statekeep.i")], check=True
        )
    except OSError as error:
        sys.exit(f"statekeep needs SWIG 4 (Debian: swig): {error}")


class BuildCore(build_ext):
    """Compiles, and exports nothing but the module's entry: another copy of the core in the process stays apart."""

    def run(self):
        super().run()
        if not self.inplace:
            subprocess.run([sys.executable, str(HERE / "write_stubs.py"), self.build_lib], check=True)

    def build_extension(self, ext):
        include, library_dirs, libraries = flags("libpq", "libcjson")
        ext.include_dirs += [str(ROOT / "core/include"), *include]
        ext.library_dirs += library_dirs
        ext.libraries += libraries
        wrapper = ROOT / "core_wrap.c"
        if not wrapper.exists():
            wrapper = pathlib.Path(self.build_temp) / wrapper.name
            write_wrapper(wrapper)
        ext.sources = [str(wrapper), str(ROOT / "core/all.c")]
        ext.extra_compile_args = ["-std=c11", "-fvisibility=hidden"]
        ext.extra_link_args = self.exports()
        super().build_extension(ext)
        ext.sources = []  # setuptools lists sources in archives, and refuses those outside this folder

    def exports(self):
        if sys.platform == "darwin":
            return ["-Wl,-exported_symbol,_PyInit__core"]
        script = pathlib.Path(self.build_temp) / "exports.map"
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text("{ global: PyInit__core; local: *; };\n")
        return [f"-Wl,--version-script={script}", "-pthread"]


class CarrySources(sdist):
    """Puts what the extension is built from into the archive."""

    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        carried = pathlib.Path(base_dir) / CARRIED.name
        shutil.copytree(ROOT / "core", carried / "core", ignore=shutil.ignore_patterns("*.go", "cli"))
        shutil.copy2(ROOT / "LICENSE", base_dir)
        write_wrapper(carried / "core_wrap.c")


setup(
    version=version(),
    ext_modules=[Extension("statekeep._core", sources=[])],
    cmdclass={"build_ext": BuildCore, "sdist": CarrySources},
)
