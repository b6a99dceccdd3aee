"""The bill of materials of a small imitation of the built folder, checked against CycloneDX's main rules."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.tools.packaging.packed_folder import FILES, Packed
from tools.packaging import inventory, libraries, licenses, sbom


def _bill(built: Packed) -> dict[str, Any]:
    return sbom.bill(inventory.take_inventory(*built), 1_790_000_000)


def _all(component: dict[str, Any]) -> list[dict[str, Any]]:
    return [component, *(deep for inside in component.get("components", []) for deep in _all(inside))]


def _components(bill: dict[str, Any]) -> list[dict[str, Any]]:
    top = [bill["metadata"]["component"], *bill["components"]]
    return [deep for component in top for deep in _all(component)]


def _check_component(component: dict[str, Any]) -> None:
    allowed = {
        *("type", "bom-ref", "name", "version", "hashes", "licenses", "purl", "modelCard", "copyright"),
        *("properties", "evidence", "components"),
    }
    assert set(component) <= allowed
    assert component["type"] in {"application", "framework", "library", "file", "machine-learning-model"}
    assert component["name"]
    assert component["bom-ref"]
    assert "modelCard" not in component or component["type"] == "machine-learning-model"
    for digest in component.get("hashes", []):
        assert digest["alg"] == "SHA-256"
        assert re.fullmatch("[0-9a-f]{64}", digest["content"])
    choices = component.get("licenses", [])
    assert len(choices) <= 1, "an expression must be the only choice"
    for choice in choices:
        assert set(choice) in ({"license"}, {"expression"})
        assert "license" not in choice or set(choice["license"]) in ({"id"}, {"name"})
        assert " " in choice.get("expression", " "), "a single id is not an expression"
        assert " " not in choice.get("license", {}).get("id", "")
    assert re.fullmatch(r"pkg:[a-z]+/[^ ]+", component.get("purl", "pkg:generic/x"))
    for entry in component.get("properties", []):
        assert set(entry) == {"name", "value"}
        assert all(isinstance(value, str) for value in entry.values())


def test_bill_follows_the_rules(built: Packed) -> None:
    bill = _bill(built)
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    assert bill["serialNumber"] == f"urn:uuid:{uuid.UUID(bill['serialNumber'].removeprefix('urn:uuid:'))}"
    assert bill["metadata"]["timestamp"] == "2026-09-21T14:13:20Z"
    components = _components(bill)
    for component in components:
        _check_component(component)
    refs = [component["bom-ref"] for component in components]
    assert len(refs) == len(set(refs))
    for link in bill["dependencies"]:
        assert {link["ref"], *link["dependsOn"]} <= set(refs)
    assert len({link["ref"] for link in bill["dependencies"]}) == len(bill["dependencies"])


def test_every_file_is_listed_once_with_its_hash(built: Packed) -> None:
    files = [component for component in _components(_bill(built)) if component["type"] == "file"]
    hashes = {file["name"]: file["hashes"][0]["content"] for file in files}
    assert len(hashes) == len(files)
    assert hashes == {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}


def test_only_included_parts_are_listed_below_what_they_came_with(built: Packed) -> None:
    bill = _bill(built)
    found = {part["bom-ref"]: part for part in bill["components"]}
    assert set(found) == {
        *("python", "pypi:pyside6-essentials", "pypi:shapes", "lib:pyside6_essentials/qt", "lib:libffi"),
        *("lib:shapes/libtiff", "lib:shapes/libheif", "model:alpaca"),
    }
    assert found["pypi:shapes"]["purl"] == "pkg:pypi/shapes@2.1"
    assert found["lib:shapes/libheif"]["version"] == "1.23.6"
    assert found["lib:shapes/libheif"]["licenses"] == [{"license": {"id": "LGPL-3.0-or-later"}}]
    assert found["lib:pyside6_essentials/qt"]["version"] == "6.11.3"
    assert found["python"]["licenses"] == [{"license": {"id": "PSF-2.0"}}]
    model = found["model:alpaca"]
    assert model["type"] == "machine-learning-model"
    card = model["modelCard"]["modelParameters"]
    assert card["datasets"] == [{"type": "dataset", "name": "article", "description": "3 negative, 2 positive"}]
    content = FILES["_internal/models/alpaca/model.json"]
    assert model["hashes"][0]["content"] == hashlib.sha256(content).hexdigest()
    links = {link["ref"]: link["dependsOn"] for link in bill["dependencies"]}
    assert links["pypi:shapes"] == ["lib:shapes/libheif", "lib:shapes/libtiff"]
    assert "pypi:shapes" in links["app:alpacasorter"]


def test_bill_depends_only_on_the_content(built: Packed) -> None:
    first = _bill(built)
    assert _bill(built) == first
    (built[0] / "AlpacaSorter").write_bytes(b"another program")
    assert _bill(built)["serialNumber"] != first["serialNumber"]


def test_debian_package_is_included(built: Packed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = tmp_path / "copyright"
    text.write_text("Do what you like", encoding="utf-8")
    purl = "pkg:deb/debian/libffi8@3.4.4-1?arch=amd64"
    package = libraries.DebianPackage("libffi8", "3.4.4-1", purl, text, "libffi 3.4.4-1")
    monkeypatch.setattr(libraries, "debian_packages", lambda _libraries: {"libffi.so.8": package})
    bill = _bill(built)
    (component,) = [part for part in bill["components"] if part["bom-ref"] == "deb:libffi8"]
    assert component["purl"] == purl
    assert component["licenses"] == [{"license": {"id": "MIT"}}]
    assert component["properties"] == [{"name": "alpacasorter:debian-source", "value": "libffi 3.4.4-1"}]
    assert "Do what you like" in licenses.license_file(inventory.take_inventory(*built))


def test_file_is_written_and_summarized(
    built: Packed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, environment = built
    monkeypatch.setattr(inventory, "read_environment", lambda _folder, _python: environment)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")
    out = tmp_path / "bill.json"
    assert sbom.main([str(folder), str(out)]) == 0
    assert json.loads(out.read_text(encoding="utf-8")) == _bill(built)
    assert f"9 parts, {len(FILES)} files" in capsys.readouterr().out
    (folder / "_internal" / "libmystery.so.1").write_bytes(b"?")
    assert sbom.main([str(folder), str(out)]) == 1
    assert "Unknown origin: _internal/libmystery.so.1" in capsys.readouterr().err
