"""The build: what is trained on what, and from end to end, from pictures and weights to a bundle that the app loads."""

import csv
import dataclasses
import functools
from types import SimpleNamespace

import numpy as np
import pytest

from alpacasorter.ml.learning.folds import assign_folds
from alpacasorter.ml.learning.learner import Learner
from alpacasorter.ml.models.bundle import load_bundle
from alpacasorter.ml.runtime.backbone import CpuBackbone
from tests.tools.model_maker.made_up import made_up
from tests.training.pictures import picture
from tools.model_maker import build_bundle, feature_maps
from tools.model_maker.build_bundle import default_variant, fold_tasks, near_duplicates, out_of_fold
from tools.model_maker.feature_maps import FeatureMaps
from tools.model_maker.last_blocks import Plan
from tools.model_maker.photo_table import ALPACAS_ONLY, VARIANTS, WITH_LLAMAS, read_photos
from tools.model_maker.quality import earlier_bundle
from tools.model_maker.tasks import Task, TaskResult, TaskRunner

# The first test of the build waits for all of it.
pytestmark = [pytest.mark.tensorflow, pytest.mark.timeout(600)]

SIDE = 128
"""With fewer places to average over, LiteRT and Keras may differ by more than a build accepts."""
COUNTS = {
    "article/alpaca": 2,
    "article/not_alpaca": 2,
    "extra/alpaca": 2,
    "extra/lookalike": 1,
    "extra/not_alpaca": 2,
    "lookalike/llama": 3,
    "more/alpaca": 2,
    "more/not_alpaca": 2,
    "unlabeled": 2,
}


def result(count, logit, **changes):
    """The result of a training whose logits are all the same."""
    given = {
        "rows": np.arange(count),
        "embeddings": np.ones((count, 3), dtype=np.float16),
        "weights": np.zeros((3, 2)),
        "bias": np.full(2, float(logit)),
        "teacher": np.full((count, 2), 10.0 * logit),
        "probe": np.full((count, 2), 20.0 * logit),
        "network": {},
    }
    return TaskResult(**{**given, **changes})


def test_the_logits_of_a_result():
    embeddings = np.array([[1, 0], [0, 2]], dtype=np.float16)
    found = result(2, 0, embeddings=embeddings, weights=np.array([[3.0, 4.0], [5.0, 6.0]]), bias=np.array([0.5, -0.5]))
    np.testing.assert_allclose(found.logits(), [[3.5, 3.5], [10.5, 11.5]])


def test_each_photo_is_judged_by_the_training_without_it():
    fold = np.array([0, 1, 2, 1, 0])
    results = [result(5, number) for number in (1, 2, 3)]
    np.testing.assert_allclose(out_of_fold(fold, results)[:, 0], [1, 2, 3, 2, 1])
    np.testing.assert_allclose(out_of_fold(fold, results, teacher=True)[:, 1], [15, 30, 45, 30, 15])


