"""`{% load ui %}`: icons, badges, deadlines, money, numbers, the balance bar, cards, and what the shell needs."""

from __future__ import annotations

import itertools
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django import template
from django.conf import settings
from django.core.cache import cache
from django.core.serializers.json import DjangoJSONEncoder
from django.forms import BoundField, RadioSelect
from django.template.base import Node, Parser, Token
from django.template.loader import render_to_string
from django.template.loader_tags import BLOCK_CONTEXT_KEY
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone, translation
from django.utils.html import conditional_escape, escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from chengheng.common.people.access import SYSTEM
from chengheng.common.ui import assets, navigation, preferences, words
from chengheng.common.ui.csp import live_origin

register = template.Library()
_numbers = itertools.count(1)

TONES = {
    "good": "good", "success": "good", "green": "good", "done": "good",
    "warn": "warn", "warning": "warn", "yellow": "warn", "amber": "warn",
    "bad": "bad", "danger": "bad", "error": "bad", "red": "bad", "urgent": "bad",
    "info": "info", "blue": "info", "primary": "info",
    "none": "none", "": "none", "secondary": "none", "grey": "none", "gray": "none",
}  # fmt: skip


# ── the build ──────────────────────────────────────────────────────────────────────────────────────────────────────


@register.simple_tag
def vite(entry: str) -> SafeString:
    """The tags that load an entry of the front-end build: its styles, then its script as a module."""
    scripts, styles, chunks = assets.files(entry)
    parts = [
        format_html_join("\n", '<link rel="stylesheet" href="{}">', ((static(path),) for path in styles)),
        format_html_join("\n", '<link rel="modulepreload" href="{}">', ((static(path),) for path in chunks)),
        format_html_join("\n", '<script type="module" src="{}"></script>', ((static(path),) for path in scripts)),
    ]
    return mark_safe("\n".join(part for part in parts if part))  # noqa: S308 (joined from format_html)


@register.simple_tag
def icon(name: str, css: str = "", label: str = "") -> SafeString:
    """An icon, drawn in the page; decorative unless `label` says what it means."""
    return _drawn(name, css, str(label), assets.icon_paths(name))


@lru_cache(maxsize=512)  # a page draws dozens, a list one or two in each row, and there are few of them
def _drawn(name: str, css: str, label: str, inner: str) -> SafeString:
    fill = name.endswith("-filled")
    return format_html(
        '<svg class="icon icon-{} {}" width="20" height="20" viewBox="0 0 24 24" fill="{}" stroke="{}" '
        'stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round" {}>{}</svg>',
        name,
        css,
        "currentColor" if fill else "none",
        "none" if fill else "currentColor",
        format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"'),
        mark_safe(inner),  # noqa: S308 (our own build's icons)
    )


@register.simple_tag
def island(name: str, props: Any = None, css: str = "", label: str = "") -> SafeString:
    """A place where a script island mounts: chart, map or a room's own. Props travel as JSON in a data attribute."""
    return format_html(
        '<div class="island island-{} {}" data-island="{}" data-props="{}"{}></div>',
        name,
        css,
        name,
        _json(props or {}),
        format_html(' role="group" aria-label="{}"', label) if label else "",
    )


def _json(value: Any) -> str:
    import json

    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, separators=(",", ":"))


register.filter("json", _json)


# ── words ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@register.filter
def number(value: Any, places: int | None = None) -> str:
    """1234567.5 → 1,234,567.5; nothing → —."""
    return words.number(value, places)


@register.filter
def percent(value: Any, places: int = 1) -> str:
    """92.5 → 92.5%."""
    return words.percent(value, places)


@register.filter
def money(fen: Any, unit: str = "auto") -> str:
    """Fen as 元 or 万元."""
    return words.money(fen, unit)


@register.filter
def clock(moment: datetime | date | None) -> str:
    """Local time to the minute."""
    return words.clock(moment)


@register.filter
def seconds(length: float | None) -> str:
    """A length of time given in seconds: 540 → "9 minutes"."""
    return words.DASH if length is None else words.span(timedelta(seconds=float(length)))


@register.filter
def ago(moment: datetime | None) -> str:
    """ "3 hours ago"."""
    return words.ago(moment) if moment else words.DASH


@register.filter
def actor(label: str) -> str:
    """Who did something, as histories show it: the product itself has a word for it in each language."""
    return _("system") if label == str(SYSTEM) else label


@register.filter
def tone(name: Any) -> str:
    """The design system's tone for the words that rooms use for one (success, danger, yellow …)."""
    return TONES.get(str(name or "").lower(), "none")


@register.filter
def nth(values: Any, index: int) -> Any:
    """The value at an index; None beyond the end."""
    try:
        return values[index]
    except (IndexError, TypeError):
        return None


@register.simple_tag
def when(moment: datetime | None) -> SafeString | str:
    """A moment as people say it ("3 hours ago"), with the exact time at hand."""
    if moment is None:
        return words.DASH
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', moment.isoformat(), words.clock(moment), words.ago(moment)
    )


