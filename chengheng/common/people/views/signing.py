"""Signing in and out."""

from __future__ import annotations

import segno
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from chengheng.common.errors import Refusal
from chengheng.common.people import actions, opening, queries, rules
from chengheng.common.people.forms import CodeForm, DeviceCodeForm, SignInForm
from chengheng.common.people.models import SignIn, User
from chengheng.common.people.views.common import refused_form, tell

ISSUER = "城衡"


def _next(request: HttpRequest, given: str) -> str:
    """Where to go after signing in, when it is on this site."""
    known = url_has_allowed_host_and_scheme(given, {request.get_host()}, require_https=request.is_secure())
    return given if given and known else settings.LOGIN_REDIRECT_URL


def _proceed(request: HttpRequest, sign_in: SignIn, next_url: str) -> HttpResponse:
    """After the password: straight in, to the code, or to setting up a second factor."""
    user = sign_in.user
    assert user is not None
    if not queries.needs_second_factor(user):
        opening.open_session(request, sign_in, second_factor=False)
        return HttpResponseRedirect(next_url)
    opening.remember_half(request, sign_in, next_url)
    return HttpResponseRedirect(reverse("people:sign_in_code" if user.has_second_factor else "people:sign_in_enrol"))


@never_cache
@login_not_required
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    next_url = _next(request, request.POST.get("next", "") or request.GET.get("next", ""))
    if request.user.is_authenticated:
        return HttpResponseRedirect(next_url)
    form = SignInForm(request.POST or None)
    context = {"form": form, "next": next_url, "demo": settings.DEMO, "demo_users": queries.demo_users()}
    if request.method == "GET":
        return render(request, "people/sign_in.html", context)
    refusal = None
    if form.is_valid():
        try:
            row = actions.check_password(
                form.cleaned_data["username"], form.cleaned_data["password"], opening.knock(request)
            )
            return _proceed(request, row, next_url)
        except Refusal as why:
            refusal = why
            tell(form, why)
    return refused_form(request, "people/sign_in.html", context, refusal)


@login_not_required
@require_POST
def sign_in_demo(request: HttpRequest) -> HttpResponse:
    """One click in a demonstration; outside of one there is no such page."""
    chosen = request.POST.get("user", "")
    known = settings.DEMO and chosen.isascii() and chosen.isdecimal() and len(chosen) < 19
    user = User.objects.filter(pk=int(chosen), is_demo=True).first() if known else None
    if user is None:
        return HttpResponse(status=404)
    row = actions.knock_of_demo(user, opening.knock(request))
    opening.open_session(request, row, second_factor=False)
    return HttpResponseRedirect(_next(request, request.POST.get("next", "")))


@never_cache
@login_not_required
@require_http_methods(["GET", "POST"])
def sign_in_code(request: HttpRequest) -> HttpResponse:
    row = opening.half(request)
    if row is None or row.user is None or not row.user.has_second_factor:
        return HttpResponseRedirect(reverse("people:sign_in"))
    form = CodeForm(request.POST or None)
    refusal = None
    if request.method == "POST" and form.is_valid():
        next_url = _next(request, request.session["half"]["next"])
        try:
            actions.check_code(row, form.cleaned_data["code"], opening.knock(request))
            opening.open_session(request, row, second_factor=True)
            return HttpResponseRedirect(next_url)
        except Refusal as why:
            refusal = why
            tell(form, why)
    if request.method == "GET":
        return render(request, "people/sign_in_code.html", {"form": form})
    return refused_form(request, "people/sign_in_code.html", {"form": form}, refusal)


@never_cache
@login_not_required
@require_http_methods(["GET", "POST"])
def sign_in_enrol(request: HttpRequest) -> HttpResponse:
    """The first second factor of somebody whose role asks for one; they are not signed in before it is proved."""
    row = opening.half(request)
    if row is None or row.user is None or row.user.has_second_factor:
        return HttpResponseRedirect(reverse("people:sign_in"))
    secret = request.session.setdefault("new_secret", rules.new_totp_secret())
    form = DeviceCodeForm(request.POST or None)
    context = {"form": form, **enrolment(row.user, secret)}
    if request.method == "GET":
        return render(request, "people/sign_in_enrol.html", context)
    refusal = None
    if form.is_valid():
        next_url = _next(request, request.session["half"]["next"])
        try:
            codes = actions.enrol_second_factor(row.user, secret, form.cleaned_data["code"])
            opening.open_session(request, row, second_factor=True)
            return render(request, "people/recovery_codes.html", {"codes": codes, "next": next_url})
        except Refusal as why:
            refusal = why
            tell(form, why)
    return refused_form(request, "people/sign_in_enrol.html", context, refusal)


def enrolment(user: User, secret: str) -> dict[str, str | SafeString]:
    """What an authenticator app needs: the QR code as SVG made here, and the secret to type by hand."""
    uri = rules.totp_uri(secret, user.username, ISSUER)
    drawing = segno.make(uri, error="m").svg_inline(scale=5, border=3, dark="#000", light="#fff", omitsize=False)
    groups = " ".join(secret[i : i + 4] for i in range(0, len(secret), 4))
    return {"qr": mark_safe(drawing), "secret": groups}  # noqa: S308 - drawn by us; the text is inside as squares


@login_not_required
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    opening.close_session(request)
    return HttpResponseRedirect(reverse("people:sign_in"))
