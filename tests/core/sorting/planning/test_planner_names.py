"""Plans of sorts: names that are taken, files that are there already, and photos that are in place."""

import os
import unicodedata
from pathlib import Path

import pytest

from alpacasorter.core import reasons
from alpacasorter.core.sorting.options import Action, Leftovers
from alpacasorter.core.sorting.plan import Outcome, PlanStopped
from alpacasorter.core.sorting.planning import disks, placing
from tests.core.sorting.planning.planning import outcomes, photo, photos_in, plan, targets, unit_of, write

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX file system")
COPYING = (Action.COPY, Action.HARDLINK)


@pytest.mark.parametrize("action", Action)
def test_another_file_of_the_name_gives_a_number_to_the_whole_unit(folder: Path, out: Path, action: Action) -> None:
    write(folder / "IMG_1.jpg", folder / "IMG_1.cr2", folder / "IMG_1.jpg.xmp", out / "Alpaca" / "IMG_1.cr2")
    write(out / "Alpaca" / "IMG_1_2.JPG")
    made = plan(folder, out, [photo(folder / "IMG_1.jpg")], action=action)
    assert targets(made) == {
        "IMG_1.jpg": "Alpaca/IMG_1_3.jpg",
        "IMG_1.cr2": "Alpaca/IMG_1_3.cr2",
        "IMG_1.jpg.xmp": "Alpaca/IMG_1_3.jpg.xmp",
    }
    assert made.units[0].renamed == reasons.NAME_TAKEN
    assert made.new_folders == ()


@pytest.mark.parametrize("action", Action)
def test_photos_of_one_name_from_several_folders(folder: Path, out: Path, action: Action) -> None:
    write(*(folder / day / name for day, name in (("1", "IMG.jpg"), ("2", "img.JPG"), ("3", "IMG.jpg"))))
    made = plan(folder, out, action=action)
    assert targets(made) == {
        "1/IMG.jpg": "Alpaca/IMG.jpg",
        "2/img.JPG": "Alpaca/img_2.JPG",
        "3/IMG.jpg": "Alpaca/IMG_3.jpg",
    }


@posix_only
def test_names_in_two_forms_of_unicode_are_one(folder: Path, out: Path) -> None:
    one, other = "caf\u00e9.jpg", "cafe\u0301.jpg"
    write(folder / "1" / one, folder / "2" / other)
    made = plan(folder, out)
    assert sorted(targets(made).values(), key=str) == ["Alpaca/cafe\u0301_2.jpg", f"Alpaca/{one}"]


def test_a_folder_that_is_there_in_other_case_is_used(folder: Path, out: Path) -> None:
    write(folder / "a.jpg", folder / "b.jpg", out / "ALPACA" / "b.jpg")
    made = plan(folder, out)
    if (out / "Alpaca").exists():
        pytest.skip("this disk does not tell case apart")
    assert targets(made) == {"a.jpg": "ALPACA/a.jpg", "b.jpg": "ALPACA/b_2.jpg"}
    assert made.new_folders == ()


@posix_only
def test_new_folders_in_two_spellings_become_one(folder: Path, out: Path) -> None:
    write(
        folder / "Day" / "a.jpg",
        folder / "day" / "a.jpg",
        folder / "caf\u00e9" / "b.jpg",
        folder / "cafe\u0301" / "c.jpg",
    )
    made = plan(folder, out, pattern="{folder}")
    assert targets(made)["day/a.jpg"] == "Day/a_2.jpg"
    assert len({Path(target or "").parts[0] for target in targets(made).values()}) == 2
    assert all(unicodedata.is_normalized("NFC", str(path)) for path in made.new_folders)


@pytest.mark.parametrize("action", [Action.MOVE, *COPYING])
def test_the_same_bytes_are_there(folder: Path, out: Path, action: Action) -> None:
    write(folder / "a.jpg", folder / "a.xmp", folder / "b.jpg")
    write(out / "Alpaca" / "A.JPG", data=(folder / "a.jpg").read_bytes())
    write(out / "Alpaca" / "a.xmp", data=(folder / "a.xmp").read_bytes())
    made = plan(folder, out, action=action)
    assert outcomes(made) == {"a.jpg": Outcome.THERE, "b.jpg": Outcome.GO}
    unit = unit_of(made, "a.jpg")
    assert [(file.there, file.target) for file in unit.files] == [
        (True, out / "Alpaca" / "A.JPG"),
        (True, out / "Alpaca" / "a.xmp"),
    ]
    assert unit.reason == reasons.SAME_THERE


