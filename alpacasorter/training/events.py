"""What training tells while it goes on: frozen events, which also travel as lines of JSON between processes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Stage:
    """What is being done now.

    Attributes:
        text: a short sentence for the user, such as "Reading the photos".
        done, total: how far it is; total 0 where that is not known.
    """

    text: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """The dataset was read and split.

    Attributes:
        class_names: names of targets 0 and 1; the second is the positive class.
        training, validation: photos of each class, in the order of `class_names`.
        left_out: (path, reason) of each file that can't be used.
        across: how many of the photos held out have a near-duplicate among those trained on.
        device: what trains, such as "processor" or "graphics card: NAME".
        preview: path of a PNG with some training examples as augmentation shows them; empty where none was asked for.
        warnings: sentences the user should read before trusting the figures.
    """

    class_names: tuple[str, str]
    training: tuple[int, int]
    validation: tuple[int, int]
    left_out: tuple[tuple[str, str], ...]
    across: int
    device: str
    preview: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Epoch:
    """One round over the photos is done.

    Attributes:
        phase: "head" while the backbone is frozen, "retrain" while its last layers are trained too.
        number: counted over both phases, from 1.
        total: rounds at most, over both phases.
        loss, accuracy: on the photos trained on, as augmented and with dropout.
        validation_loss, validation_accuracy: on those held out.
        seconds: that the round took.
    """

    phase: Literal["head", "retrain"]
    number: int
    total: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Trained:
    """The bundle is written; the last event.

    Attributes:
        bundle: its folder.
        report: the HTML report.
        accuracy, balanced_accuracy: on the photos held out, by the model as the app uses it.
        auc: the same; None where one class is missing there.
        stopped_early: whether there were fewer rounds than asked for.
    """

    bundle: str
    report: str
    accuracy: float
    balanced_accuracy: float
    auc: float | None
    stopped_early: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """Nothing was made; the last event.

    Attributes:
        reason: a sentence for the user.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The user stopped it; nothing was made; the last event."""


Event = Stage | Prepared | Epoch | Trained | Failed | Stopped

_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in (Stage, Prepared, Epoch, Trained, Failed, Stopped)}


def to_line(event: Event) -> str:
    """Return the event as one line of JSON, without the line end."""
    return json.dumps({"event": type(event).__name__, **asdict(event)})


def from_line(line: str) -> Event | None:
    """Return the event of a line that `to_line` wrote, or None for any other line, such as one a library prints."""
    try:
        data = json.loads(line)
        kind = _KINDS[data.pop("event")]
        event: Event = kind(**{name: _frozen(value) for name, value in data.items()})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return event


def _frozen(value: object) -> object:
    return tuple(_frozen(part) for part in value) if isinstance(value, list) else value
