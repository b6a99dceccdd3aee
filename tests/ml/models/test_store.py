"""A user's models: which one is used, what is listed, adding and removing, and stray files in their folder."""

import errno
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alpacasorter import paths
from alpacasorter.ml.models import store as model_store
from alpacasorter.ml.models import trial as model_trial
from alpacasorter.ml.models.archive import pack
from alpacasorter.ml.models.bundle import load_bundle
from alpacasorter.ml.models.metadata import BACKBONE, CARD, HEAD, KERAS_WEIGHTS, METADATA, BundleError
from alpacasorter.ml.models.store import CHOICE, ModelEntry, ModelStore, ModelStoreError
from alpacasorter.ml.models.trial import run_trial, try_model
from alpacasorter.ml.runtime.backbone import (
    CRASHES,
    DOES_NOT_END,
    DOES_NOT_RUN,
    NOT_LOADED,
    UNUSABLE_NUMBERS,
    WRONG_SHAPE,
)
from alpacasorter.ml.runtime.device import TrialStopped
from tests.engines import real_bundle, run_python, stand_in_for_python
from tests.ml.bundles import make_bundle
from tests.models import describe, other_model, replace_backbone
from tests.unprivileged import ordinary_user, shared_folder

LINKS = pytest.mark.skipif(os.name != "posix", reason="on Windows not everybody may make links")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def store(data: Path, tmp_path: Path) -> ModelStore:
    return ModelStore(data, bundled=make_bundle(tmp_path / "shipped" / "alpaca", version="1.0").path)