def test_no_training_sees_anything_of_the_groups_it_judges():
    photos = made_up(
        article__alpaca=30,
        article__not_alpaca=30,
        extra__alpaca=20,
        lookalike__llama=15,
        more__not_alpaca=25,
        unlabeled=20,
    )
    groups = np.arange(len(photos.names)) // 3
    folds, tasks = fold_tasks(photos, groups, 2)
    assert len(folds) == 2
    assert [task.name for task in tasks[:6]] == [*(f"round0-fold{number}" for number in range(5)), "round1-fold0"]
    assert len({task.seed for task in tasks}) == len(tasks) == 10
    for place, task in enumerate(tasks):
        fold = folds[place // 5]
        judged = np.setdiff1d(np.arange(len(groups)), task.rows)
        np.testing.assert_array_equal(judged, np.flatnonzero(fold == place % 5))
        assert not set(groups[judged]) & set(groups[task.rows])
        # All sorts of photos are in each fold, also those without a label.
        for mask in (photos.unlabeled, photos.lookalike, photos.in_alpaca_folder == 1):
            assert 0.05 < mask[judged].sum() / mask.sum() < 0.4
    assert (folds[0] != folds[1]).any()


def test_near_duplicates_are_those_that_look_alike_to_the_teacher(tmp_path):
    embeddings = np.zeros((4, 2, 3), dtype=np.float16)
    embeddings[:, 0] = [[1, 0, 0], [0, 1, 0], [0.9, 0.1, 0], [0, 0.7, 0.7]]
    np.save(tmp_path / "le.npy", embeddings)
    first, second, third, fourth = near_duplicates(FeatureMaps(tmp_path, SIDE, ((0, 1),) * 4))
    assert first == third
    assert len({first, second, fourth}) == 3


def test_the_default_is_the_variant_whose_worst_figure_is_better():
    def figures(*shares):
        names = ("alpacas", "llamas and vicuñas", "everything else")
        return {name: {"right": share} for name, share in zip(names, shares, strict=True)}

    assert default_variant([figures(0.9, 0.8, 0.99), figures(0.99, 0.7, 1.0)]) == WITH_LLAMAS
    assert default_variant([figures(0.9, 0.8, 0.99), figures(0.85, 0.85, 0.9)]) == ALPACAS_ONLY


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of generated pictures with their tables; each has its own source."""
    root = tmp_path_factory.mktemp("photos")
    names = []
    for folder, count in COUNTS.items():
        (root / folder).mkdir(parents=True)
        for number in range(count):
            names.append(f"{folder}/{number}.png")
            picture("not_alpaca" not in folder, len(names), 280).save(root / names[-1])
    write(root / "PROVENANCE.csv", ("file", "source", "licence"), *((name, f"source of {name}", "") for name in names))
    animals = [name for name in names if "not_alpaca" not in name and "unlabeled" not in name]
    write(
        root / "camelids.csv",
        ("file", "species", "kinds"),
        *((name, "llama" if "lookalike" in name else "alpaca", "dark") for name in animals),
    )
    write(root / "kinds.csv", ("photo", "kind"))
    return root


def write(file, *rows):
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)


def arguments(photos, teacher, folder, *more):
    tables = ("--species", str(photos / "camelids.csv"), "--kinds", str(photos / "kinds.csv"))
    folders = ("--photos", str(photos), "--work", str(folder / "work"), "--out", str(folder / "bundle"))
    return [*folders, "--teacher", str(teacher), *tables, "--created", "2026-01-02", *more]


def test_without_photos_or_tables_it_says_why(photos, tmp_path, capsys):
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    (tmp_path / "empty").mkdir()
    given = arguments(photos, tmp_path / "teacher.whl", tmp_path)
    given[1] = str(tmp_path / "empty")
    assert build_bundle.main(given) == 1
    assert "No bundle was built: There are no photos in article." in capsys.readouterr().err
    given = arguments(photos, tmp_path / "teacher.whl", tmp_path)
    given[given.index("--species") + 1] = str(tmp_path / "none.csv")
    assert build_bundle.main(given) == 1
    assert "none.csv" in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()


def test_another_file_than_the_teacher_is_refused_and_the_old_bundle_stays(photos, tmp_path, capsys):
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "old").touch()
    for wheel, reason in ((tmp_path / "none.whl", "none.whl"), (photos / "kinds.csv", "not the package")):
        assert build_bundle.main(arguments(photos, wheel, tmp_path)) == 1
        err = capsys.readouterr().err
        assert "No bundle was built" in err
        assert reason in err
    # Before anything is computed.
    assert not (tmp_path / "work").exists()
    assert [file.name for file in (tmp_path / "bundle").iterdir()] == ["old"]


def test_without_tensorflow_it_says_so(photos, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(build_bundle, "has_tensorflow", lambda: False)
    assert build_bundle.main(arguments(photos, tmp_path / "teacher.whl", tmp_path)) == 1
    assert "No bundle was built: " in capsys.readouterr().err


def test_the_splits_of_the_article_and_the_figures_of_several_shuffles(photos, tmp_path, monkeypatch):
    """With trainings that know every label, except that those for the splits call one photo wrong."""
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    table = made_up(
        article__alpaca=30, article__not_alpaca=30, extra__alpaca=10, extra__not_alpaca=10, extra__lookalike=5,
        lookalike__llama=5, more__alpaca=10, more__not_alpaca=10, unlabeled=5,
    )  # fmt: skip
    count = len(table.names)
    embeddings = np.eye(count, dtype=np.float16)[:, np.newaxis]
    # Two near-duplicates among the photos of the article.
    embeddings[1] = embeddings[0]
    ran, written = [], {}

    class Trainings:
        teacher = student = Plan(epochs=1, learning_rate=1.0)
        share = 0.8

        def __init__(self, *_given):
            pass

        def run(self, tasks, *, say):
            ran.extend(tasks)
            signs = np.where(table.in_alpaca_folder == 1, 1.0, -1.0)[:, np.newaxis].repeat(2, axis=1)
            signs[table.lookalike] = (1.0, -1.0)
            found = []
            for task in tasks:
                logits = 3.0 * signs + np.random.default_rng(task.seed).normal(0, 0.5, signs.shape)
                if task.name.startswith("split"):
                    logits[np.setdiff1d(np.arange(count), task.rows)[0]] *= -1
                exact = {"weights": np.eye(2), "bias": np.zeros(2), "teacher": logits, "probe": logits}
                found.append(result(count, 0, embeddings=logits.astype(np.float16), **exact))
            return found

    monkeypatch.setattr(build_bundle, "read_photos", lambda *_a, **_k: table)
    monkeypatch.setattr(build_bundle, "compute_maps", lambda *_a, **_k: SimpleNamespace(embeddings=embeddings))
    monkeypatch.setattr(build_bundle, "TaskRunner", Trainings)

    def keep(_options, _photos, final, heads, quality):
        written.update(final=final, heads=heads, quality=quality)
        return SimpleNamespace(path="", name="", version="", bundle_id="", backbone_id="")

    monkeypatch.setattr(build_bundle, "_write", keep)
    assert build_bundle.main(arguments(photos, tmp_path / "teacher.whl", tmp_path, "--shuffles", "2")) == 0
    names = [task.name for task in ran]
    assert names[0] == "all"
    assert len(names) == 1 + 2 * 5 + 3 + 5
    assert ran[0].rows.tolist() == list(range(count))
    # Only the bundle is an average: it would take several times as long to measure with averages, too.
    assert [task.runs for task in ran] == [build_bundle.RUNS, *(1 for _ in ran[1:])]
    article = set(np.flatnonzero(table.under("article")).tolist())
    held_out = {task.name: set(range(count)) - set(task.rows.tolist()) for task in ran}
    for name, rows in held_out.items():
        if "article-fold" in name or "split" in name:
            assert rows <= article
        if "fold" in name:
            assert {0, 1} <= rows or not {0, 1} & rows
    assert [len(held_out[f"split{seed}"]) for seed in (42, 0, 1)] == [12, 12, 12]
    assert set.union(*(held_out[f"article-fold{number}"] for number in range(5))) == article
    quality = written["quality"]
    assert quality["protocol"] == {"shuffles": 2, "folds": 5, "groups": count - 1, "near_duplicates": 2}
    assert quality["article"]["split"]["n"] == 12
    assert quality["article"]["split"]["accuracy"] == pytest.approx(11 / 12, abs=1e-4)
    assert quality["article"]["folds"] == {"n": 60, "accuracy": 1.0, "balanced_accuracy": 1.0, "auc": 1.0}
    assert quality["out_of_fold"]["all"]["accuracy"] == quality["teacher"]["accuracy"] == 1.0
    assert all(head.calibration.scale > 0 for head in written["heads"])


@pytest.fixture(scope="module")
def built(photos, teacher_wheel, tmp_path_factory):
    """A build with as few and as short trainings as will do, in one process: most of its time goes into TensorFlow."""
    folder = tmp_path_factory.mktemp("build")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.cpu_count", lambda: 1)
        patch.setattr(build_bundle, "SIDE", SIDE)
        # To random weights all pictures look alike.
        patch.setattr(build_bundle, "NEAR_DUPLICATE", 1.1)
        patch.setattr(build_bundle, "RUNS", 1)
        patch.setattr(build_bundle, "FOLDS", 2)
        patch.setattr(build_bundle, "assign_folds", functools.partial(assign_folds, folds=2))
        patch.setattr(feature_maps, "VIEWS", 2)
        patch.setattr(feature_maps, "OF_UNLABELED", (0, 1))
        teacher = Plan(epochs=1, learning_rate=1e-4)
        student = Plan(epochs=1, learning_rate=1e-4, batch_size=8, scenes=0.3, taught=0.5, imitation=0.5)
        runner = functools.partial(TaskRunner, teacher=teacher, student=student)
        patch.setattr(build_bundle, "TaskRunner", runner)
        given = arguments(photos, teacher_wheel, folder, "--shuffles", "1", "--no-article")
        assert build_bundle.main(given) == 0
        bundle = load_bundle(folder / "bundle")

        def again(*more):
            return build_bundle.main([*given, *more])

        yield SimpleNamespace(bundle=bundle, again=again, folder=folder, plans=(teacher, student))


@pytest.mark.slow
def test_the_bundle_has_two_variants_and_describes_itself(built):
    bundle = built.bundle
    assert (bundle.name, bundle.version, bundle.created) == ("Alpaca", "3.0.0", "2026-01-02")
    assert bundle.class_names == ("not_alpaca", "alpaca")
    assert (bundle.input_size, bundle.embedding_size) == (SIDE, 1280)
    assert bundle.network == {"backbone": "mobilenet_v2", "side": SIDE, "dense": [], "pooling": "focus"}
    assert bundle.variants.names == VARIANTS
    assert bundle.variants.default == default_variant(bundle.quality["variants"])
    assert bundle.variants.first_question["en"]
    for variant in bundle.variants.choices:
        for texts in (variant.title, variant.question, variant.answer):
            assert {"de", "en", "es", "fr"} <= set(texts)
            assert all(texts.values())
    # All photos with a label in either variant; llamas have another in each.
    assert len(bundle.replay.labels) == sum(COUNTS.values()) - COUNTS["unlabeled"]
    counts = [int(variant.labels.sum()) for variant in bundle.variants.choices]
    assert counts[0] - counts[1] == COUNTS["lookalike/llama"] + COUNTS["extra/lookalike"]
    assert all((variant.weights == 1).all() for variant in bundle.variants.choices)


@pytest.mark.slow
def test_the_app_can_use_it_and_learn_with_it(built):
    bundle = built.bundle
    backbone = CpuBackbone(bundle.backbone_path.read_bytes())
    pixels = np.asarray(picture(True, 5, SIDE))
    feature_map = backbone.feature_map(pixels)
    embedding = backbone.embed(pixels)
    np.testing.assert_allclose(feature_map.mean(axis=(0, 1)), embedding, atol=1e-5)
    label = int(bundle.replay.labels[0])
    learned = Learner(bundle).learn(bundle.replay.embeddings[:1], np.array([1 - label]))
    before, after = (head.probability(bundle.replay.embeddings[:1])[0] for head in (bundle.head, learned))
    assert (after - before) * (1 - 2 * label) > 0


@pytest.mark.slow
def test_the_card_has_the_figures(built):
    card = built.bundle.card_path.read_text(encoding="utf-8")
    quality = built.bundle.quality
    for words in (
        "# Model card: Alpaca 3.0.0",
        "| article | 2 / 2 | 2 / 2 |",
        "| look-alikes | 4 / 0 | 0 / 4 |",
        "| unlabeled | 2 | 2 |",
        "| all | 12 |",
        "| extra | 4 |",
        "| the teacher, all | 12 |",
        "## Llamas and vicuñas",
        "| dark alpacas | 6 |",
        "2 folds of 18 groups, one shuffle",
        "## Where it comes from",
    ):
        assert words in card
    assert "the article's 80/20 split" not in card
    assert quality["checks"]["litert_keras_embedding"] <= 1e-4
    assert quality["plans"]["model"]["epochs"] == quality["plans"]["model"]["runs"] == 1
    assert quality["protocol"] == {"shuffles": 1, "folds": 2, "groups": 18, "near_duplicates": 0}


@pytest.mark.slow
def test_an_earlier_bundle_is_measured_on_the_new_photos(built, photos):
    table = read_photos(photos, species=photos / "camelids.csv", kinds=photos / "kinds.csv")
    found = earlier_bundle(built.bundle, table)
    assert (found["name"], found["n"]) == ("Alpaca 3.0.0", 4)
    assert 0 <= found["accuracy"] <= 1
    assert 0 <= found["ece"] <= 1


@pytest.mark.slow
def test_a_second_build_trains_nothing_and_is_the_same(built, monkeypatch):
    def refused(*_arguments, **_named):
        raise AssertionError("everything is done")

    monkeypatch.setattr("tools.model_maker.tasks.ProcessPoolExecutor", refused)
    monkeypatch.setattr(feature_maps, "ProcessPoolExecutor", refused)
    before = {file.name: file.read_bytes() for file in built.bundle.path.iterdir()}
    assert built.again() == 0
    assert {file.name: file.read_bytes() for file in built.bundle.path.iterdir()} == before
    assert load_bundle(built.bundle.path).bundle_id == built.bundle.bundle_id


@pytest.mark.slow
def test_only_the_same_task_has_been_done_already(built, photos, teacher_wheel, monkeypatch):
    class Ran(Exception):
        pass

    def refused(*_arguments, **_named):
        raise Ran

    monkeypatch.setattr("tools.model_maker.tasks.ProcessPoolExecutor", refused)
    table = read_photos(photos, species=photos / "camelids.csv", kinds=photos / "kinds.csv")
    count = len(table.names)
    maps = FeatureMaps(built.folder / "work" / "maps", SIDE, ((0, 1),) * count)
    backbone = str(built.folder / "any.npz")
    runner = TaskRunner(built.folder / "work", maps, backbone, teacher_wheel, table.targets(), *built.plans)
    task = Task("all", np.arange(count), 7)
    (done,) = runner.run([task])
    np.testing.assert_array_equal(done.rows, task.rows)
    assert done.logits().shape == done.teacher.shape == done.probe.shape == (count, 2)
    assert done.embeddings.shape == (count, 1280)
    # Each photo has its own picture, and its own embedding.
    assert len({vector.tobytes() for vector in done.embeddings}) == count
    others = [dataclasses.replace(task, **change) for change in ({"rows": task.rows[1:]}, {"seed": 8}, {"runs": 2})]
    plan = dataclasses.replace(built.plans[1], epochs=2)
    runners = [
        dataclasses.replace(runner, student=plan),
        dataclasses.replace(runner, teacher=plan),
        dataclasses.replace(runner, share=0.5),
        dataclasses.replace(runner, targets=1 - runner.targets),
    ]
    for one, what in [*((runner, other) for other in others), *((other, task) for other in runners)]:
        with pytest.raises(Ran):
            one.run([what])
