"""The program itself: its version, its help, and a window that can't be opened."""

import os
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import alpacasorter
from alpacasorter.cli import main, window
from alpacasorter.workers.instance import InstanceLock
from tests.cli.commands import Commands, finish, program
from tests.engines import run_python

SCREEN = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="a screen is always there")


@pytest.mark.parametrize("command", [[], ["scan"], ["evaluate"], ["models"], ["models", "use"], ["dataset", "classes"]])
def test_version(run: Commands, command: list[str]) -> None:
    done = run(*command, "--version")
    assert (done.code, done.out, done.err) == (0, f"alpacasorter {alpacasorter.__version__}\n", "")
    assert re.fullmatch(r"\d+\.\d+\.\d+", alpacasorter.__version__)


@pytest.mark.parametrize("command", [[], ["scan"], ["evaluate"]])
def test_help_names_the_exit_codes(run: Commands, command: list[str]) -> None:
    done = run(*command, "--help")
    assert done.code == 0
    assert "exit codes: 0" in done.out
    assert "--device" in done.out


@pytest.mark.parametrize("command", [["models"], ["models", "add"], ["models", "remove"]])
def test_help_of_models_names_the_exit_codes_without_photos(run: Commands, command: list[str]) -> None:
    done = run(*command, "--help")
    assert done.code == 0
    assert "exit codes: 0 success, 1 failure" in done.out


def test_help_of_the_window_names_the_commands(run: Commands) -> None:
    out = run("--help").out
    assert "alpacasorter scan FOLDER" in out
    assert "alpacasorter evaluate DATASET" in out


def test_version_and_help_load_nothing_heavy() -> None:
    script = """
import sys
from alpacasorter.cli import main
try:
    main([sys.argv[1]])
except SystemExit:
    pass
sys.exit(", ".join(sorted({"numpy", "PIL", "sqlite3", "PySide6", "ai_edge_litert", "tqdm"} & sys.modules.keys())) or 0)
"""
    for flag in ("--version", "--help"):
        done = run_python(script, flag)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [["--nonsense"], ["--device", "tpu"]])
