"""Which of Debian's packages a library came from, asked of `dpkg`; nothing where there is none."""

import hashlib
import shutil
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote


@dataclass(frozen=True)
class Package:
    """A package as it was installed where the program was built; `copyright` is its file about licences,
    `source` the name and version of the package of its sources."""

    name: str
    version: str
    purl: str
    copyright: Path | None
    source: str


def packages(libraries: list[tuple[str, str]]) -> dict[str, Package]:
    """Return the package of each library, given by its file's name and SHA-256, that one of this system's is equal to.

    A file that only has a library's name counts too where no package's has the same bytes: it may have been stripped.
    """
    if not libraries or shutil.which("dpkg-query") is None:
        return {}
    owners = _owners([name for name, _ in libraries])
    chosen = {}
    for name, digest in libraries:
        places = owners.get(name, [])
        same = [package for package, path in places if _digest(path) == digest]
        if places:
            chosen[name] = (same or [package for package, _ in places])[0]
    described = _describe(sorted(set(chosen.values())))
    return {name: described[package] for name, package in chosen.items() if package in described}


def _ask(command: list[str]) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False)
    return done.stdout.splitlines()


def _owners(names: list[str]) -> dict[str, list[tuple[str, Path]]]:
    """Return, for each name, the packages ("libz1:amd64") with a file of that name where libraries are."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for folder in _library_folders():
        for name in names:
            path = folder / name
            if path.exists():
                real = path.resolve()
                # A package may name /lib where the system has made that a link to /usr/lib.
                for place in {str(path), str(real), str(path).removeprefix("/usr"), str(real).removeprefix("/usr")}:
                    wanted[place].add(name)
    found: dict[str, list[tuple[str, Path]]] = defaultdict(list)
    # Whole paths: a pattern is compared with every file of the system, which takes half a minute.
    for line in _ask(["dpkg-query", "--search", *sorted(wanted)]) if wanted else []:
        package, separator, place = line.partition(": ")
        for name in wanted.get(place, ()) if separator and "," not in package else ():
            found[name].append((package, Path(place)))
    return {name: sorted(places) for name, places in found.items()}


def _library_folders() -> list[Path]:
    lines = _ask(["ldconfig", "-v", "-N"]) if shutil.which("ldconfig") else []
    folders = [Path(line.split(":")[0]) for line in lines if line.startswith("/")]
    return folders or [Path("/usr/lib"), Path("/lib"), *Path("/usr/lib").glob("*-linux-gnu")]


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def _describe(names: list[str]) -> dict[str, Package]:
    if not names:
        return {}
    system = _system()
    described = {}
    form = "${binary:Package}\t${Package}\t${Architecture}\t${Version}\t${source:Package} ${source:Version}\n"
    for line in _ask(["dpkg-query", "--show", "--showformat", form, *names]):
        whole, name, architecture, version, source = line.split("\t")
        purl = f"pkg:deb/{system}/{quote(name, safe='')}@{quote(version, safe='')}?arch={architecture}"
        text = Path("/usr/share/doc", name, "copyright")
        package = Package(name, version, purl, text if text.is_file() else None, source)
        described[whole] = package
        described[name] = package
    return described


def _system() -> str:
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    return values.get("ID", "debian").strip('"')
