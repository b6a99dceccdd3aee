"""`alpacasorter evaluate`: one JSON object, or some lines for people."""

import json
from pathlib import Path

import pytest

from alpacasorter.ml.evaluation.metrics import Metrics
from alpacasorter.ml.evaluation.report import ReportError
from tests.cli.commands import Commands, finish, program
from tests.engines import fill, real_bundle
from tests.picture_files import make_picture

CPU = ("--device", "cpu")
KEYS = {
    "n",
    "accuracy",
    "balanced_accuracy",
    "auc",
    "ece",
    "log_loss",
    "threshold",
    "confusion",
    "classes",
    "unreadable",
    "trained_on",
    "variant",
    "both_classes",
    "mistakes",
}


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    place = tmp_path / "dataset"
    fill(place / "alpaca", 3)
    fill(place / "not_alpaca", 2, first=3)
    make_picture(place / "alpaca" / "bad.jpg", kind="empty")
    return place


def test_json_is_one_object_with_just_these_keys(run: Commands, dataset: Path) -> None:
    done = run("evaluate", dataset, "--json", *CPU)
    assert done.code == 0
    assert len(done.out.splitlines()) == 1
    told = json.loads(done.out)
    assert told.keys() == KEYS
    confusion = told["confusion"]
    assert list(confusion) == ["tp", "fp", "tn", "fn"]
    assert (told["n"], told["unreadable"]) == (5, 1)
    assert (confusion["tp"] + confusion["fn"], confusion["fp"] + confusion["tn"]) == (3, 2)
    assert told["accuracy"] == pytest.approx((confusion["tp"] + confusion["tn"]) / 5)
    assert told["log_loss"] > 0
    assert list(told["classes"]) == ["not_alpaca", "alpaca"]
    assert [of["n"] for of in told["classes"].values()] == [2, 3]
    assert told["classes"]["alpaca"]["recall"] == pytest.approx(confusion["tp"] / 3, abs=1e-6)
    assert told["classes"]["not_alpaca"]["recall"] == pytest.approx(confusion["tn"] / 2, abs=1e-6)
    assert told["threshold"] == real_bundle().threshold
    assert told["trained_on"] == 0
    assert len(told["mistakes"]) == confusion["fp"] + confusion["fn"] > 0
    for mistake in told["mistakes"]:
        assert list(mistake) == ["path", "probability"]
        assert Path(mistake["path"]).is_file()
        wrongly_positive = Path(mistake["path"]).parent.name == "not_alpaca"
        assert (mistake["probability"] >= told["threshold"]) == wrongly_positive
    assert "6/6" in done.err


def test_words(run: Commands, dataset: Path) -> None:
    told = json.loads(run("evaluate", dataset, "--json", *CPU).out)
    done = run("evaluate", dataset, "--quiet", *CPU)
    assert (done.code, done.err) == (0, "")
    assert f"{told['accuracy']:.2%}" in done.out
    assert "1 more could not be read" in done.out
    assert f"Alpaca: {told['confusion']['tp']} of 3 found" in done.out
    assert f"Not alpaca: {told['confusion']['tn']} of 2 found" in done.out
    for mistake in told["mistakes"]:
        assert f"{mistake['probability']:.3f}  {mistake['path']}" in done.out


def test_report(run: Commands, dataset: Path, tmp_path: Path) -> None:
    fill(dataset / "llama", 1)
    place = tmp_path / "report.html"
    done = run("evaluate", dataset, "--json", "--report", place, *CPU)
    assert done.code == 0
    assert f"alpacasorter: The report is in {place}." in done.err
    told, page = json.loads(done.out), place.read_text(encoding="utf-8")
    for mistake in told["mistakes"]:
        assert Path(mistake["path"]).name in page
    assert page.count("data:image/jpeg;base64,") == len(told["mistakes"])
    assert "bad.jpg" in page
    assert "llama" in page
    assert "the model as shipped" in page
    assert "LiteRT" in page
    right = told["confusion"]["tp"] + told["confusion"]["tn"]
    assert f"{right} of 5 photos judged correctly" in page


def test_report_and_nothing_else_on_the_screen(run: Commands, dataset: Path, tmp_path: Path) -> None:
    done = run("evaluate", dataset, "--quiet", "--report", tmp_path / "report.HTM", *CPU)
    assert (done.code, done.err) == (0, "")
    assert (tmp_path / "report.HTM").is_file()