@pytest.fixture
def untried(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """No model is tried (the small ones of these tests are no networks); the folders that would have been."""
    tried: list[Path] = []

    def trial(folder: Path, **_: object) -> None:
        tried.append(folder)

    monkeypatch.setattr(model_store, "try_model", trial)
    return tried


def made(tmp_path: Path, name: str, **changes: object) -> Path:
    """Make a model of this name somewhere."""
    return make_bundle(tmp_path / "made" / name, name=name, **changes).path


def titles(store: ModelStore) -> list[tuple[str, str, bool]]:
    return [(entry.key, entry.title, entry.in_use) for entry in store.list_models()]


def everything(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


# The list


def test_only_the_bundled_one(store: ModelStore, data: Path) -> None:
    (entry,) = store.list_models()
    assert entry == ModelEntry(
        path=store.bundled,
        key="alpaca",
        name="Test",
        version="1.0",
        created="2026-01-01",
        classes=("Alpaca", "Not alpaca"),
        bundle_id=load_bundle(store.bundled).bundle_id,
        is_bundled=True,
        in_use=True,
        size=sum(path.stat().st_size for path in store.bundled.iterdir()),
    )
    assert entry.title == "Test 1.0"
    assert entry.card == store.bundled / CARD
    assert not data.exists(), "looking makes nothing"


def test_the_real_store() -> None:
    (entry,) = ModelStore(paths.user_data_dir()).list_models()
    assert entry.path == paths.bundled_model()
    assert entry.problem == ""
    assert ModelStore(paths.user_data_dir()).folder == paths.user_models_dir()


def test_broken_models_are_listed_with_their_reason(store: ModelStore, tmp_path: Path, untried: list[Path]) -> None:
    for name in ("Good", "Bad hash", "No head", "Not JSON", "Renamed"):
        store.add_model(made(tmp_path, name))
    folder = store.folder
    (folder / "bad-hash" / BACKBONE).write_bytes(b"n" * (folder / "bad-hash" / BACKBONE).stat().st_size)
    (folder / "no-head" / HEAD).unlink()
    (folder / "not-json" / METADATA).write_bytes(b"\xff{")
    describe(folder / "renamed", name="<b>Bold</b>\n")
    (folder / "empty").mkdir()
    (folder / ".adding-somewhere").mkdir()
    (folder / "stray.txt").write_text("hello")
    entries = {entry.key: entry for entry in store.list_models()}
    assert set(entries) == {"alpaca", "good", "bad-hash", "no-head", "not-json", "renamed", "empty"}
    assert {key for key, entry in entries.items() if not entry.problem} == {"alpaca", "good"}
    for entry in entries.values():
        assert not entry.problem or (entry.problem.startswith("It can't be used. ") and entry.problem.endswith("."))
    assert "was changed" in entries["bad-hash"].problem
    assert entries["bad-hash"].name == "Bad hash", "as far as it can be read"
    assert entries["not-json"].name == "not-json"
    assert entries["renamed"].name == "renamed", "a name with a line break is none"
    assert next(iter(entries)) == "alpaca"


@pytest.mark.parametrize("what", ["file", pytest.param("link to itself", marks=LINKS)])
def test_no_folder_of_models_at_all(store: ModelStore, data: Path, what: str) -> None:
    data.mkdir()
    if what == "file":
        store.folder.write_text("no folder")
    else:
        store.folder.symlink_to(store.folder)
    assert [entry.key for entry in store.list_models()] == ["alpaca"]
    with pytest.raises(ModelStoreError, match=r"can't be added, and nothing was changed\. .*\."):
        store.add_model(store.bundled)


def test_a_broken_bundled_model_is_listed_too(store: ModelStore) -> None:
    (store.bundled / HEAD).unlink()
    (entry,) = store.list_models()
    assert (entry.is_bundled, entry.in_use) == (True, True)
    assert "head.npz is missing" in entry.problem


# Which one serves


def test_the_choice_is_remembered(store: ModelStore, data: Path, tmp_path: Path, untried: list[Path]) -> None:
    mine = store.add_model(made(tmp_path, "Mine")).entry.path
    assert titles(store) == [("alpaca", "Test 1.0", True), ("mine", "Mine 1.0.0", False)]
    store.choose(mine)
    assert (store.chosen().path, store.chosen().is_bundled) == (mine, False)
    # Another instance, as the command line is.
    assert titles(ModelStore(data, bundled=store.bundled)) == [
        ("alpaca", "Test 1.0", False),
        ("mine", "Mine 1.0.0", True),
    ]
    assert json.loads((data / CHOICE).read_text()) == {"model": "mine"}
    store.choose(store.bundled)
    assert store.chosen().is_bundled
    assert not (data / CHOICE).exists()
    store.choose(store.bundled)
    assert sorted(path.name for path in data.iterdir()) == ["models"]


def test_a_named_model_outranks_the_choice(
    store: ModelStore, tmp_path: Path, untried: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    store.choose(store.add_model(made(tmp_path, "Mine")).entry.path)
    monkeypatch.setenv(paths.MODEL_VARIABLE, str(store.bundled))
    assert titles(store) == [("alpaca", "Test 1.0", True), ("mine", "Mine 1.0.0", False)]
    # One that was never added is listed, too, as it serves.
    elsewhere = made(tmp_path, "Elsewhere")
    monkeypatch.setenv(paths.MODEL_VARIABLE, str(elsewhere))
    assert titles(store)[-1] == ("Elsewhere", "Elsewhere 1.0.0", True)
    assert [in_use for _, _, in_use in titles(store)] == [False, False, True]
    # What serves in a window is what the window says.
    assert [entry.in_use for entry in store.list_models(store.bundled)] == [True, False]


def test_a_chosen_model_that_broke_does_not_serve(store: ModelStore, tmp_path: Path, untried: list[Path]) -> None:
    mine = store.add_model(made(tmp_path, "Mine")).entry.path
    store.choose(mine)
    (mine / HEAD).unlink()
    assert titles(store) == [("alpaca", "Test 1.0", True), ("mine", "Mine", False)]
    shutil.rmtree(mine)
    assert titles(store) == [("alpaca", "Test 1.0", True)]
    assert store.chosen().path == mine, "it may come back, with the drive it is on"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"mine",
        b"[]",
        b"null",
        b'{"model": null}',
        b'{"model": 3}',
        b'{"model": ""}',
        b'{"model": "."}',
        b'{"model": ".."}',
        b'{"model": ".adding-x"}',
        b'{"model": "../../evil"}',
        b'{"model": "sub/evil"}',
        b'{"model": "/etc"}',
        b'{"model": "C:\\\\evil"}',
        b'{"model": "\\\\\\\\server\\\\share"}',
        b'{"model": "a\\u0000b"}',
        b'{"model": "' + b"x" * 300 + b'"}',
        b'{"model": "x"}' + b" " * 5000,
        b"[" * 4000,
        b"\xff\xfe\x00",
        random.Random(1).randbytes(100),
    ],
)
def test_an_invalid_choice(store: ModelStore, data: Path, content: bytes) -> None:
    data.mkdir()
    (data / CHOICE).write_bytes(content)
    choice = store.chosen()
    assert (choice.path, choice.is_bundled) == (store.bundled, True)
    assert "bundled model is used" in choice.notice
    assert [entry.in_use for entry in store.list_models()] == [True]
    # Choosing again puts it right.
    store.choose(store.bundled)
    assert store.chosen().notice == ""


def test_a_choice_of_letters_that_no_file_system_has(store: ModelStore, data: Path) -> None:
    data.mkdir()
    (data / CHOICE).write_bytes(b'{"model": "\\ud800"}')
    assert [entry.in_use for entry in store.list_models()] == [True]


def test_a_folder_in_the_place_of_the_choice(
    store: ModelStore, data: Path, tmp_path: Path, untried: list[Path]
) -> None:
    mine = store.add_model(made(tmp_path, "Mine")).entry.path
    (data / CHOICE).mkdir()
    assert store.chosen().notice
    with pytest.raises(ModelStoreError, match="can't be saved"):
        store.choose(mine)


def test_a_choice_that_cannot_be_stored(
    store: ModelStore, data: Path, tmp_path: Path, untried: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = store.add_model(made(tmp_path, "Mine")).entry.path

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelStoreError, match="space on the disk"):
        store.choose(mine)
    assert store.chosen().is_bundled
    assert sorted(path.name for path in data.iterdir()) == ["models"], "nothing is left over"


def test_only_what_was_added_can_be_chosen(store: ModelStore, tmp_path: Path) -> None:
    with pytest.raises(ModelStoreError, match="Add it first"):
        store.choose(made(tmp_path, "Elsewhere"))
    assert store.chosen().is_bundled


# Adding


def test_adding_a_folder_copies_what_belongs_to_it(store: ModelStore, tmp_path: Path, untried: list[Path]) -> None:
    source = made(tmp_path, "Mine")
    (source / "report.html").write_text("<p>private</p>")
    (source / "photos").mkdir()
    added = store.add_model(source)
    assert added.is_new
    assert added.entry.path == store.folder / "mine"
    assert len(untried) == 1
    assert {path.name for path in added.entry.path.iterdir()} == {path.name for path in source.iterdir()} - {
        "report.html",
        "photos",
    }
    assert load_bundle(added.entry.path).bundle_id == load_bundle(source).bundle_id
    assert load_bundle(added.entry.path).keras_weights_path().is_file()
    assert sorted(path.name for path in store.folder.iterdir()) == ["mine"]


def test_adding_a_file(store: ModelStore, tmp_path: Path, untried: list[Path]) -> None:
    file = tmp_path / "from a friend.alpacamodel"
    pack(load_bundle(made(tmp_path, "Mine")), file)
    added = store.add_model(file)
    assert (added.is_new, added.entry.key, added.entry.problem) == (True, "mine", "")


def test_the_same_model_twice(store: ModelStore, tmp_path: Path, untried: list[Path]) -> None:
    source = made(tmp_path, "Mine")
    first = store.add_model(source)
    file = tmp_path / "same"
    pack(load_bundle(source), file)
    for again in (source, file, first.entry.path):
        added = store.add_model(again)
        assert (added.is_new, added.entry.key) == (False, "mine")
    added = store.add_model(store.bundled)
    assert (added.is_new, added.entry.is_bundled) == (False, True)
    assert sorted(path.name for path in store.folder.iterdir()) == ["mine"]
    assert untried[1:] == [first.entry.path], "one that lies there already may never have been tried"


def test_a_model_that_a_training_put_in_place(store: ModelStore, tmp_path: Path, untried: list[Path]) -> None:
    trained = make_bundle(store.folder / "trained", name="Trained").path
    assert store.add_model(trained) == model_store.Added(
        next(e for e in store.list_models() if not e.is_bundled), False
    )
    assert untried == [trained]
    (trained / HEAD).unlink()
    with pytest.raises(BundleError, match="head"):
        store.add_model(trained)


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("Mine", ["mine", "mine-2", "mine-3"]),
        # The bundled one's own name stays its own, so that each name means one model.
        ("Alpaca", ["alpaca-2", "alpaca-3", "alpaca-4"]),
        ("../../Évil: name?", ["évil-name", "évil-name-2", "évil-name-3"]),
        ("🦙", ["model", "model-2", "model-3"]),
        ("CON", ["model-con", "model-con-2", "model-con-3"]),
        ("..", ["model", "model-2", "model-3"]),
        ("x" * 200, ["x" * 40, "x" * 40 + "-2", "x" * 40 + "-3"]),
    ],
)
def test_folders_are_named_after_the_model(
    store: ModelStore, tmp_path: Path, untried: list[Path], name: str, keys: list[str]
) -> None:
    for number, key in enumerate(keys):
        source = make_bundle(tmp_path / f"source{number}", name=name, version=str(number)).path
        entry = store.add_model(source).entry
        assert (entry.key, entry.name) == (key, name)
        assert entry.path.parent == store.folder


