"""Wording: every sentence that is put together from figures, in one place."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from alpacasorter.core.events import Finished, Learned, Progress, Relearned
from alpacasorter.core.files import display_path

if TYPE_CHECKING:
    from alpacasorter.core.labels import LabelSet

_MINUTE = 60
_HOUR = 3600
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def count(number: int, one: str, many: str | None = None) -> str:
    """Return "1 photo", "12 photos", "1,200 photos"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def now(judged: int, problems: int) -> str:
    """Return what is in the open folder now, in one line."""
    return " · ".join([count(judged, "photo"), *([count(problems, "problem")] if problems else [])])


def arrived(new: int, unsure: int) -> str:
    """Return that photos arrived by themselves, some of which the app is unsure of."""
    some = "" if unsure == 0 else ", and it is unsure" if new == 1 else f", {unsure:,} of them unsure"
    return f"{count(new, 'new photo')}{some}."


def sorted_folders(number: int) -> str:
    """Return that photos were left out because the app itself sorted them into folders."""
    if number == 1:
        return "Photos in a folder made by an earlier sort are not shown; open that folder to see them."
    return f"Photos in {number:,} folders made by an earlier sort are not shown; open such a folder to see them."


def offline(path: Path) -> str:
    """Return that the open folder is missing just now."""
    name = display_path(path.name or path)
    return f"The folder {name} is not there just now. Its photos stay listed; plug the disk in again."


def duration(seconds: float) -> str:
    """Return "8 s", "3 min", "1 h 20 min"."""
    if seconds < _MINUTE:
        return f"{max(1, round(seconds))} s"
    if seconds < _HOUR:
        return f"{round(seconds / _MINUTE)} min"
    return f"{int(seconds // _HOUR)} h {round(seconds % _HOUR / _MINUTE)} min"


def progress(event: Progress) -> str:
    """Return how far a scan is: n of m, photos a second, time left."""
    parts = [f"{event.done:,} of {count(event.total, 'photo')}"]
    if event.per_second >= 1:
        parts.append(f"{event.per_second:,.0f} photos/s")
    if event.seconds_left is not None and event.done < event.total:
        parts.append(f"{duration(event.seconds_left)} left")
    return " · ".join(parts)


def learned(event: Learned, changed: int) -> str:
    """Return what came of a correction; `changed` photos of those shown changed their mind (copies count, too)."""
    if changed == 0:
        mind = f"No {'photo' if event.relearned else 'other photo'} changed its mind."
    else:
        mind = f"{count(changed, 'photo')} changed {'its' if changed == 1 else 'their'} mind."
    if event.relearned is not None:
        return f"{_relearned(event.relearned, event.corrections)} {mind}"
    if event.corrections == 0:
        return f"Back to what the model knew at first. {mind}"
    return f"Learned from {count(event.corrections, 'correction')}. {mind}"


def _relearned(event: Relearned, corrections: int) -> str:
    if event.version is None:
        return f"Learning from all corrections again, {corrections:,} by now."
    said = f"Back to the version of {moment(event.version)}." if event.version else "Back to the model as it came."
    if event.gone:
        said += f" {_are(event.gone, 'of its corrections')} taken back or changed since, and left out."
    if event.set_aside:
        said += f" {set_aside(event.set_aside)}"
    return said


def set_aside(number: int) -> str:
    """Return what it means that corrections are set aside from learning."""
    if number == 1:
        return "1 correction made since keeps its tag, but is not learned from."
    return f"{number:,} corrections made since keep their tags, but are not learned from."


def _are(number: int, what: str) -> str:
    return f"{number:,} {what} {'was' if number == 1 else 'were'}"


def moment(stamp: str) -> str:
    """Return when something was, in the time of this place: "12 March 2026, 14:05".

    Args:
        stamp: ISO 8601; returned as it is where it is anything else.
    """
    try:
        local = datetime.fromisoformat(stamp).astimezone()
    except (ValueError, OSError, OverflowError):
        return stamp
    # Not strftime's month: the sentence is English whatever the user's language.
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}, {local:%H:%M}"


def finished(event: Finished) -> str:
    """Return what a scan found, in one line."""
    if event.total == 0 and event.unreadable == 0:
        return "No photos here"
    parts = [count(event.judged, "photo")]
    if event.unreadable:
        parts.append(count(event.unreadable, "problem"))
    if event.left_alone:
        parts.append(f"{count(event.left_alone, 'other file')} left alone")
    line = " · ".join(parts)
    if event.cancelled:
        done = event.total - max(0, event.total - event.judged - event.unreadable)
        return f"Stopped after {done:,} of {count(event.total, 'photo')}; Look again (F5) goes on · {line}"
    return line


def device(kind: str, threads: int, milliseconds: float) -> str:
    """Return which device judges and how fast."""
    name = "GPU" if kind == "gpu" else f"Processor, {count(threads, 'thread')}"
    return f"{name}, {milliseconds:.1f} ms a photo" if milliseconds else name


def folder(path: Path) -> str:
    """Return a path as people write it, with ~ for their home."""
    try:
        return display_path(Path("~") / path.relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return display_path(path)


def key_for(labels: LabelSet, label: str) -> str:
    """Return the key that gives a label: the first letters of the two names, or 1 and 2 where those are the same."""
    first = {name: labels.display(name)[:1].upper() for name in labels.names}
    if first[labels.positive] != first[labels.negative] and all(f.isalpha() for f in first.values()):
        return first[label]
    return "1" if label == labels.positive else "2"
