"""Decoding real files of every kind: what is shown, and what is refused for which reason."""

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from alpacasorter.core import reasons
from alpacasorter.core.photo import Unreadable
from alpacasorter.core.photos.decode import Budget, DecodedPhoto, decode, model_input
from alpacasorter.core.photos.reading import read_file
from tests.picture_files import (
    BAD_KINDS,
    CORNERS,
    GOOD_KINDS,
    TRANSPARENT_CORNER,
    can_write,
    corner_colors,
    corner_picture,
    encode,
    exif_block,
    make_picture,
    noise_picture,
    picture_bytes,
    png_chunk,
)
from tests.unprivileged import ordinary_user, shared_folder

# Pytest puts its own filters before the one that hides Pillow's warnings from the user.
pytestmark = pytest.mark.filterwarnings(r"ignore:::PIL\..*")

Color = tuple[int, int, int]

GRAYS = [(76,) * 3, (150,) * 3, (29,) * 3, (226,) * 3]
WHITE = (255, 255, 255)
REASONS = {
    "empty": reasons.EMPTY,
    "zeros": reasons.BLANK,
    "text": reasons.NOT_A_PICTURE,
    "video": reasons.not_a_picture("video"),
    "pdf": reasons.not_a_picture("pdf"),
    **{kind: reasons.TRUNCATED for kind in BAD_KINDS if kind.startswith("truncated")},
    **{kind: reasons.DAMAGED for kind in BAD_KINDS if kind.startswith(("garbage", "header_only"))},
    **{kind: reasons.TOO_MANY_PIXELS for kind in BAD_KINDS if kind.startswith("bomb")},
}
ENCODED = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP")


def expected_corners(kind: str) -> list[Color]:
    if kind == "png_1bit":
        return [(0, 0, 0), WHITE, (0, 0, 0), WHITE]
    corners = list(GRAYS if "gray" in kind or "float" in kind else CORNERS)
    if "alpha" in kind or "transparent" in kind:
        corners[TRANSPARENT_CORNER] = WHITE
    return corners


def assert_close(colors: list[Color], expected: list[Color], *, within: int = 4) -> None:
    assert np.abs(np.subtract(colors, expected)).max() <= within, f"{colors} is not {expected}"


def reason_of(data: bytes) -> str:
    with pytest.raises(Unreadable) as caught:
        decode(data, min_side=256, thumbnail_side=320)
    return caught.value.reason


# What is shown


@pytest.mark.parametrize("kind", GOOD_KINDS)
def test_every_kind_shows_its_colors_upright(kind: str) -> None:
    if not can_write(kind):
        pytest.skip(f"no encoder for {kind} on this machine")
    photo = decode(picture_bytes(kind), min_side=256, thumbnail_side=48)
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.shape == (64, 96, 3)
    assert (photo.width, photo.height) == (96, 64)
    assert_close(corner_colors(photo.pixels), expected_corners(kind))
    assert photo.thumbnail is not None
    with Image.open(io.BytesIO(photo.thumbnail)) as thumbnail:
        assert (thumbnail.format, thumbnail.mode, thumbnail.size) == ("JPEG", "RGB", (48, 32))
        assert_close(corner_colors(np.asarray(thumbnail)), expected_corners(kind), within=8)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_in_other_containers(form: str, orientation: int) -> None:
    if form == "AVIF" and not can_write("avif"):
        pytest.skip("no AVIF encoder on this machine")
    turned = picture_bytes(f"rotated_{orientation}" if orientation > 1 else "jpeg")
    with Image.open(io.BytesIO(turned)) as stored:
        data = encode(stored.convert("RGB"), form, exif=exif_block(orientation=orientation))
    photo = decode(data, min_side=256)
    assert (photo.width, photo.height) == (96, 64)
    assert_close(corner_colors(photo.pixels), list(CORNERS), within=8)


