"""What differs from what is known, as events: told once, and known from then on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final, TypeVar

from alpacasorter.core.watching.events import Arrived, Gone, Renamed, Unusable, WatchEvent
from alpacasorter.core.watching.known import Known, Row
from alpacasorter.core.watching.waiting import Pending, WaitingRoom

_Item = TypeVar("_Item")

_BATCH: Final = 1000


def take_differences(
    known: Known, room: WaitingRoom, unusable: dict[str, str], expired: Iterable[str]
) -> list[WatchEvent]:
    """Return what there is to tell, and take it over as known.

    Args:
        known: the photos that are known.
        room: those that wait until they are whole.
        unusable: those that can't be used: path to reason.
        expired: paths of those that were missing for long enough to be gone, unless they were found meanwhile.
    """
    events: list[WatchEvent] = []
    renamed = []
    for before, pending in list(known.find_renamed(room.fresh())):
        known.forget(before)
        _admit(known, pending)
        room.drop(str(pending.file.path))
        renamed.append((Path(before), pending.file))
    events += [Renamed(tuple(part)) for part in _parts(renamed)]
    problems = [(Path(path), reason) for path, reason in unusable.items()]
    events += [Unusable(tuple(part)) for part in _parts(problems)]
    arrived = list(room.take_whole())
    for pending in arrived:
        _admit(known, pending)
    events += [Arrived(tuple(pending.file for pending in part)) for part in _parts(arrived)]
    gone = [path for path in expired if path in known.missing]
    for path in gone:
        known.forget(path)
    return events + [Gone(tuple(part)) for part in _parts([Path(path) for path in gone])]


def _admit(known: Known, pending: Pending) -> None:
    file = pending.file
    known.put(str(file.path), Row(file.size, file.mtime_ns, pending.identity))


def _parts(items: list[_Item]) -> list[list[_Item]]:
    return [items[start : start + _BATCH] for start in range(0, len(items), _BATCH)]
