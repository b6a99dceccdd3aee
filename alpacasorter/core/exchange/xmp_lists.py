"""Lists of words in a sidecar, such as dc:subject: finding, adding and removing a word, in whatever form they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from alpacasorter.core.exchange.xmp import (
    RDF,
    UNKNOWN_FORM,
    XML,
    XMLNS,
    Attribute,
    Edit,
    Element,
    Sidecar,
    SidecarError,
)

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
