"""Makes the installers from the built folder: the Debian package, and the setup program for Windows.

    python -m tools.packaging.installers debian DIST OUT [--version VERSION]
    python -m tools.packaging.installers windows DIST OUT

DIST is the folder that PyInstaller built (dist/AlpacaSorter) and OUT the folder for the result, whose path is printed.
The Debian package needs dpkg-deb and objdump (packages dpkg and binutils); with SOURCE_DATE_EPOCH set, the same input
gives the same bytes. The setup program needs Inno Setup 6.3 or later.
"""

import argparse
import gzip
import hashlib
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tools.packaging.app_info import (
    APP_ID,
    HICOLOR,
    INSTALLER_SCRIPT,
    NAME,
    PACKAGING,
    ROOT,
    copyright_line,
    project,
    version_numbers,
)

PACKAGE: Final = "alpacasorter"
HOME: Final = Path("usr") / "lib" / PACKAGE
"""Where the Debian package puts the built folder, relative to the root of the file system."""

_TEMPLATES: Final = PACKAGING / "linux"
_MAINTAINER: Final = "{author} <alpacasorter@localhost>"
_DESCRIPTION: Final = """\
find the alpacas among your photos and sort them
 AlpacaSorter looks through a folder of photos and tags each one as alpaca or
 not alpaca, with a confidence. One click fixes a wrong tag, and the program
 learns from it immediately. When the tags are right, it sorts the photos into
 folders, which can be undone at any time.
 .
 Everything happens on your own computer: no account, no network, no upload."""


class InstallerError(Exception):
    """The installer can't be made; the message says why and what to do."""


# The Debian package


def debian_version(version: str) -> str:
    """Return a version the way Debian orders it: "1.0rc1" comes before "1.0", so it becomes "1.0~rc1".

    Raises:
        InstallerError: it contains something that a Debian version can't.
    """
    for mark in ("a", "b", "rc", ".dev"):
        head, found, tail = version.partition(mark)
        if found and head[-1:].isdigit() and tail.isdigit():
            version = f"{head}~{mark.removeprefix('.')}{tail}"
            break
    if not version[:1].isdigit() or not all(letter.isalnum() or letter in ".+~" for letter in version):
        raise InstallerError(f"{version!r} can't be the version of a Debian package.")
    return version


def debian_file_name(version: str, architecture: str) -> str:
    """Return the name of the package file. It has no "~", which GitHub would replace when the file is uploaded."""
    return f"{PACKAGE}_{re.sub(r'[^0-9A-Za-z.-]', '.', version)}_{architecture}.deb"


def make_debian_package(dist: Path, version: str, out: Path, date: int) -> Path:
    """Make the Debian package and return the file, replacing one of the same name.

    Args:
        dist: the built folder.
        version: the project's version.
        out: the folder for the package; created if it does not exist.
        date: the date of the package and everything in it, in seconds since 1970.

    Raises:
        InstallerError: something is missing or unsuitable, or the program needs a library that no known package has.
    """
    program = dist / NAME
    if not program.is_file():
        raise InstallerError(f"{dist} does not contain the program {NAME}. Build it first: make package")
    version = debian_version(version)
    architecture = architecture_of(program)
    depends = debian_dependencies(dist)
    out.mkdir(parents=True, exist_ok=True)
    package = out / debian_file_name(version, architecture)
    with tempfile.TemporaryDirectory(prefix="package-") as temporary:
        tree = Path(temporary) / "tree"
        shutil.copytree(dist, tree / HOME, symlinks=True)
        _add_desktop_files(tree, version, date)
        _add_documents(tree, version, date)
        _set_modes(tree, tree / HOME / NAME)
        _add_control_files(tree, version, architecture, depends)
        _set_times(tree, date)
        done = subprocess.run(
            ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(tree), str(package)],
            env={**os.environ, "SOURCE_DATE_EPOCH": str(date)},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise InstallerError(f"dpkg-deb failed. {done.stderr.strip()}")
    return package


def metainfo(version: str, date: int) -> str:
    """Return the AppStream file, with this release added."""
    text = (_TEMPLATES / f"{APP_ID}.metainfo.xml").read_text(encoding="utf-8")
    day = time.strftime("%Y-%m-%d", time.gmtime(date))
    kind = ' type="development"' if "~" in version else ""
    release = f'  <releases>\n    <release version="{version}" date="{day}"{kind}/>\n  </releases>\n'
    return text.replace("</component>", release + "</component>")


def _add_desktop_files(tree: Path, version: str, date: int) -> None:
    link = tree / "usr" / "bin" / PACKAGE
    link.parent.mkdir(parents=True)
    link.symlink_to(Path("..", "lib", PACKAGE, NAME))
    share = tree / "usr" / "share"
    _write(share / "applications" / f"{APP_ID}.desktop", (_TEMPLATES / f"{APP_ID}.desktop").read_bytes())
    _write(share / "metainfo" / f"{APP_ID}.metainfo.xml", metainfo(version, date).encode())
    shutil.copytree(HICOLOR, share / "icons" / "hicolor")


