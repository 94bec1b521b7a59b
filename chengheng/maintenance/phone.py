"""The rounds' phone page at /m/rounds/: installable, works offline. Its service worker's scope is /m/rounds/ only."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import ensure_csrf_cookie

from chengheng.common.ui import phone
from chengheng.common.ui.views import require_act

ENTRY = "src/m-rounds/main.ts"
ACT = "maintenance.visit.record"


def _words() -> dict[str, str]:
    return {
        "none": _("No inspection is due."),
        "due": _("due %s"),
        "late": _("late since %s"),
        "held": _("%s findings wait on this phone."),
        "kept": _("Kept on the phone. It is handed in as soon as there is network."),
        "sent": _("handed in"),
        "waiting": _("waits for network"),
        "refused": _("refused by the centre"),
        "signIn": _("Sign in again to hand in what waits; nothing is lost."),
        "proved": _("✓ The label was read here."),
        "unproved": _("The label was not read yet: without it the visit is not proved."),
        "wrongLabel": _("This label belongs to another device."),
        "noVisit": _("No inspection of this device is due."),
        "noScan": _("This phone cannot read the code here: read it with the camera and open the page behind it."),
        "sayNormal": _("Say whether the device is normal."),
        "sayWhat": _("Say what is not normal."),
    }


@ensure_csrf_cookie
@require_act(ACT)
def page(request: HttpRequest) -> HttpResponse:
    """The page itself, for those who record visits."""
    return render(request, "maintenance/phone.html", {"words": _words()})


@require_act(ACT)
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker, from an address that gives it its scope."""
    return phone.worker()


@require_act(ACT)
def files(request: HttpRequest) -> JsonResponse:
    """The static files that the page needs, for the service worker to keep."""
    return phone.files(ENTRY)


@require_act(ACT)
def manifest(request: HttpRequest) -> JsonResponse:
    """What a phone needs to install the page."""
    return phone.manifest(_("Chengheng rounds"), _("Rounds"), "/m/rounds/")
