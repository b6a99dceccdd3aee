"""Learning with the variants of a model: each has what was learned for it, and corrections may suggest another one."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alpacasorter.ml.learning.agreement import Agreement
from alpacasorter.ml.learning.learner import Learner
from alpacasorter.ml.learning.versions import SHIPPED
from alpacasorter.ml.models.bundle import Bundle
from alpacasorter.ml.models.metadata import BundleError
from tests.core.store.library_files import key, keys
from tests.engines import by_key
from tests.ml.bundles import variants_of
from tests.ml.learning.test_versions import (
    BUNDLE,
    COUNT,
    LABELS,
    NEGATIVE,
    POSITIVE,
    Opened,
    assert_alike,
    photos,
)

VARIANTS = variants_of(BUNDLE.replay, BUNDLE.head)
"""The shipped head and its opposite."""
WIDE = replace(BUNDLE, variants=VARIANTS, variant="wide")
NARROW = WIDE.with_variant("narrow")

Start = Callable[..., Opened]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Open heads on one library, as several windows or starts of the app do."""
    opened: list[Opened] = []

    def open_one(bundle: Bundle) -> Opened:
        opened.append(Opened(tmp_path / "library.sqlite", bundle))
        return opened[-1]

    yield open_one
    for one in opened:
        one.library.close()


def judged_by(bundle: Bundle) -> dict[str, float]:
    probabilities = bundle.head.probability(photos().embeddings.astype(np.float32)).tolist()
    return dict(zip(keys(0, COUNT), probabilities, strict=True))


def label(bundle: Bundle, number: int) -> str:
    return POSITIVE if judged_by(bundle)[key(number)] >= LABELS.threshold else NEGATIVE


def opposed() -> list[int]:
    """Return the photos that the two variants judge differently, which is nearly all."""
    return [n for n in range(COUNT) if label(WIDE, n) != label(NARROW, n)]


def test_the_opposite_is_the_opposite() -> None:
    assert len(opposed()) >= COUNT - 2


# Switching


def test_switching_judges_every_photo_again(start: Start) -> None:
    one = start(WIDE)
    assert one.head.bundle.variant == "wide"
    learned = one.head.use_variant("narrow")
    assert (learned.variant, learned.changes, learned.corrections, learned.relearned) == ("narrow", {}, 0, None)
    assert_alike(by_key(learned), judged_by(NARROW))
    assert set(learned.changed) == {key(n) for n in opposed()}
    assert one.head.bundle.variant == "narrow"
    # What a scan judges from now on is newer than what it judged before.
    judged = one.head.judge(photos(), one.head.open_folder())
    assert judged.head_version == learned.head_version > 0
    back = one.head.use_variant("wide")
    assert_alike(by_key(back), judged_by(WIDE))
    assert one.head.head is WIDE.head


def test_an_unknown_variant_changes_nothing(start: Start) -> None:
    one = start(WIDE)
    head = one.head.head
    with pytest.raises(BundleError):
        one.head.use_variant("pony")
    assert (one.head.head, one.head.bundle.variant) == (head, "wide")
    with pytest.raises(BundleError):
        start(BUNDLE).head.use_variant("wide")


def test_each_variant_learns_from_its_own_head_and_labels(start: Start) -> None:
    one = start(WIDE)
    one.flip(0, 1, 2)
    wide = one.head.head
    learned = one.head.use_variant("narrow")
    examples = {key(n): one.other(n) for n in range(3)}
    assert learned.corrections == 3
    embeddings = photos().embeddings[:3]
    targets = np.array([said == POSITIVE for said in examples.values()])
    narrow = Learner(NARROW).learn(embeddings, targets)
    assert np.allclose(one.head.head.weights, narrow.weights, atol=1e-9)
    assert one.head.head.calibration == NARROW.calibration
    assert not np.allclose(one.head.head.weights, wide.weights, atol=1e-3)
    # The labels of the replay set are others, too.
    other_labels = replace(NARROW, replay=WIDE.replay)
    assert not np.allclose(narrow.weights, Learner(other_labels).learn(embeddings, targets).weights, atol=1e-9)
    # The user's labels stay what they are.
    assert {key(n): one.head.correction(key(n)) for n in range(3)} == examples


def test_what_was_learned_for_one_is_never_used_for_the_other(start: Start) -> None:
    one = start(WIDE)
    one.flip(0, 1)
    wide = one.head.head
    one.settle()
    one.head.use_variant("narrow")
    one.head.save()
    narrow = one.head.head
    assert one.learned_from() == [2, 0]
    two = start(NARROW)
    assert (two.head.head.weights == narrow.weights).all()
    three = start(WIDE)
    assert (three.head.head.weights == wide.weights).all()
    assert set(two.ids()) & set(three.ids()) == {SHIPPED}
    back = one.head.use_variant("wide")
    assert (one.head.head.weights == wide.weights).all()
    assert one.ids() == three.ids()
    assert_alike(by_key(back), three.before)


def test_a_burst_that_ends_with_a_switch_is_kept(start: Start) -> None:
    one = start(WIDE)
    one.head.correct({key(0): one.other(0)})
    one.head.use_variant("narrow")
    one.flip(1)
    one.head.use_variant("wide")
    one.head.save()
    # The one of one correction was not replaced by the narrow one of two.
    assert one.learned_from() == [2, 1, 0]


