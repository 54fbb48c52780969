"""Read XML that a stranger sent: no document type, no entities, a known encoding, a bounded size.

The standard library's expat is enough where a document type is refused before it sees one: every known attack
(entities that multiply, entities that name files) needs it, and no bank's list of rates has one.
"""

import re
from typing import TYPE_CHECKING

from marketctl.errors import BadAnswer
from marketctl.text import printable

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

LIMIT = 4 * 1024 * 1024
# All of them have ASCII's bytes for ASCII's characters, so that nothing hides from the look for a document type.
ENCODINGS = frozenset(("utf-8", "us-ascii", "iso-8859-1", "windows-1251", "cp1251"))

_declared = re.compile(rb"""<\?xml[^>]{0,100}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""").match


def read_xml(content: bytes) -> "Element":
    """Return the root element of a document, decoded as it says of itself. Raises BadAnswer."""
    from xml.etree import ElementTree as ET  # loaded by those who speak XML alone

    if len(content) > LIMIT:
        raise BadAnswer(f"the XML has {len(content)} bytes, expected at most {LIMIT}")
    content = content.removeprefix(b"\xef\xbb\xbf").lstrip()
    found = _declared(content)
    encoding = found[1].decode("ascii").lower() if found else "utf-8"
    if encoding not in ENCODINGS:
        raise BadAnswer(f"the XML is in {printable(encoding, 40)}, expected one of {', '.join(sorted(ENCODINGS))}")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise BadAnswer(f"the XML is not in the {encoding} it says: byte {error.start}") from None
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise BadAnswer("the XML has a document type, which no list of rates needs: refused")
    try:
        return ET.fromstring(text)  # noqa: S314  (what is dangerous in XML is refused above)
    except ET.ParseError as error:
        line, column = error.position
        raise BadAnswer(f"the answer is no whole XML: line {line}, column {column}") from None
