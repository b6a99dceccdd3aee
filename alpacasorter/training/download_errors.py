"""What can go wrong while something is downloaded, each with a sentence for the user."""

from __future__ import annotations


class DownloadError(Exception):
    """Something can't be fetched or stored. The message is a sentence or two for the user."""


class Missing(DownloadError):
    """The server has nothing of this name."""


class Refused(DownloadError):
    """The server gave an answer that trying again would not change."""


class RangeRefused(Refused):
    """There is nothing behind the byte from which the rest was asked for."""


class TooLarge(DownloadError):
    """There are more bytes than allowed."""


class Unusable(DownloadError):
    """What came is not what was asked for, such as a web page in place of a picture."""


class Stopped(DownloadError):
    """The fetching was stopped from outside."""


class Unreachable(DownloadError):
    """Every try failed."""


class Interrupted(DownloadError):
    """One try failed; the next may not.

    Attributes:
        wait: seconds after which the server wants to be asked again; None where it did not say.
    """

    def __init__(self, sentence: str, wait: float | None = None) -> None:
        super().__init__(sentence)
        self.wait = wait
