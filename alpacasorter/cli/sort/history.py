"""`alpacasorter sort --resume`, `--rollback`, `--undo` and `--history`: earlier sorts. They need no model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from alpacasorter import paths
from alpacasorter.cli.console import Stopper, guarded
from alpacasorter.cli.sort.arguments import PLAN_ONLY
from alpacasorter.cli.sort.output import JournalLines, command, history_words, open_words, record_object
from alpacasorter.cli.sort.run import carry_out
from alpacasorter.cli.usage import complain
from alpacasorter.core.sorting.events import SortRecord, SortState
from alpacasorter.core.sorting.execution.run import resume_sort, undo_sort
from alpacasorter.core.sorting.execution.session import latest_undoable, list_sorts, open_sorts
from alpacasorter.core.store.cache import Cache
from alpacasorter.core.store.library import Library
from alpacasorter.i18n import _, join

_ALL: Final = 1_000_000


def run(given: Mapping[str, object]) -> int:
    """Run one of the four; return the exit code.

    Args:
        given: the options given, by name.
    """
    which = next(name for name in ("resume", "rollback", "undo", "history") if name in given)
    wrong = [typed for name, typed in PLAN_ONLY.items() if given.get(name) is not None]
    if wrong:
        said = _("--{option} is for earlier sorts and can't be combined with {others}.")
        complain(said.format(option=which, others=join(wrong, "or")))
        return 2
    number = given[which]
    with Stopper() as stop:
        job = _Earlier(stop, as_json=bool(given.get("json")), quiet=bool(given.get("quiet")))
        try:
            return guarded(lambda: job.run(which, number if type(number) is int else None))
        except KeyboardInterrupt:
            return stop.exit_code


class _Earlier:
    """One command on earlier sorts."""

    def __init__(self, stop: Stopper, *, as_json: bool, quiet: bool) -> None:
        self._stop = stop
        self._as_json = as_json
        self._quiet = quiet

    def run(self, which: str, number: int | None) -> int:
        data = paths.user_data_dir()
        with Library.open(data / "library.sqlite", backups=data / "backups") as library:
            try:
                if which == "history":
                    return self._history(library)
                record = self._record(which, number, library)
                return 1 if record is None else self._carry_out(which, record, library)
            finally:
                if library.notice:
                    complain(library.notice)

    def _history(self, library: Library) -> int:
        records = list_sorts(library, limit=_ALL)
        resting = {record.number for record in open_sorts(library)}
        if self._as_json:
            for record in records:
                print(json.dumps(record_object(record, is_open=record.number in resting)))
        elif records:
            print(history_words(records, resting))
        else:
            print(_("Nothing has been sorted yet."))
        return 0

    def _record(self, which: str, number: int | None, library: Library) -> SortRecord | None:
        """Return the sort that is meant; if there is none, complain and return None."""
        record, problem = _latest(which, library) if number is None else _numbered(which, number, library)
        if record is None:
            complain(problem)
        return record

    def _carry_out(self, which: str, record: SortRecord, library: Library) -> int:
        work = resume_sort if which == "resume" else undo_sort
        with Cache.open(paths.user_cache_dir() / "cache.sqlite") as cache:
            code = carry_out(
                work(record.number, library, stopped=self._stop),
                library=library,
                cache=cache,
                stop=self._stop,
                lines=JournalLines() if self._as_json else None,
                quiet=self._quiet,
            )
        for other in open_sorts(library):
            if other.number != record.number:
                complain(open_words(other))
        return code


def _latest(which: str, library: Library) -> tuple[SortRecord | None, str]:
    """Return the latest sort that the command applies to, or why there is none."""
    interrupted = sorted(open_sorts(library), key=lambda record: record.number)
    if which == "undo":
        # An undo that was interrupted is continued.
        undoing = [record for record in interrupted if record.state is SortState.UNDOING]
        record = undoing[-1] if undoing else latest_undoable(library)
        return record, _("There is no sort to undo.")
    return (interrupted[-1] if interrupted else None), _("No sort was interrupted.")


def _numbered(which: str, number: int, library: Library) -> tuple[SortRecord | None, str]:
    """Return the sort with this number, or why the command does not apply to it."""
    record = next((one for one in list_sorts(library, limit=_ALL) if one.number == number), None)
    if record is None:
        return None, _("There is no sort {number}. To list all sorts, run: alpacasorter sort --history").format(
            number=number
        )
    if record.state is SortState.UNDONE and record.left and which != "undo":
        said = _("Sort {number} was undone, but some files were left where they are. To try again, run: {command}")
        return None, said.format(number=number, command=command("undo", number))
    if record.state is SortState.UNDONE and not record.left:
        return None, _("Sort {number} was already undone.").format(number=number)
    if which == "rollback" and not record.is_open:
        said = _("Sort {number} is finished. To undo it, run: {command}")
        return None, said.format(number=number, command=command("undo", number))
    if which == "undo" and record.is_open and record.state is not SortState.UNDOING:
        return None, open_words(record)
    return record, ""
