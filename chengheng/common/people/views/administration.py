"""Administration: users, organisations, duties, the permission matrix, the policy, sign-ins."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from chengheng.common import trail
from chengheng.common.errors import NotFound, Refusal
from chengheng.common.people import access, actions, queries, roles, rules
from chengheng.common.people.forms import (
    DutyForm,
    MoveForm,
    NewOrganisationForm,
    NewUserForm,
    NoteForm,
    OrganisationForm,
    PolicyForm,
    SignInFilter,
    TokenForm,
    UserForm,
)
from chengheng.common.people.models import AccessPolicy, ApiToken, Duty, GrantRequest, Organisation, SignIn, User
from chengheng.common.people.views.common import attempt, refused_form, tell
from chengheng.common.people.views.own import end_of_day
from chengheng.common.ui.navigation import heading
from chengheng.common.ui.views import redirect, require_act

PAGE = 50
EXPORT_AT_MOST = 50_000


def _may(request: HttpRequest, *acts: str) -> dict[str, bool]:
    """Which of the acts ("people." left out) the user may do; templates show buttons by it, acts check again."""
    return {act.replace(".", "_"): access.may(request.user, f"people.{act}") for act in acts}


# Users


@require_act("people.user.view")
@require_GET
def users(request: HttpRequest) -> HttpResponse:
    rows = access.visible(request.user, "people.user.view", User.objects.select_related("organisation"))
    words = request.GET.get("q", "").strip()[:60]
    if words:
        rows = rows.filter(
            Q(username__icontains=words) | Q(display_name__icontains=words) | Q(organisation__name__icontains=words)
        )
    page = Paginator(rows.order_by("username"), PAGE).get_page(request.GET.get("page"))
    held: dict[int, list[Duty]] = {}
    for duty in Duty.objects.held_on(timezone.localdate()).filter(user__in=list(page)).order_by("pk"):
        held.setdefault(duty.user_id, []).append(duty)
    context = {
        "page": page,
        "rows": [(user, held.get(user.pk, [])) for user in page],
        "q": words,
        "may": _may(request, "user.create"),
    }
    return render(request, "people/users.html", context)


@never_cache
@require_act("people.user.create")
@require_http_methods(["GET", "POST"])
def user_new(request: HttpRequest) -> HttpResponse:
    form = NewUserForm(request.POST or None)
    title = _("Add a user")
    if request.method == "GET":
        return render(request, "people/form.html", {"form": form, "title": title, "back": reverse("people:users")})
    refusal = None
    if form.is_valid():
        data = dict(form.cleaned_data)
        try:
            user, initial = actions.create_user(
                request.user, data.pop("username"), data.pop("display_name"), data.pop("organisation"), **data
            )
        except Refusal as why:
            refusal = why
            tell(form, why)
        else:
            if not initial:
                return redirect(request, user.get_absolute_url(), _("The machine account is made."))
            shown = {"title": user.display_name, "text": initial, "next": user.get_absolute_url(), "what": "password"}
            return render(request, "people/secret.html", shown | {"username": user.username})
    context = {"form": form, "title": title, "back": reverse("people:users")}
    return refused_form(request, "people/form.html", context, refusal)


def _user(request: HttpRequest, pk: int) -> User:
    rows = User.objects.select_related("organisation")
    return access.fetch(request.user, "people.user.view", rows, pk=pk)


@require_act("people.user.view")
@require_GET
def user(request: HttpRequest, pk: int) -> HttpResponse:
    row = _user(request, pk)
    now = timezone.now()
    may = _may(
        request, "user.change", "user.disable", "user.enable", "user.reset_password", "user.unlock",
        "second_factor.reset", "duty.view", "duty.grant", "duty.end", "session.view", "session.revoke", "token.view",
        "token.create", "token.revoke", "sign_in.view",
    )  # fmt: skip
    policy = queries.policy()
    context = {
        "row": row,
        "may": may,
        "own": row.pk == request.user.pk,
        "locked": queries.locked_until(row.username.lower(), row.unlocked_at, policy, now),
        "duties": row.duties.select_related("organisation", "granted_by") if may["duty_view"] else [],
        "today": timezone.localdate(),
        "requests": row.grant_requests.filter(decided_at__isnull=True) if may["duty_view"] else [],
        "sessions": queries.open_sessions([row]) if may["session_view"] else [],
        "tokens": row.tokens.all() if may["token_view"] else [],
        "attempts": row.sign_ins.all()[:10] if may["sign_in_view"] else [],
        "history": trail.history(row).reverse()[:30] if access.may(request.user, "trail.entry.view") else [],
        "now": now,
    }
    return render(request, "people/user.html", context)


@require_act("people.user.change")
@require_http_methods(["GET", "POST"])
def user_edit(request: HttpRequest, pk: int) -> HttpResponse:
    row = _user(request, pk)
    form = UserForm(request.POST or None, instance=User.objects.get(pk=row.pk))
    context = {"form": form, "title": row.display_name, "back": row.get_absolute_url()}
    if request.method == "GET":
        return render(request, "people/form.html", context)
    refusal = None
    if form.is_valid():
        try:
            actions.change_user(request.user, row, **form.cleaned_data)
            return redirect(request, row.get_absolute_url(), _("Saved."))
        except Refusal as why:
            refusal = why
            tell(form, why)
    return refused_form(request, "people/form.html", context, refusal)


USER_ACTS: dict[str, tuple[Callable[..., Any], Any]] = {
    "disable": (actions.disable_user, gettext_lazy("The account is disabled.")),
    "enable": (actions.enable_user, gettext_lazy("The account is open again.")),
    "unlock": (actions.unlock_user, gettext_lazy("The lock is lifted.")),
    "reset-second-factor": (actions.reset_second_factor, gettext_lazy("The second factor is reset.")),
    "end-sessions": (actions.revoke_sessions, gettext_lazy("All sessions are ended.")),
}


@require_act("people.user.view")
@require_POST
def user_act(request: HttpRequest, pk: int, act: str) -> HttpResponse:
    """One of the buttons on a user's page; each act asks for its own permission."""
    row = _user(request, pk)
    if act not in USER_ACTS:
        raise NotFound
    do, done = USER_ACTS[act]
    attempt(request, lambda: do(request.user, row, request.POST.get("note", "")[:200]), str(done))
    return HttpResponseRedirect(row.get_absolute_url())


