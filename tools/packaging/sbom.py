"""Writes a software bill of materials (SBOM) for a frozen program's folder, as CycloneDX 1.6 JSON.

    python -m tools.packaging.sbom DIST_FOLDER OUT.json [--python PYTHON]

PYTHON is the one whose environment the program was built in. The same folder gives the same bytes: the serial number
is derived from the content, and the time is SOURCE_DATE_EPOCH (1980 if that is not set).
"""

import datetime
import json
import os
import re
import sys
import uuid
from typing import Any, Final
from urllib.parse import quote

from tools.packaging import inventory
from tools.packaging.inventory import File, Inventory, Part

SPEC_VERSION: Final = "1.6"
_SCHEMA: Final = "http://cyclonedx.org/schema/bom-1.6.schema.json"
_NAMESPACE: Final = uuid.UUID("6f5f0dd2-3c3e-5c8e-9a53-3f6a5a1e3b0f")
_DEFAULT_TIME: Final = 315532800
"""1980-01-01, the earliest date in a ZIP file."""
_SPDX_ID: Final = re.compile(r"(?!LicenseRef-)[\w.+-]+")
_PREFIX: Final = "alpacasorter:"


def bill(found: Inventory, date: int = _DEFAULT_TIME) -> dict[str, Any]:
    """Return the bill of materials; `date` is in seconds since 1970."""
    parts = [part for part in found.parts.values() if part is not found.program]
    content: dict[str, Any] = {
        "$schema": _SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": "",
        "version": 1,
        "metadata": {
            "timestamp": datetime.datetime.fromtimestamp(date, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "lifecycles": [{"phase": "post-build"}],
            "tools": {"components": [{"type": "application", "name": "AlpacaSorter tools.packaging.sbom"}]},
            "component": _component(found, found.program),
        },
        "components": [_component(found, part) for part in parts],
        "dependencies": _dependencies(found),
    }
    words = json.dumps(content, sort_keys=True, ensure_ascii=False)
    content["serialNumber"] = f"urn:uuid:{uuid.uuid5(_NAMESPACE, words)}"
    return content


def _component(found: Inventory, part: Part) -> dict[str, Any]:
    component: dict[str, Any] = {"type": part.kind, "bom-ref": part.ref, "name": part.name}
    if part.version:
        component["version"] = part.version
    own = [file for file in part.files if not file.link]
    if len(own) == 1:
        component["hashes"] = _hashes(own[0])
    if part.license:
        component["licenses"] = license_choice(part.license)
    if part.purl:
        component["purl"] = part.purl
    if part.kind == "machine-learning-model":
        component |= _model(found, part)
    if part.source:
        component["properties"] = [{"name": f"{_PREFIX}debian-source", "value": part.source}]
    if part.found_in:
        component["evidence"] = {"occurrences": [{"location": path} for path in sorted(part.found_in)]}
    if part.files:
        component["components"] = [_file_component(file) for file in part.files]
    return component


def _file_component(file: File) -> dict[str, Any]:
    component: dict[str, Any] = {"type": "file", "bom-ref": f"file:{quote(file.path)}", "name": file.path}
    if file.sha256:
        component["hashes"] = _hashes(file)
    properties = [{"name": f"{_PREFIX}bytes", "value": str(file.size)}]
    if file.link:
        properties.append({"name": f"{_PREFIX}link-to", "value": file.link})
    return component | {"properties": properties}


def _hashes(file: File) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": file.sha256}]


def license_choice(expression: str) -> list[dict[str, Any]]:
    """Return a license the way CycloneDX expects it: an id, an expression, or a name if it is not in SPDX."""
    if expression.startswith("LicenseRef-"):
        return [{"license": {"name": expression.removeprefix("LicenseRef-").replace("-", " ")}}]
    if _SPDX_ID.fullmatch(expression):
        return [{"license": {"id": expression}}]
    return [{"expression": expression}]


def _model(found: Inventory, part: Part) -> dict[str, Any]:
    """Return the additional fields of a model, with the hash of model.json, which has the hashes of its other files."""
    described = next((file for file in part.files if file.name == "model.json"), None)
    if described is None:
        return {}
    about = json.loads((found.folder / described.path).read_text(encoding="utf-8"))
    photos = about.get("training", {}).get("photos", {})
    datasets = [
        {
            "type": "dataset",
            "name": name,
            "description": ", ".join(f"{many} {kind}" for kind, many in sorted(counts.items())),
        }
        for name, counts in sorted(photos.items())
    ]
    card = {
        "task": "image classification",
        "architectureFamily": "convolutional neural network",
        "modelArchitecture": "MobileNetV2",
        "datasets": datasets,
    }
    fields: dict[str, Any] = {"hashes": _hashes(described), "modelCard": {"modelParameters": card}}
    if about.get("licences"):
        fields["copyright"] = about["licences"]
    return fields


def _dependencies(found: Inventory) -> list[dict[str, Any]]:
    children: dict[str, list[str]] = {ref: [] for ref in found.parts}
    for part in found.parts.values():
        if part is not found.program:
            parent = part.parent if part.parent in children else found.program.ref
            children[parent].append(part.ref)
    return [{"ref": ref, "dependsOn": sorted(refs)} for ref, refs in sorted(children.items())]


def main(arguments: list[str] | None = None) -> int:
    """Write the bill and print a summary; return 1 if something could not be identified."""
    found, out = inventory.inventory_from_arguments((__doc__ or "").splitlines()[0], arguments)
    content = bill(found, int(os.environ.get("SOURCE_DATE_EPOCH") or _DEFAULT_TIME))
    words = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    out.write_text(words, encoding="utf-8", newline="\n")
    files = sum(len(part.files) for part in found.parts.values())
    print(f"{out}: {len(found.parts)} parts, {files} files")
    for path in found.unknown:
        print(f"Unknown origin: {path}", file=sys.stderr)
    return 1 if found.unidentified else 0


if __name__ == "__main__":
    sys.exit(main())
