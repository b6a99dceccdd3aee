"""Makes the fixtures of these tests with the code of an earlier version, and records what that version does with them.

They were made by the code of commit d0250e3, before its modules were moved and its sentences reworded. This script
knows that code from the inside, so it runs against such a checkout only, and is not run by the tests:

    cd OLD_CHECKOUT && PYTHONPATH=THIS_CHECKOUT QT_QPA_PLATFORM=offscreen python -m tests.compat.make_fixtures

The packages of both checkouts are seen then: `alpacasorter` of the old one, and `tests.compat` of this one. What is
written: the databases with their backup, settings, pictures and `manifest.json` in `fixtures/`, and the two lists of
what the command line takes and prints, `arguments.json` and `outputs.json`.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from alpacasorter.core.cache import Cache
from alpacasorter.core.library import Library
from alpacasorter.ml.bundle import load_bundle
from alpacasorter.ml.device import Device
from alpacasorter.ml.session import Session
from PIL import Image, ImageDraw
from PySide6.QtCore import QSettings

from alpacasorter import paths
from alpacasorter.cli import sort as sort_command
from alpacasorter.core.sorting import batch
from alpacasorter.training.recipe import Recipe
from alpacasorter.ui.photo_filters import Order
from alpacasorter.ui.settings import Settings
from tests.compat import outputs, stored
from tests.compat.command_line import COMMANDS, arguments_of, invoke
from tests.compat.stored import CACHE_COLUMNS, FIXTURES, LIBRARY_COLUMNS, PICTURES, PLACEHOLDER, Stored
from tests.compat.window import look_at_window

FIRST_NS = 1_750_000_000_000_000_000
DRAWN = ("meadow", "hill", "beach", "night", "barn", "snow")
OLD_SENTENCES = {
    "memory.jpg": "There is not enough memory to open this picture. Close some programs and scan again.",
    "invented.jpg": "This is a sentence that no version has ever written.",
}
"""Reasons put into the cache by hand: one that no test photo causes, and one that the code doesn't know."""


class World:
    """A folder that the old code works in, and the recipes of the files that were written into it."""

    def __init__(self, place: Path) -> None:
        self.root = place / "root"
        self.recipes: dict[bytes, dict[str, str]] = {}
        self._clock = FIRST_NS

    def put(self, name: str, **recipe: str) -> Path:
        """Write a file; each has a time of change of its own."""
        data = stored.content(recipe)
        self.recipes[data] = recipe
        self._clock += 3_600_123_456_789
        path = self.root / name
        stored.put_file(path, data, self._clock)
        return path

    def photo(self, name: str, picture: str = "meadow.jpg", *, alone: bool = False) -> None:
        """Write a photo that is unlike any other, with two companions unless it is alone."""
        self.put(name, picture=picture, text=name)
        if not alone:
            stem = name.rpartition(".")[0]
            self.put(f"{stem}.CR3", text=f"raw of {name}")
            self.put(f"{stem}.xmp", text=f"<x:xmpmeta>{name}</x:xmpmeta>")


def draw_pictures() -> None:
    """Draw what the photos show: a meadow, hills and so on, none of it like another."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(DRAWN):
        chance = np.random.default_rng(seed)
        image = Image.new("RGB", (96, 64), tuple(map(int, chance.integers(0, 256, 3))))
        draw = ImageDraw.Draw(image)
        for _ in range(5):
            x, y, wide, high = map(int, chance.integers(4, 60, 4))
            draw.ellipse((x, y, x + wide, y + high), tuple(map(int, chance.integers(0, 256, 3))))
        exif = Image.Exif()
        if seed % 2:
            exif.get_ifd(0x8769)[0x9003] = f"2025:0{seed + 1}:11 10:20:30"
        image.save(PICTURES / f"{name}.jpg", quality=60, exif=exif)


def in_child(work: Callable[[], object]) -> None:
    """Do something in a process that is expected to kill itself."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"it was to be killed, and ended with {status}"


