"""The command line: `alpacasorter [FOLDER]` opens the window, `scan` and `evaluate` do without one."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program.

    Args:
        arguments: those of the process where None is given.

    Returns:
        The exit code: 0 where the work was done, 1 for a failure, 2 for wrong usage, 130 after Ctrl+C.
    """
    if arguments is None:
        _prepare()
    given = list(sys.argv[1:] if arguments is None else arguments)
    # Only what the command at hand needs is imported: the window must be up within half a second.
    if given[:1] == ["--gpu-trial"]:
        from alpacasorter.ml.runtime.gpu_trial import main as gpu_trial

        return gpu_trial(given[1:])
    if given[:1] == ["--model-trial"]:
        from alpacasorter.ml.models.trial import main as model_trial

        return model_trial(given[1:])
    if given == ["--train-child"]:
        from alpacasorter.training.child import main as train_child

        return train_child()
    from alpacasorter import i18n, paths
    from alpacasorter.cli.parser import parse
    from alpacasorter.cli.usage import named_model

    if i18n.use() != i18n.ENGLISH:
        from alpacasorter.cli.argparse_messages import translate_argparse

        translate_argparse()
    options = parse(given)
    if options.model is not None:
        os.environ[paths.MODEL_VARIABLE] = str(named_model(options.model))
    try:
        return int(options.command(options))
    except KeyboardInterrupt:
        return 130


def _prepare() -> None:
    """Make a process ready for everything that may be missing or go wrong in it."""
    if None in (sys.stdin, sys.stdout, sys.stderr):
        from alpacasorter.cli.usage import open_streams

        open_streams()
    # Where it crashes, it says where it was. The window has that written into a file.
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        faulthandler.enable()