@never_cache
@require_act("people.user.reset_password")
@require_POST
def user_password(request: HttpRequest, pk: int) -> HttpResponse:
    """A new initial password, shown once."""
    row = _user(request, pk)
    initial = actions.reset_password(request.user, row, request.POST.get("note", "")[:200])
    shown = {"title": row.display_name, "text": initial, "next": row.get_absolute_url(), "what": "password"}
    return render(request, "people/secret.html", shown | {"username": row.username})


@never_cache
@require_act("people.token.create")
@require_http_methods(["GET", "POST"])
def user_token(request: HttpRequest, pk: int) -> HttpResponse:
    """A token for a machine account."""
    row = _user(request, pk)
    if not row.is_machine:
        raise NotFound
    form = TokenForm(request.POST or None, user=row)
    context = {"form": form, "title": _("API token"), "back": row.get_absolute_url()}
    if request.method == "GET":
        return render(request, "people/form.html", context)
    refusal = None
    if form.is_valid():
        data = form.cleaned_data
        try:
            token, text = actions.create_token(
                request.user, row, data["name"], data["acts"], expires_at=end_of_day(data["expires_on"])
            )
            shown = {"title": token.name, "text": text, "next": row.get_absolute_url(), "what": "token"}
            return render(request, "people/secret.html", shown)
        except Refusal as why:
            refusal = why
            tell(form, why)
    return refused_form(request, "people/form.html", context, refusal)


@require_act("people.token.revoke")
@require_POST
def user_token_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    token = access.fetch(request.user, "people.token.revoke", ApiToken.objects.select_related("user"), pk=pk)
    attempt(request, lambda: actions.revoke_token(request.user, token), _("The token is revoked."))
    return HttpResponseRedirect(token.user.get_absolute_url())


