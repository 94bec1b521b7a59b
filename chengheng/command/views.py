"""Pages of command: parse, call one action or query, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from chengheng.command import actions, exports, planning, queries
from chengheng.command.forms import (
    CheckForm,
    EndForm,
    HandOverForm,
    LevelForm,
    NeedForm,
    OrderForm,
    OrderTemplateForm,
    PlaceForm,
    PlanForm,
    ResourceForm,
    ShiftForm,
    SiteForm,
    StartForm,
    StepForm,
    WeatherForm,
)
from chengheng.command.models import (
    DutyShift,
    Order,
    OrderPapers,
    OrderTemplate,
    Plan,
    PlanLevel,
    PlanNeed,
    PlanRun,
    PlanStep,
    Resource,
    Site,
    Target,
    WeatherNote,
)
from chengheng.command.rules import WEATHER_HOURS
from chengheng.common import files, notices, trail
from chengheng.common.errors import NotFound, Refusal
from chengheng.common.files.rules import PICTURES
from chengheng.common.links import choosing
from chengheng.common.people import access
from chengheng.common.places import near
from chengheng.common.ui import maplayers, words
from chengheng.common.ui.views import page, redirect, require_act

REACHES = (500, 1000, 2000, 5000)
"""Metres around a place that the command screen offers to look."""
_SHOWN = {"command.sites", "command.orders", "video.cameras"}


@require_act("command.target.view")
def screen(request: HttpRequest) -> HttpResponse:
    """The command screen: map with venues, resources, orders and cameras; what is open, who is on duty."""
    layers = [
        {"code": layer.code, "label": str(layer.label), "url": layer.url, "shape": layer.shape, "tone": layer.tone,
         "shown": layer.code in _SHOWN, "bounded": layer.bounded}
        for layer in maplayers.for_user(request.user)
    ]  # fmt: skip
    context = {
        "map": {"layers": layers, "districts": reverse("places:districts"), "pick": ["near-lon", "near-lat"]},
        "reaches": REACHES,
        "may_note": access.may(request.user, "command.weather.note"),
        "may_give": access.may(request.user, "command.order.give"),
        "may_plan": access.may(request.user, "command.plan.view"),
        **queries.screen(request.user),
    }
    return page(request, "command/screen.html", context)


def _place(request: HttpRequest) -> tuple[float, float, int] | None:
    """The place that was asked for, and how far around: ?lon=&lat=&reach=; None for anything else."""
    form = PlaceForm(request.GET)
    if not form.is_valid():
        return None
    found = form.cleaned_data
    return found["lon"], found["lat"], found["reach"] or REACHES[1]


@require_act("command.target.view")
def near_place(request: HttpRequest) -> HttpResponse:
    """Who answers for a place and what is near it, to be told or called in at once: a part of the command screen."""
    place = _place(request)
    if place is None:
        raise NotFound
    lon, lat, reach = place
    context = {
        "where": queries.place_words(lon, lat), "lon": lon, "lat": lat, "reach": reach,
        "answerable": queries.answerable(request.user, lon, lat, reach),
        "groups": near.around(request.user, lon, lat, reach),
        "nameable": set(queries.orderable_people(request.user).values_list("pk", flat=True)),
        "may_give": access.may(request.user, "command.order.give"),
        "may_call": access.may(request.user, "command.meeting.call"),
    }  # fmt: skip
    return page(request, "command/near.html", context)


@require_act("command.weather.view")
def weather(request: HttpRequest) -> HttpResponse:
    """The weather notes of the last days; whoever is on duty writes the next."""
    may = access.may(request.user, "command.weather.note")
    form = WeatherForm(request.POST or None) if may else None
    if request.method == "POST" and form is not None and form.is_valid():
        try:
            actions.note_weather(request.user, **form.cleaned_data)
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            return redirect(request, reverse("command:weather"), _("Saved"))
    holding = {note.pk for note in queries.weather(request.user)}
    rows = access.visible(
        request.user, "command.weather.view", WeatherNote.objects.select_related("by", "organisation")
    )
    context = {"form": form, "notes": [(note, note.pk in holding) for note in rows[:60]], "hours": WEATHER_HOURS}
    return page(request, "command/weather.html", context, status=422 if form and form.errors else 200)


def _point_map(row: Order | Site | Target, zoom: int) -> dict[str, Any] | None:
    if row.lon is None or row.lat is None:
        return None
    return {"districts": reverse("places:districts"), "point": [row.lon, row.lat], "zoom": zoom}


def _looking_at(form: OrderForm) -> dict[str, Any]:
    """Where the map of an order's form looks first: at its place, if it has one."""
    lon, lat = (words.decimal(str(form[name].value() or "")) for name in ("lon", "lat"))
    return {} if lon is None or lat is None else {"point": [float(lon), float(lat)], "zoom": 13}