@pytest.mark.skipif(not can_write("heic"), reason="no HEIC encoder on this machine")
def test_heic_is_turned_once() -> None:
    import pillow_heif

    stored = corner_picture().transpose(Image.Transpose.ROTATE_90)
    stored.info["exif"] = exif_block(orientation=6, taken="2024:05:01 12:30:00").tobytes()
    pillow_heif.register_heif_opener()
    photo = decode(encode(stored, "HEIF", quality=90), min_side=256)
    assert (photo.width, photo.height) == (96, 64)
    assert_close(corner_colors(photo.pixels), list(CORNERS))
    assert photo.taken_at == "2024-05-01T12:30:00"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_time_of_capture(form: str) -> None:
    exif = exif_block(taken="2024:05:01 12:30:00", offset="+02:00")
    photo = decode(encode(corner_picture(), form, exif=exif.tobytes()), min_side=256)
    assert photo.taken_at == "2024-05-01T12:30:00+02:00"
    assert decode(encode(corner_picture(), form), min_side=256).taken_at is None


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_broken_exif_costs_nothing_but_the_facts(form: str) -> None:
    if form == "AVIF" and not can_write("avif"):
        pytest.skip("no AVIF encoder on this machine")
    good = exif_block(orientation=1, taken="2024:05:01 12:30:00").tobytes()
    data = encode(corner_picture(), form, exif=good)
    at = data.index(b"MM\x00*")
    for damage in (b"XX", b"MM\x00*\xff\xff\xff\xff", b"MM\x00*\x00\x00\x00\x08\xff\xff\x01\x12\xff\xff"):
        broken = data[:at] + damage + data[at + len(damage) :]
        if form == "PNG":  # with a check sum of its own
            start = broken.index(b"eXIf")
            length = int.from_bytes(broken[start - 4 : start], "big")
            body = broken[start + 4 : start + 4 + length]
            broken = broken[: start - 4] + png_chunk(b"eXIf", body) + broken[start + 8 + length :]
        photo = decode(broken, min_side=256)
        assert_close(corner_colors(photo.pixels), list(CORNERS))


# How much is decoded


@pytest.mark.parametrize(
    ("form", "size", "thumbnail_side", "reduced"),
    [
        ("JPEG", (4000, 3000), 320, (500, 375)),  # 1/8
        ("JPEG", (3000, 4000), None, (375, 500)),
        ("JPEG", (1600, 1200), 320, (400, 300)),  # 1/4
        ("JPEG", (600, 520), None, (300, 260)),  # 1/2
        ("JPEG", (500, 400), 320, (500, 400)),
        ("JPEG", (2048, 2048), 320, (512, 512)),  # 1/8 would do for the pixels, but not for the thumbnail
        ("JPEG", (9000, 6000), 320, (563, 375)),  # 1/16: the decoder's 1/8, then halved
        ("JPEG", (2000, 100), 320, (2000, 100)),
        ("PNG", (2600, 2100), 320, (325, 263)),
        ("PNG", (70_000, 40), 320, (23_334, 14)),  # a strip
        ("PNG", (1600, 1200), 320, (400, 300)),
        ("WEBP", (600, 520), None, (300, 260)),
    ],
)
def test_reduction(form: str, size: tuple[int, int], thumbnail_side: int | None, reduced: tuple[int, int]) -> None:
    data = encode(Image.new("RGB", size, "teal"), form)
    photo = decode(data, min_side=256, thumbnail_side=thumbnail_side)
    assert (photo.width, photo.height) == size
    height, width = photo.pixels.shape[:2]
    assert (width, height) == reduced


def test_a_reduced_jpeg_looks_like_the_full_one() -> None:
    data = picture_bytes("rotated_6", size=(1600, 2400), seed=5)
    reduced = decode(data, min_side=256).pixels
    full = decode(data, min_side=5000).pixels
    assert reduced.shape == (600, 400, 3)
    assert np.abs(model_input(reduced, 32).astype(int) - model_input(full, 32)).max() <= 6