@pytest.mark.parametrize("action", [Action.MOVE, *COPYING])
def test_the_same_bytes_under_an_earlier_number_are_found(folder: Path, out: Path, action: Action) -> None:
    write(folder / "a.jpg", out / "Alpaca" / "a.jpg")
    write(out / "Alpaca" / "a_2.jpg", data=(folder / "a.jpg").read_bytes())
    unit = plan(folder, out, action=action).units[0]
    assert (unit.outcome, unit.files[0].target, unit.renamed) == (Outcome.THERE, out / "Alpaca" / "a_2.jpg", None)


def test_other_bytes_of_the_same_size_are_not_the_same(folder: Path, out: Path) -> None:
    write(folder / "a.jpg", data=b"x" * 3_000_000)
    write(out / "Alpaca" / "a.jpg", data=b"x" * 2_999_999 + b"y")
    assert targets(plan(folder, out)) == {"a.jpg": "Alpaca/a_2.jpg"}


@pytest.mark.parametrize("action", COPYING)
def test_what_is_missing_of_a_unit_is_copied(folder: Path, out: Path, action: Action) -> None:
    write(folder / "a.jpg", folder / "a.xmp")
    write(out / "Alpaca" / "a.jpg", data=(folder / "a.jpg").read_bytes())
    made = plan(folder, out, action=action)
    unit = made.units[0]
    assert unit.outcome is Outcome.GO
    assert [(file.there, file.target) for file in unit.files] == [
        (True, out / "Alpaca" / "a.jpg"),
        (False, out / "Alpaca" / "a.xmp"),
    ]
    assert made.files_to_do == 1
    assert made.bytes_to_write == (unit.files[1].size if action is Action.COPY else 0)


def test_a_unit_is_moved_as_a_whole_or_not_at_all(folder: Path, out: Path) -> None:
    write(folder / "a.jpg", folder / "a.xmp")
    write(out / "Alpaca" / "a.jpg", data=(folder / "a.jpg").read_bytes())
    assert targets(plan(folder, out)) == {"a.jpg": "Alpaca/a_2.jpg", "a.xmp": "Alpaca/a_2.xmp"}


@pytest.mark.parametrize("action", [Action.MOVE, *COPYING])
def test_of_two_same_photos_of_one_name_one_goes(folder: Path, out: Path, action: Action) -> None:
    write(folder / "1" / "a.jpg", folder / "2" / "a.jpg", folder / "3" / "b.jpg", data=b"same")
    made = plan(folder, out, action=action)
    assert outcomes(made) == {"1/a.jpg": Outcome.GO, "2/a.jpg": Outcome.THERE, "3/b.jpg": Outcome.GO}
    assert os.fspath(folder / "1" / "a.jpg") in (made.units[1].reason or "")


def test_a_file_that_will_be_moved_away_is_neither_the_same_nor_free(folder: Path) -> None:
    write(folder / "Alpaca" / "a.jpg", folder / "sub" / "a.jpg", data=b"same")
    shown = [photo(folder / "Alpaca" / "a.jpg", "not_alpaca"), photo(folder / "sub" / "a.jpg")]
    for ordered in (shown, shown[::-1]):
        assert targets(plan(folder, folder, ordered)) == {
            "Alpaca/a.jpg": "Not alpaca/a.jpg",
            "sub/a.jpg": "Alpaca/a_2.jpg",
        }
    assert outcomes(plan(folder, folder, shown, action=Action.COPY))["sub/a.jpg"] is Outcome.THERE


def test_a_file_that_stays_is_the_same(folder: Path) -> None:
    write(folder / "Alpaca" / "a.jpg", folder / "sub" / "a.jpg", data=b"same")
    assert outcomes(plan(folder, folder)) == {"Alpaca/a.jpg": Outcome.IN_PLACE, "sub/a.jpg": Outcome.THERE}