def test_wrong_usage(run: Commands, arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "usage: alpacasorter" in done.err


@linux_only
@pytest.mark.parametrize("given", ["scna", "Scan", "sorrt", "evalute", "trian", "exportmodel", "model"])
def test_a_mistyped_command_is_named_with_the_right_one(
    run: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for more in ([], [str(tmp_path)]):
        done = run(given, *more)
        assert (done.code, done.out) == (2, "")
        assert f"there is no command “{given}”; did you mean " in done.err


def test_a_folder_named_almost_like_a_command_is_opened(
    run: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scans").mkdir()
    monkeypatch.setattr(window, "has_display", lambda: False)
    assert "did you mean" not in run("scans").err
    assert "can't be opened" in run(tmp_path / "scna").err
    assert "can't be opened" in run("holidays").err


def test_a_model_that_there_is_not_is_named(run: Commands, tmp_path: Path) -> None:
    done = run("scan", tmp_path, "--model", "foo")
    assert (done.code, done.out) == (1, "")
    assert done.err == "alpacasorter: There is no model “foo”. “alpacasorter models” lists the models.\n"
    assert "foo" in run("export-model", "foo", "--keras", "a.keras").err


def test_without_a_screen_it_names_the_other_way(tmp_path: Path) -> None:
    done = finish(program(tmp_path, without=SCREEN))
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("alpacasorter: There is no display for the window.")
    assert "alpacasorter scan" in done.err
    assert len(done.err.splitlines()) == 1


@linux_only
@pytest.mark.parametrize("display", [":97", ":97.0", "unix:97", "127.0.0.1:2", "nonsense", ":"])
def test_a_screen_that_does_not_answer(run: Commands, monkeypatch: pytest.MonkeyPatch, display: str) -> None:
    for name in SCREEN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-97")
    done = run()
    assert done.code == 2
    assert "There is no display" in done.err


@linux_only
def test_a_folder_that_is_not_there_is_told_before_the_screen(run: Commands, tmp_path: Path) -> None:
    done = run(tmp_path / "none")
    assert done.code == 2
    assert done.err.startswith(f"alpacasorter: {tmp_path / 'none'} can't be opened.")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path | None, list[str]]]:
    """The folders that a window which is open was handed, each with the photos."""
    folders: list[tuple[Path | None, list[str]]] = []

    def hand_over(_name: str, folder: Path | None, photos: list[str]) -> bool:
        folders.append((folder, photos))
        return True

    monkeypatch.setattr(window, "has_display", lambda: True)
    monkeypatch.setattr("alpacasorter.workers.instance.hand_over", hand_over)
    return folders


def test_a_photo_opens_its_folder(
    run: Commands, opened: list[tuple[Path | None, list[str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a file manager starts it: with all photos that are selected."""
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).touch()
    assert run(tmp_path / "b.jpg", tmp_path / "a.jpg") == run(tmp_path) == run(tmp_path, tmp_path / "a.jpg")
    monkeypatch.chdir(tmp_path)
    assert run("a.jpg").err == run().err == ""
    photos = [["b.jpg", "a.jpg"], [], ["a.jpg"], ["a.jpg"]]
    assert opened == [*((tmp_path, names) for names in photos), (None, [])]


def test_of_several_folders_the_first_is_opened(
    run: Commands, opened: list[tuple[Path | None, list[str]]], tmp_path: Path
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    done = run(tmp_path / "one", tmp_path / "two")
    assert (done.code, opened) == (0, [(tmp_path / "one", [])])
    assert done.err == f"alpacasorter: Only one folder can be opened: {tmp_path / 'one'}. The others are ignored.\n"


@linux_only
def test_missing_folder_is_told_where_it_can_be_read(
    run: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standard error is not visible if a file manager started the program: the window opens and shows the problem."""
    opened: list[Path | None] = []

    def run_window(
        folder: Path | None, _device: str | None, _variant: str | None, *, photos: list[str], lock: InstanceLock
    ) -> int:
        assert photos == []
        opened.append(folder)
        lock.release()
        return 0

    monkeypatch.setattr(window, "has_display", lambda: True)
    monkeypatch.setattr("alpacasorter.ui.app.run", run_window)
    assert run(tmp_path / "gone").code == 2
    monkeypatch.setenv("XDG_ACTIVATION_TOKEN", "of the click")
    assert run(tmp_path / "gone").code == 0
    monkeypatch.delenv("XDG_ACTIVATION_TOKEN")
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123  # the name that `open_streams` opens
        monkeypatch.setattr(sys, "stderr", nowhere)
        assert main([str(tmp_path / "gone")]) == 0
    assert opened == [tmp_path / "gone"] * 2


@pytest.fixture
def listening(home: Path) -> Iterator[socket.socket]:
    """A socket that is bound to nothing yet."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
        yield made


@linux_only
def test_a_wayland_screen_that_answers(listening: socket.socket, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SCREEN:
        monkeypatch.delenv(name, raising=False)
    assert not window.has_display()
    listening.bind(str(home / "run" / "wayland-5"))
    listening.listen()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-5")
    assert window.has_display()
    # It may also be given from the root.
    monkeypatch.setenv("WAYLAND_DISPLAY", str(home / "run" / "wayland-5"))
    assert window.has_display()


@linux_only
def test_an_x11_screen_that_answers(listening: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SCREEN:
        monkeypatch.delenv(name, raising=False)
    listening.bind("\0/tmp/.X11-unix/X7919")
    listening.listen()
    monkeypatch.setenv("DISPLAY", ":7919.0")
    assert window.has_display()


@linux_only
def test_an_x11_screen_over_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SCREEN:
        monkeypatch.delenv(name, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(window, "_X11_PORT", server.getsockname()[1] - 3)
        monkeypatch.setenv("DISPLAY", "127.0.0.1:3.0")
        assert window.has_display()


def test_ctrl_c_at_any_moment(run: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(window, "has_display", interrupted)
    assert main([str(tmp_path)]) == 130


@linux_only
def test_libraries_that_are_missing_are_named(run: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "has_display", lambda: True)
    # What importing Qt ends in where a library of the system is not installed.
    monkeypatch.setitem(sys.modules, "alpacasorter.ui.app", None)
    with pytest.raises(ImportError):
        run(tmp_path)

    class Finder:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "alpacasorter.ui.app":
                raise ImportError("libEGL.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.delitem(sys.modules, "alpacasorter.ui.app")
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    done = run(tmp_path)
    assert done.code == 1
    assert "libEGL.so.1" in done.err
    assert "apt-get install" in done.err
