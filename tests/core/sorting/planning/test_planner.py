"""Plans of sorts: who goes where, who stays, and why."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from alpacasorter.core import reasons
from alpacasorter.core.photos.walk import OUTPUT_MARKER
from alpacasorter.core.sorting.options import Action, Leftovers, SortOptions
from alpacasorter.core.sorting.plan import Group, Outcome, PlanError, PlanStopped
from alpacasorter.core.sorting.planning.planner import plan_sort
from alpacasorter.core.taken import Clock, DateSource
from tests.core.sorting.planning.planning import (
    LABELS,
    codes,
    outcomes,
    photo,
    plan,
    sentences,
    targets,
    undisturbed,
    unit_of,
    write,
)
from tests.picture_files import corner_picture


def test_one_folder_for_each_label(folder: Path, out: Path) -> None:
    write(folder / "a.jpg", folder / "b.jpg", folder / "b.xmp", folder / "sub" / "c.jpg", folder / "notes.txt")
    made = plan(
        folder,
        out,
        [photo(folder / "a.jpg"), photo(folder / "b.jpg", "not_alpaca"), photo(folder / "sub" / "c.jpg")],
    )
    assert targets(made) == {
        "a.jpg": "Alpaca/a.jpg",
        "b.jpg": "Not alpaca/b.jpg",
        "b.xmp": "Not alpaca/b.xmp",
        "sub/c.jpg": "Alpaca/c.jpg",
    }
    assert made.new_folders == (out, out / "Alpaca", out / "Not alpaca")
    assert made.output_folders == (out / "Alpaca", out / "Not alpaca")
    assert (made.bytes_to_write, made.other_disk, made.remarks) == (0, False, ())
    assert made.files_to_do == 4
    assert (made.bytes_free or 0) > 0
    assert not out.exists()


def test_a_plan_says_what_it_saw_of_each_file(folder: Path, out: Path) -> None:
    write(folder / "a.jpg", folder / "a.xmp")
    os.utime(folder / "a.jpg", ns=(1, 1_700_000_000_123_456_700))
    shown = photo(folder / "a.jpg")
    (unit,) = plan(folder, out, [shown], action=Action.COPY).units
    first, second = unit.files
    status = (folder / "a.jpg").stat()
    assert (first.size, first.mtime_ns) == (status.st_size, status.st_mtime_ns)
    assert (first.content_key, second.content_key) == (shown.content_key, None)
    assert (unit.photo, unit.group, unit.outcome, unit.reason, unit.renamed) == (
        shown, Group.LABEL, Outcome.GO, None, None,
    )  # fmt: skip


def test_copies_say_how_many_bytes_they_take(folder: Path, out: Path) -> None:
    write(folder / "a.jpg", folder / "a.cr2", data=b"x" * 1000)
    made = plan(folder, out, action=Action.COPY)
    assert made.bytes_to_write == 2000
    assert plan(folder, out, action=Action.HARDLINK).bytes_to_write == 0


def test_who_is_unsure_stays_or_gets_a_folder(folder: Path, out: Path) -> None:
    write(*(folder / name for name in ("a.jpg", "b.jpg", "c.jpg")))
    shown = [
        photo(folder / "a.jpg", confidence=0.8),
        photo(folder / "b.jpg", confidence=0.79),
        photo(folder / "c.jpg", confidence=0.2, corrected=True),
    ]
    made = plan(folder, out, shown)
    assert outcomes(made) == {"a.jpg": Outcome.GO, "b.jpg": Outcome.STAYS, "c.jpg": Outcome.GO}
    unit = unit_of(made, "b.jpg")
    assert (unit.group, [file.target for file in unit.files]) == (Group.UNSURE, [None])
    assert unit.reason == reasons.UNSURE_STAYS
    made = plan(folder, out, shown, unsure=Leftovers.FOLDER, unsure_folder="Have a look")
    assert targets(made)["b.jpg"] == "Have a look/b.jpg"
    assert all(unit.group is Group.LABEL for unit in plan(folder, out, shown, min_confidence=0.0).units)


def test_who_cannot_be_read_stays_or_gets_a_folder(folder: Path, out: Path) -> None:
    write(folder / "a.jpg", folder / "IMG_1.NEF", folder / "IMG_1.xmp")
    shown = [photo(folder / "a.jpg", None), photo(folder / "IMG_1.NEF", None)]
    made = plan(folder, out, shown)
    assert made.count(Outcome.STAYS) == 2
    assert unit_of(made, "a.jpg").reason == "The file is damaged."
    assert made.new_folders == ()
    made = plan(folder, out, shown, unreadable=Leftovers.FOLDER)
    assert targets(made) == {
        "a.jpg": "Unreadable/a.jpg",
        "IMG_1.NEF": "Unreadable/IMG_1.NEF",
        "IMG_1.xmp": "Unreadable/IMG_1.xmp",
    }
    assert {unit.group for unit in made.units} == {Group.UNREADABLE}


def test_labels_that_stay(folder: Path, out: Path) -> None:
    write(folder / "a.jpg", folder / "b.jpg")
    shown = [photo(folder / "a.jpg"), photo(folder / "b.jpg", "not_alpaca")]
    made = plan(folder, out, shown, leave_labels=frozenset({"not_alpaca"}))
    assert outcomes(made) == {"a.jpg": Outcome.GO, "b.jpg": Outcome.STAYS}
    assert unit_of(made, "b.jpg").group is Group.LABEL


def test_folders_may_have_other_names(folder: Path, out: Path) -> None:
    write(folder / "a.jpg", folder / "b.jpg")
    shown = [photo(folder / "a.jpg"), photo(folder / "b.jpg", "not_alpaca")]
    made = plan(folder, out, shown, folder_names={"alpaca": "Our: animals. ", "not_alpaca": "  "})
    assert targets(made) == {"a.jpg": "Our_ animals/a.jpg", "b.jpg": "Not alpaca/b.jpg"}
    made = plan(folder, out, shown, folder_names={"alpaca": "All", "not_alpaca": "all"})
    assert targets(made) == {"a.jpg": "All/a.jpg", "b.jpg": "All/b.jpg"}
    assert sentences(made, serious=False) == "Not alpaca and Alpaca go to the same folder, all."
    assert sentences(plan(folder, out, shown)) == ""
    made = plan(folder, out, shown, unsure=Leftovers.FOLDER, unsure_folder="alpaca")
    assert sentences(made) == "Alpaca and unsure photos go to the same folder, Alpaca."


def test_dates_cameras_and_sub_folders(folder: Path, out: Path) -> None:
    path = folder / "day 1" / "farm" / "a.jpg"
    write(path, folder / "b.jpg")
    block = corner_picture().getexif()
    block[0x010F], block[0x0110] = "Canon", "Canon EOS R6"
    corner_picture().save(path, exif=block)
    shown = [photo(path, taken_at="2026-05-03T14:00:00+02:00"), photo(folder / "b.jpg")]
    made = plan(folder, out, shown, pattern="{label}/{taken:%Y/%m}/{camera}/{folder}")
    assert targets(made) == {
        "day 1/farm/a.jpg": "Alpaca/2026/05/Canon EOS R6/day 1/farm/a.jpg",
        "b.jpg": "Alpaca/Undated/Unknown camera/b.jpg",
    }
    assert codes(made) == [
        reasons.code(reasons.NO_DATE, count=1, folder="Undated"),
        reasons.code(reasons.NO_CAMERA, count=1, folder="Unknown camera"),
    ]
    assert "1 photo has no date and goes to Undated." in sentences(made)


def test_dates_that_are_not_the_cameras_are_remarked(folder: Path, out: Path) -> None:
    sources = {"d.jpg": DateSource.DIGITIZED, "c.jpg": DateSource.CHANGED, "s.jpg": DateSource.CAMERA}
    write(*(folder / name for name in (*sources, "IMG-20240501-WA0001.jpg")))
    shown = [
        photo(folder / name, taken_at="2000-01-01T10:00:00" if name == "s.jpg" else "2024-06-01", taken_from=source)
        for name, source in sources.items()
    ]
    shown.append(photo(folder / "IMG-20240501-WA0001.jpg", taken_from=DateSource.NONE))
    made = plan(folder, out, shown, pattern="{taken:%Y-%m}/{label}")
    assert targets(made) == {
        "d.jpg": "2024-06/Alpaca/d.jpg",
        "c.jpg": "2024-06/Alpaca/c.jpg",
        "s.jpg": "2000-01/Alpaca/s.jpg",
        "IMG-20240501-WA0001.jpg": "2024-05/Alpaca/IMG-20240501-WA0001.jpg",
    }
    said = [DateSource.UNSET, DateSource.NAME, DateSource.CHANGED, DateSource.DIGITIZED]
    assert codes(made) == [reasons.code(reasons.DATES_FROM[source], count=1) for source in said]
    assert [unit.taken and unit.taken.source for unit in made.units] == [said[3], said[2], said[0], said[1]]
    assert codes(plan(folder, out, shown)) == []


def test_the_clock_of_a_camera_is_put_right(folder: Path, out: Path) -> None:
    write(folder / "a.jpg", folder / "b.jpg", folder / "c.jpg")
    at = "2024-12-31T23:30:00+01:00"
    cameras = ("Canon EOS R5 #1", "Canon EOS R5 #2", "Apple iPhone 12")
    shown = [
        photo(folder / name, taken_at=at, taken_from=DateSource.CAMERA, camera=camera)
        for name, camera in zip(("a.jpg", "b.jpg", "c.jpg"), cameras, strict=True)
    ]
    clocks = (Clock("Canon EOS R5", 3600), Clock("canon eos r5 #2", -93600))
    made = plan(folder, out, shown, pattern="{taken:%Y-%m-%d %H}", clocks=clocks)
    assert targets(made) == {
        "a.jpg": "2025-01-01 00/a.jpg",
        "b.jpg": "2024-12-30 21/b.jpg",
        "c.jpg": "2024-12-31 23/c.jpg",
    }
    assert codes(made)[1:] == [
        reasons.code(reasons.CLOCK_CORRECTED, count=1, camera="Canon EOS R5", offset="+01:00"),
        reasons.code(reasons.CLOCK_CORRECTED, count=1, camera="canon eos r5 #2", offset="-1d 02:00"),
    ]
    assert len(codes(plan(folder, out, shown, clocks=clocks))) == 0, "the date decides about nothing"


def test_the_camera_is_read_only_where_it_is_wanted(folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from alpacasorter.core.photos import picture

    def forbidden(path: Path) -> str | None:
        raise AssertionError(path)

    write(folder / "a.jpg")
    monkeypatch.setattr(picture, "read_camera", forbidden)
    assert targets(plan(folder, out, pattern="{label}/{taken}")) == {"a.jpg": "Alpaca/Undated/a.jpg"}
    with pytest.raises(AssertionError):
        plan(folder, out, pattern="{camera}")


def test_a_pattern_without_labels_is_remarked(folder: Path, out: Path) -> None:
    write(folder / "a.jpg")
    assert reasons.NO_LABEL in codes(plan(folder, out, pattern="{taken:%Y}"), serious=False)
    assert "no {label}" in sentences(plan(folder, out, pattern="{taken:%Y}"))


def test_a_pair_with_two_labels_goes_by_the_correction_then_by_the_surer(folder: Path, out: Path) -> None:
    write(folder / "a.jpg", folder / "a.heic")
    pair = [photo(folder / "a.heic", "alpaca", 0.9), photo(folder / "a.jpg", "not_alpaca", 0.95)]
    made = plan(folder, out, pair)
    assert targets(made) == {"a.jpg": "Not alpaca/a.jpg", "a.heic": "Not alpaca/a.heic"}
    assert [file.source.name for file in made.units[0].files] == ["a.jpg", "a.heic"]
    assert all(file.content_key for file in made.units[0].files)
    assert "different tags" in sentences(made)
    pair[0] = replace(pair[0], corrected=True)
    assert targets(plan(folder, out, pair)) == {"a.jpg": "Alpaca/a.jpg", "a.heic": "Alpaca/a.heic"}
    same = [photo(folder / "a.heic"), photo(folder / "a.jpg", None)]
    assert "different tags" not in sentences(plan(folder, out, same))
    assert len(plan(folder, out, same).units) == 1


def test_a_companion_photo_with_another_label_goes_along(folder: Path, out: Path) -> None:
    write(folder / "a.jpg", folder / "a.heic", folder / "a.png", folder / "a.xmp")
    assert set(targets(plan(folder, out, [photo(folder / "a.jpg")]))) == {"a.jpg", "a.heic", "a.xmp"}
    assert set(targets(plan(folder, out, [photo(folder / "a.png")]))) == {"a.png"}


def test_what_is_no_plain_file_is_no_companion(folder: Path, out: Path) -> None:
    write(folder / "a.jpg", folder / "elsewhere.xmp", folder / "b.jpg", folder / ".b.xmp")
    (folder / "a.mov").mkdir()
    if os.name == "posix":
        (folder / "a.xmp").symlink_to(folder / "elsewhere.xmp")
        os.mkfifo(folder / "a.cr2")
    assert set(targets(plan(folder, out))) == {"a.jpg", "b.jpg"}


def test_the_order_of_the_photos_is_kept_and_a_plan_repeats_itself(folder: Path, out: Path) -> None:
    names = ("c.jpg", "a.jpg", "b.jpg")
    write(*(folder / name for name in names))
    shown = [photo(folder / name) for name in (*names, "a.jpg")]
    made = plan(folder, out, shown)
    assert [unit.photo.path.name for unit in made.units] == list(names)
    assert undisturbed(made) == undisturbed(plan(folder, out, shown))


def test_progress_and_stop(folder: Path, out: Path) -> None:
    write(*(folder / f"{number}.jpg" for number in range(250)))
    shown = [photo(folder / f"{number}.jpg") for number in range(250)]
    told: list[tuple[int, int]] = []
    plan_sort(folder, shown, SortOptions(out), LABELS, progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[0] == (0, 250)
    assert told[-1] == (250, 250)
    assert len(told) > 3
    for limit in (0, 1, 30, 300, 600):
        asked = iter(range(10_000))

        def stopped(asked: object = asked, limit: int = limit) -> bool:
            return next(asked) >= limit  # type: ignore[call-overload,no-any-return]

        with pytest.raises(PlanStopped):
            plan_sort(folder, shown, SortOptions(out), LABELS, stopped=stopped)


def test_no_photos_make_an_empty_plan(folder: Path, out: Path) -> None:
    made = plan(folder, out, [])
    assert (made.units, made.new_folders, made.remarks) == ((), (), ())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pattern": "{date}"}, "unknown field"),
        ({"pattern": "../{label}"}, "can't be named"),
        ({"min_confidence": 1.1}, "between 0% and 100%"),
        ({"min_confidence": float("nan")}, "between 0% and 100%"),
    ],
)
def test_wrong_options_are_refused(folder: Path, out: Path, options: dict[str, object], words: str) -> None:
    with pytest.raises(PlanError, match=words):
        plan(folder, out, [], **options)


def test_destinations_that_are_none(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "file")
    for destination in (Path(), Path("relative"), tmp_path / "file", tmp_path / "file" / "below", tmp_path / "a\0b"):
        with pytest.raises(PlanError, match=r"folder|path"):
            plan(folder, destination, [])
    if os.name == "posix":
        (tmp_path / "link").symlink_to(tmp_path / "gone")
        with pytest.raises(PlanError, match="broken link"):
            plan(folder, tmp_path / "link" / "x", [])


def test_every_folder_to_be_made_is_named_parents_first(folder: Path, tmp_path: Path) -> None:
    write(folder / "a.jpg")
    out = tmp_path / "new" / "deep" / "out"
    made = plan(folder, out, pattern="{label}/{taken:%Y}")
    assert made.new_folders == (
        tmp_path / "new",
        tmp_path / "new" / "deep",
        out,
        out / "Alpaca",
        out / "Alpaca" / "Undated",
    )
    assert made.output_folders == (out / "Alpaca",)


def test_folders_that_were_there_are_never_marked(folder: Path) -> None:
    write(folder / "a.jpg", folder / "Alpaca" / "mine.jpg", folder / "b.jpg")
    shown = [photo(folder / "a.jpg"), photo(folder / "b.jpg", "not_alpaca")]
    made = plan(folder, folder, shown)
    assert (made.new_folders, made.output_folders) == ((folder / "Not alpaca",), (folder / "Not alpaca",))
    assert codes(made, serious=False) == [reasons.SCANNED_AGAIN]
    made = plan(folder, folder, shown, pattern="{label}/{taken}")
    assert made.output_folders == (folder / "Alpaca" / "Undated", folder / "Not alpaca")
    assert reasons.SCANNED_AGAIN not in codes(made)
    write(folder / "Alpaca" / OUTPUT_MARKER)
    assert codes(plan(folder, folder, shown)) == []


def test_a_new_destination_is_marked_where_photos_go_right_into_it(folder: Path, out: Path) -> None:
    write(folder / "a.jpg", folder / "sub" / "b.jpg")
    made = plan(folder, out, pattern="{folder}")
    assert targets(made) == {"a.jpg": "a.jpg", "sub/b.jpg": "sub/b.jpg"}
    assert made.new_folders == (out, out / "sub")
    assert made.output_folders == (out,)
    out.mkdir()
    assert plan(folder, out, pattern="{folder}").output_folders == (out / "sub",)


def test_no_folder_is_made_for_photos_that_do_not_go(folder: Path, out: Path) -> None:
    write(folder / "a.jpg")
    (folder / "gone.jpg").touch()
    gone = photo(folder / "gone.jpg", "not_alpaca")
    (folder / "gone.jpg").unlink()
    made = plan(folder, out, [photo(folder / "a.jpg"), gone])
    assert made.new_folders == (out, out / "Alpaca")
    unit = unit_of(made, "gone.jpg")
    assert (unit.outcome, unit.reason, unit.files[0].target) == (Outcome.BLOCKED, reasons.VANISHED, None)
