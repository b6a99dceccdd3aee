"""An XMP sidecar as bytes with places: where each property is, so that a change touches that and not a byte more.

Nothing is written by an XML library, because each of them loses something: comments, the packet around the document,
prefixes, the order and form of properties. expat tells where elements are, and that the document is sound.

Lists of words in a sidecar, such as dc:subject: finding, adding and removing a word, in whatever form they are.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XML: Final = "http://www.w3.org/XML/1998/namespace"
XMLNS: Final = "http://www.w3.org/2000/xmlns/"

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    # Before those of UTF-16, which begin alike.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BARE: Final = (
    (re.compile(rb"[^\0]\0\0\0"), "utf-32-le"),
    (re.compile(rb"\0\0\0[^\0]"), "utf-32-be"),
    (re.compile(rb"[^\0]\0[^\0]\0"), "utf-16-le"),
    (re.compile(rb"\0[^\0]\0[^\0]"), "utf-16-be"),
)
_DECLARED: Final = re.compile(rb"""\s*<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_CODECS: Final = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "latin-1",
    "latin1": "latin-1",
    "windows-1252": "cp1252",
}
_TAG: Final = re.compile(rb"""<([^\s/>]+)((?:\s+[^\s=]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(/?)>""")
_ATTRIBUTE: Final = re.compile(rb"""\s+([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_DEPTH: Final = 5
"""How far below rdf:RDF elements are looked at: description, property, container, item, what is in it."""

DAMAGED: Final = "The sidecar is damaged, or no XMP at all. It was left as it is."
UNKNOWN_FORM: Final = "The sidecar is written in a form that AlpacaSorter can't add to safely. It was left as it is."
DOCTYPE: Final = "The sidecar has a document type, which XMP never has and which may be harmful. It was left as it is."
ENCODING: Final = "The sidecar is in a character set that AlpacaSorter doesn't know. It was left as it is."


class SidecarError(Exception):
    """A sidecar can't be read or added to; the message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute, and from where to where it is with the blanks before it, and its value between the quotes."""

    ns: str
    local: str
    value: str
    start: int
    end: int
    value_start: int
    value_end: int


@dataclass(slots=True)
class Element:
    """An element and where it is.

    Attributes:
        ns, local: its name.
        qname: its name as written.
        start: where its start tag begins.
        inner: where that ends; of an empty element, where the element ends.
        close: where its end tag begins; of an empty element, where the element ends.
        end: where the element ends.
        is_empty: whether it is written as <a/>.
        attributes: in their order, those that declare prefixes included.
        prefixes: namespace by prefix, as far as they hold inside.
        children: elements in it, as far as they are looked at.
        text: the text in it, without that of its children.
    """

    ns: str
    local: str
    qname: bytes
    start: int
    inner: int
    is_empty: bool
    attributes: list[Attribute]
    prefixes: Mapping[str, str]
    close: int = 0
    end: int = 0
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def attribute(self, ns: str, local: str) -> Attribute | None:
        """Return an attribute, or None."""
        return next((one for one in self.attributes if (one.ns, one.local) == (ns, local)), None)

    def named(self, ns: str, local: str) -> Element | None:
        """Return the first child of a name, or None."""
        return next((one for one in self.children if (one.ns, one.local) == (ns, local)), None)

    def prefix_of(self, ns: str) -> str:
        """Return what to write before a name of a namespace that is known here, the colon included.

        Raises:
            SidecarError: another namespace has taken its prefix.
        """
        for prefix, known in self.prefixes.items():
            if known == ns:
                return f"{prefix}:" if prefix else ""
        raise SidecarError(UNKNOWN_FORM)


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A sidecar that was read.

    Attributes:
        data: its text as UTF-8, whatever it is in.
        root: the element rdf:RDF.
        codec: what the file is in.
        mark: its byte order mark, where it has one.
    """

    data: bytes
    root: Element
    codec: str
    mark: bytes

    @property
    def descriptions(self) -> Iterator[Element]:
        """Its elements rdf:Description, which hold the properties."""
        return (one for one in self.root.children if (one.ns, one.local) == (RDF, "Description"))

    def indent(self, at: int) -> bytes:
        """Return the line break and the blanks that precede a place; empty where something else precedes it."""
        found = re.search(rb"\r?\n[ \t]*\Z|\r[ \t]*\Z", self.data[max(0, at - 4096) : at])
        return found.group() if found else b""

    def changed(self, edits: Iterable[Edit]) -> bytes:
        """Return the file with some changes, which must not overlap."""
        data, below = self.data, len(self.data)
        for edit in sorted(edits, key=lambda edit: (edit.start, edit.end), reverse=True):
            if edit.end > below:
                raise SidecarError(UNKNOWN_FORM)
            data = data[: edit.start] + edit.new + data[edit.end :]
            below = edit.start
        return self.mark + data.decode("utf-8").encode(self.codec, "xmlcharrefreplace")


@dataclass(frozen=True, slots=True)
class Edit:
    """Something else in the place of what is from `start` to `end`."""

    start: int
    end: int
    new: bytes = b""


def read_sidecar(data: bytes) -> Sidecar:
    """Read a sidecar.

    Raises:
        SidecarError: it is none, is damaged, or has a document type.
    """
    text, codec, mark = _as_utf8(data)
    return Sidecar(text, _Reader(text).root(), codec, mark)


def _as_utf8(data: bytes) -> tuple[bytes, str, bytes]:
    mark, codec = next(((mark, codec) for mark, codec in _MARKS if data.startswith(mark)), (b"", ""))
    body = data[len(mark) :]
    if not codec:
        codec = next((name for pattern, name in _BARE if pattern.match(body)), "")
    if not codec:
        declared = _DECLARED.match(body)
        codec = _CODECS.get(declared[1].decode("ascii").lower(), "") if declared else "utf-8"
        if not codec:
            raise SidecarError(ENCODING)
    try:
        text = body.decode(codec)
        if text.encode(codec) != body:
            raise SidecarError(DAMAGED)
        return text.encode("utf-8"), codec, mark
    except UnicodeError as error:
        raise SidecarError(DAMAGED) from error


class _Reader:
    """Goes through a document once. Only what belongs to the properties is kept."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._open: list[Element | None] = []
        self._prefixes: list[Mapping[str, str]] = [{"xml": XML}]
        self._roots: list[Element] = []
        self._below = 0
        self._parser = parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.ordered_attributes = True
        parser.StartDoctypeDeclHandler = self._on_doctype
        parser.StartElementHandler = self._on_start
        parser.EndElementHandler = self._on_end
        parser.CharacterDataHandler = self._on_text

    def root(self) -> Element:
        """Return the element rdf:RDF."""
        try:
            self._parser.Parse(self._data, True)
        except expat.ExpatError as error:
            raise SidecarError(DAMAGED) from error
        if len(self._roots) != 1:
            raise SidecarError(DAMAGED if not self._roots else UNKNOWN_FORM)
        return self._roots[0]

    def _on_doctype(self, *_: object) -> None:
        raise SidecarError(DOCTYPE)

    def _on_start(self, _name: str, values: list[str]) -> None:
        at = self._parser.CurrentByteIndex
        tag = _TAG.match(self._data, at)
        if tag is None:
            raise SidecarError(UNKNOWN_FORM)
        written = list(_ATTRIBUTE.finditer(self._data, tag.start(2), tag.end(2)))
        prefixes = self._declared(written, values)
        self._prefixes.append(prefixes)
        element = None
        ns, local = _resolve(tag[1], prefixes)
        if self._below or (len(self._open) < 2 and (ns, local) == (RDF, "RDF")):
            self._below += 1
            if self._below <= _DEPTH + 1:
                attributes = [_attribute(one, value, prefixes) for one, value in _paired(written, values)]
                element = Element(ns, local, tag[1], at, tag.end(), bool(tag[3]), attributes, prefixes)
                if self._below == 1:
                    self._roots.append(element)
                elif (parent := self._open[-1]) is not None:
                    parent.children.append(element)
        self._open.append(element)

    def _declared(self, written: list[re.Match[bytes]], values: list[str]) -> Mapping[str, str]:
        known = self._prefixes[-1]
        new: dict[str, str] = {}
        for one, value in _paired(written, values):
            if one[1] == b"xmlns":
                new[""] = value
            elif one[1].startswith(b"xmlns:"):
                new[one[1][6:].decode("utf-8")] = value
        return {**known, **new} if new else known

    def _on_end(self, _name: str) -> None:
        self._prefixes.pop()
        element = self._open.pop()
        if self._below:
            self._below -= 1
        if element is None:
            return
        if element.is_empty:
            element.close = element.end = element.inner
        else:
            element.close = self._parser.CurrentByteIndex
            element.end = self._data.index(b">", element.close) + 1

    def _on_text(self, text: str) -> None:
        if self._open and (element := self._open[-1]) is not None and self._below > 2:
            element.text += text


def _paired(written: list[re.Match[bytes]], values: list[str]) -> Iterator[tuple[re.Match[bytes], str]]:
    return zip(written, values[1::2], strict=True)


def _attribute(written: re.Match[bytes], value: str, prefixes: Mapping[str, str]) -> Attribute:
    name = written[1]
    group = 2 if written[2] is not None else 3
    if name == b"xmlns" or name.startswith(b"xmlns:"):
        ns, local = XMLNS, name[6:].decode("utf-8")
    elif b":" in name:
        ns, local = _resolve(name, prefixes)
    else:
        ns, local = "", name.decode("utf-8")
    return Attribute(ns, local, value, written.start(), written.end(), written.start(group), written.end(group))


def _resolve(name: bytes, prefixes: Mapping[str, str]) -> tuple[str, str]:
    prefix, _, local = name.decode("utf-8").rpartition(":")
    if prefix and prefix not in prefixes:
        raise SidecarError(DAMAGED)
    return prefixes.get(prefix, ""), local


_CONTAINERS: Final = ("Bag", "Seq", "Alt")
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def without_odd(text: str) -> str:
    """Return text with U+FFFD in the place of what XML can't hold."""
    return _NO_XML.sub("\ufffd", text)


def escaped(text: str) -> bytes:
    """Return text as it is written in XML, between tags or quotes."""
    text = without_odd(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = text.replace('"', "&quot;").replace("\t", "&#9;").replace("\n", "&#10;").replace("\r", "&#13;")
    return text.encode("utf-8")


@dataclass(frozen=True, slots=True)
class WordList:
    """A property that holds words, in one of the descriptions.

    Attributes:
        owner: the description.
        attribute: where it is written as an attribute of that: one word.
        element: where it is an element.
        container: rdf:Bag, rdf:Seq or rdf:Alt in it; None where there is none, but plain text or nothing.
    """

    owner: Element
    attribute: Attribute | None
    element: Element | None
    container: Element | None

    @property
    def items(self) -> list[Element]:
        """The elements that hold a word each."""
        return self.container.children if self.container is not None else []

    @property
    def words(self) -> list[str]:
        """The words in it."""
        if self.attribute is not None:
            return [self.attribute.value.strip()]
        if self.container is not None:
            return [item.text.strip() for item in self.items]
        text = self.element.text.strip() if self.element is not None else ""
        return [text] if text else []

    def without(self, sidecar: Sidecar, word: str) -> list[Edit]:
        """Return what takes a word out, and the whole property where no other is left."""
        found = [item for item in self.items if item.text.strip() == word]
        if not found or self.element is None:
            return []
        if len(found) == len(self.items):
            return [cut(sidecar, self.element)]
        return [cut(sidecar, item) for item in found]

    def with_word(self, sidecar: Sidecar, word: str) -> list[Edit]:
        """Return what puts a word in, after those that are there. Not for an attribute, which holds but one."""
        if self.element is None:
            raise SidecarError(UNKNOWN_FORM)
        rdf = self.element.prefix_of(RDF)
        item = b"<%bli>%b</%bli>" % (rdf.encode(), escaped(word), rdf.encode())
        box = self.container
        if box is None:
            return [self._boxed(sidecar, rdf.encode(), item)]
        if self.items:
            last = self.items[-1]
            return [Edit(last.end, last.end, sidecar.indent(last.start) + item)]
        if box.is_empty:
            return [fill(sidecar, box, item)]
        return [Edit(box.inner, box.inner, item)]

    def _boxed(self, sidecar: Sidecar, rdf: bytes, item: bytes) -> Edit:
        """Return what makes a bag of plain text or of nothing."""
        element = self.element
        if element is None:
            raise SidecarError(UNKNOWN_FORM)
        inside = sidecar.data[element.inner : element.close].strip()
        first = b"<%bli>%b</%bli>" % (rdf, inside, rdf) if element.text.strip() else b""
        bag = b"<%bBag>%b%b</%bBag>" % (rdf, first, item, rdf)
        return fill(sidecar, element, bag) if element.is_empty else Edit(element.inner, element.close, bag)


def word_lists(sidecar: Sidecar, ns: str, local: str) -> Iterator[WordList]:
    """Yield a property wherever it is; XMP allows it once, but files are what they are.

    Raises:
        SidecarError: it is in a form that can't be added to safely.
    """
    for description in sidecar.descriptions:
        attribute = description.attribute(ns, local)
        if attribute is not None:
            yield WordList(description, attribute, None, None)
        for element in description.children:
            if (element.ns, element.local) == (ns, local):
                yield WordList(description, None, element, _container(element))


def _container(element: Element) -> Element | None:
    if not _is_plain(element) or len(element.children) > 1:
        raise SidecarError(UNKNOWN_FORM)
    if not element.children:
        return None
    box = element.children[0]
    sound = box.ns == RDF and box.local in _CONTAINERS and _is_plain(box) and not element.text.strip()
    if not sound or not all(item.ns == RDF for item in box.children):
        raise SidecarError(UNKNOWN_FORM)
    return box


def _is_plain(element: Element) -> bool:
    return all(one.ns in (XMLNS, XML) for one in element.attributes)


def cut(sidecar: Sidecar, element: Element) -> Edit:
    """Return what takes an element out, with the line it stands on."""
    return Edit(element.start - len(sidecar.indent(element.start)), element.end)


def fill(sidecar: Sidecar, element: Element, inside: bytes) -> Edit:
    """Return what puts something into an element that is written as <a/>."""
    # The slash may have blanks before it, but nothing else.
    slash = sidecar.data.rindex(b"/", element.start, element.inner)
    return Edit(slash, element.inner, b">%b</%b>" % (inside, element.qname))
