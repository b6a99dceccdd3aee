"""The checks that `make package` makes of the frozen program, made of scripts that stand in for it."""

import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alpacasorter.core.library_schema import MIGRATIONS
from tools.packaging import checks, old_library, surroundings, training_checks, window_checks
from tools.packaging import program as program_module
from tools.packaging.program import CheckError, Program

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a script stands in for the program, by its first line")


@pytest.fixture(autouse=True)
def same_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start nothing as another user: that one may not even be allowed to read the Python that runs the tests."""
    monkeypatch.setattr(program_module, "_other_user", dict)
    monkeypatch.setattr(window_checks, "WAIT_S", 20.0)


Standing = Callable[[str], Any]


@pytest.fixture
def standing(tmp_path: Path) -> Standing:
    """Gives a program that is a script; it has `os`, `sys` and `Path`."""

    def make(script: str) -> Any:
        path = tmp_path / "a program ä"
        path.write_text(f"#!{sys.executable}\nimport os, sys; from pathlib import Path\n{script}", encoding="utf-8")
        path.chmod(0o755)
        (tmp_path / "work").mkdir(exist_ok=True)
        return Program(path, tmp_path / "no home", tmp_path / "work")

    return make


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.jpg").write_text(str(number))
    return folder


def test_frozen_program_gets_nothing_of_this_session(tmp_path: Path) -> None:
    given = {"PATH": "/bin", "DISPLAY": ":0", "PYTHONPATH": "/x", "HOME": "/mine", "XDG_DATA_HOME": "/mine/data"}
    found = program_module.environment(given, tmp_path / "home")
    assert found["HOME"] == str(tmp_path / "home")
    assert found["PATH"] == "/bin"
    assert not {"DISPLAY", "PYTHONPATH", "XDG_DATA_HOME"} & set(found)


def test_place_is_strange_and_is_taken_away(tmp_path: Path) -> None:
    built = tmp_path / "AlpacaSorter"
    (built / "_internal").mkdir(parents=True)
    (built / "AlpacaSorter").write_text(f"#!{sys.executable}\nimport sys; print(sys.argv[1:]); sys.exit(3)")
    (built / "AlpacaSorter").chmod(0o755)
    with program_module.in_strange_place(built, Path("AlpacaSorter")) as program:
        assert " " in str(program.path)
        assert not str(program.path).isascii()
        assert not program.home.exists()
        assert not (program.path.stat().st_mode | (program.path.parent / "_internal").stat().st_mode) & 0o222
        assert program.run("a", "b c", code=3).stdout == "['a', 'b c']\n"
        with pytest.raises(CheckError, match="“a” ended with 3 and not with 0"):
            program.run("a")
    assert not program.work.parent.exists()


def test_failed_checks_of_a_report(standing: Standing, tmp_path: Path) -> None:
    assert checks.failures(tmp_path / "none.json") == []
    rows = [
        {"name": "window", "ok": True, "detail": ""},
        {"name": "picture AVIF", "ok": False, "detail": "No decoder."},
    ]
    report = json.dumps({"ok": False, "checks": rows})
    program = standing(f"Path(sys.argv[2]).write_text({report!r}); sys.exit(1)")
    with pytest.raises(CheckError, match=r"^The self-test fails:\n  picture AVIF: No decoder\.$"):
        checks.self_test(program)


def test_times_of_several_starts() -> None:
    reports = [{"timings": {"first_window": seconds, "first_judged": 1.0}} for seconds in (0.9, 0.1, 0.7)]
    assert checks.medians(reports) == {"first_window": 0.7, "first_judged": 1.0}
    assert checks.over_budget(checks.medians(reports)) == ["The first window takes 0.70 s; the budget is 0.6 s."]
    reports[1]["timings"]["first_judged"] = None
    with pytest.raises(CheckError, match="first judged"):
        checks.medians(reports)


WINDOW = """\
import sqlite3, subprocess, time
data, cache = Path(os.environ["ALPACASORTER_DATA_DIR"]), Path(os.environ["ALPACASORTER_CACHE_DIR"])
address = Path(os.environ["XDG_RUNTIME_DIR"]) / "alpacasorter-0123"
handed = address.with_name("handed")
def into(file, table, values):
    file.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(file, timeout=20) as connection:
        connection.execute(f"CREATE TABLE IF NOT EXISTS {table}")
        connection.executemany(f"INSERT OR IGNORE INTO {table.split()[0]} VALUES (?)", [(one,) for one in values])
