"""The commands with a new model that has another backbone: they learn the corrections again before their work."""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from alpacasorter import paths
from alpacasorter.core.store.library import Library
from tests.cli.commands import Commands, finish, program
from tests.engines import fill, real_bundle
from tests.models import other_backbone

CPU = ("--device", "cpu")
SAID = "Learned your 4 corrections again for this model."


def rows(out: str) -> dict[str, dict[str, object]]:
    return {Path(str(row["path"])).name: row for row in map(json.loads, out.splitlines())}


@pytest.fixture
def others(tmp_path: Path) -> Path:
    """A folder that nothing was corrected in."""
    fill(tmp_path / "others", 3, first=50)
    return tmp_path / "others"


@pytest.fixture
def corrected(run: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with four photos that were labeled while the old model was in use."""
    folder = tmp_path / "corrected"
    fill(folder, 4)
    with monkeypatch.context() as old:
        old.setenv("ALPACASORTER_MODEL", str(other_backbone(tmp_path / "old", name="Old")))
        found = rows(run("scan", folder, "--json", *CPU).out)
        labels = tmp_path / "labels.jsonl"
        names = (real_bundle().positive_label, real_bundle().negative_label)
        lines = (
            {"content_key": row["content_key"], "label": names[n % 2], "corrected": True}
            for n, row in enumerate(found.values())
        )
        labels.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
        assert run("import", labels).code == 0
    return folder


def test_a_scan_learns_the_corrections_of_other_folders_again(run: Commands, corrected: Path, others: Path) -> None:
    with_old_labels = run("scan", others, "--json", *CPU)
    assert with_old_labels.code == 0
    assert SAID in with_old_labels.err
    again = run("scan", others, "--json", *CPU)
    assert again.out == with_old_labels.out, "everything was learned before the first row"
    assert "again for this model" not in again.err
    bundle = real_bundle()
    with Library.open(paths.user_data_dir() / "library.sqlite") as library:
        assert len(library.embeddings(bundle.label_set, bundle.backbone_id)) == 4
        assert [head.corrections for head in library.head_versions(bundle.bundle_id)] == [4]
        assert [head.corrections for head in library.head_versions(bundle.bundle_id, others=True)] == [4]
    # Without them, the rows would be others.
    (paths.user_data_dir() / "library.sqlite").unlink()
    for path in [*paths.user_data_dir().glob("library*"), paths.user_data_dir() / "backups"]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert run("scan", others, "--json", *CPU).out != again.out


@pytest.mark.parametrize("command", ["sort", "export"])
def test_other_commands_do_so_too(run: Commands, corrected: Path, others: Path, tmp_path: Path, command: str) -> None:
    arguments = {"sort": ("--into", tmp_path / "sorted", "--dry-run"), "export": ("--json",)}[command]
    done = run(command, others, *arguments, *CPU)
    assert done.code == 0
    assert SAID in done.err


def test_it_is_not_said_where_nothing_is_to_be_said(run: Commands, corrected: Path, others: Path) -> None:
    done = run("scan", others, "--json", "--quiet", *CPU)
    assert (done.code, done.err) == (0, "")
    assert len(rows(done.out)) == 3
    assert "again" not in run("scan", others, *CPU).err


def test_photos_that_are_gone_wait(run: Commands, corrected: Path, others: Path) -> None:
    (corrected / "photo0.jpg").unlink()
    done = run("scan", others, *CPU)
    assert "Learned 3 of your 4 corrections again" in done.err
    assert "1 correction keeps its label" in done.err
    assert "correction" not in run("scan", others, *CPU).err, "it is not said each time"


def test_photos_found_only_by_the_scan_are_learned_at_its_end(run: Commands, corrected: Path, others: Path) -> None:
    moved = corrected.rename(corrected.parent / "moved")
    done = run("scan", moved, "--json", *CPU)
    assert all(row["corrected"] for row in rows(done.out).values())
    assert "scan the folder again" in done.err
    assert "scan the folder again" not in run("scan", moved, "--json", *CPU).err


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX signal")
def test_a_watch_learns_before_it_begins(corrected: Path, others: Path) -> None:
    started = program("watch", others, "--new-only", *CPU)
    assert started.stderr is not None
    said = b""
    while b"Watching" not in said:
        line = started.stderr.readline()
        assert line, said
        said += line
    started.send_signal(signal.SIGTERM)
    assert finish(started).code == 0
    assert SAID.encode() in said
