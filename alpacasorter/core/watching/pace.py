"""How soon things are done while a folder is watched."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """How soon things are done, in seconds.

    Attributes:
        settle: after the last of several changes one looks;
        settle_most: or after the first of them.
        stable: for how long a photo must not change before it is whole, unless it is known to be closed.
        empty: the same for an empty file.
        grace: how long a photo must be missing before it is gone: many programs replace files by new ones.
        check: how often the folder itself and the observer are looked after.
        poll: how often everything is looked at where the system doesn't tell of changes.
        reconcile: how often where it does; also, when observing is tried again where it could not be done.
        after_burst: when everything is looked at after very many changes, of which the system may have dropped some.
    """

    settle: float = 0.4
    settle_most: float = 2.0
    stable: float = 1.0
    empty: float = 10.0
    grace: float = 2.0
    check: float = 2.0
    poll: float = 10.0
    reconcile: float = 300.0
    after_burst: float = 5.0