def show(folder):
    into(data / "library.sqlite", "recent_folders (path BLOB UNIQUE)", [os.fsencode(folder)])
    names = [picture.name for picture in Path(folder).iterdir()]
    into(cache / "cache.sqlite", "embeddings (content_id TEXT UNIQUE)", names)
mine = sys.argv[1]
"""
LISTENS = """
address.touch()
show(mine)
while True:
    time.sleep(0.02)
    if handed.exists():
        show(handed.read_text(encoding="utf-8"))
"""
HANDS_OVER = """
if address.exists():
    handed.with_name("writing").write_text(mine, encoding="utf-8")
    os.replace(handed.with_name("writing"), handed)
    sys.exit(0)
"""


@pytest.mark.parametrize(
    ("script", "found"),
    [
        (HANDS_OVER + LISTENS, None),
        ("if address.exists(): sys.exit(0)" + LISTENS, "no window to open .*second"),
        ("if address.exists(): sys.exit('No.')" + LISTENS, r"The second start ended with 1\.\nNo\."),
        (LISTENS, "still there after"),
        ("show(mine); time.sleep(0.3); sys.exit(7)", r"The windows ended with \[7\]"),
        ("sys.stderr.write('No screen.'); sys.exit(1)", r"\[1\]\.\nNo screen\."),
        (HANDS_OVER + "subprocess.Popen(['sleep', '60'])" + LISTENS, "left a process behind"),
        (HANDS_OVER + "import signal; signal.signal(15, signal.SIG_IGN)" + LISTENS, "goes on after"),
    ],
    ids=[
        "good",
        "forgets the folder",
        "fails at the second",
        "opens two",
        "breaks down",
        "no screen",
        "leaves a child",
        "stays",
    ],
)
def test_second_start_of_a_window(
    standing: Standing,
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    found: str | None,
) -> None:
    program = standing(WINDOW + script)
    if found is None:
        in_turn, at_once = window_checks.try_two_starts(program, pictures)
        assert re.fullmatch(r"a second start: gone after \d\.\d\d s, its folder opened .+ in the first window", in_turn)
        assert at_once.startswith("two starts at once: ")
        return
    monkeypatch.setattr(window_checks, "END_S", 1.0)
    monkeypatch.setattr(window_checks, "SECOND_START_S", 1.0 if script == LISTENS else 20.0)
    if found.startswith("no window to open"):
        # The first has to be there by then.
        monkeypatch.setattr(window_checks, "WAIT_S", 5.0)
    with pytest.raises(CheckError, match=found):
        window_checks.try_two_starts(program, pictures)
    # Whatever came of it, nothing is left running.
    until = time.monotonic() + 20
    while _running(str(program.path)) and time.monotonic() < until:
        time.sleep(0.02)
    assert not _running(str(program.path))


def _running(path: str) -> list[str]:
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in listed if path in line]


LATE = """
if "second" in mine:
    while not address.exists():
        time.sleep(0.01)
"""


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (LATE + HANDS_OVER + LISTENS, "one window, which opened the folder it was handed"),
        (LISTENS, "two windows, each with its folder"),
    ],
)
def test_two_starts_at_once(standing: Standing, pictures: Path, script: str, said: str) -> None:
    place = window_checks._place(standing(WINDOW + script), pictures, "at once")
    assert window_checks._at_once(place) == f"two starts at once: {said}"


def test_two_starts_at_once_of_which_one_fails(standing: Standing, pictures: Path) -> None:
    place = window_checks._place(standing(WINDOW + LATE + "    sys.exit(5)" + LISTENS), pictures, "at once")
    with pytest.raises(CheckError, match=r"The windows ended with \[None, 5\]"):
        window_checks._at_once(place)


SCANS = """\
device = sys.argv[sys.argv.index("--device") + 1] if "--device" in sys.argv else "auto"
if device == "gpu" and os.environ.get("VK_DRIVER_FILES") == "":
    sys.stderr.write(SAID)
    sys.exit(CODE)
