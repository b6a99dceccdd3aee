"""`alpacasorter models`: listing, adding, using, sharing and removing, as a user would type it."""

import json
import shutil
from pathlib import Path

import pytest

from alpacasorter import paths
from alpacasorter.ml.models.archive import SUFFIX
from tests.cli.commands import Commands, finish, program
from tests.engines import fill, real_bundle
from tests.models import GOATS, describe, other_model


@pytest.fixture
def goats(tmp_path: Path) -> Path:
    return other_model(tmp_path / "goats", **GOATS)


def listed(run: Commands) -> dict[str, dict[str, object]]:
    done = run("models", "--json")
    assert done.code == 0
    return {entry["name"]: entry for entry in map(json.loads, done.out.splitlines())}


def in_use(run: Commands) -> list[str]:
    return [name for name, entry in listed(run).items() if entry["in_use"]]


def test_the_list(run: Commands, goats: Path) -> None:
    done = run("models")
    assert (done.code, done.err) == (0, "")
    assert "alpaca" in done.out
    assert "(bundled)" in done.out
    run("models", "add", goats)
    lines = run("models").out.splitlines()
    # A table with a heading; below it, the variants of each model.
    assert lines.index("") == 3
    assert any(line.startswith("*  llamas-count") for line in lines[4:])
    assert lines[1].startswith("*  alpaca")
    assert lines[2].startswith("   goats   Goats 0.3")
    assert "Goat / Something else" in lines[2]
    entries = listed(run)
    bundle = real_bundle()
    assert entries["alpaca"] == {
        "name": "alpaca",
        "title": bundle.name,
        "version": bundle.version,
        "created": bundle.created,
        "classes": [bundle.display_names[bundle.positive_label], bundle.display_names[bundle.negative_label]],
        "bundled": True,
        "in_use": True,
        "bytes": sum(path.stat().st_size for path in bundle.path.iterdir()),
        "problem": None,
        "path": str(bundle.path),
        "variants": [
            {"name": "llamas-count", "title": "Alpaca", "default": True, "chosen": True, "in_use": True},
            {"name": "alpacas-only", "title": "Not alpaca", "default": False, "chosen": False, "in_use": False},
        ],
    }
    assert (entries["goats"]["bundled"], entries["goats"]["in_use"]) == (False, False)


def test_a_chosen_model_is_used_everywhere(run: Commands, goats: Path, tmp_path: Path) -> None:
    fill(tmp_path / "photos", 2)
    done = run("models", "add", goats)
    assert done.code == 0
    assert "“Goats 0.3”" in done.out
    assert done.out.endswith("alpacasorter models use goats\n")
    assert "“Goats 0.3”" in run("models", "use", "Goats").out
    assert in_use(run) == ["goats"]
    rows = [json.loads(line) for line in run("scan", tmp_path / "photos", "--json", "--quiet").out.splitlines()]
    assert {row["label"] for row in rows} <= {"goat", "other"}
    # --model still names the model for one run.
    done = run("scan", tmp_path / "photos", "--json", "--quiet", "--model", paths.bundled_model())
    assert {json.loads(line)["label"] for line in done.out.splitlines()} <= {"alpaca", "not_alpaca"}


@pytest.mark.parametrize("name", ["goats", "Goats 0.3"])
def test_a_model_for_one_run_by_its_name(
    run: Commands, goats: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "photos", 2)
    run("models", "add", goats)
    done = run("scan", tmp_path / "photos", "--json", "--quiet", "--model", name)
    assert {json.loads(line)["label"] for line in done.out.splitlines()} <= {"goat", "other"}
    # Here all runs are in one process, which is what the name was given for.
    monkeypatch.setenv("ALPACASORTER_MODEL", "")
    assert in_use(run) == ["alpaca"]
    done = run("scan", tmp_path / "photos", "--json", "--quiet", "--model", "sheep")
    assert (done.code, done.out) == (1, "")
    assert "There is no model “sheep”." in done.err


def test_back_to_the_bundled_one(run: Commands, goats: Path) -> None:
    run("models", "add", goats)
    run("models", "use", "goats")
    assert "bundled model" in run("models", "use", "--bundled").out
    assert in_use(run) == ["alpaca"]
    run("models", "use", "goats")
    assert run("models", "use", "alpaca").code == 0
    assert in_use(run) == ["alpaca"]


