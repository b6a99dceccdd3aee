"""What belongs to a photo, by name: the one table of what phones, cameras and programs put beside it.

`TABLE` is what people read (docs/sorting.md shows it); the patterns below it are what the walk and the plan of a sort
use. Only names count: no file is opened.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from alpacasorter.core.photos import formats


@dataclass(frozen=True, slots=True)
class Companion:
    """A row of the table.

    Attributes:
        files: names of such files beside the photo "IMG_1.jpg", or what else the row says.
        what: what they are.
        source: address of a page that describes them.
        extensions: endings of sidecars, in lower case; those that take the photo's name or its stem.
        folders: folders beside the photo in which such sidecars are kept, as patterns of their names.
    """

    files: str
    what: str
    source: str
    extensions: tuple[str, ...] = ()
    folders: tuple[tuple[str, ...], ...] = ()


TABLE: Final = (
    # Cameras and phones
    Companion(
        "`IMG_1.cr2` `.cr3` `.nef` `.arw` `.dng` `.raf` `.orf` `.rw2` …, `IMG_1.heic`, `IMG_1.mpo`",
        "the RAW, HEIC or 3D file of the same shot",
        "https://en.wikipedia.org/wiki/Design_rule_for_Camera_File_system",
    ),
    Companion(
        "`IMG_1.mov` `.mp4`, `IMG_1_HEVC.mov`",
        "the video of a Live Photo, also as iCloud downloaders name it",
        "https://github.com/rhoopr/kei/wiki/Live-Photos",
    ),
    Companion(
        "`IMG_E1234.heic`, `IMG_1234.aae`, `IMG_O1234.aae` with `IMG_1234.heic`",
        "what was edited on an Apple device, and the edits",
        "https://femkreations.com/iphone-photos-and-the-different-image-formats/",
        ("aae",),
    ),
    Companion(
        "`PXL_1.RAW-02.ORIGINAL.dng` with `PXL_1.RAW-01.COVER.jpg`; likewise `PORTRAIT-01`, `MOTION-01`,"
        " `LONG_EXPOSURE-01`, `NIGHT` … (`PXL_1` is a name such as `PXL_20230102_030405678`)",
        "the files of one shot on a Pixel phone",
        "https://github.com/immich-app/immich/issues/8674",
    ),
    Companion(
        "`PXL_1.MP` with `PXL_1.MP.jpg`, `PXL_1.MP~2` with `PXL_1.MP~2.jpg`, `MVIMG_1.mp4` with `MVIMG_1.jpg`",
        "the video of a Pixel's motion photo",
        "https://github.com/TheLastGimbus/GooglePhotosTakeoutHelper/issues/381",
    ),
    Companion(
        "`00001IMG_00001_BURST20230102030405678.jpg` with `00000IMG_00000_BURST20230102030405678_COVER.jpg`;"
        " `IMG_1_BURST002.jpg` with `IMG_1_BURST001_COVER.jpg`",
        "the photos of one burst",
        "https://github.com/immich-app/immich/discussions/4769",
    ),
    Companion(
        "`IMG_1.thm`",
        "the thumbnail of a video or RAW file",
        "https://www.digicamhelp.com/glossary/thm-files/",
        ("thm",),
    ),
    Companion(
        "`IMG_1.wav`", "a voice memo", "https://en.wikipedia.org/wiki/Design_rule_for_Camera_File_system", ("wav",)
    ),
    Companion(
        "`IMG_1.lrv`, `IMG_1.lrf`",
        "small previews of videos by GoPro, Insta360 and DJI cameras",
        "https://bentleyhensel.com/whats-all-this-stuff-on-my-memory-card/",
        ("lrv", "lrf"),
    ),
    # Google Takeout
    Companion(
        "`IMG_1.jpg.json`, `IMG_1.jpg.supplemental-metadata.json` (also cut short, down to `IMG_1.jpg.s.json`);"
        " `IMG_1.jpg(1).json` and `IMG_1.jpg.supplemental-metadata(1).json` with `IMG_1(1).jpg`; names of 46 letters"
        " that a longer name begins with",
        "what Google Takeout puts beside a photo",
        "https://github.com/mattwilson1024/google-photos-exif/pull/50",
    ),
    Companion(
        "`IMG_6.json` with `IMG_6.jpg`",
        "what Google Takeout puts beside a photo that was uploaded without an extension",
        "https://github.com/TheLastGimbus/GooglePhotosTakeoutHelper/blob/master/lib/date_extractors/json_extractor.dart",
    ),
    Companion(
        "`IMG_1-edited.jpg`, `IMG_1-bearbeitet.jpg`, `IMG_1-modifié.jpg`, `IMG_1-editado.jpg` …",
        "what was edited in Google Photos; the JSON file of the original is for both",
        "https://github.com/TheLastGimbus/GooglePhotosTakeoutHelper/issues/180",
    ),
    # Programs
    Companion(
        "`IMG_1.xmp`, `IMG_1.jpg.xmp`, `IMG_1_01.jpg.xmp`",
        "sidecars of Lightroom, darktable, digiKam and others; the last one is of a duplicate in darktable",
        "https://ansel.photos/en/doc/overview/sidecar-files/",
        ("xmp",),
    ),
    Companion(
        "`IMG_1.acr`",
        "masks of Camera Raw and Lightroom",
        "https://www.beyondphototips.com/what-is-the-acr-file-format/",
        ("acr",),
    ),
    Companion(
        "`IMG_1.jpg_original`",
        "what ExifTool keeps of a file that it has changed; not a photo in its own right",
        "https://exiftool.org/exiftool_pod.html",
    ),
    Companion(
        "`CaptureOne/Settings…/IMG_1.jpg.cos` `.comask`; `CaptureOne/Cache/…/IMG_1.jpg.cop` `.cof` `.cot`",
        "edits and previews of Capture One",
        "https://support.captureone.com/hc/en-us/articles/360002862137",
        ("cos", "comask", "cop", "cof", "cot"),
        (
            ("captureone", "settings*"),
            ("captureone", "cache", "proxies"),
            ("captureone", "cache", "previews"),
            ("captureone", "cache", "thumbnails"),
        ),
    ),
    Companion(
        "`NKSC_PARAM/IMG_1.jpg.nksc`, `IMG_1.nksc`",
        "edits of NX Studio, Capture NX-D and ViewNX-i",
        "https://nikonimglib.com/nxstdo/onlinehelp/en/save_85.html",
        ("nksc",),
        (("nksc_param",),),
    ),
    Companion(
        "`Exposure Software/Exposure X7/IMG_1.jpg.exposurex7`, `Alien Skin/…`, `IMG_1.jpg.exposurex7`",
        "edits of Exposure",
        "https://www.alienskin.com/tutorial/understanding-exposures-nondestructive-workflow/",
        ("exposurex*",),
        (("exposure software", "exposure x*"), ("alien skin", "exposure x*"), ("exposure software",), ("alien skin",)),
    ),
    Companion(
        "`SILKYPIX_DS/IMG_1.jpg.9.spd`, `IMG_1.spd`",
        "edits of SILKYPIX",
        "https://www.isl.co.jp/SILKYPIX/english/support/manual/ds4/man0009.html",
        ("spd",),
        (("silkypix_ds",),),
    ),
    Companion(
        "`IMG_1.jpg.pp3`, `IMG_1.jpg.out.pp3`, `IMG_1.jpg.arp`",
        "edits of RawTherapee and ART",
        "https://man.archlinux.org/man/rawtherapee.1.en",
        ("pp3", "arp"),
    ),
    Companion("`IMG_1.jpg.dop`", "edits of DxO PhotoLab", "https://lab.valjdakosta.com/formats/id/dop", ("dop",)),
    Companion(
        "`IMG_1.on1`", "edits of ON1 Photo RAW", "https://on1help.zendesk.com/hc/en-us/articles/360004157472", ("on1",)
    ),
    Companion(
        "`IMG_1.jpg.rrdata`",
        "edits of RapidRAW",
        "https://github.com/on370/rapidready/releases/tag/v0.6.0",
        ("rrdata",),
    ),
    Companion(
        "`IMG_1.vrd`, `IMG_1.dr4`",
        "edits of Canon's DPP",
        "https://exiftool.org/TagNames/CanonVRD.html",
        ("vrd", "dr4"),
    ),
    Companion(
        "`IMG_1.txt`, `IMG_1.jpg.txt`",
        "captions, notes and file details of various programs",
        "https://exiftool.org/exiftool_pod.html",
        ("txt",),
    ),
)
"""What goes with a photo. The videos, RAW files and other pictures among it are in the patterns below."""

LIVE_EXTENSIONS: Final = frozenset(("mov", "mp4"))
"""Videos that belong to a photo of the same name."""

_ALL_EXTENSIONS: Final = [extension for row in TABLE for extension in row.extensions]
SIDECAR_EXTENSIONS: Final = frozenset(one for one in _ALL_EXTENSIONS if "*" not in one)
_SIDECAR_BEGINNINGS: Final = tuple(one.rstrip("*") for one in _ALL_EXTENSIONS if "*" in one)
SIDECAR_FOLDERS: Final = tuple(dict.fromkeys(folder for row in TABLE for folder in row.folders))
"""Folders beside a photo that hold its sidecars: a pattern for each level, in lower case, "*" only at the end."""

# What a copy of a file gets behind its name, from Google ("(1)"), from this app ("_2").
_COPY: Final = r"((?:\(\d+\))?(?:_\d+)?)"
_EDITED_WORDS: Final = (
    *("edited", "effects", "smile", "mix"),
    *("bearbeitet", "modifié", "modifie", "editado", "editada", "ha editado", "modificato", "modificata", "editat"),
    *("edytowane", "bewerkt", "redigerad", "redigeret", "redigert", "muokattu", "upraveno", "szerkesztve"),
    *("düzenlendi", "изменено", "編集済み", "已編輯", "已编辑", "已修改", "수정됨"),
)
_EDITED: Final = re.compile(rf"(.+)-(?:{'|'.join(_EDITED_WORDS)}){_COPY}", re.IGNORECASE | re.DOTALL)
_PIXEL_TAGS: Final = "RAW|PORTRAIT|NIGHT|MOTION|LONG_EXPOSURE|ACTION_PAN|PANO|MACRO|ASTRO|MP|MV|COVER|ORIGINAL"
_PIXEL: Final = rf"((?:PXL|IMG|MVIMG)_\d{{8}}_\d{{6,9}})(?:\.(?:{_PIXEL_TAGS})(?:-\d+)?)+(~\d+)?{_COPY}"
_SHOTS: Final = (
    (re.compile(_PIXEL, re.IGNORECASE), r"\1\2\3"),
    (re.compile(rf"(?:.*_)?BURST(\d{{14,17}})(?:_COVER)?{_COPY}", re.IGNORECASE), r"BURST\1\2"),
    (re.compile(rf"(.+)_BURST\d{{3}}(?:_COVER)?{_COPY}", re.IGNORECASE), r"\1\2"),
    (re.compile(r"(IMG_)E(\d{4,}.*)", re.IGNORECASE), r"\1\2"),
)
_HEVC: Final = re.compile(rf"(.+)_HEVC{_COPY}", re.IGNORECASE | re.DOTALL)
_APPLE_ORIGINAL: Final = re.compile(r"(IMG_)O(\d+.*)", re.IGNORECASE)
_NUMBER: Final = re.compile(r"_\d+\Z")  # from this app
_PLAIN: Final = re.compile(r"(?!IMG_[EO])[A-Z]{3}[A-Z_]\d+")
_VERSION: Final = re.compile(r"(.+)_\d\d", re.DOTALL)
_APPLE_EDIT: Final = re.compile(r"(IMG_)E(\d+.*)", re.IGNORECASE)
_APPLE_PLAIN: Final = re.compile(r"(IMG_)(\d+.*)", re.IGNORECASE)
_MOTION: Final = re.compile(r"(?:mp|mv)(?:~\d+)?(?:\(\d+\))?(?:_\d+)?", re.IGNORECASE)
_MEDIA: Final = formats.PICTURE_EXTENSIONS | formats.RAW_EXTENSIONS | formats.VIDEO_EXTENSIONS
_KEPT: Final = "_original"

_TAKEOUT_WORD: Final = "supplemental-metadata"
_TAKEOUT_COPY: Final = re.compile(r"(.+?)(\(\d+\))", re.DOTALL)
_SURE: Final = 3
"""Letters of it that are enough where the name of the photo has no extension."""
_CUT: Final = 46
"""Length to which Takeout cuts what stands before ".json"; names of photos get one letter more."""


def shot(stem: str) -> str:
    """Return what the names of all pictures of one shot have in common: for most names the name itself.

    Args:
        stem: the name of a picture without its extension.
    """
    if "-" in stem and (edited := _EDITED.fullmatch(_composed(stem))) is not None:
        stem = edited.group(1) + edited.group(2)
    # Most names are ruled out by a glance: this is asked of every picture.
    upper = stem.upper()
    if "." not in stem and "BURST" not in upper and not upper.startswith("IMG_E"):
        return stem
    for pattern, common in _SHOTS:
        if (match := pattern.fullmatch(stem)) is not None:
            return match.expand(common)
    return stem


def cut_edits(stem: str) -> list[str]:
    """Return the stems that this may be an edited copy of, if Takeout cut off the end of "-edited"."""
    if "-" not in stem:
        return []
    number = _NUMBER.search(stem)
    found = []
    for whole, ending in ((stem, ""), *(((stem[: number.start()], number.group()),) if number else ())):
        base, copy = _without_copy(whole)
        if len(base) < _CUT:
            continue
        before, dash, rest = _composed(base).rpartition("-")
        if dash and any(word.startswith(rest.lower()) for word in _EDITED_WORDS):
            found.append(before + copy + ending)
    return found


def live_stems(stem: str) -> list[str]:
    """Return the stems of the pictures that a video may belong to, by its own stem: the likeliest first."""
    hevc = _HEVC.fullmatch(stem)
    return list(dict.fromkeys((stem, *((hevc.group(1) + hevc.group(2),) if hevc else ()), shot(stem))))


def apple_original(stem: str) -> list[str]:
    """Return the stems of the pictures that "IMG_O1234.AAE" may belong to, the likeliest first."""
    match = _APPLE_ORIGINAL.fullmatch(stem)
    return [] if match is None else [match.expand(r"\1\2"), match.expand(r"\1E\2")]


def apple_edit(stem: str) -> list[str]:
    """Return the stems of the edited pictures that "IMG_99.AAE" or "IMG_99.MOV" may belong to without "IMG_99"."""
    match = _APPLE_PLAIN.fullmatch(stem)
    return [] if match is None else [match.expand(r"\1E\2")]


def kindred(stem: str, *, of_sidecar: bool = False) -> set[str]:
    """Return the stems that files may have to which a file with this stem may belong, its own among them.

    Args:
        stem: the stem of a picture or video; or the name of a sidecar up to one of its dots.
        of_sidecar: whether it is of a sidecar.
    """
    # Most names are ruled out by a glance, as in `shot`.
    if not of_sidecar and _PLAIN.fullmatch(stem) is not None:
        return {stem}
    found = {stem, *live_stems(stem), *apple_original(stem), *cut_edits(stem)}
    if (edit := _APPLE_EDIT.fullmatch(stem)) is not None:
        found.add(edit.expand(r"\1\2"))
    if of_sidecar:
        if (version := _VERSION.fullmatch(stem)) is not None:
            found.add(version.group(1))
        found.update(shot(one) for one in tuple(found))
        # "IMG_1.jpg(1).json" is of "IMG_1(1).jpg".
        base, copy = _without_copy(stem)
        if copy and "." in base:
            found.add(base.rpartition(".")[0] + copy)
            found.add(base.partition(".")[0] + copy)
    return found


def nearby(name: str) -> str:
    """Return a key that is the same for all files that may belong together; others may have the same one, too."""
    stem = _without_copy(name.partition(".")[0])[0]
    if (original := _APPLE_ORIGINAL.fullmatch(stem) or _APPLE_EDIT.fullmatch(stem)) is not None:
        stem = original.expand(r"\1\2")
    return _without_copy(live_stems(stem)[-1])[0].casefold()


def is_motion(extension: str) -> bool:
    """Return whether a file with this extension is the video of a motion photo ("PXL_1.MP~2")."""
    return _MOTION.fullmatch(extension) is not None


def is_sidecar(extension: str) -> bool:
    """Return whether files with this extension, in lower case, are sidecars."""
    return extension in SIDECAR_EXTENSIONS or extension.startswith(_SIDECAR_BEGINNINGS)


def backup_of(name: str) -> str | None:
    """Return the name of the file that ExifTool has kept under this name; None if it is no such file."""
    whole, end = name[: -len(_KEPT)], name[-len(_KEPT) :]
    if end.lower() != _KEPT:
        return None
    stem, _dot, extension = whole.rpartition(".")
    is_known = is_media(extension.lower()) or kind_of_extension(extension.lower())
    return whole if stem and is_known else None


@dataclass(frozen=True, slots=True)
class TakeoutNames:
    """Whose JSON file a name of Google Takeout may be.

    Attributes:
        names: names of photos, the likeliest first.
        stems: names of photos without their extension.
        beginning: what the name of the photo begins with, if it was cut; else empty.
        copy: what must stand behind the stem then: "(1)" or nothing.
        is_plain: whether the name has no trace of "supplemental-metadata".
    """

    names: tuple[str, ...]
    stems: tuple[str, ...]
    beginning: str
    copy: str
    is_plain: bool


def takeout(name: str) -> TakeoutNames:
    """Return whose file a JSON file may be.

    Args:
        name: its name, which ends in ".json".
    """
    base = name[: -len(".json")]
    names: list[str] = []
    stems: list[str] = []
    copied = _TAKEOUT_COPY.fullmatch(base)
    texts = [(base, "")] if copied is None else [(base, ""), (copied.group(1), copied.group(2))]
    is_plain = True
    for text, copy in texts:
        names.append(_numbered(text, copy))
        title, dot, word = text.rpartition(".")
        if dot and title and _TAKEOUT_WORD.startswith(word.lower()):
            is_plain = False
            names.append(_numbered(title, copy))
            if len(word) >= _SURE:
                stems.append(title + copy)
    text, copy = texts[-1]
    is_cut = max(len(text), len(text.encode("utf-8", "surrogatepass"))) >= _CUT
    return TakeoutNames(tuple(dict.fromkeys(names)), tuple(stems), text if is_cut else "", copy, is_plain)


def copy_mark(stem: str) -> str:
    """Return the mark of a copy that a stem ends with, such as "(1)"; else empty."""
    return _without_copy(stem)[1]


@functools.lru_cache(maxsize=256)
def kind_of_extension(extension: str) -> str:
    """Return "sidecar", "video" or "" for an extension in lower case; pictures and RAW files are not asked for."""
    if extension in LIVE_EXTENSIONS or is_motion(extension):
        return "video"
    return "sidecar" if is_sidecar(extension) or extension == "json" else ""


def is_media(extension: str) -> bool:
    """Return whether files with this extension, in lower case, are pictures or videos."""
    return extension in _MEDIA


def _numbered(name: str, copy: str) -> str:
    stem, dot, extension = name.rpartition(".")
    return f"{stem}{copy}{dot}{extension}" if dot and stem else name + copy


def _without_copy(stem: str) -> tuple[str, str]:
    match = _TAKEOUT_COPY.fullmatch(stem)
    return (stem, "") if match is None else (match.group(1), match.group(2))


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)
