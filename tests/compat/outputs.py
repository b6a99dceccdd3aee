"""What the commands print for programs: runs each on drawn photos, and describes its JSON and CSV, and its exit code.

Of JSON the kinds of events, their keys and the types of the values are told, but no values. `make_fixtures.py` has
described an earlier version in the same way.
"""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from tests.compat import stored
from tests.compat.command_line import invoke
from tests.compat.stored import PICTURES, Stored, put_file

CPU = ("--device", "cpu")
ENDS = (
    (stored.FINISHED, "finished", "undo"),
    (stored.UNDONE, "undone", "undo"),
    (stored.UNDOING, "undoing", "undo"),
    (stored.UNDOING, "undoing", "resume"),
    (stored.UNDOING, "undoing", "rollback"),
    (stored.INTERRUPTED, "interrupted", "resume"),
    (stored.INTERRUPTED, "interrupted", "rollback"),
    (stored.TORN, "torn", "resume"),
    (stored.TORN, "torn", "rollback"),
    (stored.RETURNING, "returning", "resume"),
    (stored.RETURNING, "returning", "rollback"),
    (stored.COPIED, "copied", "undo"),
)
"""What can be done with the stored sorts: number, folder, option of `alpacasorter sort`."""

NO_NETWORK = "http://127.0.0.1:9"

WRONG: tuple[tuple[str, ...], ...] = (
    ("--no-such-option",),
    ("{missing}",),
    ("scan",),
    ("scan", "{missing}"),
    ("scan", "{file}"),
    ("scan", ""),
    ("scan", "{photos}", "--json", "--csv"),
    ("scan", "{photos}", "--device", "abacus"),
    ("scan", "{photos}", "--model", "{missing}"),
    ("sort",),
    ("sort", "{photos}"),
    ("sort", "{missing}", "--into", "{out}"),
    ("sort", "{photos}", "--into", "{out}", "--pattern", "{{no such field}}"),
    ("sort", "{photos}", "--into", "{out}", "--only", "llama"),
    ("sort", "{photos}", "--into", "{out}", "--name", "alpaca"),
    ("sort", "{photos}", "--into", "{out}", "--min-confidence", "2"),
    ("sort", "{photos}", "--into", "{out}", "--unsure", "leave", "--unsure-folder", "x"),
    ("sort", "--undo", "--history"),
    ("sort", "--undo", "0"),
    ("sort", "--undo", "99"),
    ("sort", "--undo"),
    ("sort", "--resume"),
    ("sort", "--rollback"),
    ("sort", "--history", "--into", "{out}"),
    ("sort", "--history"),
    ("watch",),
    ("watch", "{missing}"),
    ("watch", "{photos}", "--action", "copy"),
    ("export", "{photos}"),
    ("export", "{missing}", "--json"),
    ("export", "{photos}", "--json", "--out", "{file}"),
    ("export", "{photos}", "--json", "--both"),
    ("export", "{photos}", "--json", "--force"),
    ("export", "{photos}", "--xmp", "--out", "{out}"),
    ("import", "{missing}"),
    ("import", "{file}"),
    ("import", "{file}", "--min-confidence", "0.5"),
    ("import", "{file}", "--folder", "{missing}"),
    ("evaluate", "{missing}"),
    ("evaluate", "{photos}"),
    ("evaluate", "{photos}", "--report", "report.txt"),
    ("models", "add", "{missing}"),
    ("models", "use", "nobody"),
    ("models", "use"),
    ("models", "use", "--bundled"),
    ("models", "share", "nobody", "--out", "{out}"),
    ("models", "remove", "nobody"),
    ("models", "remove", "alpaca"),
    ("models", "no-such-command"),
    ("dataset",),
    ("dataset", "download", "--class", "Alpaca"),
    ("dataset", "download", "--class", "Alpaca", "--out", "{file}"),
    ("dataset", "download", "--class", "Alpaca", "--out", "{out}", "--limit", "0"),
    ("dataset", "download", "--class", "Alpaca", "--out", "{out}", "--others", "0", "--not-class", "Sheep"),
    ("dataset", "classes", "--base-url", "no address"),
    ("train",),
    ("train", "{photos}"),
    ("train", "{missing}", "--out", "{out}"),
    ("train", "{photos}", "--out", "{photos}"),
    ("train", "{photos}", "--out", "{out}", "--report", "report.txt"),
    ("train", "{photos}", "--out", "{out}", "--epochs", "0"),
    ("train", "{photos}", "--out", "{out}", "--augment", "nonsense"),
    ("train", "{photos}", "--out", "{out}", "--validation-share", "1.5"),
    ("export-model", "{missing}", "--keras", "a.keras"),
    ("export-model", "{photos}"),
    ("export-model", "{photos}", "--keras", "a.h5"),
    ("--version",),
    ("scan", "--help"),
)
"""Commands that exit immediately, most of them because of wrong usage."""


def describe_json(place: Path) -> dict[str, Any]:
    """Return the description of all JSON, by command."""
    with mock.patch.dict(os.environ, _environment(place)):
        return dict(_all_json(place, _photos(place / "photos")))


