"""`alpacasorter export-model DIR`: writes a model as one file for Keras or LiteRT."""

from __future__ import annotations

from pathlib import Path

from alpacasorter.cli.console import guarded, without_chatter
from alpacasorter.cli.usage import complain, named_folder, named_model
from alpacasorter.core.files import display_path
from alpacasorter.core.session_paths import plain_absolute
from alpacasorter.training.requirements import NO_TENSORFLOW, has_tensorflow, keep_quiet


def run(bundle: Path, *, keras: Path | None, tflite: Path | None) -> int:
    """Write the files that are asked for; return the exit code."""
    folder = named_folder(named_model(bundle))
    if folder is None:
        return 2
    wanted = [(path, suffix) for path, suffix in ((keras, ".keras"), (tflite, ".tflite")) if path is not None]
    if not wanted:
        complain("There is nothing to write. Give --keras FILE.keras, --tflite FILE.tflite, or both.")
        return 2
    for path, suffix in wanted:
        if path.suffix.lower() != suffix:
            # Keras insists on its own, and a slip of the hand must not replace a photo.
            complain(f"{display_path(path)} can't be written. Its name must end in {suffix}.")
            return 2
        if path.is_dir():
            complain(f"{display_path(path)} can't be written. It is a folder.")
            return 2
    if not has_tensorflow():
        complain(NO_TENSORFLOW.replace("Training", "Exporting a model"))
        return 1
    return guarded(lambda: _export(folder, wanted))


def _export(folder: Path, wanted: list[tuple[Path, str]]) -> int:
    keep_quiet()
    with without_chatter():
        from alpacasorter.training.export import export_keras, export_tflite

        for path, suffix in wanted:
            out = plain_absolute(path)
            (export_keras if suffix == ".keras" else export_tflite)(folder, out)
            print(display_path(out), flush=True)
    return 0
