"""The parts of a frozen program and its files, and what packages tell of versions and licences."""

import hashlib
import json
import os
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

PROGRAM: Final = "alpacasorter"
STAND_IN: Final = "lib:x265-stand-in"
"""The ref of the library that takes the place of the encoder x265."""
NOWHERE: Final = " leads nowhere"
_INNER: Final = re.compile(r"^(_internal|Contents/(Frameworks|Resources|MacOS))/")
_MACOS_DOT: Final = "__dot__"
"""What the packager writes for a dot in a folder's name inside an application of macOS."""
_SPDX: Final = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD 3-Clause": "BSD-3-Clause",
    "MIT License": "MIT",
    "Apache License 2.0": "Apache-2.0",
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: BSD License": "BSD-3-Clause",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
_APACHE: Final = re.compile(rb"(Licensed under the Apache License,|^\s*Apache License)\s+Version 2\.0", re.MULTILINE)
_IDS: Final = frozenset(
    {
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "GPL-2.0-only", "GPL-3.0-only"),
        *("HPND", "ISC", "LGPL-2.1-only", "LGPL-2.1-or-later", "LGPL-3.0-only", "MIT", "MIT-CMU", "MPL-2.0"),
        *("PSF-2.0", "Python-2.0", "Unlicense", "Zlib"),
    }
)
"""What an older package may name in a field that takes any words."""


@dataclass(frozen=True)
class File:
    """A file of the folder: its path there, its bytes and SHA-256; for a link, those of what it leads to."""

    path: str
    size: int
    sha256: str
    link: str = ""

    @property
    def inner(self) -> str:
        """The path as the environment knows it: without the folder that the packager put around it."""
        inner = _INNER.sub("", self.path)
        return inner.replace(_MACOS_DOT, ".") if self.path.startswith("Contents/") else inner

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self.path).name


@dataclass
class Part:
    """Something with a name, a version and a licence.

    Attributes:
        ref: unique, such as "pypi:numpy".
        licence: SPDX expression; "" where it is not known.
        within: the ref of the part that it came with, whose licence texts speak of it too.
        texts: files with its licence.
        found_in: paths of the files that hold it where it has none of its own.
        source: Debian's package of its sources, with its version.
    """

    ref: str
    kind: str
    name: str
    version: str = ""
    licence: str = ""
    purl: str = ""
    within: str = ""
    files: list[File] = field(default_factory=list)
    texts: list[Path] = field(default_factory=list)
    found_in: list[str] = field(default_factory=list)
    source: str = ""


@dataclass
class Inventory:
    """All parts by ref, the program first, and the files that belong to none."""

    folder: Path
    parts: dict[str, Part]
    unknown: list[str]

    @property
    def program(self) -> Part:
        """The program itself."""
        return self.parts[f"app:{PROGRAM}"]


def list_files(folder: Path, leave_out: Path | None = None) -> list[File]:
    """Return every file below a folder, by path, without `leave_out`."""
    found = []
    for place, folders, names in os.walk(folder):
        links = [name for name in folders if Path(place, name).is_symlink()]
        for name in [*names, *links]:
            path = Path(place, name)
            if leave_out is None or path.absolute() != leave_out.absolute():
                found.append(_file(folder, path))
    return sorted(found, key=lambda file: file.path)


def _file(folder: Path, path: Path) -> File:
    relative = path.relative_to(folder).as_posix()
    link = path.readlink().as_posix() if path.is_symlink() else ""
    if path.is_dir() or not path.exists():  # links to folders, and links that lead nowhere
        return File(relative, 0, "", link)
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return File(relative, path.stat().st_size, digest, link)


def licence_of(distribution: dict[str, Any]) -> str:
    """Return the licence that a distribution names as an SPDX expression; "" where it names none that is known."""
    if distribution["expression"]:
        return str(distribution["expression"])
    named = distribution["licence"].strip()
    if named in _SPDX:
        return _SPDX[named]
    if named and all(word in _IDS for word in re.split(r" (?:AND|OR) ", named)):
        return str(named)
    found = sorted({_SPDX[line] for line in distribution["classifiers"] if line in _SPDX})
    if not found and any(_APACHE.search(Path(text).read_bytes()) for text in distribution["texts"]):
        return "Apache-2.0"
    return " AND ".join(found)


def plain(name: str) -> str:
    """Return a name as it is written in a package address."""
    return re.sub(r"[^a-z0-9.+]+", "-", name.lower()).strip("-").replace("+", "%2B")


def version_of(name: str, distribution: dict[str, Any], path: Path) -> str:
    """Return a library's version from its wheel's own list of contents, its licence file or its bytes; else ""."""
    for bill in distribution["bills"]:
        for component in json.loads(Path(bill).read_text(encoding="utf-8")).get("components", []):
            if plain(name) in plain(component.get("name", "")) and component.get("version"):
                return str(component["version"])
    for text in distribution["texts"]:
        words = Path(text).read_text(encoding="utf-8", errors="replace")
        match = re.search(rf"^Name: {re.escape(name)}$(?:\n(?!Name:).*)*?/tree/v?(\d[\w.]*)", words, re.MULTILINE)
        if match:
            return match[1]
    match_in_file = re.search(rb"(?:OpenBLAS|libwebp|libde265) (\d+\.\d+\.\d+)", path.read_bytes())
    return match_in_file[1].decode() if match_in_file else _version_in_name(path.name)


def _version_in_name(name: str) -> str:
    match = re.search(r"icu\w+\.so\.(\d+)|\.so\.(\d+\.\d+\.\d+)$", name)
    return (match[1] or "") if match else ""


def by_text(parts: list[Part]) -> dict[str, list[Part]]:
    """Return parts under the content of their licence files, put together; parts of one source share one."""
    groups: dict[str, list[Part]] = defaultdict(list)
    for part in parts:
        words = [path.read_text(encoding="utf-8", errors="replace").strip() for path in sorted(part.texts)]
        groups["\n\n".join(words)].append(part)
    return groups


def strangers(found: Inventory) -> list[str]:
    """Return the files and modules that belong to nothing known; links that lead nowhere hold nothing."""
    return [path for path in found.unknown if not path.endswith(NOWHERE)]
