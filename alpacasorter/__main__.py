"""Entry point of `python -m alpacasorter` and of the frozen program."""

import sys


def _prepare_frozen() -> None:
    # A child process of the frozen program starts the program again; this must run before anything else.
    import multiprocessing

    multiprocessing.freeze_support()
    # A windowed program has no streams, and whatever writes to None raises.
    import os

    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115


def run() -> int:
    """Start the program with the arguments of the process and return its exit code."""
    if getattr(sys, "frozen", False):
        _prepare_frozen()
    from alpacasorter.cli import main

    return main()


if __name__ == "__main__":
    sys.exit(run())
