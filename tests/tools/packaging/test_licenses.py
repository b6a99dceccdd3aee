"""The license file: complete or rejected, reproducible, with what the LGPL requires; and the wheel's own license."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.tools.packaging.packed_folder import Packed
from tools.packaging import inventory, licenses

ROOT = Path(__file__).resolve().parents[3]


def _run(built: Packed, out: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    folder, environment = built
    monkeypatch.setattr(inventory, "read_environment", lambda _folder, _python: environment)
    return licenses.main([str(folder), str(out)])


def test_everything_is_in_one_file(
    built: Packed,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = built[0] / "_internal" / "resources" / "LICENSES.txt"
    assert _run(built, out, monkeypatch) == 0
    first = out.read_bytes()
    words = first.decode()
    for text in (
        "MIT License of the program",
        "# Model card: Alpaca",
        "Armin Fazelzad",
        "The license of Python.",
        "Shapes may be used by all.",
        "  Qt 6.11.3, with pyside6-essentials: LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only\n",
        "You may replace them with your own. Build Qt 6.11",
        "  _internal/PySide6/Qt/lib\n",
        "libheif 1.23.6 is used under LGPL-3.0-or-later, unmodified.",
        "GNU LESSER GENERAL PUBLIC LICENSE",
        "FFmpeg is not included. The encoder x265 (GPL-2.0) is not included.",
    ):
        assert text in words, text
    assert words.count("Version 3, 29 June 2007") == 2, "LGPL-3, and GPL-3, which it builds on"
    assert "unused" not in words
    assert "Under the GPL" not in capsys.readouterr().out
    # The second run finds the file from the first one in the folder.
    assert _run(built, out, monkeypatch) == 0
    assert out.read_bytes() == first


@pytest.mark.parametrize(
    "name",
    [
        "shapes.libs/libx265-4883ecb5.so.217",
        "libx265-217-276e7d75772a32bd086b54d54e01fd11.dll",
        "shapes/.dylibs/libx265.217.dylib",
    ],
)
def test_gpl_is_always_reported(
    built: Packed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    built[1]["distributions"][2]["files"].append([name, ""])
    path = built[0] / "_internal" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"HEVC encoder version 4")
    out = tmp_path / "out.txt"
    assert _run(built, out, monkeypatch) == 0
    assert "Under the GPL: x265" in capsys.readouterr().out
    words = out.read_text(encoding="utf-8")
    assert "x265 is included, under GPL-2.0-or-later." in words
    assert "The encoder x265 (GPL-2.0) is not included" not in words
    assert "Version 2, June 1991" in words


@pytest.mark.parametrize(("name", "library"), [("x265", "libx265_main10.so"), ("FFmpeg", "libavutil_mine.so")])
def test_library_named_like_an_encoder_must_be_identified_as_it(
    built: Packed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    library: str,
) -> None:
    built[1]["distributions"][2]["files"].append([f"shapes/{library}", ""])
    (built[0] / "_internal" / "shapes" / library).write_bytes(b"HEVC encoder")
    out = tmp_path / "out.txt"
    assert _run(built, out, monkeypatch) == 1
    assert f"shapes/{library} is named like {name} but was identified as part of Shapes 2.1" in capsys.readouterr().err
    assert not out.exists()
    # Even if the file were written anyway, it would not claim the opposite.
    assert f"{name} is not included" not in licenses.license_file(inventory.take_inventory(*built)).replace(
        " (GPL-2.0)", ""
    )


def test_stub_is_not_an_encoder(built: Packed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "shapes.libs/libx265-4883ecb5.so.217"
    built[1]["distributions"][2]["files"].append([name, ""])
    (built[0] / "_internal" / name).write_bytes(b"does nothing")
    out = tmp_path / "out.txt"
    assert _run(built, out, monkeypatch) == 0
    assert "The encoder x265 (GPL-2.0) is not included." in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("license", "Shapes 2.1 declares no known license."),
        ("text", "Shapes 2.1 (MIT) has no license text."),
        ("python", "Python 3.11.7 (PSF-2.0) has no license text."),
        ("own", "AlpacaSorter 0.1.0 (MIT) has no license text."),
        ("card", "There is no model card."),
        ("unknown file", "Unknown origin: _internal/libmystery.so.1"),
        ("unknown module", "Unknown origin: module mystery"),
    ],
)
def test_missing_license_or_text_is_rejected(
    built: Packed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    missing: str,
    sentence: str,
) -> None:
    folder, environment = built
    inner = folder / "_internal"
    shapes = environment["distributions"][2]
    if missing == "license":
        shapes["expression"] = ""
    elif missing == "text":
        shapes["texts"] = []
    elif missing == "python":
        environment["texts"] = []
    elif missing == "own":
        (inner / "alpacasorter-0.1.0.dist-info" / "licenses" / "LICENSE").unlink()
    elif missing == "card":
        (inner / "models" / "alpaca" / "MODEL_CARD.md").unlink()
    elif missing == "unknown file":
        (inner / "libmystery.so.1").write_bytes(b"?")
    else:
        environment["modules"] += ["mystery"]
    out = tmp_path / "out.txt"
    assert _run(built, out, monkeypatch) == 1
    assert sentence in capsys.readouterr().err.splitlines()
    assert not out.exists()


@pytest.mark.parametrize(
    ("expression", "covered", "gpl"),
    [
        ("Apache-2.0", True, False),
        ("MIT", False, False),
        ("LGPL-3.0-only OR GPL-2.0-only", True, False),
        ("MPL-2.0 AND MIT", False, False),
        ("AFL-2.1 OR GPL-2.0-or-later", True, False),
        ("GPL-3.0-or-later", True, True),
        ("GPL-3.0-or-later WITH GCC-exception-3.1", True, False),
        ("MIT AND GPL-2.0-only", False, True),
        ("", False, False),
    ],
)
def test_license_expressions(expression: str, covered: bool, gpl: bool) -> None:
    assert licenses.is_covered(expression) is covered
    assert licenses.is_gpl(expression) is gpl


def test_common_texts_are_available() -> None:
    names = {name for names in licenses._COMMON.values() for name in names}
    for name in names:
        words = (ROOT / "tools" / "packaging" / "license_texts" / f"{name}.txt").read_text(encoding="utf-8")
        assert len(words) > 5_000, name
    assert licenses.common_texts("LGPL-3.0-or-later OR MPL-2.0") == {"LGPL-3", "GPL-3", "MPL-2.0"}


def test_references_to_debian_texts_are_found() -> None:
    place = "/usr/share/common-licenses"
    words = f"see {place}/GPL-2. Or `{place}/LGPL-2.1', CC0: {place}/CC0-1.0."
    assert licenses._REFERENCE.findall(words) == ["GPL-2", "LGPL-2.1", "CC0-1.0"]


def test_wheel_includes_license_and_model_cards() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license-files"] == ["LICENSE"]
    assert (ROOT / "LICENSE").is_file()
    bundles = [path.parent for path in (ROOT / "models").rglob("model.json")]
    assert bundles
    assert all((bundle / "MODEL_CARD.md").is_file() for bundle in bundles)
