"""The events a training run yields, which also travel as JSON lines between processes, and their wording.

What events say is a code with arguments (`core.reasons.code`), because the process that trains may not speak the
language of the one that shows them. `worded` turns the codes of an event into sentences where it is shown or printed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, TypeVar

from alpacasorter.core import reasons
from alpacasorter.core.reasons import code
from alpacasorter.i18n import _, ngettext, number, percent

FINDING: Final = "stage-finding"
STARTING: Final = "stage-starting"
PREPARING: Final = "stage-preparing"
READING: Final = "stage-reading"
TRAINING: Final = "stage-training"
RETRAINING: Final = "stage-retraining"
SAVING: Final = "stage-saving"

NO_MEMORY: Final = "training-no-memory"
DISK_FULL: Final = "training-disk-full"
STEPS_TOO_LARGE: Final = "training-steps-too-large"
_REFUSED: Final = "training-refused"
_REFUSED_PLACE: Final = "training-refused-place"
_NOT_UNDERSTOOD: Final = "training-not-understood"
_UNEXPECTED: Final = "training-unexpected"

SPLIT_BY_CLASS: Final = "split-by-class"
ONLY_PREPARED: Final = "only-prepared"
_NEAR_DUPLICATES: Final = "split-near-duplicates"
_FEW_HELD_OUT: Final = "split-few-held-out"
_FEW_TO_TRAIN_ON: Final = "split-few-to-train-on"
_UNEVEN: Final = "split-uneven"
_IN_BOTH_CLASSES: Final = "split-in-both-classes"
_NOTHING_TO_RETRAIN: Final = "retrain-nothing"

RETRAINING_UNUSED: Final = "retraining-unused"
AUGMENTATION_UNUSED: Final = "augmentation-unused"
_PLAIN_COMPARED: Final = "plain-compared"

NAMED: Final = 5
"""Pictures in both classes that a warning names."""

PROCESSOR: Final = "processor"
"""`Prepared.device` where no graphics card is used."""
GRAPHICS_CARD: Final = "graphics card: "
"""What `Prepared.device` starts with otherwise, before the name of the card."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What is being done now.

    Attributes:
        text: a code.
        done, total: how far along it is, in photos; total 0 where that is unknown.
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
        left_out: (path, reason) of each file that can't be used; the reason is a code.
        across: how many held-out photos have a near-duplicate in the training set.
        device: PROCESSOR, or GRAPHICS_CARD with its name.
        preview: path of a PNG with some training examples after augmentation; empty where none was requested.
        warnings: codes of what the user should read before trusting the figures.
        both_classes: for each picture that is in the folders of both classes, the files with it.
    """

    class_names: tuple[str, str]
    training: tuple[int, int]
    validation: tuple[int, int]
    left_out: tuple[tuple[str, str], ...]
    across: int
    device: str
    preview: str = ""
    warnings: tuple[str, ...] = ()
    both_classes: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the photos is done.

    Attributes:
        phase: "head" while the backbone is frozen, "retrain" while its last layers are trained too.
        number: counted over both phases, from 1.
        total: epochs at most, over both phases.
        loss, accuracy: on the training photos, with augmentation and dropout.
        validation_loss, validation_accuracy: on the held-out photos; in retraining, of the mean of the weights.
        seconds: how long the epoch took.
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
    """The bundle has been written; the last event.

    Attributes:
        bundle: its folder.
        report: the HTML report.
        accuracy, balanced_accuracy: on the held-out photos, of the model as the app uses it, 0 to 1.
        auc: the same; None where the held-out photos are all of one class.
        stopped_early: whether there were fewer epochs than requested.
        plain_accuracy: on the held-out photos, of a model of the same photos without augmentation, extra layers and
            retraining; None where that is this model.
        remarks: codes of what the user should know about the settings.
    """

    bundle: str
    report: str
    accuracy: float
    balanced_accuracy: float
    auc: float | None
    stopped_early: bool
    plain_accuracy: float | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """No model was made; the last event.

    Attributes:
        reason: a code, or a sentence for the user.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The user stopped the run, and no model was made; the last event."""


Event = Stage | Prepared | Epoch | Trained | Failed | Stopped

_AnyEvent = TypeVar("_AnyEvent", bound=Event)
_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in (Stage, Prepared, Epoch, Trained, Failed, Stopped)}


def to_line(event: Event) -> str:
    """Return an event as one line of JSON, without the line end."""
    return json.dumps({"event": type(event).__name__, **asdict(event)})


def from_line(line: str) -> Event | None:
    """Return the event of a line that `to_line` wrote; None for any other line, such as one printed by a library."""
    try:
        data = json.loads(line)
        kind = _KINDS[data.pop("event")]
        event: Event = kind(**{name: _frozen(value) for name, value in data.items()})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return event


def _frozen(value: object) -> object:
    return tuple(_frozen(part) for part in value) if isinstance(value, list) else value


# Codes with arguments


def refused(why: str, place: str = "") -> str:
    """Return the reason for a failure to read or write: what the system says, and the path as it is shown."""
    return code(_REFUSED_PLACE, why=why, place=place) if place else code(_REFUSED, why=why)


def not_understood(error: str) -> str:
    """Return the reason for a training process that got an invalid job."""
    return code(_NOT_UNDERSTOOD, error=error)


def unexpected(error: str) -> str:
    """Return the reason for a failure by a bug, given the name of the exception."""
    return code(_UNEXPECTED, error=error)


def in_both_classes(pictures: Sequence[Sequence[str]]) -> str:
    """Return the warning that pictures are in the folders of both classes; `pictures` are the files of each."""
    named = [" = ".join(files) for files in pictures[:NAMED]]
    return code(_IN_BOTH_CLASSES, count=str(len(pictures)), files="\n".join(named))


def near_duplicates(count: int, held_out: int) -> str:
    """Return the warning that `count` of the held-out photos have a near-duplicate in the training set."""
    return code(_NEAR_DUPLICATES, count=str(count), held_out=str(held_out))


def few_held_out(count: int) -> str:
    """Return the warning that only `count` photos are held out, at least one."""
    return code(_FEW_HELD_OUT, count=str(count))


def few_to_train_on(count: int, class_name: str) -> str:
    """Return the warning that only `count` photos of a class are in the training set."""
    return code(_FEW_TO_TRAIN_ON, count=str(count), class_name=class_name)


def uneven(many: int, many_class: str, few: int, few_class: str) -> str:
    """Return the warning that one class has far more training photos than the other."""
    return code(_UNEVEN, many=str(many), many_class=many_class, few=str(few), few_class=few_class)


def nothing_to_retrain(layers: int) -> str:
    """Return the warning that none of the last `layers` layers has trainable weights."""
    return code(_NOTHING_TO_RETRAIN, layers=str(layers))


def plain_compared(plain: int, used: int, held_out: int) -> str:
    """Return the remark on how many of the held-out photos a plain model and this one judge correctly."""
    return code(_PLAIN_COMPARED, plain=str(plain), used=str(used), held_out=str(held_out))


# Wording


def worded(event: _AnyEvent) -> _AnyEvent:
    """Return an event with its codes turned into sentences, in the language in use."""
    changed: Event = event
    match event:
        case Stage():
            changed = replace(event, text=sentence(event.text))
        case Prepared():
            changed = replace(
                event,
                left_out=tuple((path, reasons.sentence(reason)) for path, reason in event.left_out),
                warnings=tuple(sentence(warning) for warning in event.warnings),
            )
        case Trained():
            changed = replace(event, remarks=tuple(sentence(remark) for remark in event.remarks))
        case Failed():
            changed = replace(event, reason=sentence(event.reason))
    # The type checker does not know that `replace` keeps the type variable.
    return changed  # type: ignore[return-value]


def device_name(device: str) -> str:
    """Return what `Prepared.device` names, for a table."""
    if device.startswith(GRAPHICS_CARD):
        return _("Graphics card {name}").format(name=device.removeprefix(GRAPHICS_CARD))
    return _("Processor")


def runs_on(device: str) -> str:
    """Return a sentence that says what `Prepared.device` names."""
    if device.startswith(GRAPHICS_CARD):
        return _("Training runs on the graphics card {name}.").format(name=device.removeprefix(GRAPHICS_CARD))
    return _("Training runs on the processor.")


def sentence(text: str) -> str:
    """Return a code of a training run in words, in the language in use; anything else is returned unchanged."""
    name, _space, arguments = text.partition(" ")
    try:
        given: dict[str, str] = json.loads(arguments) if arguments else {}
        words = _stages().get(name) or _failures(given).get(name) or _warning(name, given) or _remark(name, given)
    except (ValueError, KeyError, TypeError, AttributeError):
        return text
    return words or text


def _stages() -> dict[str, str]:
    return {
        FINDING: _("Looking for photos…"),
        STARTING: _("Starting TensorFlow…"),
        PREPARING: _("Preparing the network…"),
        READING: _("Reading photos…"),
        TRAINING: _("Training…"),
        RETRAINING: _("Retraining the last layers…"),
        SAVING: _("Saving the model…"),
    }


def _failures(given: dict[str, str]) -> dict[str, str]:
    shown = {"why": "", "place": "", "error": "", **given}
    return {
        NO_MEMORY: _("There is not enough memory for this training run. Choose a smaller batch size or input size."),
        DISK_FULL: _(
            "The disk is full, so the model could not be saved. Nothing was changed. Free up some space and try again."
        ),
        STEPS_TOO_LARGE: _(
            "The loss grew without bound, so the model learned nothing. Choose a smaller learning rate."
        ),
        _REFUSED: _("No model was made: the system could not read or write a file ({why}).").format(**shown),
        _REFUSED_PLACE: _("No model was made: the system could not read or write {place} ({why}).").format(**shown),
        _NOT_UNDERSTOOD: _(
            "The training process could not read its settings ({error}). Reinstall AlpacaSorter."
        ).format(**shown),
        _UNEXPECTED: _(
            "Training failed because of a bug in AlpacaSorter or TensorFlow ({error}). Nothing was changed. "
            "Try other settings."
        ).format(**shown),
    }


def _remark(name: str, given: dict[str, str]) -> str:
    if name == RETRAINING_UNUSED:
        return _(
            "Retraining did not help: after none of its epochs were the held-out photos judged better, so the "
            "backbone stays as it was."
        )
    if name == AUGMENTATION_UNUSED:
        return _(
            "Augmentation did not help: a last layer that also learned from varied photos was no better in "
            "cross-validation, so the one that learned from your photos as they are is used. With a frozen backbone, "
            "that is usual."
        )
    if name == _PLAIN_COMPARED:
        plain, used, held_out = (int(given[key]) for key in ("plain", "used", "held_out"))
        shown = {"plain": number(plain), "used": number(used), "held_out": number(held_out)}
        if plain > used:
            return _(
                "These settings do not help with your photos: a plain model, without augmentation, extra layers and "
                "retraining, judges {plain} of the {held_out} held-out photos correctly, this one {used}. Train again "
                "without them."
            ).format(**shown)
        if plain == used:
            return _(
                "These settings make no difference on the held-out photos: a plain model, without augmentation, extra "
                "layers and retraining, also judges {plain} of {held_out} correctly."
            ).format(**shown)
        return _(
            "These settings help: a plain model, without augmentation, extra layers and retraining, judges {plain} of "
            "the {held_out} held-out photos correctly, this one {used}."
        ).format(**shown)
    return ""


def _warning(name: str, given: dict[str, str]) -> str:
    if name == SPLIT_BY_CLASS:
        return _(
            "There are so few photos that each class was split separately, so that both sets contain photos of it."
        )
    if name == ONLY_PREPARED:
        return _(
            "Copies that were saved again and shots of the same scene are not looked for here. Training does that, and "
            "may then hold out other photos."
        )
    if name == _IN_BOTH_CLASSES:
        count = int(given["count"])
        said = ngettext(
            "{count} photo is in the folders of both classes, so one of its labels is wrong. It is not held out.",
            "{count} photos are in the folders of both classes, so one label of each is wrong. They are not held out.",
            count,
        ).format(count=number(count))
        files = given["files"].split("\n")
        if count > len(files):
            files.append("…")
        return "\n".join((said, *files))
    if name == _NEAR_DUPLICATES:
        count = int(given["count"])
        return ngettext(
            "{count} of the {held_out} held-out photos has a near-duplicate in the training set, such as another shot "
            "of the same scene. The figures are optimistic: expect lower ones on photos of other scenes.",
            "{count} of the {held_out} held-out photos have near-duplicates in the training set, such as other shots "
            "of the same scene. The figures are optimistic: expect lower ones on photos of other scenes.",
            count,
        ).format(count=number(count), held_out=number(int(given["held_out"])))
    if name == _FEW_HELD_OUT:
        count = int(given["count"])
        return ngettext(
            "Only {count} photo is held out: it alone decides {share} of the accuracy.",
            "Only {count} photos are held out: each of them decides {share} of the accuracy.",
            count,
        ).format(count=number(count), share=percent(1 / count))
    if name == _FEW_TO_TRAIN_ON:
        count = int(given["count"])
        return ngettext(
            "There is only {count} photo of the class “{class_name}” to train on. More would help.",
            "There are only {count} photos of the class “{class_name}” to train on. More would help.",
            count,
        ).format(count=number(count), class_name=given["class_name"])
    if name == _UNEVEN:
        return _(
            "The classes are of very different sizes: “{many_class}” has {many} photos, “{few_class}” has {few}. All "
            "photos count equally, so the model favors the larger class. Look at the balanced accuracy."
        ).format(**{**given, "many": number(int(given["many"])), "few": number(int(given["few"]))})
    if name == _NOTHING_TO_RETRAIN:
        count = int(given["layers"])
        return ngettext(
            "The last layer of the backbone has nothing to train, so the backbone stays as it is. Choose more layers.",
            "The last {count} layers of the backbone have nothing to train, so the backbone stays as it is. "
            "Choose more layers.",
            count,
        ).format(count=number(count))
    return ""
