"""What is inside a frozen program's folder: every file, and the part that it belongs to.

The folder says which files and which modules of Python there are; the environment that built it says which package
each came from. A part is a distribution, a native library, a package of Debian, Python, the model or the program.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import Any, Final

from tools.packaging import debian, libraries
from tools.packaging.parts import (
    NOWHERE,
    PROGRAM,
    STAND_IN,
    File,
    Inventory,
    Part,
    licence_of,
    list_files,
    plain,
    version_of,
)

_TEXTS: Final = Path(__file__).with_name("license_texts")
_FROM_PYTHON: Final = re.compile(
    r"(^|/)(base_library\.zip|lib-dynload/.+|libpython[\d.]+\S*|python\d+\.dll|Python|Python\.framework/.+"
    r"|python3\.\d+/.+)$"
)
_QT_FILES: Final = re.compile(r"^PySide6/(Qt/|plugins/|translations/|Qt6\w+\.dll$)")
_QT_LICENCE: Final = "LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only"
_BOOTLOADER: Final = "GPL-2.0-or-later WITH Bootloader-exception AND Apache-2.0"


def gather(folder: Path, python: str) -> dict[str, Any]:
    """Ask the Python that built the program for its packages and for the modules that were packed.

    Raises:
        SystemExit: it cannot be asked, or the folder holds no program.
    """
    script = Path(__file__).with_name("environment.py")
    done = subprocess.run(
        [python, "-I", str(script), str(folder)], capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{python} could not say what it packed: {done.stderr.strip()}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def take_as_asked(description: str, arguments: list[str] | None) -> tuple[Inventory, Path]:
    """Return the inventory of the folder that the command line names, and the file that is to be written."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("folder", type=Path, help="the folder that PyInstaller made")
    parser.add_argument("out", type=Path, help="the file to write")
    parser.add_argument("--python", default=sys.executable, help="the Python that built the program")
    options = parser.parse_args(arguments)
    return take(options.folder, gather(options.folder, options.python), options.out), options.out


def take(folder: Path, environment: dict[str, Any], leave_out: Path | None = None) -> Inventory:
    """Return what is inside. `environment` is what `gather` returned."""
    return _Taking(folder, environment).take(list_files(folder, leave_out))


