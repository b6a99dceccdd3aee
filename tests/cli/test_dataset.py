"""`alpacasorter dataset`: what it prints, its exit codes, and Ctrl+C."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from alpacasorter import paths
from alpacasorter.training.open_images.catalog import Source
from alpacasorter.training.open_images.fetch import Unreachable
from tests.cli.commands import Commands, Done, finish, program
from tests.engines import run_python
from tests.training.open_images.server import ALPACA, SHEEP, Answer, OpenImagesServer, open_images


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenImagesServer]:
    """Open Images on this machine: eight alpacas, three photos without one."""
    for name in ("http_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "*")
    with open_images() as running:
        for number in range(8):
            running.add("validation", number, yes=(ALPACA,))
        for number in range(8, 11):
            running.add("validation", number, no=(ALPACA,))
        running.publish()
        yield running


def download(run: Commands, server: OpenImagesServer, out: Path, *options: object) -> Done:
    return run("dataset", "download", "--base-url", server.base, "--out", out, *options)


def test_words(run: Commands, server: OpenImagesServer, tmp_path: Path) -> None:
    out = tmp_path / "a folder 🦙"
    done = download(run, server, out, "--class", "alpaca", "--limit", 5, "--others", 2)
    assert done.code == 0
    assert done.out.splitlines() == [
        "alpaca      5 photos (5 new).",
        "not_alpaca  2 photos (2 new).",
        f"Authors and licenses are listed in {out / 'ATTRIBUTION.csv'}.",
    ]
    assert "alpacasorter: Requesting 7 photos from Open Images.\n" in done.err
    assert "subset “validation”" in done.err
    assert "7/7" in done.err
    assert len(list(out.glob("*/*.jpg"))) == 7
    assert (paths.user_cache_dir() / "open-images").is_dir()


def test_json(run: Commands, server: OpenImagesServer, tmp_path: Path) -> None:
    server.always[server.photo(f"{3:016x}")] = Answer(code=404)
    done = download(run, server, tmp_path / "out", "--class", "Alpaca", "--json", "--quiet", "--subset", "validation")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {
        "out": str(tmp_path / "out"),
        "folders": [{"folder": "alpaca", "class": "Alpaca", "wanted": 100, "photos": 7, "fetched": 7}],
        "left_out": {"missing": 1},
        "attribution": str(tmp_path / "out" / "ATTRIBUTION.csv"),
    }


def test_fewer_than_requested_is_reported(run: Commands, server: OpenImagesServer, tmp_path: Path) -> None:
    server.always[server.photo(f"{3:016x}")] = Answer(code=404)
    done = download(run, server, tmp_path / "out", "--class", "Alpaca")
    assert done.code == 0
    assert "alpaca  7 photos (7 new). No more were found.\n" in done.out
    assert "Left out: 1 (no longer on the server)\n" in done.out


def test_a_second_time(run: Commands, server: OpenImagesServer, tmp_path: Path) -> None:
    download(run, server, tmp_path / "out", "--class", "Alpaca", "--limit", 3)
    done = download(run, server, tmp_path / "out", "--class", "Alpaca", "--limit", 4)
    assert "4 photos from Open Images. 3 of them are already there.\n" in done.err
    assert "are in the cache.\n" in done.err
    assert done.out.startswith("alpaca  4 photos (1 new).\n")


def test_look_alikes_come_in_the_same_number(run: Commands, server: OpenImagesServer, tmp_path: Path) -> None:
    for number in range(20, 26):
        server.add("validation", number, yes=(SHEEP,))
    server.publish()
    done = download(run, server, tmp_path / "out", "--class", "Alpaca", "--not-class", "sheep", "--limit", 4, "--json")
    assert [one["photos"] for one in json.loads(done.out)["folders"]] == [4, 4]


def test_an_unknown_class_is_wrong_usage(run: Commands, server: OpenImagesServer, tmp_path: Path) -> None:
    done = download(run, server, tmp_path / "out", "--class", "Alpaka")
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith("no class “Alpaka”. Did you mean Alpaca?\n")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--class", "Alpaca", "--limit", "0"],
        ["--class", "Alpaca", "--limit", "many"],
        ["--class", "Alpaca", "--others", "-1"],
        ["--class", "Alpaca", "--connections", "99"],
        ["--class", "Alpaca", "--subset", "all"],
        ["--class", "Alpaca", "--base-url", "file:///etc"],
        ["--class", "Alpaca", "--base-url", "http://"],
        ["--class", "Alpaca", "--base-url", "https://[::1"],
        ["--class", "Alpaca", "--not-class", "Sheep", "--others", "0"],
    ],
)
def test_wrong_usage(run: Commands, tmp_path: Path, options: list[str]) -> None:
    done = run("dataset", "download", "--out", tmp_path / "out", *options)
    assert (done.code, done.out) == (2, "")
    assert not (tmp_path / "out").exists()


def test_a_command_is_needed(run: Commands, tmp_path: Path) -> None:
    assert run("dataset").code == 2
    assert run("dataset", "upload").code == 2
    assert run("dataset", "download", "--class", "Alpaca").code == 2


def test_out_is_a_file(run: Commands, server: OpenImagesServer, tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"")
    done = download(run, server, tmp_path / "out", "--class", "Alpaca")
    assert (done.code, done.err) == (2, f"alpacasorter: {tmp_path / 'out'} is a file, not a folder.\n")


def test_without_a_network(
    run: Commands, server: OpenImagesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.close()
    monkeypatch.setattr("alpacasorter.training.open_images.fetch.Web.wait_after", give_up)
    done = download(run, server, tmp_path / "out", "--class", "Alpaca")
    assert (done.code, done.out) == (1, "")
    assert done.err == "alpacasorter: The connection to 127.0.0.1 failed.\n"


def give_up(_: object, error: Exception, failed: int) -> None:
    raise Unreachable(str(error))


def test_classes(run: Commands, server: OpenImagesServer) -> None:
    done = run("dataset", "classes", "--base-url", server.base)
    assert (done.code, done.out) == (0, "Alpaca\nAux\nHiking\nHuman face\nLlama\nSheep\n")
    assert run("dataset", "classes", "AM", "--base-url", server.base).out == "Llama\n"
    told = json.loads(run("dataset", "classes", "h", "--json", "--base-url", server.base).out)
    assert told == [
        {"name": "Hiking", "folder": "hiking", "training_photos": False},
        {"name": "Human face", "folder": "human_face", "training_photos": False},
        {"name": "Sheep", "folder": "sheep", "training_photos": True},
    ]
    none = run("dataset", "classes", "alpakka", "--base-url", server.base)
    assert (none.code, none.out) == (0, "")
    assert none.err == "alpacasorter: No class has “alpakka” in its name. Did you mean Alpaca?\n"
    none = run("dataset", "classes", "qqq", "--base-url", server.base)
    assert none.err == "alpacasorter: No class has “qqq” in its name.\n"


@pytest.mark.parametrize("command", [[], ["download"], ["classes"]])
def test_help_and_version(run: Commands, command: list[str]) -> None:
    done = run("dataset", *command, "--help")
    assert done.code == 0
    assert "exit codes: 0" in done.out
    assert run("dataset", *command, "--version").out.startswith("alpacasorter ")


def test_help_does_not_hide_that_training_may_use_the_network(run: Commands) -> None:
    assert "“alpacasorter train”, if Keras downloads weights" in run("dataset", "--help").out


def test_by_default_it_is_the_real_source(run: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def remember(*_: object, source: Source, **__: object) -> Iterator[object]:
        asked.append(source)
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr("alpacasorter.training.open_images.download.download", remember)
    done = run("dataset", "download", "--class", "Alpaca", "--out", tmp_path)
    assert asked == [Source()]
    assert done.code == 130
    assert "run the same command again to resume" in done.err


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_ctrl_c_and_resuming(run: Commands, server: OpenImagesServer, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--class", "Alpaca", "--limit", 8, "--connections", 2)
    server.hold_photos_after = 4
    started = program("dataset", "download", "--base-url", server.base, "--out", out, *options, no_proxy="*")
    while len(list(out.glob("alpaca/*.jpg"))) < 4 and started.poll() is None:
        time.sleep(0.01)
    started.send_signal(signal.SIGINT)
    done = finish(started)
    assert done.code == 130
    assert "run the same command again to resume" in done.err
    assert "Traceback" not in done.err
    server.hold_photos_after = None
    assert download(run, server, out, *options).out.startswith("alpaca  8 photos (4 new).\n")
    assert max(server.sent.values()) == 1


def test_help_loads_nothing_heavy() -> None:
    script = """
import sys
from alpacasorter.cli import main
try:
    main(["dataset", "download", "--help"])
except SystemExit:
    pass
sys.exit(", ".join(sorted({"numpy", "PIL", "sqlite3", "PySide6", "ai_edge_litert", "tqdm"} & sys.modules.keys())) or 0)
"""
    done = run_python(script)
    assert (done.returncode, done.stderr) == (0, "")
