"""Variants on the command line: chosen for one run or for all, named in what is printed, and refused if unknown."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from alpacasorter import paths
from alpacasorter.cli.self_test.checks import all_checks
from alpacasorter.ml.models.metadata import BundleError
from tests.cli.commands import Commands, Done
from tests.engines import fill
from tests.models import model_with_variants

CPU = ("--device", "cpu", "--quiet")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_with_variants(tmp_path_factory.mktemp("model") / "ponies", name="Ponies", version="1.0")


@pytest.fixture
def run(run: Commands, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Run commands of which each is a process of its own: `--model` of one is not in the environment of the next."""

    class Each:
        def __call__(self, *arguments: object) -> Done:
            done = run(*arguments)
            monkeypatch.delenv(paths.MODEL_VARIABLE, raising=False)
            return done

    return Each()  # type: ignore[return-value]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    fill(tmp_path / "photos", 3)
    return tmp_path / "photos"


def probabilities(run: Commands, photos: Path, *options: object) -> Mapping[str, float]:
    done = run("scan", photos, "--json", *CPU, *options)
    assert done.code == 0, done.err
    rows = [json.loads(line) for line in done.out.splitlines()]
    return {Path(row["path"]).name: row["probability"] for row in rows}


def test_a_variant_for_one_run(run: Commands, model: Path, photos: Path) -> None:
    usual = probabilities(run, photos, "--model", model)
    narrow = probabilities(run, photos, "--model", model, "--variant", "narrow")
    assert usual.keys() == narrow.keys()
    assert all(abs(usual[name] - narrow[name]) > 0.01 for name in usual)
    assert probabilities(run, photos, "--model", model, "--variant", "wide") == usual
    # It is not kept.
    assert probabilities(run, photos, "--model", model) == usual


