"""Adds the keyword and rating of AlpacaSorter to a sidecar, and removes them again without touching anything else.

The label is added as a keyword to dc:subject, where photo programs look for keywords, and to the lists of digiKam and
Lightroom if the sidecar already has them, because those programs prefer them. What was added is recorded in properties
of our own namespace, as attributes of a separate description, so that exactly this can be removed later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from alpacasorter.core.exchange.xmp import (
    RDF,
    XMLNS,
    Attribute,
    Edit,
    Element,
    Sidecar,
    WordList,
    cut,
    escaped,
    fill,
    read_sidecar,
    without_odd,
    word_lists,
)

OURS: Final = "alpacasorter:ns:1.0/"
DC: Final = "http://purl.org/dc/elements/1.1/"
XMP: Final = "http://ns.adobe.com/xap/1.0/"

_LISTS: Final = {
    "subject": DC,
    "hierarchicalSubject": "http://ns.adobe.com/lightroom/1.0/",
    "TagsList": "http://www.digikam.org/ns/1.0/",
}
_SEPARATORS: Final = {"subject": "", "hierarchicalSubject": "|", "TagsList": "/"}
"""Separator between the levels of a keyword; a keyword that contains it would be read as two levels."""

_UNRATED: Final = ("", "0")

BLANK: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="AlpacaSorter">\n'
    f' <rdf:RDF xmlns:rdf="{RDF}">\n'
    " </rdf:RDF>\n"
    "</x:xmpmeta>\n"
    '<?xpacket end="w"?>\n'
).encode()
"""An empty sidecar."""


@dataclass(frozen=True, slots=True)
class Tags:
    """What to write about a photo.

    Attributes:
        keyword: keyword that other programs show, such as "Alpaca".
        label: the class name, such as "alpaca".
        confidence: confidence in the label, 0 to 1.
        corrected: whether the label is the user's.
        content_key: hash of the photo's bytes.
        rating: 1 to 5 stars, or None.
    """

    keyword: str
    label: str
    confidence: float
    corrected: bool
    content_key: str
    rating: int | None = None


def tagged(data: bytes, tags: Tags) -> bytes:
    """Return a sidecar with these tags, which replace any that AlpacaSorter wrote earlier.

    A keyword that is already there is not duplicated, and a rating by another program is kept. If the sidecar already
    contains these tags, the same bytes are returned.

    Raises:
        SidecarError: the sidecar can't be read or can't be edited safely.
    """
    before = read_sidecar(data)
    base = _without(before)
    after = _with(read_sidecar(base), tags)
    return data if _meaning(read_sidecar(after)) == _meaning(before) else after


def untagged(data: bytes) -> bytes:
    """Return a sidecar without anything that AlpacaSorter wrote; the same bytes if there is nothing.

    Raises:
        SidecarError: the sidecar can't be read.
    """
    if not any(OURS.encode(codec) in data for codec in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")):
        # AlpacaSorter never wrote to it, so it doesn't matter whether it can be parsed.
        return data
    sidecar = read_sidecar(data)
    return _without(sidecar) if _ours(sidecar) else data


def _ours(sidecar: Sidecar) -> dict[str, str]:
    """Return our properties by name. Other programs may have turned attributes into elements, or the reverse."""
    noted: dict[str, str] = {}
    for description in sidecar.descriptions:
        noted |= {one.local: one.value for one in description.attributes if one.ns == OURS}
        noted |= {one.local: one.text.strip() for one in description.children if one.ns == OURS}
    return noted


def _meaning(sidecar: Sidecar) -> object:
    """Return everything in a sidecar that we may change, independent of form and order."""
    words = {name: [sorted(words.words) for words in word_lists(sidecar, ns, name)] for name, ns in _LISTS.items()}
    return _ours(sidecar), words, _rating(sidecar)


def _rating(sidecar: Sidecar) -> str | None:
    """Return the rating as written, or None."""
    for description in sidecar.descriptions:
        if (attribute := description.attribute(XMP, "Rating")) is not None:
            return attribute.value.strip()
        if (element := description.named(XMP, "Rating")) is not None:
            # AlpacaSorter never writes qualifiers.
            return "?" if element.children or element.attributes else element.text.strip()
    return None


# Removing


def _without(sidecar: Sidecar) -> bytes:
    ours = _ours(sidecar)
    if not ours:
        return sidecar.changed([])
    edits: list[Edit] = []
    for name in ours.get("AddedTo", "").split():
        for words in word_lists(sidecar, _LISTS[name], name) if name in _LISTS else ():
            edits += words.without(sidecar, ours.get("AddedKeyword", ""))
    noted: set[int] = set()
    for number, description in enumerate(sidecar.descriptions):
        notes = [Edit(one.start, one.end) for one in description.attributes if _is_note(one)]
        notes += [cut(sidecar, one) for one in description.children if one.ns == OURS]
        if notes:
            noted.add(number)
        edits += [*notes, *_unrated(sidecar, description, ours)]
    cleared = read_sidecar(sidecar.changed(edits))
    spent = [one for number, one in enumerate(cleared.descriptions) if number in noted and _is_left_empty(cleared, one)]
    return cleared.changed(cut(cleared, one) for one in spent)


def _is_note(attribute: Attribute) -> bool:
    return attribute.ns == OURS or (attribute.ns == XMLNS and attribute.value == OURS)


def _unrated(sidecar: Sidecar, description: Element, ours: Mapping[str, str]) -> Iterator[Edit]:
    """Yield edits that restore the rating from before ours, unless it has been changed since."""
    rating, before = ours.get("AddedRating"), ours.get("RatingBefore")
    if rating is None:
        return
    attribute, element = description.attribute(XMP, "Rating"), description.named(XMP, "Rating")
    if attribute is not None and attribute.value.strip() == rating:
        if before is None:
            yield Edit(attribute.start, attribute.end)
        else:
            yield Edit(attribute.value_start, attribute.value_end, escaped(before))
    if element is not None and not element.children and element.text.strip() == rating:
        yield cut(sidecar, element) if before is None else Edit(element.inner, element.close, escaped(before))


def _is_left_empty(sidecar: Sidecar, description: Element) -> bool:
    """Tell whether a description is empty; a comment counts as content."""
    says = any(one.ns != XMLNS and one.local != "about" for one in description.attributes)
    return not says and not sidecar.data[description.inner : description.close].strip()


# Adding


def _with(sidecar: Sidecar, tags: Tags) -> bytes:
    edits: list[Edit] = []
    keyword = without_odd(tags.keyword).strip()
    added_to: list[str] = []
    subject: list[str] | None = None
    for name, ns in _LISTS.items():
        lists = list(word_lists(sidecar, ns, name))
        if any(keyword in words.words for words in lists):
            continue
        if _SEPARATORS[name] and _SEPARATORS[name] in keyword:
            continue
        whole = next((words for words in lists if words.attribute is None), None)
        if whole is not None:
            edits += whole.with_word(sidecar, keyword)
            added_to.append(name)
        elif name == "subject":
            subject = [*_moved_words(lists, edits), keyword]
            added_to.append(name)
    notes = {
        "Class": tags.label,
        "Confidence": f"{tags.confidence:.2f}",
        "Corrected": str(tags.corrected),
        "ContentKey": tags.content_key,
    }
    if added_to:
        notes |= {"AddedKeyword": keyword, "AddedTo": " ".join(added_to)}
    rating = None
    if tags.rating is not None:
        rating = _rated(sidecar, tags.rating, notes, edits)
    edits.append(_description(sidecar, notes, rating, subject))
    return sidecar.changed(edits)


def _moved_words(lists: list[WordList], edits: list[Edit]) -> list[str]:
    """Remove lists written as attributes, which can hold only one word, and return their words."""
    words: list[str] = []
    for one in lists:
        if one.attribute is not None:
            edits.append(Edit(one.attribute.start, one.attribute.end))
            words += [word for word in one.words if word]
    return words


def _rated(sidecar: Sidecar, rating: int, notes: dict[str, str], edits: list[Edit]) -> int | None:
    """Change an existing rating of 0 stars; if there is no rating, return it for the new description."""
    before = _rating(sidecar)
    if before is not None and before not in _UNRATED:
        return None
    notes["AddedRating"] = str(rating)
    if before is None:
        return rating
    notes["RatingBefore"] = before
    for description in sidecar.descriptions:
        if (attribute := description.attribute(XMP, "Rating")) is not None:
            edits.append(Edit(attribute.value_start, attribute.value_end, escaped(str(rating))))
            break
        if (element := description.named(XMP, "Rating")) is not None:
            new = escaped(str(rating))
            edits.append(fill(sidecar, element, new) if element.is_empty else Edit(element.inner, element.close, new))
            break
    return None


def _description(sidecar: Sidecar, notes: Mapping[str, str], rating: int | None, subject: list[str] | None) -> Edit:
    """Return the edit that adds a description with everything that has no place elsewhere."""
    root = sidecar.root
    others = list(sidecar.descriptions)
    about = next(
        (
            one.value
            for other in others
            for one in other.attributes
            if one.local == "about" and one.ns in (RDF, "") and one.value
        ),
        "",
    )
    known = root.prefixes.get("rdf") == RDF
    if others:
        indent = sidecar.indent(others[-1].start)
    else:
        end = sidecar.indent(root.close)
        indent = end + b" " if end else b""
    deeper = indent + b"  " if indent else b" "
    attributes = [b'rdf:about="%b"' % escaped(about)]
    if not known:
        attributes.append(b'xmlns:rdf="%b"' % RDF.encode())
    attributes.append(b'xmlns:alpacasorter="%b"' % OURS.encode())
    if subject is not None:
        attributes.append(b'xmlns:dc="%b"' % DC.encode())
    if rating is not None:
        attributes += [b'xmlns:xmp="%b"' % XMP.encode(), b'xmp:Rating="%d"' % rating]
    attributes += [b'alpacasorter:%b="%b"' % (name.encode(), escaped(value)) for name, value in notes.items()]
    tag = b"<rdf:Description " + deeper.join(attributes)
    if subject is None:
        new = indent + tag + b"/>"
    else:
        new = indent + tag + b">" + _bag(indent, subject) + indent + b"</rdf:Description>"
    if root.is_empty:
        return fill(sidecar, root, new)
    at = others[-1].end if others else root.inner
    return Edit(at, at, new)


def _bag(indent: bytes, words: list[str]) -> bytes:
    """Return dc:subject with a bag of words, on separate lines if the document has lines."""
    one, two, three = (indent + b" " * depth if indent else b"" for depth in (1, 2, 3))
    items = b"".join(three + b"<rdf:li>%b</rdf:li>" % escaped(word) for word in words)
    return one + b"<dc:subject>" + two + b"<rdf:Bag>" + items + two + b"</rdf:Bag>" + one + b"</dc:subject>"