def test_the_container_hardly_changes_what_the_model_sees() -> None:
    picture = noise_picture((1600, 1200), 3)
    views = [model_input(decode(encode(picture, form), min_side=256).pixels, 32).astype(int) for form in ENCODED[:4]]
    assert all(np.abs(view - views[1]).mean() < 3 for view in views)


def test_thumbnail_is_never_enlarged_and_tells_nothing() -> None:
    data = encode(
        corner_picture(),
        "JPEG",
        exif=exif_block(orientation=1, taken="2024:05:01 12:30:00"),
        comment=b"secret",
    )
    thumbnail = decode(data, min_side=256, thumbnail_side=320).thumbnail
    assert thumbnail is not None
    with Image.open(io.BytesIO(thumbnail)) as image:
        assert image.size == (96, 64)
        assert not set(image.info) & {"exif", "icc_profile", "comment", "xmp"}
    assert decode(data, min_side=256).thumbnail is None


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (3, 5)])
@pytest.mark.parametrize("form", ENCODED)
def test_tiny_and_thin_pictures(size: tuple[int, int], form: str) -> None:
    photo = decode(encode(Image.new("RGB", size, "white"), form), min_side=256, thumbnail_side=320)
    assert photo.pixels.shape == (size[1], size[0], 3)
    assert model_input(photo.pixels, 224).shape == (224, 224, 3)


def test_sides_below_one_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        decode(picture_bytes(), min_side=0)
    with pytest.raises(ValueError, match="1 or more"):
        decode(picture_bytes(), min_side=1, thumbnail_side=0)


# What the model sees


def test_model_input_squashes_the_whole_picture() -> None:
    view = model_input(decode(picture_bytes("png", size=(300, 200)), min_side=256).pixels, 224)
    assert view.shape == (224, 224, 3)
    assert view.dtype == np.uint8
    assert corner_colors(view) == list(CORNERS)


def test_model_input_golden_vector() -> None:
    ramp = (np.arange(5 * 4 * 3, dtype=np.uint8) * 4).reshape(5, 4, 3)
    # By hand: a triangle as wide as two target pixels, weights normalized, rounded.
    assert model_input(ramp, 2).tolist() == [
        [[57, 61, 65], [75, 79, 83]],
        [[153, 157, 161], [171, 175, 179]],
    ]


# What is refused, and why


@pytest.mark.parametrize("kind", BAD_KINDS)
def test_every_bad_file_has_its_reason(kind: str) -> None:
    assert reason_of(picture_bytes(kind)) == REASONS[kind]


