"""Keywords in JPEG files: by the real ExifTool where there is one, and by false ones that fail in every way.

ExifTool takes a fifth of a second for each photo and is run twice, so these tests take longer than most.
"""

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alpacasorter.core import reasons
from alpacasorter.core.exchange import embedded, exiftool, keyword_records
from alpacasorter.core.exchange.embedded import EmbedDone, EmbedEnded, embed_keywords, undo_keywords
from alpacasorter.core.exchange.exiftool import ExifTool, ExifToolError, find_exiftool, is_same_picture
from alpacasorter.core.exchange.keyword_records import FOLDER, Records, Splice
from alpacasorter.core.exchange.sidecars import Change, SidecarFailed, SidecarOptions
from alpacasorter.core.labels import LabeledPhoto, LabelSet
from alpacasorter.core.photos.picture_key import picture_key
from alpacasorter.core.store.library import Library
from tests.engines import stand_in_for_python
from tests.picture_files import corner_picture, encode, exif_block, picture_bytes

LABELS = LabelSet("not_alpaca", "alpaca", {"alpaca": "Alpaca", "not_alpaca": "Kein Älpaca"})
NOW = "2026-05-01T10:00:00Z"
real = pytest.mark.skipif(shutil.which("exiftool") is None, reason="ExifTool is not installed")
posix_only = pytest.mark.skipif(os.name != "posix", reason="a script stands in for the program")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "data" / "library.sqlite") as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "photos"
    place.mkdir()
    return place


def photo(folder: Path, name: str = "a.jpg", *, seed: int = 1, label: str = "alpaca") -> LabeledPhoto:
    """Make a photo with EXIF, in a folder."""
    data = encode(corner_picture((80, 60 + seed)), "JPEG", exif=exif_block(taken="2026:05:01 12:30:00"))
    (folder / name).write_bytes(data)
    return judged(folder / name, label)


def judged(path: Path, label: str = "alpaca") -> LabeledPhoto:
    return LabeledPhoto(path, hashlib.sha256(path.read_bytes()).hexdigest(), label, 0.97)


class Export:
    """Exports with a library, and what came of it."""

    def __init__(self, library: Library, folder: Path) -> None:
        self.library, self.folder = library, folder
        self.failed: list[SidecarFailed] = []

    def __call__(
        self, photos: list[LabeledPhoto], *, tool: ExifTool | None = None, **options: bool
    ) -> dict[str, Change]:
        events = embed_keywords(
            self.folder, photos, LABELS, SidecarOptions(**options), library=self.library, made_at=NOW, tool=tool
        )
        return self.outcome(events)

    def undo(self, number: int) -> dict[str, Change]:
        return self.outcome(undo_keywords(number, library=self.library, made_at=NOW))

    def outcome(self, events: Iterator[object]) -> dict[str, Change]:
        all_events = list(events)
        self.ended = all_events[-1]
        assert isinstance(self.ended, EmbedEnded)
        self.failed = [event for event in all_events if isinstance(event, SidecarFailed)]
        assert self.ended.failed == len(self.failed)
        return {event.photo.name: event.change for event in all_events if isinstance(event, EmbedDone)}


@pytest.fixture
def export(library: Library, folder: Path) -> Export:
    return Export(library, folder)


def keywords(path: Path) -> dict[str, list[str]]:
    tool = find_exiftool()
    assert tool is not None
    return {name: words for name, words in tool._read(path.read_bytes()).items() if name in exiftool.LISTS}