def _add_documents(tree: Path, version: str, date: int) -> None:
    share = tree / "usr" / "share"
    documents = share / "doc" / PACKAGE
    _write(documents / "copyright", _copyright().encode())
    day = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(date))
    entry = f"{PACKAGE} ({version}) stable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- {_maintainer()}  {day}\n"
    _write(documents / "changelog.gz", _gzip(entry.encode()))
    _write(documents / "CHANGELOG.md.gz", _gzip((ROOT / "CHANGELOG.md").read_bytes()))
    _write(share / "man" / "man1" / f"{PACKAGE}.1.gz", _gzip((_TEMPLATES / f"{PACKAGE}.1").read_bytes()))
    _write(share / "lintian" / "overrides" / PACKAGE, (_TEMPLATES / "lintian-overrides").read_bytes())


def _add_control_files(tree: Path, version: str, architecture: str, depends: list[str]) -> None:
    files = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    sums = "".join(f"{_md5(path)}  {path.relative_to(tree).as_posix()}\n" for path in files)
    fields = {
        "Package": PACKAGE,
        "Version": version,
        "Architecture": architecture,
        "Maintainer": _maintainer(),
        "Installed-Size": str(_installed_size(tree)),
        "Depends": ", ".join(depends),
        "Recommends": ", ".join(RECOMMENDS),
        "Section": "graphics",
        "Priority": "optional",
        "Description": _DESCRIPTION,
    }
    folder = tree / "DEBIAN"
    _write(folder / "control", "".join(f"{key}: {value}\n" for key, value in fields.items()).encode())
    _write(folder / "md5sums", sums.encode())
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _maintainer() -> str:
    return _MAINTAINER.format(author=project()["authors"][0]["name"])


def _copyright() -> str:
    _title, _, rest = (ROOT / "LICENSE").read_text(encoding="utf-8").partition(copyright_line())
    license_text = "\n".join(f" {line}" if line else " ." for line in rest.strip().splitlines())
    text = (_TEMPLATES / "copyright").read_text(encoding="utf-8")
    holder = copyright_line().removeprefix("Copyright").replace("(c)", "").strip()
    return text.replace("@COPYRIGHT@", f"Copyright: {holder}").replace("@LICENSE@", license_text)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 9, mtime=0)


def _md5(path: Path) -> str:
    # dpkg uses these to detect files damaged on disk; they have nothing to do with security.
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _set_modes(tree: Path, program: Path) -> None:
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path == program else 0o644)


def _set_times(tree: Path, date: int) -> None:
    for path in (*tree.rglob("*"), tree):
        os.utime(path, (date, date), follow_symlinks=False)


def _installed_size(tree: Path) -> int:
    """Return the size of a tree by Debian's rule: files rounded up to whole KiB, and 1 KiB for anything else."""
    return sum(
        -(-path.lstat().st_size // 1024) if path.is_file() and not path.is_symlink() else 1 for path in tree.rglob("*")
    )


# What the Debian package depends on, read from the binaries

RECOMMENDS: Final = ("fonts-dejavu-core | fonts-noto-core", "libvulkan1", "mesa-vulkan-drivers")
"""Any font, and what is needed to judge photos on a GPU; the program also works without a GPU."""

_ALWAYS: Final = ("libegl1", "libgl1", "xkb-data", "fontconfig-config")
# Libraries that belong to libc6.
_LIBC: Final = frozenset(
    {
        "ld-linux-aarch64.so.1",
        "ld-linux-x86-64.so.2",
        "libc.so.6",
        "libdl.so.2",
        "libm.so.6",
        "libmvec.so.1",
        "libpthread.so.0",
        "libresolv.so.2",
        "librt.so.1",
        "libutil.so.1",
    }
)
# PyInstaller does not collect libraries that belong to drivers or must match the system; these packages have them.
_PACKAGES: Final = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libGLX.so.0": "libglx0",
    "libOpenGL.so.0": "libopengl0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libdrm.so.2": "libdrm2",
    "libfontconfig.so.1": "libfontconfig1",
    "libgbm.so.1": "libgbm1",
    "libgcc_s.so.1": "libgcc-s1",
    "libglib-2.0.so.0": "libglib2.0-0 | libglib2.0-0t64",
    "libgthread-2.0.so.0": "libglib2.0-0 | libglib2.0-0t64",
    "libstdc++.so.6": "libstdc++6",
    "libwayland-client.so.0": "libwayland-client0",
    "libwayland-cursor.so.0": "libwayland-cursor0",
    "libwayland-egl.so.1": "libwayland-egl1",
    "libX11.so.6": "libx11-6",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxcb.so.1": "libxcb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libz.so.1": "zlib1g",
}
_ELF: Final = b"\x7fELF"
_MACHINES: Final = {62: "amd64", 183: "arm64"}
_BATCH: Final = 200


def architecture_of(program: Path) -> str:
    """Return Debian's name for the architecture of a program.

    Raises:
        InstallerError: it is not a Linux program, or it is for an unknown architecture.
    """
    with program.open("rb") as file:
        head = file.read(20)
    machine = struct.unpack("<H", head[18:20])[0] if len(head) == 20 and head.startswith(_ELF) else 0
    if machine not in _MACHINES:
        raise InstallerError(f"{program} is not a Linux program for a known architecture.")
    return _MACHINES[machine]


