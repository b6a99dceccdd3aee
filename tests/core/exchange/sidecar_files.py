"""Sidecars as programs for photos write them, and what other programs read in one."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from alpacasorter.core.exchange.keywords import Tags

KEY = "ab" * 32
ALPACA = Tags("Alpaca", "alpaca", 0.973, False, KEY)
STARRED = Tags("Alpaca", "alpaca", 0.973, False, KEY, rating=5)
OTHER = Tags("Not alpaca", "not_alpaca", 0.6, True, KEY)

LIGHTROOM = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core 7.0-c000 1.000000        ">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
    xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"
   xmp:Rating="3"
   xmp:Label="Red"
   crs:Version="15.0"
   crs:Exposure2012="+0.35">
   <dc:subject>
    <rdf:Bag>
     <rdf:li>hike</rdf:li>
     <rdf:li>mountains &amp; lakes</rdf:li>
    </rdf:Bag>
   </dc:subject>
   <dc:title>
    <rdf:Alt>
     <rdf:li xml:lang="x-default">Above the lake</rdf:li>
    </rdf:Alt>
   </dc:title>
   <lr:hierarchicalSubject>
    <rdf:Bag>
     <rdf:li>hike</rdf:li>
     <rdf:li>nature|mountains &amp; lakes</rdf:li>
    </rdf:Bag>
   </lr:hierarchicalSubject>
   <crs:ToneCurvePV2012>
    <rdf:Seq>
     <rdf:li>0, 0</rdf:li>
     <rdf:li>255, 255</rdf:li>
    </rdf:Seq>
   </crs:ToneCurvePV2012>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""
DARKTABLE = b"""<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:darktable="http://darktable.sf.net/"
   xmp:Rating="0"
   darktable:xmp_version="5"
   darktable:raw_params="0"
   darktable:auto_presets_applied="1">
   <darktable:history>
    <rdf:Seq>
     <rdf:li
      darktable:num="0"
      darktable:operation="exposure"
      darktable:enabled="1"
      darktable:params="00000000000000803f0000"/>
    </rdf:Seq>
   </darktable:history>
   <darktable:masks_history>
    <rdf:Seq/>
   </darktable:masks_history>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""
DIGIKAM = b"""<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 5.5.0">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="uuid:faf5bdd5-ba3d-11da-ad31-d33d75182f1b"
    xmlns:digiKam="http://www.digikam.org/ns/1.0/"
    xmlns:MicrosoftPhoto="http://ns.microsoft.com/photo/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
   digiKam:PickLabel="0"
   digiKam:ColorLabel="4">
   <digiKam:TagsList>
    <rdf:Seq>
     <rdf:li>People/Maria</rdf:li>
    </rdf:Seq>
   </digiKam:TagsList>
   <MicrosoftPhoto:LastKeywordXMP>
    <rdf:Bag>
     <rdf:li>People/Maria</rdf:li>
    </rdf:Bag>
   </MicrosoftPhoto:LastKeywordXMP>
   <dc:subject>
    <rdf:Bag>
     <rdf:li>Maria</rdf:li>
    </rdf:Bag>
   </dc:subject>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""
ODD = """<?xml version='1.0'?>
<!-- made by hand -->
<?keep this?>
<r:RDF xmlns:r='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>\r
  <r:Description r:about='' xmlns:x='http://ns.adobe.com/xap/1.0/' xmlns:d='http://purl.org/dc/elements/1.1/'
      xmlns:mine='urn:mine' mine:a='1 > 0' mine:b="it's">\r
    <!-- a comment --><x:Rating>2</x:Rating>\r
    <d:subject><r:Seq><r:li>é</r:li><r:li><![CDATA[a <b>]]></r:li></r:Seq></d:subject>
    <mine:deep><mine:er x:q='1'><mine:est/></mine:er></mine:deep>
  </r:Description>
</r:RDF>
<!-- the end -->
""".encode()
WITHOUT_PREFIX = (
    ODD.replace(b"<r:", b"<")
    .replace(b"</r:", b"</")
    .replace(b"<RDF ", b"<RDF xmlns='http://www.w3.org/1999/02/22-rdf-syntax-ns#' ")
)
STYLES = {"lightroom": LIGHTROOM, "darktable": DARKTABLE, "digikam": DIGIKAM, "by hand": ODD}
UNRATED = {"darktable", "digikam"}


def sidecar(inside: str, attributes: str = "") -> bytes:
    """Return a sidecar with one description."""
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        f'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:own="urn:own/" {attributes}>{inside}</rdf:Description>'
        "</rdf:RDF></x:xmpmeta>"
    ).encode()


def exiftool(data: bytes, folder: Path) -> dict[str, object]:
    """Return all XMP tags that exiftool reads, by group and name."""
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool (libimage-exiftool-perl) is not installed")
    path = folder / "read.xmp"
    path.write_bytes(data)
    done = subprocess.run(
        ["exiftool", "-j", "-G1", "-a", "-struct", "-XMP:all", str(path)], capture_output=True, timeout=60, check=True
    )
    assert b"Warning" not in done.stdout, done.stdout
    tags = json.loads(done.stdout)[0]
    del tags["SourceFile"]
    return tags


def exiv2(data: bytes, folder: Path) -> dict[str, list[tuple[str, str]]]:
    """Return the properties that Exiv2 reads, each with its types and values."""
    if shutil.which("exiv2") is None:
        pytest.skip("exiv2 is not installed")
    path = folder / "read.xmp"
    path.write_bytes(data)
    done = subprocess.run(["exiv2", "-PXkyv", str(path)], capture_output=True, timeout=60, check=True)
    found: dict[str, list[tuple[str, str]]] = {}
    for line in done.stdout.decode("utf-8").splitlines():
        name, kind, *value = line.split(None, 2)
        found.setdefault(name, []).append((kind, value[0] if value else ""))
    return found
