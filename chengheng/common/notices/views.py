"""Notices for people: the bell, the list, the preferences; channels and deliveries for their keeper."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from chengheng.common.notices import actions, calls, queries, telling
from chengheng.common.notices.errors import UnsafeAddress
from chengheng.common.notices.forms import EndpointForm, PreferenceForm
from chengheng.common.notices.models import Delivery, Endpoint, Preference, State
from chengheng.common.notices.rules import Channel, parse
from chengheng.common.people import access
from chengheng.common.ui.views import is_partial, page, redirect, require_act, signed_in

PAGE = 50
MOST_REPORT_BYTES = 16 * 1024


def _number(request: HttpRequest, name: str) -> int | None:
    said = request.GET.get(name) or request.POST.get(name) or ""
    return int(said) if said.isascii() and said.isdigit() and len(said) < 19 else None


@require_safe
@signed_in
def bell(request: HttpRequest) -> HttpResponse:
    """The number at the bell: nothing for none, 99+ for many."""
    count = telling.unread(request.user)
    return HttpResponse("" if not count else "99+" if count > 99 else str(count))


@require_safe
@signed_in
def unread(request: HttpRequest) -> JsonResponse:
    """The same as JSON."""
    return JsonResponse({"unread": telling.unread(request.user)})


@require_safe
@signed_in
def latest(request: HttpRequest) -> HttpResponse:
    """The drop-down under the bell. Showing them is their receipt."""
    notices = queries.latest(request.user)
    actions.seen(request.user, notices)  # type: ignore[arg-type]
    return page(request, "notices/latest.html", {"notices": notices})


@require_safe
@signed_in
def index(request: HttpRequest) -> HttpResponse:
    """All one's notices."""
    only_unread = request.GET.get("show") == "unread"
    rows = list(queries.mine(request.user, unread=only_unread, before=_number(request, "before"))[: PAGE + 1])
    actions.seen(request.user, rows[:PAGE])  # type: ignore[arg-type]
    more = rows[PAGE - 1].pk if len(rows) > PAGE else None
    return page(
        request,
        "notices/index.html",
        {"notices": rows[:PAGE], "more": more, "only_unread": only_unread, "newest": rows[0].pk if rows else None},
        partial="notices/rows.html",
    )


@require_safe
@signed_in
def open_notice(request: HttpRequest, pk: int) -> HttpResponse:
    """Tick it off and go to what it is about."""
    notice = actions.read(request.user, pk)  # type: ignore[arg-type]
    return HttpResponseRedirect(notice.url or reverse("notices:index"))


@require_POST
@signed_in
def mark_read(request: HttpRequest, pk: int) -> HttpResponse:
    notice = actions.read(request.user, pk)  # type: ignore[arg-type]
    if not is_partial(request):
        return HttpResponseRedirect(reverse("notices:index"))
    return _bell_moves(page(request, "notices/row.html", {"notice": notice}))


@require_POST
@signed_in
def mark_all(request: HttpRequest) -> HttpResponse:
    actions.read_all(request.user, _number(request, "up_to"))  # type: ignore[arg-type]
    if not is_partial(request):
        return HttpResponseRedirect(reverse("notices:index"))
    return _bell_moves(page(request, "notices/latest.html", {"notices": queries.latest(request.user)}))


def _bell_moves(response: HttpResponse) -> HttpResponse:
    response["HX-Trigger"] = '{"notice": {}}'
    return response


@signed_in
def preferences(request: HttpRequest) -> HttpResponse:
    """How one wants to be told; says which ways out this site has."""
    present = Preference.objects.filter(user=request.user.pk).first() or Preference(user=request.user)  # type: ignore[misc]
    form = PreferenceForm(request.POST or None, instance=present)
    if request.method == "POST" and form.is_valid():
        actions.choose(request.user, **form.cleaned_data)  # type: ignore[arg-type]
        return redirect(request, request.path, _("Your choice is kept."))
    return page(
        request,
        "notices/preferences.html",
        {
            "form": form,
            "has_email": bool(settings.EMAIL_URL),
            "has_sms": Endpoint.objects.filter(channel=Channel.SMS, active=True).exists(),
        },
    )


@require_safe
@require_act("notices.endpoint.view")
def endpoints(request: HttpRequest) -> HttpResponse:
    """The ways out of this site."""
    return page(
        request,
        "notices/endpoints.html",
        {"endpoints": queries.endpoints(), "may_set": access.may(request.user, "notices.endpoint.set"),
         "has_email": bool(settings.EMAIL_URL), "can_call": telling.can_call()},
    )  # fmt: skip


@require_act("notices.endpoint.set")
def endpoint(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """Set up or change a way out."""
    row = get_object_or_404(Endpoint, pk=pk) if pk else None
    form = EndpointForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            kept = Endpoint.objects.get(pk=pk) if pk else None  # the form has written into `row`
            actions.set_endpoint(request.user, kept, **data | {"secret": data["secret"] or None})
        except UnsafeAddress as refusal:
            form.add_error("url", str(refusal))
        else:
            return redirect(request, reverse("notices:endpoints"), _("The channel is set up."))
    return page(request, "notices/endpoint.html", {"form": form, "endpoint": row})


@require_POST
@require_act("notices.endpoint.test")
def test_endpoint(request: HttpRequest, pk: int) -> HttpResponse:
    actions.send_test(request.user, get_object_or_404(Endpoint, pk=pk))
    return redirect(request, reverse("notices:deliveries"), _("A test is on its way."))


@require_safe
@require_act("notices.endpoint.view")
def deliveries(request: HttpRequest) -> HttpResponse:
    """What became of the deliveries."""
    state = request.GET.get("state", "")
    state = state if state in State.values else ""
    rows = list(queries.deliveries(state, _number(request, "before"))[: PAGE + 1])
    more = rows[PAGE - 1].pk if len(rows) > PAGE else None
    return page(
        request,
        "notices/deliveries.html",
        {"deliveries": rows[:PAGE], "more": more, "state": state, "states": State.choices,
         "may_retry": access.may(request.user, "notices.delivery.retry")},
    )  # fmt: skip


@require_POST
@require_act("notices.delivery.retry")
def retry(request: HttpRequest, pk: int) -> HttpResponse:
    actions.try_again(request.user, get_object_or_404(Delivery, pk=pk))
    return redirect(request, reverse("notices:deliveries"), _("It is tried again."))


@csrf_exempt
@require_POST
@login_not_required
def called(request: HttpRequest, token: str) -> HttpResponse:
    """A voice gateway's report of a call, at the address that went with it: JSON, or the fields of a form."""
    said = parse(request.body[:MOST_REPORT_BYTES]) if "json" in (request.content_type or "") else request.POST.dict()
    calls.reported(token, said)
    return JsonResponse({"code": "0"})