print("\\n".join(['{"status": "ok"}'] * 4))
"""
NONE_FOUND = "No graphics processor that can run the model was found."


@pytest.mark.parametrize(
    ("system", "code", "said", "found"),
    [
        ("linux", 1, NONE_FOUND, "graphics: none"),
        ("linux", 0, "", "ended with 0 and not with 1"),
        ("linux", 1, "Traceback", "the program says: Traceback"),
        ("darwin", 0, "", "graphics: there is a processor"),
        ("darwin", 1, NONE_FOUND, "graphics: none"),
        ("win32", 0, "", "graphics: there is a processor"),
        ("win32", 1, "Traceback", "the program says: Traceback"),
        ("win32", 3, NONE_FOUND, "ended with 3 and not with 0 or 1"),
    ],
)
def test_graphics_can_be_hidden_on_linux_only(
    standing: Standing,
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    system: str,
    code: int,
    said: str,
    found: str,
) -> None:
    monkeypatch.setattr(checks, "SWIFTSHADER", tmp_path / "none.json")
    program = standing(SCANS.replace("SAID", repr(said)).replace("CODE", str(code)))
    if found.startswith("graphics"):
        assert checks.try_graphics(program, pictures, 4, system).startswith(found)
    else:
        with pytest.raises(CheckError, match=found):
            checks.try_graphics(program, pictures, 4, system)


def test_program_for_the_command_line_is_tried_on_windows(standing: Standing, pictures: Path) -> None:
    program = standing("sys.exit('This is the one with windows.')")
    assert checks.try_console(program, pictures, 4, "linux").startswith("a program for the command line: not tried")
    console = program.path.with_name("AlpacaSorter-console")
    with pytest.raises(FileNotFoundError):
        checks.try_console(program, pictures, 4, "win32")
    console.write_text(f"#!{sys.executable}\nimport sys\n{SCANS}", encoding="utf-8")
    console.chmod(0o755)
    assert checks.try_console(program, pictures, 4, "win32") == "AlpacaSorter-console: 4 pictures judged"
    with pytest.raises(CheckError, match="Of 3 pictures 4 were found"):
        checks.try_console(program, pictures, 3, "win32")


REPORT = """Path(sys.argv[2]).write_text('{"ok": true, "frozen": true, "checks": [{}, {}]}')
"""


def test_streams_are_closed(standing: Standing) -> None:
    script = "if (sys.stdin, sys.stdout, sys.stderr) != (None, None, None): sys.exit(4)\n"
    said = surroundings.try_without_streams(standing(script + REPORT))
    assert said == "no standard streams: 2 checks passed"
    with pytest.raises(CheckError, match=r"Without standard streams: .*ended with 1"):
        surroundings.try_without_streams(standing("sys.stdout.write('x')"))


def test_streams_are_closed_and_no_report_is_left(standing: Standing) -> None:
    with pytest.raises(CheckError, match="Without standard streams: The self-test leaves no report"):
        surroundings.try_without_streams(standing("pass"))


def test_program_is_cut_off() -> None:
    before = surroundings.cut_off()
    if before is None:
        pytest.skip("this system cuts no program off from the network")
    routes = subprocess.run([*before, "cat", "/proc/net/route"], capture_output=True, text=True, check=True).stdout
    assert len(routes.splitlines()) <= 1, "there is a way out"
    who = subprocess.run([*before, "id", "-u"], capture_output=True, text=True, check=True).stdout
    assert int(who) == (os.getuid() or program_module.NOBODY)


def test_no_network(standing: Standing, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (
        "if sys.argv[1] == 'scan': print('\\n'.join(['{\"status\": \"ok\"}'] * int(os.environ['ROWS']))); sys.exit()\n"
    )
    program = standing(rows + REPORT)
    monkeypatch.setattr(surroundings, "cut_off", lambda: ("/usr/bin/env", "ROWS=4"))
    assert surroundings.try_without_network(program, pictures, 4) == "no network: 2 checks passed, 4 pictures judged"
    monkeypatch.setattr(surroundings, "cut_off", lambda: ("/usr/bin/env", "ROWS=3"))
    with pytest.raises(CheckError, match="Of 4 pictures 3 were found"):
        surroundings.try_without_network(program, pictures, 4)
    monkeypatch.setattr(surroundings, "cut_off", lambda: None)
    assert surroundings.try_without_network(program, pictures, 4).startswith("no network: not tried")


def test_old_library_is_that_of_the_first_version(tmp_path: Path) -> None:
    file = old_library.write_old_library(tmp_path, {"ab" * 32: "alpaca"}, tmp_path)
    with contextlib.closing(sqlite3.connect(file)) as old, contextlib.closing(sqlite3.connect(":memory:")) as new:
        for statement in MIGRATIONS[0]:
            new.execute(statement)
        found = [
            [(name, "".join(sql.split())) for name, sql in tables]
            for tables in (
                database.execute("SELECT name, sql FROM sqlite_master WHERE sql NOT NULL ORDER BY name").fetchall()
                for database in (old, new)
            )
        ]
    assert found[0] == found[1]


@pytest.mark.slow
def test_program_of_today_takes_an_old_library(standing: Standing, tmp_path: Path) -> None:
    line = f"os.chdir({str(ROOT)!r}); os.execv(sys.executable, [sys.executable, '-m', 'alpacasorter', *sys.argv[1:]])"
    program = standing(line)
    photos = tmp_path / "photos"
    count = checks.make_pictures(program, Path(sys.executable), ROOT, photos)
    assert old_library.try_old_library(program, photos, count).startswith("an old library: 3 corrections count")


def test_corrections_that_do_not_count_are_found(standing: Standing, pictures: Path) -> None:
    rows = [{"status": "ok", "content_key": f"{n:064x}", "label": "alpaca", "corrected": False} for n in range(4)]
    lines = "\n".join(json.dumps(row) for row in rows)
    with pytest.raises(CheckError, match=r"first version \{\} is corrected"):
        old_library.try_old_library(standing(f"print({lines!r})"), pictures, 4)


def test_child_of_multiprocessing(standing: Standing) -> None:
    script = "from multiprocessing import spawn; sys.frozen = True; spawn.freeze_support(); sys.exit(3)"
    said = training_checks.try_multiprocessing(standing(script))
    assert said == "multiprocessing: a child process did what it was told"


def test_program_that_is_no_child_of_multiprocessing(standing: Standing) -> None:
    with pytest.raises(CheckError, match="ended with 0 and did not do"):
        training_checks.try_multiprocessing(standing("pass"))


TRAINS = """\
import json
def tell(*phases):
    for phase in phases:
        print(json.dumps({"event": "Epoch", "phase": phase}), flush=True)
    print(json.dumps({"event": "Trained"}), flush=True)
