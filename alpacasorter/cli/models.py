"""`alpacasorter models`: list, add, share and remove models, and choose the one to use."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

from alpacasorter import paths
from alpacasorter.cli.console import guarded
from alpacasorter.cli.usage import complain, given_path, version_option
from alpacasorter.core.files import display_path
from alpacasorter.core.os_errors import for_saving
from alpacasorter.core.reasons import sentence
from alpacasorter.core.session_paths import plain_absolute
from alpacasorter.i18n import _, size
from alpacasorter.ml.models.archive import SUFFIX, pack
from alpacasorter.ml.models.bundle import load_bundle
from alpacasorter.ml.models.entry import ModelEntry, VariantEntry
from alpacasorter.ml.models.store import ModelStore, ModelStoreError

_CHOSEN = "+"


def fill(parser: argparse.ArgumentParser) -> None:
    """Add the commands of `models` to a parser; `options.work(options)` runs the one that was given."""
    parser.add_argument("--json", action="store_true", help=_("list the models as JSON, one object per line"))
    parser.set_defaults(work=_list)
    commands = parser.add_subparsers(metavar="COMMAND", title=_("commands (without one, the models are listed)"))

    def command(
        name: str, words: str, description: str, work: Callable[[argparse.Namespace], int]
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(
            name, help=words, description=description, epilog=_exit_codes(), parents=[version_option()]
        )
        made.set_defaults(work=work)
        return made

    name_help = _("its name in the list")
    add = command(
        "add", _("add a model that you trained or were given"), _("Add a model that you trained or were given."), _add
    )
    add.add_argument(
        "source",
        metavar="FILE_OR_FOLDER",
        type=given_path,
        help=_("a {suffix} file or a model folder").format(suffix=SUFFIX),
    )
    use = command(
        "use",
        _("use a model from now on, in the window and on the command line"),
        _("Use a model from now on, in the window and on the command line."),
        _use,
    )
    which = use.add_mutually_exclusive_group(required=True)
    which.add_argument("name", metavar="NAME", nargs="?", help=name_help)
    which.add_argument("--bundled", action="store_true", help=_("go back to the bundled model"))
    use.add_argument("--variant", metavar="NAME", help=_("the variant of it to use, if it has any; see the list"))
    share = command(
        "share",
        _("save a model as one file, to share it with others"),
        _("Save a model as one file, to share it with others."),
        _share,
    )
    share.add_argument("name", metavar="NAME", help=name_help)
    share.add_argument(
        "--out",
        metavar="FILE",
        type=given_path,
        required=True,
        help=_("the file to write, for example {name}").format(name=f"mine{SUFFIX}"),
    )
    remove = command("remove", _("delete a model that you added"), _("Delete a model that you added."), _remove)
    remove.add_argument("name", metavar="NAME", help=name_help)


def run(options: argparse.Namespace) -> int:
    """Run a command of `models`; return the exit code."""
    return guarded(lambda: int(options.work(options)))


def _exit_codes() -> str:
    return _("exit codes: 0 success, 1 failure, 2 wrong usage, 130 Ctrl+C")


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
        "variants": [
            {
                "name": one.name,
                "title": one.title,
                "default": one.is_default,
                "chosen": one.is_chosen,
                "in_use": entry.in_use and one.is_chosen,
            }
            for one in entry.variants
        ],
    }


def _table(entries: list[ModelEntry]) -> str:
    # Translators: the headings of a table of models.
    rows = [("", _("NAME"), _("MODEL"), _("CREATED"), _("SIZE"), _("CLASSES"))]
    for entry in entries:
        mark = "*" if entry.in_use else ""
        classes = " / ".join(entry.classes)
        if entry.problem:
            about = entry.problem
        elif entry.is_bundled:
            # Translators: in a table of models; {classes} is for example "Alpaca / Not alpaca".
            about = _("{classes} (bundled)").format(classes=classes)
        else:
            about = classes
        rows.append((mark, entry.key, entry.title, entry.created or "–", size(entry.size), about))
    widths = [max(len(display_path(row[column])) for row in rows) for column in range(5)]
    lines = []
    for row in rows:
        cells = [f"{display_path(cell):<{width}}" for cell, width in zip(row, widths, strict=False)]
        lines.append("  ".join([*cells, display_path(row[-1])]).rstrip())
    for entry in entries:
        if entry.variants:
            # Translators: above a list; {model} has a name and a version, {setting} is for example "Ponies count as".
            message = _("Variants of {model} ({setting}):")
            lines += ["", message.format(model=display_path(entry.title), setting=entry.setting)]
            width = max(len(one.name) for one in entry.variants)
            lines += [f"{_mark(entry, one):<3}{one.name:<{width}}  {one.title}" for one in entry.variants]
    # Translators: below the table of models, in which a star marks the model in use.
    lines.append(_("* = in use"))
    if any(_mark(entry, one) == _CHOSEN for entry in entries for one in entry.variants):
        # Translators: below the table of models, in which a plus sign marks variants of models that are not in use.
        lines.append(_("+ = used with this model"))
    return "\n".join(lines)


def _mark(entry: ModelEntry, variant: VariantEntry) -> str:
    if not variant.is_chosen:
        return ""
    return "*" if entry.in_use else _CHOSEN


def _add(options: argparse.Namespace) -> int:
    added = _store().add_model(plain_absolute(options.source))
    key = display_path(added.entry.key)
    if added.is_new:
        message = _("“{name}” was added. To use it: {command}")
        print(message.format(name=added.entry.title, command=f"alpacasorter models use {key}"))
    else:
        print(_("“{name}” has already been added, under the name {key}.").format(name=added.entry.title, key=key))
    return 0


def _use(options: argparse.Namespace) -> int:
    store = _store()
    path, said = store.bundled, _("The bundled model is now in use.")
    if not options.bundled:
        entry = store.find(options.name)
        store.check(entry.path)
        path, said = entry.path, _("“{name}” is now in use.").format(name=entry.title)
    if options.variant is not None:
        bundle = load_bundle(path)
        store.choose_variant(bundle, options.variant)
        said = _("“{name}” is now in use.").format(name=bundle.with_variant(options.variant).title)
    store.choose(path)
    print(said)
    if paths.named_model() is not None:
        complain(
            _("{variable} is set and names the model to use. Unset it to use the one you chose.").format(
                variable=paths.MODEL_VARIABLE
            )
        )
    return 0


def _share(options: argparse.Namespace) -> int:
    entry = _store().find(options.name)
    bundle, out = load_bundle(entry.path), plain_absolute(options.out)
    shown = display_path(out)
    try:
        pack(bundle, out)
    except FileExistsError:
        complain(_("{file} already exists. Choose another name, or delete it first.").format(file=shown))
        return 1
    except OSError as error:
        message = _("{file} can't be written. {reason}").format(file=shown, reason=sentence(for_saving(error)))
        raise ModelStoreError(message) from error
    print(_("{file} was written ({size}).").format(file=shown, size=size(out.stat().st_size)))
    return 0


def _remove(options: argparse.Namespace) -> int:
    store = _store()
    entry = store.find(options.name)
    store.remove_model(entry.path)
    print(_("“{name}” was removed.").format(name=entry.title))
    return 0


def models_parser() -> argparse.ArgumentParser:
    """Return the parser of `alpacasorter models`."""
    parser = argparse.ArgumentParser(
        prog="alpacasorter models",
        description=_("List your models, or add, select, share or remove one."),
        epilog=_exit_codes(),
        parents=[version_option()],
    )
    fill(parser)
    parser.set_defaults(command=run, model=None)
    return parser
