"""Why a source could not be read, in words: the reasons that collecting gives are codes, kept as they are."""

from __future__ import annotations

import re
from typing import Any

from django.utils.translation import gettext_lazy as _

WORDS: dict[str, Any] = {
    "robots": _("the site's robots.txt forbids reading this address"),
    "name_not_found": _("the name of the site is not known"),
    "too_slow": _("no answer in time"),
    "too_large": _("larger than is read"),
    "encoding": _("an encoding that is not known"),
    "bad_compression": _("damaged compression"),
    "compression_bomb": _("unpacks to far more than it says"),
    "redirect_loop": _("redirects lead round in a circle"),
    "redirect_nowhere": _("a redirect without an aim"),
    "too_many_redirects": _("too many redirects"),
    "not_a_feed": _("no feed"),
    "not_a_sitemap": _("no sitemap"),
    "not_json": _("no readable JSON"),
    "not_xml": _("no readable XML"),
    "not_html": _("no readable page"),
    "not_a_medium": _("no picture, video or sound"),
    "document_type": _("holds a document type, which is refused"),
    "entities": _("holds entities, which are refused"),
    "bad_pick": _("the XPath that picks links cannot be used"),
    "headless_missing": _("no Chromium on this server"),
    "headless_failed": _("the browser gave no page"),
    "headless_too_slow": _("the browser was not done in time"),
    "headless_memory": _("the page took too much memory"),
    "headless_too_large": _("the page is larger than is read"),
    "refused_address": _("leads into the own network, which is refused"),
}
_GROUPS = (
    ("refused_", _("this address is not asked for")),
    ("connection_", _("no connection")),
    ("medium_", _("a picture, video or sound was not fetched")),
    ("hub_", _("a push of the hub could not be read")),
)


def words(reason: str) -> str:
    """A reason in words, with its code where the words are of a group or missing: a person who asks for help needs it."""
    if reason in WORDS:
        return str(WORDS[reason])
    if status := re.fullmatch(r"http_(\d{3})", reason):
        return _("the site answered with status %(status)s") % {"status": status[1]}
    for start, said in _GROUPS:
        if reason.startswith(start):
            rest = reason.removeprefix(start)
            return f"{said} ({WORDS.get(rest, rest)})"
    return reason
