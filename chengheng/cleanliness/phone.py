"""The road check's phone page at /m/clean/: installable, works offline. Its service worker's scope is /m/clean/ only."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import ensure_csrf_cookie

from chengheng.cleanliness.models import Exclusion, Lane, Scale, Surface, Weather
from chengheng.common.ui import phone
from chengheng.common.ui.views import require_act

ENTRY = "src/m-clean/main.ts"
ACT = "cleanliness.check.submit"


def _words() -> dict[str, str]:
    return {
        "noPlace": _("No position yet. Step out from under the roof."),
        "tooFar": _("You are too far from the road: %s m."),
        "oldPhoto": _("This photo is not of today: take it again."),
        "bagTwice": _("Bag %s is used for another point of this check."),
        "pointMissing": _("Point %s is missing something: three photos and a bag code are needed."),
        "movedTooFar": _("Point %s lies %s m from its place; %s m are allowed."),
        "movedWhy": _("Point %s lies %s m from its place: say why."),
        "notWeighed": _("Point %s is not weighed: scan its bag on the scale and read tare and gross."),
        "otherFrame": _(
            "The rule's frame is %s m². Another one is asked about at the centre before there is a result."
        ),
        "bagOnScale": _("Bag on the scale"),
        "bagMixed": _("Bag %s is of point %s, not of point %s: bags are mixed up."),
        "bagUnknown": _("Bag %s was filled at no point of this check."),
        "unfit": _("out of calibration"),
        "notCalibrated": _("Scale %s has no valid calibration today. It may not weigh."),
        "kept": _("Kept on the phone. It is handed in as soon as there is network."),
        "signIn": _("Sign in again to hand in what waits; nothing is lost."),
        "sent": _("handed in"),
        "waiting": _("waits for network"),
        "refused": _("refused by the centre"),
        "none": _("Nothing is planned for you today"),
        "point": _("Point"),
        "before": _("photo before"),
        "frame": _("photo in the frame"),
        "after": _("photo after"),
        "scale": _("photo of the reading"),
        "scaleUnseen": _("Point %s was read by hand: take a photo of the scale's reading."),
        "sign": _("Sign as the second person"),
        "signed": _("Signed: %s"),
        "signLater": _("No network: sign when it is back."),
        "bag": _("Bag code"),
        "scan": _("Scan"),
        "noScan": _("The phone cannot read the code; type it."),
        "reason": _("Reason of moving"),
        "gross": _("Gross (g)"),
        "tare": _("Tare (g)"),
        "bluetooth": _("Read the scale by Bluetooth"),
        "serial": _("Read the scale by cable"),
        **{f"lane_{value}": str(label) for value, label in Lane.choices},
    }


@ensure_csrf_cookie
@require_act(ACT)
def page(request: HttpRequest) -> HttpResponse:
    """The page itself, for inspectors."""
    context = {
        "words": _words(), "weathers": Weather.choices, "surfaces": Surface.choices, "exclusions": Exclusion.choices,
        "scales": [
            {"code": scale.code, "name": scale.name,
             "calibrations": [[one.on.isoformat(), one.until.isoformat(), one.passed]
                              for one in sorted(scale.calibrations.all(), key=lambda c: (c.on, c.pk), reverse=True)]}
            for scale in Scale.objects.filter(active=True).prefetch_related("calibrations")
        ],
    }  # fmt: skip
    return render(request, "cleanliness/phone.html", context)


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
    return phone.manifest(_("Chengheng road check"), _("Road check"), "/m/clean/")
