"""`alpacasorter export-model`: writes a model as one file for Keras or LiteRT."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from alpacasorter.cli.usage import complain, given_path, named_folder, named_model, variant_option, version_option
from alpacasorter.core.files import display_path
from alpacasorter.core.session_paths import plain_absolute
from alpacasorter.i18n import _


def export_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = argparse.ArgumentParser(
        prog="alpacasorter export-model",
        parents=[variant_option(), version_option()],
        description=_(
            "Write a model as one file for other programs. Its input is photos as RGB values from 0 to 255, float32 "
            "(n, side, side, 3); its output is the probability of the positive class, float32 (n, 1)."
        ),
        epilog=_("exit codes: 0 success, 1 failure, 2 wrong usage, 130 Ctrl+C (nothing is written then)"),
    )
    parser.add_argument("bundle", metavar="DIR", type=given_path, help=_("the model folder"))
    parser.add_argument("--keras", metavar="FILE.keras", type=given_path, help=_("write a file for Keras 3"))
    parser.add_argument(
        "--tflite",
        metavar="FILE.tflite",
        type=given_path,
        help=_("write a file for LiteRT (TensorFlow Lite), which takes one photo at a time"),
    )
    parser.set_defaults(command=_run, model=None)
    return parser


def _run(options: argparse.Namespace) -> int:
    """Write the requested files; return the exit code."""
    # Imported here, as below: the help needs none of this.
    from alpacasorter.cli.console import guarded
    from alpacasorter.training.requirements import has_tensorflow, no_tensorflow

    folder = named_folder(named_model(options.bundle) or options.bundle)
    if folder is None:
        return 2
    given: tuple[tuple[Path | None, str], ...] = ((options.keras, ".keras"), (options.tflite, ".tflite"))
    wanted = [(path, suffix) for path, suffix in given if path is not None]
    if not wanted:
        complain(_("There is nothing to write. Pass --keras FILE.keras, --tflite FILE.tflite, or both."))
        return 2
    for path, suffix in wanted:
        if path.suffix.lower() != suffix:
            # Keras insists on its own, and a typo must not overwrite a photo.
            complain(
                _("{file} can't be written. Its name must end in {suffix}.").format(
                    file=display_path(path), suffix=suffix
                )
            )
            return 2
        if path.is_dir():
            complain(_("{file} can't be written. It is a folder.").format(file=display_path(path)))
            return 2
    if not has_tensorflow():
        complain(no_tensorflow(exporting=True))
        return 1
    return guarded(lambda: _export(folder, wanted, options.variant))


def _export(folder: Path, wanted: list[tuple[Path, str]], variant: str | None) -> int:
    from alpacasorter.cli.console import without_library_output
    from alpacasorter.training.requirements import keep_quiet

    keep_quiet()
    with without_library_output():
        from alpacasorter.training.export import export_keras, export_tflite

        for path, suffix in wanted:
            out = plain_absolute(path)
            bundle = (export_keras if suffix == ".keras" else export_tflite)(folder, out, variant=variant)
            if bundle.variants is not None:
                # The choice is not in the command if it is the one that is stored.
                message = _("{file} is {model}.").format(file=display_path(out.name), model=bundle.title)
                print(message, file=sys.stderr, flush=True)
            print(display_path(out), flush=True)
    return 0
