"""What the commands print in the language for tests: their help, what they say of their work, and their complaints."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from unittest import mock

from alpacasorter import i18n
from alpacasorter.cli import main
from alpacasorter.ml.models.bundle import load_bundle
from alpacasorter.paths import bundled_model
from alpacasorter.training.recipe import AUGMENTATIONS, BACKBONES
from tests.picture_files import BAD_KINDS, make_picture
from tests.pseudo import Seen, unaccented

COMMANDS = ("scan", "sort", "watch", "export", "import", "evaluate", "models", "dataset", "train", "export-model")
TYPED = json.loads((Path(__file__).parent / "compat" / "arguments.json").read_text(encoding="utf-8"))
"""The options of each command, with their choices."""
NAMES = (
    *("Not alpaca", "Alpaca", "not_alpaca", "not alpaca", "alpaca"),
    *(word for command in TYPED for word in command.split()),
    *(str(choice) for options in TYPED.values() for option in options.values() for choice in option.get("choices", [])),
    *(*AUGMENTATIONS, *BACKBONES, "shipped", "keras", "random", "alpacamodel"),
)
"""What has its name from a model or is typed as it is."""


def words_of_the_model() -> Iterator[str]:
    """Yield what the shipped model says about its variants, if it has any: it brings its own translations."""
    variants = load_bundle(bundled_model()).variants
    if variants is not None:
        texts = [variants.setting, variants.first_question]
        texts += [text for one in variants.choices for text in (one.title, one.question, one.answer)]
        yield from variants.names
        yield from (i18n.pick(text) for text in texts if text)


def photos(folder: Path) -> Path:
    """Make a folder of photos of both labels, one that can't be read, and another file; their names are no words."""
    place = folder / "1234 🦙"
    (place / "5").mkdir(parents=True)
    for number in range(6):
        make_picture(place / ("5" if number > 3 else "") / f"{number:04}.jpg", seed=number, size=(320, 240))
    make_picture(place / "0007.jpg", kind=BAD_KINDS[0])
    (place / "0008.txt").write_text("8", encoding="utf-8")
    return place


def tour(folder: Path) -> Iterator[Seen]:
    """Yield each line that the commands print, run in this process on photos below `folder`."""
    before: set[str] = set()
    for seen in _lines(folder):
        if seen.text not in before:
            before.add(seen.text)
            yield seen


def _lines(folder: Path) -> Iterator[Seen]:
    for command in ("", *COMMANDS, "dataset download", "models add", "models use", "models list", "models remove"):
        yield from _printed([*command.split(), "--help"], folder)
    place, out = photos(folder), folder / "9876"
    labels = folder / "labels.json"
    runs: tuple[Sequence[object], ...] = (
        ("scan", place, "--device", "cpu"),
        ("sort", place, "--into", out, "--dry-run", "--device", "cpu"),
        ("sort", place, "--into", out, "--action", "copy", "--device", "cpu"),
        ("sort", place, "--into", out, "--dry-run", "--action", "copy", "--device", "cpu"),
        ("sort", "--history"),
        ("sort", "--undo", "1"),
        ("sort", "--undo", "1"),
        ("sort", "--history"),
        ("export", place, "--json", "--out", labels, "--device", "cpu"),
        ("export", place, "--xmp", "--dry-run", "--device", "cpu"),
        ("import", labels, "--dry-run"),
        ("import", labels),
        ("models",),
        ("scan", place, "--device", "cpu", "--quiet"),
        ("scan", folder / "0"),
        ("scan", place / "0001.jpg"),
        ("scan", place, "--nonsense"),
        ("scan", place, "--device", "quantum"),
        ("scan",),
        ("sort", place),
        ("sort", place, "--into", out, "--pattern", "{nonsense}"),
        ("sort", "--undo", "99"),
        ("sort", "--resume", "99"),
        ("export", place),
        ("import", folder / "0"),
        ("import", place / "0007.jpg"),
        ("evaluate", place),
        ("evaluate", folder / "0"),
        ("models", "add", place),
        ("models", "use", "0"),
        ("models", "remove", "0"),
        ("train", place),
        ("train", folder / "0"),
        ("dataset", "download"),
        ("export-model", folder / "0"),
        (folder / "0",),
    )
    for arguments in runs:
        yield from _printed(arguments, folder)


def _printed(arguments: Sequence[object], folder: Path) -> Iterator[Seen]:
    given = list(map(str, arguments))
    said = run(lambda: main(given))
    where = " ".join(["alpacasorter", *(name.replace(str(folder), "…") for name in given)])
    names = (*NAMES, *words_of_the_model(), *(name for name in given if name.isalpha()), str(folder), "9876", "labels")
    for line in dict.fromkeys(said.splitlines()):
        if line.strip():
            yield Seen(where, line.strip(), unaccented(line, names))


def run(work: Callable[[], object]) -> str:
    """Return all that is printed meanwhile."""
    into = io.StringIO()
    # So wide that no sentence of a help is broken.
    with (
        mock.patch.dict(os.environ, COLUMNS="2000"),
        contextlib.redirect_stdout(into),
        contextlib.redirect_stderr(into),
        contextlib.suppress(SystemExit),
    ):
        work()
    return into.getvalue()