@pytest.mark.parametrize("action", Action)
def test_photos_that_are_in_place(folder: Path, action: Action) -> None:
    write(folder / "Alpaca" / "a_2.jpg", folder / "Alpaca" / "a_2.xmp", folder / "Alpaca" / "b.jpg", folder / "c.jpg")
    shown = [*photos_in(folder)[:1], photo(folder / "Alpaca" / "b.jpg", "not_alpaca"), photo(folder / "c.jpg")]
    made = plan(folder, folder, shown, action=action)
    assert outcomes(made) == {
        "Alpaca/a_2.jpg": Outcome.IN_PLACE,
        "Alpaca/b.jpg": Outcome.GO,
        "c.jpg": Outcome.GO,
    }
    unit = unit_of(made, "a_2.jpg")
    assert [file.target for file in unit.files] == [file.source for file in unit.files]
    assert unit.reason is None


def test_sorting_again_nests_no_folders(folder: Path) -> None:
    out = folder / "Sorted"
    write(
        out / "Alpaca" / "day" / "a.jpg",
        out / "Unsure" / "day" / "b.jpg",
        out / "other" / "c.jpg",
        folder / "n" / "d.jpg",
    )
    made = plan(folder, out, pattern="{label}/{folder}", unsure=Leftovers.FOLDER)
    assert outcomes(made)["Sorted/Alpaca/day/a.jpg"] is Outcome.IN_PLACE
    assert targets(made) == {
        "Sorted/Unsure/day/b.jpg": "Alpaca/day/b.jpg",
        "Sorted/other/c.jpg": "Alpaca/Sorted/other/c.jpg",
        "n/d.jpg": "Alpaca/n/d.jpg",
    }


@posix_only
def test_a_destination_reached_by_a_link_is_the_same_place(folder: Path, tmp_path: Path) -> None:
    write(folder / "Alpaca" / "a.jpg")
    (tmp_path / "link").symlink_to(folder)
    assert outcomes(plan(folder, tmp_path / "link")) == {"Alpaca/a.jpg": Outcome.IN_PLACE}
    made = plan(folder, folder / "Alpaca" / "..")
    assert (outcomes(made), made.options.destination) == ({"Alpaca/a.jpg": Outcome.IN_PLACE}, folder)


@posix_only
def test_links_that_are_there(folder: Path, out: Path) -> None:
    write(folder / "a.jpg", folder / "b.jpg", folder / "c.jpg")
    write(out / "Alpaca" / "b.jpg", data=(folder / "b.jpg").read_bytes())
    (out / "Alpaca" / "a.jpg").symlink_to(folder / "a.jpg")
    (out / "Alpaca" / "c.jpg").symlink_to(folder / "gone.jpg")
    made = plan(folder, out, action=Action.SYMLINK)
    assert outcomes(made)["a.jpg"] is Outcome.THERE
    assert made.units[0].reason == reasons.LINK_THERE
    assert targets(made) == {"b.jpg": "Alpaca/b_2.jpg", "c.jpg": "Alpaca/c_2.jpg"}
    # A link is no copy: the photo would be gone with its original.
    assert targets(plan(folder, out, action=Action.COPY))["a.jpg"] == "Alpaca/a_2.jpg"


@posix_only
def test_hard_links_that_are_there_need_not_be_read(folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "a.jpg")
    (out / "Alpaca").mkdir(parents=True)
    os.link(folder / "a.jpg", out / "Alpaca" / "a.jpg")
    monkeypatch.setattr(placing, "_open", lambda path: pytest.fail(f"{path} was read"))
    for action in (Action.HARDLINK, Action.MOVE, Action.COPY):
        assert outcomes(plan(folder, out, action=action)) == {"a.jpg": Outcome.THERE}


