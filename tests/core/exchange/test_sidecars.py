"""Sidecar files: which one belongs to a photo, and that nothing in existing ones is lost."""

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from alpacasorter.core import reasons, safe_write
from alpacasorter.core.exchange import sidecars
from alpacasorter.core.exchange.keywords import tagged, untagged
from alpacasorter.core.exchange.sidecars import (
    Change,
    Naming,
    SidecarDone,
    SidecarEvent,
    SidecarFailed,
    SidecarOptions,
    SidecarsEnded,
    stars,
    write_sidecars,
)
from alpacasorter.core.labels import LabeledPhoto, LabelSet
from tests.core.exchange.sidecar_files import ALPACA, LIGHTROOM
from tests.unprivileged import ordinary_user, shared_folder

LABELS = LabelSet("not_alpaca", "alpaca", {"alpaca": "Alpaca", "not_alpaca": "Not alpaca"})
PHOTO = b"\xff\xd8 no picture, but it is never opened"
posix_only = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")


def photo(path: Path, probability: float = 0.97, correction: str | None = None) -> LabeledPhoto:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_bytes(PHOTO)
    label = LABELS.label(probability, correction)
    return LabeledPhoto(path, "ab" * 32, label, LABELS.confidence(probability, label), correction is not None)


def write(folder: Path, results: Sequence[LabeledPhoto], options: SidecarOptions | None = None) -> list[SidecarEvent]:
    return list(write_sidecars(folder, results, LABELS, options or SidecarOptions()))


def ended(events: Sequence[SidecarEvent]) -> SidecarsEnded:
    last = events[-1]
    assert isinstance(last, SidecarsEnded)
    return last


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refuse(*_: object, **__: object) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


def test_a_new_sidecar_has_the_full_name_and_the_photo_stays(tmp_path: Path) -> None:
    result = photo(tmp_path / "IMG 1.JPG")
    os.utime(result.path, ns=(1, 1))
    assert write(tmp_path, [result])[0] == SidecarDone(result.path, tmp_path / "IMG 1.JPG.xmp", Change.NEW)
    assert sorted(tree(tmp_path)) == ["IMG 1.JPG", "IMG 1.JPG.xmp"]
    assert result.path.read_bytes() == PHOTO
    assert result.path.stat().st_mtime_ns == 1
    assert b"<rdf:li>Alpaca</rdf:li>" in (tmp_path / "IMG 1.JPG.xmp").read_bytes()


def test_only_the_positive_class_gets_a_keyword_unless_both_are_wanted(tmp_path: Path) -> None:
    results = [photo(tmp_path / "a.jpg"), photo(tmp_path / "b.jpg", 0.1)]
    assert ended(write(tmp_path, results)).counts == {Change.NEW: 1, Change.NONE: 1}
    assert ended(write(tmp_path, results, SidecarOptions(both=True))).counts == {Change.SAME: 1, Change.NEW: 1}
    assert b"<rdf:li>Not alpaca</rdf:li>" in (tmp_path / "b.jpg.xmp").read_bytes()


def test_exporting_again_touches_nothing(tmp_path: Path) -> None:
    results = [photo(tmp_path / "a.jpg"), photo(tmp_path / "b.jpg")]
    (tmp_path / "b.xmp").write_bytes(LIGHTROOM)
    write(tmp_path, results)
    before = {path: path.stat() for path in tmp_path.iterdir()}
    assert ended(write(tmp_path, results)).counts == {Change.SAME: 2}
    assert {path: path.stat() for path in tmp_path.iterdir()} == before


def test_a_photo_that_is_no_longer_one_loses_its_keyword(tmp_path: Path) -> None:
    (tmp_path / "b.xmp").write_bytes(LIGHTROOM)
    write(tmp_path, [photo(tmp_path / "a.jpg"), photo(tmp_path / "b.jpg")])
    now = [photo(tmp_path / "a.jpg", 0.97, "not_alpaca"), photo(tmp_path / "b.jpg", 0.2)]
    assert ended(write(tmp_path, now)).counts == {Change.DELETED: 1, Change.CLEARED: 1}
    assert tree(tmp_path) == {"a.jpg": PHOTO, "b.jpg": PHOTO, "b.xmp": LIGHTROOM}


