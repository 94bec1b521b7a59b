"""What the pages of this room share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from chengheng.common.errors import NotFound, NotPermitted, Refusal
from chengheng.common.people.errors import TooMany, Unauthenticated
from chengheng.common.people.models import User


def me(request: HttpRequest) -> User:
    """The user of a page that asks for a sign-in (all do, see `middleware.SignInRequired`)."""
    if not isinstance(request.user, User):
        raise Unauthenticated
    return request.user


def tell(form: forms.BaseForm, refusal: Refusal) -> None:
    """The refusal on its field of the form, or on the whole form."""
    form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))


def attempt(request: HttpRequest, act: Callable[[], Any], done: str) -> bool:
    """Do an act of a button; what refuses it becomes a message. Whether it was done.

    Missing permission and missing rows are no messages: they go to the border as they are.
    """
    try:
        act()
    except (NotPermitted, NotFound):
        raise
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return False
    messages.success(request, done)
    return True


def refused_form(request: HttpRequest, template: str, context: dict[str, Any], refusal: Refusal | None) -> HttpResponse:
    """The form again, with the status of what refused it."""
    status = refusal.status if refusal is not None else 422
    response = render(request, template, context, status=status)
    if isinstance(refusal, TooMany):
        response["Retry-After"] = str(refusal.retry_after)
    return response
