"""Pages of maintenance: parse, call one action or query, render."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import segno
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect as redirect_to
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from chengheng.common import files, trail
from chengheng.common.errors import Refusal
from chengheng.common.measures import Period
from chengheng.common.people import access
from chengheng.common.people.access import SYSTEM
from chengheng.common.people.limits import Buckets
from chengheng.common.ui.views import page, redirect, require_act
from chengheng.maintenance import actions, exports, measures, queries
from chengheng.maintenance.care.actions import RATED_IN
from chengheng.maintenance.care.queries import articles_for
from chengheng.maintenance.errors import NoSuchDevice, TooManyReports
from chengheng.maintenance.forms import (
    BillForm,
    CheckForm,
    ContractForm,
    DeviceForm,
    ExclusionForm,
    FaultForm,
    LabelForm,
    ParentForm,
    PlanForm,
    SiteForm,
    SourceForm,
    StrikeForm,
    SystemForm,
    VisitForm,
)
from chengheng.maintenance.keeping import keep_entry
from chengheng.maintenance.models import (
    AlertSource,
    Bill,
    Check,
    Contract,
    Device,
    Exclusion,
    Fault,
    Plan,
    ProberRun,
    Site,
    System,
    Visit,
)
from chengheng.maintenance.prober.once import ask_once

LABEL_REPORTS_PER_MINUTE = 6
_label_reports = Buckets()


@require_act("maintenance.device.view")
def state(request: HttpRequest) -> HttpResponse:
    """How every system is now: devices, outages, faults, and whether the prober runs."""
    prober = ProberRun.objects.filter(ended_at__isnull=True).first()
    alive = prober is not None and timezone.now() - prober.last_seen_at < timedelta(minutes=2)
    faults = access.visible(request.user, "maintenance.fault.view", Fault.objects.filter(closed_at__isnull=True))
    context = {
        "systems": queries.systems(request.user), "prober": prober, "alive": alive,
        "faults": faults.select_related("device", "vendor").order_by("due_at")[:20],
        "may_set_up": access.may(request.user, "maintenance.system.change"),
    }  # fmt: skip
    return page(request, "maintenance/state.html", context)


def _device(request: HttpRequest, pk: int, act: str = "maintenance.device.view") -> Device:
    rows = Device.objects.select_related("system", "site", "vendor")
    return access.fetch(request.user, act, rows, pk=pk)


@require_act("maintenance.device.view")
def device(request: HttpRequest, pk: int) -> HttpResponse:
    """One device: state, checks, outages, faults, relations, label."""
    row = _device(request, pk)
    today = timezone.localdate()
    month = Period.month(today.year, today.month)
    due, down = queries.normal_seconds([row.pk], month.starts_at, month.ends_before).get(row.pk, (0, 0))
    context = {
        "device": row,
        "state": queries.state_of([row])[row.pk],
        "rate": (due - down) / due * 100 if due else None,
        "down_hours": down / 3600,
        "checks": row.checks.all(),
        "spans": row.spans.exclude(state="up").select_related("check_row", "fault")[:12],
        "windows": queries.windows_of(row, timezone.now()),
        "faults": access.visible(request.user, "maintenance.fault.view", row.faults.all())[:10],
        "parents": row.depends_on.all(),
        "children": row.dependents.all(),
        "contract": queries.contract_on(row, today),
        "qr": _qr(request, row),
        "documents": files.of(row),
        "life": queries.life_of(row),
        "hours": queries.hours_of(row, timezone.now()),
        "parent_form": ParentForm(),
        "may_retire": row.retired_at is None and access.may(request.user, "maintenance.device.retire", row),
        "may_change": access.may(request.user, "maintenance.device.change", row),
        "may_watch": access.may(request.user, "maintenance.device.watch", row),
        "may_exclude": access.may(request.user, "maintenance.device.exclude", row),
        "may_report": access.may(request.user, "maintenance.fault.report"),
    }
    return page(request, "maintenance/device.html", context)


@require_POST
@require_act("maintenance.device.change")
def depend(request: HttpRequest, pk: int) -> HttpResponse:
    """Say what a device depends on (code=), or that it does no longer (away=)."""
    row = _device(request, pk, "maintenance.device.change")
    away = request.POST.get("away", "")
    rows = access.visible(request.user, "maintenance.device.view", Device.objects.all())
    if away:
        other = rows.filter(code=away).first()
        if other is None:
            raise NoSuchDevice(field="away")
        actions.stand_alone(row, other, request.user)
        return redirect(request, row.get_absolute_url(), _("Saved."))
    form = ParentForm(request.POST)
    other = rows.filter(code=form.cleaned_data["code"].strip()).first() if form.is_valid() else None
    try:
        if other is None:
            raise NoSuchDevice(field="code")
        actions.depend(row, other, request.user)
    except Refusal as refusal:
        return redirect(request, row.get_absolute_url(), str(refusal), "bad")
    return redirect(request, row.get_absolute_url(), _("Saved."))


@require_POST
@require_act("maintenance.device.view")
def document(request: HttpRequest, subject: str, pk: int) -> HttpResponse:
    """Put a document on a device, a contract or an article, as its model permits."""
    from chengheng.common.files.attaching import subject_for_attaching

    if subject not in {"device", "contract", "article"}:
        raise Http404
    row: Any = subject_for_attaching(request.user, f"maintenance.{subject}", str(pk))
    sent = request.FILES.get("file")
    if sent is None:
        return redirect(request, row.get_absolute_url(), _("Choose a file first."), "warn")
    try:
        name = sent.name or ""
        files.attach(files.store(sent, name, sent.content_type), row, "document", request.user, name)
    except Refusal as refusal:
        return redirect(request, row.get_absolute_url(), str(refusal), "bad")
    return redirect(request, row.get_absolute_url(), _("%(name)s is attached.") % {"name": name})


def _qr(request: HttpRequest, row: Device) -> str:
    address = request.build_absolute_uri(row.label_url())
    return segno.make(address, error="m").svg_data_uri(scale=4, border=2, dark="#000", light="#fff")


@require_act("maintenance.device.view")
def labels(request: HttpRequest) -> HttpResponse:
    """Labels for printing, of the devices that the filter names (?system=, ?q=), at most 500."""
    rows = access.visible(request.user, "maintenance.device.view", Device.objects.filter(retired_at__isnull=True))
    if system := request.GET.get("system", ""):
        rows = rows.filter(system__code=system)
    if words := request.GET.get("q", ""):
        rows = rows.filter(code__icontains=words)
    found = [(row, _qr(request, row)) for row in rows.select_related("system", "site")[:500]]
    return page(request, "maintenance/labels.html", {"labels": found})


def _form(request: HttpRequest, form: Any, title: str, back: str, status: int = 200) -> HttpResponse:
    context = {"form": form, "title": title, "back": back}
    return page(request, "maintenance/form.html", context, status=422 if form.errors else status)


@require_act("maintenance.device.change")
def device_new(request: HttpRequest) -> HttpResponse:
    """Register a device."""
    form = DeviceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = actions.register_device(request.user, **form.cleaned_data)
        return redirect(request, made.get_absolute_url(), _("Registered."))
    return _form(request, form, _("Add a device"), reverse("maintenance:devices"))


@require_act("maintenance.device.change")
def device_change(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a device's entry."""
    row = _device(request, pk, "maintenance.device.change")
    form = DeviceForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        actions.change_device(Device.objects.get(pk=pk), request.user, **form.cleaned_data)
        return redirect(request, row.get_absolute_url(), _("Saved."))
    return _form(request, form, _("Change a device"), row.get_absolute_url())


