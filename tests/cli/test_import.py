"""`alpacasorter import`: from one machine to another."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from alpacasorter import paths
from alpacasorter.core.store.library import Library
from tests.cli.commands import Commands
from tests.engines import fill, real_bundle
from tests.metadata_writers import write_keyword

CPU = ("--device", "cpu")
POSITIVE, NEGATIVE = real_bundle().positive_label, real_bundle().negative_label


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "photos"
    fill(place, 4)
    return place


@pytest.fixture
def move_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Go to another machine: one with a library and a cache of its own."""

    def move(name: str) -> None:
        monkeypatch.setenv("ALPACASORTER_DATA_DIR", str(tmp_path / name / "data"))
        monkeypatch.setenv("ALPACASORTER_CACHE_DIR", str(tmp_path / name / "cache"))

    return move


def rows_of(run: Commands, folder: Path) -> dict[str, dict[str, object]]:
    rows = [json.loads(line) for line in run("scan", folder, "--json", *CPU).out.splitlines()]
    return {Path(str(row["path"])).name: row for row in rows}


def say(run: Commands, folder: Path, labels: dict[str, str]) -> None:
    rows = rows_of(run, folder)
    with Library.open(paths.user_data_dir() / "library.sqlite") as library:
        library.set_corrections(
            real_bundle().label_set, {str(rows[name]["content_key"]): label for name, label in labels.items()}
        )


def stored() -> dict[str, str]:
    with Library.open(paths.user_data_dir() / "library.sqlite") as library:
        return {key: one.label for key, one in library.corrections(real_bundle().label_set).items()}


@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_labels_find_photos_that_another_program_wrote_into(
    form: str, run: Commands, folder: Path, move_to: Callable[[str], None], tmp_path: Path
) -> None:
    move_to("one")
    said = {"photo0.jpg": POSITIVE, "photo1.jpg": NEGATIVE}
    say(run, folder, said)
    assert run("export", folder, form, "--out", tmp_path / "labels", "--quiet", *CPU).code == 0
    write_keyword(*(folder / name for name in said))
    move_to("two")
    assert "2 labels were imported." in run("import", tmp_path / "labels").out
    rows = rows_of(run, folder)
    assert {name: row["label"] for name, row in rows.items() if row["corrected"]} == said
    assert "2 labels" not in run("import", tmp_path / "labels").out.split("imported")[0], "they are there already"
    assert len(stored()) == 2


def test_a_label_file_without_pictures_finds_a_photo_that_was_scanned(
    run: Commands, folder: Path, move_to: Callable[[str], None], tmp_path: Path
) -> None:
    move_to("one")
    rows = rows_of(run, folder)
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({"content_key": rows["photo0.jpg"]["content_key"], "label": POSITIVE}))
    write_keyword(folder / "photo0.jpg")
    assert rows_of(run, folder)["photo0.jpg"]["content_key"] != rows["photo0.jpg"]["content_key"]
    assert run("import", labels).code == 0
    assert rows_of(run, folder)["photo0.jpg"]["corrected"] is True


def test_a_label_without_picture_counts_for_both_files_of_a_first_scan(
    run: Commands, folder: Path, move_to: Callable[[str], None], tmp_path: Path
) -> None:
    move_to("one")
    rows = rows_of(run, folder)
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({"content_key": rows["photo0.jpg"]["content_key"], "label": NEGATIVE}))
    write_keyword(Path(shutil.copy(folder / "photo0.jpg", folder / "a copy.jpg")))
    move_to("two")
    assert run("import", labels).code == 0
    first = rows_of(run, folder)
    assert list(first) == ["a copy.jpg", *rows]
    assert first["a copy.jpg"]["corrected"] is first["photo0.jpg"]["corrected"] is True
    assert first["a copy.jpg"]["label"] == NEGATIVE
    assert first == rows_of(run, folder)


@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_corrections_follow_the_photos_to_another_machine(
    form: str, run: Commands, folder: Path, move_to: Callable[[str], None], tmp_path: Path
) -> None:
    move_to("one")
    said = {"photo0.jpg": POSITIVE, "photo1.jpg": NEGATIVE, "photo2.jpg": POSITIVE}
    say(run, folder, said)
    assert run("export", folder, form, "--out", tmp_path / "labels", "--quiet", *CPU).code == 0
    move_to("two")
    # The photos were never scanned here, and are in another folder.
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(folder, elsewhere / "renamed")
    done = run("import", tmp_path / "labels")
    assert (done.code, done.err) == (0, "")
    assert "3 labels were imported." in done.out
    assert "1 label was skipped: it is from a model" in done.out
    rows = rows_of(run, elsewhere)
    assert {name: row["label"] for name, row in rows.items() if row["corrected"]} == said
    # And learned from: the scan came upon them, so that their embeddings are there and the fourth is judged by them.
    bundle = real_bundle()
    with Library.open(paths.user_data_dir() / "library.sqlite") as library:
        assert len(library.embeddings(bundle.label_set, bundle.backbone_id)) == 3
    after = rows_of(run, elsewhere)["photo3.jpg"]
    move_to("three")
    fresh = rows_of(run, elsewhere)["photo3.jpg"]
    assert after["probability"] != fresh["probability"]


