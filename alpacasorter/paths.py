"""Where things are: the shipped models and resources, and the folders that hold what belongs to the user.

Works the same from a source checkout, from an installed wheel and inside the frozen program.
No function here creates a folder or looks whether one exists: whoever writes there makes it.
"""

import os
import sys
from pathlib import Path
from typing import Final

APP_NAME: Final = "AlpacaSorter"
BUNDLED_MODEL: Final = "alpaca"
USER_MODELS: Final = "models"

DATA_DIR_VARIABLE: Final = "ALPACASORTER_DATA_DIR"
CACHE_DIR_VARIABLE: Final = "ALPACASORTER_CACHE_DIR"
MODEL_VARIABLE: Final = "ALPACASORTER_MODEL"
LOCALE_DIR_VARIABLE: Final = "ALPACASORTER_LOCALE_DIR"

_PACKAGE: Final = Path(__file__).resolve().parent


def _shipped_root() -> Path:
    if getattr(sys, "frozen", False):
        return Path(getattr(sys, "_MEIPASS", Path(sys.executable).resolve().parent))
    in_wheel = _PACKAGE / "_data"
    return in_wheel if in_wheel.is_dir() else _PACKAGE.parent


def models_dir() -> Path:
    """The folder of the shipped bundles, one sub-folder each."""
    return _shipped_root() / "models"


def resources_dir() -> Path:
    """The folder of icons, style sheets and other files that the window shows."""
    return _shipped_root() / "resources"


def locale_dir() -> Path:
    """The folder of the translations: `<language>/LC_MESSAGES/*.mo`. ALPACASORTER_LOCALE_DIR names another."""
    return _from_environment(LOCALE_DIR_VARIABLE) or resources_dir() / "locale"


def licences_file() -> Path:
    """The licences of everything that the packaged program holds; only that has such a file."""
    return resources_dir() / "LICENCES.txt"


def bundled_model() -> Path:
    """The bundle that serves when the user has chosen no other."""
    return models_dir() / BUNDLED_MODEL


def named_model() -> Path | None:
    """The bundle that ALPACASORTER_MODEL names (`--model` sets it for one run); None where the user's choice counts."""
    return _from_environment(MODEL_VARIABLE)


def _from_environment(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value).expanduser().absolute() if value else None


def user_data_dir() -> Path:
    """What must not be lost: the library with the corrections. ALPACASORTER_DATA_DIR overrides it."""
    chosen = _from_environment(DATA_DIR_VARIABLE)
    if chosen is not None:
        return chosen
    # Imported here: it costs 30 ms, which the first window need not wait for when the variables are set.
    import platformdirs

    return platformdirs.user_data_path(APP_NAME, appauthor=False)


def user_models_dir() -> Path:
    """The bundles that the user has added, one sub-folder each."""
    return user_data_dir() / USER_MODELS


def user_cache_dir() -> Path:
    """What can be made again: thumbnails and embeddings. ALPACASORTER_CACHE_DIR overrides it."""
    chosen = _from_environment(CACHE_DIR_VARIABLE)
    if chosen is not None:
        return chosen
    import platformdirs

    return platformdirs.user_cache_path(APP_NAME, appauthor=False)


def user_log_dir() -> Path:
    """Log files; inside the data folder where ALPACASORTER_DATA_DIR is set, so that it holds everything."""
    chosen = _from_environment(DATA_DIR_VARIABLE)
    if chosen is not None:
        return chosen / "logs"
    import platformdirs

    return platformdirs.user_log_path(APP_NAME, appauthor=False)
