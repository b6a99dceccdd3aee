"""`alpacasorter --self-test`: what works and what doesn't, as one report."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alpacasorter.cli.self_test import checks as self_test_checks
from alpacasorter.cli.self_test import run
from alpacasorter.cli.self_test.report import Report, SelfTestFailed
from alpacasorter.cli.self_test.run import load_modules
from alpacasorter.cli.self_test.samples import FORMATS
from alpacasorter.workers import training
from tests.cli.commands import finish, program

NAMES = [
    "window",
    "modules",
    "folders",
    *(f"picture {form}" for form in FORMATS),
    "judging",
    "library",
    "sorting",
    "child process",
    "graphics processor",
    "languages",
]


def everything_in(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def failed(report: dict[str, Any]) -> dict[str, str]:
    return {check["name"]: check["detail"] for check in report["checks"] if not check["ok"]}


def test_everything_works_and_nothing_of_the_users_is_touched(home: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    for name in ("alpacasorter-data", "alpacasorter-cache", ".config/AlpacaSorter", "run"):
        (home / name).mkdir(parents=True, exist_ok=True)
        (home / name / "kept").write_bytes(b"the user's")
    before = everything_in(home)
    file = tmp_path / "a report.json"
    done = finish(program("--self-test", file, TMPDIR=str(scratch)))
    assert done.code == 0, done.out + done.err
    report = json.loads(done.out)
    assert json.loads(file.read_text(encoding="utf-8")) == report
    assert report.keys() == {"ok", "version", "frozen", "checks", "timings"}
    assert [check["name"] for check in report["checks"]] == NAMES
    assert failed(report) == {}
    assert (report["ok"], report["frozen"]) == (True, False)
    assert report["version"]
    assert 0 < report["timings"]["first_window"] <= report["timings"]["first_judged"]
    assert all(check["seconds"] >= 0 and check["detail"] for check in report["checks"])
    assert f"{len(FORMATS)} pictures judged" in report["checks"][0]["detail"]
    assert everything_in(home) == before
    assert list(scratch.iterdir()) == []


def test_a_model_that_can_not_be_used_fails_what_needs_it_and_nothing_else(tmp_path: Path) -> None:
    done = finish(program("--self-test", "--model", tmp_path))
    assert done.code == 1
    report = json.loads(done.out)
    assert report["ok"] is False
    assert [check["name"] for check in report["checks"]] == NAMES
    assert failed(report).keys() == {"window", "judging", "child process", "graphics processor"}
    assert report["timings"]["first_window"] is not None
    assert report["timings"]["first_judged"] is None


@pytest.mark.skipif(os.name != "posix", reason="closes streams as a POSIX shell does")
def test_without_streams_the_report_goes_into_the_file(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    line = f"{shlex.quote(sys.executable)} -m alpacasorter --self-test {shlex.quote(str(file))} >&- 2>&- <&-"
    code = subprocess.run(line, shell=True, timeout=120, check=False, cwd=Path(__file__).parents[2]).returncode
    assert (code, json.loads(file.read_text(encoding="utf-8"))["ok"]) == (0, True)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick checks only: the rest has been tried above."""
    monkeypatch.setattr(run, "_window", lambda _place, _timings: "no window")
    monkeypatch.setattr(self_test_checks, "all_checks", lambda _place, _variant: [])


def test_report_that_can_not_be_written_is_a_failure(
    few: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.run(tmp_path / "gone" / "report.json") == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["ok"] is True
    assert "report.json can't be written." in told.err


def test_environment_is_as_before(few: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALPACASORTER_CACHE_DIR")
    before = dict(os.environ)
    assert run.run(None) == 0
    assert dict(os.environ) == before


def test_a_check_that_fails_in_any_way_ends_no_other() -> None:
    report = Report()

    def refuse() -> str:
        raise SelfTestFailed("It is red.")

    def crash() -> str:
        return str(1 // 0)

    report.run("refuses", refuse)
    report.run("crashes", crash)
    report.run("ends", sys.exit)  # type: ignore[arg-type]
    report.run("works", lambda: "fine")
    assert [check.ok for check in report.checks] == [False, False, False, True]
    assert report.checks[0].detail == "It is red."
    assert report.checks[1].detail.startswith("ZeroDivisionError: ")
    assert "test_run.py, line " in report.checks[1].detail
    assert not report.ok


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "somepackage"
    (folder / "below").mkdir(parents=True)
    for name in ("__init__", "good", "below/__init__", "below/good"):
        (folder / f"{name}.py").write_text("")
    (folder / "__main__.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "somepackage"]:
        monkeypatch.delitem(sys.modules, name)
    return folder


def test_modules_that_fail_are_named(package: Path) -> None:
    (package / "below" / "bad.py").write_text("import surely_missing_from_here")
    (package / "worse.py").write_text("1 / 0")
    with pytest.raises(SelfTestFailed) as error:
        load_modules("somepackage")
    assert str(error.value).startswith("2 can't be loaded:")
    assert "somepackage.below.bad: ModuleNotFoundError" in str(error.value)
    assert "somepackage.worse: ZeroDivisionError" in str(error.value)


def test_what_only_a_second_start_needs_is_not_forgotten(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_modules("somepackage").startswith("8 loaded")
    monkeypatch.setitem(sys.modules, "PySide6.QtNetwork", None)
    with pytest.raises(SelfTestFailed, match=r"PySide6\.QtNetwork: ModuleNotFoundError"):
        load_modules("somepackage")


@pytest.mark.parametrize("missing", ["keras", "tensorflow.lite", "alpacasorter.training.train"])
@pytest.mark.parametrize("there", [False, True])
def test_what_needs_tensorflow_may_be_absent_with_it(
    package: Path, monkeypatch: pytest.MonkeyPatch, missing: str, there: bool
) -> None:
    monkeypatch.setattr(training, "training_available", lambda: there)
    (package / "trains.py").write_text(f"raise ModuleNotFoundError('no', name={missing!r})")
    if there:
        with pytest.raises(SelfTestFailed, match=r"somepackage\.trains"):
            load_modules("somepackage")
    else:
        assert load_modules("somepackage").endswith("1 missing without TensorFlow: somepackage.trains")


@pytest.mark.parametrize(("frozen", "there"), [(True, True), (True, False), (False, True)])
def test_training_is_tried_where_it_was_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frozen: bool, there: bool
) -> None:
    monkeypatch.setattr(sys, "frozen", frozen, raising=False)
    monkeypatch.setattr(self_test_checks, "training_available", lambda: there)
    monkeypatch.setattr(self_test_checks, "keep_quiet", lambda: None)
    monkeypatch.setattr(self_test_checks, "start", lambda *, seed: f"processor {seed}")
    checks = dict(self_test_checks.all_checks(tmp_path))
    assert ("training" in checks) == (frozen and there)
    if "training" in checks:
        assert checks["training"]() == "on the processor 1"
