"""The inventory of a built folder: files, links, modules, libraries, and their licenses."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tools.packaging.packed_folder import Packed
from tools.packaging import environment, inventory, libraries


def test_unknown_files_and_modules_are_reported(built: Packed) -> None:
    (built[0] / "_internal" / "libmystery.so.1").write_bytes(b"?")
    built[1]["modules"] += ["mystery.deep"]
    assert inventory.take_inventory(*built).unknown == ["_internal/libmystery.so.1", "module mystery.deep"]


def test_links_belong_to_the_part_of_their_target(built: Packed) -> None:
    folder = built[0]
    try:
        (folder / "_internal" / "libtiff.so").symlink_to("shapes.libs/libtiff-20b7e810.so.6.3.0")
        (folder / "_internal" / "lost.so").symlink_to("nothing.so")
    except OSError:
        pytest.skip("this system cannot create links")
    found = inventory.take_inventory(*built)
    assert [file.link for file in found.parts["lib:shapes/libtiff"].files] == [
        "shapes.libs/libtiff-20b7e810.so.6.3.0",
        "",
    ]
    assert found.unknown == ["_internal/lost.so is a broken link"]
    assert found.unidentified == []


def test_encoder_and_its_stub_are_distinguished(built: Packed) -> None:
    name = "shapes.libs/libx265-4883ecb5.so.217"
    built[1]["distributions"][2]["files"].append([name, ""])
    path = built[0] / "_internal" / name
    path.write_bytes(b"HEVC encoder version 4")
    assert inventory.take_inventory(*built).parts["lib:shapes/x265"].license == "GPL-2.0-or-later"
    # An encoder that does not contain its own name is not mistaken for the stub, because it is far too large.
    path.write_bytes(bytes(1 << 17))
    assert inventory.take_inventory(*built).parts["lib:shapes/x265"].license == "GPL-2.0-or-later"
    path.write_bytes(b"not an encoder")
    parts = inventory.take_inventory(*built).parts
    assert "lib:shapes/x265" not in parts
    assert parts["lib:x265-stub"].license == "MIT"


def test_embedded_libraries_are_recognized_by_their_bytes(built: Packed) -> None:
    (built[0] / "_internal/PySide6/Qt/lib/libQt6Core.so.6").write_bytes(b"\0set without PCRE2_USE_OFFSET_LIMIT\0")
    part = inventory.take_inventory(*built).parts["in:pyside6-essentials/pcre2"]
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
        ("libz.1.3.1.zlib-ng.dylib", "z"),
        ("libx265-217-276e7d75772a32bd086b54d54e01fd11.dll", "x265"),
        ("libglib-2.0.so.0", "glib-2"),
        ("notes.txt", "notes.txt"),
    ],
)
def test_stems_of_library_names(name: str, stem: str) -> None:
    assert libraries.stem(name) == stem


@pytest.mark.parametrize(
    ("name", "library"),
    [
        # In wheels for Linux: Pillow, pillow_heif, NumPy.
        ("libavif-c6062d5f.so.16.4.2", "libavif"),
        ("libbrotlidec-7e5462ba.so.1.2.0", "Brotli"),
        ("libzstd-40ad5e7e.so.1.5.7", "Zstandard"),
        ("libheif-e72ea93c.so.1.23.6", "libheif"),
        ("libde265-91206b2b.so.0.2.3", "libde265"),
        ("libx265-4883ecb5.so.217", "x265"),
        ("libquadmath-96973f99-934c22de.so.0.0.0", "libquadmath"),
        ("libscipy_openblas64_-32a4b2a6.so", "OpenBLAS"),
        # For Windows: pillow_heif, NumPy, shiboken6, h5py.
        ("libde265-0-da04b6b2448c39c0b7f218769dedb2f1.dll", "libde265"),
        ("libgcc_s_seh-1-60817ff87b1fa8e35c12cd1a333734a3.dll", "GCC runtime libraries"),
        ("libheif-18c57b017b404cb1ef96dee8a6eef027.dll", "libheif"),
        ("libstdc++-6-e4d43a335d57132a6ec3004cece76b4f.dll", "GCC runtime libraries"),
        ("libwinpthread-1-71c5c74678606753e0a2f79ceb8c68f9.dll", "winpthreads"),
        ("libx265-217-276e7d75772a32bd086b54d54e01fd11.dll", "x265"),
        ("libx265-217.dll", "x265"),
        ("libscipy_openblas64_-63c857e738469261263c764a36be9436.dll", "OpenBLAS"),
        ("msvcp140-a4c2229bdc2a2a630acdc095b4d86008.dll", "Microsoft runtime"),
        ("msvcp140_codecvt_ids.dll", "Microsoft runtime"),
        ("vccorlib140.dll", "Microsoft runtime"),
        ("Qt6Network.dll", "Qt"),
        ("libcrypto-3-x64.dll", "OpenSSL"),
        ("zlib.dll", "zlib"),
        # For macOS: Pillow, pillow_heif, h5py.
        ("libbrotlicommon.1.2.0.dylib", "Brotli"),
        ("liblcms2.2.dylib", "Little CMS 2"),
        ("libpng16.16.dylib", "libpng"),
        ("libxcb.1.1.0.dylib", "libxcb"),
        ("libjpeg.62.4.0.dylib", "libjpeg-turbo"),
        ("libfreetype.6.dylib", "FreeType"),
        ("libharfbuzz.0.dylib", "HarfBuzz"),
        ("libsharpyuv.0.dylib", "libwebp"),
        ("libopenjp2.2.5.4.dylib", "OpenJPEG"),
        ("libavif.16.4.2.dylib", "libavif"),
        ("libz.1.3.1.zlib-ng.dylib", "zlib"),
        ("libwebpdemux.2.dylib", "libwebp"),
        ("libXau.6.dylib", "libXau"),
        ("liblzma.5.dylib", "XZ Utils (liblzma)"),
        ("libtiff.6.dylib", "libtiff"),
        ("libheif.1.23.6.dylib", "libheif"),
        ("libde265.0.2.3.dylib", "libde265"),
        ("libx265.217.dylib", "x265"),
        ("libz.1.3.1.dylib", "zlib"),
    ],
)
def test_libraries_of_all_systems_are_known(name: str, library: str) -> None:
    found = libraries.identify(name)
    assert found is not None
    assert found.name == library


def test_macos_application_is_recognized_by_its_paths(built: Packed) -> None:
    """On macOS, PyInstaller signs each library again, which changes all hashes, and renames folders with a dot."""
    folder, environment = built
    names = [f"shapes/.dylibs/{name}" for name in ("libz.1.3.1.zlib-ng.dylib", "libheif.1.23.6.dylib", "libmine.dylib")]
    environment["distributions"][2]["files"] += [[name, "0" * 64] for name in (*names, "shapes/some.dots/data.txt")]
    inside = folder / "Contents" / "Frameworks" / "shapes" / "__dot__dylibs"
    inside.mkdir(parents=True)
    for name in names:
        (inside / name.rsplit("/")[-1]).write_bytes(b"signed again")
    found = inventory.take_inventory(folder, environment)
    assert found.unknown == []
    parts = {file.name: part for part in found.parts.values() for file in part.files if "dot" in file.path}
    assert {name: part.ref for name, part in parts.items()} == {
        "libz.1.3.1.zlib-ng.dylib": "lib:shapes/zlib",
        "libheif.1.23.6.dylib": "lib:shapes/libheif",
        "libmine.dylib": "pypi:shapes",
    }
    assert parts["libheif.1.23.6.dylib"].parent == "pypi:shapes"


def test_replaced_dots_are_only_restored_on_macos() -> None:
    def inner(path: str) -> str:
        return inventory.File(path, 0, "").inner

    assert inner("Contents/Frameworks/PIL/__dot__dylibs/libz.1.dylib") == "PIL/.dylibs/libz.1.dylib"
    assert inner("_internal/a__dot__b/x.so") == "a__dot__b/x.so"


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ({"expression": "MIT AND Zlib"}, "MIT AND Zlib"),
        ({"license": "MPL-2.0 AND MIT"}, "MPL-2.0 AND MIT"),
        ({"license": "BSD"}, "BSD-3-Clause"),
        ({"license": "Do what you like", "classifiers": ["License :: OSI Approved :: MIT License"]}, "MIT"),
        ({"license": "Do what you like"}, ""),
    ],
)
def test_license_that_a_package_declares(declared: dict[str, Any], expected: str) -> None:
    empty = {"expression": "", "license": "", "classifiers": [], "texts": []}
    assert inventory.license_of(empty | declared) == expected


def test_debian_package_of_a_library(real_packages: Callable[..., dict[str, Any]]) -> None:
    path = next(Path("/usr/lib").glob("*-linux-gnu/libstdc++.so.6"), None)
    if path is None or not Path("/var/lib/dpkg/status").is_file():
        pytest.skip("this is not Debian")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    found = real_packages([(path.name, digest), ("libnowhere.so.1", "")])
    assert set(found) == {path.name}
    package = found[path.name]
    assert package.name == "libstdc++6"
    assert re.fullmatch(r"pkg:deb/\w+/libstdc%2B%2B6@\S+\?arch=\w+", package.purl)
    assert package.copyright is not None
    assert package.source.startswith("gcc-")


def test_folder_without_a_program_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="could not list what it packed"):
        inventory.read_environment(tmp_path, sys.executable)


def test_environment_lists_installed_packages() -> None:
    numpy = environment._distribution(importlib.metadata.distribution("numpy"))
    assert numpy["expression"].startswith("BSD-3-Clause")
    assert re.fullmatch("[0-9a-f]{64}", dict(numpy["files"])["numpy/__init__.py"])
    assert numpy["texts"]
    assert all(Path(text).is_file() for text in numpy["texts"])
