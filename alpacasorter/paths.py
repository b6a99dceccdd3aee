"""Where things are: the shipped models and resources, and the folders for the user's data, cache and logs.

Works the same from a source checkout, from an installed wheel and in the packaged program. No function here creates a
folder or checks whether it exists; the code that writes there creates it.
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
    """The folder of the shipped bundles, one subfolder each."""
    return _shipped_root() / "models"


def resources_dir() -> Path:
    """The folder of icons, style sheets and other files for the window."""
    return _shipped_root() / "resources"


def locale_dir() -> Path:
    """The folder of the translations, `<language>/LC_MESSAGES/*.mo`. ALPACASORTER_LOCALE_DIR overrides it."""
    return _from_environment(LOCALE_DIR_VARIABLE) or resources_dir() / "locale"


def licenses_file() -> Path:
    """The licenses of everything in the packaged program, the only place that has this file."""
    return resources_dir() / "LICENSES.txt"


def bundled_model() -> Path:
    """The bundle that is used unless the user has chosen another."""
    return models_dir() / BUNDLED_MODEL


def named_model() -> Path | None:
    """The bundle that ALPACASORTER_MODEL names (`--model` sets it for one run); None to use the user's choice."""
    return _from_environment(MODEL_VARIABLE)


def _from_environment(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value).expanduser().absolute() if value else None


def user_data_dir() -> Path:
    """The folder for what must not be lost: the library. ALPACASORTER_DATA_DIR overrides it."""
    chosen = _from_environment(DATA_DIR_VARIABLE)
    if chosen is not None:
        return chosen
    # Imported here because it takes 30 ms, which the first window need not wait for if the variables are set.
    import platformdirs

    return platformdirs.user_data_path(APP_NAME, appauthor=False)


def user_models_dir() -> Path:
    """The folder of the bundles that the user has added, one subfolder each."""
    return user_data_dir() / USER_MODELS


def user_cache_dir() -> Path:
    """The folder for what can be made again: thumbnails and embeddings. ALPACASORTER_CACHE_DIR overrides it."""
    chosen = _from_environment(CACHE_DIR_VARIABLE)
    if chosen is not None:
        return chosen
    import platformdirs

    return platformdirs.user_cache_path(APP_NAME, appauthor=False)


def user_log_dir() -> Path:
    """The folder for log files; inside the data folder if ALPACASORTER_DATA_DIR is set, so that it holds everything."""
    chosen = _from_environment(DATA_DIR_VARIABLE)
    if chosen is not None:
        return chosen / "logs"
    import platformdirs

    return platformdirs.user_log_path(APP_NAME, appauthor=False)
