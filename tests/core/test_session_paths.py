"""How a folder that the user names is written."""

import os
from pathlib import Path

import pytest

from alpacasorter.core.session_paths import plain_absolute


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
