"""What argparse says of its own accord is in the language in use, too."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo

from alpacasorter import i18n
from alpacasorter.cli.usage import ARGPARSE_MESSAGES
from tests.cli.commands import Commands

FOR_DEVELOPERS = {
    "'required' is an invalid argument for positionals",
    "%r is not callable",
    ".__call__() not defined",
    'argument "-" with mode %r',
    "argument '%(argument_name)s' is deprecated",
    "cannot have multiple subparser arguments",
    "cannot merge actions - two groups are named %r",
    "command '%(parser_name)s' is deprecated",
    "conflicting option string: %s",
    "conflicting subparser alias: %s",
    "conflicting subparser: %s",
    "dest= is required for options like %r",
    "expected %s argument",
    "invalid conflict_resolution value: %r",
    "invalid option string %(option)r: must start with a character %(prefix_chars)r",
    "mutually exclusive arguments must be optional",
    "option '%(option)s' is deprecated",
}
"""Of these, only "expected … arguments" is shown to people, and that has forms of its own."""


@pytest.fixture
def german(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    catalog = Catalog(locale="de")
    catalog.add("usage: ", "Aufruf: ")
    catalog.add("show this help message and exit", "zeigt diese Hilfe")
    catalog.add("unrecognized arguments: %s", "unbekannte Argumente: %s")
    file = tmp_path / "de" / "LC_MESSAGES" / "alpacasorter.mo"
    file.parent.mkdir(parents=True)
    with file.open("wb") as stream:
        write_mo(stream, catalog)
    for name in ("_", "ngettext"):
        monkeypatch.setattr(argparse, name, getattr(argparse, name))
    monkeypatch.setenv("ALPACASORTER_LOCALE_DIR", str(tmp_path))
    monkeypatch.setenv("ALPACASORTER_LANGUAGE", "de")
    yield
    i18n.use("en")


@pytest.mark.skipif(sys.version_info >= (3, 15), reason="nobody knows yet what a later Python says")
def test_all_that_python_says_is_known() -> None:
    said = {message if isinstance(message, str) else message[0] for _, message, _, _ in extract(argparse.__file__)}
    assert said - FOR_DEVELOPERS - set(ARGPARSE_MESSAGES) == set()


def extract(file: str) -> list[tuple[int, str | tuple[str, ...], list[str], str | None]]:
    return list(extract_from_file("python", file))


def test_help_and_complaints(run: Commands, german: None) -> None:
    assert run("scan", "--help").out.startswith("Aufruf: alpacasorter scan")
    assert "zeigt diese Hilfe" in run("scan", "--help").out
    done = run("scan", ".", "--nonsense")
    assert done.code == 2
    assert "unbekannte Argumente: --nonsense" in done.err


def test_in_english_argparse_is_as_python_made_it(run: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    before = argparse._  # type: ignore[attr-defined]
    assert run("scan", "--help").out.startswith("usage: alpacasorter scan")
    assert argparse._ is before  # type: ignore[attr-defined]
