"""Lists what is in a frozen program's folder: every file, and the part that it belongs to.

A part is a Python distribution, a native library, a Debian package, Python itself, a model, or the program. The folder
shows which files and Python modules there are; the environment that built it knows which package each came from.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from tools.packaging import libraries

PROGRAM: Final = "alpacasorter"
X265_STUB: Final = "lib:x265-stub"
"""The ref of the library that replaces the encoder x265."""
LICENSE_TEXTS: Final = Path(__file__).with_name("license_texts")
"""License texts for parts that do not bring their own."""

_BROKEN_LINK: Final = " is a broken link"
_INNER: Final = re.compile(r"^(_internal|Contents/(Frameworks|Resources|MacOS))/")
_MACOS_DOT: Final = "__dot__"
"""What PyInstaller replaces a dot in a folder's name with in a macOS application."""
_FROM_PYTHON: Final = re.compile(
    r"(^|/)(base_library\.zip|lib-dynload/.+|libpython[\d.]+\S*|python\d+\.dll|Python|Python\.framework/.+"
    r"|python3\.\d+/.+)$"
)
_QT_FILES: Final = re.compile(r"^PySide6/(Qt/|plugins/|translations/|Qt6\w+\.dll$)")
_QT_LICENSE: Final = "LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only"
_BOOTLOADER: Final = "GPL-2.0-or-later WITH Bootloader-exception AND Apache-2.0"
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
"""SPDX ids that older packages use in the free-text license field."""


@dataclass(frozen=True)
class File:
    """A file in the folder: path, size in bytes and SHA-256. For a link, the last two describe its target."""

    path: str
    size: int
    sha256: str
    link: str = ""

    @property
    def inner(self) -> str:
        """The path as the environment knows it, without the folder that PyInstaller adds."""
        inner = _INNER.sub("", self.path)
        return inner.replace(_MACOS_DOT, ".") if self.path.startswith("Contents/") else inner

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self.path).name


@dataclass
class Part:
    """Something with a name, a version and a license.

    Attributes:
        ref: unique, such as "pypi:numpy".
        license: SPDX expression; "" if unknown.
        parent: the ref of the part that it came with, whose license texts cover it, too.
        texts: files with its license.
        found_in: paths of the files that contain it, if it has no files of its own.
        source: name and version of Debian's source package.
    """

    ref: str
    kind: str
    name: str
    version: str = ""
    license: str = ""
    purl: str = ""
    parent: str = ""
    files: list[File] = field(default_factory=list)
    texts: list[Path] = field(default_factory=list)
    found_in: list[str] = field(default_factory=list)
    source: str = ""


@dataclass
class Inventory:
    """All parts by ref, the program first, and the files and modules that could not be identified."""

    folder: Path
    parts: dict[str, Part]
    unknown: list[str]

    @property
    def program(self) -> Part:
        """The program itself."""
        return self.parts[f"app:{PROGRAM}"]

    @property
    def unidentified(self) -> list[str]:
        """The unknown files and modules that matter: a broken link contains nothing."""
        return [path for path in self.unknown if not path.endswith(_BROKEN_LINK)]


