"""What programs read (JSON and CSV) is English in every language."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import pytest

from alpacasorter import i18n
from tests.cli.commands import Commands
from tests.command_tour import photos
from tests.pseudo import CODE, accented, write_catalog

ACCENTED = set(accented("abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ")) - {" "}

pytestmark = pytest.mark.model


@pytest.fixture(autouse=True)
def language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A made-up language."""
    write_catalog(tmp_path / "locale")
    monkeypatch.setenv("ALPACASORTER_LOCALE_DIR", str(tmp_path / "locale"))
    monkeypatch.setenv("ALPACASORTER_LANGUAGE", CODE)
    for name in ("_", "ngettext"):
        monkeypatch.setattr(argparse, name, getattr(argparse, name))
    yield
    i18n.use(i18n.ENGLISH)


def test_language_is_used(run: Commands) -> None:
    assert ACCENTED.intersection(run("scan", "--help").out)


def test_json_and_csv_are_english(run: Commands, tmp_path: Path) -> None:
    folder, out, labels = photos(tmp_path), tmp_path / "sorted", tmp_path / "labels.json"
    assert run("export", folder, "--json", "--out", labels, "--device", "cpu").code == 0
    for arguments in (
        ("scan", folder, "--json", "--device", "cpu"),
        ("scan", folder, "--csv", "--device", "cpu"),
        ("export", folder, "--csv", "--device", "cpu"),
        ("export", folder, "--json", "--device", "cpu"),
        ("import", labels, "--all", "--json"),
        ("sort", folder, "--into", out, "--dry-run", "--json", "--device", "cpu"),
        ("sort", folder, "--into", out, "--json", "--device", "cpu"),
        ("sort", "--undo", "--json"),
        ("sort", "--history", "--json"),
        ("models", "--json"),
    ):
        done = run(*arguments)
        assert done.code == 0, (arguments, done.err)
        assert done.out, arguments
        assert not ACCENTED.intersection(done.out), arguments
    assert not ACCENTED.intersection(labels.read_text(encoding="utf-8"))
