"""The checks of the frozen program by `make package`, run against scripts that take its place."""

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

import pytest

from alpacasorter.core.store.library_schema import MIGRATIONS
from tools.packaging import checks, training_checks, window_checks
from tools.packaging import program as frozen
from tools.packaging.program import CheckError, Program

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a script with a #! line takes the place of the program")


@pytest.fixture(autouse=True)
def same_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start nothing as another user, who may not be allowed to read the Python that runs the tests."""
    monkeypatch.setattr(frozen, "_other_user", dict)
    monkeypatch.setattr(window_checks, "WAIT_S", 20.0)


MakeProgram = Callable[[str], Program]


@pytest.fixture
def make_program(tmp_path: Path) -> MakeProgram:
    """Return a function that makes a program from a script, which can use `os`, `sys` and `Path`."""

    def make(script: str) -> Program:
        path = tmp_path / "a program ä"
        path.write_text(f"#!{sys.executable}\nimport os, sys; from pathlib import Path\n{script}", encoding="utf-8")
        path.chmod(0o755)
        (tmp_path / "work").mkdir(exist_ok=True)
        return Program(path, tmp_path / "no home", tmp_path / "work")

    return make


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.jpg").write_text(str(number))
    return folder


def test_frozen_program_inherits_nothing_from_this_session(tmp_path: Path) -> None:
    given = {"PATH": "/bin", "DISPLAY": ":0", "PYTHONPATH": "/x", "HOME": "/mine", "XDG_DATA_HOME": "/mine/data"}
    found = frozen.clean_environment(given, tmp_path / "home")
    assert found["HOME"] == str(tmp_path / "home")
    assert found["PATH"] == "/bin"
    assert not {"DISPLAY", "PYTHONPATH", "XDG_DATA_HOME"} & set(found)


def test_installed_copy_is_read_only_and_removed_afterward(tmp_path: Path) -> None:
    built = tmp_path / "AlpacaSorter"
    (built / "_internal").mkdir(parents=True)
    (built / "AlpacaSorter").write_text(f"#!{sys.executable}\nimport sys; print(sys.argv[1:]); sys.exit(3)")
    (built / "AlpacaSorter").chmod(0o755)
    with frozen.installed_copy(built, Path("AlpacaSorter")) as program:
        assert " " in str(program.path)
        assert not str(program.path).isascii()
        assert not program.home.exists()
        assert not (program.path.stat().st_mode | (program.path.parent / "_internal").stat().st_mode) & 0o222
        assert program.run("a", "b c", code=3).stdout == "['a', 'b c']\n"
        with pytest.raises(CheckError, match="“a” exited with code 3; expected 0"):
            program.run("a")
    assert not program.work.parent.exists()


def test_failed_checks_are_listed(make_program: MakeProgram, tmp_path: Path) -> None:
    assert frozen.failed_checks(tmp_path / "none.json") == []
    rows = [
        {"name": "window", "ok": True, "detail": ""},
        {"name": "photo AVIF", "ok": False, "detail": "No decoder."},
    ]
    report = json.dumps({"ok": False, "checks": rows})
    program = make_program(f"Path(sys.argv[2]).write_text({report!r}); sys.exit(1)")
    with pytest.raises(CheckError, match=r"^The self-test failed:\n  photo AVIF: No decoder\.$"):
        frozen.self_test(program)


def test_median_timings_of_several_starts() -> None:
    reports = [{"timings": {"first_window": seconds, "first_judged": 1.0}} for seconds in (0.9, 0.1, 0.7)]
    assert checks.median_timings(reports) == {"first_window": 0.7, "first_judged": 1.0}
    assert checks.over_budget(checks.median_timings(reports)) == ["The first window takes 0.70 s; the budget is 0.6 s."]
    reports[1]["timings"]["first_judged"] = None
    with pytest.raises(CheckError, match="first judged"):
        checks.median_timings(reports)


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
    names = [photo.name for photo in Path(folder).iterdir()]
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
        ("if address.exists(): sys.exit(0)" + LISTENS, "No window opened .*second"),
        ("if address.exists(): sys.exit('No.')" + LISTENS, r"The second start exited with code 1\.\nNo\."),
        (LISTENS, "still running after"),
        ("show(mine); time.sleep(0.3); sys.exit(7)", r"The windows exited with codes \[7\]"),
        ("sys.stderr.write('No screen.'); sys.exit(1)", r"\[1\]\.\nNo screen\."),
        (HANDS_OVER + "subprocess.Popen(['sleep', '60'])" + LISTENS, "left a process running"),
        (
            HANDS_OVER + "import signal; signal.signal(15, signal.SIG_IGN)" + LISTENS,
            "is still running .+ asked to exit",
        ),
    ],
    ids=[
        "good",
        "forgets the folder",
        "fails at the second",
        "opens two",
        "crashes",
        "no screen",
        "leaves a child",
        "ignores the signal",
    ],
)
def test_second_start_of_a_window(
    make_program: MakeProgram,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    found: str | None,
) -> None:
    program = make_program(WINDOW + script)
    if found is None:
        in_turn, at_once = window_checks.check_two_starts(program, photos)
        assert re.fullmatch(
            r"second start: exited after \d\.\d\d s, the first window opened and judged its folder", in_turn
        )
        assert at_once.startswith("two starts at once: ")
        return
    monkeypatch.setattr(window_checks, "EXIT_S", 1.0)
    monkeypatch.setattr(window_checks, "SECOND_START_S", 1.0 if script == LISTENS else 20.0)
    if found.startswith("No window opened"):
        # The first window has to be open by then.
        monkeypatch.setattr(window_checks, "WAIT_S", 5.0)
    with pytest.raises(CheckError, match=found):
        window_checks.check_two_starts(program, photos)
    # Whatever the result, nothing is left running.
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
    ("script", "found"),
    [
        (LATE + HANDS_OVER + LISTENS, "one window, which opened the folder handed to it"),
        (LISTENS, "two windows, each with its folder"),
    ],
)
def test_two_starts_at_once(make_program: MakeProgram, photos: Path, script: str, found: str) -> None:
    trial = window_checks.new_trial(make_program(WINDOW + script), photos, "at once")
    assert window_checks.check_at_once(trial) == f"two starts at once: {found}"


def test_one_of_two_starts_at_once_fails(make_program: MakeProgram, photos: Path) -> None:
    trial = window_checks.new_trial(make_program(WINDOW + LATE + "    sys.exit(5)" + LISTENS), photos, "at once")
    with pytest.raises(CheckError, match=r"The windows exited with codes \[None, 5\]"):
        window_checks.check_at_once(trial)


SCANS = """\
device = sys.argv[sys.argv.index("--device") + 1] if "--device" in sys.argv else "auto"
if device == "gpu" and os.environ.get("VK_DRIVER_FILES") == "":
    sys.stderr.write(MESSAGE)
    sys.exit(CODE)