@require_act("people.session.revoke")
@require_POST
def user_session_end(request: HttpRequest, pk: int) -> HttpResponse:
    row = access.fetch(request.user, "people.session.revoke", SignIn.objects.filter(user__isnull=False), pk=pk)
    attempt(request, lambda: actions.revoke_session(request.user, row), _("The session is ended."))
    return HttpResponseRedirect(reverse("people:user", args=[row.user_id]))


# Duties


@require_act("people.duty.grant")
@require_http_methods(["GET", "POST"])
def duty_new(request: HttpRequest, pk: int) -> HttpResponse:
    row = _user(request, pk)
    form = DutyForm(request.POST or None, initial={"organisation": row.organisation_id})
    title = _("Grant a duty to %(name)s") % {"name": row.display_name}
    context = {"form": form, "title": title, "back": row.get_absolute_url()}
    if request.method == "GET":
        return render(request, "people/form.html", context)
    refusal = None
    if form.is_valid():
        data = dict(form.cleaned_data)
        try:
            made = actions.grant_duty(request.user, row, data.pop("role"), data.pop("organisation"), **data)
            waits = isinstance(made, GrantRequest)
            text = _("A second security administrator must confirm this grant.") if waits else _("The duty is granted.")
            return redirect(request, row.get_absolute_url(), text)
        except Refusal as why:
            refusal = why
            tell(form, why)
    return refused_form(request, "people/form.html", context, refusal)


@require_act("people.duty.end")
@require_POST
def duty_end(request: HttpRequest, pk: int) -> HttpResponse:
    duty = access.fetch(request.user, "people.duty.end", Duty.objects.select_related("user"), pk=pk)
    note = request.POST.get("note", "")[:200]
    attempt(request, lambda: actions.end_duty(request.user, duty, note=note), _("The duty is ended."))
    return HttpResponseRedirect(duty.get_absolute_url())


@require_act("people.duty.view")
@require_GET
def duties(request: HttpRequest) -> HttpResponse:
    """Who holds what today, and the grants that wait for a second security administrator."""
    rows = Duty.objects.held_on(timezone.localdate()).select_related("user", "organisation", "granted_by")
    shown = access.visible(request.user, "people.duty.view", rows).order_by("role", "user__username")
    code = request.GET.get("role", "")
    if code:
        shown = shown.filter(role=code)
    waiting = GrantRequest.objects.filter(decided_at__isnull=True).select_related("user", "organisation", "asked_by")
    context = {
        "page": Paginator(shown, PAGE).get_page(request.GET.get("page")),
        "roles": roles.all_roles(),
        "role": code,
        "waiting": access.visible(request.user, "people.duty.view", waiting),
        "may": _may(request, "duty.confirm", "duty.end"),
    }
    return render(request, "people/duties.html", context)


@require_act("people.duty.confirm")
@require_POST
def grant_decide(request: HttpRequest, pk: int) -> HttpResponse:
    row = access.fetch(request.user, "people.duty.confirm", GrantRequest.objects.all(), pk=pk)
    accept = request.POST.get("accept") == "1"
    note = request.POST.get("note", "")[:200]
    done = _("The grant is confirmed.") if accept else _("The grant is declined.")
    attempt(request, lambda: actions.decide_grant(request.user, row, accept, note), done)
    return HttpResponseRedirect(reverse("people:duties"))


@require_act("people.permission.view")
@require_GET
def permissions(request: HttpRequest) -> HttpResponse:
    """Roles × acts, from the catalogue: what the product will really decide by."""
    groups = sorted({role.group for role in roles.all_roles()})
    group = request.GET.get("group", "people")
    if group not in groups:
        group = groups[0]
    columns, rows = queries.permission_matrix(group)
    labels = {
        roles.Reach.OWN: _("own"),
        roles.Reach.AREA: _("area"),
        roles.Reach.ORGANISATION: _("organisation"),
        roles.Reach.ALL: _("all"),
    }
    context = {
        "tabs": [{"label": heading(name).label, "url": f"?group={name}", "current": name == group} for name in groups],
        "columns": columns,
        "rows": [(row, [labels[reach] if reach is not None else "" for reach in row.reaches]) for row in rows],
    }
    return render(request, "people/permissions.html", context)


