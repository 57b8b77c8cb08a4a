"""A reader for the parts of an Office Open XML package. It checks the size limits before doing any expensive work.

libxml2 checks that a part is well-formed and has no document type declaration, without building a tree. Comments and
similar markup are then removed. In the remaining XML, regular expressions can find the tags in half the time that it
takes to walk a tree.
"""

import codecs
import posixpath
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from html import escape
from io import BytesIO
from itertools import islice

from bot.errors import Unreadable
from bot.sources.formats.limits import WORKBOOK

KEPT_BYTES = 1 << 20  # the largest relations part that is cached; eight of them take about 50 MiB at worst

_WIDE = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_ENCODINGS = ("utf-8", "utf-16", "us-ascii", "iso-8859-1")
_DECLARED = re.compile(rb"""<\?xml[^>]*?\sencoding\s*=\s*["']([^"']*)""")
_MARKUP = re.compile(r"""<!--.*?-->|<\?.*?\?>|<!\[CDATA\[(.*?)\]\]>|<((?:[^"'>]++|"[^"]*+"|'[^']*+')*+)>""", re.DOTALL)
_ROOT = re.compile(r"<([^\s/>:?]+:)?([^\s/>?]+)([^>]*)>")
_TAG = re.compile(r"<(/?)([^\s/>?]+)([^>]*+)>([^<]*+)")
_NAMESPACE = re.compile(r"""\sxmlns(?::([^\s=]+))?\s*=\s*["']((?<=")[^"]*+|[^']*+)""")
_ATTRIBUTE = re.compile(r"""([^\s=]++)\s*+=\s*+["']((?<=")[^"]*+|[^']*+)["']""")
_UNPREFIXED = re.compile(r"</?[^\s:/>?]+[\s/>]")
_SPREADSHEET = frozenset(
    {"http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://purl.oclc.org/ooxml/spreadsheetml/main"}
)
_RELATED = frozenset(
    {
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
        "http://purl.oclc.org/ooxml/officeDocument/relationships",
    }
)
_NAMESPACES = {
    **dict.fromkeys(("workbook", "worksheet", "sst", "styleSheet"), _SPREADSHEET),
    "Relationships": frozenset({"http://schemas.openxmlformats.org/package/2006/relationships"}),
}
_REFERENCE = re.compile(r"&(?:#x([0-9a-fA-F]+)|#([0-9]+)|(\w+));")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}


def check_limit(what: str, amount: int) -> None:
    """Raise Unreadable if the amount exceeds the limit in WORKBOOK."""
    if amount > WORKBOOK[what]:
        raise Unreadable(f"the workbook is too large: more than {WORKBOOK[what]:,} {what}")


def tags(xml: str, path: str, *, alone: bool = True) -> Iterator[dict[str, str]]:
    """Yield the attributes of each element at this path (`workbook/sheets/sheet`) in plain XML.

    Raise Unreadable if its parent comes twice, or has other elements though it should be `alone` there: programs differ
    on what to read then.
    """
    parent, parents = path.rpartition("/")[0], 0
    for found, tag, _ in walk(xml):
        parents += found == parent
        if parents > 1:
            raise Unreadable(f"the workbook has two of {parent[:40]!r}")
        if alone and found != path and found.rpartition("/")[0] == parent and parent:
            raise Unreadable(f"the workbook has {found[:40]!r} where {path!r} belongs")
        if found == path:
            yield attributes(tag)


def walk(xml: str) -> Iterator[tuple[str, str, str]]:
    """Yield the path of each element in plain XML, its opening tag without the name, and the text that follows it."""
    path = ""
    for found in _TAG.finditer(xml):  # one by one, because a list of them all takes too much memory
        closes, name, tag, text = found.groups()
        if closes:
            path = path.rpartition("/")[0]
        else:
            inner = f"{path}/{name}" if path else name
            yield inner, tag, text
            path = path if tag.endswith("/") else inner


