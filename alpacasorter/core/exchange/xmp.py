"""Edits XMP sidecars in place: finds the byte range of each property, so that an edit changes nothing else.

No XML library writes the file, because each of them loses something: comments, the packet around the document,
prefixes, or the order and form of properties. expat only finds the elements and checks that the XML is well-formed.
Lists of words, such as dc:subject, can be read and edited in every form that XMP allows.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from alpacasorter.core import reasons

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XML: Final = "http://www.w3.org/XML/1998/namespace"
XMLNS: Final = "http://www.w3.org/2000/xmlns/"

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    # Before UTF-16, whose marks are prefixes of these.
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
"""Levels below rdf:RDF that are kept: description, property, container, item, content of the item."""


class SidecarError(Exception):
    """A sidecar can't be read or edited.

    Attributes:
        reason: why, as a code of `core.reasons`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Attribute:
    """An XML attribute.

    Attributes:
        ns, local: namespace and local name.
        value: unescaped value.
        start, end: byte range, including the whitespace before the attribute.
        value_start, value_end: byte range of the value between the quotes.
    """

    ns: str
    local: str
    value: str
    start: int
    end: int
    value_start: int
    value_end: int


@dataclass(slots=True)
class Element:
    """An XML element and its byte offsets.

    Attributes:
        ns, local: namespace and local name.
        qname: name as written.
        start: start of the start tag.
        inner: end of the start tag.
        close: start of the end tag; for an empty element, its end.
        end: end of the element.
        is_empty: whether it is written as <a/>.
        attributes: in document order, including namespace declarations.
        prefixes: namespaces in scope, by prefix.
        children: child elements, down to the levels that are kept.
        text: its own text, without that of its children.
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
        """Return the attribute with this name, or None."""
        return next((one for one in self.attributes if (one.ns, one.local) == (ns, local)), None)

    def named(self, ns: str, local: str) -> Element | None:
        """Return the first child with this name, or None."""
        return next((one for one in self.children if (one.ns, one.local) == (ns, local)), None)

    def prefix_of(self, ns: str) -> str:
        """Return the prefix for a namespace that is in scope, including the colon.

        Raises:
            SidecarError: the namespace has no prefix here.
        """
        for prefix, known in self.prefixes.items():
            if known == ns:
                return f"{prefix}:" if prefix else ""
        raise SidecarError(reasons.SIDECAR_UNKNOWN_FORM)


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A parsed sidecar.

    Attributes:
        data: the text as UTF-8, also if the file has another encoding.
        root: the element rdf:RDF.
        codec: encoding of the file.
        mark: byte order mark of the file, or empty.
    """

    data: bytes
    root: Element
    codec: str
    mark: bytes

    @property
    def descriptions(self) -> Iterator[Element]:
        """The rdf:Description elements, which hold the properties."""
        return (one for one in self.root.children if (one.ns, one.local) == (RDF, "Description"))

    def indent(self, at: int) -> bytes:
        """Return the line break and indentation before an offset, or nothing if something else precedes it."""
        found = re.search(rb"\r?\n[ \t]*\Z|\r[ \t]*\Z", self.data[max(0, at - 4096) : at])
        return found.group() if found else b""

    def changed(self, edits: Iterable[Edit]) -> bytes:
        """Return the contents of the file with edits applied.

        Raises:
            SidecarError: edits overlap.
        """
        data, below = self.data, len(self.data)
        for edit in sorted(edits, key=lambda edit: (edit.start, edit.end), reverse=True):
            if edit.end > below:
                raise SidecarError(reasons.SIDECAR_UNKNOWN_FORM)
            data = data[: edit.start] + edit.new + data[edit.end :]
            below = edit.start
        return self.mark + data.decode("utf-8").encode(self.codec, "xmlcharrefreplace")


@dataclass(frozen=True, slots=True)
class Edit:
    """Replaces the bytes from `start` to `end` by `new`."""

    start: int
    end: int
    new: bytes = b""


