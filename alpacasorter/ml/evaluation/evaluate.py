"""Measuring a model on labeled photos, sorted into one subfolder per class, and reporting the result."""

from __future__ import annotations

import contextlib
import platform
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

import alpacasorter
from alpacasorter.core import os_errors, reasons
from alpacasorter.core.events import Found, Problem, Problems, Progress
from alpacasorter.core.files import display_path
from alpacasorter.core.photo import PhotoFile, Unreadable
from alpacasorter.core.photos.decode import decode
from alpacasorter.core.photos.exclusion import NOTHING, Exclusion
from alpacasorter.core.photos.picture_key import picture_key
from alpacasorter.core.photos.reading import read_photo
from alpacasorter.core.photos.walk import FolderUnavailable, class_folders, rooted, walk
from alpacasorter.core.store.cache import Cache
from alpacasorter.i18n import _, decimal, join, ngettext, number, share
from alpacasorter.ml.evaluation.metrics import Metrics, measure, mistakes
from alpacasorter.ml.evaluation.report import Report
from alpacasorter.ml.learning.duplicates import fingerprint, in_both_classes, linked, same_keys, same_pictures
from alpacasorter.ml.models.bundle import Bundle
from alpacasorter.ml.models.head import Head
from alpacasorter.ml.scan import Embed, Embedded, Scan

_COUNT_BATCH: Final = 1000
_SAME_PHOTO: Final = 0.9995
"""Cosine similarity of embeddings from which they are of the same photo: more than any two shots of a burst have, but
low enough to allow for rounding."""
_MAX_NAMED: Final = 3
"""How many folders an error message names."""
_PICTURES_NAMED: Final = 20
_ROWS_AT_ONCE: Final = 1024
_MAYBE_SAME: Final = 0.9
"""Cosine similarity of embeddings from which photos may be copies of one picture."""
_THUMBNAIL: Final = 64
_PACKAGES: Final = {"ai-edge-litert": "LiteRT", "numpy": "NumPy", "pillow": "Pillow"}


class DatasetError(Exception):
    """The dataset can't be used; `str()` is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A photo whose prediction is not its folder's class.

    Attributes:
        path: the photo.
        probability: calibrated probability of the positive class.
        content_key: hash of its bytes.
    """

    path: Path
    probability: float
    content_key: str = ""


@dataclass(frozen=True, eq=False)
class Judgment:
    """The predictions of one head, and how good they are.

    Attributes:
        probabilities: float32 (n,), calibrated probability of the positive class.
        metrics: over all photos.
        mistakes: the most confident first.
    """

    probabilities: npt.NDArray[np.float32]
    metrics: Metrics
    mistakes: tuple[Mistake, ...]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The result of an evaluation. All sequences of photos are in the order of `paths`.

    Attributes:
        class_names: display names of targets 0 and 1.
        threshold: probability from which a photo counts as positive.
        paths, keys: the readable photos and their content keys.
        targets: (n,), 0 or 1: the class whose folder the photo is in.
        shipped: the bundle's own head.
        learned: the head that has learned from corrections; None if none was given.
        problems: photos and folders that could not be read, with the reason.
        left_out: subfolders that are not named after a class.
        trained_on: how many of the photos the model was trained on; it is better on those than on others.
        both: for each picture that is in the folders of both classes, the files with it.
    """

    class_names: tuple[str, str]
    threshold: float
    paths: tuple[Path, ...]
    keys: tuple[str, ...]
    targets: npt.NDArray[np.int64]
    shipped: Judgment
    learned: Judgment | None
    problems: tuple[Problem, ...]
    left_out: tuple[str, ...]
    trained_on: int
    both: tuple[tuple[Path, ...], ...] = ()

    @property
    def metrics(self) -> Metrics:
        """The metrics of the bundle's own head."""
        return self.shipped.metrics

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        """The mistakes of the bundle's own head."""
        return self.shipped.mistakes

    @property
    def unreadable(self) -> int:
        """How many photos and folders could not be read."""
        return len(self.problems)


