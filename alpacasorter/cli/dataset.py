"""`alpacasorter dataset`: fetches photos to train on, and lists the classes there are."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from types import TracebackType
from typing import Never, Self

from tqdm import tqdm

from alpacasorter import paths
from alpacasorter.cli.console import guarded
from alpacasorter.cli.usage import complain
from alpacasorter.core.files import display_path
from alpacasorter.core.session_paths import plain_absolute
from alpacasorter.training.open_images.catalog import SUBSETS, Classes, Source, UnknownClass
from alpacasorter.training.open_images.download import download, read_classes
from alpacasorter.training.open_images.events import (
    Begun,
    Downloaded,
    Kept,
    LeftOut,
    ListsNeeded,
    NotInTraining,
    Reading,
    Request,
    Why,
)
from alpacasorter.training.open_images.list_cache import ListProgress

_MEGABYTE = 1_000_000
_SUBSET_WORDS = {"validation": "validation", "test": "test", "train": "training"}
_WHY: dict[Why, str] = {
    "missing": "no longer on the server",
    "unusable": "damaged or not a picture",
    "too large": "too large",
    "unreachable": "not sent by the server",
    "refused": "refused by the server",
    "no licence": "without a known licence",
    "name taken": "where another file has the name",
}


def run_download(
    out: Path,
    *,
    classes: tuple[str, ...],
    limit: int,
    others: int,
    look_alikes: tuple[str, ...],
    subsets: tuple[str, ...],
    seed: int,
    connections: int,
    base_url: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Download photos; return the exit code."""
    if look_alikes and not others:
        complain("--not-class says what the other photos show, but --others 0 asks for none.")
        return 2
    try:
        folder = plain_absolute(out)
    except RuntimeError:
        # "~name" is nobody's home, but may be the name of a folder.
        folder = out.absolute()
    if folder.exists() and not folder.is_dir():
        complain(f"{display_path(folder)} is a file, not a folder.")
        return 2
    request = Request(
        out=folder,
        classes=classes,
        limit=limit,
        others=others,
        look_alikes=look_alikes,
        subsets=tuple(subset for subset in SUBSETS if subset in (subsets or SUBSETS)),
        seed=seed,
        connections=connections,
    )

    def work() -> int:
        try:
            done = _download(request, _source(base_url), quiet=quiet)
        except UnknownClass as error:
            complain(str(error))
            return 2
        except KeyboardInterrupt:
            complain("Stopped. What has arrived is kept; the same command goes on where it stopped.")
            raise
        print(json.dumps(_object(request, done)) if as_json else _words(done))
        return 0

    return guarded(work)


def run_classes(text: str, *, base_url: str | None, as_json: bool, quiet: bool) -> int:
    """List classes; return the exit code."""

    def work() -> int:
        classes = _read_classes(_source(base_url), quiet=quiet)
        found = classes.search(text)
        if as_json:
            print(
                json.dumps(
                    [{"name": one.name, "folder": one.folder, "training_photos": one.in_training} for one in found]
                )
            )
            return 0
        for one in found:
            print(one.name)
        if not found:
            close = classes.close_to(text)
            hint = f" Did you mean {' or '.join(one.name for one in close)}?" if close else ""
            complain(f"No class has {text} in its name.{hint}")
        return 0

    return guarded(work)


def _source(base_url: str | None) -> Source:
    return Source() if base_url is None else Source.mirror(base_url)


def _cache() -> Path:
    return paths.user_cache_dir() / "open-images"


def _read_classes(source: Source, *, quiet: bool) -> Classes:
    with _Bars(quiet=quiet) as bars:
        reading = read_classes(source=source, cache=_cache())
        with contextlib.closing(reading):
            while True:
                try:
                    bars.list(next(reading))
                except StopIteration as end:
                    classes: Classes = end.value
                    return classes


def _download(request: Request, source: Source, *, quiet: bool) -> Downloaded:
    done = None
    with _Bars(quiet=quiet) as bars, contextlib.closing(download(request, source=source, cache=_cache())) as events:
        for event in events:
            match event:
                case ListProgress():
                    bars.list(event)
                case Begun():
                    there = f", {event.there:,} of them are there already" if event.there else ""
                    bars.say(f"Open Images is asked for {event.wanted:,} photos{there}.")
                    bars.photos(event.there, event.wanted)
                case ListsNeeded():
                    bars.say(_lists_needed(event))
                case NotInTraining():
                    names = " and ".join(event.classes)
                    bars.say(f"The training photos were passed over: they are not labelled with {names}.")
                case Reading():
                    bars.photos_again()
                case Kept():
                    bars.photos(event.there, event.wanted)
                case Downloaded():
                    done = event
                case LeftOut():
                    pass
    assert done is not None
    return done


def _lists_needed(event: ListsNeeded) -> str:
    words = f"The lists of the {_SUBSET_WORDS[event.subset]} photos"
    if event.bytes == 0:
        return f"{words} are in the cache."
    size = "" if event.bytes is None else f" ({max(1, round(event.bytes / _MEGABYTE)):,} MB)"
    return f"{words} are fetched{size}; they are kept for the next time in {display_path(_cache())}."


def _object(request: Request, done: Downloaded) -> dict[str, object]:
    return {
        "out": str(request.out),
        "folders": [
            {
                "folder": one.folder,
                "class": one.photo_class,
                "wanted": one.wanted,
                "photos": one.there,
                "fetched": one.fetched,
            }
            for one in done.folders
        ],
        "left_out": dict(done.left_out),
        "attribution": str(done.attribution),
    }


def _words(done: Downloaded) -> str:
    width = max(len(one.folder) for one in done.folders)
    lines = []
    for one in done.folders:
        few = "; no more were found" if one.there < one.wanted else ""
        lines.append(f"{one.folder:<{width}}  {one.there:>5,} photos, {one.fetched:,} of them new{few}")
    for why, count in done.left_out:
        lines.append(f"left out: {count:,} {_WHY[why]}")
    lines.append(f"Authors and licences are in {display_path(done.attribution)}.")
    return "\n".join(lines)


class _Bars:
    """Progress on standard error: of one list after the other in bytes, then of the photos."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet or sys.stderr is None
        self._bar: tqdm[Never] | None = None
        self._name = ""
        self._photos = (0, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def list(self, event: ListProgress) -> None:
        if event.total and event.total < 2 * _MEGABYTE:
            return
        if event.name != self._name:
            self._open(event.name, event.total, " B", scaled=True)
        self._show(event.done, event.total)

    def photos(self, there: int, wanted: int) -> None:
        self._photos = (there, wanted)
        if self._name == "photos":
            self._show(there, wanted)

    def photos_again(self) -> None:
        there, wanted = self._photos
        if self._name != "photos":
            self._open("photos", wanted, " photos", scaled=False)
        self._show(there, wanted)

    def say(self, sentence: str) -> None:
        if self._quiet:
            return
        self._close()
        complain(sentence)

    def _open(self, name: str, total: int, unit: str, *, scaled: bool) -> None:
        self._close()
        self._name = name
        if self._quiet:
            return
        # Otherwise a thread watches over bars that stand still, which no one needs and which outlives them.
        tqdm.monitor_interval = 0
        self._bar = tqdm(
            total=total or None,
            desc=name,
            unit=unit.strip() if scaled else unit,
            unit_scale=scaled,
            file=sys.stderr,
            dynamic_ncols=True,
        )

    def _show(self, done: int, total: int) -> None:
        if self._bar is None:
            return
        self._bar.total = total or None
        # A list that can't be resumed begins anew.
        self._bar.update(done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = None
        self._name = ""
