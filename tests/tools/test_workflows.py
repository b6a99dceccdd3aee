"""The GitHub workflows: validity according to GitHub's schema, security, and what is released."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from tools.packaging import package

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
NAMES = [path.name for path in WORKFLOWS]
CHECKER = "check-jsonschema (which includes GitHub's schema and a YAML parser) is not installed"


def _load(path: Path) -> dict[str, Any]:
    yaml = pytest.importorskip("ruamel.yaml", reason=CHECKER)
    loaded: dict[str, Any] = yaml.YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    return loaded


def _steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_there_are_two_workflows() -> None:
    assert NAMES == ["ci.yml", "release.yml"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=NAMES)
def test_workflow_is_valid(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checker = pytest.importorskip("check_jsonschema", reason=CHECKER)
    with pytest.raises(SystemExit) as ended:
        checker.main(["--builtin-schema", "vendor.github-workflows", str(path)])
    assert ended.value.code == 0, capsys.readouterr().out


def test_checker_detects_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checker = pytest.importorskip("check_jsonschema", reason=CHECKER)
    wrong = tmp_path / "wrong.yml"
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    wrong.write_text(text.replace("runs-on:", "run-on:"), encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        checker.main(["--builtin-schema", "vendor.github-workflows", str(wrong)])
    assert ended.value.code == 1
    assert "runs-on" in capsys.readouterr().out


@pytest.mark.parametrize("path", WORKFLOWS, ids=NAMES)
def test_actions_are_pinned_to_commits(path: Path) -> None:
    uses = re.findall(r"uses:\s*(.+)", path.read_text(encoding="utf-8"))
    assert uses
    for action in uses:
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)


def test_both_workflows_use_the_same_pins() -> None:
    found: dict[str, set[str]] = {}
    for path in WORKFLOWS:
        for name, pin in re.findall(r"uses:\s*([\w/-]+)@(.+)", path.read_text(encoding="utf-8")):
            found.setdefault(name, set()).add(pin)
    assert {name: len(pins) for name, pins in found.items()} == dict.fromkeys(found, 1)


@pytest.mark.parametrize("path", WORKFLOWS, ids=NAMES)
def test_commands_contain_no_untrusted_text(path: Path) -> None:
    """A branch or tag name could be a command, so such text is passed through the environment."""
    for step in _steps(_load(path)):
        assert "${{ github" not in step.get("run", "")


@pytest.mark.parametrize("path", WORKFLOWS, ids=NAMES)
def test_permissions_are_minimal(path: Path) -> None:
    workflow = _load(path)
    assert workflow["permissions"] in ({}, {"contents": "read"})
    writing = {name for name, job in workflow["jobs"].items() if "write" in job.get("permissions", {}).values()}
    assert writing == ({"publish"} if path.name == "release.yml" else set())
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 60
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_release_builds_on_three_systems_and_drafts_tags() -> None:
    workflow = _load(ROOT / ".github" / "workflows" / "release.yml")
    build, publish = workflow["jobs"]["build"], workflow["jobs"]["publish"]
    systems = {entry["os"].split("-")[0] for entry in build["strategy"]["matrix"]["include"]}
    assert systems == {"ubuntu", "windows", "macos"}
    # Each system once without training and once with it, which the program without training refers to.
    variants = [(entry["os"], entry["training"]) for entry in build["strategy"]["matrix"]["include"]]
    assert sorted(variants) == sorted(
        (name, training) for name in {name for name, _ in variants} for training in ("0", "1")
    )
    names = [entry["name"] for entry in build["strategy"]["matrix"]["include"]]
    assert len(set(names)) == len(names)
    (package_step,) = [step for step in build["steps"] if step.get("run") == "python -m tools.packaging.package"]
    assert package_step["env"] == {"ALPACASORTER_WITH_TENSORFLOW": "${{ matrix.training }}"}
    assert (publish["needs"], publish["if"]) == ("build", "github.ref_type == 'tag'")
    (script,) = [step["run"] for step in publish["steps"] if "run" in step]
    assert "--draft" in script
    # One list of all files instead of the separate lists from the builds.
    assert "sha256sum -- * > SHA256SUMS" in script


def test_release_uploads_the_results_from_where_they_are_written() -> None:
    build = _load(ROOT / ".github" / "workflows" / "release.yml")["jobs"]["build"]
    for entry in build["strategy"]["matrix"]["include"]:
        assert ROOT / entry["results"] == package.output_folders(full=entry["training"] == "1")[0]
    (upload,) = [step for step in build["steps"] if step.get("uses", "").startswith("actions/upload-artifact@")]
    # All in one folder, or its name would become part of the file names; and no list of hashes.
    lines = upload["with"]["path"].splitlines()
    assert {line.rpartition("/")[0] for line in lines} == {"${{ matrix.results }}"}
    assert "SHA256SUMS" not in upload["with"]["path"]


def test_tools_used_by_workflows_exist() -> None:
    for path in WORKFLOWS:
        script = path.read_text(encoding="utf-8")
        for tool in re.findall(r"(?:python|bash) ((?:tools|\.ci)/\S+)", script):
            assert (ROOT / tool).is_file()
        for module in re.findall(r"python -m (tools\.\S+)", script):
            assert importlib.util.find_spec(module)
