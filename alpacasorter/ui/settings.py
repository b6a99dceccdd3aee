"""The user's settings and the state of the window, stored by QSettings."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from PySide6.QtCore import QByteArray, QSettings

from alpacasorter.core.photos.exclusion import Exclusion, usable
from alpacasorter.core.session_paths import close_to_others, keep_private, private_file, private_folder
from alpacasorter.core.taken import Clock
from alpacasorter.ui.photo_filters import Order
from alpacasorter.ui.widgets.theme import Scheme

DevicePreference = Literal["auto", "cpu", "gpu"]

UNSURE_LEAST, UNSURE_MOST, UNSURE_USUAL = 0.55, 0.99, 0.80
"""Confidence below which a photo is unsure."""
TILE_LEAST, TILE_MOST, TILE_USUAL = 128, 320, 184
"""Width of a photo in the grid, pixels."""


class Settings:
    """Typed settings. An invalid value, for example after editing the file, counts as not set."""

    def __init__(self, store: QSettings | None = None) -> None:
        """Read and write `store`; None for the user's own settings file."""
        if store is None:
            store = QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "AlpacaSorter", "AlpacaSorter")
            # They name the folders that were opened, and Qt lets everybody read them.
            folder = Path(store.fileName()).parent
            with contextlib.suppress(OSError):
                private_folder(folder)
            keep_private(folder)
        self._store = store
        # Qt writes it again with the rights that it has; only one that Qt creates can be read by everybody.
        with contextlib.suppress(OSError):
            os.close(private_file(store.fileName(), os.O_WRONLY | os.O_CREAT))
        close_to_others(Path(store.fileName()))

    @property
    def recursive(self) -> bool:
        """Whether subfolders are included."""
        return self._flag("recursive", True)

    @recursive.setter
    def recursive(self, value: bool) -> None:
        self._store.setValue("recursive", value)

    @property
    def watch(self) -> bool:
        """Whether the open folder is watched."""
        return self._flag("watch", True)

    @watch.setter
    def watch(self, value: bool) -> None:
        self._store.setValue("watch", value)

    @property
    def preview(self) -> bool:
        """Whether the preview is shown."""
        return self._flag("preview", True)

    @preview.setter
    def preview(self, value: bool) -> None:
        self._store.setValue("preview", value)

    @property
    def histograms(self) -> bool:
        """Whether the histograms are shown."""
        return self._flag("histograms", False)

    @histograms.setter
    def histograms(self, value: bool) -> None:
        self._store.setValue("histograms", value)

    @property
    def key_hints(self) -> bool:
        """Whether the keys that count now are shown below the photos."""
        return self._flag("key_hints", True)

    @key_hints.setter
    def key_hints(self, value: bool) -> None:
        self._store.setValue("key_hints", value)

    @property
    def auto_advance(self) -> bool:
        """Whether a key that labels a photo goes on to the next one."""
        return self._flag("auto_advance", True)

    @auto_advance.setter
    def auto_advance(self, value: bool) -> None:
        self._store.setValue("auto_advance", value)

    @property
    def exclude(self) -> tuple[str, ...]:
        """Patterns of files and folders to leave out; only those that can be used."""
        value = self._store.value("exclude", "")
        # Qt reads a text with commas in it as a list, if someone has edited the file.
        text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        return usable(line for line in text.splitlines() if line.strip())

    @exclude.setter
    def exclude(self, value: tuple[str, ...]) -> None:
        self._store.setValue("exclude", "\n".join(value))

    @property
    def skip_nomedia(self) -> bool:
        """Whether folders with a file ".nomedia" are skipped."""
        return self._flag("skip_nomedia", True)

    @skip_nomedia.setter
    def skip_nomedia(self, value: bool) -> None:
        self._store.setValue("skip_nomedia", value)

    @property
    def exclusion(self) -> Exclusion:
        """What is left out."""
        return Exclusion(self.exclude, self.skip_nomedia)

    @property
    def contact_sheet(self) -> dict[str, str]:
        """The choices for contact sheets, by name; see `ContactSheetDialog`."""
        return {
            name: value
            for name in ("paper", "columns", "captions")
            if isinstance(value := self._store.value(f"contact_sheet/{name}"), str)
        }

    @contact_sheet.setter
    def contact_sheet(self, values: Mapping[str, str]) -> None:
        for name, value in values.items():
            self._store.setValue(f"contact_sheet/{name}", value)

    @property
    def ask_before_trash(self) -> bool:
        """Whether the app asks before it moves photos to the trash."""
        return self._flag("ask_before_trash", True)

    @ask_before_trash.setter
    def ask_before_trash(self, value: bool) -> None:
        self._store.setValue("ask_before_trash", value)

    @property
    def unsure_below(self) -> float:
        """Confidence below which a photo is unsure."""
        return self._number("unsure_below", UNSURE_LEAST, UNSURE_MOST, UNSURE_USUAL)

    @unsure_below.setter
    def unsure_below(self, value: float) -> None:
        self._store.setValue("unsure_below", value)

    @property
    def tile(self) -> int:
        """Width of a photo in the grid, pixels."""
        return int(self._number("tile", TILE_LEAST, TILE_MOST, TILE_USUAL))

    @tile.setter
    def tile(self, value: int) -> None:
        self._store.setValue("tile", value)

    @property
    def device(self) -> DevicePreference:
        """The device that runs the model."""
        value = self._text("device")
        return value if value in get_args(DevicePreference) else "auto"  # type: ignore[return-value]

    @device.setter
    def device(self, value: DevicePreference) -> None:
        self._store.setValue("device", value)

    @property
    def scheme(self) -> Scheme:
        """Light, dark or that of the system."""
        value = self._text("scheme")
        return value if value in get_args(Scheme) else "system"  # type: ignore[return-value]

    @scheme.setter
    def scheme(self, value: Scheme) -> None:
        self._store.setValue("scheme", value)

    @property
    def language(self) -> str:
        """Code of the language of the window, such as "en_GB"; empty for that of the system."""
        return self._text("language")

    @language.setter
    def language(self, value: str) -> None:
        self._store.setValue("language", value)

    @property
    def order(self) -> Order:
        """The order of the photos."""
        try:
            return Order(self._text("order"))
        except ValueError:
            return Order.FOLDER

    @order.setter
    def order(self, value: Order) -> None:
        self._store.setValue("order", value.value)

    @property
    def descending(self) -> bool:
        """Whether the order of the photos begins at its other end."""
        return self._flag("descending", False)

    @descending.setter
    def descending(self, value: bool) -> None:
        self._store.setValue("descending", value)

    @property
    def places(self) -> str:
        """Where the user was in each folder, as `ui.photos.places` wrote it; empty for none."""
        return self._text("window/places")

    @places.setter
    def places(self, value: str) -> None:
        self._store.setValue("window/places", value)

    @property
    def training(self) -> str:
        """The settings of the last training, as its page wrote them; empty for none."""
        return self._text("training")

    @training.setter
    def training(self, value: str) -> None:
        self._store.setValue("training", value)

    @property
    def sorting(self) -> str:
        """The choices for the last sort, as the form wrote them; empty for none."""
        return self._text("sorting/choices")

    @sorting.setter
    def sorting(self, value: str) -> None:
        self._store.setValue("sorting/choices", value)

    @property
    def sort_destination(self) -> str:
        """The last destination of a sort, as the form wrote it; empty for the folder of the photos."""
        return self._text("sorting/destination")

    @sort_destination.setter
    def sort_destination(self, value: str) -> None:
        self._store.setValue("sorting/destination", value)

    @property
    def clocks(self) -> tuple[Clock, ...]:
        """Cameras whose clock was wrong."""
        try:
            said = json.loads(self._text("sorting/clocks"))
        except ValueError:
            return ()
        if not isinstance(said, dict):
            return ()
        return tuple(Clock(camera, seconds) for camera, seconds in said.items() if type(seconds) is int and camera)

    @clocks.setter
    def clocks(self, value: tuple[Clock, ...]) -> None:
        self._store.setValue("sorting/clocks", json.dumps({clock.camera: clock.seconds for clock in value}))

    @property
    def sorts_put_off(self) -> frozenset[int]:
        """Numbers of interrupted sorts that the user has chosen to leave as they are."""
        return frozenset(int(number) for number in self._text("sorting/put_off").split() if number.isdecimal())

    @sorts_put_off.setter
    def sorts_put_off(self, value: frozenset[int]) -> None:
        self._store.setValue("sorting/put_off", " ".join(map(str, sorted(value))))

    @property
    def arrivals(self) -> str:
        """The choices for sorting new photos, as the form wrote them; empty for none."""
        return self._text("sorting/arrivals")

    @arrivals.setter
    def arrivals(self, value: str) -> None:
        self._store.setValue("sorting/arrivals", value)

    @property
    def export(self) -> str:
        """The choices for the last export, as its dialog wrote them; empty for none."""
        return self._text("export/choices")

    @export.setter
    def export(self, value: str) -> None:
        self._store.setValue("export/choices", value)

    @property
    def variants_asked(self) -> frozenset[str]:
        """Questions about variants of a model that were answered or closed, as `ui.variants` named them."""
        try:
            said = json.loads(self._text("variants/asked"))
        except ValueError:
            return frozenset()
        return frozenset(filter(lambda one: isinstance(one, str), said)) if isinstance(said, list) else frozenset()

    @variants_asked.setter
    def variants_asked(self, value: frozenset[str]) -> None:
        self._store.setValue("variants/asked", json.dumps(sorted(value)))

    def state(self, name: str) -> QByteArray:
        """Return a saved state of the window; empty if there is none."""
        value = self._store.value(f"window/{name}")
        return value if isinstance(value, QByteArray) else QByteArray()

    def set_state(self, name: str, value: QByteArray) -> None:
        """Save a state of the window."""
        self._store.setValue(f"window/{name}", value)

    def save(self) -> None:
        """Write to disk now."""
        self._store.sync()
        # If it was deleted meanwhile.
        close_to_others(Path(self._store.fileName()))

    def _text(self, name: str) -> str:
        return str(self._store.value(name, ""))

    def _flag(self, name: str, usual: bool) -> bool:
        # An INI file returns "true" and "false".
        return self._text(name).lower() in ("true", "1") if self._store.contains(name) else usual

    def _number(self, name: str, least: float, most: float, usual: float) -> float:
        try:
            value = float(self._text(name))
        except ValueError:
            return usual
        return value if least <= value <= most else usual
