"""This version opens what an earlier one stored: library, backup, cache, sorts of every kind, settings."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from alpacasorter.ml.models.bundle import load_bundle
from tests.compat import outputs
from tests.compat.command_line import Done, invoke
from tests.compat.stored import FINISHED, INTERRUPTED, MARKER, RETURNING, TORN, UNDOING, Stored, manifest, put_file
from tests.compat.window import look_at_window
from tests.engines import fill
from tests.models import describe, other_backbone, other_model

pytestmark = pytest.mark.skipif(os.name != "posix", reason="paths of a POSIX system are stored")

EXPECTED = manifest()["expected"]
SENTENCE = "This is a sentence that no version has ever written."


@pytest.fixture
def old(tmp_path: Path) -> Stored:
    """All that the earlier version has left."""
    return Stored(tmp_path)


def rows(done: Done) -> list[Any]:
    """Return the JSON lines of a command that went well."""
    assert done.code == 0, done
    return [json.loads(line) for line in done.out.splitlines()]


def scan(old: Stored, folder: str) -> dict[str, Any]:
    """Scan a folder; return the rows by the path below it."""
    done = invoke(*("scan", old.root / folder, "--json", "--quiet", "--device", "cpu"), variables=old.environment())
    return {Path(row["path"]).relative_to(old.root / folder).as_posix(): row for row in rows(done)}


def spoil(folder: Path) -> None:
    """Replace every photo with zeros of the same size and date, so that it can't be judged if it is opened."""
    for path in folder.rglob("*.jpg"):
        status = path.stat()
        put_file(path, bytes(status.st_size), status.st_mtime_ns)


def check_rows(found: dict[str, Any]) -> None:
    """Check that a scan of the hike tells what it told before."""
    before = {row["path"]: row for row in EXPECTED["scan"]}
    assert found.keys() == before.keys()
    for name, row in found.items():
        was = before[name]
        for field in ("status", "content_key", "label", "corrected", "width", "height", "taken_at"):
            assert row[field] == was[field], (name, field)
        for field in ("probability", "confidence"):
            assert row[field] == pytest.approx(was[field], abs=1e-4), (name, field)
        # The wording of a reason may change, but it must be a sentence and not a code.
        assert (row["reason"] is None) == (was["reason"] is None), name
        assert row["reason"] is None or (" " in row["reason"] and row["reason"].strip()[-1] in ".)"), row


