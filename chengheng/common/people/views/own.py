"""One's own account: profile, password, second factor, sessions, tokens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from chengheng.common.errors import NotFound, Refusal
from chengheng.common.people import access, actions, opening, queries, rules
from chengheng.common.people.forms import DeviceCodeForm, NewDeviceForm, PasswordForm, ProfileForm, TokenForm
from chengheng.common.people.models import ApiToken, SignIn, User
from chengheng.common.people.views.common import attempt, me, refused_form, tell
from chengheng.common.people.views.signing import enrolment
from chengheng.common.ui.views import redirect

View = Callable[..., HttpResponse]


def for_debtors(view: View) -> View:
    """Open to people who must change their password or set up a second factor first."""
    view.for_debtors = True  # type: ignore[attr-defined]
    return view


def _tabs(current: str) -> list[dict[str, Any]]:
    pages = (
        ("profile", _("Profile")),
        ("own_password", _("Password")),
        ("own_second_factor", _("Second factor")),
        ("sessions", _("Sign-ins and devices")),
        ("tokens", _("API tokens")),
    )
    return [{"label": label, "url": reverse(f"people:{name}"), "current": name == current} for name, label in pages]


@require_http_methods(["GET", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=me(request).pk))
    if request.method == "POST" and form.is_valid():
        actions.change_profile(me(request), **form.cleaned_data)
        return redirect(request, reverse("people:profile"), _("Saved."))
    context = {
        "form": form,
        "tabs": _tabs("profile"),
        "duties": access.duties(me(request)),
        "privileged": access.is_privileged(me(request)),
    }
    return render(request, "people/profile.html", context, status=422 if form.errors else 200)


@for_debtors
@never_cache
@sensitive_post_parameters("old", "password", "again")
@require_http_methods(["GET", "POST"])
def own_password(request: HttpRequest) -> HttpResponse:
    form = PasswordForm(request.POST or None)
    policy = queries.policy()
    context = {"form": form, "tabs": _tabs("own_password"), "policy": policy, "must": me(request).must_change_password}
    if request.method == "GET":
        return render(request, "people/own_password.html", context)
    refusal = None
    if form.is_valid():
        data = form.cleaned_data
        try:
            user = actions.change_password(
                me(request),
                data["old"],
                data["password"],
                keep_session=request.session.session_key or "",
                knock=opening.knock(request),
            )
        except Refusal as why:
            refusal = why
            tell(form, why)
        else:
            opening.renew_session(request, user)
            return redirect(request, reverse("people:profile"), _("Your password is changed; other sessions ended."))
    return refused_form(request, "people/own_password.html", context, refusal)


@for_debtors
@never_cache
@require_http_methods(["GET", "POST"])
def own_second_factor(request: HttpRequest) -> HttpResponse:
    """Set up, replace or remove the second factor, renew the recovery codes."""
    user = me(request)
    if user.has_second_factor and not request.session.get("second_factor"):
        opening.close_session(request)  # it exists and this session never proved it: sign in properly
        return HttpResponseRedirect(reverse("people:sign_in"))
    secret = request.session.get("new_secret")
    if secret is None:
        secret = request.session["new_secret"] = rules.new_totp_secret()
    what = request.POST.get("what", "")
    device_form = NewDeviceForm if user.has_second_factor else DeviceCodeForm
    forms = {
        "enrol": device_form(request.POST if what == "enrol" else None, prefix="enrol"),
        "renew": DeviceCodeForm(request.POST if what == "renew" else None, prefix="renew"),
        "remove": DeviceCodeForm(request.POST if what == "remove" else None, prefix="remove"),
    }
    context = {
        "forms": forms,
        "tabs": _tabs("own_second_factor"),
        "compulsory": queries.second_factor_compulsory(user),
        "left": user.recovery_codes.filter(used_at__isnull=True).count(),
        **enrolment(user, secret),
    }
    if request.method == "GET":
        return render(request, "people/own_second_factor.html", context)
    form = forms.get(what)
    if form is None:
        raise NotFound
    refusal = None
    if form.is_valid():
        data = form.cleaned_data
        try:
            if what == "remove":
                actions.remove_second_factor(user, data["code"])
                return redirect(request, reverse("people:own_second_factor"), _("The second factor is removed."))
            if what == "enrol":
                codes = actions.enrol_second_factor(user, secret, data["code"], old_code=data.get("old_code", ""))
                request.session.pop("new_secret", None)
                request.session["second_factor"] = True
            else:
                codes = actions.renew_recovery_codes(user, data["code"])
            return render(request, "people/recovery_codes.html", {"codes": codes, "next": reverse("people:profile")})
        except Refusal as why:
            refusal = why
            tell(form, why)
    return refused_form(request, "people/own_second_factor.html", context, refusal)


@require_GET
def sessions(request: HttpRequest) -> HttpResponse:
    context = {
        "tabs": _tabs("sessions"),
        "sessions": queries.open_sessions([me(request)]),
        "here": request.session.get("sign_in"),
        "attempts": SignIn.objects.filter(user=me(request))[:20],
    }
    return render(request, "people/sessions.html", context)


@require_POST
def session_end(request: HttpRequest, pk: int) -> HttpResponse:
    row = SignIn.objects.filter(pk=pk, user=me(request)).first()
    if row is None:
        raise NotFound
    actions.end_own_session(me(request), row)
    return redirect(request, reverse("people:sessions"), _("The session is ended."))


@require_POST
def sessions_end(request: HttpRequest) -> HttpResponse:
    """Sign out everywhere else."""
    actions.sign_out_elsewhere(me(request), request.session.session_key or "")
    return redirect(request, reverse("people:sessions"), _("All other sessions are ended."))


def end_of_day(day: Any) -> datetime:
    """The last moment of a local day."""
    return timezone.make_aware(datetime.combine(day, time.max))


@never_cache
@require_http_methods(["GET", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    days = queries.policy().token_days
    first = {"expires_on": timezone.localdate() + timedelta(days=min(90, days - 1))}
    form = TokenForm(request.POST or None, user=me(request), initial=first)
    context = {
        "form": form,
        "tabs": _tabs("tokens"),
        "tokens": me(request).tokens.all(),
        "now": timezone.now(),
        "days": days,
    }
    if request.method == "GET":
        return render(request, "people/tokens.html", context)
    refusal = None
    if form.is_valid():
        data = form.cleaned_data
        try:
            token, text = actions.create_token(
                me(request), me(request), data["name"], data["acts"], expires_at=end_of_day(data["expires_on"])
            )
            shown = {"title": token.name, "text": text, "next": reverse("people:tokens"), "what": "token"}
            return render(request, "people/secret.html", shown)
        except Refusal as why:
            refusal = why
            tell(form, why)
    return refused_form(request, "people/tokens.html", context, refusal)


@require_POST
def token_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    token = ApiToken.objects.filter(pk=pk, user=me(request)).first()
    if token is None:
        raise NotFound
    attempt(request, lambda: actions.revoke_token(me(request), token), _("The token is revoked."))
    return HttpResponseRedirect(reverse("people:tokens"))
