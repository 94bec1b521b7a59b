"""Files for people: the content, its thumbnail, uploading onto a subject, and the retention page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from chengheng.common.errors import Invalid
from chengheng.common.files import attaching, serving
from chengheng.common.files.forms import RetentionForm, UploadForm
from chengheng.common.files.keeping import store
from chengheng.common.files.models import RetentionRule
from chengheng.common.people import access
from chengheng.common.ui.views import page, redirect, require_act, signed_in, toast


@require_safe
@signed_in
def content(request: HttpRequest, pk: int) -> HttpResponseBase:
    return serving.send(request, attaching.fetch(request.user, pk), save="save" in request.GET)


@require_safe
@signed_in
def page_picture(request: HttpRequest, pk: int, number: int) -> HttpResponseBase:
    """A page of a document as a picture."""
    return serving.send_page(request, attaching.fetch(request.user, pk), number)


@require_safe
@signed_in
def thumbnail(request: HttpRequest, pk: int) -> HttpResponseBase:
    return serving.send_thumbnail(request, attaching.fetch(request.user, pk))


@require_safe
def linked(request: HttpRequest, token: str) -> HttpResponseBase:
    """For machines: the token is the permission. No session is looked at."""
    return serving.send(request, attaching.linked(token))


linked.login_required = False  # type: ignore[attr-defined]


@require_http_methods(["POST"])
@signed_in
def upload(request: HttpRequest, subject_type: str, subject_id: str) -> HttpResponse:
    """Put a file on a subject whose model names the act for it; answers with the subject's pictures."""
    subject = attaching.subject_for_attaching(request.user, subject_type, subject_id)
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        raise Invalid(str(next(iter(form.errors.values()))[0]), field=next(iter(form.errors)))
    sent = form.cleaned_data["file"]
    kind = form.cleaned_data["kind"]
    attachment = attaching.attach(store(sent, sent.name, sent.content_type), subject, kind, request.user, sent.name)
    response = page(request, "files/attached.html", {"attachments": attaching.of(subject, kind)}, status=201)
    return toast(response, _("%(name)s is attached.") % {"name": attachment.name}, "good")


@require_act("files.retention.view")
def retention(request: HttpRequest) -> HttpResponse:
    """The rules of retention, and a form for those who may set one."""
    may_set = access.may(request.user, "files.retention.set")
    form = RetentionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        attaching.set_retention(request.user, **form.cleaned_data)
        return redirect(request, request.path, _("The rule is set."))
    return page(
        request,
        "files/retention.html",
        {
            "rules": RetentionRule.objects.all(),
            "in_force": {rule.pk for rule in attaching.rules_on(timezone.localdate())},
            "form": form if may_set else None,
        },
    )
