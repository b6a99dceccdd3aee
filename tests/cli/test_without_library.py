"""A data folder that can't be written to: what can be done without the corrections is done, and the user is told."""

import json
from pathlib import Path

import pytest

from tests.cli.commands import Commands
from tests.engines import fill

SAID = "Photos are judged without your corrections."


@pytest.fixture(params=["a file", "a folder in its place"])
def no_data(request: pytest.FixtureRequest, home: Path) -> None:
    data = home / "alpacasorter-data"
    if request.param == "a file":
        data.write_bytes(b"")
    else:
        # SQLite can neither open nor replace it, and the administrator can't either.
        (data / "library.sqlite.lock").mkdir(parents=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("alpaca", "not_alpaca"):
        fill(tmp_path / "photos" / name, 2, first=len(name))
    return tmp_path / "photos"


@pytest.mark.usefixtures("no_data")
def test_what_needs_no_corrections_is_done(folder: Path, tmp_path: Path, run: Commands) -> None:
    done = run("scan", folder, "--json", "--device", "cpu")
    assert (done.code, done.err.count(SAID)) == (0, 1)
    assert [json.loads(line)["status"] for line in done.out.splitlines()] == ["ok"] * 4
    for command in (("evaluate", folder), ("sort", folder, "--into", tmp_path / "out", "--dry-run")):
        done = run(*command, "--device", "cpu")
        assert (done.code, done.err.count(SAID)) == (0, 1), command
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("no_data")
def test_what_would_be_wrong_without_them_is_not(folder: Path, tmp_path: Path, run: Commands) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text(f"content_key,label\n{'0' * 64},alpaca\n")
    for command in (
        ("sort", folder, "--into", tmp_path / "out"),
        ("export", folder, "--csv"),
        ("export", folder, "--xmp"),
        ("import", labels),
        ("sort", "--history"),
    ):
        done = run(*command)
        assert (done.code, done.out) == (1, ""), command
        assert done.err.startswith("alpacasorter: Your corrections could not be saved or read"), command
        assert SAID not in done.err
    assert list(folder.rglob("*.xmp")) == []