@register.simple_tag
def badge(text: Any, kind: str = "none", icon_name: str = "") -> SafeString:
    """A short state in a tone. The word carries the meaning, the colour only helps."""
    drawn = icon(icon_name, "icon-sm") if icon_name else ""
    return mark_safe(f'<span class="tag tag-{tone(kind)}">{drawn}{conditional_escape(text)}</span>')  # noqa: S308


@register.simple_tag
def light(kind: str, text: Any = "") -> SafeString:
    """A traffic light: a shape that differs by state, and the word."""
    kind = tone(kind)
    shape = {
        "good": "circle-check",
        "warn": "alert-triangle",
        "bad": "circle-x",
        "info": "point",
        "none": "circle-dashed",
    }
    said = text or {
        "good": pgettext("traffic light", "on target"), "warn": pgettext("traffic light", "at risk"),
        "bad": pgettext("traffic light", "off target"), "info": _("for information"),
        "none": _("no evidence"),
    }[kind]  # fmt: skip
    return format_html(
        '<span class="light light-{}">{}<span>{}</span></span>', kind, icon(shape[kind], "icon-sm"), said
    )


@register.simple_tag
def deadline(due: datetime | None, done: bool = False, now: datetime | None = None) -> SafeString | str:
    """When it is due: relative and absolute, coloured by how near. `done`: it is over, no colour any more."""
    if due is None:
        return format_html('<span class="due due-none">{}</span>', _("no time limit"))
    now = now or timezone.now()
    kind = "done" if done else words.nearness(due, now)
    drawn = icon({"late": "clock-exclamation", "near": "clock", "far": "clock", "done": "check"}[kind], "icon-sm")
    local = timezone.localtime(due)
    day = f"{local:%Y-%m-%d %H:%M}"
    shown = day[5:] if local.year == timezone.localtime(now).year else day
    said = escape(_("done") if done else words.relative(due, now))
    return mark_safe(  # noqa: S308 (a time and our own words)
        f'<time class="due due-{kind}" datetime="{due.isoformat()}" title="{day}">{drawn}<b>{said}</b>'
        f"<span>{shown}</span></time>"
    )


# ── the balance bar ────────────────────────────────────────────────────────────────────────────────────────────────


@register.simple_tag
def balance(
    value: Any, target: Any, comparison: str = ">=", kind: str = "", label: str = "", expected: Any = None
) -> SafeString:
    """A steelyard: the beam runs from 0, the fork marks the target, the weight hangs at the value.

    `kind` is a tone (good, warn, bad, none); without it the comparison decides. `expected` marks where the value should
    be by today. No value: an empty beam and the words "no evidence".
    """
    have, aim, plan = words.decimal(value), words.decimal(target), words.decimal(expected)
    if have is None or aim is None or aim <= 0:
        return format_html(
            '<svg class="balance balance-none" viewBox="0 0 200 20" preserveAspectRatio="none" role="img" aria-label="{}">'
            '<line class="beam" x1="0" x2="200" y1="12" y2="12"/></svg>',
            label or _("no evidence"),
        )
    if not kind:
        kept = {"<=": have <= aim, "<": have < aim, "=": have == aim, ">": have > aim}.get(comparison, have >= aim)
        kind = "good" if kept else "bad"
    top = max(aim * Decimal("1.25"), min(have, aim * 4), plan or Decimal(0))
    at = {key: float(min(max(part, Decimal(0)), top) / top * 200) for key, part in (("value", have), ("target", aim))}
    text = label or _("%(value)s against a target of %(target)s") % {
        "value": words.number(have), "target": words.number(aim),
    }  # fmt: skip
    ticks = format_html_join(
        "", '<line class="tick" x1="{}" x2="{}" y1="9" y2="12"/>', ((x, x) for x in range(0, 201, 20))
    )
    return format_html(
        '<svg class="balance balance-{}" viewBox="0 0 200 20" preserveAspectRatio="none" role="img" aria-label="{}">'
        '{}<line class="beam" x1="0" x2="200" y1="12" y2="12"/><rect class="load" x="0" y="11" width="{}" height="5" rx="1"/>'
        '{}<path class="fork" d="M{} 3v14"/></svg>',
        tone(kind),
        text,
        ticks,
        f"{at['value']:.1f}",
        format_html('<path class="plan" d="M{} 8v10"/>', f"{float(plan / top * 200):.1f}") if plan is not None else "",
        f"{at['target']:.1f}",
    )


@register.simple_tag
def progress(done: Any, total: Any = 100, label: str = "") -> SafeString:
    """How much of some work is done; an unknown total moves."""
    part, whole = words.decimal(done), words.decimal(total)
    if part is None or not whole:
        return format_html('<progress class="work" aria-label="{}"></progress>', label or _("in progress"))
    return format_html(
        '<progress class="work" value="{}" max="{}" aria-label="{}">{}</progress>',
        str(part),
        str(whole),
        label or _("progress"),
        words.percent(part / whole * 100, 0),
    )