def _kinds(address: str, kind: str) -> list[dict[str, Any]]:
    """Tabs, one for each kind of probe that can be set up by hand."""
    return [
        {"label": label, "url": f"{address}?kind={value}", "current": value == kind}
        for value, label in Check.Kind.choices
        if value != Check.Kind.TOLD
    ]


@require_act("maintenance.device.watch")
def check_new(request: HttpRequest, pk: int) -> HttpResponse:
    """Set up a probe of a device, of the kind of ?kind=."""
    row = _device(request, pk, "maintenance.device.watch")
    kind = request.GET.get("kind", "icmp")
    if kind not in CheckForm.EXAMPLES:
        raise Http404
    form = CheckForm(
        kind, request.POST or None, initial={"target": row.address if kind != "http" else "", "interval_s": 60}
    )
    if request.method == "POST" and form.is_valid():
        actions.set_check(row, request.user, kind=kind, secrets=form.secrets(), **form.said())
        return redirect(request, row.get_absolute_url(), _("The prober takes it up within a minute."))
    context = {"form": form, "title": _("Add a probe"), "back": row.get_absolute_url(), "device": row,
               "tabs": _kinds(reverse("maintenance:check_new", args=[pk]), kind)}  # fmt: skip
    return page(request, "maintenance/form.html", context, status=422 if form.errors else 200)


