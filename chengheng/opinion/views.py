"""The pages of public opinion: parse, ask or act once, render."""

from __future__ import annotations

import zlib
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect as redirect_to
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from chengheng.common import trail
from chengheng.common.errors import Refusal
from chengheng.common.people import access, limits
from chengheng.common.ui.views import page, redirect, require_act
from chengheng.opinion import actions, exports, failures, forms, imports, ocr, queries
from chengheng.opinion.collect import headless
from chengheng.opinion.collect.entries import Unreadable
from chengheng.opinion.media import speech
from chengheng.opinion.media.telling import SPEECH
from chengheng.opinion.models import (
    Alert,
    Claim,
    Event,
    Item,
    Medium,
    ModelVersion,
    Report,
    Rule,
    Source,
    Subscription,
)
from chengheng.opinion.tables import HEALTH, TONES

VIEW = queries.VIEW
HUB_A_MINUTE = 120  # requests of one subscription's callback, in each web process
_hubs = limits.Buckets()
_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def _refused(form: Any, refusal: Refusal) -> None:
    form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))


def _form_page(request: HttpRequest, form: Any, title: str, back: str, button: str = "", **more: Any) -> HttpResponse:
    context = {"form": form, "form_title": title, "back": back, "button": button or _("Save"), **more}
    return page(request, "opinion/form.html", context, status=422 if form.errors else 200)


@require_act(VIEW)
def overview(request: HttpRequest) -> HttpResponse:
    found = queries.overview(request.user)
    health = [(HEALTH[name], TONES[name], count) for name, count in sorted(found.sources.items())]
    alerts = queries.open_alerts(request.user).select_related("rule")[:8]
    events = access.visible(request.user, VIEW, Event.objects.defer("vector")).order_by("-last_at")[:8]
    may_alerts = access.may(request.user, "opinion.alert.view")
    return page(
        request, "opinion/overview.html",
        {"found": found, "health": health, "alerts": alerts if may_alerts else [], "events": events},
    )  # fmt: skip


@require_act(VIEW)
def search(request: HttpRequest) -> HttpResponse:
    words = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    before = request.GET.get("before", "")
    form = forms.SearchForm(request.GET)
    said = form.cleaned_data if form.is_valid() else {}
    channel, first, last = said.get("channel", ""), said.get("collected_at_from"), said.get("collected_at_to")
    items = queries.search(
        request.user, words, 30, int(before) if before.isdecimal() and len(before) < 18 else None,
        channels=[channel] if channel else [], first=first, last=last,
    )  # fmt: skip
    places = queries.media_hits(items, words.split())
    hits = [
        (
            item, queries.marked(item.title or item.body[:60], words.split()), _snippet(item.body, words.split()),
            [(one, _snippet(one.words, words.split())) for one in places[item.pk]],
        )
        for item in items
    ]  # fmt: skip
    oldest = items[-1].pk if len(items) == 30 else None
    short = bool(words) and not queries.search_keys(words)
    question = {"q": words, "channel": channel, "collected_at_from": first or "", "collected_at_to": last or ""}
    asked = urlencode({name: value for name, value in question.items() if value})
    return page(
        request, "opinion/search.html",
        {"words": words, "hits": hits, "last": oldest, "short": short, "form": form, "asked": asked},
    )  # fmt: skip


def _snippet(body: str, words: list[str]) -> list[tuple[str, bool]]:
    """The piece of a text around the first word found."""
    cut = queries.marked(body, words)
    at = 0
    for piece, hit in cut:
        if hit:
            break
        at += len(piece)
    start = max(0, at - 40) if at < len(body) else 0
    return queries.marked(body[start : start + 160], words)


