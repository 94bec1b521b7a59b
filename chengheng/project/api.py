"""The one API: every room's router, one way in, one shape of error."""

from __future__ import annotations

from importlib import import_module

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError

from chengheng import __version__
from chengheng.common.errors import Refusal
from chengheng.common.people.api import router as people
from chengheng.common.people.auth import API_AUTH
from chengheng.common.people.errors import TooMany, Unauthenticated

api = NinjaAPI(
    title="城衡 Chengheng",
    version=__version__,
    urls_namespace="api",
    auth=API_AUTH,
    docs_decorator=login_required,
)

api.add_router("/people/", people)
for room in (*settings.SYSTEMS, "performance", "portal"):
    api.add_router(f"/{room}/", import_module(f"chengheng.{room}.api").router)


@api.exception_handler(Refusal)
def refuse(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """A refusal in the field's words, with its own HTTP status."""
    response = api.create_response(request, refusal.as_dict(), status=refusal.status)
    if isinstance(refusal, TooMany):
        response["Retry-After"] = str(refusal.retry_after)
    return response


@api.exception_handler(AuthenticationError)
def refuse_stranger(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    """Neither token nor session."""
    return refuse(request, Unauthenticated())
