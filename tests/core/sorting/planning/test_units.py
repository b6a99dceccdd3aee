"""Companions in a plan: those in folders beside the photos, new names, different tags, and what is left behind."""

import os
from pathlib import Path

import pytest

from alpacasorter.core import reasons
from alpacasorter.core.photos.exclusion import Exclusion
from alpacasorter.core.sorting.options import Action, DifferentTags, SortOptions
from alpacasorter.core.sorting.plan import Outcome
from alpacasorter.core.sorting.planning.planner import plan_sort
from tests.core.sorting.planning.planning import LABELS, codes, outcomes, photo, photos_in, plan, targets, write


def left(made: object) -> list[str]:
    """Return the names of the files that the plan says are left beside photos that go."""
    remarks = [one for one in made.remarks if one.reason.startswith(reasons.LEFT_BESIDE)]  # type: ignore[attr-defined]
    return sorted(path.name for one in remarks for path in one.paths)


SIDECARS = (
    "CaptureOne/Settings153/IMG_1.jpg.cos",
    "CaptureOne/Settings153/IMG_1.jpg.3.comask",
    "CaptureOne/Cache/Proxies/IMG_1.jpg.cop",
    "CaptureOne/Cache/Thumbnails/IMG_1.jpg.cot",
    "NKSC_PARAM/IMG_1.jpg.nksc",
    "Exposure Software/Exposure X7/IMG_1.jpg.exposurex7",
    "SILKYPIX_DS/IMG_1.jpg.9.spd",
)


@pytest.mark.parametrize("action", Action)
def test_sidecars_in_folders_keep_their_folders(folder: Path, out: Path, action: Action) -> None:
    write(folder / "IMG_1.jpg", *(folder / name for name in SIDECARS))
    write(folder / "CaptureOne" / "Settings153" / "IMG_2.jpg.cos", folder / "CaptureOne" / "notes" / "IMG_1.jpg.cos")
    made = plan(folder, out, action=action)
    assert targets(made) == {"IMG_1.jpg": "Alpaca/IMG_1.jpg", **{name: f"Alpaca/{name}" for name in SIDECARS}}
    assert out / "Alpaca" / "CaptureOne" / "Cache" / "Proxies" in made.new_folders
    for at, path in enumerate(made.new_folders):
        assert path == out or path.parent in made.new_folders[:at]
    assert made.output_folders == (out / "Alpaca",)


def test_a_folder_for_sidecars_that_is_a_file_at_the_destination_stops_the_unit(folder: Path, out: Path) -> None:
    write(folder / "a.jpg", folder / "NKSC_PARAM" / "a.jpg.nksc", folder / "b.jpg", out / "Alpaca" / "NKSC_PARAM")
    assert outcomes(plan(folder, out)) == {"a.jpg": Outcome.BLOCKED, "b.jpg": Outcome.GO}


def test_a_new_name_keeps_all_that_belongs_together(folder: Path, out: Path) -> None:
    names = {
        "IMG_1(1).jpg": "IMG_1(1)_2.jpg",
        "IMG_1.jpg.supplemental-metadata(1).json": "IMG_1(1)_2.jpg.supplemental-metadata.json",
        "IMG_1-edited(1).jpg": "IMG_1-edited(1)_2.jpg",
        "NKSC_PARAM/IMG_1(1).jpg.nksc": "NKSC_PARAM/IMG_1(1)_2.jpg.nksc",
        "IMG_1(1).jpg_original": "IMG_1(1)_2.jpg_original",
    }
    write(*(folder / name for name in names), out / "Alpaca" / "IMG_1(1).jpg")
    assert targets(plan(folder, out)) == {name: f"Alpaca/{new}" for name, new in names.items()}


