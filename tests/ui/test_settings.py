"""Settings are saved, and invalid ones count as not set."""

import os
import stat
from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray, QSettings

from alpacasorter.core.photos.exclusion import Exclusion
from alpacasorter.core.taken import Clock
from alpacasorter.ui.photo_filters import Order
from alpacasorter.ui.settings import UNSURE_USUAL, Settings


def opened(path: Path) -> Settings:
    return Settings(QSettings(str(path), QSettings.Format.IniFormat))


@pytest.mark.parametrize("text", ["", "no JSON", "[1]", '{"": 3, "X": "3", "Y": true}'])
def test_clocks_of_cameras(tmp_path: Path, text: str) -> None:
    store = QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat)
    settings = Settings(store)
    clocks = (Clock("Canon EOS R5 #1", -90), Clock("“X”", 3600))
    settings.clocks = clocks
    assert settings.clocks == clocks
    store.setValue("sorting/clocks", text)
    assert settings.clocks == ()


@pytest.mark.parametrize("text", ["", "no JSON", "{}", "[1]", "7"])
def test_questions_about_variants_that_were_asked(tmp_path: Path, text: str) -> None:
    first = opened(tmp_path / "s.ini")
    assert first.variants_asked == frozenset()
    first.variants_asked |= {"Alpaca|alpaca|not_alpaca|", "“X”, 100%|a|b|narrow"}
    first.save()
    assert opened(tmp_path / "s.ini").variants_asked == {"Alpaca|alpaca|not_alpaca|", "“X”, 100%|a|b|narrow"}
    store = QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat)
    store.setValue("variants/asked", text)
    assert Settings(store).variants_asked == frozenset()


def test_all_settings_are_saved(tmp_path: Path) -> None:
    file = tmp_path / "settings.ini"
    first = opened(file)
    first.recursive, first.preview, first.unsure_below = False, False, 0.9
    first.tile, first.device, first.scheme, first.order = 200, "gpu", "dark", Order.DOUBTFUL
    assert first.watch, "folders are watched unless the user says otherwise"
    assert first.language == "", "that of the system"
    first.watch, first.language = False, "en_GB"
    first.set_state("geometry", QByteArray(b"abc"))
    first.save()
    again = opened(file)
    assert (again.recursive, again.preview, again.unsure_below) == (False, False, 0.9)
    assert (again.tile, again.device, again.scheme, again.order) == (200, "gpu", "dark", Order.DOUBTFUL)
    assert (again.watch, again.language) == (False, "en_GB")
    assert again.state("geometry") == QByteArray(b"abc")


def test_what_is_left_out_is_saved(tmp_path: Path) -> None:
    file = tmp_path / "settings.ini"
    first = opened(file)
    assert first.exclusion == Exclusion((), nomedia=True)
    patterns = ("*.png", "raw/", "a, b; c", "caf\u00e9 [x]?", "/2019/**", "100%", "[\\]x41", '"quoted"')
    first.exclude, first.skip_nomedia = patterns, False
    first.save()
    assert opened(file).exclusion == Exclusion(patterns, nomedia=False)


@pytest.mark.parametrize(
    ("written", "patterns"),
    [
        ("*.png", ("*.png",)),
        ("[", ()),
        ("*", ()),
        ("", ()),
        ('"*.png\\n[\\nraw/\\n../x"', ("*.png", "raw/")),
        ("a,b", ("a,b",)),
    ],
)
def test_patterns_that_can_t_be_used_count_as_not_set(tmp_path: Path, written: str, patterns: tuple[str, ...]) -> None:
    file = tmp_path / "settings.ini"
    file.write_text(f"[General]\nexclude={written}\nskip_nomedia=perhaps\n")
    assert opened(file).exclude == patterns
    assert opened(file).skip_nomedia is False


@pytest.mark.parametrize("nonsense", ["", "x", "-1", "1e9", "[]", "nan"])
def test_invalid_values_count_as_not_set(tmp_path: Path, nonsense: str) -> None:
    file = tmp_path / "settings.ini"
    names = ("unsure_below", "tile", "device", "scheme", "order")
    file.write_text("[General]\n" + "".join(f"{name}={nonsense}\n" for name in names))
    settings = opened(file)
    assert settings.unsure_below == UNSURE_USUAL
    assert (settings.device, settings.scheme, settings.order) == ("auto", "system", Order.FOLDER)
    assert 64 <= settings.tile <= 400
    assert settings.state("geometry").isEmpty()


@pytest.mark.skipif(os.name != "posix", reason="permissions of a POSIX system")
@pytest.mark.parametrize("mask", [0o022, 0])
def test_only_the_owner_can_read_them(tmp_path: Path, mask: int) -> None:
    file = tmp_path / "settings.ini"
    before = os.umask(mask)
    try:
        for _ in range(2):
            store = QSettings(str(file), QSettings.Format.IniFormat)
            settings = Settings(store)
            settings.watch = False
            # As Qt does by itself now and then.
            store.sync()
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            # What an earlier version wrote.
            file.chmod(0o644)
        settings = opened(file)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        file.unlink()
        settings.watch = True
        settings.save()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    finally:
        os.umask(before)
