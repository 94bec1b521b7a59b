"""List pages, article pages and sitemaps to entries.

A list page is where several links of like build stand together; an article is the block with most text that is not
link text. Both are cheap (lxml only); trafilatura reads the article again when the cheap way found little.
"""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import datetime
from urllib.parse import urlsplit

from lxml import etree, html

from chengheng.opinion.collect.encodings import decode
from chengheng.opinion.collect.entries import Entry, Unreadable, clean, clean_line, moment
from chengheng.opinion.collect.feeds import parse_xml, web_address

MOST_LINKS = 300
_NOT_TEXT = ("script", "style", "noscript", "template", "iframe", "svg", "form", "nav", "footer", "header", "aside")
_DATE_META = (
    "article:published_time", "publishdate", "pubdate", "og:release_date", "datepublished", "date", "pubtime",
    "weibo:article:create_at", "apub:time",
)  # fmt: skip


def _tree(text: str) -> html.HtmlElement:
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text.replace("\x00", " "))
    parser = html.HTMLParser(no_network=True, huge_tree=False, remove_comments=True, remove_pis=True, encoding="utf-8")
    try:
        root = html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise Unreadable("not_html") from error
    if root is None:
        raise Unreadable("not_html")
    return root


def links(content: bytes, base: str, declared: str = "", now: datetime | None = None, pick: str = "") -> list[Entry]:
    """The article links of a list page, in its order. `pick` is an XPath to the link nodes; without it the largest
    groups of like-built links with titles of eight characters or more are taken."""
    root = _tree(decode(content, declared)[0])
    site = ".".join(urlsplit(base).netloc.split(":")[0].split(".")[-2:])
    groups: dict[str, list[Entry]] = defaultdict(list)
    if pick:
        try:
            picked = root.xpath(pick)
        except etree.XPathError as error:
            raise Unreadable("bad_pick") from error
        nodes = [node for node in picked if isinstance(node, html.HtmlElement)] if isinstance(picked, list) else []
        nodes = [link for node in nodes for link in ([node] if node.tag == "a" else node.iter("a"))]
    else:
        nodes = list(root.iter("a"))
    seen = set()
    for node in nodes[:5000]:
        address = web_address(node.get("href") or "", base).split("#")[0]
        title = clean_line(node.get("title") or node.text_content())
        if not address or address in seen or address.rstrip("/") == base.rstrip("/"):
            continue
        if not pick and (len(title) < 8 or not urlsplit(address).netloc.split(":")[0].endswith(site)):
            continue
        seen.add(address)
        parent = node.getparent()
        near = clean_line(parent.text_content(), 400) if parent is not None and len(parent) < 12 else ""
        above = [f"{a.tag}.{a.get('class', '')}" for a in list(node.iterancestors())[:3]]
        groups["pick" if pick else ">".join(above)].append(
            Entry(address, address, title, "", moment(near.replace(title, " "), now))
        )
    if pick:
        return groups["pick"][:MOST_LINKS]
    return [entry for group in groups.values() if len(group) >= 3 for entry in group][:MOST_LINKS]


def _density(root: html.HtmlElement) -> str:
    """Text of the node whose paragraphs hold most text outside links."""
    scores: dict[html.HtmlElement, float] = defaultdict(float)
    for node in root.iter("p", "div", "td", "section", "article", "pre"):
        own = (node.text or "") + "".join(child.tail or "" for child in node)
        if node.tag == "p":
            own = node.text_content()
        size = len(re.sub(r"\s", "", own))
        if size < 12:
            continue
        linked = sum(len(link.text_content()) for link in node.iter("a"))
        gain = size - 1.5 * min(linked, size) + 5 * len(re.findall(r"[，。！？；,.!?]", own))
        parent = node.getparent() if node.tag == "p" else node
        if parent is not None and gain > 0:
            scores[parent] += gain
            if parent.getparent() is not None:
                scores[parent.getparent()] += gain * 0.45
    if not scores:
        return ""
    best = max(scores, key=lambda node: scores[node])
    return clean(html.tostring(best, encoding="unicode"))


def article(content: bytes, url: str, declared: str = "", now: datetime | None = None) -> Entry:
    """Title, text and time of one article page."""
    text = decode(content, declared)[0]
    root = _tree(text)
    metas = {
        (node.get("property") or node.get("name") or node.get("itemprop") or "").lower(): node.get("content") or ""
        for node in root.iter("meta")
    }
    heading = next((clean_line(node.text_content()) for node in root.iter("h1") if clean_line(node.text_content())), "")
    page = clean_line(root.findtext(".//title") or "")
    title = heading or clean_line(metas.get("og:title", "")) or re.split(r"[_|]|\s-\s", page)[0].strip()
    when = next((found for name in _DATE_META if (found := moment(metas.get(name, ""), now))), None)
    if when is None:
        when = next(
            (f for node in root.iter("time") if (f := moment(node.get("datetime") or node.text_content(), now))), None
        )
    for node in list(root.iter(*_NOT_TEXT)):
        node.drop_tree()
    if when is None:
        when = moment_in(clean(html.tostring(root, encoding="unicode"), 5000), now)
    body = _density(root)
    if len(body) < 40:
        body = max(body, _second_opinion(text), key=len)
    author = clean_line(metas.get("author", ""), 80)
    return Entry(url, url, title, body, when, author)


def moment_in(text: str, now: datetime | None) -> datetime | None:
    """The first believable time with hours in running text."""
    match = re.search(r"20\d\d[年/.\-]\d{1,2}[月/.\-]\d{1,2}日?\s*\d{1,2}[:：]\d{2}(?:[:：]\d{2})?", text)
    return moment(match[0], now) if match else None


def _second_opinion(text: str) -> str:
    import trafilatura

    return clean(trafilatura.extract(text[:2_000_000], include_comments=False, include_tables=False) or "")


def sitemap(content: bytes, base: str = "", now: datetime | None = None) -> tuple[list[Entry], list[str]]:
    """`(pages, further sitemaps)` of a sitemap or a sitemap index."""
    root = parse_xml(decode(content)[0])
    kind = root.tag.rsplit("}", 1)[-1].lower() if isinstance(root.tag, str) else ""
    if kind not in ("urlset", "sitemapindex"):
        raise Unreadable("not_a_sitemap")
    pages, further = [], []
    for node in list(root)[: MOST_LINKS * 10]:
        said = {
            child.tag.rsplit("}", 1)[-1].lower(): (child.text or "").strip()
            for child in node.iter()
            if isinstance(child.tag, str)
        }
        address = web_address(said.get("loc", ""), base)
        if not address:
            continue
        if kind == "sitemapindex":
            further.append(address)
        else:
            when = moment(said.get("publication_date") or said.get("lastmod", ""), now)
            pages.append(Entry(address, address, clean_line(said.get("title", "")), "", when))
    return pages[:MOST_LINKS], further[:50]
