"""A model as one file: the same bytes for the same model, and nothing but a model gets out of it."""

import errno
import io
import json
import os
import random
import shutil
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from alpacasorter.ml.models.archive import SUFFIX, pack, unpack
from alpacasorter.ml.models.bundle import Bundle, load_bundle
from alpacasorter.ml.models.metadata import BACKBONE, CARD, HEAD, KERAS_WEIGHTS, METADATA, REPLAY, BundleError
from tests.ml.bundles import make_bundle

ALL = {METADATA, BACKBONE, HEAD, REPLAY, KERAS_WEIGHTS, CARD}
Members = dict[str, bytes]


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return make_bundle(tmp_path / "model")


@pytest.fixture
def members(bundle: Bundle) -> Members:
    return {name: (bundle.path / name).read_bytes() for name in (METADATA, *sorted(bundle.files))}


def archive(path: Path, members: Members, *, compression: int = zipfile.ZIP_STORED) -> Path:
    """Write a zip as somebody else's program would."""
    with zipfile.ZipFile(path, "w", compression) as made:
        for name, data in members.items():
            made.writestr(name, data)
    return path


def in_table(data: bytes | bytearray, name: str) -> int:
    """Return where the line of a member begins in the table at the end of an archive."""
    place = data.rindex(name.encode()) - 46
    assert data[place : place + 4] == b"PK\x01\x02"
    return place


def refused(file: Path, match: str) -> None:
    """Unpacking is refused with a sentence that names the file, and leaves nothing."""
    into = file.parent / "outcome" / "unpacked"
    before = {path for path in file.parent.rglob("*") if "outcome" not in path.parts}
    with pytest.raises(BundleError, match=match) as caught:
        unpack(file, into)
    assert file.name in str(caught.value)
    assert caught.value.why in str(caught.value)
    assert str(caught.value).endswith(".")
    assert not into.exists()
    assert {path for path in file.parent.rglob("*") if "outcome" not in path.parts} == before


def test_there_and_back(bundle: Bundle, tmp_path: Path) -> None:
    # What a user may have beside it stays at home.
    (bundle.path / "report.html").write_text("<p>mine</p>")
    out = tmp_path / f"shared{SUFFIX}"
    pack(bundle, out)
    with zipfile.ZipFile(out) as made:
        assert set(made.namelist()) == ALL
        assert made.namelist()[0] == METADATA
        assert {member.compress_type for member in made.infolist()} == {zipfile.ZIP_STORED}
        assert made.testzip() is None
    unpack(out, tmp_path / "new" / "place")
    again = load_bundle(tmp_path / "new" / "place")
    assert again.bundle_id == bundle.bundle_id
    assert {path.name for path in again.path.iterdir()} == ALL
    for name in ALL:
        assert (again.path / name).read_bytes() == (bundle.path / name).read_bytes()