def kill() -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def killed_before_batch(number: int) -> Callable[[], None]:
    """Return what has a process killed before it begins the batch of this number, from 0; batches are small."""
    begun = 0
    run = batch.Batch.run

    def counted(one: batch.Batch) -> Any:
        nonlocal begun
        if begun == number:
            kill()
        begun += 1
        return run(one)

    def arm() -> None:
        batch.FILES = 3  # type: ignore[misc]
        batch.Batch.run = counted  # type: ignore[method-assign]

    return arm


def killed_before_place(number: int) -> Callable[[], None]:
    """Return what has a process killed before it makes the name of this number, from 0."""
    made = 0
    place = batch.Batch._place_one

    def counted(one: batch.Batch, *arguments: Any) -> Any:
        nonlocal made
        if made == number:
            kill()
        made += 1
        return place(one, *arguments)

    def arm() -> None:
        batch.Batch._place_one = counted  # type: ignore[method-assign]

    return arm


def killed_while_returning() -> None:
    """Have this process killed when a file that was done is about to be taken away again, because of a companion."""
    take = batch.Batch._take_away

    def looked(one: batch.Batch) -> None:
        if any(job.because for job in one._jobs()):
            kill()
        take(one)

    batch.Batch._take_away = looked  # type: ignore[method-assign]


def sort(world: World, name: str, *options: object, code: int = 0) -> None:
    """Sort `NAME/photos` into `NAME/sorted`."""
    done = invoke(
        "sort", world.root / name / "photos", "--into", world.root / name / "sorted", "--device", "cpu", *options
    )
    assert done.code == code, done


def changed_after_planning(world: World) -> Callable[..., Any]:
    """Return a planner after which one file is changed, and the name of another is taken."""
    plan_sort = sort_command.plan_sort

    def plan(*arguments: Any, **keywords: Any) -> Any:
        made = plan_sort(*arguments, **keywords)
        world.put("interrupted/photos/changed.jpg", picture="barn.jpg", text="other bytes")
        unit = next(one for one in made.units if one.photo.path.name == "taken.jpg")
        target = next(file.target for file in unit.files if file.target and file.target.suffix == ".xmp")
        world.put(str(target.relative_to(world.root)), text="was here first")
        return made

    return plan


def make_sorts(world: World) -> None:
    """Make one sort of each kind."""
    for number in range(2):
        world.photo(f"finished/photos/IMG_{number}.jpg")
    world.photo("finished/photos/day 2/IMG_0.jpg", "hill.jpg", alone=True)
    sort(world, "finished")

    for number in range(2):
        world.photo(f"undone/photos/IMG_{number}.jpg", "hill.jpg", alone=number > 0)
    sort(world, "undone")
    # One of them was changed at its new place, so it is left there, for a reason that is stored.
    left = next((world.root / "undone" / "sorted").rglob("IMG_1.jpg"))
    world.put(str(left.relative_to(world.root)), picture="night.jpg", text="edited there")
    assert invoke("sort", "--undo", stored.UNDONE).code == 1

    for number in range(3):
        world.photo(f"undoing/photos/IMG_{number}.jpg")
    sort(world, "undoing")
    arm = killed_before_batch(1)
    in_child(lambda: (arm(), invoke("sort", "--undo", stored.UNDOING)))

    for number in range(4):
        world.photo(f"interrupted/photos/IMG_{number}.jpg", alone=number > 1)
    for name in ("changed", "taken"):
        world.photo(f"interrupted/photos/{name}.jpg", "beach.jpg")
    arm = killed_before_batch(2)
    in_child(
        lambda: (
            arm(),
            mock.patch.object(sort_command, "plan_sort", changed_after_planning(world)).start(),
            sort(world, "interrupted"),
        )
    )
    # What the child has written, this process has to know, too.
    world.put("interrupted/photos/changed.jpg", picture="barn.jpg", text="other bytes")

    for number in range(2):
        world.photo(f"torn/photos/IMG_{number}.jpg", "night.jpg")
    arm = killed_before_place(4)
    in_child(lambda: (arm(), sort(world, "torn")))

    world.photo("returning/photos/IMG_0.jpg", "barn.jpg")
    arm = killed_before_place(1)
    in_child(lambda: (arm(), sort(world, "returning")))
    for companion in (".CR3", ".xmp"):
        photo = next((world.root / "returning" / "sorted").rglob("IMG_0.jpg"))
        world.put(str(photo.with_suffix(companion).relative_to(world.root)), text="came in between")
    in_child(lambda: (killed_while_returning(), invoke("sort", "--resume", stored.RETURNING)))

    world.photo("copied/photos/IMG_0.jpg", "snow.jpg")
    sort(world, "copied", "--action", "copy", "--pattern", "{label}/{taken:%Y-%m}")


