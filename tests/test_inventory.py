"""What is inside a built folder, and what it belongs to: files, links, modules, libraries and their licences."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.packed_folder import Packed, built, real_packages, tools

__all__ = ("built", "real_packages", "tools")


def test_what_nobody_knows_is_named(tools: dict[str, ModuleType], built: Packed) -> None:
    (built[0] / "_internal" / "libmystery.so.1").write_bytes(b"?")
    built[1]["modules"] += ["mystery.deep"]
    assert tools["inventory"].take(*built).unknown == ["_internal/libmystery.so.1", "module mystery.deep"]


def test_links_belong_to_what_they_lead_to(tools: dict[str, ModuleType], built: Packed) -> None:
    folder = built[0]
    try:
        (folder / "_internal" / "libtiff.so").symlink_to("shapes.libs/libtiff-20b7e810.so.6.3.0")
        (folder / "_internal" / "lost.so").symlink_to("nothing.so")
    except OSError:
        pytest.skip("links cannot be made here")
    found = tools["inventory"].take(*built)
    assert [file.link for file in found.parts["lib:shapes/libtiff"].files] == [
        "shapes.libs/libtiff-20b7e810.so.6.3.0",
        "",
    ]
    assert found.unknown == ["_internal/lost.so leads nowhere"]
    assert tools["parts"].strangers(found) == []


def test_an_encoder_and_its_stand_in_are_told_apart(tools: dict[str, ModuleType], built: Packed) -> None:
    name = "shapes.libs/libx265-4883ecb5.so.217"
    built[1]["distributions"][2]["files"].append([name, ""])
    path = built[0] / "_internal" / name
    path.write_bytes(b"HEVC encoder version 4")
    assert tools["inventory"].take(*built).parts["lib:shapes/x265"].licence == "GPL-2.0-or-later"
    path.write_bytes(b"nothing of it")
    parts = tools["inventory"].take(*built).parts
    assert "lib:shapes/x265" not in parts
    assert parts["lib:x265-stand-in"].licence == "MIT"


def test_what_is_part_of_a_library_is_told_from_its_bytes(tools: dict[str, ModuleType], built: Packed) -> None:
    (built[0] / "_internal/PySide6/Qt/lib/libQt6Core.so.6").write_bytes(b"\0set without PCRE2_USE_OFFSET_LIMIT\0")
    part = tools["inventory"].take(*built).parts["in:pyside6-essentials/pcre2"]
    assert part.found_in == ["_internal/PySide6/Qt/lib/libQt6Core.so.6"]


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("libtiff-20b7e810.so.6.3.0", "tiff"),
        ("libgfortran-040039e1-0352e75f.so.5.0.0", "gfortran"),
        ("libscipy_openblas64_-32a4b2a6.so", "scipy_openblas64_"),
        ("libX11-xcb.so.1", "X11-xcb"),
        ("libcrypto-3-x64.dll", "crypto-3"),
        ("libavif.16.4.2.dylib", "avif"),
        ("notes.txt", "notes.txt"),
    ],
)
def test_stems_of_library_names(tools: dict[str, ModuleType], name: str, stem: str) -> None:
    assert tools["libraries"].stem(name) == stem


@pytest.mark.parametrize(
    ("told", "licence"),
    [
        ({"expression": "MIT AND Zlib"}, "MIT AND Zlib"),
        ({"licence": "MPL-2.0 AND MIT"}, "MPL-2.0 AND MIT"),
        ({"licence": "BSD"}, "BSD-3-Clause"),
        ({"licence": "As you like", "classifiers": ["License :: OSI Approved :: MIT License"]}, "MIT"),
        ({"licence": "As you like"}, ""),
    ],
)
def test_licence_that_a_package_names(tools: dict[str, ModuleType], told: dict[str, Any], licence: str) -> None:
    empty = {"expression": "", "licence": "", "classifiers": [], "texts": []}
    assert tools["parts"].licence_of(empty | told) == licence


def test_debian_package_of_a_library(real_packages: Callable[..., dict[str, Any]]) -> None:
    path = next(Path("/usr/lib").glob("*-linux-gnu/libstdc++.so.6"), None)
    if path is None or not Path("/var/lib/dpkg/status").is_file():
        pytest.skip("this is no Debian")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    found = real_packages([(path.name, digest), ("libnowhere.so.1", "")])
    assert set(found) == {path.name}
    package = found[path.name]
    assert package.name == "libstdc++6"
    assert re.fullmatch(r"pkg:deb/\w+/libstdc%2B%2B6@\S+\?arch=\w+", package.purl)
    assert package.copyright is not None
    assert package.source.startswith("gcc-")


def test_a_folder_without_a_program_is_refused(tools: dict[str, ModuleType], tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="could not say what it packed"):
        tools["inventory"].gather(tmp_path, sys.executable)


def test_environment_tells_of_installed_packages(tools: dict[str, ModuleType]) -> None:
    numpy = __import__("environment")._distribution(importlib.metadata.distribution("numpy"))
    assert numpy["expression"].startswith("BSD-3-Clause")
    assert re.fullmatch("[0-9a-f]{64}", dict(numpy["files"])["numpy/__init__.py"])
    assert numpy["texts"]
    assert all(Path(text).is_file() for text in numpy["texts"])