# ── blocks with a body ─────────────────────────────────────────────────────────────────────────────────────────────


@register.simple_block_tag
def card(content: str, title: str = "", icon_name: str = "", css: str = "", more: str = "", more_text: str = "") -> str:
    """`{% card title=… %}…{% endcard %}`: a sheet of paper with a heading. `more`: address of the whole."""
    return render_to_string(
        "ui/components/card.html",
        {"content": content, "title": title, "icon": icon_name, "css": css, "more": more, "more_text": more_text},
    )


@register.simple_block_tag
def modal(content: str, name: str, title: str, css: str = "") -> str:
    """`{% modal "send" _("Send back") %}…{% endmodal %}`; opened by `<button data-opens="send">`."""
    return render_to_string("ui/components/modal.html", {"content": content, "name": name, "title": title, "css": css})


@register.simple_tag
def formfield(field: BoundField, css: str = "") -> str:
    """A form field with its label, help and errors, tied together for readers of the screen."""
    widget = field.field.widget
    kind = getattr(widget, "input_type", "") or type(widget).__name__.lower()
    many = isinstance(widget, RadioSelect)  # several boxes or circles: CheckboxSelectMultiple is one too
    classes = "" if many else {"checkbox": "form-check-input", "select": "form-select"}.get(kind, "form-control")
    attrs: dict[str, Any] = {"class": " ".join(filter(None, (classes, widget.attrs.get("class", ""))))}
    notes = []
    if field.help_text:
        notes.append(f"{field.auto_id}_help")
    if field.errors:
        notes.append(f"{field.auto_id}_problems")
        attrs["aria-invalid"] = "true"
        attrs["class"] += " is-invalid"
    if notes:
        attrs["aria-describedby"] = " ".join(notes)
    return render_to_string(
        "ui/components/field.html",
        {
            "field": field,
            "control": field.as_widget(attrs=attrs),
            "check": kind == "checkbox" and not many,
            "many": many,
            "css": css,
        },
    )


class AgainNode(Node):
    def __init__(self, name: str) -> None:
        self.name = name

    def render(self, context: template.Context) -> SafeString:
        blocks = context.render_context.get(BLOCK_CONTEXT_KEY)
        block = blocks.get_block(self.name) if blocks else None
        return block.render(context) if block else SafeString("")


@register.tag
def again(parser: Parser, token: Token) -> AgainNode:
    """`{% again "title" %}`: a block of the page once more (Django lets a block stand only once)."""
    return AgainNode(token.split_contents()[1].strip("\"'"))


@register.simple_tag
def unique(prefix: str = "u") -> str:
    """An id that no other element of the page has."""
    return f"{prefix}-{next(_numbers)}"


# ── the shell ──────────────────────────────────────────────────────────────────────────────────────────────────────


@register.simple_tag
def address(name: str, *args: Any) -> str:
    """Like `url`, but "" while no room offers this page."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


@register.simple_tag(takes_context=True)
def menu(context: template.Context) -> list[navigation.Group]:
    """The navigation of the user who asks."""
    request = context.get("request")
    if request is None or not getattr(request, "user", None) or not request.user.is_authenticated:
        return []
    return navigation.for_user(request.user, request.path)


_sides: dict[tuple[Any, ...], str] = {}  # drawn menus of this process: few posts, some hundreds of pages
_SIDES_AT_MOST = 500


@register.simple_tag(takes_context=True)
def side(context: template.Context) -> str:
    """The navigation as it is drawn, with the number that waits in the inbox."""
    groups = menu(context)
    if not groups:
        return ""
    waiting = cache.get(f"inbox:{context['request'].user.pk}")
    links = tuple((link.item.url_name, link.url, link.current) for group in groups for link in group.links)
    key = (translation.get_language(), waiting, assets.stamp(), links)
    drawn = _sides.get(key)
    if drawn is None:
        if len(_sides) >= _SIDES_AT_MOST:
            _sides.clear()
        drawn = _sides[key] = render_to_string("ui/side.html", {"groups": groups, "waiting": waiting})
    return drawn


@register.simple_tag(takes_context=True)
def shell(context: template.Context) -> dict[str, Any]:
    """What the outermost template needs to know: theme, language, live address.

    A page with an appearance of its own (the wall screen) gives `theme` in its context.
    """
    request = context.get("request")
    chosen = context.get("theme") or (preferences.theme(request) if request is not None else "auto")
    language = translation.get_language() or settings.LANGUAGE_CODE
    user = getattr(request, "user", None)
    known = user is not None and user.is_authenticated
    return {
        "theme": chosen,
        "language": {"zh-hans": "zh-Hans"}.get(language, language),
        "languages": settings.LANGUAGES,
        "live": live_origin(request) if request is not None else "",
        "user": user if known else None,
        "demo": getattr(settings, "DEMO", False),
    }
