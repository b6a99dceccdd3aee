"""Which files belong together, by their names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpacasorter.core.sorting.plan import PlanStopped
from alpacasorter.core.sorting.planning.units import Member, group_files


def groups(*names: str, photos: tuple[str, ...] = ()) -> list[list[str]]:
    return [[member.name for member in unit] for unit in group_files(names, photos)]


def test_a_photo_with_all_it_may_have() -> None:
    names = [
        "IMG_1.jpg", "IMG_1.HEIC", "img_1.cr2", "IMG_1.DNG", "IMG_1.MOV", "IMG_1.xmp", "IMG_1.jpg.xmp",
        "img_1.cr2.xmp", "IMG_1.aae", "IMG_1.THM", "IMG_1.wav", "IMG_1.pp3", "img_1.CR2.dop", "IMG_1.jpg.json",
        "IMG_1.MOV.xmp", "IMG_1_01.jpg.xmp", "IMG_1.jpg.supplemental-metadata.json", "IMG_1.HEIC.suppl.json",
    ]  # fmt: skip
    (unit,) = groups(*names, "IMG_2.mov", "IMG_10.xmp", "IMG_1.txt", "notes.xmp", "IMG_1.json", "album.json")
    assert sorted(unit) == sorted(names)
    assert unit[:2] == ["IMG_1.jpg", "IMG_1.HEIC"]


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ("x.jpg x.png", "x.jpg | x.png"),
        ("x.jpg x.png x.xmp", "x.jpg x.xmp | x.png"),
        ("x.png x.heic x.xmp x.mov", "x.heic x.mov x.xmp | x.png"),
        ("x.png x.webp x.xmp", "x.png x.xmp | x.webp"),
        ("x.png x.png.xmp x.jpg", "x.jpg | x.png x.png.xmp"),
        ("x.png x.mov x.mov.xmp", "x.png"),
        ("x.png x.nef x.xmp", "x.png x.nef x.xmp"),
        ("x.gif x.nef x.mov", "x.gif x.nef x.mov"),
        ("x.nef x.xmp x.nef.xmp", "x.nef x.nef.xmp x.xmp"),
        ("x.cr2 x.dng x.mov", "x.cr2 x.dng x.mov"),
        ("x.cr2.xmp x.jpg", "x.jpg x.cr2.xmp"),
        ("x.mov.xmp x.jpg", "x.jpg x.mov.xmp"),
        ("x.mov x.thm x.xmp", ""),
        ("x.jpg x.jpeg x.heic", "x.jpeg x.heic | x.jpg"),
        ("a.b.jpg a.b.xmp a.xmp", "a.b.jpg a.b.xmp"),
        ("x.mpo x.jpg", "x.jpg x.mpo"),
        ("x_01.jpg x.jpg x_01.jpg.xmp", "x.jpg | x_01.jpg x_01.jpg.xmp"),
    ],
)
def test_who_goes_with_whom(names: str, wanted: str) -> None:
    made = sorted(" ".join(unit) for unit in groups(*names.split()))
    assert made == sorted(one for one in wanted.split(" | ") if one)


def test_apples_edits_of_the_original() -> None:
    assert groups("IMG_1234.HEIC", "IMG_E1234.HEIC", "IMG_O1234.AAE", "IMG_1234.AAE", "IMG_E1234.MOV") == [
        ["IMG_1234.HEIC", "IMG_1234.AAE", "IMG_O1234.AAE"],
        ["IMG_E1234.HEIC", "IMG_E1234.MOV"],
    ]
    assert groups("IMG_E1234.jpg", "IMG_O1234.AAE") == [["IMG_E1234.jpg", "IMG_O1234.AAE"]]


def test_of_names_that_differ_in_case_alone_each_has_its_own() -> None:
    made = groups("IMG_1.JPG", "img_1.jpg", "IMG_1.CR2", "img_1.cr2", "img_1.xmp", "IMG_1.XMP", "IMG_1.jpg.xmp")
    assert sorted(map(sorted, made)) == [
        ["IMG_1.CR2", "IMG_1.JPG", "IMG_1.XMP", "IMG_1.jpg.xmp"],
        ["img_1.cr2", "img_1.jpg", "img_1.xmp"],
    ]
    assert groups("x.jpg", "x.xmp", "X.XMP") == [["x.jpg", "x.xmp"]]


def test_the_forms_of_one_letter_are_the_same() -> None:
    assert groups("caf\u00e9.jpg", "cafe\u0301.cr2") == [["caf\u00e9.jpg", "cafe\u0301.cr2"]]


def test_photos_whose_names_do_not_say_so() -> None:
    made = groups(
        "scan", "scan.xmp", "x.jpg.backup-2024", "x.jpg.xmp", photos=("scan", "x.jpg.backup-2024", "gone.jpg")
    )
    assert made == [["gone.jpg"], ["scan", "scan.xmp"], ["x.jpg.backup-2024", "x.jpg.xmp"]]


def test_the_stem_is_what_a_number_goes_behind() -> None:
    (unit,) = group_files(["IMG_1.CR2", "IMG_1_02.CR2.xmp", "IMG_1.CR2.xmp", "IMG_1.xmp"], [])
    assert unit == (
        Member("IMG_1", ".CR2"),
        Member("IMG_1", ".CR2.xmp"),
        Member("IMG_1", ".xmp"),
        Member("IMG_1", "_02.CR2.xmp"),
    )


def test_a_folder_of_very_many_files_can_be_left() -> None:
    names = [f"{number}.jpg" for number in range(5000)]
    asked = iter(range(100))
    with pytest.raises(PlanStopped):
        group_files(names, [], lambda: next(asked) >= 3)


NAMES = st.builds(
    "{}{}{}".format,
    st.sampled_from(["a", "A", "b", "IMG_1234", "IMG_E1234", "IMG_O1234", "a_01", "a.jpg", "\u00e9", "e\u0301"]),
    st.sampled_from(["", ".jpg", ".CR2", ".mov"]),
    st.sampled_from([".jpg", ".JPG", ".heic", ".png", ".cr2", ".nef", ".mov", ".xmp", ".XMP", ".aae", ".json", ""]),
)


@given(st.sets(NAMES, max_size=25), st.sets(NAMES, max_size=5))
def test_no_file_is_in_two_units_and_no_photo_in_none(names: set[str], photos: set[str]) -> None:
    made = groups(*names, photos=tuple(photos))
    members = [name for unit in made for name in unit]
    assert len(members) == len(set(members))
    assert set(members) <= names | photos
    assert photos <= set(members)
    assert made == groups(*sorted(names, reverse=True), photos=tuple(sorted(photos)))
