"""The collector's phone page at /m/: an installable page that works offline. Its service worker's scope is /m/ only."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.csrf import ensure_csrf_cookie

from chengheng.common.ui import phone
from chengheng.common.ui.views import require_act

ENTRY = "src/collector/main.ts"


def _words() -> dict[str, str]:
    return {
        "noPlace": _("No position yet. Allow it, and step out from under the roof."),
        "chooseClass": _("Choose what the problem is."),
        "kept": _("Kept on the phone. It is sent as soon as there is network."),
        "full": _("The phone's memory is full. Send what waits, or free some room; nothing was lost."),
        "signIn": _("Sign in again to send what waits; nothing is lost."),
        "waiting": _("waits"),
        "sending": _("being sent"),
        "sent": pgettext("case", "sent"),
        "refused": pgettext("case", "refused"),
        "remove": _("Remove"),
        "verify": _("Verify before filing"),
        "check": _("Check after handling"),
        "shiftStart": _("Signed in to the shift"),
        "shiftEnd": _("Signed out of the shift"),
    }


@ensure_csrf_cookie
@require_act("patrol.case.report")
def page(request: HttpRequest) -> HttpResponse:
    """The page itself, for collectors."""
    return render(request, "patrol/phone.html", {"words": _words()})


@require_act("patrol.case.report")
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker, from an address that gives it its scope."""
    return phone.worker()


@require_act("patrol.case.report")
def files(request: HttpRequest) -> JsonResponse:
    """The static files that the page needs, for the service worker to keep."""
    return phone.files(ENTRY)


@require_act("patrol.case.report")
def manifest(request: HttpRequest) -> JsonResponse:
    """What a phone needs to install the page."""
    return phone.manifest(_("Chengheng patrol"), _("Patrol"), "/m/")