@pytest.fixture
def model(old: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model for which the stored embeddings and heads are its own, with the calibration of the one that made them.

    Its network is the one that is shipped now. Where nothing is opened again, it has nothing to say.
    """
    made = other_model(tmp_path / "model")
    describe(made, calibration=manifest()["calibration"])
    bundle = load_bundle(made)
    old.belongs_to(bundle.backbone_id, bundle.bundle_id)
    monkeypatch.setenv("ALPACASORTER_MODEL", str(made))
    return made


@pytest.mark.usefixtures("model")
def test_nothing_unchanged_is_opened_again(old: Stored) -> None:
    spoil(old.root / "a hike")
    found = scan(old, "a hike")
    check_rows(found)
    assert sum(row["corrected"] for row in found.values()) == 4
    assert found["invented.jpg"]["reason"] == SENTENCE
    # The stored heads served, or were learned again from the stored embeddings; none was added.
    assert old.counts("head_versions") == manifest()["heads"]


@pytest.mark.usefixtures("model")
def test_old_reasons_stay_with_their_files_only(old: Stored) -> None:
    path = old.root / "a hike" / "invented.jpg"
    os.utime(path, ns=(1, 1))
    assert scan(old, "a hike")["invented.jpg"]["status"] == "ok"


def test_corrections_without_the_cache(old: Stored) -> None:
    shutil.rmtree(old.cache)
    found = scan(old, "a hike")
    before = {row["path"]: row for row in EXPECTED["scan"]}
    corrected = {name for name, row in found.items() if row["corrected"]}
    known = {name for name, row in before.items() if row["corrected"]}
    # It shows the same picture as IMG_0.jpg; before there were picture keys, it was another photo.
    assert corrected == known | {"day 2/IMG_0.jpg"}
    assert all(found[name]["label"] == before[name]["label"] for name in known)
    assert found["day 2/IMG_0.jpg"]["label"] == found["IMG_0.jpg"]["label"]


def test_another_backbone_learns_old_corrections_again(old: Stored, tmp_path: Path) -> None:
    model, new = other_backbone(tmp_path / "model"), tmp_path / "new photos"
    fill(new, 1)
    variables = old.environment() | {"ALPACASORTER_MODEL": str(model)}
    done = invoke("scan", new, "--json", "--device", "cpu", variables=variables)
    assert done.code == 0
    # The fourth is set aside.
    assert "3 corrections again" in done.err
    backbone = json.loads((model / "model.json").read_text(encoding="utf-8"))["backbone_id"]
    with closing(sqlite3.connect(old.library)) as connection:
        found = connection.execute(
            "SELECT count(*) FROM correction_embeddings WHERE backbone_id = ?", (backbone,)
        ).fetchone()
        assert found == (3,)
    # One head was added to those of the old model, and the labels are the same for each.
    assert old.counts("head_versions") == manifest()["heads"] + 1
    done = invoke("scan", old.root / "a hike", "--json", "--quiet", "--device", "cpu", variables=variables)
    # Four, and the other file with the picture of one, which an earlier version took for another photo.
    assert sum(row["corrected"] for row in rows(done)) == 5


def test_backup_is_restored(old: Stored) -> None:
    old.library.write_bytes(bytes(old.library.stat().st_size))
    done = invoke(*("scan", old.root / "a hike", "--json", "--quiet", "--device", "cpu"), variables=old.environment())
    # Four, and the other file with the picture of one if the photos had to be opened again.
    assert sum(row["corrected"] for row in rows(done)) in (4, 5)
    assert done.err.strip(), "the user is told"
    assert len(rows(invoke("sort", "--history", "--json", variables=old.environment()))) == len(EXPECTED["history"])


def test_corrections_can_be_added_and_a_backup_is_made(old: Stored, tmp_path: Path) -> None:
    before = set((old.data / "backups").iterdir())
    key = "ab" * 32
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({"content_key": key, "label": "alpaca", "corrected": True}), encoding="utf-8")
    done = invoke("import", labels, "--json", variables=old.environment())
    assert rows(done)[0]["new"] == 1
    with closing(sqlite3.connect(old.library)) as connection:
        label = connection.execute("SELECT label FROM corrections WHERE content_key = ?", (bytes.fromhex(key),))
        assert label.fetchone() == ("alpaca",)
    assert set((old.data / "backups").iterdir()) - before


def test_history(old: Stored) -> None:
    history = rows(invoke("sort", "--history", "--json", variables=old.environment()))
    for row in history:
        for name in ("folder", "destination"):
            row[name] = Path(row[name]).relative_to(old.root).as_posix()
    assert history == EXPECTED["history"]
    words = invoke("sort", "--history", variables=old.environment())
    assert words.code == 0
    assert all(str(old.root / row["folder"]) in words.out for row in history)


@pytest.mark.parametrize(("number", "folder", "option"), outputs.ENDS)
def test_sorts_end_as_before(old: Stored, number: int, folder: str, option: str) -> None:
    others = {name.name: old.tree(name.name) for name in old.root.iterdir() if name.name != folder}
    done = invoke("sort", f"--{option}", number, "--json", variables=old.environment())
    was = EXPECTED["ends"][f"{option} {number}"]
    assert old.tree(folder) == was["tree"]
    assert old.times(folder) == was["times"]
    assert done.code == was["code"], done
    summary = json.loads(done.out.splitlines()[-1])
    assert {name: summary[name] for name in was["summary"]} == was["summary"]
    for name, tree in others.items():
        assert old.tree(name) == tree


@pytest.mark.parametrize(("number", "option"), [(INTERRUPTED, "resume"), (RETURNING, "resume"), (TORN, "rollback")])
def test_sorts_end_in_words(old: Stored, number: int, option: str) -> None:
    done = invoke("sort", f"--{option}", number, "--quiet", variables=old.environment())
    was = EXPECTED["ends"][f"{option} {number}"]
    assert done.code == was["code"]
    assert done.out.strip()
    # Each file that could not be done is named, with a sentence and no code.
    if number == INTERRUPTED:
        for name in ("changed.jpg", "taken.xmp"):
            line = next(line for line in done.out.splitlines() if name in line)
            assert len(line.partition(name)[2].split()) > 3, line


def test_latest_is_taken_where_no_number_is_given(old: Stored) -> None:
    # Of those that stand in the middle it is the one with the highest number; an undo in the middle is gone on with.
    done = invoke("sort", "--resume", "--json", variables=old.environment())
    assert json.loads(done.out.splitlines()[-1])["number"] == RETURNING
    done = invoke("sort", "--undo", "--json", variables=old.environment())
    assert json.loads(done.out.splitlines()[-1])["number"] == UNDOING


def test_sort_of_the_same_folder_waits_for_a_decision(old: Stored) -> None:
    command = ("sort", old.root / "interrupted" / "photos", "--into", old.root / "new", "--device", "cpu")
    done = invoke(*command, variables=old.environment())
    assert done.code == 1
    assert not (old.root / "new").exists()


@pytest.mark.usefixtures("model")
def test_cache_follows_an_old_sort_that_is_undone(old: Stored) -> None:
    assert invoke("sort", "--undo", FINISHED, variables=old.environment()).code == 0
    spoil(old.root / "finished" / "photos")
    found = scan(old, "finished/photos")
    assert found.keys() == {"IMG_0.jpg", "IMG_1.jpg", "day 2/IMG_0.jpg"}
    assert {row["status"] for row in found.values()} == {"ok"}


def test_old_marks_keep_output_from_being_scanned(old: Stored) -> None:
    assert list((old.root / "finished" / "sorted").rglob(MARKER))
    assert scan(old, "finished") == {}


def test_settings_are_read(old: Stored) -> None:
    environment = old.environment()
    del environment["XDG_CONFIG_HOME"]
    before = _ini(old.settings)
    seen = look_at_window(old.root / "a hike", old.config, **environment)
    assert seen["size"] == [701, 655]
    assert seen["dark"]
    # Without the photo in the sub-folder.
    assert seen["rows"] == sum("/" not in row["path"] for row in EXPECTED["scan"])
    after = _ini(old.settings)
    for name in ("geometry", "splitter"):
        # What Qt writes of a window may differ in the last bytes.
        assert before.pop(name)
        assert after.pop(name)
    # Where the user was in each folder.
    assert after.pop("places")
    # The line below the photos was not there yet.
    assert after.pop("key_hints") == "true"
    assert after == before


def test_each_setting_is_read(old: Stored) -> None:
    # The one look inside: what the window makes of most settings shows only after a while of use.
    from PySide6.QtCore import QSettings

    from alpacasorter.ui.settings import Settings

    settings = Settings(QSettings(str(old.settings), QSettings.Format.IniFormat))
    assert not settings.watch
    assert settings.preview
    assert (settings.unsure_below, settings.tile, settings.device) == (0.9, 240, "cpu")
    assert settings.order.value == "doubtful"
    assert settings.sorts_put_off == {INTERRUPTED, TORN}
    assert settings.variants_asked == frozenset(), "there were none then"
    assert settings.ask_before_trash, "asked at first"
    assert settings.contact_sheet == {}, "as usual"
    assert settings.sort_destination == str(old.root / "sorted")
    for text, name in (
        (settings.training, "recipe"),
        (settings.sorting, "pattern"),
        (settings.arrivals, "pattern"),
        (settings.export, "naming"),
    ):
        assert name in json.loads(text)


def _ini(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if "=" in line]
    return dict(line.split("=", 1) for line in lines)  # type: ignore[misc]
