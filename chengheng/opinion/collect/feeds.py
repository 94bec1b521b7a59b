"""RSS 0.9-2.0, RDF, Atom and JSON Feed to entries.

XML comes with its poisons: a document type with an inner subset, any entity declaration, and any external reference are
refused, never resolved. Broken but harmless XML is mended, because half of the feeds in the field are broken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urljoin

from lxml import etree

from chengheng.opinion.collect.encodings import decode
from chengheng.opinion.collect.entries import LONGEST_BODY, Entry, Unreadable, clean, clean_line, moment

MOST_ENTRIES = 500
MOST_MEDIA = 3  # of an entry
_WEB = re.compile(r"https?://[^\s<>\"]+$", re.IGNORECASE)


def parse_xml(text: str) -> etree._Element:
    """The root of hostile XML, with nothing resolved and nothing fetched."""
    if re.search(r"<!\s*(ENTITY|ATTLIST|ELEMENT|NOTATION)", text, re.IGNORECASE):
        raise Unreadable("entities")
    if re.search(r"<!\s*DOCTYPE[^>]*\[", text, re.IGNORECASE):
        raise Unreadable("document_type")
    text = re.sub(r"<!\s*DOCTYPE[^>]*>", "", text, count=5, flags=re.IGNORECASE)
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text.lstrip("\ufeff\x00 \r\n\t"))
    text = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]", " ", text)
    if not text.lstrip().startswith("<"):
        raise Unreadable("not_xml")
    parser = etree.XMLParser(
        recover=True, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_pis=True,
        remove_comments=True, encoding="utf-8",
    )  # fmt: skip
    try:
        root = etree.fromstring(text.encode("utf-8"), parser)
    except etree.XMLSyntaxError as error:
        raise Unreadable("not_xml") from error
    if root is None:
        raise Unreadable("not_xml")
    return root


def _name(node: etree._Element) -> str:
    return node.tag.rsplit("}", 1)[-1].lower() if isinstance(node.tag, str) else ""


def _inner(node: etree._Element) -> str:
    """Text of a node; its markup is kept for `clean` to strip."""
    if not len(node):
        return node.text or ""
    return (node.text or "") + "".join(
        etree.tostring(child, encoding="unicode", method="xml", with_tail=True) for child in node
    )


def _first(node: etree._Element, *names: str) -> str:
    for name in names:
        for child in node:
            if _name(child) == name:
                found = _inner(child).strip()
                if found:
                    return found
    return ""


def _link(node: etree._Element, base: str) -> str:
    best = ""
    for child in node:
        if _name(child) == "link":
            href = child.get("href")
            if href is None:
                best = best or (child.text or "").strip()
            elif child.get("rel", "alternate") == "alternate":
                best = href.strip()
    return web_address(best, base)


def web_address(link: str, base: str) -> str:
    """An absolute http(s) address, or ""."""
    if not (link := link.strip()):
        return ""
    try:
        found = urljoin(base, link)
    except ValueError:
        return ""
    return found[:2000] if _WEB.match(found) else ""


def _xml_entries(root: etree._Element, base: str, now: datetime | None) -> Iterator[Entry]:
    for node in root.iter():
        if _name(node) not in ("item", "entry"):
            continue
        link = _link(node, base)
        identity = clean_line(_first(node, "guid", "id"), 500) or node.get(
            "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about", ""
        )
        if not link:
            link = web_address(identity, base) if identity.startswith("http") else ""
        body = max((clean(_first(node, name)) for name in ("encoded", "content", "description", "summary")), key=len)
        title = clean_line(_first(node, "title")) or body[:60]
        if not (title or body):
            continue
        when = _first(node, "pubdate", "published", "date", "issued", "updated", "modified")
        author = clean_line(_first(node, "creator", "author"), 80)
        yield Entry(identity or link or title, link, title, body, moment(when, now), author, _media(node, base))


def _named_media(kind: str, medium: str = "") -> bool:
    return kind.split("/")[0].strip().lower() in ("video", "audio", "image") or medium in ("video", "audio", "image")


def _media(node: etree._Element, base: str) -> tuple[str, ...]:
    """What an entry names as enclosure (RSS, Atom) or media:content (Media RSS), the first few."""
    found = []
    for child in node.iter():
        name = _name(child)
        if name == "link" and child.get("rel") == "enclosure":
            address = child.get("href", "")
        elif name == "enclosure" or (name == "content" and str(child.tag).startswith("{http://search.yahoo.com/mrss")):
            address = child.get("url", "")
        else:
            continue
        if _named_media(child.get("type", ""), child.get("medium", "")):
            found.append(web_address(address, base))
    return tuple(dict.fromkeys(filter(None, found)))[:MOST_MEDIA]


def _json_media(item: dict, base: str) -> tuple[str, ...]:
    rows = item.get("attachments")
    found = [
        web_address(str(row.get("url", "")), base)
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, dict) and _named_media(str(row.get("mime_type", "")))
    ]
    return tuple(dict.fromkeys(filter(None, found)))[:MOST_MEDIA]


def _json_entries(text: str, base: str, now: datetime | None) -> Iterator[Entry]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable("not_json") from error
    items = data.get("items") if isinstance(data, dict) else None
    if not isinstance(items, list):
        raise Unreadable("not_a_feed")

    def said(item: dict, *names: str) -> str:
        return next((str(item[name]) for name in names if isinstance(item.get(name), str | int)), "")

    for item in items:
        if not isinstance(item, dict):
            continue
        link = web_address(said(item, "url", "external_url"), base)
        body = clean(said(item, "content_html", "content_text", "summary"))
        title = clean_line(said(item, "title")) or body[:60]
        if title or body:
            when = moment(said(item, "date_published", "date_modified"), now)
            identity = clean_line(said(item, "id"), 500) or link or title
            yield Entry(identity, link, title, body, when, media=_json_media(item, base))


def parse(content: bytes, base: str = "", declared: str = "", now: datetime | None = None) -> list[Entry]:
    """The entries of a feed, newest as the feed has them; `Unreadable` when it is none."""
    text, _ = decode(content, declared)
    start = text.lstrip("\ufeff \r\n\t")[:1]
    if start == "{":
        found = _json_entries(text, base, now)
    else:
        root = parse_xml(text)
        if _name(root) not in ("rss", "feed", "rdf", "channel"):
            raise Unreadable("not_a_feed")
        found = _xml_entries(root, base, now)
    entries = []
    for entry in found:
        entries.append(entry)
        if len(entries) >= MOST_ENTRIES:
            break
    return entries


def hub_of(content: bytes, links: tuple[str, ...] = ()) -> tuple[str, str]:
    """`(hub, topic)` that a feed announces for WebSub, from Link headers or its own links; empty when it does not."""
    announced: dict[str, str] = {}
    for header in links:
        for address, rel in re.findall(r"<([^>]{1,2000})>\s*;[^,]*rel=\"?([a-z ]+)\"?", header):
            for word in rel.split():
                announced.setdefault(word, address)
    text, _ = decode(content[:20_000])
    # Only what the feed says of itself: an entry may hold anybody's words, and so anybody's hub.
    text = re.split(r"<(?:[a-z0-9]+:)?(?:item|entry)\b", text, maxsplit=1, flags=re.IGNORECASE)[0]
    for tag in re.findall(r"<(?:[a-z0-9]+:)?link\b[^>]{1,2000}>", text, re.IGNORECASE):
        rel, href = re.search(r"rel=[\"']([^\"']+)", tag), re.search(r"href=[\"']([^\"']+)", tag)
        if rel and href:
            announced.setdefault(rel[1], href[1])
    return web_address(announced.get("hub", ""), ""), web_address(announced.get("self", ""), "")


__all__ = ["LONGEST_BODY", "hub_of", "parse", "parse_xml", "web_address"]