@pytest.mark.parametrize("form", [*ENCODED, "HEIF", "AVIF"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_picture_cut_short_is_never_shown(form: str, share: float) -> None:
    picture = Image.fromarray(np.random.default_rng(2).integers(0, 256, (300, 400, 3), np.uint8))
    if form in ("HEIF", "AVIF"):
        kind = {"HEIF": "heic", "AVIF": "avif"}[form]
        if not can_write(kind):
            pytest.skip(f"no encoder for {kind} on this machine")
        data = picture_bytes(kind, image=picture)
    else:
        data = encode(picture, form)
    assert reason_of(data[: int(len(data) * share)]) == reasons.TRUNCATED


def test_bytes_behind_the_picture_do_no_harm() -> None:
    for kind in ("jpeg", "png", "webp", "heic", "avif"):
        if can_write(kind):
            decode(picture_bytes(kind) + b"\x00\x00\x00\x01 added by some program", min_side=256)


def test_a_wrong_extension_does_not_matter(tmp_path: Path) -> None:
    path = make_picture(tmp_path / "photo.jpg", kind="webp")
    assert decode(read_file(path), min_side=256).format == "WEBP"


def test_only_known_formats_are_opened() -> None:
    for form in ("PPM", "TGA", "ICO", "PCX", "SGI"):
        assert reason_of(encode(corner_picture(), form)) in (reasons.NOT_A_PICTURE, reasons.not_a_picture("icon"))


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory use from /proc")
def test_bombs_take_no_memory_and_nothing_is_printed(tmp_path: Path) -> None:
    kinds = [kind for kind in BAD_KINDS if kind.startswith("bomb")]
    for kind in kinds:
        make_picture(tmp_path / kind, kind=kind)
    data = picture_bytes("jpeg", size=(64, 64))
    block = exif_block(orientation=1, taken="2024:05:01 12:30:00").tobytes()
    bad_exif = encode(corner_picture(), "JPEG", exif=block[:14] + b"\xff\xff" + block[16:])
    (tmp_path / "odd exif").write_bytes(bad_exif)
    # Above Pillow's own limit for a warning, below that for an error.
    (tmp_path / "large").write_bytes(encode(Image.new("1", (9000, 8000)), "PNG"))
    (tmp_path / "good").write_bytes(data)
    program = """
import sys
from pathlib import Path
from alpacasorter.core.photos.decode import decode
from alpacasorter.core.photo import Unreadable
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        decode(path.read_bytes(), min_side=256, thumbnail_side=320)
        print(path.name, "shown")
    except Unreadable as error:
        print(path.name, "refused")
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print("MB", int(peak.split()[1]) // 1024)
"""
    run = subprocess.run(
        [sys.executable, "-W", "default", "-c", program, str(tmp_path)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    *lines, memory = run.stdout.splitlines()
    assert run.stderr == ""
    assert sorted(lines) == sorted(
        [*(f"{kind} refused" for kind in kinds), "odd exif shown", "large shown", "good shown"]
    )
    assert int(memory.split()[1]) < 400


# Reading files


def test_reasons_for_files_that_cannot_be_read(tmp_path: Path) -> None:
    make_picture(tmp_path / "empty.jpg", kind="empty")
    for name, reason in (
        ("gone.jpg", reasons.VANISHED),
        ("empty.jpg", reasons.EMPTY),
        ("", reasons.IS_FOLDER),
    ):
        with pytest.raises(Unreadable) as caught:
            read_file(tmp_path / name)
        assert caught.value.reason == reason


@pytest.mark.skipif(os.name != "posix", reason="needs pipes that have names")
def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(Unreadable) as caught:
        read_file(tmp_path / "pipe.jpg")
    assert caught.value.reason == reasons.NOT_REGULAR


def test_a_file_without_permission() -> None:
    with shared_folder() as folder:
        path = make_picture(folder / "a.jpg")
        path.chmod(0)
        with ordinary_user(), pytest.raises(Unreadable) as caught:
            read_file(path)
        assert caught.value.reason == reasons.NO_PERMISSION


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "huge.jpg"
    with path.open("wb") as file:
        file.truncate(513 * 1024 * 1024)  # a hole: takes no room on the disk
    with pytest.raises(Unreadable) as caught:
        read_file(path)
    assert caught.value.reason == reasons.TOO_MANY_BYTES


def test_a_cloud_only_file_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_picture(tmp_path / "a.jpg")
    monkeypatch.setattr("alpacasorter.core.photos.reading.is_cloud_only", lambda status: True)
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("a file in the cloud was opened"))
    with pytest.raises(Unreadable) as caught:
        read_file(path)
    assert caught.value.reason == reasons.CLOUD_ONLY


# Threads, damage, and real photos


def test_many_threads_see_the_same(tmp_path: Path) -> None:
    kinds = [kind for kind in GOOD_KINDS if can_write(kind)]
    data = {kind: picture_bytes(kind, size=(640, 480), seed=1) for kind in kinds}
    alone = {kind: decode(data[kind], min_side=100, thumbnail_side=64) for kind in kinds}
    different: list[str] = []

    def work(offset: int) -> None:
        for at in range(len(kinds)):
            kind = kinds[(at + offset) % len(kinds)]
            photo = decode(data[kind], min_side=100, thumbnail_side=64)
            if photo.thumbnail != alone[kind].thumbnail or not np.array_equal(photo.pixels, alone[kind].pixels):
                different.append(kind)

    threads = [threading.Thread(target=work, args=(offset,)) for offset in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert different == []


SMALL = {
    kind: picture_bytes(kind, size=(40, 24), seed=9)
    for kind in GOOD_KINDS
    if can_write(kind) and kind not in ("rotated_2", "rotated_3", "rotated_4", "rotated_5", "rotated_7", "rotated_8")
}


@pytest.mark.parametrize("kind", SMALL)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(changes=st.data())
def test_damaged_files_end_as_unreadable_or_as_a_picture(kind: str, changes: st.DataObject) -> None:
    data = bytearray(SMALL[kind])
    for place, value in changes.draw(
        st.lists(st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255)), max_size=6)
    ):
        data[place] = value
    length = changes.draw(st.one_of(st.just(len(data)), st.integers(0, len(data))))
    try:
        photo = decode(bytes(data[:length]), min_side=16, thumbnail_side=20)
    except Unreadable:
        return
    assert isinstance(photo, DecodedPhoto)
    assert photo.pixels.ndim == 3


def test_real_camera_photos(photos: Path) -> None:
    upright = {"drew_Apple_iPhone_4S.jpg": (2448, 3264), "iphone_13_pro_max.HEIC": (3024, 4032)}
    for path in sorted((photos / "camera").iterdir()):
        photo = decode(read_file(path), min_side=256, thumbnail_side=320)
        assert photo.taken_at is not None
        assert min(photo.pixels.shape[:2]) >= 256
        assert (photo.width > photo.height) == (photo.pixels.shape[1] > photo.pixels.shape[0])
        if path.name in upright:
            assert (photo.width, photo.height) == upright[path.name]


def test_the_preview_inside_a_heic_is_used_where_it_is_large_enough(photos: Path) -> None:
    data = read_file(photos / "camera" / "iphone_13_pro_max.HEIC")
    preview = decode(data, min_side=240, thumbnail_side=320)
    whole = decode(data, min_side=256, thumbnail_side=320)
    assert preview.pixels.shape == (320, 240, 3)
    assert whole.pixels.shape == (504, 378, 3)
    assert (preview.width, preview.height) == (whole.width, whole.height) == (3024, 4032)
    difference = model_input(preview.pixels, 28).astype(int) - model_input(whole.pixels, 28)
    assert np.abs(difference).mean() < 5


# What many threads hold at once


def test_small_holders_go_together_and_a_large_one_alone() -> None:
    budget = Budget(10)
    lock = threading.Lock()
    held: list[int] = []
    seen: list[tuple[int, ...]] = []

    def work(units: int) -> None:
        for _ in range(50):
            with budget.hold(units):
                with lock:
                    held.append(units)
                    seen.append(tuple(held))
                with lock:
                    held.remove(units)

    threads = [threading.Thread(target=work, args=(units,)) for units in (4, 4, 4, 6, 25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(seen) == 250
    assert all(sum(group) <= 10 or group == (25,) for group in seen)


def test_two_that_fit_are_held_at_once() -> None:
    budget = Budget(10)
    both_inside = threading.Barrier(2, timeout=10)

    def work() -> None:
        with budget.hold(5):
            both_inside.wait()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not both_inside.broken


def test_an_error_inside_gives_the_units_back() -> None:
    budget = Budget(1)
    for _ in range(3):
        with pytest.raises(RuntimeError), budget.hold(1):
            raise RuntimeError
    held = threading.Event()

    def work() -> None:
        with budget.hold(1):
            held.set()

    threading.Thread(target=work, daemon=True).start()
    assert held.wait(10)