@require_act(VIEW)
def item(request: HttpRequest, pk: int) -> HttpResponse:
    rows = Item.objects.select_related("source", "event", "debunked").defer("grams")
    found = access.fetch(request.user, VIEW, rows, pk=pk)
    original = Item.objects.filter(pk=found.original).first() if found.original else None
    why = queries.explained(found)
    may_attach = access.may(request.user, "opinion.item.attach")
    return page(
        request, "opinion/item.html",
        {
            "item": found, "why": why, "original": original, "media": queries.media_of(found, why.media),
            "attach": forms.AttachForm() if may_attach else None, "speech": SPEECH[speech.missing()],
            "repeats": Item.objects.filter(original=found.pk, original__gt=0).count(), "comments": found.comments.all()[:50],
            "alerts": access.visible(request.user, "opinion.alert.view", found.alerts.all()),
            "claims": access.visible(request.user, "opinion.claim.view", found.claims.all()),
            "correct": forms.CorrectForm() if access.may(request.user, "opinion.item.correct") else None,
            "suspect": forms.SuspectForm(initial={"title": found.title})
            if access.may(request.user, "opinion.claim.suspect") else None,
        },
    )  # fmt: skip


@require_POST
@require_act("opinion.item.attach")
def attach(request: HttpRequest, pk: int) -> HttpResponse:
    found = access.fetch(request.user, "opinion.item.attach", Item.objects.all(), pk=pk)
    form = forms.AttachForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            actions.attach_medium(request.user, found, form.cleaned_data["file"], form.cleaned_data["kind"])
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            return redirect(
                request, found.get_absolute_url(), _("Attached; it is read by itself within a minute or two.")
            )
    return _form_page(request, form, _("Attach"), found.get_absolute_url(), _("Attach"))


@require_POST
@require_act("opinion.item.attach")
def read_again(request: HttpRequest, pk: int) -> HttpResponse:
    found = access.fetch(request.user, "opinion.item.attach", Medium.objects.select_related("item"), pk=pk)
    actions.ask_again(request.user, found)
    return redirect(request, found.item.get_absolute_url(), _("It is read again by itself within a minute or two."))


@require_POST
@require_act("opinion.item.correct")
def correct(request: HttpRequest, pk: int) -> HttpResponse:
    found = access.fetch(request.user, "opinion.item.correct", Item.objects.all(), pk=pk)
    form = forms.CorrectForm(request.POST)
    if not form.is_valid():
        return redirect(
            request, found.get_absolute_url(), _("Nothing was corrected: choose a question and an answer."), "bad"
        )
    actions.correct(request.user, found, form.cleaned_data["head"], form.cleaned_data["label"])
    return redirect(request, found.get_absolute_url(), _("Corrected; the next model learns from it."))


@require_POST
@require_act("opinion.claim.suspect")
def suspect(request: HttpRequest, pk: int) -> HttpResponse:
    found = access.fetch(request.user, "opinion.claim.suspect", Item.objects.select_related("source"), pk=pk)
    form = forms.SuspectForm(request.POST)
    if form.is_valid():
        try:
            claim = actions.suspect(request.user, found, form.cleaned_data["title"], form.cleaned_data["match"])
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            return redirect(request, claim.get_absolute_url(), _("Pushed as a suspected false story."))
    return _form_page(request, form, _("Suspect a false story"), found.get_absolute_url())


@require_act(VIEW)
def event(request: HttpRequest, pk: int) -> HttpResponse:
    found = access.fetch(request.user, VIEW, Event.objects.defer("vector"), pk=pk)
    stories = access.visible(request.user, VIEW, found.stories.select_related("source").defer("grams", "signature"))
    from chengheng.opinion.models import Channel

    platforms = [(Channel(name).label, count) for name, count in sorted(found.channels.items(), key=lambda p: -p[1])]
    return page(
        request, "opinion/event.html",
        {
            "event": found, "chart": queries.spread(found), "nodes": queries.key_nodes(found), "platforms": platforms,
            "stories": stories.order_by("-pk")[:50],
            "alerts": access.visible(request.user, "opinion.alert.view", found.alerts.select_related("rule")),
        },
    )  # fmt: skip