@real
class TestRealExifTool:
    def test_there_and_back(self, export: Export, folder: Path) -> None:
        """Only keywords are added; the undo gives back every byte, the time of the file included."""
        one = photo(folder, "-näme $(x)\n.jpg")
        one.path.chmod(0o640)
        os.utime(one.path, ns=(1, 1_500_000_000_123_456_789))
        before = one.path.read_bytes()
        assert export([one]) == {one.path.name: Change.CHANGED}
        after = one.path.read_bytes()
        assert keywords(one.path) == {"XMP-dc:Subject": ["Alpaca"], "IPTC:Keywords": ["Alpaca"]}
        assert is_same_picture(before, after)
        status = one.path.stat()
        assert stat.S_IMODE(status.st_mode) == 0o640
        assert abs(status.st_mtime_ns - 1_500_000_000_123_456_789) < 1000
        assert sorted(path.name for path in folder.iterdir()) == [one.path.name]
        (batch,) = Records(export.library.path.parent).batches()
        assert (batch.number, batch.folder, batch.photos, batch.undone) == (export.ended.batch, folder, 1, False)
        assert export.undo(batch.number) == {one.path.name: Change.CLEARED}
        assert one.path.read_bytes() == before
        assert one.path.stat().st_mtime_ns == status.st_mtime_ns
        assert Records(export.library.path.parent).batches()[0].undone
        assert export.undo(batch.number) == {one.path.name: Change.SAME}

    def test_again_another_label_and_none(self, export: Export, folder: Path) -> None:
        one = photo(folder)
        before = one.path.read_bytes()
        export([one])
        assert export([judged(one.path)]) == {"a.jpg": Change.SAME}
        assert export([judged(one.path, "not_alpaca")], both=True) == {"a.jpg": Change.CHANGED}
        assert keywords(one.path) == {"XMP-dc:Subject": ["Kein Älpaca"], "IPTC:Keywords": ["Kein Älpaca"]}
        assert export([judged(one.path, "not_alpaca")]) == {"a.jpg": Change.CLEARED}
        assert one.path.read_bytes() == before
        export([judged(one.path)])
        # Also where a sort has moved it meanwhile.
        moved = one.path.rename(folder / "b.jpg")
        assert export([judged(moved)], remove=True) == {"b.jpg": Change.CLEARED}
        assert moved.read_bytes() == before

    def test_keywords_of_others_stay(self, export: Export, folder: Path) -> None:
        one = photo(folder)
        tool = find_exiftool()
        assert tool is not None
        theirs = one.path.read_bytes()
        for keyword in ("Ünïcode", "Peru", "2020"):
            theirs = tool.with_keyword(theirs, keyword).data
        hierarchy = ["-XMP-lr:HierarchicalSubject=Places|Peru", "-o", "-", "-"]
        theirs = tool._run(hierarchy, theirs, 1 << 24)
        one.path.write_bytes(theirs)
        assert export([judged(one.path)]) == {"a.jpg": Change.CHANGED}
        assert keywords(one.path) == {
            "XMP-dc:Subject": ["Ünïcode", "Peru", "2020", "Alpaca"],
            "IPTC:Keywords": ["Ünïcode", "Peru", "2020", "Alpaca"],
            "XMP-lr:HierarchicalSubject": ["Places|Peru", "Alpaca"],
        }
        # One that was there before is neither added nor taken out.
        (folder / "b.jpg").write_bytes(tool.with_keyword(theirs, "Alpaca").data)
        had_it = judged(folder / "b.jpg")
        assert export([had_it]) == {"b.jpg": Change.SAME}
        # After another program has changed the photo, only our keyword goes.
        changed = tool.with_keyword(one.path.read_bytes(), "Chile").data
        one.path.write_bytes(changed)
        assert export.undo(1) == {"a.jpg": Change.CLEARED}
        assert keywords(one.path)["XMP-dc:Subject"] == ["Ünïcode", "Peru", "2020", "Chile"]
        assert keywords(one.path)["XMP-lr:HierarchicalSubject"] == ["Places|Peru", "Chile"]

    @pytest.mark.parametrize("way", ["export", "undo"])
    def test_our_keyword_leaves_photos_that_others_changed(self, export: Export, folder: Path, way: str) -> None:
        tool = find_exiftool()
        assert tool is not None
        one, two, three = photo(folder, "a.jpg"), photo(folder, "b.jpg", seed=2), photo(folder, "c.jpg", seed=3)
        export([one, two, three])
        tagged, untouched = tool.with_keyword(two.path.read_bytes(), "Chile").data, three.path.read_bytes()
        rated = tool._run(["-XMP:Rating=3", "-o", "-", "-"], one.path.read_bytes(), 1 << 24)
        one.path.write_bytes(rated)
        two.path.write_bytes(tagged)
        names = {"a.jpg": Change.CLEARED, "b.jpg": Change.CLEARED, "c.jpg": Change.CLEARED}
        photos = [judged(path.path) for path in (one, two, three)]
        if way == "undo":
            assert export.undo(1) == names
        else:
            assert export(photos, remove=True, dry_run=True) == names
            assert (one.path.read_bytes(), two.path.read_bytes(), three.path.read_bytes()) == (rated, tagged, untouched)
            assert export(photos, remove=True) == names
        assert keywords(one.path) == {}
        assert b"Rating" in one.path.read_bytes()
        assert keywords(two.path) == {"XMP-dc:Subject": ["Chile"], "IPTC:Keywords": ["Chile"]}
        # The same keyword from another program is not ours.
        one.path.write_bytes(tool.with_keyword(one.path.read_bytes(), "Alpaca").data)
        assert export([judged(one.path)], remove=True) == {"a.jpg": Change.NONE}
        assert export.undo(1)["a.jpg"] is Change.SAME
        assert keywords(one.path)["XMP-dc:Subject"] == ["Alpaca"]

    def test_a_changed_photo_is_found_after_a_sort_and_gets_another_keyword(self, export: Export, folder: Path) -> None:
        tool = find_exiftool()
        assert tool is not None
        one = photo(folder)
        export([one])
        one.path.write_bytes(tool.with_keyword(one.path.read_bytes(), "Chile").data)
        moved = one.path.rename(folder / "moved.jpg")
        picture = picture_key(moved.read_bytes(), "")
        other = replace(judged(moved, "not_alpaca"), picture_key=picture)
        assert export([other], both=True) == {"moved.jpg": Change.CHANGED}
        assert keywords(moved)["XMP-dc:Subject"] == ["Chile", "Kein Älpaca"]
        last = replace(judged(moved), picture_key=picture)
        assert export([last], remove=True) == {"moved.jpg": Change.CLEARED}
        assert keywords(moved)["XMP-dc:Subject"] == ["Chile"]

    def test_a_changed_photo_is_listed_without_exiftool(
        self, export: Export, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tool = find_exiftool()
        assert tool is not None
        one = photo(folder)
        export([one])
        one.path.write_bytes(tool.with_keyword(one.path.read_bytes(), "Chile").data)
        changed = one.path.read_bytes()
        monkeypatch.setattr(embedded, "find_exiftool", lambda: None)
        assert export([judged(one.path)], remove=True) == export.undo(1) == {}
        assert [failure.photo for failure in export.failed] == [one.path]
        assert one.path.read_bytes() == changed

    @posix_only
    def test_hard_links_and_read_only_files_stay(self, export: Export, folder: Path) -> None:
        """Also for an administrator, who may write everything; a RAW file is not written to in any case."""
        linked, kept = photo(folder, "linked.jpg"), photo(folder, "kept.jpg", seed=2)
        (folder / "other name.jpg").hardlink_to(linked.path)
        kept.path.chmod(0o444)
        (folder / "raw.cr3").write_bytes(b"raw")
        (folder / "raw too.cr3").hardlink_to(folder / "raw.cr3")
        before = {path.name: (path.read_bytes(), path.stat().st_ino) for path in folder.iterdir()}
        assert export([linked, kept, judged(folder / "raw.cr3")]) == {"raw.cr3": Change.NONE}
        assert [one.reason for one in export.failed] == [reasons.PHOTO_HARD_LINKED, reasons.PHOTO_WRITE_PROTECTED]
        assert {path.name: (path.read_bytes(), path.stat().st_ino) for path in folder.iterdir()} == before

    def test_what_is_no_jpeg_or_needs_nothing_is_not_opened_twice(self, export: Export, folder: Path) -> None:
        (folder / "a.png").write_bytes(encode(corner_picture((40, 30)), "PNG"))
        other = photo(folder, "b.jpg", label="not_alpaca")
        assert export([judged(folder / "a.png"), other]) == {"a.png": Change.NONE, "b.jpg": Change.NONE}
        assert not (export.library.path.parent / FOLDER).exists()

    def test_a_dry_run_changes_nothing(self, export: Export, folder: Path) -> None:
        one = photo(folder)
        before = one.path.read_bytes()
        assert export([one], dry_run=True) == {"a.jpg": Change.CHANGED}
        assert one.path.read_bytes() == before
        assert not (export.library.path.parent / FOLDER).exists()

    def test_photos_that_must_stay(self, export: Export, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (folder / "damaged.jpg").write_bytes(picture_bytes(seed=1)[:300])
        gone = photo(folder, "gone.jpg")
        gone.path.unlink()
        changed = photo(folder, "changed.jpg")
        photo(folder, "changed.jpg", seed=9)
        photos = [judged(folder / "damaged.jpg"), gone, changed]
        if os.name == "posix":
            photo(folder, "target.jpg")
            (folder / "link.jpg").symlink_to(folder / "target.jpg")
            photos.append(judged(folder / "link.jpg"))
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert export(photos) == {}
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
        wanted = [
            reasons.EXIFTOOL_FAILED,
            reasons.SIDECAR_NO_PHOTO,
            reasons.PHOTO_CHANGED,
            reasons.PHOTO_WRITE_PROTECTED,
        ]
        assert [one.reason for one in export.failed] == wanted[: len(photos)]
        # A disk that is full while the file or its record is written.
        one = photo(folder, "full.jpg")
        data = one.path.read_bytes()
        for module, place in ((keyword_records, "_write"), (embedded, "_replace")):
            with monkeypatch.context() as patched:

                def full(*_: object) -> None:
                    raise OSError(28, "No space left on device")

                patched.setattr(module, place, full)
                assert export([one]) == {}
            assert one.path.read_bytes() == data
            assert export.failed[0].reason == reasons.SAVE_DISK_FULL

    def test_a_crash_between_the_record_and_the_file(
        self, export: Export, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = photo(folder)
        data = one.path.read_bytes()
        with monkeypatch.context() as patched:

            def killed(*_: object) -> None:
                raise KeyboardInterrupt

            patched.setattr(embedded, "_replace", killed)
            with pytest.raises(KeyboardInterrupt):
                export([one])
        assert one.path.read_bytes() == data
        assert export.undo(1) == {"a.jpg": Change.SAME}
        assert one.path.read_bytes() == data

    def test_damaged_records_are_passed_over(self, export: Export, folder: Path) -> None:
        one = photo(folder)
        before = one.path.read_bytes()
        export([one])
        record = export.library.path.parent / FOLDER / "000001.jsonl"
        good = record.read_bytes()
        record.write_bytes(good + b'{"after": 1}\n' + good.splitlines()[1][:40] + b"\n\xff\xfe\n[]\n" + b"[" * 9000)
        (record.parent / "000002.jsonl").write_bytes(b"nonsense")
        (record.parent / "x.jsonl").write_bytes(b"nonsense")
        assert export.undo(1) == {"a.jpg": Change.CLEARED}
        assert one.path.read_bytes() == before


GOOD = 'sys.stdout.buffer.write(sys.stdin.buffer.read()) if "-ver" not in sys.argv else print("12.99")'
FALSE: dict[str, tuple[str, set[str]]] = {
    "crashes": ("os.abort()", {reasons.EXIFTOOL_FAILED}),
    "says no": ("sys.exit(1)", {reasons.EXIFTOOL_FAILED}),
    "hangs": ("time.sleep(60)", {reasons.EXIFTOOL_FAILED}),
    "never ends": ("[sys.stdout.write('x' * 65536) for _ in iter(int, 1)]", {reasons.EXIFTOOL_FAILED}),
    "writes nothing": ("answer(b'')", {reasons.PICTURE_WOULD_CHANGE}),
    "cuts the picture": ("answer(data[:-50])", {reasons.PICTURE_WOULD_CHANGE}),
    "changes a pixel": ("answer(data[:-50] + b'x' + data[-49:])", {reasons.PICTURE_WOULD_CHANGE}),
    "loses the EXIF": ("answer(data[:2] + data[data.index(b'\\xff\\xdb'):])", {reasons.PICTURE_WOULD_CHANGE}),
    "writes another format": ("answer(b'\\x89PNG')", {reasons.PICTURE_WOULD_CHANGE}),
}
HEAD = """
data = sys.stdin.buffer.read()
options = pathlib.Path(sys.argv[-1]).read_text().splitlines()
def answer(new):
    sys.stdout.buffer.write(b'[{"SourceFile": "-"}]' if "-j" in options else new)
"""


@posix_only
@pytest.mark.parametrize("what", FALSE)
def test_an_exiftool_that_fails_changes_nothing(
    export: Export, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    body, wanted = FALSE[what]
    script = stand_in_for_python(tmp_path / "exiftool", HEAD + body)
    monkeypatch.setattr(exiftool, "_SECONDS", 1.5)
    one = photo(folder)
    before = one.path.read_bytes()
    assert export([one], tool=ExifTool(script, "12.99")) == {}
    assert {one.reason for one in export.failed} <= wanted
    assert export.failed
    assert one.path.read_bytes() == before
    assert [path.name for path in folder.iterdir()] == ["a.jpg"]


@posix_only
@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("print('12.57')", True),
        ("print('13')", True),
        ("print('11.88')", False),
        ("print('nonsense')", False),
        ("sys.exit(1)", False),
        ("time.sleep(60)", False),
    ],
)
def test_which_exiftool_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, found: bool) -> None:
    monkeypatch.setattr(exiftool, "_VERSION_SECONDS", 1.5)
    (tmp_path / "bin").mkdir()
    stand_in_for_python(tmp_path / "bin" / "exiftool", body)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert (find_exiftool() is not None) == found


@posix_only
def test_none_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in_for_python(tmp_path / "exiftool", "print('12.57')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join((".", "")))
    assert find_exiftool() is None


def test_without_exiftool_nothing_is_done(
    export: Export, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExifToolError) as caught:
        export([photo(folder)])
    assert "not installed" in caught.value.reason


SEGMENT: dict[str, Callable[[bytes], bytes]] = {
    "a comment": lambda data: data[:2] + b"\xff\xfe\x00\x04hi" + data[2:],
    "something after the end": lambda data: data + b"more",
    "a profile": lambda data: data[:2] + b"\xff\xe2\x00\x0eICC_PROFILE\0" + data[2:],
    "nothing": lambda data: data[:2],
}


@pytest.mark.parametrize("what", SEGMENT)
def test_other_changes_are_noticed(what: str) -> None:
    data = picture_bytes(seed=1)
    assert is_same_picture(data, data)
    assert not is_same_picture(data, SEGMENT[what](data))


def test_a_record_is_lines_of_json(export: Export, folder: Path) -> None:
    splice = Splice.between(folder / "a.jpg", b"abcdef", b"abXYef", "Alpaca", ("XMP-dc:Subject",))
    assert (splice.start, splice.end, splice.removed) == (2, 2, b"cd")
    assert splice.undone(b"abXYef") == b"abcdef"
    assert splice.undone(b"abXYeg") is None
    assert Splice.read(json.loads(json.dumps(splice.line()))) == splice
    for before, after in ((b"aa", b"aaa"), (b"aaa", b"aa"), (b"", b"x"), (b"x", b""), (b"abab", b"ababab")):
        assert Splice.between(folder, before, after, "", ()).undone(after) == before
