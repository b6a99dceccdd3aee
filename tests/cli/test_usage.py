"""The options and messages that all commands share, in the language in use, and standard streams that are missing."""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo

from alpacasorter import __main__ as entry
from alpacasorter import i18n
from alpacasorter.cli.usage import ARGPARSE_MESSAGES
from alpacasorter.core import reasons
from tests.cli.commands import Commands
from tests.engines import run_python
from tests.picture_files import make_picture

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
    catalog = Catalog(locale="de_LI")
    catalog.add("usage: ", "Aufruf: ")
    catalog.add("show this help message and exit", "zeigt diese Hilfe")
    catalog.add("unrecognized arguments: %s", "unbekannte Argumente: %s")
    catalog.add("Unreadable", "Unlesbar")
    catalog.add(reasons.sentence(reasons.TRUNCATED), "Die Datei ist unvollständig.")
    file = tmp_path / "locale" / "de_LI" / "LC_MESSAGES" / "alpacasorter.mo"
    file.parent.mkdir(parents=True)
    with file.open("wb") as stream:
        write_mo(stream, catalog)
    for name in ("_", "ngettext"):
        monkeypatch.setattr(argparse, name, getattr(argparse, name))
    monkeypatch.setenv("ALPACASORTER_LOCALE_DIR", str(tmp_path / "locale"))
    monkeypatch.setenv("ALPACASORTER_LANGUAGE", "de_LI")
    yield
    i18n.use("en")


@pytest.mark.skipif(sys.version_info >= (3, 15), reason="the messages of later versions are not known yet")
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


def test_text_is_in_the_language_in_use_and_data_is_english(run: Commands, german: None, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    make_picture(tmp_path / "photos" / "a.jpg", kind="truncated_jpeg")
    arguments = (tmp_path / "photos", "--device", "cpu")
    assert "Unlesbar" in run("scan", *arguments).out
    assert "Die Datei ist unvollständig." in run("scan", *arguments).out
    data = [run("scan", *arguments, "--json"), run("scan", *arguments, "--csv"), run("export", *arguments, "--csv")]
    run("export", *arguments, "--json", "--out", tmp_path / "out.json")
    for text in (*(done.out for done in data), (tmp_path / "out.json").read_text(encoding="utf-8")):
        assert "The file is incomplete" in text
        assert "Datei" not in text


_WITHOUT = """
import os, sys
for number in (0, 1, 2):
    os.close(number)
sys.stdin = sys.stdout = sys.stderr = None
from alpacasorter.cli.usage import open_streams
open_streams()
print("nowhere")
print("nowhere", file=sys.stderr)
with open(sys.argv[1], "w") as file:
    os.write(1, b"noise")
    os.write(2, b"noise")
    assert all(os.get_inheritable(number) for number in (0, 1, 2))
    file.write(str(file.fileno()))
"""


@pytest.mark.skipif(os.name != "posix", reason="closes file descriptors")
def test_missing_streams_lead_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "precious"
    assert run_python(_WITHOUT, file).returncode == 0
    assert int(file.read_text()) > 2, "library output must not go into a file of ours"


def test_streams_that_are_there_are_left(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr
    from alpacasorter.cli.usage import open_streams

    open_streams()
    assert (sys.stdout, sys.stderr) == before


def test_other_programs_find_their_own_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_MEIPASS", "/opt/app/_internal", raising=False)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/app/_internal:/mine")
    monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", "/mine")
    monkeypatch.setenv("LIBPATH", "/opt/app/_internal")
    monkeypatch.setenv("DYLD_LIBRARY_PATH", "/mine")
    entry._prepare_frozen()
    assert os.environ["LD_LIBRARY_PATH"] == "/mine"
    assert "LD_LIBRARY_PATH_ORIG" not in os.environ
    assert "LIBPATH" not in os.environ
    assert os.environ["DYLD_LIBRARY_PATH"] == "/mine"