# Organisations


@require_act("people.organisation.view")
@require_GET
def organisations(request: HttpRequest) -> HttpResponse:
    """The tree, one query: a path sorts below its parent's."""
    rows = list(access.visible(request.user, "people.organisation.view", Organisation.objects.all()))
    known = {row.pk: row for row in rows}
    children: dict[int | None, list[Organisation]] = {}
    for row in rows:
        children.setdefault(row.parent_id if row.parent_id in known else None, []).append(row)

    def branch(parent: int | None) -> list[dict[str, Any]]:
        return [{"row": row, "below": branch(row.pk)} for row in children.get(parent, [])]

    context = {"tree": branch(None), "count": len(rows), "may": _may(request, "organisation.create")}
    return render(request, "people/organisations.html", context)


def _organisation(request: HttpRequest, pk: int) -> Organisation:
    rows = Organisation.objects.select_related("parent")
    return access.fetch(request.user, "people.organisation.view", rows, pk=pk)


@require_act("people.organisation.view")
@require_GET
def organisation(request: HttpRequest, pk: int) -> HttpResponse:
    row = _organisation(request, pk)
    context = {
        "row": row,
        "children": row.children.all(),
        "people": access.visible(request.user, "people.user.view", row.users.all())[:200],
        "move": MoveForm(initial={"parent": row.parent_id}),
        "may": _may(
            request, "organisation.create", "organisation.change", "organisation.move", "organisation.close",
            "organisation.reopen",
        ),
        "history": trail.history(row).reverse()[:30] if access.may(request.user, "trail.entry.view") else [],
    }  # fmt: skip
    return render(request, "people/organisation.html", context)


@require_act("people.organisation.create")
@require_http_methods(["GET", "POST"])
def organisation_new(request: HttpRequest) -> HttpResponse:
    form = NewOrganisationForm(request.POST or None, initial={"parent": request.GET.get("parent")})
    context = {"form": form, "title": _("Add an organisation"), "back": reverse("people:organisations")}
    if request.method == "GET":
        return render(request, "people/form.html", context)
    refusal = None
    if form.is_valid():
        try:
            made = actions.create_organisation(request.user, **form.cleaned_data)
            return redirect(request, made.get_absolute_url(), _("The organisation is added."))
        except Refusal as why:
            refusal = why
            tell(form, why)
    return refused_form(request, "people/form.html", context, refusal)


@require_act("people.organisation.change")
@require_http_methods(["GET", "POST"])
def organisation_edit(request: HttpRequest, pk: int) -> HttpResponse:
    row = _organisation(request, pk)
    form = OrganisationForm(request.POST or None, instance=Organisation.objects.get(pk=row.pk))
    context = {"form": form, "title": row.name, "back": row.get_absolute_url()}
    if request.method == "GET":
        return render(request, "people/form.html", context)
    refusal = None
    if form.is_valid():
        try:
            actions.change_organisation(request.user, row, **form.cleaned_data)
            return redirect(request, row.get_absolute_url(), _("Saved."))
        except Refusal as why:
            refusal = why
            tell(form, why)
    return refused_form(request, "people/form.html", context, refusal)


@require_act("people.organisation.move")
@require_POST
def organisation_move(request: HttpRequest, pk: int) -> HttpResponse:
    row = _organisation(request, pk)
    form = MoveForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        attempt(
            request,
            lambda: actions.move_organisation(request.user, row, data["parent"], data["note"]),
            _("The organisation is moved."),
        )
    return HttpResponseRedirect(row.get_absolute_url())


@require_act("people.organisation.view")
@require_POST
def organisation_act(request: HttpRequest, pk: int, act: str) -> HttpResponse:
    row = _organisation(request, pk)
    known = {
        "close": (actions.close_organisation, _("The organisation is closed.")),
        "reopen": (actions.reopen_organisation, _("The organisation is open again.")),
    }
    if act not in known:
        raise NotFound
    form = NoteForm(request.POST)
    note = form.cleaned_data["note"] if form.is_valid() else ""
    attempt(request, lambda: known[act][0](request.user, row, note), known[act][1])
    return HttpResponseRedirect(row.get_absolute_url())