@pytest.mark.parametrize(
    "command",
    [
        ("scan", "{photos}", *CPU),
        ("sort", "{photos}", "--into", "{out}", "--dry-run", *CPU),
        ("watch", "{photos}", *CPU),
        ("export", "{photos}", "--json", *CPU),
        ("evaluate", "{photos}", *CPU),
    ],
    ids=lambda command: command[0],
)
def test_an_unknown_one_is_refused(
    run: Commands, model: Path, photos: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    given = [argument.format(photos=photos, out=tmp_path / "out") for argument in command]
    done = run(*given, "--model", model, "--variant", "pony")
    assert (done.code, done.out) == (1, "")
    assert "“pony”" in done.err
    assert "wide or narrow" in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("name", ["", "Narrow", "n" * 200, "\x1b[2J"])
def test_an_odd_one_is_refused(run: Commands, model: Path, photos: Path, name: str) -> None:
    done = run("scan", photos, *CPU, "--model", model, "--variant", name)
    assert (done.code, done.out) == (1, "")
    assert done.err.strip().isprintable()


def test_an_unknown_one_is_not_chosen(run: Commands, model: Path) -> None:
    assert run("models", "add", model).code == 0
    for which in ("ponies", "--bundled"):
        done = run("models", "use", which, "--variant", "pony")
        assert (done.code, done.out) == (1, "")
        assert "variant" in done.err
    assert [json.loads(line)["in_use"] for line in run("models", "--json").out.splitlines()] == [True, False]


def test_it_is_not_for_earlier_sorts(run: Commands) -> None:
    done = run("sort", "--history", "--variant", "narrow")
    assert done.code == 2
    assert "--variant" in done.err


def test_one_for_all_runs(run: Commands, model: Path, photos: Path, tmp_path: Path) -> None:
    assert run("models", "add", model).code == 0
    usual = probabilities(run, photos, "--model", "ponies")
    done = run("models", "use", "ponies", "--variant", "narrow")
    assert (done.code, done.err) == (0, "")
    assert "Ponies count as: Not horse" in done.out
    narrow = probabilities(run, photos)
    assert all(abs(usual[name] - narrow[name]) > 0.01 for name in usual)
    # Another model in between does not change that.
    assert run("models", "use", "--bundled").code == 0
    assert run("models", "use", "ponies").code == 0
    assert probabilities(run, photos) == narrow
    assert run("models", "use", "ponies", "--variant", "wide").code == 0
    assert probabilities(run, photos) == usual


def test_the_list_names_them(run: Commands, model: Path) -> None:
    assert run("models", "add", model).code == 0
    assert run("models", "use", "ponies", "--variant", "narrow").code == 0
    (entry,) = [json.loads(line) for line in run("models", "--json").out.splitlines() if "Ponies" in line]
    assert entry["variants"] == [
        {"name": "wide", "title": "Horse", "default": True, "chosen": False, "in_use": False},
        {"name": "narrow", "title": "Not horse", "default": False, "chosen": True, "in_use": True},
    ]
    lines = run("models").out.splitlines()
    place = lines.index("Variants of Ponies 1.0 (Ponies count as):")
    assert [line.split() for line in lines[place + 1 : place + 3]] == [
        ["wide", "Horse"],
        ["*", "narrow", "Not", "horse"],
    ]
    assert [line.split()[:2] for line in lines].count(["*", "narrow"]) == 1
    assert run("models", "use", "--bundled").code == 0
    entries = [json.loads(line) for line in run("models", "--json").out.splitlines()]
    used = {entry["name"]: [one["name"] for one in entry["variants"] if one["in_use"]] for entry in entries}
    assert used["ponies"] == []
    assert [len(names) for name, names in used.items() if name != "ponies"] == [1]
    assert [one["name"] for one in entries[-1]["variants"] if one["chosen"]] == ["narrow"]
    listed = run("models").out.splitlines()
    assert [line.split()[:2] for line in listed if "narrow" in line] == [["+", "narrow"]]
    assert listed[-1].startswith("+ =")


def test_results_say_which_one_judged(run: Commands, model: Path, photos: Path, tmp_path: Path) -> None:
    done = run("export", photos, "--json", *CPU, "--model", model, "--variant", "narrow")
    assert json.loads(done.out)["model"] == {"name": "Ponies", "version": "1.0", "variant": "narrow"}
    file = tmp_path / "results.json"
    file.write_text(done.out, encoding="utf-8")
    assert run("import", file, "--all").code == 0


def test_an_evaluation_is_of_one_variant(run: Commands, model: Path, tmp_path: Path) -> None:
    for folder, first in (("alpaca", 0), ("not_alpaca", 3)):
        fill(tmp_path / "dataset" / folder, 3, first=first)
    found = {}
    for name in ("wide", "narrow"):
        report = tmp_path / f"{name}.html"
        done = run(
            *("evaluate", tmp_path / "dataset", "--json", "--report", report, *CPU),
            *("--model", model, "--variant", name),
        )
        assert done.code == 0, done.err
        found[name] = json.loads(done.out)
        assert found[name]["variant"] == name
    assert found["wide"]["log_loss"] != found["narrow"]["log_loss"]
    assert "Ponies count as: Not horse" in (tmp_path / "narrow.html").read_text(encoding="utf-8")


def test_corrections_are_shared_and_learned_for_each(run: Commands, model: Path, photos: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.json"
    done = run("export", photos, "--json", *CPU, "--model", model, "--variant", "narrow")
    labels.write_text(done.out, encoding="utf-8")
    assert run("import", labels, "--all", "--model", model).code == 0
    for name in ("wide", "narrow"):
        done = run("scan", photos, "--json", *CPU, "--model", model, "--variant", name)
        assert all(json.loads(line)["corrected"] for line in done.out.splitlines())
    said = {Path(photo["path"]).name: photo["label"] for photo in json.loads(labels.read_text())["photos"]}
    done = run("scan", photos, "--json", *CPU, "--model", model, "--variant", "wide")
    assert {Path(row["path"]).name: row["label"] for row in map(json.loads, done.out.splitlines())} == said


def test_the_self_test_judges_with_each(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPACASORTER_MODEL", str(model))
    judging = dict(all_checks(tmp_path / "first"))["judging"]
    assert judging()
    judging = dict(all_checks(tmp_path / "second", "pony"))["judging"]
    with pytest.raises(BundleError, match="wide or narrow"):
        judging()