def evaluate(
    dataset: Path,
    *,
    bundle: Bundle,
    cache: Cache,
    embed: Embed,
    threads: int,
    learned: Head | None = None,
    exclusion: Exclusion = NOTHING,
) -> Generator[Progress | Evaluation, None, None]:
    """Judge all photos of a dataset with the bundle as shipped; yield progress, then the evaluation.

    Corrections are not used, so the result is the same on every computer. If a head that has learned from corrections
    is given, it is measured too.

    Args:
        dataset: a folder with one subfolder per class.
        bundle: the model.
        cache, embed, threads: as in `scan.Pipeline`.
        learned: a head that has learned from corrections.
        exclusion: what the user leaves out of the dataset.

    Raises:
        DatasetError: there are no class folders, or no photo in them can be read.
    """
    exclusion = rooted(exclusion, dataset)
    folders, left_out = _class_folders(dataset, bundle, exclusion)
    photos: list[Embedded] = []
    targets: list[int] = []
    problems: list[Problem] = []
    # Counted first, so that the bar does not start over with the second folder.
    total = done_before = 0
    try:
        for _target, folder in folders:
            for item in walk(folder, recursive=True, exclusion=exclusion):
                if isinstance(item, PhotoFile):
                    total += 1
                    # A chance to stop it.
                    if total % _COUNT_BATCH == 0:
                        yield Progress(0, total, 0.0, None)
        for target, folder in folders:
            scan = Scan(
                folder,
                recursive=True,
                exclusion=exclusion,
                cache=cache,
                backbone_id=bundle.backbone_id,
                embedding_size=bundle.embedding_size,
                embed=embed,
                input_size=bundle.input_size,
                threads=threads,
            )
            found = 0
            with contextlib.closing(scan.run()) as events:
                for event in events:
                    if isinstance(event, Found):
                        found += len(event.files)
                    elif isinstance(event, Embedded):
                        photos.append(event)
                        targets += [target] * len(event.paths)
                    elif isinstance(event, Problems):
                        problems += event.problems
                    elif isinstance(event, Progress):
                        yield _overall(event, done_before, total)
            done_before += found
    except (FolderUnavailable, Unreadable) as error:
        raise DatasetError(reasons.sentence(error.reason)) from error
    if not photos:
        raise DatasetError(
            _("There are no readable photos in the class folders of {folder}.").format(folder=display_path(dataset))
        )
    embeddings = np.concatenate([batch.embeddings for batch in photos]).astype(np.float32)
    paths = tuple(path for batch in photos for path in batch.paths)
    keys = tuple(key for batch in photos for key in batch.content_keys)
    truth = np.array(targets, dtype=np.int64)

    def judged_by(head: Head) -> Judgment:
        probabilities = head.probability(embeddings)
        wrong = mistakes(truth, probabilities, threshold=bundle.threshold)
        return Judgment(
            probabilities,
            measure(truth, probabilities, threshold=bundle.threshold),
            tuple(Mistake(paths[n], float(probabilities[n]), keys[n]) for n in wrong),
        )

    yield Evaluation(
        class_names=(_display(bundle, bundle.negative_label), _display(bundle, bundle.positive_label)),
        threshold=bundle.threshold,
        paths=paths,
        keys=keys,
        targets=truth,
        shipped=judged_by(bundle.head),
        learned=judged_by(learned) if learned is not None else None,
        problems=tuple(problems),
        left_out=left_out,
        trained_on=_trained_on(embeddings, bundle),
        both=_in_both(paths, keys, _pictures(photos), embeddings, truth, cache),
    )


def _overall(event: Progress, done_before: int, total: int) -> Progress:
    """Return the progress over all folders from that of one; there may be more photos now than were counted."""
    done = done_before + event.done
    total = max(total, done_before + event.total)
    seconds_left = (total - done) / event.per_second if event.per_second else None
    return Progress(done, total, event.per_second, seconds_left)


def _display(bundle: Bundle, name: str) -> str:
    return bundle.display_names.get(name) or name.replace("_", " ").capitalize()


def _pictures(photos: Sequence[Embedded]) -> list[str]:
    """Return the picture keys; where an earlier version of the app judged a photo, its file is read for it."""
    found = []
    for batch in photos:
        known = batch.picture_keys or (None,) * len(batch.paths)
        for path, key, picture in zip(batch.paths, batch.content_keys, known, strict=True):
            try:
                found.append(picture or picture_key(read_photo(path), key))
            except Unreadable:
                found.append(key)
    return found