def depth(xml: str) -> int:
    """Return how many elements are open at the end of a piece of plain XML; below 0 if it closes more than it opens."""
    return xml.count("<") - 2 * xml.count("</") - xml.count("/>") - xml.count("<?")


def attributes(tag: str) -> dict[str, str]:
    """Parse the attributes of a tag in plain XML."""
    check_limit("characters in one row, text or tag", len(tag))
    if "\n" in tag or "\t" in tag:
        tag = tag.replace("\n", " ").replace("\t", " ")
    found = dict(_ATTRIBUTE.findall(tag))
    return {name: unescaped(value) for name, value in found.items()} if "&" in tag else found


def unescaped(text: str) -> str:
    """Replace entity and character references in plain XML text with the characters that they represent."""
    return _REFERENCE.sub(_meant, text) if "&" in text else text


def _meant(reference: re.Match[str]) -> str:
    hexadecimal, decimal, name = reference.groups()
    return _NAMED[name] if name else chr(int(hexadecimal, 16) if hexadecimal else int(decimal))


class Relations(dict[str, tuple[str, str, bool]]):
    """A part's relations by key.

    Each value has the kind of relation, the target and whether the target is outside the package.
    """

    def __missing__(self, key: str) -> tuple[str, str, bool]:
        raise Unreadable(f"the workbook refers to {key[:40]!r}, which it does not contain")

    def part(self, kind: str) -> str | None:
        """Return the name of the first related part of this kind, or None if there isn't one."""
        return next((target for found, target, _ in self.values() if found == kind), None)


class Package:
    """A zip file and its parts, with a running count of the cost of reading them.

    The names of parts are in lower case, with forward slashes.
    """

    def __init__(self, body: bytes) -> None:
        check_limit("files", body.count(b"PK\x01\x02"))  # before zipfile creates an object for each file
        self._zip = zipfile.ZipFile(BytesIO(body))
        members = self._zip.infolist()
        self._members = {member.filename.replace("\\", "/").lower(): member for member in members}
        if len(self._members) < len(members):
            raise Unreadable("the workbook has two files with the same name")
        self._spent = Counter[str]()

    def spend(self, what: str, amount: int) -> None:
        """Add to the running cost of reading the workbook and check the limit.

        A part that is read more than once counts each time.
        """
        self._spent[what] += amount
        check_limit(what, self._spent[what])

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def relations(self, part: str) -> Relations:
        """Return the relations of a part, or of the package itself if the name is empty."""
        folder, name = posixpath.split(part)
        rels = posixpath.join(folder, "_rels", f"{name}.rels")
        if rels not in self._members:
            return Relations()
        body = self._bytes(rels)
        read = _cached_relations if len(body) <= KEPT_BYTES else _relations
        return read(folder, rels, body)

    def part(self, name: str, root: str) -> str:
        """Return a part as plain XML.

        In plain XML, every `<` starts a tag, the next `>` ends it and the root element has no prefix.
        """
        return _plain_xml(name, self._bytes(name), root)

    def _bytes(self, name: str) -> bytes:
        member = self._members.get(name)
        if member is None:
            raise Unreadable(f"the part {name[:80]!r} of the workbook is missing")
        if member.flag_bits & 1:
            raise Unreadable("the workbook is protected with a password")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Unreadable("the workbook uses a compression method that Excel doesn't support")
        self.spend("bytes when unpacked", member.file_size)
        with self._zip.open(member) as stream:
            return stream.read(member.file_size)  # and no byte more, in case the header lies


def _relations(folder: str, name: str, body: bytes) -> Relations:
    found = Relations()
    for tag in islice(
        tags(_plain_xml(name, body, "Relationships"), "Relationships/Relationship"), WORKBOOK["links"] + 1
    ):
        target, is_outside = tag.get("Target", ""), tag.get("TargetMode") == "External"
        if not is_outside:
            target = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/").lower()
        if tag.get("Id", "") in found:
            raise Unreadable(f"the workbook has two relations called {tag.get('Id', '')[:40]!r}")
        found[tag.get("Id", "")] = (tag.get("Type", "").rpartition("/")[2], target, is_outside)
    check_limit("links", len(found))
    return found