def test_taking_out_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "b.xmp").write_bytes(LIGHTROOM)
    results = [photo(tmp_path / "a.jpg"), photo(tmp_path / "b.jpg"), photo(tmp_path / "sub" / "c.jpg", 0.1)]
    before = tree(tmp_path)
    write(tmp_path, results, SidecarOptions(both=True, rating=True))
    assert len(tree(tmp_path)) == len(before) + 2
    assert ended(write(tmp_path, results, SidecarOptions(remove=True))).counts == {Change.DELETED: 2, Change.CLEARED: 1}
    assert tree(tmp_path) == before


def test_a_dry_run_writes_nothing_and_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "b.xmp").write_bytes(LIGHTROOM)
    results = [photo(tmp_path / "a.jpg"), photo(tmp_path / "b.jpg")]
    before = tree(tmp_path)
    planned = write(tmp_path, results, SidecarOptions(dry_run=True))
    assert tree(tmp_path) == before
    assert write(tmp_path, results)[:-1] == planned[:-1]


def test_unsure_and_unreadable_photos_get_nothing(tmp_path: Path) -> None:
    unsure, sure = photo(tmp_path / "a.jpg", 0.6), photo(tmp_path / "b.jpg", 0.6, "alpaca")
    events = write(
        tmp_path,
        [unsure, sure, LabeledPhoto(tmp_path / "c.jpg", reason="Damaged.")],
        SidecarOptions(min_confidence=0.8),
    )
    assert ended(events).photos == 2
    assert ended(events).counts == {Change.NONE: 1, Change.NEW: 1}


@pytest.mark.parametrize(
    ("confidence", "expected"),
    [(0.5, 1), (0.59, 1), (0.6, 2), (0.7, 3), (0.8, 4), (0.8999, 4), (0.9, 5), (1.0, 5)],
)
def test_stars_rise_with_the_confidence(confidence: float, expected: int) -> None:
    result = LabeledPhoto(Path("a"), "k", "alpaca", confidence)
    assert stars(result, LABELS) == expected


def test_only_photos_of_the_positive_class_have_stars_and_corrections_all() -> None:
    assert stars(LabeledPhoto(Path("a"), "k", "not_alpaca", 1.0), LABELS) is None
    assert stars(LabeledPhoto(Path("a"), "k", "alpaca", 0.1, corrected=True), LABELS) == 5


class TestWhichSidecar:
    def test_one_of_the_stem_is_merged_into(self, tmp_path: Path) -> None:
        (tmp_path / "a.XMP").write_bytes(LIGHTROOM)
        (tmp_path / "a.cr2").write_bytes(b"II*\x00")
        write(tmp_path, [photo(tmp_path / "a.jpg")])
        assert (tmp_path / "a.XMP").read_bytes() == tagged(LIGHTROOM, ALPACA)
        assert not (tmp_path / "a.jpg.xmp").exists()

    def test_of_two_that_of_the_full_name_is(self, tmp_path: Path) -> None:
        for name in ("a.xmp", "a.jpg.xmp"):
            (tmp_path / name).write_bytes(LIGHTROOM)
        write(tmp_path, [photo(tmp_path / "a.jpg")])
        assert (tmp_path / "a.xmp").read_bytes() == LIGHTROOM
        assert (tmp_path / "a.jpg.xmp").read_bytes() == tagged(LIGHTROOM, ALPACA)

    def test_one_that_two_photos_would_share_is_not_used(self, tmp_path: Path) -> None:
        (tmp_path / "a.xmp").write_bytes(LIGHTROOM)
        write(tmp_path, [photo(tmp_path / "a.jpg"), photo(tmp_path / "a.heic", 0.2)], SidecarOptions(both=True))
        assert (tmp_path / "a.xmp").read_bytes() == LIGHTROOM
        assert {"a.jpg.xmp", "a.heic.xmp"} < set(names(tmp_path))

    def test_one_of_another_name_is_not(self, tmp_path: Path) -> None:
        (tmp_path / "A.xmp").write_bytes(LIGHTROOM)
        result = photo(tmp_path / "a.jpg")
        if (tmp_path / "a.xmp").exists():
            pytest.skip("names differ by more than case only where case counts")
        write(tmp_path, [result])
        assert (tmp_path / "A.xmp").read_bytes() == LIGHTROOM

    def test_new_ones_are_called_after_the_stem_where_that_is_wanted(self, tmp_path: Path) -> None:
        results = [photo(tmp_path / name) for name in ("a.jpg", "b.jpg", "b.png", "nothing")]
        write(tmp_path, results, SidecarOptions(naming=Naming.STEM))
        assert {name for name in names(tmp_path) if name.endswith(".xmp")} == {
            "a.xmp",
            "b.jpg.xmp",
            "b.png.xmp",
            "nothing.xmp",
        }

    def test_taking_out_looks_into_both(self, tmp_path: Path) -> None:
        result = photo(tmp_path / "a.jpg")
        for name in ("a.xmp", "a.jpg.xmp"):
            (tmp_path / name).write_bytes(tagged(LIGHTROOM, ALPACA))
        write(tmp_path, [result], SidecarOptions(remove=True))
        assert {(tmp_path / name).read_bytes() for name in ("a.xmp", "a.jpg.xmp")} == {LIGHTROOM}