def _in_both(
    paths: Sequence[Path],
    keys: Sequence[str],
    pictures: Sequence[str],
    embeddings: npt.NDArray[np.float32],
    targets: npt.NDArray[np.int64],
    cache: Cache,
) -> tuple[tuple[Path, ...], ...]:
    """Return the files of each picture that is in the folders of both classes: with other metadata, or saved again."""
    groups = same_keys(pictures)
    # Copies of one picture look alike to any model. Whether they are copies, their thumbnails tell.
    unit = _unit(embeddings)
    pairs = [np.stack([np.unique(groups, return_index=True)[1][groups], np.arange(len(groups))], axis=1)]
    classes = [np.flatnonzero(targets == target) for target in (0, 1)]
    prints: dict[str, npt.NDArray[np.uint8] | None] = {}
    for start in range(0, len(classes[0]), _ROWS_AT_ONCE):
        some = classes[0][start : start + _ROWS_AT_ONCE]
        for one, other in np.argwhere(unit[some] @ unit[classes[1]].T >= _MAYBE_SAME):
            first, second = some[one], classes[1][other]
            seen = [_fingerprint(keys[row], cache, prints) for row in (first, second)]
            if groups[first] != groups[second] and all(print_ is not None for print_ in seen):
                copies = same_pictures(np.stack([print_ for print_ in seen if print_ is not None]))
                if copies[0] == copies[1]:
                    pairs.append(np.sort([[first, second]], axis=1))
    found = in_both_classes(linked(len(keys), pairs), targets)
    return tuple(tuple(paths[row] for row in group) for group in found)


def _fingerprint(
    key: str, cache: Cache, known: dict[str, npt.NDArray[np.uint8] | None]
) -> npt.NDArray[np.uint8] | None:
    if key not in known:
        thumbnail = cache.thumbnail(key)
        try:
            known[key] = None if thumbnail is None else fingerprint(decode(thumbnail, min_side=_THUMBNAIL).pixels)
        except Unreadable:
            known[key] = None
    return known[key]


def _trained_on(embeddings: npt.NDArray[np.float32], bundle: Bundle) -> int:
    """Return how many of the embeddings (n, embedding size) are in the bundle's replay set, apart from rounding."""
    replay = bundle.replay.embeddings.astype(np.float32)
    similarity = _unit(embeddings) @ _unit(replay).T
    return int((similarity.max(axis=1, initial=-1.0) >= _SAME_PHOTO).sum())


def _unit(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.float32(1e-12)), dtype=np.float32)


def _class_folders(
    dataset: Path, bundle: Bundle, exclusion: Exclusion
) -> tuple[list[tuple[int, Path]], tuple[str, ...]]:
    try:
        subfolders = [dataset / name for name in class_folders(dataset, exclusion)]
    except OSError as error:
        # Translators: {reason} is a sentence.
        message = _("{folder} can't be opened. {reason}")
        reason = reasons.sentence(os_errors.for_folder(error))
        raise DatasetError(message.format(folder=display_path(dataset), reason=reason)) from error
    target_of = {_plain(name): target for target, name in enumerate(bundle.class_names)}
    target_of |= {_plain(_display(bundle, name)): target_of[_plain(name)] for name in bundle.class_names}
    folders = [(target_of[_plain(f.name)], f) for f in subfolders if _plain(f.name) in target_of]
    others = tuple(f.name for f in subfolders if _plain(f.name) not in target_of)
    if not folders:
        raise DatasetError(_how_to_name(dataset, bundle, others, is_class=_plain(dataset.name) in target_of))
    return folders, others


def _how_to_name(dataset: Path, bundle: Bundle, others: tuple[str, ...], *, is_class: bool) -> str:
    negative, positive = bundle.class_names
    fields = {"folder": display_path(dataset), "positive": positive, "negative": negative}
    if is_class:
        return _(
            "{folder} has no subfolders named “{positive}” and “{negative}”. It seems to contain only one class: choose"
            " the folder that it is in."
        ).format(**fields)
    if not others:
        return _(
            "{folder} has no subfolders named “{positive}” and “{negative}”. Create one subfolder for each class."
        ).format(**fields)
    # Translators: the name of a folder in a sentence.
    listed = [_("“{name}”").format(name=display_path(name)) for name in others[:_MAX_NAMED]]
    more = len(others) - _MAX_NAMED
    if more > 0:
        listed.append(ngettext("{count} more", "{count} more", more).format(count=number(more)))
    return _(
        "{folder} has no subfolders named “{positive}” and “{negative}”. Create one subfolder for each class, or rename"
        " the existing ones: {names}."
    ).format(**fields, names=join(listed))


def _plain(name: str) -> str:
    """Return a name for comparison: a folder may be called "Not alpaca", "not-alpaca" or "not_alpaca"."""
    return re.sub(r"[\s_-]+", "_", name.strip()).lower()