def make_hike(world: World) -> None:
    """Make a folder of photos with corrections, some of them set aside, and several heads."""
    hike = world.root / "a hike"
    for number, picture in enumerate(DRAWN):
        world.photo(f"a hike/IMG_{number}.jpg", f"{picture}.jpg", alone=True)
    world.photo("a hike/day 2/IMG_0.jpg", "meadow.jpg", alone=True)
    world.put("a hike/empty.jpg")
    world.put("a hike/text.jpg", text="no picture at all")
    world.put("a hike/video.jpg", text="\0\0\0\x18ftypmp42" + "\0" * 40)
    world.put("a hike/zeros.jpg", text="\0" * 64)
    cut = stored.content({"picture": "hill.jpg"})[:700]
    world.put("a hike/cut.jpg", picture="cut.jpg")
    assert stored.content({"picture": "cut.jpg"}) == cut
    world.put("a hike/raw.CR3", text="a raw photo alone")
    world.put("a hike/diary.txt", text="no photo")
    for name in OLD_SENTENCES:
        world.put(f"a hike/{name}", picture="snow.jpg", text=name)

    bundle = load_bundle(paths.bundled_model())
    data, cache = paths.user_data_dir(), paths.user_cache_dir() / "cache.sqlite"
    with Library.open(data / "library.sqlite") as library, Cache.open(cache) as opened:
        session = Session(
            bundle=bundle, library=library, cache=opened, device=Device("cpu", 2, 0.0, "for the fixtures")
        )
        photos = {}
        for event in session.scan(hike, recursive=True):
            photos |= {photo.path: photo.content_key for photo in getattr(event, "photos", ())}

        def say(label: str | None, *names: str) -> None:
            places = {photos[hike / name]: hike / name for name in names}
            session.learning.correct(dict.fromkeys(places, label), places)
            session.learning.save()

        say("alpaca", "IMG_0.jpg", "IMG_1.jpg")
        session.learning.check()
        first = library.head_versions(bundle.bundle_id)[0].id
        say("not_alpaca", "IMG_2.jpg")
        session.learning.check()
        say("alpaca", "IMG_3.jpg")
        say(None, "IMG_3.jpg")
        session.learning.check()
        assert first is not None
        session.learning.go_back(first)
        say("alpaca", "IMG_4.jpg")
        session.learning.check()
        for name in ("finished/sorted", "undone/photos", "a hike"):
            library.remember_folder(world.root / name)
    with closing(sqlite3.connect(cache, isolation_level=None)) as connection:
        for name, sentence in OLD_SENTENCES.items():
            changed = connection.execute(
                "UPDATE files SET reason = ? WHERE path = ?", (sentence, os.fsencode(hike / name))
            )
            assert changed.rowcount == 1


