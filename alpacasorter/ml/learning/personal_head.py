"""The head in use, which learns from the user's corrections: judging, learning, going back to an earlier version.

Scanning and learning run in different threads. The table of embeddings, the corrections and the head change under a
lock, and every prediction carries the version of the head that made it, so that an outdated one can be recognized. Only
one thread at a time learns.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alpacasorter.core.events import Judged, JudgedPhoto, Learned, LearningAgain, Relearned
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.store.library import Library, LibraryError
from alpacasorter.ml.learning.agreement import Agreement, find_agreements
from alpacasorter.ml.learning.corrections import Corrections, Examples, Vector, differences
from alpacasorter.ml.learning.embeddings import EmbeddingTable
from alpacasorter.ml.learning.folds import scene_similarity
from alpacasorter.ml.learning.learner import Learner, self_check
from alpacasorter.ml.learning.versions import LearningState, Versions
from alpacasorter.ml.models.bundle import Bundle
from alpacasorter.ml.models.head import Head
from alpacasorter.ml.scan import Embedded


class PersonalHead:
    """The head of a bundle, which learns from the corrections in a library.

    Methods that need the library raise LibraryError if it fails; then nothing has changed.

    Attributes:
        learning_again: whether the photos of earlier corrections are being processed (see `carry_over`). Until that is
            over, the head is not stored as a version.
    """

    def __init__(self, bundle: Bundle, labels: LabelSet, library: Library) -> None:
        """Load the head that was learned last, or learn it again."""
        self._bundle = bundle
        self._labels = labels
        self._library = library
        self._lock = threading.Lock()
        self._learning = threading.Lock()
        self._table = EmbeddingTable()
        self._learner: Learner | None = None
        self._corrections = Corrections.read(library, bundle)
        self._pending: dict[str, Vector] = {}
        self.learning_again = False
        self._unread = False
        self._found_pictures: dict[str, str] = {}
        self._versions = Versions(library, bundle)
        self._examples = self._corrections.examples()
        self._head = self._next_head(stored=True)
        self._head_version = 0

    def open_folder(self) -> EmbeddingTable:
        """Forget the photos of the previous folder; return the table for those of the new one."""
        with self._lock:
            self._table = EmbeddingTable()
            return self._table

    def judge(self, event: Embedded, table: EmbeddingTable) -> Judged:
        """Return predictions for photos that were just embedded, and add them to the table of their folder."""
        vectors = event.embeddings.astype(np.float32)
        with self._lock:
            table.add(event.content_keys, event.embeddings)
            pictures = event.picture_keys or (None,) * len(event.content_keys)
            self._note(event.content_keys, pictures, event.embeddings)
            probabilities = self._head.probability(vectors).tolist()
            version = self._head_version
            photos = tuple(
                JudgedPhoto(path, key, probability, facts, self.correction(key), picture)
                for path, key, probability, facts, picture in zip(
                    event.paths, event.content_keys, probabilities, event.facts, pictures, strict=True
                )
            )
        return Judged(photos, version)

    def correct(self, changes: Mapping[str, str | None], paths: Mapping[str, Path] | None = None) -> Learned:
        """Store corrections, learn from all corrections, and judge every photo of the open folder again.

        Args:
            changes: label by content key; None removes a correction.
            paths: where the corrected photos are, stored as a hint.

        Raises:
            LibraryError: the corrections could not be stored; nothing has changed.
            KeyError: a photo was never judged, so nothing can be learned from it.
        """
        started = time.perf_counter()
        with self._learning:
            with self._lock:
                corrections, pictures = self._corrections, self._corrections.pictures
                resolved = corrections.resolve(changes)
                made = [key for key, label in resolved.stored.items() if label is not None]
                vectors = {key: self._vector(key) for key in made}
                known = {key: picture for key in resolved.stored if (picture := pictures.picture(key)) is not None}
            hints = {resolved.places.get(key, key): path for key, path in (paths or {}).items()}
            self._library.set_corrections(
                self._bundle.label_set,
                resolved.stored,
                paths=hints,
                pictures=known,
                embeddings={key: vector.astype("<f2").tobytes() for key, vector in vectors.items()},
                backbone_id=self._bundle.backbone_id,
            )
            with self._lock:
                corrections.apply(resolved.stored, vectors)
                corrections.without_picture |= {key: hints.get(key) for key in made if key not in known}
            return self._learn({**resolved.shown, **self._changed_elsewhere()}, started)

    def take(self, keys: Sequence[str], pictures: Sequence[str | None], embeddings: npt.NDArray[np.float16]) -> None:
        """Take in photos of any folder that were just embedded; `learn_pending` learns from those that are corrected.

        Args:
            keys: content keys.
            pictures: picture keys, None where unknown.
            embeddings: float16 (n, embedding size).
        """
        with self._lock:
            self._note(keys, pictures, embeddings)

    def waiting(self) -> dict[str, Path | None]:
        """Return the corrections that can't be learned from yet (see `Corrections.waiting`)."""
        with self._lock:
            waiting = self._corrections.waiting()
            return {key: hint for key, hint in waiting.items() if key not in self._pending}

    def how_far(self) -> LearningAgain:
        """Return how many corrections are learned from, and how many can't be yet."""
        waiting = len(self.waiting())
        with self._lock:
            corrections = self._corrections
            total = len(corrections.labels) - len(corrections.set_aside)
        return LearningAgain(total - waiting, waiting, self.learning_again)

    def learn_pending(self) -> Learned | None:
        """Learn what came to light about earlier corrections while photos were judged; return None if that is nothing.

        These are embeddings of photos that were corrected while another backbone was in use, and pictures of photos
        that were corrected when no picture keys were known.
        """
        started = time.perf_counter()
        if not self._pending and not self._found_pictures:
            return None
        with self._learning:
            with self._lock:
                pending, self._pending = self._pending, {}
                pictures, self._found_pictures = self._found_pictures, {}
                pending = {key: vector for key, vector in pending.items() if key in self._corrections.labels}
                # The library may have been read again in the meantime, and it does not know them.
                self._corrections.vectors |= pending
            # If this fails, they are learned from anyway and come here again after the next start.
            with contextlib.suppress(LibraryError):
                self._library.set_corrections(
                    self._bundle.label_set,
                    {},
                    embeddings={key: vector.astype("<f2").tobytes() for key, vector in pending.items()},
                    backbone_id=self._bundle.backbone_id,
                )
            changes = self._unite(pictures)
            return self._learn(changes, started) if pending or changes or self._is_behind() else None

    def photos_without_picture(self) -> dict[str, Path | None]:
        """Return the content keys of corrected photos whose picture key is not stored, and where they may be."""
        with self._lock:
            return dict(self._corrections.without_picture)

    def learn_pictures(self, pictures: Mapping[str, str]) -> Learned | None:
        """Store the picture keys, by content key, of corrected photos, so that their labels follow the pictures.

        Returns:
            The outcome if that gives other photos a label, or leaves one correction of two that are of the same
            picture; else None.
        """
        started = time.perf_counter()
        with self._learning:
            changes = self._unite(pictures)
            return self._learn(changes, started) if changes or self._is_behind() else None

    def _note(self, keys: Sequence[str], pictures: Sequence[str | None], embeddings: npt.NDArray[np.float16]) -> None:
        """Note the picture keys and embeddings of photos that were just read; call it with the lock held."""
        corrections = self._corrections
        for key, picture in zip(keys, pictures, strict=True):
            if picture is not None and key in corrections.without_picture:
                # Other photos may get a label by it, which must be told together.
                self._found_pictures[key] = picture
            else:
                corrections.pictures.note(key, picture)
        for place, vector in zip(map(corrections.key_of, keys), embeddings, strict=True):
            # Corrected while another backbone was in use: only now is there an embedding to learn from.
            if place is not None and place not in corrections.vectors:
                corrections.vectors[place] = self._pending[place] = vector

    def _unite(self, pictures: Mapping[str, str]) -> dict[str, str | None]:
        """Note and store the picture keys of corrected photos; return the labels that photos have now by that."""
        if not pictures:
            return {}
        with self._lock:
            before = self._corrections.shown()
            for key, picture in pictures.items():
                self._corrections.pictures.note(key, picture)
                self._corrections.without_picture.pop(key, None)
        # If this fails, they count in this session, and come here again after the next start.
        with contextlib.suppress(LibraryError):
            self._library.set_picture_keys(pictures)
            self._read_again()
        return differences(before, self._corrections.shown())

    def _is_behind(self) -> bool:
        """Tell whether the head has learned from other corrections than there are now."""
        with self._lock:
            return self._corrections.examples().digest != self._examples.digest

    def _vector(self, key: str) -> Vector:
        """Return the embedding of a photo, or of another file with its picture; call it with the lock held.

        Raises:
            KeyError: none was ever judged.
        """
        if (known := self._corrections.vectors.get(key)) is not None:
            return known
        same = self._corrections.pictures.same(key)
        return self._table.get(next((one for one in same if one in self._table), key)).astype(np.float16)

    def prepare(self) -> None:
        """Prepare learning, so that the first correction need not wait for it.

        This takes about 0.3 s, and a second more if there are thousands of corrections.
        """
        with self._learning:
            if self._learner is None:
                self._learner = Learner(self._bundle)
                self._learner.learn(self._examples.vectors, self._examples.targets(self._labels.positive))

    @property
    def head(self) -> Head:
        """The head in use: the bundle's own, or the one that has learned from the corrections."""
        return self._head

    @property
    def correction_count(self) -> int:
        """How many corrections the head learns from, in all folders."""
        return len(self._corrections.keys_learned())

    def correction(self, key: str) -> str | None:
        """Return the user's label of a photo, or None."""
        return self._corrections.label(key)

    @property
    def examples(self) -> Examples:
        """The corrections that the head has learned from."""
        return self._examples

    def same_picture(self, key: str) -> tuple[tuple[str, ...], Path | None]:
        """Return the content keys of all known files with a photo's picture, and where it was when it was labeled."""
        with self._lock:
            return tuple(self._corrections.pictures.same(key)), self._corrections.hints.get(key)

    def had_picture(self, key: str) -> bool:
        """Tell whether a photo of the open folder shows, or showed, the picture of this one with other bytes."""
        with self._lock:
            return any(same != key and same in self._table for same in self._corrections.pictures.same(key))

    def _changed_elsewhere(self, *, written: bool = False) -> dict[str, str | None]:
        """Read corrections that another instance (or, with `written`, this one) stored; return those that changed."""
        try:
            if not self._library.changed_elsewhere() and not written and not self._unread:
                return {}
            before = self._corrections.shown()
            self._unread = True
            self._read_again()
        except LibraryError:
            # What this instance has stored is safe, even if the library can't be read at the moment; it is next time.
            return {}
        self._unread = False
        return differences(before, self._corrections.shown())

    def _read_again(self) -> None:
        """Read all corrections; raises LibraryError if they can't be read, and then nothing has changed."""
        with self._lock:
            self._corrections = Corrections.read(self._library, self._bundle, self._corrections.pictures)

    def _learn(
        self,
        changes: Mapping[str, str | None],
        started: float,
        relearned: Relearned | None = None,
        variant: str | None = None,
    ) -> Learned:
        head = self._next_head(stored=relearned is not None or variant is not None)
        with self._lock:
            after = self._table.score(head.probability)
            changed = tuple(key for key in self._flipped(after) if key not in changes)
            self._head = head
            self._head_version += 1
            return Learned(
                corrections=len(self._examples.labels),
                changes=dict(changes),
                keys=tuple(self._table.keys),
                probabilities=after,
                changed=changed,
                head_version=self._head_version,
                seconds=time.perf_counter() - started,
                relearned=relearned,
                variant=variant,
            )

    def _flipped(self, probabilities: npt.NDArray[np.float32]) -> list[str]:
        """Return the content keys of photos without a correction to which these probabilities, in the order of the
        table, give another label than the head in use; call it with the lock held."""
        before, least = self._table.score(self._head.probability), self._labels.threshold
        rows = np.flatnonzero((before >= least) != (probabilities >= least)).tolist()
        return [key for row in rows if self.correction(key := self._table.keys[row]) is None]

    def _next_head(self, *, stored: bool) -> Head:
        """Return the head for the current corrections; if `stored`, look for it in the library first."""
        with self._lock:
            # A snapshot: by the time the head is stored, a scan may have added more.
            self._examples = examples = self._corrections.examples()
        self._is_saved = False
        if not examples.labels:
            return self._bundle.head
        if stored:
            # Without the library it is learned again, with the same result.
            with contextlib.suppress(LibraryError):
                head = self._versions.head(examples)
                if head is not None:
                    return head
        self._learner = self._learner or Learner(self._bundle)
        return self._learner.learn(examples.vectors, examples.targets(self._labels.positive))

    def save(self) -> None:
        """Store the learned head in the library, so that the next start need not learn it again.

        This is separate from `correct()`, because storing takes longer than learning and the user waits only for the
        latter.

        Raises:
            LibraryError: it could not be stored. Nothing is lost, because the head follows from the corrections.
        """
        with self._learning:
            self._save()

    def _save(self) -> None:
        if not self._is_saved and not self.learning_again:
            self._versions.save(self._head, self._examples)
            self._is_saved = True

    # Variants

    @property
    def bundle(self) -> Bundle:
        """The bundle, with the variant in use."""
        return self._bundle

    def use_variant(self, name: str) -> Learned:
        """Use another variant of the bundle, with what was learned for it, and judge every photo again.

        Raises:
            BundleError: the bundle has no such variant; nothing has changed.
        """
        started = time.perf_counter()
        with self._learning:
            bundle = self._bundle.with_variant(name)
            # If this fails, it is learned again when it is needed.
            with contextlib.suppress(LibraryError):
                self._save()
            changes = self._changed_elsewhere()
            self._bundle, self._versions, self._learner = bundle, Versions(self._library, bundle), None
            return self._learn(changes, started, variant=name)

    def changed_by_variant(self, name: str) -> tuple[str, ...]:
        """Return the content keys of the photos of the open folder to which another variant would give another label.

        It learns from the same corrections for this; meanwhile others can learn, and nothing is stored.

        Raises:
            BundleError: the bundle has no such variant.
        """
        bundle = self._bundle.with_variant(name)
        with self._lock:
            examples = self._corrections.examples()
        head = bundle.head
        if examples.labels:
            head = Learner(bundle).learn(examples.vectors, examples.targets(self._labels.positive))
        with self._lock:
            return tuple(self._flipped(self._table.score(head.probability)))

    def agreements(self, keys: Collection[str]) -> tuple[Agreement, ...]:
        """Return which other variants would have labeled corrected photos as the user did, and the one in use not.

        Args:
            keys: content keys of the photos asked about, usually those just corrected. Only variants that are right
                about one of them are returned, the one that is right about the most corrections first.
        """
        if self._bundle.variants is None:
            return ()
        with self._lock:
            corrections = self._corrections
            examples = {key: (vector, corrections.labels[key]) for key, vector in corrections.vectors.items()}
            asked = {stored: key for key in keys if (stored := corrections.key_of(key)) is not None}
        return find_agreements(self._bundle, examples, asked)

    # Versions

    def state(self) -> LearningState:
        """Return what the head has learned from, and its versions."""
        with self._lock:
            examples, corrections = self._examples, self._corrections
            set_aside = len(corrections.set_aside)
            waiting = len(corrections.waiting())
            total = len(corrections.labels)
        listed, others = self._versions.listed(examples), self._versions.of_others()
        return LearningState(total, len(examples.labels), set_aside, waiting, listed, others)

    def go_back(self, version: int) -> Learned:
        """Learn only from the corrections of a version (see `versions`), and judge every photo again.

        Args:
            version: its number; SHIPPED for the model as shipped.

        Raises:
            VersionGone: it is no longer stored; nothing has changed.
            LibraryError: the change could not be stored; nothing has changed.
        """
        started = time.perf_counter()
        with self._learning:
            made_at, members = self._versions.members(version)
            return self._learn_only_from(members, started, made_at)

    def learn_from_all(self) -> Learned:
        """Learn from the corrections that were set aside too, and judge every photo again."""
        started = time.perf_counter()
        with self._learning:
            return self._learn_only_from(None, started, None)

    def catch_up(self, *, written: bool = False) -> Learned | None:
        """Learn from what another instance has changed in the library; return None if there is nothing new.

        Args:
            written: whether this instance has written corrections to the library directly, as an import does.
        """
        started = time.perf_counter()
        with self._learning:
            before = self._corrections
            changes = self._changed_elsewhere(written=written)
            if self._corrections is before and not self._pending and not self._found_pictures:
                # This is asked every few seconds: without news, comparing all corrections would take too long.
                return None
            return self._learn(changes, started) if changes or self._is_behind() else None

    def check(self, stopped: Callable[[], bool] = lambda: False) -> bool:
        """Keep the version in use for good, and measure it if that was not done yet; return whether it was done now.

        This takes about a second, during which others can learn. It ends early if `stopped`, which is polled, returns
        True.
        """
        with self._learning:
            self._save()
            self._versions.settle()
            examples, versions, bundle = self._examples, self._versions, self._bundle
            if not examples.labels or versions.is_checked(examples):
                return False
            self._learner = self._learner or Learner(bundle)
            spread = self._learner.spread
        found = self_check(
            Learner(bundle, spread),
            examples.embeddings(),
            examples.targets(self._labels.positive),
            threshold=self._labels.threshold,
            similarity=scene_similarity(bundle.learning.yield_similarity),
            stopped=stopped,
        )
        if found is not None:
            with self._learning:
                versions.note(examples, found)
        return found is not None

    def _learn_only_from(self, members: Mapping[str, str] | None, started: float, made_at: str | None) -> Learned:
        self._save()
        self._versions.settle()
        if members is not None:
            # The version may have learned from a file of the same picture.
            with self._lock:
                members = {self._corrections.key_of(key) or key: label for key, label in members.items()}
        self._library.learn_only_from(self._bundle.label_set, members)
        with self._lock:
            self._corrections.learn_only_from(members)
        changes = self._changed_elsewhere()
        labels = self._corrections.labels
        gone = sum(labels.get(key) != label for key, label in (members or {}).items())
        return self._learn(changes, started, Relearned(made_at, len(self._corrections.set_aside), gone))
