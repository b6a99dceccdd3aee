"""`alpacasorter --self-test`: checks all parts of the program in a temporary folder, and prints a JSON report.

It tests a packaged program, and helps users whose program does not work: no files of theirs are read or written. The
window comes first, before anything else is imported, so that its timings are those of a normal start. The report is in
English, because it is meant for developers.
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

from alpacasorter import paths
from alpacasorter.cli.self_test.report import Report, SelfTestFailed, error_line
from alpacasorter.cli.usage import absolute, complain
from alpacasorter.core import os_errors, reasons
from alpacasorter.core.files import display_path
from alpacasorter.i18n import _

_TENSORFLOW = frozenset(("tensorflow", "keras", "h5py"))
_TRAINING = "alpacasorter.training"
_ON_DEMAND = ("PySide6.QtNetwork", "platformdirs", "tqdm", "watchdog.observers")
"""Modules that are imported only on demand, and that the checks do not use."""


def run(report_file: Path | None, variant: str | None = None) -> int:
    """Run all checks and print the report; return the exit code: 0 if everything works, 1 otherwise.

    Args:
        report_file: also write the report to this file, for a program without standard output.
        variant: name of the model's variant to judge with; None for its default.
    """
    report = Report()
    with _temporary_folders() as place:
        report.run("window", lambda: _window(place / "window", report.timings))
        report.run("modules", load_modules)
        report.run("folders", _folders)
        _run_others(report, place, variant)
    report.run("languages", _languages)
    text = report.to_json()
    code = 0 if report.ok else 1
    if report_file is not None:
        try:
            absolute(report_file).write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            said = _("{file} can't be written.").format(file=display_path(report_file))
            complain(f"{said} {reasons.sentence(os_errors.for_saving(error))}")
            code = 1
    try:
        print(text, flush=True)
    except OSError:
        # Standard output is no longer read; the exit code and the file still have the result.
        from alpacasorter.cli.console import abandon

        abandon(sys.stdout)
    return code


def load_modules(package: str = "alpacasorter") -> str:
    """Import all modules of a package and those imported on demand; return the result.

    Raises:
        SelfTestFailed: some can't be imported. Without TensorFlow, modules that only training needs may be missing.
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
        except Exception as error:  # noqa: BLE001  # importing a module can fail in any way
            failed.append(f"{name}: {error_line(error)}")
    if failed:
        raise SelfTestFailed(f"{len(failed)} can't be loaded: {'; '.join(failed)}")
    without = f", {len(absent)} missing without TensorFlow: {', '.join(absent)}" if absent else ""
    return f"{loaded} loaded{without}"


def _names(package: str, failed: list[str]) -> Iterator[str]:
    """Yield the names of a package and of all modules in it; packages that only training needs may be missing."""
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
    """Tell whether a missing module is part of TensorFlow, or left out of the program together with it."""
    from alpacasorter.workers.training import training_available

    name = error.name or ""
    missing = name.split(".")[0] in _TENSORFLOW or name == _TRAINING or name.startswith(f"{_TRAINING}.")
    return missing and not training_available()


def _window(place: Path, timings: dict[str, float | None]) -> str:
    from alpacasorter.cli.self_test.window import try_window

    return try_window(place, timings)


def _languages() -> str:
    """Use each language, in messages and in Qt."""
    from alpacasorter.cli.self_test.window import try_languages

    return try_languages()


def _folders() -> str:
    """Return the default folders for the user's files and those of the program. None of them is created."""
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


def _run_others(report: Report, place: Path, variant: str | None) -> None:
    try:
        from alpacasorter.cli.self_test import checks
    except Exception as error:  # noqa: BLE001  # nothing else can be checked, but the report is still printed
        words = error_line(error)

        def unavailable() -> str:
            raise SelfTestFailed(words)

        report.run("engine", unavailable)
        return
    for name, work in checks.all_checks(place, variant):
        report.run(name, work)


@contextlib.contextmanager
def _temporary_folders() -> Iterator[Path]:
    """Use a temporary folder for data, cache and settings, and delete it at the end."""
    names = (paths.DATA_DIR_VARIABLE, paths.CACHE_DIR_VARIABLE)
    before = {name: os.environ.get(name) for name in names}
    # Windows can't delete files that are still open.
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