def describe_csv(place: Path) -> dict[str, list[str]]:
    """Return the head lines of all tables, by command."""
    with mock.patch.dict(os.environ, _environment(place)):
        return dict(_all_csv(_photos(place / "photos")))


def exit_codes(place: Path) -> dict[str, list[object]]:
    """Return how each of `WRONG` ends: its exit code, and whether it prints on output and on error."""
    place.mkdir(parents=True)
    found: dict[str, list[object]] = {}
    with mock.patch.dict(os.environ, _environment(place)):
        places = {
            "photos": str(_photos(place / "photos")),
            "missing": str(place / "missing"),
            "file": str(place / "a file"),
            "out": str(place / "out"),
        }
        Path(places["file"]).write_text("nothing of ours", encoding="utf-8")
        for command in WRONG:
            done = invoke(*(argument.format(**places) for argument in command))
            found[" ".join(argument or "''" for argument in command)] = [done.code, bool(done.out), bool(done.err)]
    return found


def _environment(place: Path) -> dict[str, str]:
    return {
        "ALPACASORTER_DATA_DIR": str(place / "data"),
        "ALPACASORTER_CACHE_DIR": str(place / "cache"),
        "QT_QPA_PLATFORM": "offscreen",
    }


def _photos(folder: Path) -> Path:
    """Write photos of a folder, one of them unreadable and one with a companion."""
    for number, picture in enumerate(("barn", "hill", "night")):
        put_file(folder / f"IMG_{number}.jpg", (PICTURES / f"{picture}.jpg").read_bytes(), 1_750_000_000_000_000_000)
    put_file(folder / "IMG_0.xmp", b"<x:xmpmeta/>", 1_750_000_000_000_000_000)
    put_file(folder / "text.jpg", b"no picture", 1_750_000_000_000_000_000)
    return folder


def _all_json(place: Path, photos: Path) -> Iterator[tuple[str, Any]]:
    def lines(*command: object, codes: tuple[int, ...] = (0,)) -> Any:
        done = invoke(*command)
        assert done.code in codes, done
        return shape(map(json.loads, done.out.splitlines()))

    labels = place / "labels.json"
    yield "scan --json", lines("scan", photos, "--json", *CPU, "--quiet")
    done = invoke("export", photos, "--json", *CPU, "--quiet")
    yield "export --json", shape([json.loads(done.out)])
    labels.write_text(done.out, encoding="utf-8")
    yield "import --json", lines("import", labels, "--all", "--json")
    out = place / "sorted"
    yield "sort --dry-run --json", lines("sort", photos, "--into", out, "--dry-run", "--json", *CPU)
    yield "sort --json", lines("sort", photos, "--into", out, "--unreadable", "folder", "--json", *CPU, codes=(0, 1))
    yield "sort --history --json", lines("sort", "--history", "--json")
    yield "sort --undo --json", lines("sort", "--undo", "--json")
    yield "sort --resume --json", _resumed(place / "resumed")
    yield "watch --json", shape(_watched(photos, place / "watched"))
    dataset = place / "dataset"
    for number, name in enumerate(("alpaca", "not_alpaca", "alpaca")):
        put_file(
            dataset / name / f"{number}.jpg", (PICTURES / f"{('barn', 'hill', 'snow')[number]}.jpg").read_bytes(), 1
        )
    put_file(dataset / "alpaca" / "text.jpg", b"no picture", 1)
    yield "evaluate --json", lines("evaluate", dataset, "--json", *CPU, "--quiet")
    yield "models --json", lines("models", "--json")
    yield from _downloaded(place / "downloaded")
    yield "--self-test", _self_tested()


def _downloaded(out: Path) -> Iterator[tuple[str, Any]]:
    """Fetch photos from a server on this machine."""
    from tests.training.open_images.server import ALPACA, open_images

    with open_images() as server, mock.patch.dict(os.environ, {"no_proxy": "*"}):
        for number in range(3):
            server.add("validation", number, yes=(ALPACA,))
        server.add("validation", 3, no=(ALPACA,))
        server.publish()
        base = ("--base-url", server.base, "--json", "--quiet")
        done = invoke("dataset", "classes", "alpaca", *base)
        assert done.code == 0, done
        yield "dataset classes --json", shape(json.loads(done.out))
        wanted = ("--class", "Alpaca", "--limit", 3, "--others", 1, "--subset", "validation")
        done = invoke("dataset", "download", "--out", out, *wanted, *base)
        assert done.code == 0, done
        yield "dataset download --json", shape([json.loads(done.out)])