@pytest.mark.parametrize(
    "names",
    [
        "IMG_1234.HEIC IMG_E1234.HEIC IMG_O1234.AAE IMG_1234.AAE IMG_1234.MOV",
        "IMG_1.HEIC IMG_1_HEVC.MOV",
        "IMG_1(1).jpg IMG_1.jpg(1).json",
        "IMG_1(1).jpg IMG_1-edited(1).jpg IMG_1.jpg.supplemental-metadata(1).json",
        "PXL_20231220_170358366.RAW-01.COVER.jpg PXL_20231220_170358366.RAW-02.ORIGINAL.dng",
        "PXL_20230205_164128403.MP~2.jpg PXL_20230205_164128403.MP~2 PXL_20230205_164128403.MP~2.jpg.suppl.json",
        "00000IMG_00000_BURST20230102030405678_COVER.jpg 00001IMG_00001_BURST20230102030405678.jpg",
        "a.jpg a.jpg_original a.jpg.out.pp3 a_01.jpg.xmp",
        f"{'x' * 47}.jpg {'x' * 46}.json",
    ],
)
def test_a_unit_under_a_new_name_is_a_unit_again(folder: Path, out: Path, names: str) -> None:
    write(*(folder / name for name in names.split()))
    write(*(out / "Alpaca" / name for name in names.split()))
    first = plan(folder, out)
    assert all(target and "_2" in target for target in targets(first).values())
    again = folder.parent / "again"
    write(*(again / Path(target or "").name for target in targets(first).values()))
    (unit,) = plan(again, out.parent / "other").units
    assert {file.source.name for file in unit.files} == {Path(target or "").name for target in targets(first).values()}


EDITED = ("IMG_1234.HEIC", "IMG_1234.AAE", "IMG_1234.MOV", "IMG_E1234.HEIC", "IMG_E1234.xmp")


def edited(folder: Path) -> list:
    write(*(folder / name for name in EDITED))
    return [photo(folder / "IMG_1234.HEIC", "alpaca", 0.9), photo(folder / "IMG_E1234.HEIC", "not_alpaca", 0.97)]


def test_an_edited_photo_of_another_tag_stays_with_its_original(folder: Path, out: Path) -> None:
    made = plan(folder, out, edited(folder))
    assert targets(made) == {name: f"Not alpaca/{name}" for name in EDITED}
    assert made.different_tags == 1
    assert reasons.code(reasons.TAGS_DIFFER, count=1, folder="") in codes(made)


def test_photos_of_different_tags_can_go_apart(folder: Path, out: Path) -> None:
    made = plan(folder, out, edited(folder), different_tags=DifferentTags.APART)
    assert targets(made) == {
        "IMG_1234.HEIC": "Alpaca/IMG_1234.HEIC",
        "IMG_1234.AAE": "Alpaca/IMG_1234.AAE",
        "IMG_1234.MOV": "Alpaca/IMG_1234.MOV",
        "IMG_E1234.HEIC": "Not alpaca/IMG_E1234.HEIC",
        "IMG_E1234.xmp": "Not alpaca/IMG_E1234.xmp",
    }
    assert made.different_tags == 1
    assert reasons.code(reasons.TAGS_DIFFER_APART, count=1, folder="") in codes(made)


def test_photos_of_different_tags_can_stay(folder: Path, out: Path) -> None:
    write(folder / "b.jpg")
    photos = [*edited(folder), photo(folder / "b.jpg")]
    made = plan(folder, out, photos, different_tags=DifferentTags.LEAVE)
    assert targets(made) == {"b.jpg": "Alpaca/b.jpg"}
    assert made.units[0].reason == reasons.DIFFERENT_TAGS_STAY
    assert made.different_tags == 1


@pytest.mark.parametrize("different", DifferentTags)
def test_no_file_of_a_unit_is_lost_or_planned_twice(folder: Path, out: Path, different: DifferentTags) -> None:
    burst = [f"0000{number}IMG_0000{number}_BURST20230102030405678.jpg" for number in range(6)]
    names = [*burst, f"{burst[0]}.json", "0000XIMG.txt", f"{burst[3][:-4]}.xmp"]
    write(*(folder / name for name in names))
    photos = [photo(folder / name, "alpaca" if at % 2 else "not_alpaca") for at, name in enumerate(burst)]
    made = plan(folder, out, photos, different_tags=different)
    files = [file.source.name for unit in made.units for file in unit.files]
    assert sorted(files) == sorted({*names} - {"0000XIMG.txt"})
    assert len(made.units) == (2 if different is DifferentTags.APART else 1)