def read_environment(folder: Path, python: str) -> dict[str, Any]:
    """Ask the Python that built the program about its packages and about the modules in the program.

    Raises:
        SystemExit: that fails, or the folder does not contain a program.
    """
    script = Path(__file__).with_name("environment.py")
    done = subprocess.run(
        [python, "-I", str(script), str(folder)], capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{python} could not list what it packed: {done.stderr.strip()}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def inventory_from_arguments(description: str, arguments: list[str] | None) -> tuple[Inventory, Path]:
    """Parse a command line; return the inventory of the folder that it names, and the file to write."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("folder", type=Path, help="the folder that PyInstaller built")
    parser.add_argument("out", type=Path, help="the file to write")
    parser.add_argument("--python", default=sys.executable, help="the Python that built the program")
    options = parser.parse_args(arguments)
    environment = read_environment(options.folder, options.python)
    return take_inventory(options.folder, environment, options.out), options.out


def take_inventory(folder: Path, environment: dict[str, Any], ignore: Path | None = None) -> Inventory:
    """Return the inventory of a folder; `environment` is what `read_environment` returned."""
    return _InventoryBuilder(folder, environment).build(list_files(folder, ignore))


def list_files(folder: Path, ignore: Path | None = None) -> list[File]:
    """Return every file below a folder, sorted by path, except `ignore`."""
    files = []
    for place, folders, names in os.walk(folder):
        links = [name for name in folders if Path(place, name).is_symlink()]
        for name in [*names, *links]:
            path = Path(place, name)
            if ignore is None or path.absolute() != ignore.absolute():
                files.append(_file(folder, path))
    return sorted(files, key=lambda file: file.path)


def _file(folder: Path, path: Path) -> File:
    relative = path.relative_to(folder).as_posix()
    link = path.readlink().as_posix() if path.is_symlink() else ""
    if path.is_dir() or not path.exists():  # a link to a folder, or a broken link
        return File(relative, 0, "", link)
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return File(relative, path.stat().st_size, digest, link)


class _InventoryBuilder:
    """Finds the part of every file and module."""

    def __init__(self, folder: Path, environment: dict[str, Any]) -> None:
        self.folder = folder
        self.environment = environment
        self.parts: dict[str, Part] = {}
        self.unknown: list[str] = []
        self.records: dict[str, dict[str, Any]] = {}
        self.hashes: dict[str, tuple[dict[str, Any], str]] = {}
        self.modules: dict[str, dict[str, Any]] = {}
        for distribution in environment["distributions"]:
            for path, digest in distribution["files"]:
                self.records.setdefault(path, distribution)
                if digest:
                    self.hashes.setdefault(digest, (distribution, path))
                if path.endswith(".py"):
                    module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
                    self.modules.setdefault(module, distribution)

    def build(self, files: list[File]) -> Inventory:
        """Find a part for each file, then for each module."""
        self._add_program_and_python(files)
        self._assign_system_libraries([file for file in files if not file.link and not self._assign(file)])
        self._assign_links([file for file in files if file.link])
        self._assign_modules()
        self._find_embedded_libraries()
        self._add_license_texts()
        for part in self.parts.values():
            part.files.sort(key=lambda file: file.path)
        ordered = sorted(self.parts.values(), key=lambda part: (part.kind != "application", part.kind, part.ref))
        return Inventory(self.folder, {part.ref: part for part in ordered}, sorted(self.unknown))

    def _add_program_and_python(self, files: list[File]) -> None:
        own = next((d for d in self.environment["distributions"] if d["name"].lower() == PROGRAM), None)
        # The program need not be installed where it is built; then the folder tells its version.
        metadata = (re.search(rf"(^|/){PROGRAM}-([\d.]+\w*)\.dist-info/METADATA$", file.path) for file in files)
        version = own["version"] if own else next((match[2] for match in metadata if match), "")
        part = Part(f"app:{PROGRAM}", "application", "AlpacaSorter", version, "MIT", f"pkg:generic/{PROGRAM}@{version}")
        part.texts = [
            self.folder / file.path
            for file in files
            if re.search(rf"{PROGRAM}-[\d.]+\w*\.dist-info/.*LICENSE$", file.path)
        ]
        self.parts[part.ref] = part
        python = self.environment["python"]
        texts = [Path(text) for text in self.environment["texts"]]
        self.parts["python"] = Part(
            "python", "framework", "Python", python, "PSF-2.0", f"pkg:generic/python@{python}", texts=texts
        )
        packer = next((d for d in self.environment["distributions"] if d["name"].lower() == "pyinstaller"), None)
        if packer:
            part = self._distribution(packer)
            part.license = _BOOTLOADER
            part.found_in = list(self.environment["programs"])

    def _assign(self, file: File) -> bool:
        """Assign a file to its part; return False if only the system can know it."""
        inner = file.inner
        if inner.startswith("models/"):
            self._assign_model_file(file)
        elif inner in self.records or file.sha256 in self.hashes:
            self._assign_packaged_file(file)
        elif _FROM_PYTHON.search(inner):
            self.parts["python"].files.append(file)
        elif libraries.NATIVE.search(file.name):
            return False
        else:
            self.parts[f"app:{PROGRAM}"].files.append(file)
        return True

    def _assign_model_file(self, file: File) -> None:
        pieces = PurePosixPath(file.inner).parts
        models = self.folder / file.path.removesuffix(file.inner) / "models"
        bundle = pieces[1] if len(pieces) > 2 else ""
        name = bundle or PurePosixPath(file.inner).stem
        ref = f"model:{name}"
        if ref not in self.parts:
            about = json.loads((models / bundle / "model.json").read_text(encoding="utf-8")) if bundle else {}
            version = about.get("version", "")
            purl = f"pkg:generic/{purl_name(name)}-model" + (f"@{version}" if version else "")
            self.parts[ref] = Part(
                ref, "machine-learning-model", about.get("name", name), version, "MIT AND Apache-2.0", purl
            )
        self.parts[ref].files.append(file)
        if file.name.startswith("MODEL_CARD"):
            self.parts[ref].texts.append(self.folder / file.path)

    def _assign_packaged_file(self, file: File) -> None:
        distribution, path = self.hashes.get(file.sha256, (None, ""))
        if file.inner in self.records:
            distribution, path = self.records[file.inner], file.inner
        assert distribution is not None
        if distribution["name"].lower() == PROGRAM:
            self.parts[f"app:{PROGRAM}"].files.append(file)
            return
        owner = self._distribution(distribution)
        library = libraries.identify(file.name)
        if libraries.is_named_x265(file.name) and libraries.is_x265_stub(
            file.name, (self.folder / file.path).read_bytes()
        ):
            stub = Part(X265_STUB, "library", "Stub for x265 (contains no encoder)", "", "MIT")
            stub.parent = f"app:{PROGRAM}"
            self.parts.setdefault(stub.ref, stub).files.append(file)
        elif library is not None:
            self._library(library, owner, distribution, file).files.append(file)
        elif _QT_FILES.match(path):
            self._library(libraries.Library("Qt", _QT_LICENSE), owner, distribution, file).files.append(file)
        else:
            owner.files.append(file)

    def _distribution(self, distribution: dict[str, Any]) -> Part:
        name = re.sub(r"[-_.]+", "-", distribution["name"]).lower()
        ref = f"pypi:{name}"
        if ref not in self.parts:
            version = distribution["version"]
            self.parts[ref] = Part(
                ref,
                "library",
                distribution["name"],
                version,
                license_of(distribution),
                f"pkg:pypi/{name}@{version}",
                texts=[Path(text) for text in distribution["texts"]],
            )
        return self.parts[ref]

    def _library(self, library: libraries.Library, owner: Part, distribution: dict[str, Any], file: File) -> Part:
        ref = f"lib:{owner.name.lower()}/{library.name.lower()}"
        if ref not in self.parts:
            path = self.folder / file.path
            version = owner.version if library.name == "Qt" else version_of(library.name, distribution, path)
            purl = f"pkg:generic/{purl_name(library.name)}" + (f"@{version}" if version else "")
            self.parts[ref] = Part(ref, "library", library.name, version, library.license, purl, parent=owner.ref)
        return self.parts[ref]

    def _assign_system_libraries(self, files: list[File]) -> None:
        packages = libraries.debian_packages([(file.name, file.sha256) for file in files])
        for file in files:
            library, package = libraries.identify(file.name), packages.get(file.name)
            if package is not None:
                part = Part(f"deb:{package.name}", "library", package.name, package.version, purl=package.purl)
                part.texts = [package.copyright] if package.copyright else []
                part.source = package.source
                part = self.parts.setdefault(part.ref, part)
                part.license = part.license or (library.license if library else "")
            elif library is not None:
                name = purl_name(library.name)
                part = Part(f"lib:{name}", "library", library.name, "", library.license, f"pkg:generic/{name}")
                part = self.parts.setdefault(part.ref, part)
                part.parent = "python"
            elif file.name in self.environment["own_files"]:
                part = self.parts["python"]
            else:
                self.unknown.append(file.path)
                continue
            part.files.append(file)

    def _assign_links(self, links: list[File]) -> None:
        """Assign each link to the part of its target."""
        owners = {file.path: part for part in self.parts.values() for file in part.files}
        root = self.folder.resolve()
        for link in links:
            target = (self.folder / link.path).resolve()
            inside = target.relative_to(root).as_posix() if target.is_relative_to(root) else ""
            if inside in owners:
                owners[inside].files.append(link)
            elif target.is_dir() and inside:
                self.parts[f"app:{PROGRAM}"].files.append(link)
            else:
                self.unknown.append(f"{link.path}{_BROKEN_LINK}")

    def _assign_modules(self) -> None:
        standard = set(self.environment["standard"])
        for module in self.environment["modules"]:
            top = module.split(".")[0]
            if module in self.modules and top != PROGRAM:
                part = self._distribution(self.modules[module])
                if not part.files:
                    part.found_in = list(self.environment["programs"])
            elif top != PROGRAM and top not in standard and not re.match(r"_?pyi|_sysconfigdata", top):
                self.unknown.append(f"module {module}")

    def _find_embedded_libraries(self) -> None:
        """Search the files of wheels for libraries that are linked into them."""
        for owner in list(self.parts.values()):
            if not owner.ref.startswith(("pypi:", "lib:")):
                continue
            for file in owner.files:
                candidates = [row for row in libraries.EMBEDDED if row.file.search(file.name)]
                if not candidates or file.link:
                    continue
                content = (self.folder / file.path).read_bytes()
                for row in candidates:
                    match = row.marker.search(content)
                    if match is None:
                        continue
                    version = (match[1] or b"").decode() if row.marker.groups else ""
                    parent = owner.parent or owner.ref
                    ref = f"in:{parent.split(':')[1]}/{row.library.name.lower()}"
                    part = Part(ref, "library", row.library.name, version, row.library.license, parent=parent)
                    part.purl = f"pkg:generic/{purl_name(part.name)}" + (f"@{version}" if version else "")
                    self.parts.setdefault(ref, part).found_in.append(file.path)

    def _add_license_texts(self) -> None:
        """Add the texts in `license_texts` to the parts that come without one."""
        models = [part.ref for part in self.parts.values() if part.ref.startswith("model:") and part.texts]
        for part in self.parts.values():
            text = LICENSE_TEXTS / f"{part.name}.txt"
            parent = self.parts.get(part.parent)
            if part.ref.startswith("model:") and not part.texts and models:
                part.parent = models[0]
            elif text.is_file() and not part.texts and not (parent and _texts_mention(parent, part.name)):
                part.texts = [text]


def _texts_mention(part: Part, name: str) -> bool:
    return any(name.lower() in path.read_text(encoding="utf-8", errors="replace").lower() for path in part.texts)


def license_of(distribution: dict[str, Any]) -> str:
    """Return the license that a distribution declares, as an SPDX expression; "" if it declares none that is known."""
    if distribution["expression"]:
        return str(distribution["expression"])
    declared = distribution["license"].strip()
    if declared in _SPDX:
        return _SPDX[declared]
    if declared and all(word in _IDS for word in re.split(r" (?:AND|OR) ", declared)):
        return str(declared)
    ids = sorted({_SPDX[line] for line in distribution["classifiers"] if line in _SPDX})
    if not ids and any(_APACHE.search(Path(text).read_bytes()) for text in distribution["texts"]):
        return "Apache-2.0"
    return " AND ".join(ids)


def purl_name(name: str) -> str:
    """Return a name in the form used in a package URL."""
    return re.sub(r"[^a-z0-9.+]+", "-", name.lower()).strip("-").replace("+", "%2B")


def version_of(name: str, distribution: dict[str, Any], path: Path) -> str:
    """Return a library's version, from its wheel's SBOM, its wheel's license file, or its own bytes; else ""."""
    for bill in distribution["bills"]:
        for component in json.loads(Path(bill).read_text(encoding="utf-8")).get("components", []):
            if purl_name(name) in purl_name(component.get("name", "")) and component.get("version"):
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


def group_by_text(parts: Iterable[Part]) -> dict[str, list[Part]]:
    """Return parts grouped by their license texts; parts from the same source share one."""
    groups: dict[str, list[Part]] = defaultdict(list)
    for part in parts:
        words = [path.read_text(encoding="utf-8", errors="replace").strip() for path in sorted(part.texts)]
        groups["\n\n".join(words)].append(part)
    return groups