def evaluation_report(
    evaluation: Evaluation, *, dataset: Path, model: str, device: str, corrected: int | None = None
) -> Report:
    """Return the report of a test.

    Args:
        evaluation: the result.
        dataset: the folder with the class folders.
        model: name and version of the bundle.
        device: "cpu" or "gpu".
        corrected: None to report on the model as shipped; otherwise report on the head that has learned, and say how
            many of these photos it has learned from.

    Raises:
        ValueError: a report on the head that has learned is requested, but none was measured.
    """
    if corrected is None:
        judgment = evaluation.shipped
        introduction = _("This measures the model as shipped, without what it learned from corrections.")
        other = (_("The model as it is now"), evaluation.learned.metrics) if evaluation.learned else None
    elif evaluation.learned is not None:
        judgment = evaluation.learned
        introduction = _("This measures the model as it is now, with what it learned from your corrections.")
        other = (_("The model as shipped"), evaluation.shipped.metrics)
    else:
        raise ValueError("no head that has learned was measured")
    left_out = _("This subfolder is not named after a class.")
    return Report(
        title=_("Test of {model} on {folder}").format(model=model, folder=display_path(dataset.name or dataset)),
        class_names=evaluation.class_names,
        paths=evaluation.paths,
        targets=evaluation.targets,
        probabilities=judgment.probabilities,
        threshold=evaluation.threshold,
        introduction=" ".join((introduction, _("The folder that a photo is in gives its class."))),
        comparisons=_comparisons(judgment.metrics, other),
        settings=(
            (_("Model"), model),
            (_("Folder"), display_path(dataset)),
            (_("Threshold"), decimal(evaluation.threshold, 2)),
        ),
        environment=environment(device),
        warnings=warnings(evaluation, corrected or 0),
        left_out=(
            *((name, left_out) for name in evaluation.left_out),
            *((problem.path, reasons.sentence(problem.reason)) for problem in evaluation.problems),
        ),
    )


def warnings(evaluation: Evaluation, corrected: int) -> tuple[str, ...]:
    """Return what to know before trusting the results.

    Args:
        evaluation: the result.
        corrected: how many of the photos the model has learned from as corrections; 0 for the model as shipped.
    """
    found = []
    total = len(evaluation.paths)
    if evaluation.trained_on:
        found.append(
            ngettext(
                "The model was trained on this photo; expect lower accuracy on others.",
                "The model was trained on {count} of these {total} photos; expect lower accuracy on others.",
                total,
            ).format(count=number(evaluation.trained_on), total=number(total))
        )
    if corrected:
        found.append(
            ngettext(
                "You corrected this photo, and the model has learned from it.",
                "You corrected {count} of these {total} photos, and the model has learned from that.",
                total,
            ).format(count=number(corrected), total=number(total))
        )
    if evaluation.both:
        said = ngettext(
            "{count} photo is in the folders of both classes, so one of its labels is wrong: {files}",
            "{count} photos are in the folders of both classes, so one label of each is wrong: {files}",
            len(evaluation.both),
        )
        named = ["\n" + " = ".join(display_path(path) for path in files) for files in evaluation.both[:_PICTURES_NAMED]]
        more = "\n…" if len(evaluation.both) > len(named) else ""
        found.append(said.format(count=number(len(evaluation.both)), files="".join((*named, more))))
    for target, name in enumerate(evaluation.class_names):
        if not (evaluation.targets == target).any():
            found.append(
                _("There are no photos of “{name}”, so mistakes of that kind can't be seen.").format(name=name)
            )
    return tuple(found)


def environment(device: str) -> tuple[tuple[str, str], ...]:
    """Return the name and version of what the results were produced with; `device` is "cpu" or "gpu"."""
    rows = [("AlpacaSorter", alpacasorter.__version__), ("Python", platform.python_version())]
    for package, name in _PACKAGES.items():
        try:
            rows.append((name, version(package)))
        except PackageNotFoundError:
            # The packaged app does not contain this information.
            continue
    return (*rows, (_("System"), platform.platform()), (_("Device"), _("GPU") if device == "gpu" else _("CPU")))


def _comparisons(metrics: Metrics, other: tuple[str, Metrics] | None) -> tuple[tuple[str, str], ...]:
    counts = metrics.confusion
    largest = max(counts.tp + counts.fn, counts.tn + counts.fp)
    rows = []
    if other is not None:
        name, figures = other
        # Translators: two measurements of a model, such as "97.2% accuracy, 96.8% balanced accuracy".
        words = _("{accuracy} accuracy, {balanced} balanced accuracy")
        rows.append((name, words.format(accuracy=share(figures.accuracy), balanced=share(figures.balanced_accuracy))))
    always = _("{accuracy} accuracy").format(accuracy=share(largest / metrics.n))
    rows.append((_("Always predicting the more frequent class"), always))
    return tuple(rows)