def debian_dependencies(dist: Path) -> list[str]:
    """Return what the package of a built folder depends on, sorted.

    Raises:
        InstallerError: a library is not in the folder, and no known package provides it.
    """
    names = {path.name for path in dist.rglob("*")}
    needed, libc = _read_binaries(dist)
    missing = {name: user for name, user in needed.items() if name not in names and name not in _LIBC}
    for name, user in missing.items():
        if name not in _PACKAGES:
            raise InstallerError(
                f"{user} needs {name}, which is neither in {dist} nor in a package listed in {Path(__file__).name}. "
                "Exclude whatever needs it, or add the package to that list."
            )
    return sorted({*_ALWAYS, *(_PACKAGES[name] for name in missing), f"libc6 (>= {libc[0]}.{libc[1]})"})


def _read_binaries(dist: Path) -> tuple[dict[str, Path], tuple[int, int]]:
    """Return each needed library with one file that needs it, and the latest libc version that any file asks for."""
    needed: dict[str, Path] = {}
    libc = (2, 17)
    binaries = [path for path in sorted(dist.rglob("*")) if path.is_file() and not path.is_symlink() and _is_elf(path)]
    for start in range(0, len(binaries), _BATCH):
        batch = [str(path) for path in binaries[start : start + _BATCH]]
        # The exit code is ignored: objdump complains about what it does not fully understand, and continues.
        listing = subprocess.run(
            ["objdump", "-p", *batch], capture_output=True, text=True, errors="replace", check=False
        ).stdout
        user = dist
        for line in listing.splitlines():
            if match := re.match(r"(.+):\s+file format ", line):
                user = Path(match[1])
            elif match := re.match(r"\s+NEEDED\s+(\S+)", line):
                needed.setdefault(match[1], user)
            elif match := re.search(r"\bGLIBC_(\d+)\.(\d+)", line):
                libc = max(libc, (int(match[1]), int(match[2])))
    return needed, libc


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_ELF)) == _ELF


# The setup program for Windows


def find_inno_setup() -> Path | None:
    """Return Inno Setup's compiler, from PATH or from where its own installer puts it; None if it is not installed."""
    found = shutil.which("iscc")
    if found:
        return Path(found)
    for variable in ("ProgramFiles(x86)", "ProgramFiles"):
        path = Path(os.environ.get(variable, "")) / "Inno Setup 6" / "ISCC.exe"
        if os.environ.get(variable) and path.is_file():
            return path
    return None


def setup_file_name(version: str) -> str:
    """Return the name of the setup program."""
    return f"{NAME}-{version}-windows-setup.exe"


def inno_setup_command(compiler: Path, dist: Path, version: str, out: Path) -> list[str]:
    """Return the command that makes the setup program for a built folder and puts it in `out`."""
    values = {
        "Version": version,
        "Numbers": ".".join(map(str, version_numbers(version))),
        # Absolute, because relative paths in the script start at the root of the checkout.
        "Source": str(dist.absolute()),
        "Out": str(out.absolute()),
        "OutName": setup_file_name(version).removesuffix(".exe"),
    }
    return [str(compiler), "/Qp", *(f"/D{name}={value}" for name, value in values.items()), str(INSTALLER_SCRIPT)]


def make_windows_setup(dist: Path, version: str, out: Path) -> Path:
    """Make the setup program and return the file.

    Raises:
        InstallerError: the program or Inno Setup is missing, or Inno Setup fails.
    """
    if not (dist / f"{NAME}.exe").is_file():
        raise InstallerError(f"{dist} does not contain the program {NAME}.exe. Build it first.")
    compiler = find_inno_setup()
    if compiler is None:
        raise InstallerError("Inno Setup is not installed. Get it from https://jrsoftware.org/isinfo.php")
    done = subprocess.run(inno_setup_command(compiler, dist, version, out), check=False)
    if done.returncode:
        raise InstallerError(f"Inno Setup failed with code {done.returncode}; its messages are above.")
    return out / setup_file_name(version)


def main(arguments: list[str] | None = None) -> int:
    """Make the installer, print its path, and return the exit code."""
    parser = argparse.ArgumentParser(description="Make an installer from the built folder.")
    parser.add_argument("kind", choices=("debian", "windows"), help="which installer")
    parser.add_argument("dist", metavar="DIST", type=Path, help="the folder that PyInstaller built")
    parser.add_argument("out", metavar="OUT", type=Path, help="the folder for the installer")
    parser.add_argument("--version", help="the version of the program (default: the project's)")
    options = parser.parse_args(arguments)
    version = options.version or project()["version"]
    try:
        if options.kind == "windows":
            print(make_windows_setup(options.dist, version, options.out))
        else:
            if missing := [tool for tool in ("dpkg-deb", "objdump") if shutil.which(tool) is None]:
                raise InstallerError(f"Missing {' and '.join(missing)}: install dpkg and binutils.")
            date = int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
            print(make_debian_package(options.dist, version, options.out, date))
    except InstallerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
