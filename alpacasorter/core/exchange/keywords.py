"""What AlpacaSorter writes into a sidecar, and how it finds that again: so it takes out nothing but its own.

The label goes into dc:subject as a keyword, where programs for photos look for keywords; and into the two lists of
digiKam and Lightroom where a sidecar has them already, because those programs then look there first. What was written
is noted in properties of an own namespace, as attributes of an own description.
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
_PARTED_BY: Final = {"subject": "", "hierarchicalSubject": "|", "TagsList": "/"}
"""What stands between a keyword and the one above it; a keyword that has it in its name would mean two."""

_UNRATED: Final = ("", "0")

BLANK: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="AlpacaSorter">\n'
    f' <rdf:RDF xmlns:rdf="{RDF}">\n'
    " </rdf:RDF>\n"
    "</x:xmpmeta>\n"
    '<?xpacket end="w"?>\n'
).encode()
"""A sidecar that says nothing yet."""


@dataclass(frozen=True, slots=True)
class Tags:
    """What a sidecar is to say of a photo.

    Attributes:
        keyword: what is read in programs for photos, such as "Alpaca".
        label: the class name, such as "alpaca".
        confidence: of the label, 0 to 1.
        corrected: whether the label is the user's.
        content_key: hash of the photo's bytes.
        rating: 1 to 5 stars; None for none.
    """

    keyword: str
    label: str
    confidence: float
    corrected: bool
    content_key: str
    rating: int | None = None


def tagged(data: bytes, tags: Tags) -> bytes:
    """Return a sidecar with these tags in the place of those that were written earlier.

    A keyword that somebody else has put there is not doubled, and a rating of somebody else stays. Where it says just
    this already, not a byte changes.

    Raises:
        SidecarError: it can't be read, or not be added to safely.
    """
    before = read_sidecar(data)
    base = _without(before)
    after = _with(read_sidecar(base), tags)
    return data if _meaning(read_sidecar(after)) == _meaning(before) else after


def untagged(data: bytes) -> bytes:
    """Return a sidecar without what was written earlier; the same bytes where there is nothing of it.

    Raises:
        SidecarError: it can't be read.
    """
    if not any(OURS.encode(codec) in data for codec in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")):
        # Most sidecars are none of ours; one that is damaged, too, need not be named then.
        return data
    sidecar = read_sidecar(data)
    return _without(sidecar) if _ours(sidecar) else data


def _ours(sidecar: Sidecar) -> dict[str, str]:
    """Return what was noted, by name. Other programs may have put attributes into elements and the other way round."""
    noted: dict[str, str] = {}
    for description in sidecar.descriptions:
        noted |= {one.local: one.value for one in description.attributes if one.ns == OURS}
        noted |= {one.local: one.text.strip() for one in description.children if one.ns == OURS}
    return noted


def _meaning(sidecar: Sidecar) -> object:
    """Return what of a sidecar is ours to change, whatever the form and the order it is in."""
    words = {name: [sorted(words.words) for words in word_lists(sidecar, ns, name)] for name, ns in _LISTS.items()}
    return _ours(sidecar), words, _rating(sidecar)


def _rating(sidecar: Sidecar) -> str | None:
    """Return the rating as written, None where there is none."""
    for description in sidecar.descriptions:
        if (attribute := description.attribute(XMP, "Rating")) is not None:
            return attribute.value.strip()
        if (element := description.named(XMP, "Rating")) is not None:
            # One with qualifiers is somebody else's in any case.
            return "?" if element.children or element.attributes else element.text.strip()
    return None


# Taking out


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
    spent = [one for number, one in enumerate(cleared.descriptions) if number in noted and _is_spent(cleared, one)]
    return cleared.changed(cut(cleared, one) for one in spent)


def _is_note(attribute: Attribute) -> bool:
    return attribute.ns == OURS or (attribute.ns == XMLNS and attribute.value == OURS)


def _unrated(sidecar: Sidecar, description: Element, ours: Mapping[str, str]) -> Iterator[Edit]:
    """Yield what takes out our rating, unless somebody has changed it since, and puts back what was there before."""
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


def _is_spent(sidecar: Sidecar, description: Element) -> bool:
    """Tell whether a description says nothing; a comment counts as something."""
    says = any(one.ns != XMLNS and one.local != "about" for one in description.attributes)
    return not says and not sidecar.data[description.inner : description.close].strip()


# Putting in


def _with(sidecar: Sidecar, tags: Tags) -> bytes:
    edits: list[Edit] = []
    keyword = without_odd(tags.keyword).strip()
    taken_in: list[str] = []
    subject: list[str] | None = None
    for name, ns in _LISTS.items():
        lists = list(word_lists(sidecar, ns, name))
        if any(keyword in words.words for words in lists):
            continue
        if _PARTED_BY[name] and _PARTED_BY[name] in keyword:
            continue
        whole = next((words for words in lists if words.attribute is None), None)
        if whole is not None:
            edits += whole.with_word(sidecar, keyword)
            taken_in.append(name)
        elif name == "subject":
            subject = [*_taken_over(lists, edits), keyword]
            taken_in.append(name)
    notes = {
        "Class": tags.label,
        "Confidence": f"{tags.confidence:.2f}",
        "Corrected": str(tags.corrected),
        "ContentKey": tags.content_key,
    }
    if taken_in:
        notes |= {"AddedKeyword": keyword, "AddedTo": " ".join(taken_in)}
    rating = None
    if tags.rating is not None:
        rating = _rated(sidecar, tags.rating, notes, edits)
    edits.append(_description(sidecar, notes, rating, subject))
    return sidecar.changed(edits)


def _taken_over(lists: list[WordList], edits: list[Edit]) -> list[str]:
    """Return the words of a list that is written as an attribute, which holds but one, and take that out."""
    words: list[str] = []
    for one in lists:
        if one.attribute is not None:
            edits.append(Edit(one.attribute.start, one.attribute.end))
            words += [word for word in one.words if word]
    return words


def _rated(sidecar: Sidecar, rating: int, notes: dict[str, str], edits: list[Edit]) -> int | None:
    """Put the rating where one is that says nothing, or return it, to be put into the new description."""
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
    """Return what adds a description with all that found no place elsewhere."""
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
    """Return dc:subject with its bag, on lines of its own where there are lines."""
    one, two, three = (indent + b" " * depth if indent else b"" for depth in (1, 2, 3))
    items = b"".join(three + b"<rdf:li>%b</rdf:li>" % escaped(word) for word in words)
    return one + b"<dc:subject>" + two + b"<rdf:Bag>" + items + two + b"</rdf:Bag>" + one + b"</dc:subject>"
