"""What is passed over in every walk, and what the user leaves out."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.photos.exclusion import NOMEDIA, PASSED_OVER, Exclusion, PatternError, check, check_root, usable
from alpacasorter.core.photos.walk import OtherFiles, class_folders, walk
from alpacasorter.core.store.cache import Cache
from alpacasorter.ml.evaluation.evaluate import Evaluation, evaluate
from alpacasorter.training.data.dataset import read_dataset
from alpacasorter.workers.class_folders import count_classes
from tests.core.watching.watched import FAST, Watched
from tests.engines import real_bundle
from tests.picture_files import picture_bytes

FOLDERS = (
    *("@eaDir", "@EADIR", "__MACOSX", ".thumbnails", "#recycle", "a.jpg.sb-1a2b3c4d-AbCdEf", "lost+found", "LOST.DIR"),
    *("$RECYCLE.BIN", "System Volume Information", ".Trash-1000", ".Spotlight-V100", ".fseventsd", ".AppleDouble"),
    *(".@__thumb", "@Recycle", ".SynologyWorkingDirectory", "#snapshot", "@tmp", "Photos Library.photoslibrary"),
    *("Old.photolibrary", "Old.aplibrary", "Catalog Previews.lrdata", "Catalog.lrcat-data", "Cloud.lrlibrary"),
    *("Work.cocatalog", ".stfolder", ".stversions", ".dtrash", "RECYCLER", "FOUND.000", "THMBNL", "Temporary Items"),
)
FILES = ("._a.jpg", "Thumbs.db", "desktop.ini", "ehthumbs_vista.db", "a.jpg_exiftool_tmp", ".nomedia.jpg")
SHOWN = ("found.jpg", "eaDir/a.jpg", "snapshot/b.jpg", "recycle/c.jpg", "lrdata/d.jpg", "a.jpg.sb-1/e.jpg")


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture_bytes())
    return path


def fill(folder: Path) -> None:
    """Make a folder with everything that is passed over, with photos in it, and with some that are not."""
    for name in FOLDERS:
        put(folder / name / "deep" / "x.jpg")
    for name in (*FILES, *SHOWN):
        put(folder / name)


def seen(folder: Path, exclusion: Exclusion | None = None) -> list[str]:
    """Return the photos of a walk, below the folder."""
    events = walk(folder, recursive=True, exclusion=exclusion or Exclusion())
    return [one.path.relative_to(folder).as_posix() for one in events if isinstance(one, PhotoFile)]


def last(folder: Path, exclusion: Exclusion | None = None) -> OtherFiles:
    """Return the counts at the end of a walk."""
    *_, event = walk(folder, recursive=True, exclusion=exclusion or Exclusion())
    assert isinstance(event, OtherFiles)
    return event


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    with Cache.open(tmp_path / "cache.sqlite") as opened:
        yield opened


def measure(dataset: Path, cache: Cache, exclusion: Exclusion | None = None) -> Evaluation:
    """Evaluate with a backbone that sees nothing; return the evaluation."""
    size = real_bundle().embedding_size

    def embed(_pixels: np.ndarray) -> np.ndarray:
        return np.ones(size, np.float32)

    *_, evaluation = evaluate(
        dataset, bundle=real_bundle(), cache=cache, embed=embed, threads=1, exclusion=exclusion or Exclusion()
    )
    assert isinstance(evaluation, Evaluation)
    return evaluation


def test_what_systems_and_programs_keep_is_passed_over(tmp_path: Path) -> None:
    fill(tmp_path)
    assert sorted(seen(tmp_path)) == sorted(SHOWN)
    assert last(tmp_path).count == 0


@pytest.mark.parametrize("name", FOLDERS)
def test_opened_itself_such_a_folder_is_shown(tmp_path: Path, name: str) -> None:
    put(tmp_path / name / "deep" / "x.jpg")
    assert seen(tmp_path / name) == ["deep/x.jpg"]


def test_none_of_it_is_a_class_or_in_one(tmp_path: Path, cache: Cache) -> None:
    dataset = tmp_path / "data"
    for name in ("alpaca", "not_alpaca"):
        fill(dataset / name)
    fill(dataset)
    for name in {name.split("/")[0] for name in SHOWN if "/" in name}:
        os.rename(dataset / name, tmp_path / name)  # noqa: PTH104  # shorter
    assert class_folders(dataset) == ["alpaca", "not_alpaca"]
    assert count_classes(dataset).classes == (("alpaca", len(SHOWN)), ("not_alpaca", len(SHOWN)))
    examples = read_dataset([dataset]).examples
    assert len(examples) == 2 * len(SHOWN)
    evaluation = measure(dataset, cache)
    assert len(evaluation.paths) == 2 * len(SHOWN)
    assert evaluation.left_out == ()


def test_watching_passes_it_over_too(tmp_path: Path) -> None:
    from alpacasorter.core.watching.watch import Watch

    folder = tmp_path / "photos"
    folder.mkdir()
    with Watched(Watch(folder, recursive=True, known=(), pace=FAST, exclusion=Exclusion(("raw/", "*.png")))) as heard:
        heard.until(lambda: heard.has_looked)
        fill(folder)
        put(folder / "raw" / "y.jpg")
        put(folder / "z.png")
        heard.until(lambda: len(heard.arrived) >= len(SHOWN))
        heard.settle()
        assert sorted(path.relative_to(folder).as_posix() for path in heard.arrived) == sorted(SHOWN)


def test_watching_follows_a_nomedia_file_that_comes_and_goes(tmp_path: Path) -> None:
    from alpacasorter.core.watching.watch import Watch

    folder = tmp_path / "photos"
    photo = put(folder / "private" / "a.jpg")
    with Watched(Watch(folder, recursive=True, known=(), pace=FAST)) as heard:
        heard.until(lambda: heard.arrived == [photo])
        (folder / "private" / NOMEDIA).touch()
        heard.until(lambda: heard.gone == [photo])
        (folder / "private" / NOMEDIA).unlink()
        heard.until(lambda: heard.arrived == [photo, photo])


def test_nomedia_folders_are_a_choice(tmp_path: Path, cache: Cache) -> None:
    dataset = tmp_path / "data"
    for name in ("alpaca/a.jpg", "alpaca/private/deep/b.jpg", "not_alpaca/c.jpg", "odd/d.jpg"):
        put(dataset / name)
    for name in ("alpaca/private", "odd"):
        (dataset / name / NOMEDIA).touch()
    assert seen(dataset) == ["alpaca/a.jpg", "not_alpaca/c.jpg"]
    assert last(dataset).nomedia_folders == 2
    everything = Exclusion(nomedia=False)
    assert len(seen(dataset, everything)) == 4
    assert last(dataset, everything).nomedia_folders == 0
    assert seen(dataset / "odd") == ["d.jpg"]
    assert count_classes(dataset).classes == (("alpaca", 1), ("not_alpaca", 1))
    assert len(read_dataset([dataset]).examples) == 2
    assert len(measure(dataset, cache).paths) == 2
    assert class_folders(dataset, everything) == ["alpaca", "not_alpaca", "odd"]
    assert len(measure(dataset, cache, everything).paths) == 3


TREE = ("a.jpg", "b.PNG", "raw/a.jpg", "x/raw/c.jpg", "x/y/d.jpg", "2019/05/e.jpg", "2019/f.jpg", "caf\u00e9/g.jpg")


@pytest.mark.parametrize(
    ("pattern", "gone"),
    [
        ("*.png", "b.PNG"),
        ("A.JPG", "a.jpg raw/a.jpg"),
        ("/a.jpg", "a.jpg"),
        ("./a.jpg", "a.jpg"),
        ("raw", "raw/a.jpg x/raw/c.jpg"),
        ("raw/", "raw/a.jpg x/raw/c.jpg"),
        ("a.jpg/", ""),
        ("/raw/", "raw/a.jpg"),
        ("x/raw", "x/raw/c.jpg"),
        ("raw/a.jpg", "raw/a.jpg"),
        ("y/d.jpg", ""),
        ("**/y/d.jpg", "x/y/d.jpg"),
        ("x/**/d.jpg", "x/y/d.jpg"),
        ("x/**", "x/raw/c.jpg x/y/d.jpg"),
        ("x/*", "x/raw/c.jpg x/y/d.jpg"),
        ("2019/*.jpg", "2019/f.jpg"),
        ("2019/**/*.jpg", "2019/05/e.jpg 2019/f.jpg"),
        ("20[0-9][0-9]/", "2019/05/e.jpg 2019/f.jpg"),
        ("[!a-b].jpg", "x/raw/c.jpg x/y/d.jpg 2019/05/e.jpg 2019/f.jpg caf\u00e9/g.jpg"),
        ("[^a-b].jpg", "x/raw/c.jpg x/y/d.jpg 2019/05/e.jpg 2019/f.jpg caf\u00e9/g.jpg"),
        ("?.png", "b.PNG"),
        ("?9/", ""),
        ("CAFE\u0301", "caf\u00e9/g.jpg"),
        ("*/", "raw/a.jpg x/raw/c.jpg x/y/d.jpg 2019/05/e.jpg 2019/f.jpg caf\u00e9/g.jpg"),
        ("r**w", "raw/a.jpg x/raw/c.jpg"),
        ("{a,b}.jpg", ""),
        ("!a.jpg", ""),
    ],
)
def test_patterns(tmp_path: Path, pattern: str, gone: str) -> None:
    for name in TREE:
        put(tmp_path / name)
    left_out = Exclusion(check((pattern,)))
    assert sorted(seen(tmp_path, left_out)) == sorted(set(TREE) - set(gone.split()))
    assert bool(last(tmp_path, left_out).left_out) is bool(gone)
    root = Exclusion(check((pattern,)), root=str(tmp_path))
    assert {name for name in TREE if root.leaves_out_below(str(tmp_path / name), is_folder=False)} == set(gone.split())


def test_a_whole_path_is_a_pattern_too(tmp_path: Path) -> None:
    for name in TREE:
        put(tmp_path / name)
    left_out = Exclusion(check((str(tmp_path / "x") + os.sep, str(tmp_path / "2019" / "*.jpg"))))
    assert sorted(set(TREE) - set(seen(tmp_path, left_out))) == ["2019/f.jpg", "x/raw/c.jpg", "x/y/d.jpg"]


def test_paths_in_a_dataset_are_those_below_the_dataset(tmp_path: Path, cache: Cache) -> None:
    for name in ("alpaca/a.jpg", "alpaca/bad/b.jpg", "not_alpaca/bad/c.jpg", "other/d.jpg"):
        put(tmp_path / "data" / name)
    left_out = Exclusion(check(("alpaca/bad/", "other")))
    assert count_classes(tmp_path / "data", exclusion=left_out).classes == (("alpaca", 1), ("not_alpaca", 1))
    examples = read_dataset([tmp_path / "data"], exclusion=left_out).examples
    assert [one.path.name for one in examples] == ["c.jpg", "a.jpg"]
    assert len(measure(tmp_path / "data", cache, left_out).paths) == 2


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("", "not a name or pattern"),
        ("/", "not a name or pattern"),
        ("//", "not a name or pattern"),
        ("a\0", "not a name or pattern"),
        ("x" * 1001, "not a name or pattern"),
        ("[", "matching “]”"),
        ("a[b", "matching “]”"),
        ("[]", "matching “]”"),
        ("[z-a]", "matching “]”"),
        ("../photos", "contains “..”"),
        ("a/../b", "contains “..”"),
        ("*", "leave out everything"),
        ("**", "leave out everything"),
        ("**/*", "leave out everything"),
        (".", "leave out everything"),
        ("./", "leave out everything"),
        ("/./", "leave out everything"),
        ("?*", "leave out everything"),
        ("*?", "leave out everything"),
        ("*.*", "leave out everything"),
        ("**/*.*", "leave out everything"),
        ("[!.]*", "leave out everything"),
        pytest.param(
            "raw\\",
            "write “/”",
            marks=pytest.mark.skipif(os.name != "posix", reason="Windows has backslashes between folders"),
        ),
        pytest.param(
            "raw\\2019",
            "write “/”",
            marks=pytest.mark.skipif(os.name != "posix", reason="Windows has backslashes between folders"),
        ),
    ],
)
def test_what_is_no_pattern_gets_a_sentence(pattern: str, said: str) -> None:
    with pytest.raises(PatternError, match=said):
        check((pattern,))
    assert usable(("*.png", pattern, "*.png")) == ("*.png",)


@pytest.mark.parametrize("pattern", ["*.j*", "*/", "a?*", "*.???", "2019/**", "*/*.jpg", "*_*", "[0-9]*", "[\\]"])
def test_what_leaves_something_is_a_pattern(pattern: str) -> None:
    assert check((pattern,)) == (pattern,)


def test_the_home_folder_and_double_slashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    put(tmp_path / "photos" / "raw" / "a.jpg")
    put(tmp_path / "photos" / "raw" / "deep" / "b.jpg")
    put(tmp_path / "photos" / "c.jpg")
    for pattern in ("~/photos/raw", "raw//", "/raw", ".//raw"):
        (checked,) = check((pattern,))
        assert seen(tmp_path / "photos", Exclusion((checked,))) == ["c.jpg"], pattern
    assert seen(tmp_path / "photos", Exclusion(check(("raw//deep",)))) == ["c.jpg", "raw/a.jpg"]


def test_the_folder_itself_can_not_be_left_out(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    for pattern in (str(root), f"{root}/", str(tmp_path), f"{tmp_path}//"):
        with pytest.raises(PatternError, match="only what is inside"):
            check_root(Exclusion(check((pattern,))), str(root))
    for pattern in ("photos", "/raw", f"{root}/raw", f"{tmp_path}/other"):
        check_root(Exclusion(check((pattern,))), str(root))


@given(st.text(alphabet="a*?[]!/.^-\\|{}()+$é", max_size=30), st.text(alphabet="ab/.é[]", min_size=1, max_size=30))
def test_any_text_is_a_pattern_or_gets_a_sentence(pattern: str, path: str) -> None:
    try:
        patterns = check((pattern,))
    except PatternError as error:
        assert str(error)[-1] == "."  # noqa: PT017  # not every pattern is wrong
    else:
        Exclusion(patterns, root="/r").leaves_out(f"/r/{path}", is_folder=False)


@pytest.mark.parametrize("pattern", ["*a" * 300 + "b", "**/a/" * 150 + "b", "**/*a*/" * 100 + "b"])
def test_no_pattern_takes_long(pattern: str) -> None:
    left_out = Exclusion(check((pattern,)), root="/r")
    started = time.perf_counter()
    assert not left_out.leaves_out("/r/" + "a/" * 120 + "a" * 250, is_folder=False)
    assert time.perf_counter() - started < 0.5


def test_the_list_can_be_read_in_the_documentation() -> None:
    words = (Path(__file__).parents[3] / "docs" / "sorting.md").read_text(encoding="utf-8")
    for names, whose in PASSED_OVER:
        assert f"| {' '.join(f'`{name}`' for name in names)} | {whose} |" in words
