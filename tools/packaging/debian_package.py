"""Makes the Debian package from the built folder: `python -m tools.packaging.debian_package DIST VERSION OUT`.

DIST is the folder that PyInstaller built (dist/AlpacaSorter), VERSION the project's version, OUT the folder for the
package, whose path is printed. With SOURCE_DATE_EPOCH set, the same input gives the same bytes. Needs dpkg-deb and
objdump (Debian: dpkg, binutils).
"""

import argparse
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tools.packaging import linux_libraries
from tools.packaging.app_info import APP_ID, HICOLOR, NAME, PACKAGING, ROOT, copyright_line, project

PACKAGE: Final = "alpacasorter"
HOME: Final = Path("usr") / "lib" / PACKAGE
"""Where the built folder goes, below the root of the system."""

_TEMPLATES: Final = PACKAGING / "linux"
_MAINTAINER: Final = "{author} <alpacasorter@localhost>"
_DESCRIPTION: Final = """\
find the alpacas among your photos and sort them
 AlpacaSorter looks through a folder of photos and tags each one as alpaca or
 not alpaca, with a confidence. A wrong tag is put right by one click, and the
 program learns from it at once. When the tags are right, it sorts the photos
 into folders; that can be undone at any later time.
 .
 Everything happens on your own computer: no account, no network, no upload."""


class PackageError(Exception):
    """The package can't be made; the text says why, and what to do."""


def debian_version(version: str) -> str:
    """Return the project's version as Debian orders it: "1.0rc1" comes before "1.0", so it becomes "1.0~rc1".

    Raises:
        PackageError: it holds what a Debian version may not hold.
    """
    for mark in ("a", "b", "rc", ".dev"):
        head, found, tail = version.partition(mark)
        if found and head[-1:].isdigit() and tail.isdigit():
            version = f"{head}~{mark.removeprefix('.')}{tail}"
            break
    if not version[:1].isdigit() or not all(letter.isalnum() or letter in ".+~" for letter in version):
        raise PackageError(f"{version!r} can't be the version of a Debian package.")
    return version


def file_name(version: str, architecture: str) -> str:
    """Return the name of the package's file, of letters only that a download keeps: GitHub takes no "~"."""
    return f"{PACKAGE}_{re.sub(r'[^0-9A-Za-z.-]', '.', version)}_{architecture}.deb"


def make_package(dist: Path, version: str, out: Path, moment: int) -> Path:
    """Make the package and return its file; one of the same name is replaced.

    Args:
        dist: the built folder.
        version: the project's version.
        out: the folder for the package, made where it is missing.
        moment: the time that the package and everything in it bears, in seconds since 1970.

    Raises:
        PackageError: something is missing or unfit.
        linux_libraries.LibraryError: the program needs a library that no known package brings.
    """
    program = dist / NAME
    if not program.is_file():
        raise PackageError(f"{dist} holds no program {NAME}. Build it first: make package")
    version = debian_version(version)
    architecture = linux_libraries.architecture(program)
    depends = linux_libraries.depends(dist)
    out.mkdir(parents=True, exist_ok=True)
    made = out / file_name(version, architecture)
    with tempfile.TemporaryDirectory(prefix="package-") as temporary:
        tree = Path(temporary) / "tree"
        shutil.copytree(dist, tree / HOME, symlinks=True)
        _add_desktop(tree, version, moment)
        _add_documents(tree, version, moment)
        _set_modes(tree, tree / HOME / NAME)
        kibibytes = _installed_size(tree)
        _add_control(tree, version, architecture, depends, kibibytes)
        _set_times(tree, moment)
        done = subprocess.run(
            ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(tree), str(made)],
            env={**os.environ, "SOURCE_DATE_EPOCH": str(moment)},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise PackageError(f"dpkg-deb failed. {done.stderr.strip()}")
    return made


def metainfo(version: str, moment: int) -> str:
    """Return the AppStream file with the release that is packed."""
    text = (_TEMPLATES / f"{APP_ID}.metainfo.xml").read_text(encoding="utf-8")
    day = time.strftime("%Y-%m-%d", time.gmtime(moment))
    kind = ' type="development"' if "~" in version else ""
    release = f'  <releases>\n    <release version="{version}" date="{day}"{kind}/>\n  </releases>\n'
    return text.replace("</component>", release + "</component>")


