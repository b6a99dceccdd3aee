"""`alpacasorter --self-test`: tries all that the program is made of, in a temporary place, and prints a JSON report.

It is for a program that was just built, and for a user whose program does not work: nothing of theirs is read or
written. The window comes first, before anything else is imported, so that its timings are those of a usual start.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pkgutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from alpacasorter import i18n, paths
from alpacasorter.cli.self_test.report import Report, SelfTestFailed, error_line
from alpacasorter.cli.usage import absolute, complain
from alpacasorter.core.files import display_path

_TENSORFLOW = frozenset(("tensorflow", "keras", "h5py"))
_TRAINING = "alpacasorter.training"
_ON_DEMAND = ("PySide6.QtNetwork", "platformdirs", "tqdm", "watchdog.observers")
"""What others imports only when it is needed, and what the checks would not come across."""


def run(report_file: Path | None) -> int:
    """Make all checks and print the report; return the exit code: 0 where everything works, else 1.

    Args:
        report_file: also written there, for a program without a standard output.
    """
    report = Report()
    with i18n.english(), _elsewhere() as place:
        report.run("window", lambda: _window(place / "window", report.timings))
        report.run("modules", load_modules)
        report.run("folders", _folders)
        _run_others(report, place)
    report.run("languages", _languages)
    text = report.to_json()
    code = 0 if report.ok else 1
    if report_file is not None:
        try:
            absolute(report_file).write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            complain(f"{display_path(report_file)} can't be written. {error.strerror or error}.")
            code = 1
    try:
        print(text, flush=True)
    except OSError:
        # Whoever reads standard output may have stopped; the exit code and the file still say how it went.
        from alpacasorter.cli.console import abandon

        abandon(sys.stdout)
    return code


def load_modules(package: str = "alpacasorter") -> str:
    """Import each module of a package and what they import on demand; return what was found.

    Raises:
        SelfTestFailed: some can't be imported. Those that only training needs may be missing where TensorFlow is.
    """
    loaded = 0
    absent: list[str] = []
    failed: list[str] = []
    names = [*_names(package, failed), *_ON_DEMAND]
    for name in names:
        try:
            importlib.import_module(name)
            loaded += 1
        except ImportError as error:
            if _is_for_training(error):
                absent.append(name)
            else:
                failed.append(f"{name}: {error_line(error)}")
        except Exception as error:  # noqa: BLE001  # a module may fail in any way while it is loaded
            failed.append(f"{name}: {error_line(error)}")
    if failed:
        raise SelfTestFailed(f"{len(failed)} can't be loaded. {'; '.join(failed)}")
    without = f", {len(absent)} absent without TensorFlow: {', '.join(absent)}" if absent else ""
    return f"{loaded} loaded{without}"


def _names(package: str, failed: list[str]) -> Iterator[str]:
    """Yield the names of a package and of all modules in it; what is no part of this program is passed over."""
    yield package
    try:
        folders = importlib.import_module(package).__path__
    except Exception as error:  # noqa: BLE001
        if not (isinstance(error, ImportError) and _is_for_training(error)):
            failed.append(f"{package}: {error_line(error)}")
        return
    for module in pkgutil.iter_modules(folders, f"{package}."):
        if module.ispkg:
            yield from _names(module.name, failed)
        elif not module.name.endswith(".__main__"):
            yield module.name


def _is_for_training(error: ImportError) -> bool:
    """Tell whether what is missing is TensorFlow, or left out of the program together with it."""
    from alpacasorter.workers.training import training_available

    name = error.name or ""
    missing = name.split(".")[0] in _TENSORFLOW or name == _TRAINING or name.startswith(f"{_TRAINING}.")
    return missing and not training_available()


def _window(place: Path, timings: dict[str, float | None]) -> str:
    from alpacasorter.cli.self_test.window import try_window

    return try_window(place, timings)


def _languages() -> str:
    """Speak each language there is, and have Qt do so."""
    from alpacasorter.cli.self_test.window import try_languages

    return try_languages()


def _folders() -> str:
    """Where the user's files would be, were nothing set: asking makes none of them."""
    before = {name: os.environ.pop(name, None) for name in (paths.DATA_DIR_VARIABLE, paths.CACHE_DIR_VARIABLE)}
    try:
        found = (paths.user_data_dir(), paths.user_cache_dir(), paths.user_log_dir())
    finally:
        os.environ.update({name: value for name, value in before.items() if value is not None})
    shipped = (paths.models_dir(), paths.resources_dir())
    missing = [display_path(folder) for folder in shipped if not folder.is_dir()]
    if missing:
        raise SelfTestFailed(f"Missing: {', '.join(missing)}")
    return "; ".join(map(display_path, (*found, *shipped)))


def _run_others(report: Report, place: Path) -> None:
    try:
        from alpacasorter.cli.self_test import checks
    except Exception as error:  # noqa: BLE001  # nothing more can be tried, but what was found is still told
        words = error_line(error)

        def unavailable() -> str:
            raise SelfTestFailed(words)

        report.run("engine", unavailable)
        return
    for name, work in checks.all_checks(place):
        report.run(name, work)


@contextlib.contextmanager
def _elsewhere() -> Iterator[Path]:
    """Have data, cache and settings in a temporary folder, which is gone in the end."""
    names = (paths.DATA_DIR_VARIABLE, paths.CACHE_DIR_VARIABLE)
    before = {name: os.environ.get(name) for name in names}
    # On Windows a file that somebody still has open can't be deleted.
    with tempfile.TemporaryDirectory(prefix="alpacasorter-", ignore_cleanup_errors=True) as folder:
        place = Path(folder).resolve()
        for name in names:
            os.environ[name] = str(place / name.lower())
        try:
            yield place
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