def make_settings(world: World, config: Path) -> None:
    """Write settings as the window does, every one of them another than usual."""
    store = QSettings(str(config / "AlpacaSorter" / "AlpacaSorter.ini"), QSettings.Format.IniFormat)
    settings = Settings(store)
    settings.recursive = False
    settings.watch = False
    settings.preview = True
    settings.unsure_below = 0.9
    settings.tile = 240
    settings.device = "cpu"
    settings.scheme = "dark"
    settings.order = Order.DOUBTFUL
    settings.sorts_put_off = frozenset((stored.INTERRUPTED, stored.TORN))
    settings.training = json.dumps({"dataset": str(world.root), "recipe": json.loads(Recipe(epochs=7).to_json())})
    choices = {
        "action": "copy",
        "pattern": "{label}/{taken:%Y}",
        "names": {"alpaca": "Alpacas, ünusual"},
        "stay": ["not_alpaca"],
        "unsure": True,
        "unsure_folder": "To look at",
        "unreadable": False,
        "unreadable_folder": "",
    }
    settings.sorting = json.dumps(choices)
    settings.sort_destination = str(world.root / "sorted")
    settings.arrivals = json.dumps(choices | {"action": "move"})
    settings.export = json.dumps(
        {"form": "csv", "both": True, "rating": True, "sure": True, "least": 75, "naming": "stem"}
    )
    settings.save()
    seen = look_at_window(world.root / "a hike", config, resize=(701, 655))
    assert seen["size"] == [701, 655], seen


def describe_files(world: World) -> dict[str, Any]:
    """Return what lies in the folders, so that it can be made again."""
    files: dict[str, Any] = {}
    folders: list[str] = []
    by_inode: dict[int, str] = {}
    for path in sorted(world.root.rglob("*")):
        name = path.relative_to(world.root).as_posix()
        status = path.lstat()
        if path.is_dir():
            folders.append(name)
        elif status.st_ino in by_inode:
            files[name] = {"same_file_as": by_inode[status.st_ino]}
        else:
            by_inode[status.st_ino] = name
            data = path.read_bytes()
            recipe = world.recipes.get(data) or {"text": data.decode()}
            files[name] = {**recipe, "mtime_ns": status.st_mtime_ns, "mode": status.st_mode & 0o777}
    return {"folders": folders, "files": files}


def collect(world: World, data: Path, cache: Path) -> None:
    """Copy the databases into the fixtures, with paths that begin with the placeholder."""
    with Library.open(data / "library.sqlite") as library:
        library.backup()
    newest = max((data / "backups").glob("library-*.sqlite"))
    for source, target, columns in (
        (data / "library.sqlite", world.root.with_name("library.sqlite"), LIBRARY_COLUMNS),
        (newest, world.root.with_name(newest.name), LIBRARY_COLUMNS),
        (cache / "cache.sqlite", world.root.with_name("cache.sqlite"), CACHE_COLUMNS),
    ):
        assert not source.with_name(f"{source.name}-wal").exists()
        shutil.copyfile(source, target)
        if columns is CACHE_COLUMNS:
            make_small(target)
        stored.relocate(target, columns, str(world.root), PLACEHOLDER)
        with closing(sqlite3.connect(target, isolation_level=None)) as connection:
            connection.execute("VACUUM")
        data_of_it = target.read_bytes()
        assert os.fsencode(world.root.parent) not in data_of_it, target
        (FIXTURES / f"{target.name}.gz").write_bytes(gzip.compress(data_of_it, mtime=0))


def make_small(cache: Path) -> None:
    """Take out of the cache what no test needs: pictures and embeddings of most photos that were sorted."""
    with closing(sqlite3.connect(cache, isolation_level=None)) as connection:
        for table in ("thumbnails", "embeddings"):
            connection.execute(
                f"DELETE FROM {table} WHERE content_id NOT IN (SELECT content_id FROM files"
                " WHERE content_id IS NOT NULL"
                " AND (CAST(path AS TEXT) LIKE '%/a hike/%' OR CAST(path AS TEXT) LIKE '%/finished/%'))"
            )