def test_a_named_model_outranks_the_choice(run: Commands, goats: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("models", "add", goats)
    monkeypatch.setenv(paths.MODEL_VARIABLE, str(paths.bundled_model()))
    done = run("models", "use", "goats")
    assert done.code == 0
    assert "ALPACASORTER_MODEL is set" in done.err
    assert in_use(run) == ["alpaca"]
    monkeypatch.delenv(paths.MODEL_VARIABLE)
    assert in_use(run) == ["goats"]


def test_a_chosen_model_that_broke(run: Commands, goats: Path, tmp_path: Path) -> None:
    fill(tmp_path / "photos", 1)
    run("models", "add", goats)
    run("models", "use", "goats")
    (paths.user_models_dir() / "goats" / "head.npz").write_bytes(b"odd")
    done = run("scan", tmp_path / "photos", "--json", "--quiet")
    assert done.code == 0
    assert json.loads(done.out)["label"] in ("alpaca", "not_alpaca")
    assert "“Goats” can't be used. head.npz" in done.err
    assert "The bundled model is used instead." in done.err
    assert "It can't be used. head.npz" in run("models").out
    entries = listed(run)
    assert entries["alpaca"]["in_use"]
    assert str(entries["goats"]["problem"]).startswith("It can't be used")
    done = run("models", "use", "goats")
    assert (done.code, done.out) == (1, "")
    assert "can't be used" in done.err
    assert run("models", "share", "goats", "--out", tmp_path / "out").code == 1
    assert not (tmp_path / "out").exists()
    assert run("models", "remove", "goats").code == 0
    assert list(listed(run)) == ["alpaca"]


def test_sharing(run: Commands, tmp_path: Path, goats: Path) -> None:
    run("models", "add", goats)
    out = tmp_path / f"goats{SUFFIX}"
    done = run("models", "share", "goats", "--out", out)
    assert (done.code, done.err) == (0, "")
    assert str(out) in done.out
    before = out.read_bytes()
    done = run("models", "share", "goats", "--out", out)
    assert done.code == 1
    assert "already exists" in done.err
    assert out.read_bytes() == before
    # What came out is what went in, on another computer too.
    run("models", "remove", "goats")
    assert run("models", "add", out).code == 0
    assert listed(run)["goats"]["title"] == "Goats"
    assert "already been added, under the name goats." in run("models", "add", out).out
    done = run("models", "share", "goats", "--out", tmp_path / "none" / "goats")
    assert done.code == 1
    assert "can't be written" in done.err


def test_removing(run: Commands, goats: Path) -> None:
    run("models", "add", goats)
    run("models", "use", "goats")
    done = run("models", "remove", "goats")
    assert done.code == 1
    assert "in use" in done.err
    run("models", "use", "--bundled")
    assert "“Goats 0.3”" in run("models", "remove", "goats").out
    done = run("models", "remove", "alpaca")
    assert done.code == 1
    assert "bundled model can't be removed" in done.err


def test_what_cannot_be_added(run: Commands, tmp_path: Path, goats: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear alpaca")
    describe(goats, input_size=160)
    for source, words in (
        (tmp_path / "nothing", "does not exist"),
        (tmp_path / "letter.txt", "not a model file"),
        (tmp_path, "not a model folder"),
        (goats, "network"),
    ):
        done = run("models", "add", source)
        assert (done.code, done.out) == (1, "")
        assert words in done.err
        assert done.err.count("\n") == 1
    assert list(listed(run)) == ["alpaca"]


def test_names_that_mean_nothing(run: Commands, tmp_path: Path) -> None:
    for arguments in (("use", "nothing"), ("share", "nothing", "--out", tmp_path / "x"), ("remove", "nothing")):
        done = run("models", *arguments)
        assert done.code == 1
        assert "no model “nothing”" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("use",),
        ("use", "alpaca", "--bundled"),
        ("share", "alpaca"),
        ("add",),
        ("remove",),
        ("nonsense",),
        ("--model", "x"),
    ],
)
def test_wrong_usage(run: Commands, arguments: tuple[str, ...]) -> None:
    done = run("models", *arguments)
    assert done.code == 2
    assert "usage: alpacasorter models" in done.err


def test_help(run: Commands) -> None:
    done = run("models", "--help")
    assert done.code == 0
    assert "go back" not in done.out
    assert "exit codes" in done.out
    assert "--bundled" in run("models", "use", "--help").out
    assert "alpacasorter models" in run("--help").out
    assert run("models", "--version").out.startswith("alpacasorter ")


def test_a_choice_that_cannot_be_read(run: Commands) -> None:
    paths.user_data_dir().mkdir(parents=True)
    (paths.user_data_dir() / "model-in-use.json").write_text("{")
    done = run("models")
    assert done.code == 0
    assert "bundled model is used" in done.err
    assert "*  alpaca" in done.out


def test_the_program_in_a_process_of_its_own(goats: Path, tmp_path: Path) -> None:
    assert finish(program("models", "add", goats)).code == 0
    shutil.rmtree(goats)
    assert finish(program("models", "use", "goats")).code == 0
    done = finish(program("models", "--json"))
    assert [json.loads(line)["in_use"] for line in done.out.splitlines()] == [False, True]
