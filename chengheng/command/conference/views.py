"""Pages of conferences: parse, call one action or query, render."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from chengheng.command.conference import actions, engine, exports, queries, terminals
from chengheng.command.conference.forms import (
    GroupForm,
    MeetingForm,
    MinutesForm,
    TemplateForm,
    TerminalForm,
    UploadForm,
    callable_sites,
)
from chengheng.command.conference.models import Meeting, MeetingTemplate, SiteGroup, Terminal
from chengheng.command.models import Site
from chengheng.common import files, pictures, trail
from chengheng.common.errors import NotFound, NotPermitted, Refusal
from chengheng.common.files import pages
from chengheng.common.people import access
from chengheng.common.people.models import User
from chengheng.common.ui.csp import live_origin
from chengheng.common.ui.views import page, redirect, require_act, signed_in


def _fetch(request: HttpRequest, pk: int) -> Meeting:
    """A meeting that the user may see, by office or by a place in it. Raises NotFound."""
    row = queries.meetings(request.user).filter(pk=pk).first()
    if row is None:
        raise NotFound
    return row


def _user(request: HttpRequest) -> User:
    """The person who asks; the views that use this let in nobody else."""
    assert isinstance(request.user, User)
    return request.user


def _refused(form: Any, refusal: Refusal) -> None:
    form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))


@require_act("command.meeting.call")
def meeting_new(request: HttpRequest) -> HttpResponse:
    chosen = None
    initial: dict[str, Any] = {}
    number = request.GET.get("template", "")
    templates = access.visible(request.user, "command.meeting.view", MeetingTemplate.objects.all())
    if number.isdigit() and (chosen := templates.filter(pk=int(number)).first()) is not None:
        initial = {
            name: getattr(chosen, name) for name in ("title", "agenda", "minutes", "layout", "lobby", "free_mics", "record")
        } | {"groups": list(chosen.groups.all()), "sites": list(chosen.sites.all())}  # fmt: skip
    elif called := [int(pk) for pk in request.GET.getlist("organisations")[:50] if pk.isdecimal() and len(pk) < 10]:
        initial = {"sites": list(callable_sites(request.user).filter(organisation__in=called))}
    form = MeetingForm(request.user, request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        given = form.given() | {"cameras": request.POST.getlist("cameras")}
        try:
            if "starts_at" in given:
                row = actions.call_meeting(request.user, **given)
            else:
                row = actions.call_now(request.user, **given)
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            if row.is_running:
                return redirect(request, reverse("command:room", args=[row.pk]), _("The venues are being called."))
            return redirect(request, row.get_absolute_url(), _("The meeting was called."))
    picked = (
        set(request.POST.getlist("sites")) if request.method == "POST"
        else {str(site.pk) for site in initial.get("sites", ())}
    )  # fmt: skip
    shown = request.POST.getlist("cameras") if request.method == "POST" else request.GET.getlist("linked")
    context = {
        "form": form, "templates": templates, "chosen": chosen, "engine": engine.is_here(),
        "fields": [field for field in form if field.name not in ("sites", "groups", "co_chairs", "operators", "viewers")],
        "people": [form[name] for name in ("groups", "co_chairs", "operators", "viewers") if form.offers(name)],
        "cameras": [(key, name, key in shown) for key, name in pictures.choices(request.user)],
        "sites": [(site, str(site.pk) in picked) for site in callable_sites(request.user)],
    }  # fmt: skip
    return page(request, "command/meeting_form.html", context, status=422 if form.errors else 200)


@signed_in
def meeting(request: HttpRequest, pk: int) -> HttpResponse:
    """A meeting: who is called, when it was, its sheet, recording, minutes."""
    row = _fetch(request, pk)
    rolls = list(row.roll_calls.all())
    may_change = queries.may_lead(request.user, "command.meeting.change", row)
    context = {
        "meeting": row,
        "rows": queries.sheet(row, rolls[-1] if rolls else None),
        "rolls": rolls,
        "tape": getattr(row, "tape", None),
        "recordings": files.of(queries.papers_of(row), "recording"),
        "papers": files.of(queries.papers_of(row), "paper"),
        "votes": row.votes.prefetch_related("ballots__participant"),
        "minutes": MinutesForm(initial={"text": row.minutes_text}) if may_change else None,
        "may_enter": row.is_running and engine.is_here()
        and (queries.place_of(_user(request), row) is not None or access.may(request.user, "command.meeting.watch", row)),
        "engine": engine.is_here(),
        "remarks": row.remarks.select_related("participant")[:200],
    }  # fmt: skip
    return page(request, "command/meeting.html", context)


@require_act("command.meeting.change")
@require_POST
def minutes(request: HttpRequest, pk: int) -> HttpResponse:
    row = _fetch(request, pk)
    actions.save_minutes(row, request.user, request.POST.get("text", ""))
    return redirect(request, row.get_absolute_url(), _("Saved"))


@signed_in
def minutes_docx(request: HttpRequest, pk: int) -> HttpResponse:
    row = _fetch(request, pk)
    trail.viewed(request.user, row, "command.meeting.view", paper="minutes")
    return _document(exports.minutes(row), f"minutes-{row.pk}.docx")


@signed_in
def transcript_docx(request: HttpRequest, pk: int) -> HttpResponse:
    row = _fetch(request, pk)
    trail.viewed(request.user, row, "command.meeting.view", paper="transcript")
    return _document(exports.transcript(row), f"transcript-{row.pk}.docx")


@signed_in
def sheet_docx(request: HttpRequest, pk: int) -> HttpResponse:
    row = _fetch(request, pk)
    trail.viewed(request.user, row, "command.meeting.view", paper="sheet")
    return _document(exports.sign_in_sheet(row), f"sign-in-{row.pk}.docx")


def _document(content: bytes, name: str) -> HttpResponse:
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@signed_in
def room(request: HttpRequest, pk: int) -> HttpResponse:
    """The meeting itself."""
    row = _fetch(request, pk)
    if not row.is_running or not engine.is_here():
        return redirect(request, row.get_absolute_url(), _("This meeting is not running."))
    props = {
        "live": live_origin(request),
        "ticket": reverse("command:ticket", args=[row.pk]),
        "upload": reverse("command:meeting_file", args=[row.pk]),
        "page": row.get_absolute_url(),
        "title": row.title,
        "cameras": [{"key": key, "name": name} for key, name in pictures.choices(request.user)],
        "sites": [
            {"id": site.pk, "name": site.name}
            for site in callable_sites(request.user).exclude(participations__meeting=row)
        ] if access.may(request.user, "command.meeting.call") else [],
        "terminals": terminals.choices(request.user, row) if terminals.is_on() else [],
    }  # fmt: skip
    return page(request, "command/room.html", {"meeting": row, "props": props})


@signed_in
@require_POST
def ticket(request: HttpRequest, pk: int) -> JsonResponse:
    """A one-use ticket for the meeting."""
    row = Meeting.objects.filter(pk=pk).first()
    if row is None:
        raise NotFound
    return JsonResponse({"ticket": actions.make_ticket(_user(request), row)})


@signed_in
@require_POST
def meeting_file(request: HttpRequest, pk: int) -> JsonResponse:
    """A paper for everybody in the meeting."""
    row = _fetch(request, pk)
    place = queries.place_of(_user(request), row)
    if not row.is_running or place is None or place.removed_at is not None or place.role == "viewer":
        raise NotPermitted(act="command.meeting.attend")
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return JsonResponse({"message": " ".join(str(one) for one in form.errors.get("file", []))}, status=422)
    upload: UploadedFile = form.cleaned_data["file"]
    paper = actions.add_paper(row, _user(request), upload, upload.name or "")
    with suppress(Refusal):  # now and not while the meeting waits for it: it may be shown page by page
        pages.count(paper.file)
    return JsonResponse({"ok": True})


# The venue's side


@require_act("command.meeting.attend")
def console(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """A venue's console: rings, shows what is to come, tests the line."""
    sites = list(queries.consoles(request.user).order_by("code"))
    site = next((one for one in sites if pk is None or one.pk == pk), None)
    if site is None:
        if pk is not None:
            raise NotFound
        return page(request, "command/console.html", {"site": None})
    props = {
        "kind": "console",
        "live": live_origin(request),
        "ticket": reverse("command:console_ticket", args=[site.pk]),
        "result": reverse("command:line_result", args=[site.pk]),
        "room": reverse("command:room", args=[0]).replace("/0/", "/{id}/"),
        "name": site.name,
    }
    context = {
        "site": site, "sites": sites, "props": props, "engine": engine.is_here(),
        "upcoming": queries.upcoming(site)[:20], "checks": site.checks.select_related("by")[:8], "now": timezone.now(),
    }  # fmt: skip
    return page(request, "command/console.html", context)