# Policy and sign-ins


def _said(value: int | bool) -> int | str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return value


@require_act("people.policy.view")
@require_http_methods(["GET", "POST"])
def policy(request: HttpRequest) -> HttpResponse:
    in_force = queries.policy()
    names = [field.name for field in fields(rules.Policy)]
    form = PolicyForm(request.POST or None, initial={name: getattr(in_force, name) for name in names})
    context = {
        "form": form,
        "facts": [(form.fields[name].label, _said(getattr(in_force, name))) for name in names],
        "versions": AccessPolicy.objects.select_related("by")[:50],
        "may": _may(request, "policy.change"),
    }
    if request.method == "GET":
        return render(request, "people/policy.html", context)
    access.require(request.user, "people.policy.change")
    refusal = None
    if form.is_valid():
        data = dict(form.cleaned_data)
        try:
            actions.set_policy(request.user, data.pop("effective_from"), note=data.pop("note"), **data)
            return redirect(request, reverse("people:policy"), _("The policy is set."))
        except Refusal as why:
            refusal = why
            tell(form, why)
    return refused_form(request, "people/policy.html", context, refusal)


def _sign_ins(request: HttpRequest) -> tuple[SignInFilter, QuerySet[SignIn]]:
    form = SignInFilter(request.GET)
    rows = access.visible(request.user, "people.sign_in.view", SignIn.objects.select_related("user"))
    if form.is_valid():
        data = form.cleaned_data
        if data["q"]:
            rows = rows.filter(username__startswith=data["q"].strip().lower())
        if data["outcome"]:
            rows = rows.filter(outcome=data["outcome"])
        if data["address"]:
            rows = rows.filter(origin=rules.origin(data["address"]))
    return form, rows.order_by("-at", "-pk")


@require_act("people.sign_in.view")
@require_GET
def sign_ins(request: HttpRequest) -> HttpResponse:
    """Every attempt, newest first; paged by the id of the last one seen, so that page 1,000 is as quick as page 1."""
    form, rows = _sign_ins(request)
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) < 19:
        last = SignIn.objects.filter(pk=int(before)).first()
        if last is not None:
            rows = rows.filter(Q(at__lt=last.at) | Q(at=last.at, pk__lt=last.pk))
    page = list(rows[: PAGE + 1])
    again = request.GET.copy()
    again.pop("before", None)
    context = {
        "form": form,
        "rows": page[:PAGE],
        "query": again.urlencode(),
        "before": page[PAGE - 1].pk if len(page) > PAGE else None,
        "may": _may(request, "sign_in.export"),
    }
    return render(request, "people/sign_ins.html", context)


def _plain(text: str) -> str:
    """Spreadsheets take a cell that begins so for a formula; what strangers typed as a name must not be one."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


@require_act("people.sign_in.export")
@require_POST
def sign_ins_export(request: HttpRequest) -> HttpResponse:
    """The filtered sign-ins as CSV with a byte-order mark (Excel); recorded on the trail."""
    _form, rows = _sign_ins(request)
    found = list(rows[:EXPORT_AT_MOST])
    trail.viewed(request.user, rows, "people.sign_in.export", rows=len(found), query=request.GET.urlencode())
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([_("time"), _("user name"), _("outcome"), _("address"), _("browser"), _("ended")])
    for row in found:
        ended = f"{timezone.localtime(row.ended_at):%Y-%m-%d %H:%M:%S}" if row.ended_at else ""
        writer.writerow(
            [
                f"{timezone.localtime(row.at):%Y-%m-%d %H:%M:%S}",
                _plain(row.username),
                row.get_outcome_display(),
                row.address or "",
                _plain(row.agent),
                ended,
            ]
        )
    response = HttpResponse("\ufeff" + text.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="sign-ins.csv"'
    return response
