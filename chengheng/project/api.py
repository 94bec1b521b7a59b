"""The one API: every room's router, one way in, one shape of error."""

from __future__ import annotations

from importlib import import_module

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI

from chengheng import __version__
from chengheng.common.errors import Refusal

api = NinjaAPI(title="城衡 Chengheng", version=__version__, urls_namespace="api")

for room in (*settings.SYSTEMS, "performance", "portal"):
    api.add_router(f"/{room}/", import_module(f"chengheng.{room}.api").router)


@api.exception_handler(Refusal)
def refuse(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """A refusal in the field's words, with its own HTTP status."""
    return api.create_response(request, refusal.as_dict(), status=refusal.status)