def expected(place: Path) -> dict[str, Any]:
    """Note what the old code does with what it has stored: rows of a scan, and where a sort leaves its files."""
    first = Stored(place / "scan")
    hike = first.root / "a hike"
    done = invoke("scan", hike, "--json", "--quiet", "--device", "cpu", variables=first.environment())
    rows = [json.loads(line) for line in done.out.splitlines()]
    told: dict[str, Any] = {
        "scan": [row | {"path": Path(row["path"]).relative_to(hike).as_posix()} for row in rows],
    }
    done = invoke("sort", "--history", "--json", variables=first.environment())
    told["history"] = [
        row | {name: Path(row[name]).relative_to(first.root).as_posix() for name in ("folder", "destination")}
        for row in map(json.loads, done.out.splitlines())
    ]
    told["ends"] = {}
    for number, folder, options in outputs.ENDS:
        one = Stored(place / f"{options}-{number}")
        done = invoke("sort", f"--{options}", number, "--json", variables=one.environment())
        summary = json.loads(done.out.splitlines()[-1])
        told["ends"][f"{options} {number}"] = {
            "code": done.code,
            "summary": {name: summary[name] for name in ("state", "files", "done", "failed", "left")},
            "tree": one.tree(folder),
            "times": one.times(folder),
        }
    return told


def main() -> None:
    """Make all fixtures again."""
    assert Path(sys.modules["alpacasorter"].__file__ or "").is_relative_to(Path.cwd()), "run it in the old checkout"
    os.umask(0o022)
    shutil.rmtree(FIXTURES, ignore_errors=True)
    draw_pictures()
    cut = PICTURES.parent / "pictures" / "cut.jpg"
    with tempfile.TemporaryDirectory() as name:
        place = Path(name).resolve()
        os.environ |= {
            "HOME": str(place / "home"),
            "XDG_CONFIG_HOME": str(place / "config"),
            "ALPACASORTER_DATA_DIR": str(place / "data"),
            "ALPACASORTER_CACHE_DIR": str(place / "cache"),
        }
        world = World(place)
        make_sorts(world)
        cut.write_bytes((PICTURES / "hill.jpg").read_bytes()[:700])
        make_hike(world)
        make_settings(world, place / "config")
        collect(world, place / "data", place / "cache")
        ini = (place / "config" / "AlpacaSorter" / "AlpacaSorter.ini").read_text(encoding="utf-8")
        (FIXTURES / "settings.ini").write_text(ini.replace(str(world.root), PLACEHOLDER), encoding="utf-8")
        manifest = describe_files(world)
        bundle = load_bundle(paths.bundled_model())
        with Library.open(place / "data" / "library.sqlite") as library:
            calibration = {"scale": bundle.calibration.scale, "offset": bundle.calibration.offset}
            manifest |= {"backbone_id": bundle.backbone_id, "calibration": calibration}
            manifest |= {"heads": len(library.head_versions(bundle.bundle_id))}
        write_json(FIXTURES / "manifest.json", manifest)
        manifest["expected"] = expected(place / "expected")
        write_json(FIXTURES / "manifest.json", manifest)
    here = Path(__file__).parent
    write_json(
        here / "arguments.json", {name: one for command in COMMANDS for name, one in arguments_of(command).items()}
    )
    with tempfile.TemporaryDirectory() as name:
        place = Path(name).resolve()
        told = {
            "json": outputs.describe_json(place / "json")
            | {"train --json": outputs.describe_training(place / "train")},
            "csv": outputs.describe_csv(place / "csv"),
            "exit codes": outputs.exit_codes(place / "wrong"),
        }
        write_json(here / "outputs.json", told)


def write_json(path: Path, value: object) -> None:
    """Write JSON that is small and can be compared line by line: one line for each entry of the second level."""
    assert isinstance(value, dict)
    lines = []
    for name, part in value.items():
        if isinstance(part, dict):
            inner = ",\n".join(
                f"  {json.dumps(key)}: {json.dumps(one, ensure_ascii=False)}" for key, one in part.items()
            )
            lines.append(f"{json.dumps(name)}: {{\n{inner}\n }}")
        else:
            lines.append(f"{json.dumps(name)}: {json.dumps(part, ensure_ascii=False)}")
    path.write_text("{\n " + ",\n ".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
