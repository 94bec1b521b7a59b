"""Pages of webhooks: addresses that are told of changes, what was delivered, the secret once."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from chengheng.common.errors import Refusal
from chengheng.common.people import access
from chengheng.common.people.models import User
from chengheng.common.ui.views import page, redirect, require_act
from chengheng.patrol import changes
from chengheng.patrol.forms import HookForm
from chengheng.patrol.models import Hook

MANAGE = "patrol.hook.manage"


@require_act(MANAGE)
def hooks(request: HttpRequest) -> HttpResponse:
    """The addresses, and the form that adds one; the answer to it shows the secret, which nobody can read again."""
    form = HookForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        assert isinstance(request.user, User)
        try:
            hook, secret = changes.add_hook(request.user, form.cleaned_data["url"])
        except Refusal as refusal:
            form.add_error("url", str(refusal))
        else:
            return _secret(request, hook, secret)
    rows = access.visible(request.user, MANAGE, Hook.objects.select_related("owner")).order_by("-active", "-pk")
    return page(request, "patrol/hooks.html", {"rows": rows[:200], "form": form}, status=422 if form.errors else 200)


def _secret(request: HttpRequest, hook: Hook, secret: str) -> HttpResponse:
    answer = page(request, "patrol/hook_secret.html", {"hook": hook, "secret": secret})
    answer.headers["Cache-Control"] = "no-store"
    return answer


@require_act(MANAGE)
def hook(request: HttpRequest, pk: int) -> HttpResponse:
    """One address: how it stands, its latest deliveries, and how far it was told."""
    subject = access.fetch(request.user, MANAGE, Hook.objects.select_related("owner"), pk=pk)
    waiting = changes.waiting_for(subject) if subject.active else 0
    context = {"hook": subject, "deliveries": subject.deliveries.all()[:100], "waiting": waiting}
    return page(request, "patrol/hook.html", {**context, "batch": changes.BATCH})


@require_POST
@require_act(MANAGE)
def retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Call the address again now."""
    changes.retry_hook(request.user, pk)
    return redirect(request, reverse("patrol:hook", args=[pk]), _("The address is called now."))


@require_POST
@require_act(MANAGE)
def renew(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a new secret and show it once."""
    secret = changes.renew_secret(request.user, pk)
    return _secret(request, Hook.objects.get(pk=pk), secret)


@require_POST
@require_act(MANAGE)
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Tell the address no more."""
    changes.remove_hook(request.user, pk)
    return redirect(request, reverse("patrol:hooks"), _("The address is told no more."))
