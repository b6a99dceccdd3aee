"""`alpacasorter sort --resume`, `--rollback`, `--undo` and `--history`: sorts made earlier, without model or photos."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from alpacasorter import paths
from alpacasorter.cli.console import Stopper, guarded
from alpacasorter.cli.sort.arguments import PLAN_ONLY
from alpacasorter.cli.sort.output import JournalTeller, history_words, open_words, record_object
from alpacasorter.cli.sort.run import carry_out
from alpacasorter.cli.usage import complain
from alpacasorter.core.sorting.events import SortRecord, SortState
from alpacasorter.core.sorting.execution.run import finish_sort, take_back_sort
from alpacasorter.core.sorting.execution.session import latest_undoable, list_sorts, open_sorts
from alpacasorter.core.store.cache import Cache
from alpacasorter.core.store.library import Library

_ALL: Final = 1_000_000


def run(given: Mapping[str, object]) -> int:
    """Do what one of the four asks for; return the exit code.

    Args:
        given: the options that were given, by name.
    """
    which = next(name for name in ("resume", "rollback", "undo", "history") if name in given)
    wrong = [typed for name, typed in PLAN_ONLY.items() if given.get(name) is not None]
    if wrong:
        complain(f"--{which} is of a sort made earlier: it takes no {' and no '.join(wrong)}.")
        return 2
    number = given[which]
    with Stopper() as stop:
        job = _Earlier(stop, as_json=bool(given.get("json")), quiet=bool(given.get("quiet")))
        try:
            return guarded(lambda: job.run(which, number if type(number) is int else None))
        except KeyboardInterrupt:
            return stop.exit_code


class _Earlier:
    """One command on the sorts made earlier."""

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
            print("Nothing was sorted yet.")
        return 0

    def _record(self, which: str, number: int | None, library: Library) -> SortRecord | None:
        """Return the sort that is meant; where there is none, complain and return None."""
        record, problem = _latest(which, library) if number is None else _numbered(which, number, library)
        if record is None:
            complain(problem)
        return record

    def _carry_out(self, which: str, record: SortRecord, library: Library) -> int:
        work = finish_sort if which == "resume" else take_back_sort
        with Cache.open(paths.user_cache_dir() / "cache.sqlite") as cache:
            code = carry_out(
                work(record.number, library, stopped=self._stop),
                library=library,
                cache=cache,
                stop=self._stop,
                teller=JournalTeller() if self._as_json else None,
                quiet=self._quiet,
            )
        for other in open_sorts(library):
            if other.number != record.number:
                complain(open_words(other))
        return code


def _latest(which: str, library: Library) -> tuple[SortRecord | None, str]:
    """Return the latest sort that this can be done with, or why there is none."""
    interrupted = sorted(open_sorts(library), key=lambda record: record.number)
    if which == "undo":
        # An undo that was broken off is gone on with.
        undoing = [record for record in interrupted if record.state is SortState.UNDOING]
        record = undoing[-1] if undoing else latest_undoable(library)
        return record, "There is no sort that could be undone."
    return (interrupted[-1] if interrupted else None), "No sort was broken off."


def _numbered(which: str, number: int, library: Library) -> tuple[SortRecord | None, str]:
    """Return the sort of this number, or why this can't be done with it."""
    record = next((one for one in list_sorts(library, limit=_ALL) if one.number == number), None)
    if record is None:
        return None, f"There is no sort {number}. alpacasorter sort --history lists those there are."
    if record.state is SortState.UNDONE and record.left and which != "undo":
        again = f"To try those again: alpacasorter sort --undo {number}"
        return None, f"Sort {number} was undone, but some files were left. {again}"
    if record.state is SortState.UNDONE and not record.left:
        return None, f"Sort {number} was undone already."
    if which == "rollback" and not record.is_open:
        return None, f"Sort {number} is finished. To take it back: alpacasorter sort --undo {number}"
    if which == "undo" and record.is_open and record.state is not SortState.UNDOING:
        return None, open_words(record)
    return record, ""