class _Taking:
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
                    self.modules.setdefault(
                        path.removesuffix(".py").removesuffix("/__init__").replace("/", "."), distribution
                    )

    def take(self, files: list[File]) -> Inventory:
        """Find a part for each file, then for each module."""
        self._program(files)
        self._from_debian([file for file in files if not file.link and not self._place(file)])
        self._links([file for file in files if file.link])
        self._modules()
        self._linked_in()
        self._kept_texts()
        for part in self.parts.values():
            part.files.sort(key=lambda file: file.path)
        ordered = sorted(self.parts.values(), key=lambda part: (part.kind != "application", part.kind, part.ref))
        return Inventory(self.folder, {part.ref: part for part in ordered}, sorted(self.unknown))

    def _program(self, files: list[File]) -> None:
        own = next((d for d in self.environment["distributions"] if d["name"].lower() == PROGRAM), None)
        # It need not be installed where it is packed; the folder says which one it is.
        inside = (re.search(rf"(^|/){PROGRAM}-([\d.]+\w*)\.dist-info/METADATA$", file.path) for file in files)
        version = own["version"] if own else next((match[2] for match in inside if match), "")
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
            part.licence = _BOOTLOADER
            part.found_in = list(self.environment["programs"])

    def _place(self, file: File) -> bool:
        """Give a file to its part; False where only the system can know it."""
        inner = file.inner
        if inner.startswith("models/"):
            _model(self.parts, self.folder, file)
        elif inner in self.records or file.sha256 in self.hashes:
            self._place_packed(file)
        elif _FROM_PYTHON.search(inner):
            self.parts["python"].files.append(file)
        elif libraries.NATIVE.search(file.name):
            return False
        else:
            self.parts[f"app:{PROGRAM}"].files.append(file)
        return True

    def _place_packed(self, file: File) -> None:
        distribution, path = self.hashes.get(file.sha256, (None, ""))
        if file.inner in self.records:
            distribution, path = self.records[file.inner], file.inner
        assert distribution is not None
        if distribution["name"].lower() == PROGRAM:
            self.parts[f"app:{PROGRAM}"].files.append(file)
            return
        owner = self._distribution(distribution)
        known = libraries.known(file.name)
        if libraries.is_like_x265(file.name) and libraries.is_stand_in(
            file.name, (self.folder / file.path).read_bytes()
        ):
            own = Part(STAND_IN, "library", "Stand-in for x265 (holds no encoder)", "", "MIT")
            own.within = f"app:{PROGRAM}"
            self.parts.setdefault(own.ref, own).files.append(file)
        elif known is not None:
            self._library(known, owner, distribution, file).files.append(file)
        elif _QT_FILES.match(path):
            self._library(libraries.Known("Qt", _QT_LICENCE), owner, distribution, file).files.append(file)
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
                licence_of(distribution),
                f"pkg:pypi/{name}@{version}",
                texts=[Path(text) for text in distribution["texts"]],
            )
        return self.parts[ref]

    def _library(self, known: libraries.Known, owner: Part, distribution: dict[str, Any], file: File) -> Part:
        ref = f"lib:{owner.name.lower()}/{known.name.lower()}"
        if ref not in self.parts:
            version = (
                owner.version if known.name == "Qt" else version_of(known.name, distribution, self.folder / file.path)
            )
            purl = f"pkg:generic/{plain(known.name)}" + (f"@{version}" if version else "")
            self.parts[ref] = Part(ref, "library", known.name, version, known.licence, purl, within=owner.ref)
        return self.parts[ref]

    def _from_debian(self, files: list[File]) -> None:
        packages = debian.packages([(file.name, file.sha256) for file in files])
        for file in files:
            known, package = libraries.known(file.name), packages.get(file.name)
            if package is not None:
                part = Part(f"deb:{package.name}", "library", package.name, package.version, purl=package.purl)
                part.texts = [package.copyright] if package.copyright else []
                part.source = package.source
                part = self.parts.setdefault(part.ref, part)
                part.licence = part.licence or (known.licence if known else "")
            elif known is not None:
                ref = f"lib:{plain(known.name)}"
                part = self.parts.setdefault(
                    ref, Part(ref, "library", known.name, "", known.licence, f"pkg:generic/{plain(known.name)}")
                )
                part.within = "python"
            elif file.name in self.environment["own_files"]:
                part = self.parts["python"]
            else:
                self.unknown.append(file.path)
                continue
            part.files.append(file)

    def _links(self, links: list[File]) -> None:
        """Give each link to the part of what it leads to."""
        owners = {file.path: part for part in self.parts.values() for file in part.files}
        for link in links:
            target = (self.folder / link.path).resolve()
            inside = (
                target.relative_to(self.folder.resolve()).as_posix()
                if target.is_relative_to(self.folder.resolve())
                else ""
            )
            if inside in owners:
                owners[inside].files.append(link)
            elif target.is_dir() and inside:
                self.parts[f"app:{PROGRAM}"].files.append(link)
            else:
                self.unknown.append(f"{link.path}{NOWHERE}")

    def _modules(self) -> None:
        standard = set(self.environment["standard"])
        for module in self.environment["modules"]:
            top = module.split(".")[0]
            if module in self.modules and top != PROGRAM:
                part = self._distribution(self.modules[module])
                if not part.files:
                    part.found_in = list(self.environment["programs"])
            elif top != PROGRAM and top not in standard and not re.match(r"_?pyi|_sysconfigdata", top):
                self.unknown.append(f"module {module}")

    def _linked_in(self) -> None:
        """Look into the files of wheels for what is part of them."""
        for owner in list(self.parts.values()):
            if not owner.ref.startswith(("pypi:", "lib:")):
                continue
            for file in owner.files:
                rows = [row for row in libraries.INSIDE if row.file.search(file.name)]
                if not rows or file.link:
                    continue
                content = (self.folder / file.path).read_bytes()
                for row in rows:
                    match = row.marker.search(content)
                    if match is None:
                        continue
                    version = (match[1] or b"").decode() if row.marker.groups else ""
                    root = owner.within or owner.ref
                    ref = f"in:{root.split(':')[1]}/{row.known.name.lower()}"
                    part = Part(ref, "library", row.known.name, version, row.known.licence, within=root)
                    part.purl = f"pkg:generic/{plain(part.name)}" + (f"@{version}" if version else "")
                    self.parts.setdefault(ref, part).found_in.append(file.path)

    def _kept_texts(self) -> None:
        """Take the texts kept beside this for what comes along without one."""
        models = [part.ref for part in self.parts.values() if part.ref.startswith("model:") and part.texts]
        for part in self.parts.values():
            kept = _TEXTS / f"{part.name}.txt"
            holder = self.parts.get(part.within)
            if part.ref.startswith("model:") and not part.texts and models:
                part.within = models[0]
            elif kept.is_file() and not part.texts and not (holder and _speaks_of(holder, part.name)):
                part.texts = [kept]


def _speaks_of(holder: Part, name: str) -> bool:
    """Tell whether the licence texts of a package name something that it holds."""
    return any(name.lower() in path.read_text(encoding="utf-8", errors="replace").lower() for path in holder.texts)


def _model(parts: dict[str, Part], folder: Path, file: File) -> None:
    pieces = PurePosixPath(file.inner).parts
    home = folder / file.path.removesuffix(file.inner) / "models"
    bundle = pieces[1] if len(pieces) > 2 else ""
    ref = f"model:{bundle or PurePosixPath(file.inner).stem}"
    if ref not in parts:
        facts = json.loads((home / bundle / "model.json").read_text(encoding="utf-8")) if bundle else {}
        name = facts.get("name", PurePosixPath(file.inner).stem)
        part = Part(ref, "machine-learning-model", name, facts.get("version", ""), "MIT AND Apache-2.0")
        part.purl = f"pkg:generic/{plain(ref.split(':')[1])}-model" + (f"@{part.version}" if part.version else "")
        parts[ref] = part
    parts[ref].files.append(file)
    if file.name.startswith("MODEL_CARD"):
        parts[ref].texts.append(folder / file.path)