def test_an_export_after_an_import_is_judged_by_what_was_learned(
    run: Commands, folder: Path, move_to: Callable[[str], None], tmp_path: Path
) -> None:
    move_to("one")
    say(run, folder, {"photo0.jpg": POSITIVE, "photo1.jpg": POSITIVE, "photo2.jpg": POSITIVE})
    run("export", folder, "--json", "--out", tmp_path / "labels", "--quiet", *CPU)
    move_to("two")
    run("import", tmp_path / "labels")
    # The first scan here learns only at its end; all it says must be said as it says it the next time.
    first = json.loads(run("export", folder, "--json", *CPU).out)["photos"]
    second = json.loads(run("export", folder, "--json", *CPU).out)["photos"]
    assert first == second


def test_photos_that_were_seen_are_learned_from_at_once(
    run: Commands, folder: Path, move_to: Callable[[str], None], tmp_path: Path
) -> None:
    move_to("one")
    say(run, folder, {"photo0.jpg": POSITIVE})
    run("export", folder, "--json", "--out", tmp_path / "labels", "--quiet", *CPU)
    move_to("two")
    rows_of(run, folder)
    run("import", tmp_path / "labels")
    bundle = real_bundle()
    with Library.open(paths.user_data_dir() / "library.sqlite") as library:
        assert len(library.embeddings(bundle.label_set, bundle.backbone_id)) == 1


def test_corrections_that_differ_stay_unless_they_are_to_be_replaced(
    run: Commands, folder: Path, move_to: Callable[[str], None], tmp_path: Path
) -> None:
    move_to("one")
    say(run, folder, {"photo0.jpg": POSITIVE, "photo1.jpg": POSITIVE})
    run("export", folder, "--json", "--out", tmp_path / "labels", "--quiet", *CPU)
    move_to("two")
    say(run, folder, {"photo0.jpg": NEGATIVE, "photo1.jpg": POSITIVE})
    before = stored()
    kept = run("import", tmp_path / "labels")
    assert "0 labels were imported." in kept.out
    assert "1 the same as yours and 1 different from yours." in kept.out
    assert "--replace" in kept.out
    assert stored() == before
    dry = json.loads(run("import", tmp_path / "labels", "--replace", "--dry-run", "--json").out)
    assert (dry["new"], dry["same"], dry["replaced"], dry["kept"], dry["dry_run"]) == (0, 1, 1, 0, True)
    assert stored() == before
    assert "1 label was imported." in run("import", tmp_path / "labels", "--replace").out
    assert set(stored().values()) == {POSITIVE}


def test_lines_of_a_scan_and_all_labels(
    run: Commands, folder: Path, move_to: Callable[[str], None], tmp_path: Path
) -> None:
    move_to("one")
    (tmp_path / "lines.jsonl").write_text(run("scan", folder, "--json", *CPU).out)
    (tmp_path / "lines.csv").write_text(run("scan", folder, "--csv", *CPU).out)
    move_to("two")

    def told(*arguments: object) -> dict[str, int]:
        found: dict[str, int] = json.loads(run("import", *arguments, "--json").out)
        return found

    assert told(tmp_path / "lines.jsonl")["not_corrected"] == 4
    said = run("import", tmp_path / "lines.jsonl").out
    assert "All labels in this file are from a model" in said
    assert "--all" in said
    assert told(tmp_path / "lines.csv", "--all")["new"] == 4
    again = told(tmp_path / "lines.jsonl", "--all")
    assert (again["new"], again["same"]) == (0, 4)
    assert told(tmp_path / "lines.csv", "--all", "--min-confidence", "1")["not_corrected"] == 4


def test_a_list_made_by_hand_finds_its_photos(run: Commands, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("path,label\nphoto0.jpg,Alpaca\nphoto1.jpg,not alpaca\nnone.jpg,alpaca\n")
    lost = run("import", tmp_path / "mine.csv").out
    assert "3 labels were skipped: their photos were not found." in lost
    assert "--folder" in lost
    done = run("import", tmp_path / "mine.csv", "--folder", folder)
    assert "2 labels were imported." in done.out
    assert "1 label was skipped: its photo was not found." in done.out
    assert "--folder" not in done.out, "it was given"
    rows = rows_of(run, folder)
    assert (rows["photo0.jpg"]["label"], rows["photo1.jpg"]["label"]) == (POSITIVE, NEGATIVE)
    assert rows["photo0.jpg"]["corrected"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x89PNG\x00", "not a text file"),
        (b'{"format": "alpacasorter-results", "photos": [', "incomplete or damaged"),
        (f"content_key,label\n{'ab' * 32},cat\n".encode(), "Its labels are “cat”, but those of the model in use are"),
    ],
)
def test_a_bad_file_changes_nothing_and_is_said(data: bytes, words: str, run: Commands, tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(data)
    done = run("import", tmp_path / "bad")
    assert (done.code, done.out) == (1, "")
    assert words in done.err
    assert stored() == {}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--min-confidence", "0.5"), "--min-confidence needs --all"),
        (("--all", "--min-confidence", "5"), "a number from 0 to 1"),
        (("--folder", "none at all"), "can't be opened"),
    ],
)
def test_wrong_usage_is_said(options: tuple[str, ...], words: str, run: Commands, tmp_path: Path) -> None:
    done = run("import", tmp_path / "a.json", *options)
    assert done.code == 2
    assert words in done.err
