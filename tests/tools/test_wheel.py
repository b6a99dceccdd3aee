"""The version has a single source, and a wheel contains the program, its models and resources, and nothing else."""

import contextlib
import importlib.metadata
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import alpacasorter

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


def _files(folder: Path) -> set[PurePosixPath]:
    return {
        PurePosixPath(path.relative_to(folder).as_posix())
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_version_is_the_projects() -> None:
    assert alpacasorter.__version__ == PROJECT["version"]


def test_unknown_attribute_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        alpacasorter.nonsense  # noqa: B018


def test_wheel_contains_models_and_resources(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {PurePosixPath(name) for name in archive.namelist()}
    for folder in ("models", "resources"):
        here = {
            name
            for name in _files(ROOT / folder)
            if name.parts[0] != "packaging" and (name.parts[0] != "locale" or name.suffix == ".mo")
        }
        assert here, f"{folder}/ is empty"
        there = PurePosixPath("alpacasorter/_data") / folder
        assert {there / name for name in here} <= names
    assert PurePosixPath("alpacasorter/_data/models/alpaca/model.json") in names
    assert PurePosixPath("alpacasorter/_data/resources/locale/en_GB/LC_MESSAGES/alpacasorter.mo") in names


def test_wheel_contains_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [PurePosixPath(name) for name in archive.namelist()]
    tops = {name.parts[0] for name in names}
    assert tops == {"alpacasorter", f"alpacasorter-{PROJECT['version']}.dist-info"}
    assert PurePosixPath("alpacasorter/py.typed") in names
    assert not [name for name in names if "packaging" in name.parts]
    assert not [name for name in names if name.suffix in (".po", ".pot")]
    photos = {".jpg", ".jpeg", ".heic"}
    assert not [name for name in names if name.suffix.lower() in photos]


def test_unpacked_wheel_finds_its_own_data(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "site packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    code = (
        f"import sys; sys.path.insert(0, {str(place)!r})\n"
        "import alpacasorter; from alpacasorter import paths\n"
        "print(alpacasorter.__version__)\n"
        "print(paths.bundled_model())\n"
        "print((paths.bundled_model() / 'model.json').is_file())\n"
        "print(paths.resources_dir().is_dir())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    version, model, has_model, has_resources = done.stdout.splitlines()
    assert version == PROJECT["version"]
    assert Path(model) == (place / "alpacasorter" / "_data" / "models" / "alpaca").resolve()
    assert (has_model, has_resources) == ("True", "True")


def test_constraints_pin_every_dependency_without_addresses() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(line.count("==") == 1 and "/" not in line and "@" not in line for line in pins)

    def plain(name: str) -> str:
        return name.lower().replace("_", "-")

    pinned = {plain(line.split("==")[0]) for line in pins}
    extras = PROJECT["optional-dependencies"]
    wanted = PROJECT["dependencies"] + extras["dev"] + extras["package"]
    assert {plain(line.split(">=")[0]) for line in wanted} <= pinned
    # What PyInstaller needs on Windows and macOS. It is not installed here, so its metadata can't be read.
    assert {"altgraph", "macholib", "pefile", "pywin32-ctypes", "setuptools"} <= pinned


SYSTEMS = {
    "win32": {"platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"},
    "darwin": {"platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"},
    "linux": {"platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"},
}


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_constraints_pin_dependencies_on_each_system(system: str, version: str) -> None:
    """Based on the metadata of what is installed here."""
    environment = {
        **SYSTEMS[system],
        "sys_platform": system,
        "python_version": version,
        "python_full_version": f"{version}.0",
    }

    def holds(marker: Marker | None, extras: Iterable[str] = ()) -> bool:
        return marker is None or any(marker.evaluate({**environment, "extra": extra}) for extra in ("", *extras))

    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    pinned = {canonicalize_name(pin.name) for pin in pins if holds(pin.marker)}
    extras = PROJECT["optional-dependencies"]
    todo = [(Requirement(line), ("",)) for line in PROJECT["dependencies"] + extras["dev"] + extras["package"]]
    seen: set[tuple[str, tuple[str, ...]]] = set()
    while todo:
        needed, requested = todo.pop()
        key = canonicalize_name(needed.name), tuple(sorted(needed.extras))
        if not holds(needed.marker, requested) or key in seen:
            continue
        seen.add(key)
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            todo += [(Requirement(line), key[1]) for line in importlib.metadata.requires(needed.name) or []]
    assert len(seen) > 20
    # These come with Python.
    with_python = {"pip", *(["setuptools"] if version == "3.11" else [])}
    assert {name for name, _ in seen} - pinned - with_python == set()