def test_a_report_must_not_replace_a_photo(run: Commands, dataset: Path, tmp_path: Path) -> None:
    photo = dataset / "alpaca" / "photo0.jpg"
    before = photo.read_bytes()
    (tmp_path / "folder.html").mkdir()
    for place, why in (
        (photo, "Its name must end in .html."),
        (tmp_path / "folder.html", "It is a folder."),
        (tmp_path / "none" / "report.html", "does not exist."),
    ):
        done = run("evaluate", dataset, "--report", place, *CPU)
        assert (done.code, done.out) == (2, "")
        assert "The report can't be written to" in done.err
        assert why in done.err
    assert photo.read_bytes() == before


def test_a_report_that_cannot_be_written(
    run: Commands, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise ReportError("The report can't be written to there (No space left on device).")

    monkeypatch.setattr("alpacasorter.ml.evaluation.report.write_report", full)
    done = run("evaluate", dataset, "--quiet", "--report", tmp_path / "report.html", *CPU)
    assert done.code == 1
    assert "No space left on device" in done.err


def test_many_mistakes_are_cut_short_for_people(run: Commands, tmp_path: Path) -> None:
    fill(tmp_path / "alpaca", 24, size=(32, 24))
    fill(tmp_path / "not_alpaca", 1, first=30, size=(32, 24))
    told = json.loads(run("evaluate", tmp_path, "--json", *CPU).out)
    count = len(told["mistakes"])
    assert count > 20, "noise is no alpaca"
    lines = run("evaluate", tmp_path, *CPU).out.splitlines()
    assert sum("photo" in line and ".jpg" in line for line in lines) == 20
    assert lines[-1].strip() == f"and {count - 20} more; --json lists all"


def test_a_single_class(run: Commands, tmp_path: Path) -> None:
    fill(tmp_path / "Not alpaca", 2)
    done = run("evaluate", tmp_path, "--json", *CPU)
    assert done.code == 0
    told = json.loads(done.out)
    assert told["auc"] is None
    assert told["n"] == 2
    assert "none" in run("evaluate", tmp_path, *CPU).out


def test_figures_that_are_not_defined_are_null_and_not_nan(run: Commands, tmp_path: Path) -> None:
    fill(tmp_path / "alpaca", 1)
    out = run("evaluate", tmp_path, "--json", *CPU).out
    json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert {field for field in Metrics.__dataclass_fields__ if field in KEYS} == KEYS & {
        "n",
        "accuracy",
        "balanced_accuracy",
        "auc",
        "ece",
        "confusion",
    }


def test_other_folders_are_named(run: Commands, dataset: Path) -> None:
    fill(dataset / "llama", 1)
    done = run("evaluate", dataset, "--json", *CPU)
    assert done.code == 0
    assert "alpacasorter: The subfolder llama is not named after a class and was left out." in done.err
    assert json.loads(done.out)["n"] == 5


def test_without_class_folders(run: Commands, tmp_path: Path) -> None:
    fill(tmp_path / "photos", 1)
    done = run("evaluate", tmp_path, "--json", *CPU)
    assert (done.code, done.out) == (1, "")
    assert "has no subfolders named “alpaca” and “not_alpaca”." in done.err
    assert "Traceback" not in done.err


def test_wrong_usage(run: Commands, tmp_path: Path) -> None:
    for arguments in (["evaluate"], ["evaluate", tmp_path, "--csv"], ["evaluate", tmp_path / "none"]):
        done = run(*arguments)
        assert (done.code, done.out) == (2, "")
        assert done.err


def test_in_a_process_of_its_own(dataset: Path) -> None:
    done = finish(program("evaluate", dataset, "--json", "--quiet", *CPU))
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out)["n"] == 5


def test_the_set_that_the_article_uses(run: Commands, photos: Path) -> None:
    told = json.loads(run("evaluate", photos / "article", "--json", *CPU).out)
    assert told["n"] == 327
    assert told["unreadable"] == 0
    assert told["accuracy"] > 0.95
    assert told["auc"] > 0.98
    # All but three, which show no animal of the kind.
    assert told["trained_on"] == 324, "the user should know that these figures flatter the model"


def test_what_is_left_out(run: Commands, dataset: Path) -> None:
    fill(dataset / "@eaDir", 1)
    fill(dataset / "alpaca" / "blurred", 1, first=7)
    fill(dataset / "other", 1)

    def measured(*options: str) -> tuple[int, int, bool]:
        done = run("evaluate", dataset, "--json", *options, *CPU)
        result = json.loads(done.out)
        return result["n"], result["unreadable"], "other" in done.err

    assert measured() == (6, 1, True)
    assert measured("--exclude", "alpaca/blurred/", "--exclude", "bad.jpg", "--exclude", "other/") == (5, 0, False)
