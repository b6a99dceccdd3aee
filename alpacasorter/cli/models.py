"""`alpacasorter models`: lists the models, adds, shares and removes them, and says which one serves."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

from alpacasorter import paths
from alpacasorter.cli.console import guarded
from alpacasorter.cli.usage import complain, given_path
from alpacasorter.core.files import display_path
from alpacasorter.core.reasons import for_saving, sentence
from alpacasorter.core.session_paths import plain_absolute
from alpacasorter.ml.models.archive import SUFFIX, pack
from alpacasorter.ml.models.bundle import load_bundle
from alpacasorter.ml.models.entry import ModelEntry, ModelStoreError
from alpacasorter.ml.models.store import ModelStore

_MEGABYTE = 1e6
_NAMED = (
    f"{paths.MODEL_VARIABLE} is set and names another model, which serves as long as it is set. "
    "Unset it to use the one you chose."
)


def fill(parser: argparse.ArgumentParser) -> None:
    """Give a parser the commands below `models`; `options.work(options)` runs the one that was given."""
    parser.add_argument("--json", action="store_true", help="list the models as one JSON object a line")
    parser.set_defaults(work=_list)
    commands = parser.add_subparsers(metavar="COMMAND", title="commands, without one the models are listed")

    def command(name: str, words: str, work: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
        made.set_defaults(work=work)
        return made

    add = command("add", "add a model that you trained or were given", _add)
    add.add_argument(
        "source", metavar="FILE_OR_FOLDER", type=given_path, help=f"a {SUFFIX} file, or the folder of a model"
    )
    use = command("use", "have a model serve from now on, in the window and on the command line", _use)
    which = use.add_mutually_exclusive_group(required=True)
    which.add_argument("name", metavar="NAME", nargs="?", help="its name in the list")
    which.add_argument("--bundled", action="store_true", help="go back to the model that came with AlpacaSorter")
    share = command("share", "write a model as one file, to be passed on", _share)
    share.add_argument("name", metavar="NAME", help="its name in the list")
    share.add_argument(
        "--out", metavar="FILE", type=given_path, required=True, help=f"the file to write, such as mine{SUFFIX}"
    )
    remove = command("remove", "delete a model that you added", _remove)
    remove.add_argument("name", metavar="NAME", help="its name in the list")


def run(options: argparse.Namespace) -> int:
    """Run a command on the models; return the exit code."""
    return guarded(lambda: int(options.work(options)))


def _store() -> ModelStore:
    return ModelStore(paths.user_data_dir())


def _list(options: argparse.Namespace) -> int:
    store = _store()
    entries = store.list_models()
    if options.json:
        for entry in entries:
            print(json.dumps(_object(entry)))
    else:
        print(_table(entries))
    if notice := store.chosen().notice:
        complain(notice)
    return 0


def _object(entry: ModelEntry) -> dict[str, object]:
    return {
        "name": entry.key,
        "title": entry.name,
        "version": entry.version,
        "created": entry.created,
        "classes": list(entry.classes),
        "bundled": entry.is_bundled,
        "in_use": entry.in_use,
        "bytes": entry.size,
        "problem": entry.problem or None,
        "path": str(entry.path),
    }


def _table(entries: list[ModelEntry]) -> str:
    rows = [("", "NAME", "MODEL", "MADE ON", "SIZE", "CLASSES")]
    for entry in entries:
        about = entry.problem or f"{' / '.join(entry.classes)}{' (bundled)' if entry.is_bundled else ''}"
        size = f"{entry.size / _MEGABYTE:.1f} MB"
        row = ("*" if entry.in_use else "", entry.key, entry.title, entry.created or "–", size, about)
        rows.append(row)
    widths = [max(len(display_path(row[column])) for row in rows) for column in range(5)]
    lines = []
    for row in rows:
        cells = [f"{display_path(cell):<{width}}" for cell, width in zip(row, widths, strict=False)]
        lines.append("  ".join([*cells, display_path(row[-1])]).rstrip())
    lines.append("* is in use")
    return "\n".join(lines)


def _add(options: argparse.Namespace) -> int:
    added = _store().add_model(plain_absolute(options.source))
    key = display_path(added.entry.key)
    if added.is_new:
        print(f"“{added.entry.title}” was added. To have it serve: alpacasorter models use {key}")
    else:
        print(f"“{added.entry.title}” is there already, under the name {key}.")
    return 0


def _use(options: argparse.Namespace) -> int:
    store = _store()
    if options.bundled:
        store.choose(store.bundled)
        print("The bundled model serves from now on.")
    else:
        entry = store.find(options.name)
        store.check(entry.path)
        store.choose(entry.path)
        print(f"“{entry.title}” serves from now on.")
    if paths.named_model() is not None:
        complain(_NAMED)
    return 0


def _share(options: argparse.Namespace) -> int:
    entry = _store().find(options.name)
    bundle, out = load_bundle(entry.path), plain_absolute(options.out)
    try:
        pack(bundle, out)
    except FileExistsError:
        complain(f"{display_path(out)} is there already. Choose another name, or delete it first.")
        return 1
    except OSError as error:
        raise ModelStoreError(f"{display_path(out)} can't be written. {sentence(for_saving(error))}") from error
    print(f"{display_path(out)} was written ({out.stat().st_size / _MEGABYTE:.1f} MB).")
    return 0


def _remove(options: argparse.Namespace) -> int:
    store = _store()
    entry = store.find(options.name)
    store.remove_model(entry.path)
    print(f"“{entry.title}” was removed.")
    return 0
