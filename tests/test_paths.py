"""Where things are in a checkout, in a wheel and in the packaged program."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import platformdirs
import pytest

from alpacasorter import paths

ROOT = Path(__file__).resolve().parent.parent


def _load_copy(folder: Path) -> ModuleType:
    """The module as it would be loaded from `folder`/alpacasorter."""
    package = folder / "alpacasorter"
    package.mkdir(parents=True, exist_ok=True)
    copy = package / "paths.py"
    copy.write_bytes(Path(paths.__file__).read_bytes())
    spec = importlib.util.spec_from_file_location("paths_copy", copy)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_checkout_has_them_at_the_top() -> None:
    assert paths.models_dir() == ROOT / "models"
    assert paths.resources_dir() == ROOT / "resources"
    assert paths.bundled_model() == ROOT / "models" / "alpaca"
    assert paths.user_models_dir() == paths.user_data_dir() / "models"


def test_wheel_has_them_in_the_package(tmp_path: Path) -> None:
    data = tmp_path / "alpacasorter" / "_data"
    data.mkdir(parents=True)
    module = _load_copy(tmp_path)
    assert module.models_dir() == data.resolve() / "models"
    assert module.resources_dir() == data.resolve() / "resources"


def test_frozen_program_has_them_beside_its_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path / "lib"), raising=False)
    assert paths.models_dir() == tmp_path / "lib" / "models"
    assert paths.resources_dir() == tmp_path / "lib" / "resources"


def test_environment_overrides_user_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPACASORTER_DATA_DIR", str(tmp_path / "data with space"))
    monkeypatch.setenv("ALPACASORTER_CACHE_DIR", str(tmp_path / "cache"))
    assert paths.user_data_dir() == tmp_path / "data with space"
    assert paths.user_cache_dir() == tmp_path / "cache"
    assert paths.user_log_dir() == tmp_path / "data with space" / "logs"


def test_a_named_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert paths.named_model() is None
    monkeypatch.setenv("ALPACASORTER_MODEL", str(tmp_path / "mine"))
    assert paths.named_model() == tmp_path / "mine"
    monkeypatch.delenv("ALPACASORTER_MODEL")
    assert paths.named_model() is None


def test_relative_override_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALPACASORTER_DATA_DIR", "portable")
    monkeypatch.setenv("ALPACASORTER_CACHE_DIR", "~/cache")
    assert paths.user_data_dir() == Path.cwd() / "portable"
    assert paths.user_cache_dir() == Path.home() / "cache"


@pytest.mark.parametrize("value", [None, ""])
def test_without_override_the_system_decides(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    for variable in ("ALPACASORTER_DATA_DIR", "ALPACASORTER_CACHE_DIR"):
        if value is None:
            monkeypatch.delenv(variable)
        else:
            monkeypatch.setenv(variable, value)
    assert paths.user_data_dir() == platformdirs.user_data_path("AlpacaSorter", appauthor=False)
    assert paths.user_cache_dir() == platformdirs.user_cache_path("AlpacaSorter", appauthor=False)
    assert paths.user_log_dir() == platformdirs.user_log_path("AlpacaSorter", appauthor=False)


def test_nothing_is_created(home: Path) -> None:
    before = sorted(home.rglob("*"))
    paths.user_data_dir()
    paths.user_cache_dir()
    paths.user_log_dir()
    assert sorted(home.rglob("*")) == before


def test_importing_is_cheap() -> None:
    code = (
        "import sys, alpacasorter, alpacasorter.paths\n"
        "print([n for n in ('platformdirs', 'numpy', 'PIL', 'PySide6', 'tomllib', 'importlib.metadata')"
        " if n in sys.modules])"
    )
    # -S: without what other packages put into site-packages.
    result = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