def test_a_name_taken_by_another_instance_at_the_last_moment(
    store: ModelStore, tmp_path: Path, untried: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def late(self: Path, target: Path) -> Path:
        if target.name == "mine" and not target.exists():
            (target / "theirs").mkdir(parents=True)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", late)
    assert store.add_model(made(tmp_path, "Mine")).entry.key == "mine-2"
    assert (store.folder / "mine" / "theirs").is_dir()


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_cannot_be_used_is_not_added(store: ModelStore, tmp_path: Path, untried: list[Path], kind: str) -> None:
    source = made(tmp_path, "Mine")
    if kind == "file":
        file = tmp_path / "mine.alpacamodel"
        pack(load_bundle(source), file)
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 0xFF
        file.write_bytes(data)
        source = file
    else:
        (source / KERAS_WEIGHTS).write_bytes(bytes((source / KERAS_WEIGHTS).stat().st_size))
    with pytest.raises(BundleError, match=r"(?i)“mine.*can't be used\. .*(changed|damaged)"):
        store.add_model(source)
    assert list(store.folder.iterdir()) == []
    assert untried == [], "it is not even tried"


@pytest.mark.parametrize("what", ["nothing", "empty folder", "text", "photos"])
def test_what_is_no_model(store: ModelStore, tmp_path: Path, what: str) -> None:
    source = tmp_path / "source"
    if what == "text":
        source.write_text("hello")
    elif what != "nothing":
        source.mkdir()
    with pytest.raises((BundleError, ModelStoreError), match="source") as caught:
        store.add_model(source)
    assert str(caught.value).endswith(".")
    assert list(store.folder.iterdir()) == []


@LINKS
def test_links_in_a_folder_lead_nowhere_else(store: ModelStore, tmp_path: Path, untried: list[Path]) -> None:
    """What is copied is the file itself, and only if it is what the description says."""
    source = made(tmp_path, "Mine")
    secret = tmp_path / "secret"
    secret.write_text("private")
    (source / CARD).unlink()
    (source / CARD).symlink_to(secret)
    with pytest.raises(BundleError, match=CARD):
        store.add_model(source)
    assert list(store.folder.iterdir()) == []


def test_full_disk(store: ModelStore, tmp_path: Path, untried: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    source = made(tmp_path, "Mine")
    store.add_model(made(tmp_path, "Other"))
    before = everything(store.folder)
    opened = Path.open

    def full(self: Path, mode: str = "r", *rest: object, **named: object) -> object:
        if self.name == HEAD and mode == "xb":
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(self, mode, *rest, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(ModelStoreError, match=r"nothing was changed.*space on the disk"):
        store.add_model(source)
    monkeypatch.undo()
    assert everything(store.folder) == before


def test_what_a_crash_left_is_swept_away(store: ModelStore, tmp_path: Path, untried: list[Path]) -> None:
    old, fresh = store.folder / ".adding-old", store.folder / ".adding-fresh"
    for folder in (old, fresh):
        (folder / "half").mkdir(parents=True)
    long_ago = time.time() - 2 * 24 * 3600
    os.utime(old, (long_ago, long_ago))
    store.add_model(made(tmp_path, "Mine"))
    assert not old.exists()
    assert fresh.exists(), "another instance may be using it"


_ADDER = """
import sys, time
from pathlib import Path
from alpacasorter.ml.models import store
def trial(folder, **_):
    print("trying", flush=True)
    time.sleep(60)
store.try_model = trial
store.ModelStore(Path(sys.argv[1])).add_model(Path(sys.argv[2]))
"""


def test_what_a_killed_process_left_goes_at_once(
    store: ModelStore, data: Path, tmp_path: Path, untried: list[Path]
) -> None:
    """That of one that is still adding a model stays."""
    source = other_model(tmp_path / "goats", name="Goats")
    adders = [
        subprocess.Popen([sys.executable, "-c", _ADDER, data, source], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        for adder in adders:
            assert adder.stdout is not None
            assert adder.stdout.readline() == "trying\n"
        time.sleep(2.1)
        store.add_model(made(tmp_path, "Mine"))
        assert len(list(store.folder.glob(".adding-*"))) == 2
        adders[0].kill()
        adders[0].wait()
        store.add_model(made(tmp_path, "Other"))
        assert len(list(store.folder.glob(".adding-*"))) == 1
    finally:
        for adder in adders:
            adder.kill()
            adder.communicate()
    store.add_model(made(tmp_path, "Third"))
    assert list(store.folder.glob(".adding-*")) == []


def test_a_folder_that_may_not_be_written(store: ModelStore, tmp_path: Path) -> None:
    with shared_folder() as folder, ordinary_user():
        other = ModelStore(folder / "data", bundled=store.bundled)
        with pytest.raises(ModelStoreError, match="don't have permission"):
            other.add_model(tmp_path)


# Removing and finding


def test_removing(store: ModelStore, tmp_path: Path, untried: list[Path]) -> None:
    mine = store.add_model(made(tmp_path, "Mine")).entry.path
    broken = store.add_model(made(tmp_path, "Broken")).entry.path
    (broken / HEAD).unlink()
    store.choose(mine)
    with pytest.raises(ModelStoreError, match="in use"):
        store.remove_model(mine)
    with pytest.raises(ModelStoreError, match="bundled model can't be removed"):
        store.remove_model(store.bundled)
    with pytest.raises(ModelStoreError, match="that was added"):
        store.remove_model(made(tmp_path, "Elsewhere"))
    assert mine.is_dir()
    store.remove_model(broken)
    store.choose(store.bundled)
    store.remove_model(mine)
    assert list(store.folder.iterdir()) == []
    with pytest.raises(ModelStoreError, match="that was added"):
        store.remove_model(mine)


def test_removing_a_chosen_model_that_does_not_serve(store: ModelStore, tmp_path: Path, untried: list[Path]) -> None:
    mine = store.add_model(made(tmp_path, "Mine")).entry.path
    store.choose(mine)
    (mine / HEAD).unlink()
    store.remove_model(mine)
    assert store.chosen() == model_store.Choice(store.bundled, True)


@LINKS
def test_a_link_is_removed_and_not_what_it_leads_to(store: ModelStore, tmp_path: Path) -> None:
    elsewhere = made(tmp_path, "Elsewhere")
    store.folder.mkdir(parents=True)
    (store.folder / "linked").symlink_to(elsewhere, target_is_directory=True)
    assert titles(store)[1] == ("linked", "Elsewhere 1.0.0", False)
    store.remove_model(store.folder / "linked")
    assert list(store.folder.iterdir()) == []
    assert load_bundle(elsewhere).name == "Elsewhere"


def test_finding(store: ModelStore, tmp_path: Path, untried: list[Path]) -> None:
    for number in (1, 2):
        store.add_model(make_bundle(tmp_path / str(number), name="Mine", version=str(number)).path)
    store.add_model(made(tmp_path, "Other one"))
    for name, key in (
        ("mine", "mine"),
        ("mine-2", "mine-2"),
        ("Mine 2", "mine-2"),
        ("OTHER ONE", "other-one"),
        ("alpaca", "alpaca"),
        ("test", "alpaca"),
    ):
        assert store.find(name).key == key
    with pytest.raises(ModelStoreError, match=r"Several .* mine or mine-2"):
        store.find("Mine")
    with pytest.raises(ModelStoreError, match="no model “nothing”"):
        store.find("nothing")


# The trial


def test_a_model_that_works_is_added(data: Path, tmp_path: Path) -> None:
    store = ModelStore(data)
    added = store.add_model(other_model(tmp_path / "goats", name="Goats"))
    assert (added.is_new, added.entry.problem) == (True, "")
    store.check(added.entry.path)


NETWORKS: dict[str, Callable[[bytes], bytes]] = {
    "garbage": lambda _: os.urandom(10_000),
    "text": lambda _: b"no network at all",
    "cut short": lambda network: network[: len(network) // 2],
    "head of a network": lambda network: network[:64] + bytes(1000),
    "damaged tables": lambda network: network[:-4000] + bytes(4000),
}


@pytest.mark.parametrize("what", NETWORKS)
def test_a_network_that_is_none(data: Path, tmp_path: Path, what: str) -> None:
    """Its hash is right, so only running it tells."""
    source = other_model(tmp_path / "goats", name="Goats")
    replace_backbone(source, NETWORKS[what]((source / BACKBONE).read_bytes()))
    load_bundle(source)
    store = ModelStore(data)
    with pytest.raises(BundleError, match=r"“goats” can't be used\. .* network .*\. Ask its author"):
        store.add_model(source)
    assert list(store.folder.iterdir()) == []
    with pytest.raises(BundleError, match="network"):
        store.check(source)


def test_a_model_that_describes_another_network(tmp_path: Path) -> None:
    source = other_model(tmp_path / "goats", input_size=160)
    assert try_model(source) == DOES_NOT_RUN


def test_embeddings_of_another_size_than_said(tmp_path: Path) -> None:
    smaller = make_bundle(tmp_path / "goats", input_size=real_bundle().input_size)
    network = real_bundle().backbone_path.read_bytes()
    replace_backbone(smaller.path, network)
    assert run_trial(load_bundle(smaller.path)) == WRONG_SHAPE


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_numbers_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    class Odd:
        def __init__(self, _: bytes) -> None:
            pass

        def embed(self, _: object) -> object:
            return np.full(real_bundle().embedding_size, value, np.float32)

        def feature_map(self, _: object) -> object:
            return np.zeros((7, 7, 8), np.float32)

    monkeypatch.setattr(model_trial, "CpuBackbone", Odd)
    assert run_trial(real_bundle()) == UNUSABLE_NUMBERS


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("os.abort()", CRASHES),
        ("sys.exit(0)", CRASHES),
        ("pathlib.Path(sys.argv[-1]).write_text('{}')", CRASHES),
        ("pathlib.Path(sys.argv[-1]).write_text('nonsense')", CRASHES),
        ("pathlib.Path(sys.argv[-1]).write_text('{\"problem\": null}')", None),
        ('pathlib.Path(sys.argv[-1]).write_text(\'{"problem": "it is odd"}\')', "it is odd"),
        ("time.sleep(60)", DOES_NOT_END),
    ],
)
def test_outcomes_of_the_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, outcome: str | None) -> None:
    monkeypatch.setattr(sys, "executable", str(stand_in_for_python(tmp_path / "python", body)))
    seconds = 0.5 if "sleep" in body else model_trial.TRIAL_SECONDS
    assert try_model(tmp_path, seconds=seconds) == outcome


def test_the_trial_can_be_stopped(store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(stand_in_for_python(tmp_path / "python", "time.sleep(60)")))
    with pytest.raises(TrialStopped):
        store.add_model(made(tmp_path, "Mine"), stopped=lambda: True)
    assert list(store.folder.iterdir()) == []


def test_the_frozen_program_tries_with_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = 'pathlib.Path(sys.argv[-1]).write_text(\'{"problem": "%s"}\' % sys.argv[1:3])'
    monkeypatch.setattr(sys, "executable", str(stand_in_for_python(tmp_path / "python", body)))
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert try_model(Path("model")) == "['--model-trial', 'model']"


def test_the_program_itself_runs_it(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    script = "import sys; from alpacasorter.cli import main; sys.exit(main(sys.argv[1:]))"
    assert run_python(script, "--model-trial", paths.bundled_model(), report).returncode == 0
    assert json.loads(report.read_text()) == {"problem": None}
    assert run_python(script, "--model-trial", tmp_path / "none", report).returncode == 1
    assert json.loads(report.read_text()) == {"problem": NOT_LOADED}
    assert run_python(script, "--model-trial").returncode == 2
