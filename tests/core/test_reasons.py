"""Reasons: which error means which, and the sentence for each."""

import errno
import re

import pytest

from alpacasorter.core import os_errors, reasons

CODES = {
    value
    for name, value in vars(reasons).items()
    if name.isupper() and not name.startswith("_") and isinstance(value, str)
}
CODES |= set(reasons.DATES_FROM.values())
ARGUMENTS = dict.fromkeys(("name", "folder", "path", "label", "error", "camera", "offset"), "x") | {
    "why": reasons.EMPTY
}
NUMBERS = {"count": 2, "needed": 5_000_000, "free": 1}


def windows(number: int) -> OSError:
    error = PermissionError(errno.EACCES, "in use")
    error.winerror = number  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_has_a_sentence(code: str) -> None:
    reason = reasons.code(code, **ARGUMENTS, **NUMBERS, names=["a", "b"])
    sentence = reasons.sentence(reason)
    assert sentence != reason
    assert "{" not in sentence
    assert reasons.sentence(sentence) == sentence, "what is a sentence already stays as it is"


class OwnError(Exception):
    """An error of ours, with a sentence for the user."""


OwnError.__module__ = "alpacasorter.somewhere"


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    try:
        raise error from cause
    except Exception as caught:  # noqa: BLE001
        return caught


def test_the_log_has_no_sentence_for_the_user() -> None:
    sentence = "Die Bibliothek ist beschädigt."
    missing = FileNotFoundError(errno.ENOENT, "Datei nicht gefunden", "/a.jpg")
    assert os_errors.for_log(raised(OwnError(sentence), ValueError("bad page"))) == "ValueError('bad page')"
    assert os_errors.for_log(raised(OwnError(sentence), raised(missing))) == "FileNotFoundError: ENOENT /a.jpg"
    assert re.fullmatch(r"OwnError at test_reasons\.py:\d+", os_errors.for_log(raised(OwnError(sentence))))
    assert os_errors.for_log(OwnError(sentence)) == "OwnError"


@pytest.mark.parametrize(
    "stored",
    [
        *("", "The file is damaged.", "file-of-a-later-version", "file-empty-not", f"{reasons.NO_WRITING} no JSON"),
        *(f'{reasons.NO_WRITING} {{"other": 1}}', f"{reasons.NO_WRITING} [1]", f"{reasons.TAGS_DIFFER} {{}}"),
    ],
)
def test_what_is_not_a_code_is_shown_as_it_is(stored: str) -> None:
    assert reasons.sentence(stored) == stored


def test_arguments_are_written_for_people() -> None:
    reason = reasons.code(reasons.NO_SPACE, needed=5_000_000, free=1200)
    assert "5.0 MB" in reasons.sentence(reason)
    assert "1.2 KB" in reasons.sentence(reason)
    nested = reasons.code(reasons.COMPANION, name="a.xmp", why=reasons.EMPTY)
    assert "a.xmp" in reasons.sentence(nested)
    assert reasons.sentence(reasons.EMPTY) in reasons.sentence(nested)
    # Braces in a name are no fields.
    assert "{x}" in reasons.sentence(reasons.code(reasons.NO_WRITING, folder="{x}"))


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, reasons.SAVE_DISK_FULL),
        (errno.EDQUOT, reasons.SAVE_DISK_FULL),
        (errno.EROFS, reasons.SAVE_READ_ONLY),
        (errno.EACCES, reasons.SAVE_NO_PERMISSION),
        (errno.EPERM, reasons.SAVE_NO_PERMISSION),
        (errno.ENOENT, reasons.SAVE_FOLDER_MISSING),
        (errno.ENOTDIR, reasons.SAVE_FOLDER_MISSING),
        (errno.EISDIR, reasons.SAVE_IS_FOLDER),
        (errno.ENAMETOOLONG, reasons.SAVE_NAME_TOO_LONG),
        (errno.EFBIG, reasons.TOO_LARGE),
    ],
)
def test_why_a_file_could_not_be_saved(number: int, reason: str) -> None:
    assert os_errors.for_saving(OSError(number, "refused")) == reason


def test_what_the_system_says_is_passed_on_where_nothing_better_is_known() -> None:
    assert "Odd thing." in reasons.sentence(os_errors.for_saving(OSError(errno.EPIPE, "Odd thing.")))
    assert "no number" in reasons.sentence(os_errors.for_saving(OSError("no number")))


def test_a_file_in_use_on_windows() -> None:
    for number in (32, 33):
        assert os_errors.for_file(windows(number)) == reasons.IN_USE
        assert os_errors.for_sorting(windows(number)) == reasons.SORT_IN_USE
        assert os_errors.for_removing(windows(number), "out") == reasons.SORT_IN_USE
        assert os_errors.for_writing(windows(number), "out") == reasons.SORT_IN_USE
        assert os_errors.for_saving(windows(number)) == reasons.SORT_IN_USE
    assert os_errors.for_writing(windows(1314), "out") == reasons.NO_SYMLINKS


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_no_error_is_without_a_reason(number: int) -> None:
    error = OSError(number, "refused")
    for function in (os_errors.for_file, os_errors.for_folder, os_errors.for_sorting, os_errors.for_saving):
        assert reasons.sentence(function(error)) != function(error)
    for with_folder in (os_errors.for_removing, os_errors.for_writing):
        assert reasons.sentence(with_folder(error, "out")) != with_folder(error, "out")