print("\\n".join(['{"status": "ok"}'] * 4))
"""
NONE_FOUND = "No graphics processor that can run the model was found."


@pytest.mark.parametrize(
    ("system", "code", "message", "found"),
    [
        ("linux", 1, NONE_FOUND, "graphics: fell back"),
        ("linux", 0, "", "exited with code 0; expected 1"),
        ("linux", 1, "Traceback", "the program says: Traceback"),
        ("darwin", 0, "", "graphics: judged on this"),
        ("darwin", 1, NONE_FOUND, "graphics: fell back"),
        ("win32", 0, "", "graphics: judged on this"),
        ("win32", 1, "Traceback", "the program says: Traceback"),
        ("win32", 3, NONE_FOUND, "exited with code 3; expected 0 or 1"),
    ],
)
def test_gpus_can_only_be_hidden_on_linux(
    make_program: MakeProgram,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    system: str,
    code: int,
    message: str,
    found: str,
) -> None:
    monkeypatch.setattr(checks, "SWIFTSHADER", tmp_path / "none.json")
    program = make_program(SCANS.replace("MESSAGE", repr(message)).replace("CODE", str(code)))
    if found.startswith("graphics"):
        assert checks.check_graphics(program, photos, 4, system).startswith(found)
    else:
        with pytest.raises(CheckError, match=found):
            checks.check_graphics(program, photos, 4, system)


def test_console_program_is_checked_on_windows(make_program: MakeProgram, photos: Path) -> None:
    program = make_program("sys.exit('This is the one with a window.')")
    assert checks.check_console_program(program, photos, 4, "linux").startswith("command-line program: not tried")
    console = program.path.with_name("AlpacaSorter-console")
    with pytest.raises(FileNotFoundError):
        checks.check_console_program(program, photos, 4, "win32")
    console.write_text(f"#!{sys.executable}\nimport sys\n{SCANS}", encoding="utf-8")
    console.chmod(0o755)
    assert checks.check_console_program(program, photos, 4, "win32") == "AlpacaSorter-console: 4 photos judged"
    with pytest.raises(CheckError, match="The scan found 4 of 3 photos"):
        checks.check_console_program(program, photos, 3, "win32")


REPORT = """Path(sys.argv[2]).write_text('{"ok": true, "frozen": true, "checks": [{}, {}]}')
"""


def test_self_test_runs_without_streams(make_program: MakeProgram) -> None:
    script = "if (sys.stdin, sys.stdout, sys.stderr) != (None, None, None): sys.exit(4)\n"
    result = checks.check_without_streams(make_program(script + REPORT))
    assert result == "no standard streams: 2 checks passed"
    with pytest.raises(CheckError, match=r"Without standard streams: .*exited with code 1"):
        checks.check_without_streams(make_program("sys.stdout.write('x')"))


def test_missing_report_is_an_error_without_streams(make_program: MakeProgram) -> None:
    with pytest.raises(CheckError, match="Without standard streams: The self-test wrote no report"):
        checks.check_without_streams(make_program("pass"))


def test_isolated_program_has_no_network() -> None:
    before = checks.isolating_command()
    if before is None:
        pytest.skip("this system cannot isolate a program from the network")
    routes = subprocess.run([*before, "cat", "/proc/net/route"], capture_output=True, text=True, check=True).stdout
    assert len(routes.splitlines()) <= 1, "there is a route"
    who = subprocess.run([*before, "id", "-u"], capture_output=True, text=True, check=True).stdout
    assert int(who) == (os.getuid() or frozen.NOBODY)


def test_self_test_and_scan_run_without_network(
    make_program: MakeProgram, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = (
        "if sys.argv[1] == 'scan': print('\\n'.join(['{\"status\": \"ok\"}'] * int(os.environ['ROWS']))); sys.exit()\n"
    )
    program = make_program(rows + REPORT)
    monkeypatch.setattr(checks, "isolating_command", lambda: ("/usr/bin/env", "ROWS=4"))
    assert checks.check_without_network(program, photos, 4) == "no network: 2 checks passed, 4 photos judged"
    monkeypatch.setattr(checks, "isolating_command", lambda: ("/usr/bin/env", "ROWS=3"))
    with pytest.raises(CheckError, match="The scan found 3 of 4 photos"):
        checks.check_without_network(program, photos, 4)
    monkeypatch.setattr(checks, "isolating_command", lambda: None)
    assert checks.check_without_network(program, photos, 4).startswith("no network: not tried")


def test_old_library_has_the_schema_of_the_first_version(tmp_path: Path) -> None:
    file = checks.write_old_library(tmp_path, {"ab" * 32: "alpaca"}, tmp_path)
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
def test_current_program_reads_an_old_library(make_program: MakeProgram, tmp_path: Path) -> None:
    line = f"os.chdir({str(ROOT)!r}); os.execv(sys.executable, [sys.executable, '-m', 'alpacasorter', *sys.argv[1:]])"
    program = make_program(line)
    photos = tmp_path / "photos"
    count = checks.write_sample_photos(program, Path(sys.executable), photos)
    assert checks.check_old_library(program, photos, count).startswith("old library: 3 corrections applied")


def test_ignored_corrections_are_detected(make_program: MakeProgram, photos: Path) -> None:
    rows = [{"status": "ok", "content_key": f"{n:064x}", "label": "alpaca", "corrected": False} for n in range(4)]
    lines = "\n".join(json.dumps(row) for row in rows)
    with pytest.raises(CheckError, match=r"first version, \{\} is corrected"):
        checks.check_old_library(make_program(f"print({lines!r})"), photos, 4)


def test_child_of_multiprocessing(make_program: MakeProgram) -> None:
    script = "from multiprocessing import spawn; sys.frozen = True; spawn.freeze_support(); sys.exit(3)"
    result = training_checks.check_multiprocessing(make_program(script))
    assert result == "multiprocessing: a child process did what it was told"


def test_program_that_ignores_multiprocessing_is_detected(make_program: MakeProgram) -> None:
    with pytest.raises(CheckError, match="exited with code 0 and did not do"):
        training_checks.check_multiprocessing(make_program("pass"))


TRAINS = """\
import json
def report(*phases):
    for phase in phases:
        print(json.dumps({"event": "Epoch", "phase": phase}), flush=True)
    print(json.dumps({"event": "Trained"}), flush=True)