def describe_training(place: Path) -> dict[str, Any]:
    """Return what `train --json` tells, of a training as short as can be, and of one that fails."""
    for number in range(16):
        name = ("barn", "hill", "snow", "night")[number % 4]
        data = (PICTURES / f"{name}.jpg").read_bytes() + bytes([number])
        put_file(place / "photos" / ("thing" if number % 2 else "other") / f"{number}.jpg", data, 1)
    put_file(place / "photos" / "thing" / "text.jpg", b"no picture", 1)
    short = ("--weights", "random", "--image-size", "32", "--epochs", "1", "--batch-size", "8", "--json", "--quiet")
    found: list[Any] = []
    for dataset, code in ((place / "photos", 0), (place / "photos" / "thing", 1)):
        done = subprocess.run(
            [sys.executable, "-m", "alpacasorter", "train", str(dataset), "--out", str(place / "model"), *short],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | _environment(place),
        )
        assert done.returncode == code, done
        found += map(json.loads, done.stdout.splitlines())
    return shape(found)


def _self_tested() -> Any:
    """Return the shape of the report of `--self-test`."""
    done = subprocess.run(
        [sys.executable, "-m", "alpacasorter", "--self-test"], capture_output=True, text=True, check=False
    )
    return shape([json.loads(done.stdout)])


def _resumed(place: Path) -> Any:
    """Return the shape of what `--resume` prints of a sort that was interrupted, with files that can't be done."""
    one = Stored(place)
    done = invoke("sort", "--resume", stored.INTERRUPTED, "--json", variables=one.environment())
    return shape(map(json.loads, done.out.splitlines()))


def _watched(photos: Path, folder: Path) -> list[Any]:
    """Watch a folder while photos come, are renamed and go; return all that is printed."""
    folder.mkdir(parents=True)
    out = folder.with_name("arrived")
    put_file(folder / "first.jpg", (photos / "IMG_1.jpg").read_bytes(), 1_750_000_000_000_000_000)
    put_file(folder / "text.jpg", b"no picture", 1_750_000_000_000_000_000)
    found: list[Any] = []

    def run(*options: object, deeds: tuple[tuple[str, Callable[[], object]], ...]) -> None:
        watching = subprocess.Popen(
            [sys.executable, "-m", "alpacasorter", "watch", str(folder), "--json", "--quiet", *CPU, *map(str, options)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert watching.stdout is not None
        waiting = list(deeds)
        try:
            for line in watching.stdout:
                found.append(json.loads(line))
                if found[-1]["event"] == "polling":
                    # Where the system has no watches left; what is told is the same.
                    found[-1]["event"] = "online"
                if waiting and found[-1]["event"] == waiting[0][0]:
                    waiting.pop(0)[1]()
                if not waiting:
                    break
        finally:
            watching.send_signal(signal.SIGTERM)
            found.extend(map(json.loads, watching.stdout.read().splitlines()))
            watching.stdout.close()
            code = watching.wait(60)
        assert code == 0, code

    new, renamed = folder / "new.jpg", folder / "renamed.jpg"
    run(
        deeds=(
            ("online", lambda: put_file(new, (photos / "IMG_2.jpg").read_bytes(), time.time_ns())),
            ("judged", lambda: new.rename(renamed)),
            ("renamed", renamed.unlink),
            ("gone", lambda: None),
        )
    )
    run(
        *("--new-only", "--into", out, "--min-confidence", "0"),
        deeds=(
            ("online", lambda: put_file(folder / "sorted.jpg", (photos / "IMG_0.jpg").read_bytes(), time.time_ns())),
            ("sorted", lambda: None),
        ),
    )
    return found


def _all_csv(photos: Path) -> Iterator[tuple[str, list[str]]]:
    for command in ("scan", "export"):
        done = invoke(command, photos, "--csv", *CPU, "--quiet")
        assert done.code == 0, done
        yield f"{command} --csv", next(csv.reader(io.StringIO(done.out.removeprefix("\ufeff"))))


def shape(objects: Any) -> dict[str, Any]:
    """Return the keys of objects and the types of their values, apart for each kind of object."""
    kinds: dict[str, Any] = {}
    for one in objects:
        name = str(one.get("type") or one.get("event") or one.get("status") or "object")
        kinds[name] = _joined(kinds.get(name), _shape(one))
    return kinds


def _shape(value: object) -> Any:
    if isinstance(value, dict):
        # Where the keys are names, such as those of classes, all values are of one kind; they are listed all the same.
        return {key: _shape(one) for key, one in sorted(value.items())}
    if isinstance(value, list):
        joined: Any = None
        for one in value:
            joined = _joined(joined, _shape(one))
        return [joined]
    return {bool: "bool", int: "number", float: "number", str: "text", type(None): "null"}[type(value)]


def _joined(one: Any, other: Any) -> Any:
    """Return what two shapes have together."""
    if one is None or one == other:
        return other
    if isinstance(one, dict) and isinstance(other, dict):
        return {key: _joined(one.get(key), other.get(key, one.get(key))) for key in sorted(one | other)}
    if isinstance(one, list) and isinstance(other, list):
        return [_joined(one[0], other[0]) if other[0] is not None else one[0]]
    kinds = {*(one.split("|") if isinstance(one, str) else ()), *(other.split("|") if isinstance(other, str) else ())}
    whole = next((shape for shape in (one, other) if not isinstance(shape, str)), None)
    return "|".join(sorted(kinds)) if whole is None else whole