class TestNothingIsLost:
    def test_a_damaged_one_is_named_and_stays(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg.xmp").write_bytes(LIGHTROOM[:200])
        events = write(tmp_path, [photo(tmp_path / "a.jpg"), photo(tmp_path / "b.jpg")])
        assert events[0] == SidecarFailed(tmp_path / "a.jpg", tmp_path / "a.jpg.xmp", reasons.SIDECAR_DAMAGED)
        assert (tmp_path / "a.jpg.xmp").read_bytes() == LIGHTROOM[:200]
        assert ended(events).failures == (events[0],)
        assert ended(events).counts == {Change.NEW: 1}

    def test_a_damaged_one_that_is_not_needed_is_not_reported(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg.xmp").write_bytes(LIGHTROOM[:200])
        assert ended(write(tmp_path, [photo(tmp_path / "a.jpg", 0.1)])).counts == {Change.NONE: 1}

    @posix_only
    def test_mode_and_owner_stay(self, tmp_path: Path) -> None:
        sidecar = tmp_path / "a.jpg.xmp"
        sidecar.write_bytes(LIGHTROOM)
        sidecar.chmod(0o640)
        write(tmp_path, [photo(tmp_path / "a.jpg")])
        assert stat.S_IMODE(sidecar.stat().st_mode) == 0o640
        assert sidecar.read_bytes() != LIGHTROOM

    @posix_only
    def test_a_new_one_is_as_any_new_file(self, tmp_path: Path) -> None:
        before = os.umask(0o027)
        try:
            write(tmp_path, [photo(tmp_path / "a.jpg")])
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "a.jpg.xmp").stat().st_mode) == 0o640

    @posix_only
    def test_a_link_is_left_alone_and_so_is_what_it_leads_to(self, tmp_path: Path) -> None:
        folder, target = tmp_path / "photos", tmp_path / "target.xmp"
        target.write_bytes(LIGHTROOM)
        result = photo(folder / "a.jpg")
        (folder / "a.jpg.xmp").symlink_to(target)
        events = write(folder, [result])
        assert isinstance(events[0], SidecarFailed)
        assert events[0].reason == reasons.SIDECAR_IS_LINK
        assert target.read_bytes() == LIGHTROOM
        assert (folder / "a.jpg.xmp").is_symlink()

    @posix_only
    def test_nothing_is_written_through_a_link_out_of_the_folder(self, tmp_path: Path) -> None:
        folder, outside = tmp_path / "photos", tmp_path / "outside"
        photo(outside / "a.jpg")
        folder.mkdir()
        (folder / "away").symlink_to(outside)
        inside = photo(folder / "real" / "b.jpg")
        (folder / "near").symlink_to(folder / "real")
        results = [photo(folder / "away" / "a.jpg"), photo(folder / "near" / "b.jpg"), inside]
        events = write(folder, results)
        assert isinstance(events[0], SidecarFailed)
        assert names(outside) == ["a.jpg"]
        assert ended(events).counts == {Change.NEW: 1, Change.SAME: 1}

    @posix_only
    def test_a_folder_that_may_not_be_written_is_named(self) -> None:
        with shared_folder() as folder:
            result = photo(folder / "shut" / "a.jpg")
            (folder / "shut" / "b.jpg.xmp").write_bytes(LIGHTROOM)
            other = photo(folder / "shut" / "b.jpg")
            (folder / "shut" / "b.jpg.xmp").chmod(0o666)
            (folder / "shut").chmod(0o555)
            with ordinary_user():
                events = write(folder, [result, other])
            (folder / "shut").chmod(0o755)
            assert [event.reason for event in events if isinstance(event, SidecarFailed)] == [
                reasons.SAVE_NO_PERMISSION
            ] * 2
            assert (folder / "shut" / "b.jpg.xmp").read_bytes() == LIGHTROOM

    @posix_only
    def test_a_write_protected_one_stays(self, tmp_path: Path) -> None:
        """For an administrator, too, who may write everything."""
        mine = tmp_path / "a.jpg.xmp"
        mine.write_bytes(LIGHTROOM)
        mine.chmod(0o444)
        (event, _ended) = write(tmp_path, [photo(tmp_path / "a.jpg")])
        assert isinstance(event, SidecarFailed)
        assert event.reason == reasons.SIDECAR_WRITE_PROTECTED
        with shared_folder() as folder:
            folder.chmod(0o777)
            result, sidecar = photo(folder / "a.jpg"), folder / "a.jpg.xmp"
            sidecar.write_bytes(LIGHTROOM)
            sidecar.chmod(0o444)
            with ordinary_user():
                events = write(folder, [result])
            assert isinstance(events[0], SidecarFailed)
            assert events[0].reason == reasons.SIDECAR_WRITE_PROTECTED
            assert sidecar.read_bytes() == LIGHTROOM

    @posix_only
    def test_a_pipe_in_its_place_does_not_hold_the_work_up(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "a.jpg.xmp")
        events = write(tmp_path, [photo(tmp_path / "a.jpg")])
        assert isinstance(events[0], SidecarFailed)

    def test_a_photo_that_went_away_gets_none(self, tmp_path: Path) -> None:
        result = photo(tmp_path / "a.jpg")
        result.path.unlink()
        events = write(tmp_path, [result])
        assert isinstance(events[0], SidecarFailed)
        assert names(tmp_path) == []

    def test_what_another_program_writes_at_the_same_moment_stays(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sidecar = tmp_path / "a.jpg.xmp"
        sidecar.write_bytes(LIGHTROOM)
        theirs = LIGHTROOM.replace(b"hike", b"another walk")

        def write_at_the_same_time(file: Path, chunks: object) -> None:
            original(file, chunks)  # type: ignore[arg-type]
            sidecar.write_bytes(theirs)

        original = safe_write._write
        monkeypatch.setattr(safe_write, "_write", write_at_the_same_time)
        events = write(tmp_path, [photo(tmp_path / "a.jpg")])
        assert isinstance(events[0], SidecarFailed)
        assert sidecar.read_bytes() == theirs
        assert names(tmp_path) == ["a.jpg", "a.jpg.xmp"]

    @pytest.mark.parametrize("there", [True, False])
    def test_a_full_disk_leaves_all_as_it_was(
        self, there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if there:
            (tmp_path / "a.jpg.xmp").write_bytes(LIGHTROOM)
        result = photo(tmp_path / "a.jpg")
        before = tree(tmp_path)

        def full(_handle: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(safe_write.os, "fsync", full)
            events = write(tmp_path, [result])
        assert isinstance(events[0], SidecarFailed)
        assert events[0].reason == reasons.SAVE_DISK_FULL
        assert tree(tmp_path) == before

    def test_a_disk_without_links_gets_new_sidecars_too(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "link", refuse)
        assert ended(write(tmp_path, [photo(tmp_path / "a.jpg")])).counts == {Change.NEW: 1}
        assert names(tmp_path) == ["a.jpg", "a.jpg.xmp"]
        with pytest.raises(FileExistsError):
            safe_write.write_new(tmp_path / "a.jpg", [b"other"])
        assert (tmp_path / "a.jpg").read_bytes() == PHOTO

    def test_a_huge_one_is_not_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sidecars, "_LIMIT", 100)
        (tmp_path / "a.jpg.xmp").write_bytes(LIGHTROOM)
        events = write(tmp_path, [photo(tmp_path / "a.jpg")])
        assert isinstance(events[0], SidecarFailed)
        assert (tmp_path / "a.jpg.xmp").read_bytes() == LIGHTROOM

    def test_stopping_leaves_whole_files(self, tmp_path: Path) -> None:
        results = [photo(tmp_path / f"{n}.jpg") for n in range(9)]
        asked = iter(range(100))
        events = list(write_sidecars(tmp_path, results, LABELS, SidecarOptions(), stopped=lambda: next(asked) == 4))
        assert ended(events).stopped
        assert ended(events).counts == {Change.NEW: 4}
        made = sorted(tmp_path.glob("*.xmp"))
        assert len(made) == 4
        assert all(untagged(path.read_bytes()) != path.read_bytes() for path in made)