@signed_in
@require_POST
def console_ticket(request: HttpRequest, pk: int) -> JsonResponse:
    site = Site.objects.filter(pk=pk).first()
    if site is None:
        raise NotFound
    return JsonResponse({"ticket": actions.make_console_ticket(_user(request), site)})


@signed_in
@require_POST
def line_result(request: HttpRequest, pk: int) -> JsonResponse:
    """What a venue's own test of its line measured."""
    check = actions.report_line(_user(request), pk, request.POST)
    return JsonResponse({"result": check.result, "label": check.get_result_display()})


# Groups and templates


@require_act("command.meeting.change")
def group_edit(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    row = access.fetch(request.user, "command.meeting.change", SiteGroup.objects.all(), pk=pk) if pk else None
    form = GroupForm(request.user, request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        actions.save_group(request.user, form.save(commit=False), form.cleaned_data["sites"])
        return redirect(request, reverse("command:groups"), _("Saved"))
    return _edit(request, form, str(row) if row else _("Enter a group"), reverse("command:groups"))


@require_act("command.meeting.change")
def template_edit(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    row = access.fetch(request.user, "command.meeting.change", MeetingTemplate.objects.all(), pk=pk) if pk else None
    form = TemplateForm(request.user, request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        actions.save_template(
            request.user, form.save(commit=False), form.cleaned_data["groups"], form.cleaned_data["sites"]
        )
        return redirect(request, reverse("command:templates"), _("Saved"))
    return _edit(request, form, str(row) if row else _("Enter a template"), reverse("command:templates"))


@require_act("command.site.change")
def terminal_edit(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """A terminal's entry. Its password is shown once, when it is made."""
    row = access.fetch(request.user, "command.site.change", Terminal.objects.all(), pk=pk) if pk else None
    form = TerminalForm(request.user, request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        password = terminals.save(request.user, form.save(commit=False), renew=form.cleaned_data["renew"])
        if password:
            row = form.instance
            context = {
                "terminal": row,
                "password": password,
                "server": f"{request.get_host().partition(':')[0]}:{settings.TERMINAL_PORT}",
            }
            response = page(request, "command/terminal_password.html", context)
            response["Cache-Control"] = "no-store"
            return response
        return redirect(request, reverse("command:terminals"), _("Saved"))
    return _edit(request, form, str(row) if row else _("Enter a terminal"), reverse("command:terminals"))


def _edit(request: HttpRequest, form: Any, title: str, back: str) -> HttpResponse:
    context = {"form": form, "title": title, "back": back}
    return page(request, "command/form.html", context, status=422 if form.errors else 200)