@posix_only
def test_names_are_kept_except_where_the_disk_refuses_them(
    folder: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(
        folder / "1" / "at 12:30?.jpg",
        folder / "1" / "at 12:30?.xmp",
        folder / "2" / "at 12_30_.jpg",
        folder / "aux.jpg",
    )
    monkeypatch.setattr(disks, "MOUNT_TABLE", tmp_path / "none")
    made = plan(folder, out)
    assert targets(made)["1/at 12:30?.jpg"] == "Alpaca/at 12:30?.jpg"
    assert {unit.renamed for unit in made.units} == {None}
    (tmp_path / "mounts").write_text("/dev/card / exfat rw 0 0\n")
    monkeypatch.setattr(disks, "MOUNT_TABLE", tmp_path / "mounts")
    made = plan(folder, out)
    assert targets(made) == {
        "1/at 12:30?.jpg": "Alpaca/at 12_30_.jpg",
        "1/at 12:30?.xmp": "Alpaca/at 12_30_.xmp",
        "2/at 12_30_.jpg": "Alpaca/at 12_30__2.jpg",
        "aux.jpg": "Alpaca/aux_.jpg",
    }
    assert [unit.renamed for unit in made.units] == [
        reasons.NAME_NOT_ALLOWED,
        reasons.NAME_TAKEN,
        reasons.NAME_NOT_ALLOWED,
    ]


@posix_only
def test_names_that_are_no_text_are_kept(folder: Path, out: Path) -> None:
    name = os.fsdecode(b"IMG \xff.jpg")
    try:
        write(folder / "1" / name, folder / "2" / name)
    except OSError:
        pytest.skip("this disk takes text only")
    assert sorted(map(str, targets(plan(folder, out)).values())) == sorted(
        ("Alpaca/IMG \udcff.jpg", "Alpaca/IMG \udcff_2.jpg")
    )
    assert len(plan(folder, out, pattern="{folder}").units) == 2


@posix_only
def test_names_and_paths_that_get_too_long(folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "x" * 251 + ".jpg"
    write(folder / "1" / name, folder / "2" / name)
    assert sorted(map(str, targets(plan(folder, out)).values())) == [f"Alpaca/{'x' * 249}_2.jpg", f"Alpaca/{name}"]
    monkeypatch.setattr(disks, "_USUAL_PATH", len(os.fspath(out)) + len("/Alpaca/") + 254)
    made = plan(folder, out)
    assert made.count(Outcome.BLOCKED) == 2
    assert made.units[0].reason == reasons.TARGET_TOO_LONG


def test_a_file_where_a_folder_is_wanted_blocks_what_would_go_below(folder: Path, out: Path) -> None:
    write(folder / "a.jpg", folder / "b.jpg", out / "Alpaca")
    made = plan(folder, out, [photo(folder / "a.jpg"), photo(folder / "b.jpg", "not_alpaca")])
    assert outcomes(made) == {"a.jpg": Outcome.BLOCKED, "b.jpg": Outcome.GO}
    assert made.units[0].reason == reasons.code(reasons.TARGET_IS_FILE, path=str(out / "Alpaca"))
    made = plan(folder, out, pattern="{label}/{taken}/x")
    assert made.count(Outcome.BLOCKED) == 2
    assert made.new_folders == ()


def test_a_photo_never_takes_the_name_of_a_new_folder(folder: Path, out: Path) -> None:
    write(folder / "day.jpg", folder / "DAY.jpg" / "a.jpg")
    made = plan(folder, out, [photo(folder / "day.jpg"), photo(folder / "DAY.jpg" / "a.jpg")], pattern="{folder}")
    assert targets(made) == {"day.jpg": "day_2.jpg", "DAY.jpg/a.jpg": "DAY.jpg/a.jpg"}


def test_stop_is_heard_while_files_are_compared(folder: Path, out: Path) -> None:
    write(folder / "a.jpg", out / "Alpaca" / "a.jpg", data=bytes(40_000_000))
    asked = iter(range(1000))
    with pytest.raises(PlanStopped):
        placing.same_bytes(folder / "a.jpg", out / "Alpaca" / "a.jpg", lambda: next(asked) >= 10)
    assert next(asked) == 11
    assert not placing.same_bytes(folder / "a.jpg", folder / "gone.jpg", lambda: False)
