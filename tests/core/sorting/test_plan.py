"""What a plan says: every reason has a sentence, with numbers, sizes and other reasons in words."""

from pathlib import Path

import pytest

from alpacasorter.core import reasons
from alpacasorter.core.sorting.plan import Remark

SHARED = ["Alpaca", reasons.UNSURE_PHOTOS]
NAMED = [
    (reasons.code(reasons.NO_DATE, count=1, folder="Undated"), "1 photo has no date and goes to Undated."),
    (reasons.code(reasons.NO_DATE, count=1200, folder="Undated"), "1,200 photos have no date and go to Undated."),
    (reasons.code(reasons.NO_SPACE, needed=8 * 10**9, free=812), "up to 8.0 GB needed, 812 bytes free"),
    (reasons.code(reasons.SAME_FOLDER, names=SHARED, folder="x"), "Alpaca and unsure photos go to the same folder, x."),
    (
        reasons.code(reasons.COMPANION, name="a.cr2", why=reasons.CLOUD_ONLY),
        f"a.cr2, which belongs to it: {reasons.sentence(reasons.CLOUD_ONLY)}",
    ),
]
PLAN_CODES = sorted(value for value in vars(reasons).values() if isinstance(value, str) and value.startswith("plan-"))
ODD = ["An old sentence.", reasons.NO_DATE, f'{reasons.NO_DATE} {{"count": "x"}}', f"{reasons.NO_DATE} {{"]


@pytest.mark.parametrize(("reason", "words"), NAMED)
def test_a_remark_is_a_code_with_a_sentence(reason: str, words: str) -> None:
    remark = Remark(reason, paths=(Path("/photos/a.jpg"),))
    assert words in remark.sentence
    assert reasons.sentence(remark.sentence) == remark.sentence, "a sentence stays what it is"


@pytest.mark.parametrize("name", PLAN_CODES)
def test_every_reason_of_a_plan_has_a_sentence(name: str) -> None:
    arguments = {"names": SHARED, "why": reasons.EMPTY, "name": "x", "path": "y", "folder": "z"}
    arguments |= {"camera": "Canon EOS R5", "offset": "+01:00"}
    whole = reasons.code(name, count=2, needed=5, free=4, **arguments)
    said = reasons.sentence(name if name == reasons.NO_LABEL else whole)
    assert said not in (name, whole)
    assert "plan-" not in said
    assert name == reasons.NO_LABEL or "{" not in said


@pytest.mark.parametrize("reason", ODD)
def test_what_is_no_reason_stays_as_it_is(reason: str) -> None:
    assert reasons.sentence(reason) == reason
