"""Measuring the shipped model on class folders."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alpacasorter.core.events import Progress
from alpacasorter.core.photos.reading import content_key
from alpacasorter.core.store.cache import Cache
from alpacasorter.ml.evaluation.evaluate import DatasetError, Evaluation, evaluate, evaluation_report, warnings
from alpacasorter.ml.evaluation.metrics import Confusion
from alpacasorter.ml.models.head import Head
from tests.engines import fill, input_of, opened_session, real_backbone, real_bundle
from tests.metadata_writers import with_keyword
from tests.picture_files import make_picture, turned
from tests.unprivileged import ordinary_user, shared_folder

COUNT = 4


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    with Cache.open(tmp_path / "cache.sqlite") as opened:
        yield opened


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return tmp_path / "dataset"


def run(dataset: Path, cache: Cache) -> tuple[list[Progress], Evaluation]:
    return measured(dataset, cache)


def measured(dataset: Path, cache: Cache, learned: Head | None = None) -> tuple[list[Progress], Evaluation]:
    *progress, last = evaluate(
        dataset, bundle=real_bundle(), cache=cache, embed=real_backbone().embed, threads=2, learned=learned
    )
    assert isinstance(last, Evaluation)
    assert all(isinstance(event, Progress) for event in progress)
    return progress, last  # type: ignore[return-value]


def figures(evaluation: Evaluation) -> object:
    """Return what is compared: sums come out different in the last digits where photos come in another order."""
    metrics = evaluation.metrics
    numbers = (metrics.accuracy, metrics.balanced_accuracy, metrics.auc, metrics.ece)
    mistakes = {mistake.path: round(mistake.probability, 6) for mistake in evaluation.mistakes}
    return metrics.n, [number and round(number, 6) for number in numbers], metrics.confusion, mistakes


def probability(path: Path) -> float:
    vector = real_backbone().embed(input_of(path))[np.newaxis].astype(np.float16)
    return float(real_bundle().head.probability(vector.astype(np.float32))[0])


def test_figures_are_those_of_the_shipped_head(dataset: Path, cache: Cache) -> None:
    alpacas = fill(dataset / "alpaca", COUNT)
    others = fill(dataset / "not_alpaca" / "below", COUNT, first=COUNT)
    bad = make_picture(dataset / "alpaca" / "bad.jpg", kind="truncated_jpeg")
    progress, told = run(dataset, cache)
    threshold = real_bundle().threshold
    judged = {path: probability(path) for path in (*alpacas, *others)}
    tp = sum(judged[path] >= threshold for path in alpacas)
    fp = sum(judged[path] >= threshold for path in others)
    confusion = told.metrics.confusion
    assert (confusion.tp, confusion.fn, confusion.fp, confusion.tn) == (tp, COUNT - tp, fp, COUNT - fp)
    assert told.metrics.n == 2 * COUNT
    assert told.metrics.accuracy == pytest.approx((tp + COUNT - fp) / (2 * COUNT))
    assert (told.unreadable, told.left_out) == (1, ())
    wrong = {path for path in judged if (judged[path] >= threshold) != (path in alpacas)}
    assert {mistake.path for mistake in told.mistakes} == wrong
    assert bad not in wrong
    for mistake in told.mistakes:
        assert mistake.probability == pytest.approx(judged[mistake.path], abs=1e-5)
    sure = [m.probability if m.probability >= threshold else 1 - m.probability for m in told.mistakes]
    assert sure == sorted(sure, reverse=True)
    assert len(sure) >= 2, "noise is no alpaca, so there is something to sort"
    assert (progress[-1].done, progress[-1].total) == (2 * COUNT + 1, 2 * COUNT + 1)
    done = [event.done for event in progress]
    assert done == sorted(done)


@pytest.mark.parametrize(
    ("positive", "negative"), [("alpaca", "not_alpaca"), ("Alpaca", "Not alpaca"), (" ALPACA", "not-Alpaca")]
)
def test_folders_may_be_written_in_several_ways(dataset: Path, cache: Cache, positive: str, negative: str) -> None:
    fill(dataset / positive, 1)
    fill(dataset / negative, 2, first=5)
    counts = run(dataset, cache)[1].metrics.confusion
    assert (counts.tp + counts.fn, counts.fp + counts.tn) == (1, 2)


def test_other_folders_are_left_out_and_named(dataset: Path, cache: Cache) -> None:
    fill(dataset / "alpaca", 1)
    fill(dataset / "llama", 1, first=3)
    fill(dataset / ".hidden", 1, first=4)
    fill(dataset, 1, first=5)
    told = run(dataset, cache)[1]
    assert told.left_out == ("llama",)
    assert told.metrics.n == 1


def test_a_single_class_has_no_auc(dataset: Path, cache: Cache) -> None:
    fill(dataset / "not_alpaca", 3)
    told = run(dataset, cache)[1]
    assert told.metrics.auc is None
    assert told.metrics.n == 3
    assert told.metrics.confusion.tp + told.metrics.confusion.fn == 0


def test_corrections_play_no_part(dataset: Path, tmp_path: Path, cache: Cache) -> None:
    fill(dataset / "alpaca", 3)
    fill(dataset / "not_alpaca", 3, first=3)
    expected = run(dataset, cache)[1]
    with opened_session(tmp_path / "home") as opened:
        for _ in opened.session.scan(dataset, recursive=True):
            pass
        keys = list(opened.session.learning._table.keys)
        opened.session.learning.correct(dict.fromkeys(keys, "alpaca"))
        assert figures(run(dataset, opened.cache)[1]) == figures(expected)


def test_a_second_time_nothing_is_judged_again(dataset: Path, cache: Cache) -> None:
    fill(dataset / "alpaca", 2)
    fill(dataset / "not_alpaca", 2, first=2)
    expected = run(dataset, cache)[1]

    def never(_: object) -> np.ndarray:
        raise AssertionError("judged again")

    *_, told = evaluate(dataset, bundle=real_bundle(), cache=cache, embed=never, threads=2)  # type: ignore[arg-type]
    assert isinstance(told, Evaluation)
    assert figures(told) == figures(expected)


@pytest.mark.parametrize("folders", [(), ("llama", "sheep")])
def test_without_class_folders(dataset: Path, cache: Cache, folders: tuple[str, ...]) -> None:
    dataset.mkdir()
    for name in folders:
        fill(dataset / name, 1)
    with pytest.raises(DatasetError, match=r"no subfolders named “alpaca” and “not_alpaca”\. Create one") as told:
        run(dataset, cache)
    listed = " and ".join(f"“{name}”" for name in folders)
    assert str(told.value).endswith(f": {listed}." if folders else "for each class.")


def test_many_other_folders_are_not_all_named(dataset: Path, cache: Cache) -> None:
    for n in range(5):
        (dataset / f"folder{n}").mkdir(parents=True)
    with pytest.raises(DatasetError, match=r": “folder0”, “folder1”, “folder2” and 2 more\.$"):
        run(dataset, cache)


def test_the_folder_of_one_class_is_chosen(dataset: Path, cache: Cache) -> None:
    fill(dataset / "Not alpaca" / "day 1", 1)
    with pytest.raises(DatasetError, match="only one class"):
        run(dataset / "Not alpaca", cache)


def test_without_photos(dataset: Path, cache: Cache) -> None:
    (dataset / "alpaca").mkdir(parents=True)
    with pytest.raises(DatasetError, match="no readable photos in the class folders"):
        run(dataset, cache)
    make_picture(dataset / "alpaca" / "bad.jpg", kind="text")
    with pytest.raises(DatasetError, match="no readable photos in the class folders"):
        run(dataset, cache)


def test_folders_that_cannot_be_opened(tmp_path: Path, cache: Cache) -> None:
    with pytest.raises(DatasetError, match="can't be opened"):
        run(tmp_path / "none", cache)
    with shared_folder() as dataset:
        (dataset / "alpaca").mkdir(mode=0)
        with ordinary_user(), pytest.raises(DatasetError, match="permission"):
            run(dataset, cache)
        (dataset / "alpaca").chmod(0o755)
        fill(dataset / "alpaca", 1)
        dataset.chmod(0o311)
        with ordinary_user(), pytest.raises(DatasetError, match="permission"):
            run(dataset, cache)
        dataset.chmod(0o755)


def test_what_a_report_needs_is_told_photo_by_photo(dataset: Path, cache: Cache) -> None:
    alpacas = fill(dataset / "alpaca", COUNT)
    others = fill(dataset / "not_alpaca", COUNT, first=COUNT)
    bad = make_picture(dataset / "alpaca" / "bad.jpg", kind="empty")
    told = run(dataset, cache)[1]
    assert set(told.paths) == {*alpacas, *others}
    assert {path for path, target in zip(told.paths, told.targets, strict=True) if target} == set(alpacas)
    assert told.keys == tuple(content_key(path.read_bytes()) for path in told.paths)
    for path, found in zip(told.paths, told.shipped.probabilities.tolist(), strict=True):
        assert found == pytest.approx(probability(path), abs=1e-5)
    assert [problem.path for problem in told.problems] == [bad]
    assert told.class_names == ("Not alpaca", "Alpaca")
    assert told.threshold == real_bundle().threshold
    assert told.learned is None
    keys = dict(zip(told.paths, told.keys, strict=True))
    assert all(mistake.content_key == keys[mistake.path] for mistake in told.mistakes)


def test_a_head_that_has_learned_is_measured_beside_the_shipped_one(dataset: Path, cache: Cache) -> None:
    fill(dataset / "alpaca", COUNT)
    fill(dataset / "not_alpaca", COUNT, first=COUNT)
    expected = run(dataset, cache)[1]
    head = replace(real_bundle().head, bias=real_bundle().head.bias + 1000.0)
    told = measured(dataset, cache, learned=head)[1]
    assert told.learned is not None
    assert told.learned.metrics.confusion == Confusion(tp=COUNT, fp=COUNT, tn=0, fn=0)
    assert len(told.learned.mistakes) == COUNT
    assert figures(told) == figures(expected)


def test_progress_is_of_all_folders_together(dataset: Path, cache: Cache) -> None:
    fill(dataset / "alpaca", 3)
    fill(dataset / "not_alpaca", 5, first=3)
    progress, _ = run(dataset, cache)
    assert {event.total for event in progress} == {8}
    assert progress[-1].done == 8


def test_stopping_leaves_no_thread(dataset: Path, cache: Cache) -> None:
    fill(dataset / "alpaca", 20, size=(64, 48))
    events = evaluate(dataset, bundle=real_bundle(), cache=cache, embed=real_backbone().embed, threads=2)
    assert any(isinstance(event, Progress) and event.done for event in events)
    events.close()


def test_a_picture_in_both_classes_is_named(dataset: Path, cache: Cache) -> None:
    for name in ("alpaca", "not_alpaca"):
        fill(dataset / name, COUNT, first=COUNT * (name == "alpaca"))
    first, second, third = sorted((dataset / "alpaca").iterdir())[:3]
    same = dataset / "not_alpaca" / "same.jpg"
    same.write_bytes(first.read_bytes())
    again = dataset / "not_alpaca" / "again.jpg"
    with Image.open(second) as picture:
        picture.convert("RGB").resize((picture.width * 3 // 4, picture.height * 3 // 4)).save(again, quality=60)
    # A copy in the same class is none of them.
    (dataset / "alpaca" / "copy.jpg").write_bytes(third.read_bytes())
    _progress, evaluation = measured(dataset, cache)
    assert {frozenset(files) for files in evaluation.both} == {frozenset((first, same)), frozenset((second, again))}
    said = "\n".join(warnings(evaluation, 0))
    assert "2 photos are in the folders of both classes" in said
    assert str(same) in said
    assert str(again) in said
    report = evaluation_report(evaluation, dataset=dataset, model="m", device="cpu")
    assert any(str(same) in warning for warning in report.warnings)


def test_a_picture_with_another_orientation_or_keyword_is_the_same(dataset: Path, cache: Cache) -> None:
    for name in ("alpaca", "not_alpaca"):
        fill(dataset / name, COUNT, first=COUNT * (name == "alpaca"))
    first, second = sorted((dataset / "alpaca").iterdir())[:2]
    sideways, tagged = dataset / "not_alpaca" / "sideways.jpg", dataset / "not_alpaca" / "tagged.jpg"
    sideways.write_bytes(turned(first.read_bytes()))
    tagged.write_bytes(with_keyword(second.read_bytes()))
    wanted = {frozenset((first, sideways)), frozenset((second, tagged))}
    assert {frozenset(files) for files in measured(dataset, cache)[1].both} == wanted