def _add_desktop(tree: Path, version: str, moment: int) -> None:
    link = tree / "usr" / "bin" / PACKAGE
    link.parent.mkdir(parents=True)
    link.symlink_to(Path("..", "lib", PACKAGE, NAME))
    share = tree / "usr" / "share"
    _write(share / "applications" / f"{APP_ID}.desktop", (_TEMPLATES / f"{APP_ID}.desktop").read_bytes())
    _write(share / "metainfo" / f"{APP_ID}.metainfo.xml", metainfo(version, moment).encode())
    shutil.copytree(HICOLOR, share / "icons" / "hicolor")


def _add_documents(tree: Path, version: str, moment: int) -> None:
    share = tree / "usr" / "share"
    documents = share / "doc" / PACKAGE
    _write(documents / "copyright", _copyright().encode())
    day = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(moment))
    entry = f"{PACKAGE} ({version}) stable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- {_maintainer()}  {day}\n"
    _write(documents / "changelog.gz", _gzip(entry.encode()))
    _write(documents / "CHANGELOG.md.gz", _gzip((ROOT / "CHANGELOG.md").read_bytes()))
    _write(share / "man" / "man1" / f"{PACKAGE}.1.gz", _gzip((_TEMPLATES / f"{PACKAGE}.1").read_bytes()))
    _write(share / "lintian" / "overrides" / PACKAGE, (_TEMPLATES / "lintian-overrides").read_bytes())


def _add_control(tree: Path, version: str, architecture: str, depends: list[str], kibibytes: int) -> None:
    files = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    sums = "".join(f"{_md5(path)}  {path.relative_to(tree).as_posix()}\n" for path in files)
    fields = {
        "Package": PACKAGE,
        "Version": version,
        "Architecture": architecture,
        "Maintainer": _maintainer(),
        "Installed-Size": str(kibibytes),
        "Depends": ", ".join(depends),
        "Recommends": ", ".join(linux_libraries.RECOMMENDS),
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
    licence = "\n".join(f" {line}" if line else " ." for line in rest.strip().splitlines())
    text = (_TEMPLATES / "copyright").read_text(encoding="utf-8")
    holder = copyright_line().removeprefix("Copyright").replace("(c)", "").strip()
    return text.replace("@COPYRIGHT@", f"Copyright: {holder}").replace("@LICENCE@", licence)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 9, mtime=0)


def _md5(path: Path) -> str:
    # What dpkg checks for files that broke on the disk; it keeps nobody out.
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _set_modes(tree: Path, program: Path) -> None:
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path == program else 0o644)


def _set_times(tree: Path, moment: int) -> None:
    for path in (*tree.rglob("*"), tree):
        os.utime(path, (moment, moment), follow_symlinks=False)


def _installed_size(tree: Path) -> int:
    """Return the size of a tree as Debian counts it: each file in whole KiB, and one KiB for anything else."""
    return sum(
        -(-path.lstat().st_size // 1024) if path.is_file() and not path.is_symlink() else 1 for path in tree.rglob("*")
    )


def main() -> int:
    """Read the arguments, make the package, print its path, and return the exit code."""
    parser = argparse.ArgumentParser(description="Make the Debian package from the built folder.")
    parser.add_argument("dist", metavar="DIST", type=Path, help="the folder that PyInstaller built")
    parser.add_argument("version", metavar="VERSION", help="the version of the project")
    parser.add_argument("out", metavar="OUT", type=Path, help="the folder for the package")
    options = parser.parse_args()
    missing = [tool for tool in ("dpkg-deb", "objdump") if shutil.which(tool) is None]
    if missing:
        print(f"{' and '.join(missing)} is needed: install dpkg and binutils.", file=sys.stderr)
        return 1
    moment = int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
    try:
        print(make_package(options.dist, options.version, options.out, moment))
    except (PackageError, linux_libraries.LibraryError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