_cached_relations = lru_cache(maxsize=8)(_relations)  # most lists repeat the last one's relations, byte for byte


def _plain_xml(name: str, body: bytes, root: str) -> str:
    from lxml import etree  # type: ignore[import-untyped]  # noqa: PLC0415 - it ships no types, and few programs read a workbook

    body, check = _in_utf8(body), _MarkupCheck()
    parser = etree.XMLParser(target=check, encoding="utf-8", resolve_entities=False, no_network=True)
    try:
        etree.fromstring(body, parser)
        has_flaws = bool(parser.error_log.filter_from_errors())  # an unknown prefix stops the check after the root
    except etree.LxmlError:
        has_flaws = True
    if has_flaws:
        raise Unreadable(f"the part {name[:80]!r} of the workbook is not valid XML")
    xml = body.decode("utf-8-sig")
    if check.saw_more_than_tags or "<![CDATA[" in xml or xml.count("<") != xml.count(">"):
        xml = _MARKUP.sub(_plain, xml)
    prefix = _root_prefix(name, xml, root)
    if xml.find("\r", xml.find(root)) > 0:  # Excel always puts one after the declaration
        xml = xml.replace("\r\n", "\n").replace("\r", "\n")
    return xml.replace(f"<{prefix}", "<").replace(f"</{prefix}", "</") if prefix else xml


def _root_prefix(name: str, xml: str, root: str) -> str:
    """Return the prefix of the root, such as `x:`; raise Unreadable if the part mixes it with other names for elements.

    Only then do bare names mean the same elements as in an XML parser that knows namespaces.
    """
    found = _ROOT.search(xml)
    prefix, local, tag = found.groups("") if found else ("", "", "")
    if local != root:
        raise Unreadable(f"the workbook has {local[:40]!r} where {root!r} belongs")
    declared = [(key, unescaped(address)) for key, address in _NAMESPACE.findall(xml)]
    namespace = dict(declared[: len(_NAMESPACE.findall(tag))]).get(prefix[:-1])
    names = [key for key, address in declared if address == namespace or key in ("", prefix[:-1])]
    strange = (key for key, address in declared if key and address not in _RELATED and f"{key}:id" in xml)
    if any(re.search(rf"\s{re.escape(key)}:id\s*=", xml) for key in strange):
        raise Unreadable(f"the part {name[:80]!r} of the workbook has relations in a namespace that we don't know")
    if namespace not in _NAMESPACES[root] or names != [prefix[:-1]] or (prefix and _UNPREFIXED.search(xml)):
        raise Unreadable(f"the part {name[:80]!r} of the workbook mixes namespaces, or has one that we don't know")
    return prefix


class _MarkupCheck:
    """A parser target that records whether there are comments or processing instructions. It doesn't build a tree."""

    saw_more_than_tags = False

    def doctype(self, *_: object) -> None:
        raise Unreadable("the workbook's XML declares a document type, which no legitimate workbook does")

    def comment(self, *_: object) -> None:
        self.saw_more_than_tags = True

    pi = comment

    def close(self) -> None:
        """Do nothing. lxml requires this method."""


def _in_utf8(body: bytes) -> bytes:
    declared = _DECLARED.match(body.removeprefix(codecs.BOM_UTF8))
    encoding = _WIDE.get(body[:2]) or (declared[1].decode("latin-1").lower() if declared else "utf-8")
    if encoding not in _ENCODINGS:
        raise Unreadable(f"the workbook's XML is encoded in {encoding[:20]!r}, which Excel does not support")
    return body if encoding == "utf-8" else body.decode(encoding).encode()


def _plain(markup: re.Match[str]) -> str:
    characters, tag = markup.groups()
    return f"<{tag.replace('>', '&gt;')}>" if tag else escape(characters or "", quote=False)