def test_what_stays_beside_a_moved_photo_is_named(folder: Path, out: Path) -> None:
    write(*(folder / name for name in ("a.jpg", "a.xmp", "a.pdf", "a.jpg.md5", "a.json", "ab.pdf", "b.jpg", ".a.xmp")))
    write(folder / "c.png", folder / "c.mov", folder / "Thumbs.db", folder / "a.jpg_exiftool_tmp")
    made = plan(folder, out)
    assert left(made) == ["a.jpg.md5", "a.pdf", "c.mov"]
    assert left(plan(folder, out, action=Action.COPY)) == []
    staying = plan(folder, out, [photo(folder / "a.jpg"), photo(folder / "b.jpg")], leave_labels=frozenset(("alpaca",)))
    assert left(staying) == []


def test_a_photo_of_the_same_name_that_goes_itself_is_not_left(folder: Path, out: Path) -> None:
    write(folder / "a.jpg", folder / "a.png")
    assert left(plan(folder, out)) == []


def test_what_exiftool_keeps_goes_along_and_is_no_photo(folder: Path, out: Path) -> None:
    write(folder / "a.jpg", folder / "a.jpg_original", folder / "a.jpg_exiftool_tmp")
    assert targets(plan(folder, out)) == {"a.jpg": "Alpaca/a.jpg", "a.jpg_original": "Alpaca/a.jpg_original"}


def test_what_the_user_leaves_out_goes_with_no_photo(folder: Path, out: Path) -> None:
    write(*(folder / name for name in ("a.jpg", "a.xmp", "a.heic", "NKSC_PARAM/a.jpg.nksc")))
    made = plan_sort(
        folder,
        [photo(folder / "a.jpg")],
        SortOptions(out),
        LABELS,
        exclusion=Exclusion(("*.xmp", "*.heic", "nksc_param/*")),
    )
    assert targets(made) == {"a.jpg": "Alpaca/a.jpg"}
    assert left(made) == ["a.heic", "a.jpg.nksc", "a.xmp"]


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_a_link_to_a_folder_of_sidecars_is_not_followed(folder: Path, out: Path, tmp_path: Path) -> None:
    write(folder / "a.jpg", tmp_path / "elsewhere" / "a.jpg.nksc")
    (folder / "NKSC_PARAM").symlink_to(tmp_path / "elsewhere")
    assert targets(plan(folder, out, photos_in(folder)[:1])) == {"a.jpg": "Alpaca/a.jpg"}


def test_sidecars_in_folders_that_are_left_out_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    names = ["CaptureOne/Settings153/IMG_1.jpg.cos", "NKSC_PARAM/IMG_1.jpg.nksc"]
    write(folder / "IMG_1.jpg", *(folder / name for name in names), folder / "NKSC_PARAM" / "IMG_2.jpg.nksc")
    options = SortOptions(tmp_path / "out")
    made = plan_sort(folder, photos_in(folder), options, LABELS, exclusion=Exclusion(("CaptureOne/", "NKSC_PARAM/")))
    assert [file.source.name for file in made.units[0].files] == ["IMG_1.jpg"]
    left = next(one for one in made.remarks if one.reason.startswith(reasons.LEFT_BESIDE))
    assert left.paths == tuple(folder / name for name in names)


def test_all_units_with_different_tags_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    photos = []
    for at in range(9):
        for name, label in ((f"IMG_{at}.jpg", "alpaca"), (f"IMG_{at}-edited.jpg", "not_alpaca")):
            write(folder / name)
            photos.append(photo(folder / name, label))
    made = plan_sort(folder, photos, SortOptions(tmp_path / "out"), LABELS)
    assert made.question is not None
    assert len(made.question.paths) == 9