def _form(request: HttpRequest, form: Any, title: str, back: str, **more: Any) -> HttpResponse:
    context = {"form": form, "title": title, "back": back, **more}
    return page(request, "command/form.html", context, status=422 if form.errors else 200)


def _refused(form: Any, refusal: Refusal) -> None:
    form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))


@require_act("command.order.give")
def linkable(request: HttpRequest) -> HttpResponse:
    """Records of any system that fit some words (`?q=`), to be ticked; what is ticked already (`?linked=`) stays."""
    return page(
        request, "command/linkable.html", _linkable(request, request.GET.getlist("linked"), request.GET.get("q", ""))
    )


def _linkable(request: HttpRequest, keys: list[str], words: str = "") -> dict[str, Any]:
    try:
        ticked = [choosing.choice(row) for row in choosing.chosen(request.user, keys)]
    except NotFound:
        ticked = []
    known = {choice.key for choice in ticked}
    hits = [choice for choice in choosing.find(request.user, words) if choice.key not in known]
    return {"ticked": ticked, "hits": hits, "words": words.strip()}


@require_act("command.order.give")
def order_new(request: HttpRequest) -> HttpResponse:
    """An order on a form: empty, filled from a template (`?template=`), or for a place (`?lon=&lat=`) with whom and what
    belongs to it (`?organisations=&people=&linked=`)."""
    templates = access.visible(request.user, "command.order.give", OrderTemplate.objects.all())
    number, initial, chosen_template = request.GET.get("template", ""), {}, None
    if number.isdigit() and (chosen_template := templates.filter(pk=int(number)).first()) is not None:
        names = ("title", "body", "priority", "receipt_minutes", "finish_minutes", "checklist")
        initial = {name: getattr(chosen_template, name) for name in names}
    initial |= {name: request.GET[name] for name in ("lon", "lat", "address") if name in request.GET}
    form = OrderForm(request.user, request.POST or None, request.FILES or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            linked = choosing.chosen(request.user, request.POST.getlist("linked"))
            order = actions.give_order(request.user, **form.given(), linked=linked)
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            return redirect(request, order.get_absolute_url(), _("The order was given."))
    asked = request.POST if request.method == "POST" else request.GET
    chosen, people = asked.getlist("organisations"), asked.getlist("people")
    context = {
        "form": form,
        "fields": [
            field for field in form if field.name not in ("organisations", "people", "group", "area", "tell_all")
        ],
        "to": [form["group"], form["area"], form["tell_all"]],
        "templates": templates[:50],
        "chosen": chosen_template,
        "map": {"districts": reverse("places:districts"), "pick": ["id_lon", "id_lat"], **_looking_at(form)},
        "kinds": [str(kind.label) for kind in choosing.kinds()],
        **_linkable(request, asked.getlist("linked")),
        "people": [
            (row, str(row.pk) in people)
            for row in queries.orderable_people(request.user)
            .select_related("organisation")
            .order_by("organisation__code", "display_name")[:500]
        ],
        "organisations": [(row, str(row.pk) in chosen) for row in queries.orderable(request.user)[:500]],
    }
    return page(request, "command/order_form.html", context, status=422 if form.errors else 200)


@require_act("command.order.view")
def order(request: HttpRequest, pk: int) -> HttpResponse:
    row = access.fetch(
        request.user,
        "command.order.view",
        Order.objects.select_related("organisation", "issued_by", "run__level__plan"),
        pk=pk,
    )
    rows = row.targets.select_related("organisation", "holder", "person").order_by("organisation__code", "pk")
    context = {
        "order": row,
        "targets": access.visible(request.user, "command.target.view", rows),
        "count": queries.count_targets(row.targets.all()),
        "papers": files.of(OrderPapers.objects.get(pk=row.pk), "paper"),
        "map": _point_map(row, 13),
    }
    return page(request, "command/order.html", context)


@require_act("command.target.view")
def target(request: HttpRequest, pk: int) -> HttpResponse:
    row = access.fetch(
        request.user, "command.target.view",
        Target.objects.select_related("order__organisation", "organisation", "holder", "person", "site"), pk=pk,
    )  # fmt: skip
    came = list(files.of(row))
    ticks = {tick.position: tick for tick in row.ticks.select_related("by")}
    context = {
        "items": [(at, text, ticks.get(at)) for at, text in enumerate(row.order.checklist)],
        "ticked": len(ticks),
        "may_tick": row.state == "received"
        and row.person_id in (None, request.user.pk)
        and access.may(request.user, "command.target.report", row),
        "papers": files.of(OrderPapers.objects.get(pk=row.order_id), "paper"),
        "target": row,
        "order": row.order,
        "photos": [one for one in came if one.file.media_type in PICTURES],
        "others": [one for one in came if one.file.media_type not in PICTURES],
        "map": _point_map(row, 15),
        "can_call": notices.can_call(),
        "may_order": access.may(request.user, "command.order.view", row.order),
    }
    return page(request, "command/target.html", context)


@require_act("command.target.report")
@require_POST
def tick(request: HttpRequest, pk: int) -> HttpResponse:
    """Tick an item of a checklist, or take the tick back."""
    row = access.fetch(request.user, "command.target.report", Target.objects.all(), pk=pk)
    position = request.POST.get("item", "")
    if not position.isdigit():
        raise NotFound
    try:
        actions.tick_item(row, request.user, int(position), done=request.POST.get("done") == "1")
    except Refusal as refusal:
        return redirect(request, row.get_absolute_url(), str(refusal), "bad")
    return redirect(request, row.get_absolute_url())


@require_act("command.order.template")
def order_template(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    row = access.fetch(request.user, "command.order.give", OrderTemplate.objects.all(), pk=pk) if pk else None
    form = OrderTemplateForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        try:
            actions.save_order_template(request.user, form.save(commit=False))
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            return redirect(request, reverse("command:order_templates"), _("Saved"))
    removal = reverse("command:order_template_delete", args=[row.pk]) if row else ""
    return _form(
        request,
        form,
        str(row) if row else _("Enter an order template"),
        reverse("command:order_templates"),
        remove=removal,
    )


@require_act("command.order.template")
@require_POST
def order_template_delete(request: HttpRequest, pk: int) -> HttpResponse:
    actions.delete_order_template(
        request.user, access.fetch(request.user, "command.order.give", OrderTemplate.objects.all(), pk=pk)
    )
    return redirect(request, reverse("command:order_templates"), _("The template was removed."))


@require_act("command.plan.view")
def plans(request: HttpRequest) -> HttpResponse:
    """The plans: of each code the edition in force, or the latest there is, and its draft."""
    rows = access.visible(request.user, "command.plan.view", Plan.objects.prefetch_related("levels"))
    latest: dict[str, Plan] = {}
    drafts: dict[str, Plan] = {}
    for row in rows:
        if row.state == Plan.State.DRAFT:
            drafts[row.code] = row
        elif row.code not in latest or row.state == Plan.State.IN_FORCE:
            latest[row.code] = row
    shown = [(row, drafts.pop(code, None)) for code, row in latest.items()] + [(row, None) for row in drafts.values()]
    may = access.may(request.user, "command.plan.change")
    return page(request, "command/plans.html", {"plans": shown, "may_change": may})


@require_act("command.plan.change")
def plan_edit(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    row = access.fetch(request.user, "command.plan.change", Plan.objects.all(), pk=pk) if pk else None
    form = PlanForm(request.user, request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        try:
            saved = planning.save_plan(request.user, form.save(commit=False))
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            return redirect(request, saved.get_absolute_url(), _("Saved"))
    back = row.get_absolute_url() if row else reverse("command:plans")
    return _form(request, form, str(row) if row else _("Write a plan"), back)


@require_act("command.plan.change")
@require_POST
def plan_revise(request: HttpRequest, pk: int) -> HttpResponse:
    row = access.fetch(request.user, "command.plan.change", Plan.objects.all(), pk=pk)
    try:
        draft = planning.revise_plan(request.user, row)
    except Refusal as refusal:
        return redirect(request, row.get_absolute_url(), str(refusal), "bad")
    return redirect(request, draft.get_absolute_url(), _("A draft of the next edition was made."))


@require_act("command.plan.adopt")
@require_POST
def plan_adopt(request: HttpRequest, pk: int) -> HttpResponse:
    row = access.fetch(request.user, "command.plan.adopt", Plan.objects.all(), pk=pk)
    try:
        planning.adopt_plan(request.user, row)
    except Refusal as refusal:
        return redirect(request, row.get_absolute_url(), str(refusal), "bad")
    return redirect(request, row.get_absolute_url(), _("This edition is in force now."))


@require_act("command.plan.change")
@require_POST
def plan_retire(request: HttpRequest, pk: int) -> HttpResponse:
    row = access.fetch(request.user, "command.plan.change", Plan.objects.all(), pk=pk)
    kept = planning.retire_plan(request.user, row)
    if kept is None:
        return redirect(request, reverse("command:plans"), _("The draft was thrown away."))
    return redirect(request, kept.get_absolute_url(), _("The plan was taken out of force."))


def _drafts(request: HttpRequest) -> Any:
    return access.visible(request.user, "command.plan.change", Plan.objects.filter(state=Plan.State.DRAFT))


def _part(request: HttpRequest, rows: Any, pk: int, plan: str) -> Any:
    """A part of a draft that the user may change, or NotFound."""
    row = rows.filter(**{f"{plan}__in": _drafts(request)}, pk=pk).first()
    if row is None:
        raise NotFound
    return row


def _save_part(request: HttpRequest, form: Any, save: Any, title: str, plan: Plan, remove: str = "") -> HttpResponse:
    """A form of one part of a draft; afterwards back to the plan."""
    if request.method == "POST" and form.is_valid():
        try:
            save()
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            return redirect(request, plan.get_absolute_url(), _("Saved"))
    return _form(request, form, title, plan.get_absolute_url(), remove=remove)


@require_act("command.plan.change")
def level_edit(request: HttpRequest, plan_pk: int | None = None, pk: int | None = None) -> HttpResponse:
    if pk:
        row = _part(request, PlanLevel.objects.select_related("plan"), pk, "plan")
    else:
        row = PlanLevel(plan=_part(request, Plan.objects.all(), plan_pk or 0, "pk"))
        last = row.plan.levels.order_by("-rank").first()
        row.rank = last.rank + 1 if last else 1
    form = LevelForm(request.POST or None, instance=row)
    removal = reverse("command:level_delete", args=[pk]) if pk else ""
    title = row.name if pk else _("Add a level")
    return _save_part(
        request, form, lambda: planning.save_level(request.user, form.save(commit=False)), title, row.plan, removal
    )


@require_act("command.plan.change")
def step_edit(request: HttpRequest, level_pk: int | None = None, pk: int | None = None) -> HttpResponse:
    if pk:
        row = _part(request, PlanStep.objects.select_related("level__plan"), pk, "level__plan")
    else:
        row = PlanStep(level=_part(request, PlanLevel.objects.select_related("plan"), level_pk or 0, "plan"))
    form = StepForm(request.user, request.POST or None, instance=row)
    removal = reverse("command:step_delete", args=[pk]) if pk else ""
    title = row.title if pk else _("Add an order to %(level)s") % {"level": row.level.name}
    return _save_part(
        request, form,
        lambda: planning.save_step(request.user, form.save(commit=False), form.cleaned_data["named"]),
        title, row.level.plan, removal,
    )  # fmt: skip


@require_act("command.plan.change")
def need_edit(request: HttpRequest, level_pk: int) -> HttpResponse:
    level = _part(request, PlanLevel.objects.select_related("plan"), level_pk, "plan")
    form = NeedForm(request.POST or None, instance=PlanNeed(level=level))
    title = _("Add a resource to %(level)s") % {"level": level.name}
    return _save_part(
        request, form, lambda: planning.save_need(request.user, form.save(commit=False)), title, level.plan
    )


def _remove(request: HttpRequest, part: Any) -> HttpResponse:
    plan = planning.remove_part(request.user, part)
    return redirect(request, plan.get_absolute_url(), _("Removed from the draft."))


@require_act("command.plan.change")
@require_POST
def level_delete(request: HttpRequest, pk: int) -> HttpResponse:
    return _remove(request, _part(request, PlanLevel.objects.all(), pk, "plan"))


@require_act("command.plan.change")
@require_POST
def step_delete(request: HttpRequest, pk: int) -> HttpResponse:
    return _remove(request, _part(request, PlanStep.objects.select_related("level"), pk, "level__plan"))


@require_act("command.plan.change")
@require_POST
def need_delete(request: HttpRequest, pk: int) -> HttpResponse:
    return _remove(request, _part(request, PlanNeed.objects.select_related("level"), pk, "level__plan"))


@require_act("command.plan.view")
def plan(request: HttpRequest, pk: int) -> HttpResponse:
    row = access.fetch(request.user, "command.plan.view", Plan.objects.select_related("organisation"), pk=pk)
    editions = list(
        access.visible(request.user, "command.plan.view", Plan.objects.filter(code=row.code)).order_by("-edition")
    )
    before = next((one for one in editions if one.edition < row.edition), None)
    draft = row.state == Plan.State.DRAFT
    may_change = access.may(request.user, "command.plan.change", row)
    context = {
        "plan": row,
        "editions": editions,
        "before": before,
        "changes": planning.differences(row, before) if before else [],
        "is_draft": draft,
        "may_edit": draft and may_change,
        "may_revise": not draft and may_change and not any(one.state == Plan.State.DRAFT for one in editions),
        "may_adopt": draft and access.may(request.user, "command.plan.adopt", row),
        "may_retire": row.state == Plan.State.IN_FORCE and access.may(request.user, "command.plan.adopt", row),
        "levels": [(level, queries.needs(level)) for level in row.levels.prefetch_related("steps__named", "needs")],
        "runs": access.visible(
            request.user,
            "command.run.view",
            PlanRun.objects.filter(level__plan__code=row.code).select_related("level__plan"),
        )[:20],
        "may_start": row.state == Plan.State.IN_FORCE and access.may(request.user, "command.plan.start", row),
    }
    return page(request, "command/plan.html", context)


@require_act("command.plan.start")
def start(request: HttpRequest, pk: int) -> HttpResponse:
    level = PlanLevel.objects.select_related("plan").filter(
        plan__in=access.visible(request.user, "command.plan.start", Plan.objects.all()), pk=pk
    ).first()  # fmt: skip
    if level is None:
        return page(request, "404.html", status=404)
    form = StartForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            run = actions.start_plan(level, request.user, **form.cleaned_data)
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            return redirect(request, run.get_absolute_url(), _("The plan was started; all its orders were given."))
    steps = [
        (step, len(actions.targets_of(step)) + len(actions.people_of(step)),
         queries.cannot_receive(step.role, level.plan.organisation) if step.role else 0)
        for step in level.steps.all()
    ]  # fmt: skip
    return _form(
        request, form, _("Start: %(level)s") % {"level": level}, level.plan.get_absolute_url(), steps=steps,
        needs=queries.needs(level), button=_("Start the plan"),
    )  # fmt: skip


@require_act("command.run.view")
def run(request: HttpRequest, pk: int) -> HttpResponse:
    row = access.fetch(
        request.user, "command.run.view", PlanRun.objects.select_related("level__plan", "started_by"), pk=pk
    )
    figures = queries.run_figures(row)
    context = {
        "run": row,
        "figures": figures,
        "timeline": queries.timeline(row, figures),
        "events": exports.events(row),
        "may_end": row.ended_at is None and access.may(request.user, "command.run.end", row),
    }
    return page(request, "command/run.html", context)


@require_act("command.run.end")
def end_run(request: HttpRequest, pk: int) -> HttpResponse:
    row = access.fetch(request.user, "command.run.end", PlanRun.objects.select_related("level__plan"), pk=pk)
    form = EndForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.end_run(row, request.user, conclusion=form.cleaned_data["conclusion"])
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            return redirect(request, row.get_absolute_url(), _("The run was ended."))
    return _form(request, form, _("End: %(run)s") % {"run": row}, row.get_absolute_url())


@require_act("command.run.view")
def run_report(request: HttpRequest, pk: int) -> HttpResponse:
    row = access.fetch(request.user, "command.run.view", PlanRun.objects.select_related("level__plan"), pk=pk)
    content = exports.report(row)
    trail.viewed(request.user, row, "command.run.report")
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="after-action-{row.pk}.docx"'
    return response


@require_act("command.site.view")
def site(request: HttpRequest, pk: int) -> HttpResponse:
    row = access.fetch(request.user, "command.site.view", Site.objects.select_related("organisation"), pk=pk)
    may_check = access.may(request.user, "command.site.check", row)
    form = CheckForm(request.POST or None, initial={"reached": True})
    if request.method == "POST" and may_check and form.is_valid():
        try:
            actions.check_link(request.user, row, **form.cleaned_data)
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            return redirect(request, row.get_absolute_url(), _("The link check was recorded."))
    context = {
        "site": row,
        "checks": row.checks.select_related("by")[:20],
        "form": form,
        "tone": queries.TONES[row.link_state],
        "may_check": may_check,
        "may_change": access.may(request.user, "command.site.change", row),
        "map": _point_map(row, 11),
        "terminals": row.terminals.filter(in_use=True),
        "targets": queries.targets(request.user).filter(organisation=row.organisation)[:10],
    }
    return page(request, "command/site.html", context, status=422 if form.errors else 200)


@require_act("command.site.change")
def site_edit(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    row = access.fetch(request.user, "command.site.change", Site.objects.all(), pk=pk) if pk else None
    form = SiteForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        saved = actions.save_site(request.user, form.save(commit=False))
        return redirect(request, saved.get_absolute_url(), _("Saved"))
    return _form(
        request,
        form,
        str(row) if row else _("Enter a venue"),
        row.get_absolute_url() if row else reverse("command:sites"),
    )


@require_act("command.site.check")
def check_round(request: HttpRequest) -> HttpResponse:
    """A round of calls: every venue in service on one page, marked as reached or not."""
    rows = access.visible(
        request.user, "command.site.check", Site.objects.filter(serves_until=None).exclude(kind="main")
    )
    if request.method == "POST":
        done = 0
        for row in rows:
            answer = request.POST.get(f"site-{row.pk}", "")
            if answer in ("reached", "missed"):
                note = request.POST.get(f"note-{row.pk}", "")[:300]
                actions.check_link(request.user, row, reached=answer == "reached", note=note)
                done += 1
        return redirect(request, reverse("command:sites"), _("%(count)s link checks were recorded.") % {"count": done})
    return page(request, "command/round.html", {"sites": rows})


@require_act("command.rota.change")
def shift_new(request: HttpRequest) -> HttpResponse:
    form = ShiftForm(request.user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.add_shift(request.user, **form.cleaned_data)
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            return redirect(request, made.get_absolute_url(), _("Saved"))
    return _form(request, form, _("Put somebody on duty"), reverse("command:rota"))


@require_act("command.rota.view")
def shift(request: HttpRequest, pk: int) -> HttpResponse:
    rows = DutyShift.objects.select_related("organisation", "person", "handed_to")
    row = access.fetch(request.user, "command.rota.view", rows, pk=pk)
    may = row.handed_over_at is None and access.may(request.user, "command.rota.hand_over", row)
    form = HandOverForm(row, request.POST or None) if may else None
    if request.method == "POST" and form is not None and form.is_valid():
        try:
            actions.hand_over(row, request.user, **form.cleaned_data)
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            return redirect(request, row.get_absolute_url(), _("The shift was handed over."))
    rows_held = list(queries.held_on(row).select_related("order").order_by("due_at", "pk")) if form else []
    open_to = set(
        access.visible(request.user, "command.target.view", queries.held_on(row)).values_list("pk", flat=True)
    )
    held = [(target, target.pk in open_to) for target in rows_held]
    context = {"shift": row, "form": form, "held": held, "running": row.starts_at <= timezone.now() < row.ends_at}
    return page(request, "command/shift.html", context, status=422 if form and form.errors else 200)


@require_act("command.resource.change")
def resource_edit(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    row = access.fetch(request.user, "command.resource.change", Resource.objects.all(), pk=pk) if pk else None
    form = ResourceForm(request.user, request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        made = form.save(commit=False)
        if {"lon", "lat"} & set(form.changed_data):
            made.seen_at = timezone.now()
        actions.save_resource(request.user, made)
        return redirect(request, reverse("command:resources"), _("Saved"))
    return _form(request, form, str(row) if row else _("Enter a resource"), reverse("command:resources"))


@require_act("command.site.view")
def sites_geojson(request: HttpRequest) -> JsonResponse:
    return JsonResponse(queries.site_points(request.user))


@require_act("command.resource.view")
def resources_geojson(request: HttpRequest) -> JsonResponse:
    return JsonResponse(queries.resource_points(request.user))


@require_act("command.order.view")
def orders_geojson(request: HttpRequest) -> JsonResponse:
    return JsonResponse(queries.order_points(request.user))