def _check(request: HttpRequest, pk: int) -> Check:
    return access.fetch(request.user, "maintenance.device.watch", Check.objects.select_related("device"), pk=pk)


@require_act("maintenance.device.watch")
def check_change(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a probe, or switch it off."""
    row = _check(request, pk)
    form = CheckForm(row.kind, request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        actions.change_check(Check.objects.get(pk=pk), request.user, secrets=form.secrets(), **form.said())
        return redirect(request, row.get_absolute_url(), _("The prober takes it up within a minute."))
    return _form(request, form, str(row), row.get_absolute_url())


@require_POST
@require_act("maintenance.device.watch")
def check_ask(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask once, now, and tell the answer. Nothing is counted: that is the prober's."""
    row = _check(request, pk)
    answer = ask_once(row)
    words = _("It answered in %(ms).1f ms.") % {"ms": answer.ms or 0} if answer.ok else answer.text
    return redirect(request, row.get_absolute_url(), f"{row}: {words}", "good" if answer.ok else "bad")


@require_act("maintenance.source.change")
def sources(request: HttpRequest) -> HttpResponse:
    """The monitoring systems whose alerts come in; a new one with its secret, which is shown this once."""
    form = SourceForm(request.POST or None)
    shown = None
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        shown = actions.add_source(request.user, code=data["code"], name=data["name"], kind=data["kind"])
        form = SourceForm()
    return _sources(request, form, shown, 422 if form.errors else 200)


def _sources(request: HttpRequest, form: SourceForm, shown: Any = None, status: int = 200) -> HttpResponse:
    rows = access.visible(request.user, "maintenance.source.change", AlertSource.objects.all())
    base = request.build_absolute_uri("/api/v1/maintenance/hooks/")
    context = {"sources": rows, "form": form, "shown": shown, "base": base}
    response = page(request, "maintenance/sources.html", context, status=status)
    if shown:
        response["Cache-Control"] = "no-store"
    return response


@require_POST
@require_act("maintenance.source.change")
def source_change(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a source another secret (do=renew), take its alerts no longer (do=off) or again (do=on)."""
    row = access.fetch(request.user, "maintenance.source.change", AlertSource.objects.all(), pk=pk)
    do = request.POST.get("do", "")
    if do == "renew":
        return _sources(request, SourceForm(), (row, actions.renew_source(row, request.user)))
    if do not in {"on", "off"}:
        raise Http404
    actions.switch_source(row, request.user, active=do == "on")
    return redirect(request, reverse("maintenance:sources"), _("Saved."))


@require_act("maintenance.device.exclude")
def exclusion_new(request: HttpRequest, pk: int) -> HttpResponse:
    """Approve a maintenance window."""
    row = _device(request, pk, "maintenance.device.exclude")
    form = ExclusionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.exclude(request.user, device=row, **form.cleaned_data)
            return redirect(request, row.get_absolute_url(), _("Approved."))
        except Refusal as refusal:
            form.add_error(refusal.field or None, str(refusal))
    return _form(request, form, _("Approve a maintenance window"), row.get_absolute_url())


@require_act("maintenance.device.exclude")
def system_window(request: HttpRequest, code: str) -> HttpResponse:
    """Approve a maintenance window of a whole system."""
    row = _system(code)
    form = ExclusionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.exclude(request.user, system=row, **form.cleaned_data)
            return redirect(request, reverse("maintenance:system", args=[code]), _("Approved."))
        except Refusal as refusal:
            form.add_error(refusal.field or None, str(refusal))
    title = _("Approve a maintenance window: %(name)s") % {"name": row}
    return _form(request, form, title, reverse("maintenance:system", args=[code]))


@require_POST
@require_act("maintenance.device.exclude")
def window_end(request: HttpRequest, pk: int) -> HttpResponse:
    """End a maintenance window now, or take back one to come."""
    rows = Exclusion.objects.select_related("device", "system")
    row = access.fetch(request.user, "maintenance.device.exclude", rows, pk=pk)
    back = row.device.get_absolute_url() if row.device else ""
    if row.system is not None:
        back = reverse("maintenance:system", args=[row.system.code])
    try:
        actions.end_exclusion(row, request.user)
    except Refusal as refusal:
        return redirect(request, back, str(refusal), "bad")
    return redirect(request, back, _("The window is over."))


@require_act("maintenance.fault.report")
def fault_new(request: HttpRequest, pk: int) -> HttpResponse:
    """Report a fault of a device."""
    row = _device(request, pk)
    form = FaultForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made, new = actions.report_fault(request.user, row, source=Fault.Source.DUTY, **form.cleaned_data)
            words = _("Reported.") if new else _("This device has an open fault: your report was added to it.")
            return redirect(request, made.get_absolute_url(), words)
        except Refusal as refusal:
            form.add_error(None, str(refusal))
    return _form(request, form, _("Report a fault"), row.get_absolute_url())


@require_POST
@require_act("maintenance.device.retire")
def retire(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a device out of service."""
    row = _device(request, pk, "maintenance.device.retire")
    actions.retire_device(row, request.user)
    return redirect(request, row.get_absolute_url(), _("Retired."))


@require_act("maintenance.fault.view")
def fault(request: HttpRequest, pk: int) -> HttpResponse:
    """One fault with its steps, clocks, reports, parts and what helped before. Looking at reporters' phones is recorded."""
    rows = Fault.objects.select_related("device__site", "system", "vendor", "contract", "holder")
    row = access.fetch(request.user, "maintenance.fault.view", rows, pk=pk)
    reports = list(row.report_rows.select_related("by"))
    if any(report.name or report.phone for report in reports):
        trail.viewed(request.user, row, "maintenance.fault.view")
    context = {
        "fault": row, "reports": reports, "parts": row.parts.all(), "known": queries.known_solutions(row),
        "photos": list(files.of(row)), "spans": row.device.spans.filter(state="down", since__gte=row.happened_at)[:5],
        "articles": articles_for(request.user, row), "ratings": row.ratings.all(),
        "mine": next((one for one in reports if one.by_id == request.user.pk and one.token), None),
        "may_write": bool(row.solution) and access.may(request.user, "maintenance.knowledge.write"),
        "may_rate": row.state in RATED_IN,
    }  # fmt: skip
    return page(request, "maintenance/fault.html", context)


@require_act("maintenance.visit.view")
def visit(request: HttpRequest, pk: int) -> HttpResponse:
    """One visit: the check list until it is recorded, the result afterwards."""
    row = access.fetch(
        request.user, "maintenance.visit.view", Visit.objects.select_related("plan", "device", "by"), pk=pk
    )
    may = row.done_at is None and access.may(request.user, "maintenance.visit.record", row)
    form = VisitForm(row.plan, request.POST or None, initial={"label": request.GET.get("label", "")}) if may else None
    if request.method == "POST" and form is not None and form.is_valid():
        try:
            actions.record_visit(
                row, request.user, normal=form.cleaned_data["normal"] == "1", answers=form.answers(),
                note=form.cleaned_data["note"], label=form.cleaned_data["label"],
            )  # fmt: skip
            return redirect(request, row.get_absolute_url(), _("Recorded."))
        except Refusal as refusal:
            form.add_error(refusal.field or None, str(refusal))
    return page(request, "maintenance/visit.html", {"visit": row, "form": form})


def _plan(request: HttpRequest, row: Plan, title: str, back: str) -> HttpResponse:
    form = PlanForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        until = timezone.localdate() + actions.VISITS_AHEAD
        try:
            made = actions.keep_plan(form.save(commit=False), request.user, until=until)
            return redirect(request, made.get_absolute_url(), _("Kept. The visits to come follow it."))
        except Refusal as refusal:
            form.add_error(refusal.field or None, str(refusal))
    return _form(request, form, title, back)


@require_act("maintenance.plan.change")
def plan_new(request: HttpRequest) -> HttpResponse:
    """Make an inspection plan; its visits of the next thirty days are made at once."""
    row = Plan(starts_on=timezone.localdate())
    return _plan(request, row, _("New inspection plan"), reverse("maintenance:plans"))


@require_act("maintenance.plan.change")
def plan_change(request: HttpRequest, pk: int) -> HttpResponse:
    """Change an inspection plan, or let it rest."""
    row = access.fetch(request.user, "maintenance.plan.change", Plan.objects.all(), pk=pk)
    return _plan(request, row, str(row), row.get_absolute_url())


@require_act("maintenance.visit.view")
def plan(request: HttpRequest, pk: int) -> HttpResponse:
    """An inspection plan: its check list, how its visits stand, what was found."""
    row = access.fetch(request.user, "maintenance.visit.view", Plan.objects.select_related("system"), pk=pk)
    visits = access.visible(request.user, "maintenance.visit.view", row.visits.select_related("device", "by"))
    context = {
        "plan": row, "standing": queries.standing(row, visits), "history": trail.history(row).order_by("-at")[:10],
        "due": visits.filter(done_at=None).order_by("due_on", "pk")[:15],
        "done": visits.filter(done_at__isnull=False).order_by("-done_at")[:15],
        "may_change": access.may(request.user, "maintenance.plan.change", row),
    }  # fmt: skip
    return page(request, "maintenance/plan.html", context)


def _contract(request: HttpRequest, row: Contract | None, title: str, back: str) -> HttpResponse:
    form = ContractForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        made = keep_entry(form.row(), request.user, "maintenance.contract.change")
        return redirect(request, made.get_absolute_url(), _("Saved.") if row else _("Registered."))
    return _form(request, form, title, back)


@require_act("maintenance.contract.change")
def contract_new(request: HttpRequest) -> HttpResponse:
    """Register a contract."""
    return _contract(request, None, _("Register a contract"), reverse("maintenance:contracts"))


@require_act("maintenance.contract.change")
def contract_change(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a contract's terms; the trail keeps what they were."""
    row = access.fetch(request.user, "maintenance.contract.change", Contract.objects.all(), pk=pk)
    return _contract(request, row, str(row), row.get_absolute_url())


@require_act("maintenance.contract.view")
def contract(request: HttpRequest, pk: int) -> HttpResponse:
    """A contract with its service report of a month (?month=2024-05)."""
    rows = Contract.objects.select_related("system", "vendor")
    row = access.fetch(request.user, "maintenance.contract.view", rows, pk=pk)
    period = _month(request, row)
    context = {
        "contract": row, "period": period, "month": f"{period.start:%Y-%m}", "documents": files.of(row),
        "rules": queries.penalty_rules(row), "may_change": access.may(request.user, "maintenance.contract.change", row),
        **queries.service_report(row, period.starts_at, period.ends_before),
    }  # fmt: skip
    return page(request, "maintenance/contract.html", context)


def _month(request: HttpRequest, row: Contract) -> Period:
    """The month of ?month=2024-05; without it the contract's last one that has begun."""
    year, _sign, month = request.GET.get("month", "").partition("-")
    try:
        return Period.month(int(year), int(month))
    except ValueError:
        last = min(row.ends_on, timezone.localdate())
        return Period.month(last.year, last.month)


@require_act("maintenance.contract.view")
def report(request: HttpRequest, pk: int, form: str) -> HttpResponse:
    """The service report of a month as .docx or .xlsx; taking it along is recorded."""
    row = access.fetch(
        request.user, "maintenance.contract.view", Contract.objects.select_related("system", "vendor"), pk=pk
    )
    period = _month(request, row)
    content = exports.docx(row, period) if form == "docx" else exports.xlsx(row, period)
    trail.viewed(request.user, row, "maintenance.contract.report")
    response = HttpResponse(content, content_type=exports.TYPES[form])
    name = f"service-{row.pk}-{period.start:%Y-%m}.{form}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_act("maintenance.fault.respond")
def vendor(request: HttpRequest) -> HttpResponse:
    """A vendor's own page: what waits for them, what they promised, how the month stands."""
    return page(request, "maintenance/vendor.html", queries.work_of(request.user, timezone.now()))


def _system(code: str) -> System:
    row = System.objects.filter(code=code).first()
    if row is None:
        raise Http404
    return row


@require_act("maintenance.device.view")
def system(request: HttpRequest, code: str) -> HttpResponse:
    """One system as it is now: its normal rate by every definition, with the picture of what depends on what."""
    row, now = _system(code), timezone.now()
    found = queries.system_page(request.user, row, now)
    today = timezone.localdate()
    context = {
        "system": row, **found, "rates": measures.rates_of(row, Period.month(today.year, today.month), request.user),
        "windows": queries.windows_of(row, now), "may_change": access.may(request.user, "maintenance.system.change"),
        "may_exclude": access.may(request.user, "maintenance.device.exclude"),
    }  # fmt: skip
    return page(request, "maintenance/system.html", context)


def _entry(request: HttpRequest, form: Any, title: str, back: str) -> HttpResponse:
    """A form of a system or a site, kept by `actions.keep_entry`."""
    if request.method == "POST" and form.is_valid():
        made = keep_entry(form.save(commit=False), request.user, "maintenance.system.change")
        url = reverse("maintenance:system", args=[made.code]) if isinstance(made, System) else made.get_absolute_url()
        return redirect(request, url, _("Saved."))
    return _form(request, form, title, back)


@require_act("maintenance.system.change")
def system_new(request: HttpRequest) -> HttpResponse:
    """Set up a system."""
    return _entry(request, SystemForm(request.POST or None), _("Add a system"), reverse("maintenance:state"))


@require_act("maintenance.system.change")
def system_change(request: HttpRequest, code: str) -> HttpResponse:
    """Change a system: its name, who is responsible, by what its normal rate is judged."""
    row = _system(code)
    form = SystemForm(request.POST or None, instance=row)
    return _entry(request, form, str(row), reverse("maintenance:system", args=[code]))


@require_act("maintenance.system.change")
def site_new(request: HttpRequest) -> HttpResponse:
    """Set up a site."""
    return _entry(request, SiteForm(request.POST or None), _("Add a site"), reverse("maintenance:sites"))


@require_act("maintenance.device.view")
def site(request: HttpRequest, pk: int) -> HttpResponse:
    """One site with its devices as they are now."""
    mine = access.visible(request.user, "maintenance.device.view", Site.objects.all())
    theirs = access.visible(request.user, "maintenance.device.view", Device.objects.all())
    rows = Site.objects.filter(Q(pk__in=mine.values("pk")) | Q(pk__in=theirs.exclude(site=None).values("site")))
    row = rows.select_related("organisation").filter(pk=pk).first()
    if row is None:
        raise Http404
    devices = theirs.filter(site=row, retired_at=None)
    held = list(devices.select_related("system")[:300])
    states = queries.state_of(held)
    context = {"site": row, "devices": [(one, states[one.pk]) for one in held],
               "may_change": access.may(request.user, "maintenance.system.change")}  # fmt: skip
    if row.lon is not None:
        context["map"] = {
            "districts": reverse("places:districts"),
            "layers": [],
            "point": [row.lon, row.lat],
            "zoom": 16,
        }
    return page(request, "maintenance/site.html", context)


@require_act("maintenance.system.change")
def site_change(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a site's entry."""
    row = Site.objects.filter(pk=pk).first()
    if row is None:
        raise Http404
    return _entry(request, SiteForm(request.POST or None, instance=row), str(row), row.get_absolute_url())


@require_act("maintenance.money.view")
def money(request: HttpRequest) -> HttpResponse:
    """What upkeep cost in a year (?year=), by system, against the programmes that pay."""
    this = timezone.localdate().year
    text = request.GET.get("year", "")
    year = int(text) if text.isascii() and text.isdigit() and 2000 <= int(text) <= this + 1 else this
    context = {"costs": queries.costs(request.user, year), "year": year, "years": range(this, this - 4, -1),
               "may_enter": access.may(request.user, "maintenance.money.enter")}  # fmt: skip
    return page(request, "maintenance/money.html", context)


@require_act("maintenance.money.enter")
def bill_new(request: HttpRequest) -> HttpResponse:
    """Enter a bill."""
    form = BillForm(request.POST or None, initial={"paid_on": timezone.localdate()})
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.enter_bill(request.user, **form.cleaned_data)
            words = _("Entered, and booked to: %(name)s") % {"name": made.booked} if made.booked else _(
                "Entered. No programme of that year is answered by this system, so no ledger has it."
            )  # fmt: skip
            return redirect(request, made.get_absolute_url(), words, "good" if made.booked else "warn")
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
    return _form(request, form, _("Enter a bill"), reverse("maintenance:money"))


@require_act("maintenance.money.import")
def import_bills(request: HttpRequest) -> HttpResponse:
    return redirect_to("/intake/maintenance.bill/")


@require_act("maintenance.money.view")
def bill(request: HttpRequest, pk: int) -> HttpResponse:
    """One bill; who may strikes it here."""
    rows = Bill.objects.select_related("system", "contract", "site", "by")
    row = access.fetch(request.user, "maintenance.money.view", rows, pk=pk)
    may = row.struck_at is None and access.may(request.user, "maintenance.money.strike", row)
    form = StrikeForm(request.POST or None) if may else None
    if request.method == "POST" and form is not None and form.is_valid():
        actions.strike_bill(row, request.user, note=form.cleaned_data["note"])
        return redirect(request, row.get_absolute_url(), _("Struck."))
    return page(request, "maintenance/bill.html", {"bill": row, "form": form, "history": trail.history(row)})


@login_not_required
def label(request: HttpRequest, label: str) -> HttpResponse:
    """Behind a QR label, without sign-in: what this device is, and a report of a fault. Shows nothing else of it."""
    row = Device.objects.filter(label=label).select_related("system", "site").first()
    if row is None:
        raise Http404
    form = LabelForm(request.POST or None, request.FILES or None)
    known = queries.open_fault(row)
    if request.method == "POST" and form.is_valid():
        try:
            if _label_reports.take(request.META.get("REMOTE_ADDR", ""), LABEL_REPORTS_PER_MINUTE):
                raise TooManyReports
            told = _report_by_label(row, form.cleaned_data)
            return page(request, "maintenance/label.html", {"device": row, "told": told})
        except Refusal as refusal:
            form.add_error("photo" if refusal.status == 415 else None, str(refusal))
    status = 422 if form.errors else 200
    may_inspect = request.user.is_authenticated and access.grants(request.user, "maintenance.visit.record")
    context = {"device": row, "form": form, "known": known, "may_inspect": may_inspect}
    return page(request, "maintenance/label.html", context, status=status)


@transaction.atomic
def _report_by_label(row: Device, said: dict[str, Any]) -> dict[str, Any]:
    made, new = actions.report_fault(
        SYSTEM, row, source=Fault.Source.USER, title=said["title"], stops_service=said["stops_service"],
        name=said["name"], phone=said["phone"],
    )  # fmt: skip
    if said["photo"]:
        files.attach(files.store(said["photo"], said["photo"].name), made, "photos", SYSTEM)
    report = made.report_rows.latest("pk")
    return {"number": made.number, "new": new, "follow": report.follow_url()}
