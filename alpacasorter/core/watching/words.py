"""What the user is told of how a folder is watched."""

from __future__ import annotations

from alpacasorter.core.watching.events import WatchState


def state_of(offline: str, why: str, seconds: float) -> WatchState:
    """Return how a folder is watched.

    Args:
        offline: why it is not there, a sentence; empty where it is.
        why: why it is looked at every few seconds, without a full stop; empty where it need not be.
        seconds: how often that is.
    """
    if offline:
        return WatchState(online=False, polling=bool(why), notice=offline)
    if why:
        return WatchState(online=True, polling=True, notice=f"{why}, so AlpacaSorter looks {every(seconds)} instead.")
    return WatchState(online=True, polling=False, notice="")


def every(seconds: float) -> str:
    """Return how often that is, in words."""
    if seconds < 50:
        # In steps, so that nobody is told of each second it takes longer.
        return f"every {max(5, 5 * round(seconds / 5))} seconds"
    minutes = round(seconds / 60)
    return "every minute" if minutes <= 1 else f"every {minutes} minutes"
