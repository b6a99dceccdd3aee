"""Units that go to one folder do not mix there: no file becomes a companion of a photo of another unit."""

import os
from pathlib import Path

import pytest

from alpacasorter.core import reasons
from alpacasorter.core.sorting.options import Action, DifferentTags
from alpacasorter.core.sorting.plan import Outcome, SortPlan
from alpacasorter.core.sorting.planning.grouping import group_files
from tests.core.sorting.planning.planning import outcomes, photo, photos_in, plan, targets, write

FOREIGN = [
    ("IMG_0001.JPG", "IMG_0001.png IMG_0001.xmp"),
    ("DSC_2.JPG DSC_2.NEF", "DSC_2.jpeg DSC_2.xmp"),
    ("IMG_1234.JPG", "IMG_E1234.JPG IMG_1234.AAE"),
    ("IMG_E1234.JPG IMG_1234.AAE", "IMG_1234.HEIC"),
    ("IMG_1.JPG", "IMG_1.HEIC IMG_1.MOV IMG_1.AAE"),
    ("IMG_1.png IMG_1.xmp", "IMG_1.jpg"),
    ("IMG_1.jpg", "IMG_1-edited.jpg"),
    ("IMG_1.jpg", "IMG_1.png IMG_1.txt"),
    ("IMG_1.jpg IMG_1_01.jpg.xmp", "IMG_1_01.jpg"),
    ("IMG_1.png", "IMG_1.webp IMG_1.dng"),
    ("IMG_1.jpg", "IMG_1.png CaptureOne/Settings153/IMG_1.cos"),
    ("IMG_1.png CaptureOne/Settings153/IMG_1.cos", "IMG_1.jpg"),
    ("IMG_1(1).jpg IMG_1.jpg(1).json", "IMG_1.jpg IMG_1.jpg_original IMG_1(1).heic"),
    ("PXL_20231220_170358366.jpg", "PXL_20231220_170358366.RAW-01.COVER.jpg"),
    (
        "00000IMG_00000_BURST20230102030405678_COVER.jpg",
        "00001IMG_00001_BURST20230102030405678.jpg",
    ),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "photos"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def units_there(place: Path, names: set[str]) -> set[frozenset[str]]:
    """Return what belongs together in a folder by the rules of the app, without files of no photo."""
    beside: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        *inside, last = Path(name).parts
        beside.setdefault(tuple(inside), []).append(last)
    here = beside.pop((), [])
    return {
        frozenset("/".join((*member.folder, member.name)) for member in unit)
        for unit in group_files(here, [], beside=beside)
    }


def planned_units(made: SortPlan, place: Path) -> set[frozenset[str]]:
    return {
        frozenset(file.target.relative_to(place).as_posix() for file in unit.files if file.target is not None)
        for unit in made.units
        if unit.outcome is Outcome.GO
    }


@pytest.mark.parametrize("action", [Action.MOVE, Action.COPY])
@pytest.mark.parametrize(("first", "second"), FOREIGN)
def test_units_of_two_folders_stay_apart_in_one(
    folder: Path, out: Path, first: str, second: str, action: Action
) -> None:
    write(*(folder / "A" / name for name in first.split()), *(folder / "B" / name for name in second.split()))
    made = plan(folder, out, action=action)
    there = planned_units(made, out / "Alpaca")
    assert units_there(out / "Alpaca", {name for unit in there for name in unit}) == there
    assert {one for one in targets(made) if not one.startswith("B")} == {f"A/{name}" for name in first.split()}
    for name in first.split():
        assert targets(made)[f"A/{name}"] == f"Alpaca/{name}"
    assert any(unit.renamed == reasons.NAME_TAKEN for unit in made.units)


@pytest.mark.parametrize(("first", "second"), FOREIGN)
def test_what_lies_at_the_target_counts(folder: Path, out: Path, first: str, second: str) -> None:
    write(*(out / "Alpaca" / name for name in first.split()), *(folder / name for name in second.split()))
    made = plan(folder, out)
    mine = planned_units(made, out / "Alpaca")
    there = units_there(out / "Alpaca", {*first.split(), *(name for unit in mine for name in unit)})
    assert mine <= there


def test_a_lone_sidecar_at_the_target_is_not_taken_over(folder: Path, out: Path) -> None:
    write(folder / "IMG_1.jpg", out / "Alpaca" / "IMG_1.xmp")
    assert targets(plan(folder, out)) == {"IMG_1.jpg": "Alpaca/IMG_1_2.jpg"}


def test_photos_of_their_own_keep_their_names(folder: Path, out: Path) -> None:
    write(folder / "A" / "x.jpg", folder / "B" / "x.png", folder / "B" / "x.png.xmp", folder / "C" / "x_2.jpg")
    made = plan(folder, out)
    assert {name: Path(target or "").name for name, target in targets(made).items()} == {
        "A/x.jpg": "x.jpg", "B/x.png": "x.png", "B/x.png.xmp": "x.png.xmp", "C/x_2.jpg": "x_2.jpg",
    }  # fmt: skip


def test_the_parts_of_a_unit_that_was_taken_apart_keep_their_names(folder: Path, out: Path) -> None:
    write(folder / "IMG_1234.JPG", folder / "IMG_E1234.JPG")
    photos = [photo(folder / "IMG_1234.JPG"), photo(folder / "IMG_E1234.JPG", "not_alpaca")]
    made = plan(folder, out, photos, pattern="All", different_tags=DifferentTags.APART)
    assert sorted(targets(made).values(), key=str) == ["All/IMG_1234.JPG", "All/IMG_E1234.JPG"]


@pytest.mark.parametrize(("first", "second"), FOREIGN)
def test_a_second_sort_gives_the_same_names(folder: Path, out: Path, first: str, second: str) -> None:
    write(*(folder / "A" / name for name in first.split()), *(folder / "B" / name for name in second.split()))
    once = plan(folder, out, action=Action.COPY)
    for unit in once.units:
        for file in unit.files:
            if unit.outcome is Outcome.GO and file.target is not None:
                write(file.target, data=file.source.read_bytes())
    again = plan(folder, out, action=Action.COPY)
    assert set(outcomes(again).values()) == {Outcome.THERE}
    assert [file.target for unit in again.units for file in unit.files] == [
        file.target for unit in once.units for file in unit.files
    ]
    write(folder / "A" / "more.jpg")
    assert targets(plan(folder, out, action=Action.COPY)) == {"A/more.jpg": "Alpaca/more.jpg"}


def test_a_new_companion_goes_to_the_copy_of_its_photo(folder: Path, out: Path) -> None:
    write(folder / "IMG_1.jpg", out / "Alpaca" / "IMG_1.jpg", data=b"same")
    write(folder / "IMG_1.cr2", out / "Alpaca" / "IMG_1.xmp")
    made = plan(folder, out, [photo(folder / "IMG_1.jpg")], action=Action.COPY)
    assert targets(made)["IMG_1.cr2"] == "Alpaca/IMG_1.cr2"


def test_where_no_number_helps_the_name_stays(folder: Path, out: Path) -> None:
    """A file that Takeout has cut goes to each photo that begins like it, whatever its number."""
    name = "a" * 46
    write(folder / f"{name}bc.jpg", out / "Alpaca" / f"{name}.json")
    assert targets(plan(folder, out)) == {f"{name}bc.jpg": f"Alpaca/{name}bc.jpg"}


def test_many_photos_of_one_beginning_take_no_long(folder: Path, out: Path) -> None:
    folder.mkdir()
    for at in range(1500):
        for ending in ("jpg", "jpg.xmp"):
            (folder / f"St. Anton 5. 1. 2023 {at}.{ending}").write_bytes(os.urandom(8))
    made = plan(folder, out, photos_in(folder))
    assert len(targets(made)) == 3000
    assert not any(unit.renamed for unit in made.units)