def test_always_the_same_bytes(bundle: Bundle, tmp_path: Path) -> None:
    pack(bundle, tmp_path / "one")
    shutil.copytree(bundle.path, tmp_path / "elsewhere")
    for path in (tmp_path / "elsewhere").iterdir():
        os.utime(path, (10**9, 10**9))
        path.chmod(0o600)
    pack(load_bundle(tmp_path / "elsewhere"), tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_model_without_optional_files(tmp_path: Path, bundle: Bundle) -> None:
    data = json.loads((bundle.path / METADATA).read_text())
    del data["files"][KERAS_WEIGHTS]
    (bundle.path / METADATA).write_text(json.dumps(data))
    pack(load_bundle(bundle.path), tmp_path / "lean")
    unpack(tmp_path / "lean", tmp_path / "unpacked")
    assert {path.name for path in (tmp_path / "unpacked").iterdir()} == ALL - {KERAS_WEIGHTS}


def test_an_existing_file_is_kept_unless_told(bundle: Bundle, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("precious")
    with pytest.raises(FileExistsError):
        pack(bundle, out)
    assert out.read_text() == "precious"
    pack(bundle, out, overwrite=True)
    assert zipfile.is_zipfile(out)


@pytest.mark.parametrize("name", [BACKBONE, KERAS_WEIGHTS, CARD])
def test_a_changed_model_is_not_passed_on(bundle: Bundle, tmp_path: Path, name: str) -> None:
    file = bundle.path / name
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    with pytest.raises(BundleError, match="changed"):
        pack(bundle, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


def test_full_disk_leaves_nothing(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack(bundle, tmp_path / "before")
    before = (tmp_path / "before").read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="space"):
        pack(bundle, tmp_path / "before", overwrite=True)
    assert (tmp_path / "before").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["before", "model"]


def test_full_disk_while_unpacking_leaves_nothing(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(bundle, tmp_path / "file")
    into = tmp_path / "unpacked"
    opened = Path.open

    def full(self: Path, mode: str = "r", *rest: object, **named: object) -> object:
        if self.name == HEAD and mode == "xb":
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(self, mode, *rest, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OSError, match="space"):
        unpack(tmp_path / "file", into)
    assert not into.exists()


# What strangers send


def test_the_archive_of_the_tests_itself_is_fine(tmp_path: Path, members: Members) -> None:
    unpack(archive(tmp_path / "fine", members), tmp_path / "unpacked")
    assert load_bundle(tmp_path / "unpacked").name == "Test"


@pytest.mark.parametrize(
    "name",
    [
        "../evil.txt",
        "/tmp/evil.txt",
        "..\\evil.txt",
        "C:\\evil.txt",
        "sub/model.json",
        "model/",
        "report.html",
        "backbone.tflite.exe",
        "MODEL.JSON",
        "./head.npz",
        "evil\u202egnp.exe",
    ],
)
def test_names_that_no_model_has(tmp_path: Path, members: Members, name: str) -> None:
    file = tmp_path / "attack"
    refused(archive(file, {**members, name: b"evil"}), "more than a model|not part of a model")
    # In the place of one that may be missing, so that there are not too many.
    del members[CARD]
    refused(archive(file, {**members, name: b"evil"}), "not part of a model")


def test_name_cut_off_by_a_zero_byte(tmp_path: Path, members: Members) -> None:
    file = tmp_path / "attack"
    data = members.pop(CARD)
    archive(file, {**members, "MODEL_CARD.md#.exe": data})
    file.write_bytes(file.read_bytes().replace(b"MODEL_CARD.md#.exe", b"MODEL_CARD.md\0.exe"))
    refused(file, "not part of a model")


def test_the_same_name_twice(tmp_path: Path, members: Members) -> None:
    file = tmp_path / "attack"
    del members[KERAS_WEIGHTS]
    archive(file, members)
    with (
        pytest.warns(UserWarning, match="Duplicate"),
        zipfile.ZipFile(file, "a") as made,
    ):
        made.writestr(HEAD, b"another head")
    refused(file, "twice")


def test_links(tmp_path: Path, members: Members) -> None:
    file = tmp_path / "attack"
    with zipfile.ZipFile(file, "w") as made:
        for name, data in members.items():
            member = zipfile.ZipInfo(name)
            if name == CARD:
                member.external_attr = (stat.S_IFLNK | 0o777) << 16
                data = b"/etc/passwd"
            made.writestr(member, data)
    refused(file, "a link")


def test_encrypted(tmp_path: Path, members: Members) -> None:
    file = archive(tmp_path / "attack", members)
    data = bytearray(file.read_bytes())
    # The flag in the header before the data, and in the table at the end.
    data[6] |= 1
    data[in_table(data, METADATA) + 8] |= 1
    file.write_bytes(data)
    refused(file, "encrypted")


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressed(tmp_path: Path, members: Members, compression: int) -> None:
    refused(archive(tmp_path / "attack", members, compression=compression), "stored in a way")


def test_bomb(tmp_path: Path, members: Members) -> None:
    members[BACKBONE] = bytes(40 << 20)
    file = archive(tmp_path / "attack", members, compression=zipfile.ZIP_DEFLATED)
    assert file.stat().st_size < 1 << 20
    refused(file, "stored in a way")


def test_bomb_that_says_it_is_stored(tmp_path: Path, members: Members) -> None:
    """The sizes in the table are larger than the file."""
    file = archive(tmp_path / "attack", members)
    data = bytearray(file.read_bytes())
    struct.pack_into("<2L", data, in_table(data, BACKBONE) + 20, 900 << 20, 900 << 20)
    file.write_bytes(data)
    refused(file, "larger than the file itself")


def test_members_that_share_their_bytes(tmp_path: Path, members: Members) -> None:
    members[BACKBONE] = bytes(1 << 16)
    members[KERAS_WEIGHTS] = b"w"
    file = archive(tmp_path / "attack", members)
    data = bytearray(file.read_bytes())
    source, target = in_table(data, BACKBONE), in_table(data, KERAS_WEIGHTS)
    # The table says that the weights, too, are the bytes of the backbone.
    data[target + 16 : target + 28] = data[source + 16 : source + 28]
    data[target + 42 : target + 46] = data[source + 42 : source + 46]
    file.write_bytes(data)
    refused(file, "larger than the file itself")


def test_table_of_very_many_members(tmp_path: Path) -> None:
    file = archive(tmp_path / "attack", {f"{n}": b"" for n in range(2000)})
    refused(file, "more than a model")


def test_large_zip_format_hides_the_number_of_members(
    tmp_path: Path, members: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "attack"
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 3)
    archive(file, members)
    monkeypatch.undo()
    assert b"PK\x06\x07" in file.read_bytes()
    refused(file, "more than a model")


def test_something_before_and_after(tmp_path: Path, members: Members) -> None:
    data = archive(tmp_path / "fine", members).read_bytes()
    file = tmp_path / "attack"
    file.write_bytes(b"#!/bin/sh\nrm -rf ~\n" + data)
    refused(file, "more than a model")
    file.write_bytes(data + b"more")
    refused(file, "not a model file")
    with zipfile.ZipFile(tmp_path / "fine", "a") as made:
        made.comment = b"read me"
    refused(tmp_path / "fine", "not a model file")


@pytest.mark.parametrize("kept", [0, 10, 100, -1, -30])
def test_cut_short(tmp_path: Path, members: Members, kept: int) -> None:
    file = archive(tmp_path / "attack", members)
    file.write_bytes(file.read_bytes()[:kept])
    refused(file, "incomplete")


@pytest.mark.parametrize("content", [b"", b"PK", b"hello", b"PK\x05\x06" + bytes(18), random.Random(1).randbytes(5000)])
def test_no_archive_at_all(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "attack"
    file.write_bytes(content)
    refused(file, "not a model file|model.json is missing")


def test_other_archives(tmp_path: Path) -> None:
    refused(archive(tmp_path / "photos.zip", {"photo.jpg": b"\xff\xd8"}), "not part of a model")
    refused(archive(tmp_path / "arrays.npz", {HEAD: b"a"}), "model.json is missing")


@pytest.mark.parametrize("name", [BACKBONE, HEAD, REPLAY, KERAS_WEIGHTS, CARD])
def test_wrong_hash(tmp_path: Path, members: Members, name: str) -> None:
    data = members[name]
    members[name] = bytes([data[0] ^ 1]) + data[1:]
    refused(archive(tmp_path / "attack", members), f"{name} was changed")
    members[name] = data + b"x"
    refused(archive(tmp_path / "attack", members), f"{name} is incomplete")
    del members[name]
    refused(archive(tmp_path / "attack", members), f"{name} is missing")


def test_damaged_on_the_way(tmp_path: Path, members: Members) -> None:
    """The hash in the archive's own table no longer fits: Python's reader notices."""
    file = archive(tmp_path / "attack", members)
    data = bytearray(file.read_bytes())
    data[data.index(members[BACKBONE]) + 5] ^= 0xFF
    file.write_bytes(data)
    refused(file, "changed|damaged")


def test_file_that_is_not_listed(tmp_path: Path, bundle: Bundle, members: Members) -> None:
    data = json.loads(members[METADATA])
    del data["files"][KERAS_WEIGHTS]
    members[METADATA] = json.dumps(data).encode()
    refused(archive(tmp_path / "attack", members), "does not list")


@pytest.mark.parametrize(
    ("metadata", "match"),
    [
        (b"", "damaged"),
        (b"[]", "not a JSON object"),
        (b"{}", "files"),
        (b"\xff\xfe", "damaged"),
        (b"[" * 100_000, "invalid"),
        (b" " * ((1 << 20) + 1), "much too large"),
        (b'{"files": {"../x": {"sha256": "0", "bytes": 1}}}', "not part of a model"),
        (b'{"files": {"head.npz": {"sha256": "0", "bytes": -1}}}', "invalid"),
    ],
)
def test_odd_metadata(tmp_path: Path, members: Members, metadata: bytes, match: str) -> None:
    members[METADATA] = metadata
    refused(archive(tmp_path / "attack", members), match)


def test_missing_metadata(tmp_path: Path, members: Members) -> None:
    del members[METADATA]
    refused(archive(tmp_path / "attack", members), "model.json is missing")


def flips(data: bytes) -> list[bytes]:
    """Archives that differ from a good one in one byte of their headers or their table."""
    table = in_table(data, METADATA)
    places = [*range(30), *range(table, table + 46), *range(len(data) - 22, len(data))]
    return [data[:place] + bytes([data[place] ^ value]) + data[place + 1 :] for place in places for value in (1, 0xFF)]


def test_any_damage_ends_in_a_sentence(tmp_path: Path, members: Members) -> None:
    good = archive(tmp_path / "fine", members).read_bytes()
    file, into = tmp_path / "attack", tmp_path / "unpacked"
    outcomes = []
    for data in flips(good):
        file.write_bytes(data)
        try:
            unpack(file, into)
        except BundleError as error:
            outcomes.append(str(error))
            assert not into.exists()
        else:
            # Something that does not matter, such as a date: what got out is whole.
            outcomes.append("")
            assert load_bundle(into).name == "Test"
            shutil.rmtree(into)
    assert sum(map(bool, outcomes)) > len(outcomes) / 3
    assert all(not said or said.endswith(".") for said in outcomes)


def test_bytes_are_counted_while_they_are_read(tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should Python's reader ever give more than the table says."""
    pack(bundle, tmp_path / "file")
    opened: Callable[..., object] = zipfile.ZipFile.open

    def endless(self: zipfile.ZipFile, member: object, *rest: object, **named: object) -> object:
        if isinstance(member, zipfile.ZipInfo) and member.filename == HEAD:
            return io.BytesIO(bytes(8 << 20))
        return opened(self, member, *rest, **named)

    monkeypatch.setattr(zipfile.ZipFile, "open", endless)
    refused(tmp_path / "file", "changed")


def test_bundled_model_of_a_package_without_training_is_not_shared(bundle: Bundle, tmp_path: Path) -> None:
    (bundle.path / KERAS_WEIGHTS).unlink()
    out = tmp_path / "shared.alpacamodel"
    with pytest.raises(BundleError, match="can't be shared from here"):
        pack(load_bundle(bundle.path), out)
    assert not out.exists()
