"""Which content keys are of the same picture: files that differ only in what other programs wrote into them."""

from __future__ import annotations

from collections.abc import Sequence


class SamePictures:
    """Content keys by their picture key (see `core.photos.picture_key`). Not thread-safe."""

    def __init__(self) -> None:
        """Start with none."""
        self._picture: dict[str, str] = {}
        self._keys: dict[str, list[str]] = {}

    def note(self, key: str, picture: str | None) -> None:
        """Record the picture key of a content key; None says nothing."""
        if picture is not None and key not in self._picture:
            self._picture[key] = picture
            self._keys.setdefault(picture, []).append(key)

    def picture(self, key: str) -> str | None:
        """Return the picture key of a content key, None if it is not known."""
        return self._picture.get(key)

    def same(self, key: str) -> Sequence[str]:
        """Return all content keys of the same picture, this one included."""
        picture = self._picture.get(key)
        return (key,) if picture is None else self._keys[picture]