@require_act("opinion.alert.view")
def alert(request: HttpRequest, pk: int) -> HttpResponse:
    rows = Alert.objects.select_related(
        "rule", "item__source", "event", "holder", "excerpt__shot__file", "excerpt__medium__attachment"
    )
    found = access.fetch(request.user, "opinion.alert.view", rows, pk=pk)
    return page(request, "opinion/alert.html", {"alert": found, "item": found.item})


@require_act("opinion.claim.view")
def claim(request: HttpRequest, pk: int) -> HttpResponse:
    rows = Claim.objects.select_related(
        "item__source", "event", "holder", "first_by", "second_by", "drafted_by", "signed_by"
    )
    found = access.fetch(request.user, "opinion.claim.view", rows, pk=pk)
    repeats = queries.repeats_of(found).select_related("source").defer("grams", "signature")
    return page(
        request, "opinion/claim.html",
        {
            "claim": found, "evidence": found.evidence.select_related("by"), "effect": queries.effect_of(found),
            "repeats": access.visible(request.user, VIEW, repeats)[:20],
        },
    )  # fmt: skip


@require_act("opinion.claim.view")
def claim_review(request: HttpRequest, pk: int) -> HttpResponse:
    found = access.fetch(
        request.user, "opinion.claim.view", Claim.objects.select_related("item", "signed_by__organisation"), pk=pk
    )
    said = queries.claim_review(found, request.build_absolute_uri(found.get_absolute_url()))
    trail.viewed(request.user, found, "opinion.claim.export")
    response = JsonResponse(said, json_dumps_params={"ensure_ascii": False, "indent": 1})
    response["Content-Disposition"] = f'attachment; filename="claim-review-{found.number}.json"'
    return response


# ── rules ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@require_act("opinion.rule.view")
def rule(request: HttpRequest, pk: int) -> HttpResponse:
    found = access.fetch(request.user, "opinion.rule.view", Rule.objects.all(), pk=pk)
    return _rule_page(request, found)


@require_act("opinion.rule.change")
def new_rule(request: HttpRequest) -> HttpResponse:
    return _rule_page(request, Rule())


def _rule_page(request: HttpRequest, found: Rule) -> HttpResponse:
    """One page for writing a rule and trying it: "try" runs it over stored items and saves nothing."""
    may_change = access.may(request.user, "opinion.rule.change")
    form = forms.RuleForm(request.POST or None, instance=found)
    trial = None
    if request.method == "POST" and form.is_valid():
        try:
            if request.POST.get("do") == "try":
                trial = actions.try_rule(request.user, form.instance, 30)
            else:
                saved = actions.save_rule(request.user, form.save(commit=False))
                return redirect(request, saved.get_absolute_url(), _("The rule is in force with the next item."))
        except Refusal as refusal:
            _refused(form, refusal)
    hits = (
        [(item, queries.pieces(item.whole[:200], [s for s in spans if s[1] <= 200])) for item, spans in trial.hits]
        if trial
        else []
    )
    return page(
        request, "opinion/rule.html",
        {"rule": found, "form": form, "trial": trial, "hits": hits, "may_change": may_change,
         "may_try": access.may(request.user, "opinion.rule.try")},
        status=422 if form.errors else 200,
    )  # fmt: skip


# ── sources ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@require_act("opinion.source.view")
def source(request: HttpRequest, pk: int) -> HttpResponse:
    found = access.fetch(request.user, "opinion.source.view", Source.objects.all(), pk=pk)
    hours = list(found.hours.order_by("-hour")[:48])[::-1]
    chart = {
        "kind": "bar", "x": [timezone.localtime(one.hour).strftime("%m-%d %H:00") for one in hours],
        "series": [{"name": _("items"), "data": [one.items for one in hours], "tone": "info"},
                   {"name": _("failures"), "data": [one.failures for one in hours], "tone": "bad"}],
    }  # fmt: skip
    return page(
        request, "opinion/source.html",
        {
            "source": found, "health": HEALTH[found.health], "tone": TONES[found.health], "chart": chart if hours else None,
            "subscription": Subscription.objects.filter(source=found).first(), "public": actions.public_address(),
            "browser": headless.browser(),
            "failure": failures.words(found.failure),
            "letters": [(one, failures.words(one.reason)) for one in found.dead_letters.all()[:20]], "secret": request.session.pop("opinion_secret", ""),
            "deliver_url": request.build_absolute_uri(f"/api/v1/opinion/sources/{found.pk}/items"),
            "may_change": access.may(request.user, "opinion.source.change"),
            "may_wake": access.may(request.user, "opinion.source.wake"),
        },
    )  # fmt: skip


