"""Entry point of `python -m alpacasorter` and of the packaged program."""

import sys


def _prepare_frozen() -> None:
    # In the packaged program a child process starts the program again; this must run before anything else.
    import multiprocessing

    multiprocessing.freeze_support()
    # The launcher makes the system look for libraries inside the program. They are loaded by now, and other programs
    # started from here, such as the file manager, must find their own.
    import os

    for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBPATH"):
        original = os.environ.pop(f"{name}_ORIG", None)
        if original is not None:
            os.environ[name] = original
        elif getattr(sys, "_MEIPASS", None) in os.environ.get(name, "").split(os.pathsep):
            del os.environ[name]


def run() -> int:
    """Run the program with the arguments of the process and return its exit code."""
    if getattr(sys, "frozen", False):
        _prepare_frozen()
    from alpacasorter.cli import main

    return main()


if __name__ == "__main__":
    sys.exit(run())