match sys.argv[1]:
    case "train":
        out = Path(sys.argv[sys.argv.index("--out") + 1])
        out.with_name(out.name + ".report.html").touch()
        tell("head", "head", "retrain")
    case "scan":
        photos = Path(sys.argv[2]).rglob("*.png")
        print("\\n".join(json.dumps({"status": "ok", "label": photo.parent.name}) for photo in photos))
    case "export-model":
        Path(sys.argv[-1]).touch()
    case "--train-child":
        job = json.loads(sys.stdin.readline())
        Path(job["out"]).mkdir()
        tell("head")
"""


def test_training(standing: Standing) -> None:
    trained, exported, child = training_checks.try_training(standing(TRAINS), Path(sys.executable))
    assert trained == "train: head + head + retrain, 12 pictures judged with the model"
    assert exported.startswith("export-model: ")
    assert child.endswith("1 epoch")


@pytest.mark.parametrize(
    ("right", "wrong", "found"),
    [
        ('"head", "retrain"', '"head"', "has the epochs"),
        ('{"event": "Trained"}', '{"event": "Failed"}', "A training ends with: .*Failed"),
        ("photo.parent.name", '"camel"', "labelled .*camel"),
        ('Path(job["out"]).mkdir()', 'sys.exit("No memory.")', r"ends with 1 and \[\]\nNo memory\."),
    ],
)
def test_training_that_fails(standing: Standing, right: str, wrong: str, found: str) -> None:
    assert right in TRAINS
    with pytest.raises(CheckError, match=found):
        training_checks.try_training(standing(TRAINS.replace(right, wrong)), Path(sys.executable))


def test_no_training(standing: Standing, pictures: Path) -> None:
    program = standing("sys.exit('Training is not part of this package; take the other one.')")
    assert training_checks.try_no_training(program, pictures) == "train: says where to get it"


def test_no_training_and_not_a_word_of_it(standing: Standing, pictures: Path) -> None:
    with pytest.raises(CheckError, match="says: No module"):
        training_checks.try_no_training(standing("sys.exit('No module.')"), pictures)
