"""Which files go to the trash with a photo, and which stay."""

from pathlib import Path

import pytest

from alpacasorter.core import reasons
from alpacasorter.core.labels import LabeledPhoto
from alpacasorter.core.sorting.plan import Outcome, PlanStopped, SortPlan
from alpacasorter.core.sorting.planning.trashing import plan_trash

BURST = "BURST20230102030405678"


def plan(folder: Path, names: list[str], rejected: list[str]) -> SortPlan:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return plan_trash(folder, [LabeledPhoto(folder / name, "00" * 32, "alpaca", 0.9) for name in rejected])


def going(made: SortPlan) -> list[str]:
    return sorted(file.source.name for unit in made.units if unit.outcome is Outcome.GO for file in unit.files)


def test_companions_go_along(tmp_path: Path) -> None:
    names = [
        "IMG_1.jpg",
        "IMG_1.cr2",
        "IMG_1.mov",
        "IMG_1.xmp",
        "IMG_1.jpg.xmp",
        "IMG_2.jpg",
        "IMG_2.xmp",
        "IMG_10.jpg",
    ]
    made = plan(tmp_path, names, ["IMG_1.jpg"])
    assert going(made) == ["IMG_1.cr2", "IMG_1.jpg", "IMG_1.jpg.xmp", "IMG_1.mov", "IMG_1.xmp"]
    assert made.trashes
    assert made.units[0].files[0].source.name == "IMG_1.jpg"


def test_each_photo_is_a_unit_of_its_own(tmp_path: Path) -> None:
    made = plan(tmp_path, ["a.jpg", "b.jpg", "c.jpg", "b.xmp"], ["c.jpg", "b.jpg"])
    assert [[file.source.name for file in unit.files] for unit in made.units] == [["c.jpg"], ["b.jpg", "b.xmp"]]


def test_the_other_photos_of_a_burst_stay(tmp_path: Path) -> None:
    cover, second = f"00000IMG_00000_{BURST}_COVER.jpg", f"00001IMG_00001_{BURST}.jpg"
    sidecar, raw = second + ".xmp", second.replace(".jpg", ".dng")
    made = plan(tmp_path, [cover, second, sidecar, raw, cover + ".xmp"], [second])
    assert going(made) == sorted([second, sidecar, raw])


@pytest.mark.parametrize(("rejected", "stays"), [("IMG_1.jpg", "IMG_1.heic"), ("IMG_1.heic", "IMG_1.jpg")])
def test_the_other_file_of_a_shot_stays_with_what_may_be_its_own(tmp_path: Path, rejected: str, stays: str) -> None:
    names = ["IMG_1.jpg", "IMG_1.heic", "IMG_1.cr2", "IMG_1.mov", "IMG_1.xmp", f"{rejected}.xmp", f"{stays}.xmp"]
    assert going(plan(tmp_path, names, [rejected])) == sorted([rejected, f"{rejected}.xmp"])


def test_both_files_of_a_shot_take_all_along(tmp_path: Path) -> None:
    names = ["IMG_1.jpg", "IMG_1.heic", "IMG_1.cr2", "IMG_1.mov"]
    made = plan(tmp_path, names, ["IMG_1.jpg", "IMG_1.heic"])
    assert going(made) == sorted(names)
    assert len(made.units) == 1


def test_sidecars_in_folders_beside_the_photos_go_along(tmp_path: Path) -> None:
    made = plan(tmp_path, ["a.jpg", ".comments/a.jpg.xml", "CaptureOne/Settings/a.jpg.cos", "b.jpg"], ["a.jpg"])
    assert "a.jpg.cos" in going(made)


def test_a_link_is_left_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "real.jpg").write_bytes(b"x")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "real.jpg")
    made = plan_trash(tmp_path, [LabeledPhoto(tmp_path / "link.jpg", None, "alpaca", 0.9)])
    assert going(made) == []
    assert made.units[0].outcome is Outcome.BLOCKED


def test_a_photo_that_is_gone_is_left_with_the_reason(tmp_path: Path) -> None:
    made = plan_trash(tmp_path, [LabeledPhoto(tmp_path / "gone.jpg", None, "alpaca", 0.9)])
    assert made.units[0].reason == reasons.VANISHED
    assert made.files_to_do == 0


def test_a_plan_can_be_given_up(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    with pytest.raises(PlanStopped):
        plan_trash(tmp_path, [LabeledPhoto(tmp_path / "a.jpg", None, "alpaca", 0.9)], stopped=lambda: True)