def test_going_back_is_for_one_variant_and_sets_aside_for_all(start: Start) -> None:
    one = start(WIDE)
    one.flip(0)
    one.settle()
    one.flip(1)
    one.settle()
    first = one.ids()[1]
    one.head.use_variant("narrow")
    assert one.head.go_back(SHIPPED).corrections == 0
    assert (one.head.head.weights == NARROW.head.weights).all()
    # Which corrections are learned from is the user's decision, and not the variant's.
    assert one.head.use_variant("wide").corrections == 0
    assert one.head.go_back(first).corrections == 1


def test_versions_from_before_there_were_variants_belong_to_the_default(start: Start) -> None:
    before = start(BUNDLE)
    before.flip(0, 1)
    before.settle()
    assert start(WIDE).ids() == before.ids()
    narrow = start(NARROW)
    assert narrow.ids() == [SHIPPED]
    narrow.head.save()
    # And the earlier version of the app does not see those of another variant.
    assert start(BUNDLE).ids() == before.ids()


def test_a_measurement_is_stored_with_the_variant_that_was_measured(start: Start) -> None:
    one = start(WIDE)
    one.flip(*range(4))

    def switch() -> bool:
        if one.head.bundle.variant == "wide":
            one.head.use_variant("narrow")
            one.head.save()
        return False

    assert one.head.check(switch)
    assert one.head.bundle.variant == "narrow"
    current = one.head.state().current
    assert current is not None
    assert current.check is None
    measured = start(WIDE).head.state().current
    assert measured is not None
    assert measured.check is not None
    assert measured.check.corrections == 4


# Which one the corrections suggest


def test_corrections_that_another_variant_would_not_have_needed(start: Start) -> None:
    first, second, third = opposed()[:3]
    one = start(WIDE)
    one.flip(first)
    assert one.head.agreements([key(first)]) == (Agreement("narrow", (key(first),), 1, 0),)
    one.flip(second)
    # Those of earlier count, but only the photos asked about are named.
    assert one.head.agreements([key(second)]) == (Agreement("narrow", (key(second),), 2, 0),)
    # Confirmed: the variant in use was right about this one, and the other is not.
    one.head.correct({key(third): label(WIDE, third)})
    assert one.head.agreements([key(third)]) == ()
    assert one.head.agreements([key(first)]) == (Agreement("narrow", (key(first),), 2, 1),)
    # A correction that is removed no longer speaks for it.
    one.head.correct({key(second): None})
    assert one.head.agreements([key(second)]) == ()
    assert one.head.agreements([key(first)]) == (Agreement("narrow", (key(first),), 1, 1),)


def test_after_switching_they_suggest_nothing(start: Start) -> None:
    first = opposed()[0]
    one = start(WIDE)
    one.flip(first)
    one.head.use_variant("narrow")
    assert one.head.agreements([key(first)]) == ()
    # The other way around, it is suggested to go back.
    one.head.correct({key(first): label(WIDE, first)})
    assert one.head.agreements([key(first)]) == (Agreement("wide", (key(first),), 1, 0),)


def test_the_shipped_head_is_asked_not_the_one_that_has_learned(start: Start) -> None:
    """Otherwise a correction would speak against the variant only until it was learned."""
    first = opposed()[0]
    one = start(WIDE)
    learned = one.flip(first)
    said = POSITIVE if by_key(learned)[key(first)] >= LABELS.threshold else NEGATIVE
    assert said == one.other(first)
    assert one.head.agreements([key(first)])


def test_the_variant_that_is_right_most_often_comes_first(start: Start) -> None:
    wide, narrow = VARIANTS.choices
    # Half of the photos are on the other side with this one.
    middle = float(np.median(wide.head.logits(photos().embeddings)))
    half = replace(wide, name="half", head=replace(wide.head, bias=wide.head.bias - middle))
    one = start(replace(WIDE, variants=replace(VARIANTS, choices=(wide, half, narrow))))
    one.flip(*opposed())
    asked = [key(n) for n in opposed()]
    first, second = one.head.agreements(asked)
    assert (first.variant, set(first.photos), first.corrections, first.against) == (
        "narrow",
        set(asked),
        len(asked),
        0,
    )
    assert (second.variant, second.corrections, second.against) == ("half", len(second.photos), 0)
    assert 0 < len(second.photos) < len(asked)


def test_a_photo_that_was_not_corrected_suggests_nothing(start: Start) -> None:
    one = start(WIDE)
    assert one.head.agreements([]) == one.head.agreements([key(0)]) == ()
    one.flip(opposed()[0])
    assert one.head.agreements([key(opposed()[1]), "0" * 64]) == ()
    without = start(BUNDLE)
    assert without.head.agreements([key(0)]) == ()


# What another one would change


@pytest.mark.parametrize("corrected", [0, 3])
def test_what_a_variant_would_change_is_what_it_changes(start: Start, corrected: int) -> None:
    one = start(WIDE)
    one.flip(*opposed()[:corrected])
    head = one.head.head
    would = one.head.changed_by_variant("narrow")
    assert one.head.head is head, "nothing has happened yet"
    assert one.head.bundle.variant == "wide"
    assert not {key(n) for n in opposed()[:corrected]} & set(would), "the user's labels stay"
    assert set(one.head.use_variant("narrow").changed) == set(would) != set()
    assert one.head.changed_by_variant("narrow") == ()


def test_a_variant_that_there_is_not_would_change_nothing(start: Start) -> None:
    with pytest.raises(BundleError):
        start(WIDE).head.changed_by_variant("pony")