match sys.argv[1]:
    case "train":
        out = Path(sys.argv[sys.argv.index("--out") + 1])
        out.with_name(out.name + ".report.html").touch()
        report("head", "head", "retrain")
    case "scan":
        photos = Path(sys.argv[2]).rglob("*.png")
        print("\\n".join(json.dumps({"status": "ok", "label": photo.parent.name}) for photo in photos))
    case "export-model":
        Path(sys.argv[-1]).touch()
    case "--train-child":
        job = json.loads(sys.stdin.readline())
        Path(job["out"]).mkdir()
        report("head")
"""


def test_training(make_program: MakeProgram) -> None:
    trained, exported, child = training_checks.check_training(make_program(TRAINS), Path(sys.executable))
    assert trained == "train: head + head + retrain, 12 photos judged with the model"
    assert exported.startswith("export-model: ")
    assert child.endswith("1 epoch")


@pytest.mark.parametrize(
    ("right", "wrong", "found"),
    [
        ('"head", "retrain"', '"head"', "ran the epochs"),
        ('{"event": "Trained"}', '{"event": "Failed"}', "Training ended with: .*Failed"),
        ("photo.parent.name", '"camel"', "assigns the labels .*camel"),
        ('Path(job["out"]).mkdir()', 'sys.exit("No memory.")', r"exited with code 1 and \[\]\nNo memory\."),
    ],
)
def test_failing_training_is_detected(make_program: MakeProgram, right: str, wrong: str, found: str) -> None:
    assert right in TRAINS
    with pytest.raises(CheckError, match=found):
        training_checks.check_training(make_program(TRAINS.replace(right, wrong)), Path(sys.executable))


def test_missing_training(make_program: MakeProgram, photos: Path) -> None:
    program = make_program("sys.exit('Training is not part of this package; take the one “with-training”.')")
    assert training_checks.check_missing_training(program, photos) == "train: says where to get it"


def test_missing_training_without_explanation_is_detected(make_program: MakeProgram, photos: Path) -> None:
    with pytest.raises(CheckError, match="says: No module"):
        training_checks.check_missing_training(make_program("sys.exit('No module.')"), photos)