def read_sidecar(data: bytes) -> Sidecar:
    """Parse a sidecar.

    Raises:
        SidecarError: it is damaged, not XMP, or has a document type declaration.
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
            raise SidecarError(reasons.SIDECAR_ENCODING)
    try:
        text = body.decode(codec)
        if text.encode(codec) != body:
            raise SidecarError(reasons.SIDECAR_DAMAGED)
        return text.encode("utf-8"), codec, mark
    except UnicodeError as error:
        raise SidecarError(reasons.SIDECAR_DAMAGED) from error


class _Reader:
    """Parses a document in one pass and keeps only what belongs to the properties."""

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
            raise SidecarError(reasons.SIDECAR_DAMAGED) from error
        if len(self._roots) != 1:
            raise SidecarError(reasons.SIDECAR_UNKNOWN_FORM if self._roots else reasons.SIDECAR_DAMAGED)
        return self._roots[0]

    def _on_doctype(self, *_declaration: object) -> None:
        raise SidecarError(reasons.SIDECAR_DOCTYPE)

    def _on_start(self, _name: str, values: list[str]) -> None:
        at = self._parser.CurrentByteIndex
        tag = _TAG.match(self._data, at)
        if tag is None:
            raise SidecarError(reasons.SIDECAR_UNKNOWN_FORM)
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
    prefix, _colon, local = name.decode("utf-8").rpartition(":")
    if prefix and prefix not in prefixes:
        raise SidecarError(reasons.SIDECAR_DAMAGED)
    return prefixes.get(prefix, ""), local


_CONTAINERS: Final = ("Bag", "Seq", "Alt")
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def without_odd(text: str) -> str:
    """Return text with the characters that XML does not allow replaced by U+FFFD."""
    return _NO_XML.sub("\ufffd", text)


def escaped(text: str) -> bytes:
    """Return text escaped for XML, between tags or quotes."""
    text = without_odd(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = text.replace('"', "&quot;").replace("\t", "&#9;").replace("\n", "&#10;").replace("\r", "&#13;")
    return text.encode("utf-8")


@dataclass(frozen=True, slots=True)
class WordList:
    """A property with a list of words, in one of the descriptions.

    Attributes:
        owner: the description.
        attribute: the property if it is written as an attribute, which holds a single word.
        element: the property if it is written as an element.
        container: rdf:Bag, rdf:Seq or rdf:Alt in the element; None if it contains plain text or nothing.
    """

    owner: Element
    attribute: Attribute | None
    element: Element | None
    container: Element | None

    @property
    def items(self) -> list[Element]:
        """The elements with one word each."""
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
        """Return edits that remove a word, or the whole property if it was the only word."""
        found = [item for item in self.items if item.text.strip() == word]
        if not found or self.element is None:
            return []
        if len(found) == len(self.items):
            return [cut(sidecar, self.element)]
        return [cut(sidecar, item) for item in found]

    def with_word(self, sidecar: Sidecar, word: str) -> list[Edit]:
        """Return edits that append a word. An attribute can't be extended.

        Raises:
            SidecarError: the property is an attribute, or has no prefix for RDF in scope.
        """
        if self.element is None:
            raise SidecarError(reasons.SIDECAR_UNKNOWN_FORM)
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
        """Return the edit that turns plain text or an empty element into a bag."""
        element = self.element
        if element is None:
            raise SidecarError(reasons.SIDECAR_UNKNOWN_FORM)
        inside = sidecar.data[element.inner : element.close].strip()
        first = b"<%bli>%b</%bli>" % (rdf, inside, rdf) if element.text.strip() else b""
        bag = b"<%bBag>%b%b</%bBag>" % (rdf, first, item, rdf)
        return fill(sidecar, element, bag) if element.is_empty else Edit(element.inner, element.close, bag)


def word_lists(sidecar: Sidecar, ns: str, local: str) -> Iterator[WordList]:
    """Yield every occurrence of a property. XMP allows only one, but some files have more.

    Raises:
        SidecarError: it has a structure that can't be edited safely.
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
        raise SidecarError(reasons.SIDECAR_UNKNOWN_FORM)
    if not element.children:
        return None
    box = element.children[0]
    sound = box.ns == RDF and box.local in _CONTAINERS and _is_plain(box) and not element.text.strip()
    if not sound or not all(item.ns == RDF for item in box.children):
        raise SidecarError(reasons.SIDECAR_UNKNOWN_FORM)
    return box


def _is_plain(element: Element) -> bool:
    return all(one.ns in (XMLNS, XML) for one in element.attributes)


def cut(sidecar: Sidecar, element: Element) -> Edit:
    """Return the edit that removes an element, including its line break and indentation."""
    return Edit(element.start - len(sidecar.indent(element.start)), element.end)


def fill(sidecar: Sidecar, element: Element, inside: bytes) -> Edit:
    """Return the edit that puts content into an empty element (<a/>)."""
    # Only whitespace may be before the slash.
    slash = sidecar.data.rindex(b"/", element.start, element.inner)
    return Edit(slash, element.inner, b">%b</%b>" % (inside, element.qname))