@require_act("opinion.source.change")
def edit_source(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    found = access.fetch(request.user, "opinion.source.change", Source.objects.all(), pk=pk) if pk else None
    form = forms.SourceForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        try:
            kept = Source.objects.get(pk=pk) if pk else None
            saved = actions.save_source(request.user, kept, **form.cleaned_data)
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            return redirect(request, saved.get_absolute_url(), _("Saved."))
    title = _("Change the source") if pk else _("Enter a source")
    return _form_page(request, form, title, found.get_absolute_url() if found else "/opinion/sources/")


@require_POST
@require_act("opinion.source.wake")
def wake(request: HttpRequest, pk: int) -> HttpResponse:
    found = access.fetch(request.user, "opinion.source.wake", Source.objects.all(), pk=pk)
    actions.wake_source(request.user, found)
    return redirect(request, found.get_absolute_url(), _("It is read again at once."))


@require_POST
@require_act("opinion.source.change")
def new_secret(request: HttpRequest, pk: int) -> HttpResponse:
    found = access.fetch(request.user, "opinion.source.change", Source.objects.all(), pk=pk)
    request.session["opinion_secret"] = actions.new_secret(request.user, found)
    return redirect(request, found.get_absolute_url(), _("The new secret is shown once."))


@require_act("opinion.item.import")
def import_mail(request: HttpRequest) -> HttpResponse:
    form = forms.MailForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            entry = imports.read_mail(form.cleaned_data["file"].read())
        except Unreadable:
            form.add_error("file", _("This file is no mail that can be read."))
        else:
            access.require(request.user, "opinion.item.import")
            new = actions.arrive(imports.hand_source(form.cleaned_data["channel"]), [entry])
            actions.read_all()
            said = _("Imported.") if new else _("This mail was imported before.")
            return redirect(request, "/opinion/items/", said)
    return _form_page(request, form, _("Import a mail"), "/opinion/items/", _("Import"))


@csrf_exempt
@login_not_required
@require_http_methods(["GET", "POST"])
def websub(request: HttpRequest, token: str) -> HttpResponse:
    """For hubs (W3C WebSub): the token is the address, the signature the permission. No session is looked at."""
    plain = "text/plain; charset=utf-8"
    if wait := _hubs.take(token if len(token) < 100 else "", HUB_A_MINUTE):
        answer = HttpResponse(status=429, content_type=plain)
        answer["Retry-After"] = str(int(wait) + 1)
        return answer
    if request.method == "GET":
        asked = {name: request.GET.get(f"hub.{name}", "") for name in ("mode", "topic", "challenge", "reason")}
        lease = request.GET.get("hub.lease_seconds", "")
        said = actions.answer_hub(token, asked["mode"], asked["topic"], asked["challenge"], lease, asked["reason"])
        answer = HttpResponse(said or "", status=404 if said is None else 200, content_type=plain)
    else:
        try:
            body = request.body
        except RequestDataTooBig:
            return HttpResponse(status=413, content_type=plain)
        charset = (request.content_params or {}).get("charset", "")
        new = actions.take_push(token, body, charset, request.headers.get("X-Hub-Signature", ""))
        answer = HttpResponse(status=404 if new is None else 202, content_type=plain)
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


# ── models and reports ───────────────────────────────────────────────────────────────────────────────────────────────


@require_act("opinion.model.view")
def models(request: HttpRequest) -> HttpResponse:
    if "frames" in request.POST:
        return _media_limit(request)
    form = forms.TrainForm(request.POST or None, request.FILES or None)
    may_train = access.may(request.user, "opinion.model.train")
    if request.method == "POST":
        access.require(request.user, "opinion.model.train")
        if form.is_valid():
            try:
                version = actions.train_from_corrections(
                    request.user, form.cleaned_data["head"], _rows(form.cleaned_data["file"])
                )
            except Refusal as refusal:
                _refused(form, refusal)
            else:
                return redirect(request, "/opinion/models/", _("%(model)s is in use.") % {"model": version})
    versions = ModelVersion.objects.defer("archive")
    return page(
        request, "opinion/models.html",
        {"versions": versions, "form": form, "may_train": may_train, "ocr": ocr.available(),
         "speech": SPEECH[speech.missing()], "limit": queries.media_limit(timezone.localdate()),
         "limit_form": forms.MediaLimitForm(initial={"in_force_from": timezone.localdate()})
         if access.may(request.user, "opinion.rule.change") else None,
         "missing": queries.overview(request.user).missing_models},
        status=422 if form.errors else 200,
    )  # fmt: skip


def _media_limit(request: HttpRequest) -> HttpResponse:
    """New limits of reading media, from a day on."""
    access.require(request.user, "opinion.rule.change")
    form = forms.MediaLimitForm(request.POST)
    if not form.is_valid():
        return _form_page(request, form, _("How much of pictures, video and sound is read"), "/opinion/models/")
    actions.set_media_limit(request.user, **form.cleaned_data)
    return redirect(request, "/opinion/models/", _("The limits are set."))


def _rows(upload: Any) -> list[str]:
    """The lines of an uploaded training file, unpacked within bounds."""
    from chengheng.opinion import errors

    if upload is None:
        return []
    content = upload.read(30_000_000)
    if content[:2] == b"\x1f\x8b":
        unpacker = zlib.decompressobj(31)
        content = unpacker.decompress(content, 200_000_000)
        if unpacker.unconsumed_tail:
            raise errors.BadTraining(field="file", reason=_("more than 200 MB"))
    try:
        return content.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise errors.BadTraining(field="file", reason=_("not UTF-8")) from error


@require_POST
@require_act("opinion.model.train")
def use_model(request: HttpRequest, pk: int) -> HttpResponse:
    version = access.fetch(request.user, "opinion.model.train", ModelVersion.objects.defer("archive"), pk=pk)
    actions.use_model(request.user, version)
    return redirect(request, "/opinion/models/", _("%(model)s is in use.") % {"model": version})


@require_act("opinion.report.view")
def reports(request: HttpRequest) -> HttpResponse:
    form = forms.ReportForm(request.POST or None)
    if request.method == "POST":
        access.require(request.user, "opinion.report.compose")
        if form.is_valid():
            said = form.cleaned_data
            try:
                made = actions.compose_report(
                    request.user, said["kind"], said["starts_on"], said["ends_on"], judgement=said["judgement"]
                )
            except Refusal as refusal:
                _refused(form, refusal)
            else:
                return redirect_to(made.get_absolute_url())
    return page(
        request, "opinion/reports.html",
        {"reports": Report.objects.all()[:100], "form": form, "may_compose": access.may(request.user, "opinion.report.compose")},
        status=422 if form.errors else 200,
    )  # fmt: skip


@require_act("opinion.report.view")
def report(request: HttpRequest, pk: int) -> HttpResponse:
    found = access.fetch(request.user, "opinion.report.view", Report.objects.all(), pk=pk)
    return page(request, "opinion/report.html", {"report": found})


@require_act("opinion.report.view")
def report_docx(request: HttpRequest, pk: int) -> HttpResponse:
    found = access.fetch(request.user, "opinion.report.view", Report.objects.all(), pk=pk)
    content = exports.docx(found, request.build_absolute_uri("/").rstrip("/"))
    trail.viewed(request.user, found, "opinion.report.export")
    response = HttpResponse(content, content_type=_DOCX)
    response["Content-Disposition"] = f'attachment; filename="opinion-{found.kind}-{found.ends_on}.docx"'
    return response
