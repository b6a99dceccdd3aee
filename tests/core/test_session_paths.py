"""How a folder that the user names is written."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from alpacasorter.core.session_paths import Places, keep_private, plain_absolute, private_folder


def test_from_the_root(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert plain_absolute(Path("a/./b/../c")) == tmp_path / "a" / "c"
    assert plain_absolute(Path()) == tmp_path
    assert plain_absolute(tmp_path / ".." / "x") == tmp_path.parent / "x"
    assert plain_absolute(Path("~/photos")) == home / "photos"


def test_links_stay_as_the_user_knows_them(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    try:
        link.symlink_to(tmp_path / "real", target_is_directory=True)
    except OSError:
        pytest.skip("this user may not make links")
    assert plain_absolute(link) == link


@pytest.mark.skipif(os.name != "posix", reason="names of bytes that are no text")
def test_names_that_are_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9 \xff")
    assert os.fsencode(plain_absolute(tmp_path / name)) == os.fsencode(tmp_path) + b"/caf\xe9 \xff"


# Folders that nobody else may read

POSIX = pytest.mark.skipif(os.name != "posix", reason="on Windows a user's folders are private already")


def rights(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def generous() -> Iterator[None]:
    """A user whose files everybody may read and write."""
    before = os.umask(0)
    yield
    os.umask(before)


@POSIX
@pytest.mark.usefixtures("generous")
def test_new_folders_are_private(tmp_path: Path) -> None:
    private_folder(tmp_path / "share" / "AlpacaSorter")
    assert rights(tmp_path / "share" / "AlpacaSorter") == rights(tmp_path / "share") == 0o700
    (tmp_path / "old").mkdir()
    private_folder(tmp_path / "old")
    assert rights(tmp_path / "old") == 0o777


@POSIX
@pytest.mark.usefixtures("generous")
def test_folders_of_earlier_versions_are_closed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for name in ("models", "backups", "reports"):
        (data / name).mkdir(parents=True)
    for name in ("library.sqlite", "library.sqlite-wal", "model-in-use.json", "model-variants.json"):
        (data / name).write_bytes(b"")
    keep_private(data, tmp_path / "none")
    assert rights(data) == rights(data / "models") == 0o700
    assert rights(data / "library.sqlite") == 0o600


@POSIX
@pytest.mark.usefixtures("generous")
def test_a_shared_folder_stays_shared(tmp_path: Path) -> None:
    """ALPACASORTER_DATA_DIR may name any folder."""
    (tmp_path / "outside").write_bytes(b"")
    data = tmp_path / "documents"
    data.mkdir()
    (data / "letter.txt").write_bytes(b"")
    (data / "library.sqlite").write_bytes(b"")
    (data / "library.link").symlink_to(tmp_path / "outside")
    keep_private(data)
    assert (rights(data), rights(data / "letter.txt"), rights(data / "library.sqlite")) == (0o777, 0o666, 0o600)
    assert rights(tmp_path / "outside") == 0o666
    drop = tmp_path / "tmp"
    drop.mkdir()
    drop.chmod(0o1777)
    keep_private(drop)
    assert rights(drop) == 0o1777


@POSIX
@pytest.mark.usefixtures("generous")
def test_everything_that_the_app_keeps_is_private(tmp_path: Path, home: Path) -> None:
    from alpacasorter.cli import main
    from alpacasorter.ml.models.store import ModelStore
    from alpacasorter.ui.help.crash import CrashLog
    from alpacasorter.ui.settings import Settings
    from tests.models import other_model

    places = Places(None, home / "alpacasorter-data", home / "alpacasorter-cache")
    (tmp_path / "photos").mkdir()
    assert main(["scan", str(tmp_path / "photos")]) == 0
    store = ModelStore(places.data)
    added = store.add_model(other_model(tmp_path / "goats", name="Goats"))
    store.choose(added.entry.path)
    settings = Settings()
    settings.watch = False
    settings._store.sync()
    crashes = CrashLog(places.data / "logs")
    try:
        folders = [places.data, places.cache, store.folder, added.entry.path, places.data / "logs"]
        folders.append(Path(settings._store.fileName()).parent)
        assert {str(one): oct(rights(one)) for one in folders} == {str(one): "0o700" for one in folders}
        assert rights(places.data / "logs" / "crash.log") == 0o600
    finally:
        crashes.close()
