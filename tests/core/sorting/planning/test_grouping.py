"""Which files belong together, by their names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpacasorter.core.sorting.plan import PlanStopped
from alpacasorter.core.sorting.planning.grouping import Member, group_files


def groups(*names: str, photos: tuple[str, ...] = ()) -> list[list[str]]:
    return [[member.name for member in unit] for unit in group_files(names, photos)]


def test_a_photo_with_all_it_may_have() -> None:
    names = [
        "IMG_1.jpg", "IMG_1.HEIC", "img_1.cr2", "IMG_1.DNG", "IMG_1.MOV", "IMG_1.xmp", "IMG_1.jpg.xmp",
        "img_1.cr2.xmp", "IMG_1.aae", "IMG_1.THM", "IMG_1.wav", "IMG_1.pp3", "img_1.CR2.dop", "IMG_1.jpg.json",
        "IMG_1.txt", "IMG_1.MOV.xmp", "IMG_1_01.jpg.xmp", "IMG_1.jpg.supplemental-metadata.json",
        "IMG_1.HEIC.suppl.json",
    ]  # fmt: skip
    (unit,) = groups(*names, "IMG_2.mov", "IMG_10.xmp", "notes.xmp", "album.json")
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


def test_apples_edits_go_with_the_original() -> None:
    names = ["IMG_1234.HEIC", "IMG_E1234.HEIC", "IMG_O1234.AAE", "IMG_1234.AAE", "IMG_1234.MOV", "IMG_E1234.MOV"]
    (unit,) = groups(*names)
    assert sorted(unit) == sorted(names)
    assert unit[:2] == ["IMG_1234.HEIC", "IMG_E1234.HEIC"]
    assert groups("IMG_E1234.jpg", "IMG_O1234.AAE") == [["IMG_E1234.jpg", "IMG_O1234.AAE"]]


@pytest.mark.parametrize(
    "names",
    [
        "IMG_E99.JPG IMG_99.MOV IMG_99.AAE IMG_O99.AAE",
        "IMG_E1234.JPG IMG_1234.MOV IMG_1234.AAE IMG_O1234.AAE",
        "IMG_1234.JPG IMG_E1234.JPG IMG_1234.MOV IMG_1234.AAE",
    ],
)
def test_apples_edits_without_the_original(names: str) -> None:
    (unit,) = groups(*names.split())
    assert sorted(unit) == sorted(names.split())


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ("20030616.jpg 20030616.json", "20030616.jpg 20030616.json"),
        ("IMG_6.jpg IMG_6.json IMG_6(1).jpg IMG_6(1).json", "IMG_6(1).jpg IMG_6(1).json | IMG_6.jpg IMG_6.json"),
        ("x.jpg x.jpg.json x.png x.json", "x.jpg x.jpg.json | x.png x.json"),
        ("x.jpg x.json.json y.json", "x.jpg"),
    ],
)
def test_what_takeout_names_without_an_extension(names: str, wanted: str) -> None:
    assert sorted(" ".join(unit) for unit in groups(*names.split())) == wanted.split(" | ")


@pytest.mark.parametrize("copy", ["", "_2", "(1)_2"])
def test_a_cut_edit_with_a_new_name_stays_with_its_original(copy: str) -> None:
    stem = "x" * 42
    assert groups(f"{stem}{copy}.jpg", f"{stem}-edit{copy}.jpg") == [[f"{stem}{copy}.jpg", f"{stem}-edit{copy}.jpg"]]


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


LONG = "Screenshot_20230102_030405_SomeProgramWithALongName"  # Takeout cuts names: the photo's to 47 letters
SEVERAL = ""
CUT_PHOTO, CUT_JSON = f"{LONG[:47]}.jpg", f"{LONG[:46]}.json"


@pytest.mark.parametrize(
    "names",
    [
        # Google Takeout
        "IMG_1.jpg IMG_1.jpg.json",
        "IMG_1.jpg IMG_1.jpg.supplemental-metadata.json IMG_1.jpg.supplemental-meta.json",
        "IMG_1.jpg IMG_1.jpg.s.json",
        "IMG_1.jpg IMG_1.jpg..json",
        "IMG_1.jpg IMG_1.supplemental-metadata.json",
        "IMG_1(1).jpg IMG_1.jpg.supplemental-metadata(1).json",
        "IMG_1(1).jpg IMG_1.jpg.supplemen(1).json",
        "IMG_1(1).jpg IMG_1.jpg(1).json",
        "IMG_1(1).jpg IMG_1(1).jpg.json",
        "IMG_1(12).HEIC IMG_1(12).MP4 IMG_1.HEIC.supplemental-metadata(12).json",
        "PXL_20230102_030405678.PORTRAIT.jpg PXL_20230102_030405678.PORTRAIT.jpg.supplemen.json",
        f"{CUT_PHOTO} {CUT_JSON}",
        f"{LONG[:47]}(1).jpg {LONG[:46]}(1).json",
        f"{LONG[:43]}.jpg {LONG[:43]}.jp.json",
        "original_1d4caa6f-16c6-4c3d-901b-9387de10e528_P.jpg original_1d4caa6f-16c6-4c3d-901b-9387de10e528_.json",
        "IMG_1.jpg IMG_1-edited.jpg IMG_1.jpg.supplemental-metadata.json",
        "IMG_1.HEIC IMG_1-edited.jpg IMG_1.HEIC.json",
        "IMG_1.jpg IMG_1-bearbeitet.jpg",
        "IMG_1.jpg IMG_1-modifi\u00e9.jpg",
        "IMG_1.jpg IMG_1-modifie\u0301.jpg",
        "IMG_1.jpg|IMG_1-ha editado.jpg",
        "IMG_1.jpg IMG_1-編集済み.jpg",
        "IMG_1(2).jpg IMG_1-edited(2).jpg",
        f"{LONG[:43]}.jpg {LONG[:43]}-edi.jpg",
        # Pixel and other phones
        "PXL_20231220_170358366.RAW-01.COVER.jpg PXL_20231220_170358366.RAW-02.ORIGINAL.dng",
        "PXL_20231207_032108788.RAW-01.MP.COVER.jpg PXL_20231207_032108788.RAW-02.ORIGINAL.dng",
        "PXL_20231220_170358366.PORTRAIT-01.COVER.jpg PXL_20231220_170358366.PORTRAIT-02.ORIGINAL.jpg",
        "PXL_20230330_184138390.MOTION-01.COVER.jpg PXL_20230330_184138390.MOTION-02.ORIGINAL.jpg",
        "PXL_20230809_203029471.LONG_EXPOSURE-01.COVER.jpg PXL_20230809_203029471.LONG_EXPOSURE-02.ORIGINAL.jpg",
        "PXL_20231026_205755225.MP.jpg PXL_20231026_205755225.dng",
        "PXL_20230816_132648337.NIGHT.jpg PXL_20230816_132648337.NIGHT.jpg.supplemental-metada.json",
        "PXL_20230205_164128403.MP.jpg PXL_20230205_164128403.MP PXL_20230205_164128403.MP.jpg.json",
        "PXL_20230205_164128403.MP~2.jpg PXL_20230205_164128403.MP~2",
        "MVIMG_20190102_030405.jpg MVIMG_20190102_030405.mp4",
        "MVIMG_20190102_030405.jpg MVIMG_20190102_030405.MV",
        "00000IMG_00000_BURST20230102030405678_COVER.jpg 00001IMG_00001_BURST20230102030405678.jpg",
        "00100dPORTRAIT_00100_BURST20181225153412333_COVER.jpg 00000PORTRAIT_00000_BURST20181225153412333.jpg",
        "IMG_20231014_246_BURST001_COVER.jpg IMG_20231014_246_BURST002.jpg",
        "IMG_1.HEIC IMG_1_HEVC.MOV",
        "IMG_1234.HEIC IMG_1234.JPG IMG_E1234.JPG IMG_1234.AAE IMG_O1234.AAE IMG_1234_HEVC.MOV IMG_E1234.AAE",
        "IMG_E1234_2.HEIC IMG_1234_2.HEIC IMG_O1234_2.AAE",
        # Programs
        "a.jpg a.jpg_original a.xmp a.xmp_original",
        "a.jpg a.jpg.txt a.txt a.rrdata a.jpg.rrdata",
        "a.jpg a.jpg.cos a.nksc a.jpg.pp3 a.jpg.out.pp3 a.arp a.dop a.on1 a.acr a.jpg.exposurex7 a.jpg.9.spd",
        "a.jpg a.lrv a.thm a.wav a.lrf a.vrd a.dr4",
        "a.cr2 a.cr2.xmp a_01.cr2.xmp a_02.cr2.xmp",
    ],
)
def test_what_goes_together(names: str) -> None:
    every = names.split("|") if "|" in names else names.split()
    (unit,) = groups(*every)
    assert sorted(unit) == sorted(every)


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        # Each has its own, and what nobody has stays.
        ("a.jpg a(1).jpg a.jpg.s.json a.jpg.s(1).json", "a.jpg a.jpg.s.json | a(1).jpg a.jpg.s(1).json"),
        ("IMG_1.jpg IMG_1.jpg.supplemental-metadata(1).json", "IMG_1.jpg"),
        ("IMG_1.jpg IMG_2.jpg.json metadata.json", "IMG_1.jpg"),
        ("IMG_1.jpg IMG_1.json", "IMG_1.jpg IMG_1.json"),
        ("x.jpg x-edited.png", "x.jpg x-edited.png"),
        ("x-edited.jpg y.jpg", "x-edited.jpg | y.jpg"),
        ("x.png x.jpg x-edited.png x.png.json", "x.jpg | x.png x-edited.png x.png.json"),
        ("PXL_20231220_170358366.jpg PXL_20231220_170358366~2.jpg", SEVERAL),
        ("IMG_20200101_120000.jpg IMG_20200101_120000.small.jpg", SEVERAL),
        ("IMG_E12.jpg IMG_12.jpg", "IMG_12.jpg | IMG_E12.jpg"),
        ("x.png x_HEVC.MOV", "x.png"),
        ("x.png x.MP", "x.png"),
        ("x.jpg x.md5 x.jpg.bak x.pdf", "x.jpg"),
        ("y.jpg_original x.jpg", "x.jpg"),
        # The whole name before the stem, the stem before the version, the exact spelling before another.
        ("x.jpg x.png x.png.txt x.txt", "x.jpg x.txt | x.png x.png.txt"),
        ("IMG_E1234.JPG IMG_1234.JPG img_1234.jpg", "IMG_1234.JPG IMG_E1234.JPG | img_1234.jpg"),
        ("x.jpg X.JPG x.jpg.json X.JPG.json x.jpg_original", "X.JPG X.JPG.json | x.jpg x.jpg.json x.jpg_original"),
    ],
)  # fmt: skip
def test_who_gets_what_several_could_claim(names: str, wanted: str) -> None:
    made = sorted(" ".join(sorted(unit)) for unit in groups(*names.split()))
    wanted = wanted or " | ".join(names.split())
    assert made == sorted(" ".join(sorted(one.split())) for one in wanted.split(" | "))


def test_two_photos_with_one_cut_name_get_the_files_in_order() -> None:
    beginning = "A photo with a name so long that it has to be cut"[:46]
    one, two = f"{beginning}A.jpg", f"{beginning}B.jpg"
    assert groups(one, two, f"{beginning}.json", f"{beginning}(1).json") == [
        [one, f"{beginning}.json"],
        [two, f"{beginning}(1).json"],
    ]


def test_sidecars_in_folders_beside_the_photos() -> None:
    beside = {
        ("CaptureOne", "Settings153"): ["IMG_1.jpg.cos", "IMG_2.jpg.cos", "IMG_1.jpg"],
        ("NKSC_PARAM",): ["IMG_1.JPG.nksc", "IMG_1.nksc"],
    }
    (unit,) = group_files(["IMG_1.jpg", "IMG_1.jpg.cos"], [], beside=beside)
    assert [("/".join(member.folder), member.name) for member in unit] == [
        ("", "IMG_1.jpg"),
        ("", "IMG_1.jpg.cos"),
        ("CaptureOne/Settings153", "IMG_1.jpg.cos"),
        ("NKSC_PARAM", "IMG_1.JPG.nksc"),
        ("NKSC_PARAM", "IMG_1.nksc"),
    ]
