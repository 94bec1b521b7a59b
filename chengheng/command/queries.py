"""What people ask of command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from chengheng.command import rules
from chengheng.command.models import DutyShift, Order, PlanLevel, PlanRun, Resource, Site, Target, WeatherNote
from chengheng.common import files, flow, places, trail
from chengheng.common.files.rules import PICTURES
from chengheng.common.flow.models import ClockRun
from chengheng.common.people import access, roles
from chengheng.common.people.models import Duty, Organisation, User
from chengheng.common.places import near
from chengheng.common.places.box import Box
from chengheng.common.places.ground import distance_m
from chengheng.common.ui.search import Hit

OPEN = ("issued", "received")
TONES = {"good": "good", "poor": "warn", "down": "bad", "": "none"}


def orders(user: Any) -> QuerySet[Order]:
    return access.visible(user, "command.order.view", Order.objects.select_related("organisation", "issued_by"))


def targets(user: Any) -> QuerySet[Target]:
    return access.visible(
        user, "command.target.view", Target.objects.select_related("order", "organisation", "holder", "person")
    )


def orderable(user: Any) -> QuerySet[Organisation]:
    """The organisations to which the user may give orders: those with a venue first by name of kind, then the rest."""
    rows = access.visible(user, "command.order.give", Organisation.objects.filter(active=True))
    return rows.exclude(kind__in=("commission", "vendor")).order_by("kind", "code")


def organisations_of(group: str) -> QuerySet[Organisation]:
    """The organisations with a venue in service today: districts, units, or both ("sites"); the main venue is not among
    them."""
    kinds = {"districts": ("district",), "units": ("unit",)}.get(group, ("district", "unit"))
    serving = Site.objects.filter(_serving(), kind__in=kinds)
    return Organisation.objects.filter(active=True, pk__in=serving.values("organisation")).order_by("code")


def organisations_in(area_code: str) -> QuerySet[Organisation]:
    """The organisations of an area, by its code: those of the district, and those with a venue in service there."""
    if not area_code:
        return Organisation.objects.none()
    here = Site.objects.filter(_serving(), area_code__startswith=area_code).exclude(kind="main")
    inside = Q(district_code__startswith=area_code) | Q(pk__in=here.values("organisation"))
    return Organisation.objects.filter(inside, active=True).exclude(kind__in=("commission", "vendor")).order_by("code")


def organisations_on_duty(now: datetime | None = None) -> QuerySet[Organisation]:
    """The organisations where somebody is on duty at a moment; the commission itself is not ordered about."""
    now = now or timezone.now()
    shifts = DutyShift.objects.filter(starts_at__lte=now, ends_at__gt=now, handed_over_at=None)
    rows = Organisation.objects.filter(active=True, pk__in=shifts.values("organisation"))
    return rows.exclude(kind__in=("commission", "vendor")).order_by("code")


def orderable_people(user: Any) -> QuerySet[User]:
    """The people to whom the user may give an order by name: they receive orders, at an organisation of the user's reach."""
    receiving = [role.code for role in roles.granting("command.target.receive")]
    held = Duty.objects.held_on(timezone.localdate()).filter(role__in=receiving)
    places = access.visible(user, "command.order.give", Organisation.objects.filter(active=True))
    return User.objects.filter(is_active=True, is_machine=False, organisation__in=places, pk__in=held.values("user"))


def role_choices() -> list[tuple[str, str]]:
    """Every role of the product, by its heading, for tasks of a plan."""
    return [(role.code, str(role.label)) for role in roles.all_roles()]


def _holding(role: str, place: Organisation) -> QuerySet[User]:
    """Who holds a role today at an organisation or below it."""
    held = Duty.objects.held_on(timezone.localdate()).filter(role=role)
    people = User.objects.filter(is_active=True, is_machine=False, organisation__path__startswith=place.path)
    return people.filter(pk__in=held.values("user"))


def holders(role: str, place: Organisation) -> QuerySet[User]:
    """Who holds a role today at an organisation or below it and may receive orders, whatever role gives that."""
    receiving = [one.code for one in roles.granting("command.target.receive")]
    able = Duty.objects.held_on(timezone.localdate()).filter(role__in=receiving)
    return _holding(role, place).filter(pk__in=able.values("user")).order_by("organisation__code", "pk")


def cannot_receive(role: str, place: Organisation) -> int:
    """How many hold the role there today without a role that receives orders: a plan does not reach them."""
    return _holding(role, place).exclude(pk__in=holders(role, place)).count()


def weather(user: Any, now: datetime | None = None) -> list[WeatherNote]:
    """The notes that hold now, the gravest warning first: those with an end until then, others for twelve hours."""
    now = now or timezone.now()
    holding = Q(until__gt=now) | Q(until=None, said_at__gt=now - timedelta(hours=rules.WEATHER_HOURS))
    rows = access.visible(user, "command.weather.view", WeatherNote.objects.filter(holding).select_related("by"))
    grave = list(WeatherNote.Warning.values)
    return sorted(rows[:20], key=lambda row: (-grave.index(row.warning), -row.said_at.timestamp()))


def find(user: Any, text: str, limit: int) -> Iterator[Hit]:
    """Orders, orders received, and venues by words."""
    for order in orders(user).filter(Q(title__icontains=text) | Q(body__icontains=text))[:limit]:
        yield Hit(
            str(order), order.get_absolute_url(), pgettext("dispatch", "Order"), order.state_label, "speakerphone"
        )
    if not access.may(user, "command.order.view"):
        for target in targets(user).filter(order__title__icontains=text)[:limit]:
            yield Hit(str(target.order), target.get_absolute_url(), pgettext("dispatch", "Order"), target.state_label,
                      "speakerphone")  # fmt: skip
    sites = access.visible(user, "command.site.view", Site.objects.filter(Q(name__icontains=text) | Q(code=text)))
    for site in sites[:limit]:
        yield Hit(site.name, site.get_absolute_url(), _("Venue"), site.link_label, "building-community")


def count_targets(rows: QuerySet[Target], now: datetime | None = None) -> dict[str, int]:
    """How many there are, received, finished, late."""
    now = now or timezone.now()
    return rows.aggregate(
        total=Count("pk"),
        received=Count("pk", filter=Q(received_at__isnull=False)),
        finished=Count("pk", filter=Q(finished_at__isnull=False)),
        late=Count("pk", filter=Q(state__in=OPEN, due_at__lt=now)),
    )


def on_duty(user: Any, now: datetime | None = None) -> QuerySet[DutyShift]:
    """The shifts of this moment that the user may see."""
    now = now or timezone.now()
    rows = DutyShift.objects.filter(starts_at__lte=now, ends_at__gt=now, handed_over_at=None)
    return access.visible(user, "command.rota.view", rows.select_related("person", "organisation")).order_by(
        "organisation__code", "starts_at"
    )


def screen(user: Any) -> dict[str, Any]:
    """What the command screen shows besides its map."""
    mine, now = targets(user), timezone.now()
    sites = access.visible(user, "command.site.view", Site.objects.filter(_serving()))
    return {
        "open": count_targets(mine.filter(state__in=OPEN), now),
        "late": list(mine.filter(state__in=OPEN, due_at__lt=now).order_by("due_at")[:12]),
        "recent": list(orders(user)[:10]) if access.may(user, "command.order.view") else [],
        "waiting": list(mine.filter(state__in=OPEN).order_by("due_at")[:12]),
        "duty": list(on_duty(user, now)[:40]),
        "weather": weather(user, now)[:4],
        "meetings": list(_meetings(user)[:6]),
        "runs": list(
            access.visible(user, "command.run.view", PlanRun.objects.filter(ended_at=None).select_related("level__plan"))[:5]
        ),
        "sites": sites.aggregate(
            total=Count("pk"), good=Count("pk", filter=Q(link_state="good")), poor=Count("pk", filter=Q(link_state="poor")),
            down=Count("pk", filter=Q(link_state="down")), unknown=Count("pk", filter=Q(link_state="")),
        ),
    }  # fmt: skip


def _meetings(user: Any) -> QuerySet[Any]:
    """Meetings that run or are planned, running ones first."""
    from chengheng.command.conference.queries import meetings

    return meetings(user).filter(state__in=("running", "planned")).order_by("-state", "starts_at")


def _serving() -> Q:
    today = timezone.localdate()
    return Q(serves_from__lte=today) & (Q(serves_until=None) | Q(serves_until__gte=today))


def needs(level: PlanLevel) -> list[dict[str, Any]]:
    """What a level needs, beside what is free now: `missing` is what is short."""
    rows = Resource.objects.filter(state="free").values("kind", "unit").annotate(total=Sum("amount"))
    free = {(row["kind"], row["unit"]): row["total"] for row in rows}
    return [
        {"need": need, "free": free.get((need.kind, need.unit), Decimal(0)),
         "missing": max(Decimal(0), need.amount - free.get((need.kind, need.unit), Decimal(0)))}
        for need in level.needs.all()
    ]  # fmt: skip


def held_on(shift: DutyShift) -> QuerySet[Target]:
    """The open orders that whoever has this shift holds for its organisation; who takes it over gets them."""
    return Target.objects.filter(holder=shift.person, organisation=shift.organisation, state__in=OPEN)


@dataclass(frozen=True)
class Missed:
    """A limit that a target missed: which clock, by how much, and how far the escalation ladder was climbed."""

    target: Target
    clock: str
    due_at: datetime
    done_at: datetime | None
    behind: timedelta
    alerts: int

    @property
    def label(self) -> str:
        return str(flow.flow_of(self.target).clock(self.clock).label)

    @property
    def behind_words(self) -> str:
        """By how much, as "2 h 05 min"."""
        minutes = int(self.behind.total_seconds() // 60)
        if minutes < 60:
            return _("%(minutes)d min") % {"minutes": max(1, minutes)}
        return _("%(hours)d h %(minutes)02d min") % {"hours": minutes // 60, "minutes": minutes % 60}

    @property
    def told(self) -> str:
        """Who was told because of it, by the ladder of the flow."""
        if self.alerts >= 4:
            return _("Dispatchers and the commander were told")
        return _("Dispatchers were told") if self.alerts >= 2 else _("Nobody was told yet")


def missed(targets: Iterable[Target], now: datetime) -> list[Missed]:
    """Every limit that these targets missed until `now`, the longest delay first."""
    rows = list(targets)
    levels: dict[tuple[int, str], int] = {}
    runs = ClockRun.objects.filter(subject_type=Target._meta.label_lower, subject_id__in=[row.pk for row in rows])
    for subject, clock, level in runs.values_list("subject_id", "clock", "alert_level"):
        levels[subject, clock] = max(level, levels.get((subject, clock), 0))
    found = []
    for row in rows:
        for clock, done_at, due_at in (
            ("receipt", row.received_at, row.receipt_due_at), ("finish", row.finished_at, row.finish_due_at),
        ):  # fmt: skip
            behind = rules.behind(done_at, due_at, now)
            if behind is not None:
                found.append(Missed(row, clock, due_at, done_at, behind, levels.get((row.pk, clock), 0)))
    return sorted(found, key=lambda one: (-one.behind, one.target.pk))


def _escalated(targets: list[Target]) -> dict[int, list[datetime]]:
    """Order → when a limit of one of its targets was found missed, or was escalated further."""
    orders = {str(row.pk): row.order_id for row in targets}
    found: dict[int, list[datetime]] = {}
    entries = trail.histories(targets).filter(act__in=("flow.overdue", "flow.escalate"))
    for subject, at in entries.values_list("subject_id", "at"):
        found.setdefault(orders[subject], []).append(at)
    return found


def timeline(run: PlanRun, figures: dict[str, Any], now: datetime | None = None) -> dict[str, Any]:
    """A run as a drawing: for each order its bar (from its offset to its limit) and a mark for every receipt and finish.

    Places are percents of the whole width, from the start to the last limit or mark.
    """
    now = now or timezone.now()
    ends = [run.started_at + timedelta(hours=1)] + ([] if run.ended_at else [now])
    for entry in figures["orders"]:
        for row in entry["targets"]:
            ends += [moment for moment in (row.finish_due_at, row.finished_at, row.received_at) if moment]
    end = max(ends) + (max(ends) - run.started_at) / 50  # the last mark stands in the drawing, not on its edge
    rows = []
    for at, entry in enumerate(figures["orders"]):
        order = entry["order"]
        offset = order.step.offset_minutes if order.step else 0
        dues = [row.finish_due_at for row in entry["targets"]] or [order.issued_at]
        begin = rules.share(order.issued_at + timedelta(minutes=offset), run.started_at, end)
        rows.append({
            "order": order, "y": at * 34, "x": begin, "width": max(0.4, rules.share(max(dues), run.started_at, end) - begin),
            "received": [rules.share(row.received_at, run.started_at, end) for row in entry["targets"] if row.received_at],
            "escalated": [rules.share(at, run.started_at, end) for at in entry["escalated"]],
            "finished": [
                (rules.share(row.finished_at, run.started_at, end), row.finished_at > row.finish_due_at)
                for row in entry["targets"] if row.finished_at
            ],
        })  # fmt: skip
    hours = (end - run.started_at).total_seconds() / 3600
    step = next(size for size in (0.25, 0.5, 1, 2, 4, 6, 12, 24, 48, 96, 192) if hours / size <= 10 or size == 192)
    ticks: list[dict[str, Any]] = []
    while len(ticks) * step <= hours and len(ticks) < 40:
        moment = run.started_at + timedelta(hours=len(ticks) * step)
        ticks.append({"x": rules.share(moment, run.started_at, end), "at": timezone.localtime(moment)})
    live = run.ended_at is None and now <= end
    return {
        "rows": rows, "ticks": ticks, "height": len(rows) * 34 + 4, "days": hours > 24,
        "now": rules.share(now, run.started_at, end) if live else None,
    }  # fmt: skip


def run_figures(run: PlanRun) -> dict[str, Any]:
    """One run as its page and its report show it: figures, every order with its targets and their photos, who was late."""
    rows = list(
        Target.objects.filter(order__run=run).select_related("order", "organisation", "holder", "person").order_by(
            "order__pk", "organisation__code"
        )
    )  # fmt: skip
    until = run.ended_at or timezone.now()
    by_order: dict[int, dict[str, Any]] = {}
    photos, escalated, late = pictures(rows), _escalated(rows), missed(rows, until)
    for order in run.orders.select_related("step").order_by("pk"):
        by_order[order.pk] = {"order": order, "targets": [], "received": 0, "finished": 0, "late": 0, "photos": [],
                              "escalated": escalated.get(order.pk, [])}  # fmt: skip
    received_well = finished_well = received_due = finished_due = 0
    for row in rows:
        entry = by_order[row.order_id]
        entry["targets"].append(row)
        entry["photos"] += [(row, photo) for photo in photos[row.pk]]
        entry["received"] += row.received_at is not None
        entry["finished"] += row.finished_at is not None
        for done_at, due_at, what in (
            (row.received_at, row.receipt_due_at, "received"), (row.finished_at, row.finish_due_at, "finished"),
        ):  # fmt: skip
            kept = rules.in_time(done_at, due_at, until)
            if kept is None:
                continue
            entry["late"] += not kept
            if what == "received":
                received_due, received_well = received_due + 1, received_well + kept
            else:
                finished_due, finished_well = finished_due + 1, finished_well + kept
    return {
        "orders": list(by_order.values()),
        "total": len(rows),
        "received": sum(entry["received"] for entry in by_order.values()),
        "finished": sum(entry["finished"] for entry in by_order.values()),
        "received_rate": 100 * received_well / received_due if received_due else None,
        "finished_rate": 100 * finished_well / finished_due if finished_due else None,
        "returns": sum(row.returns for row in rows),
        "missed": late,
        "photos": sum(map(len, photos.values())),
    }


def pictures(targets: Iterable[Target]) -> dict[int, list[Any]]:
    """Target → the pictures among what came with its feedback, oldest first."""
    return {
        pk: [one for one in found if one.file.media_type in PICTURES] for pk, found in files.of_many(targets).items()
    }


def site_points(user: Any) -> dict[str, Any]:
    """Venues with a place, for the map."""
    rows = access.visible(user, "command.site.view", Site.objects.filter(_serving(), lon__isnull=False))
    return _collection(
        _point(
            row.lon,
            row.lat,
            title=row.name,
            state=row.link_label,
            url=row.get_absolute_url(),
            tone=TONES[row.link_state],
        )
        for row in rows
    )


def resource_points(user: Any) -> dict[str, Any]:
    """Resources with a place, for the map."""
    rows = access.visible(user, "command.resource.view", Resource.objects.filter(lon__isnull=False))
    tones = {"free": "good", "busy": "info", "out": "bad"}
    return _collection(
        _point(
            row.lon, row.lat, title=f"{row.name} {row.amount.normalize():f} {row.unit}", state=row.get_state_display(),
            url="", tone=tones[row.state],
        )
        for row in rows[:5000]
    )  # fmt: skip


def order_points(user: Any) -> dict[str, Any]:
    """Open orders with a place, for the map."""
    if not access.may(user, "command.order.view"):
        return _collection(())
    rows = orders(user).filter(state="issued", lon__isnull=False)
    return _collection(
        _point(row.lon, row.lat, title=row.title, state=row.state_label, url=row.get_absolute_url(),
               tone="bad" if row.is_overdue else "warn")
        for row in rows[:2000]
    )  # fmt: skip


def place_words(lon: float, lat: float) -> str:
    """A place in words, from the district to its community; "" outside the city."""
    found = places.locate(lon, lat)
    named = ((code, places.name_of(code)) for code in (found.district, found.subdistrict, found.community) if code)
    return " ".join(name for code, name in named if name != code)


@dataclass(frozen=True)
class Answerable:
    """An organisation that answers for a place: its venue is near (`metres`), or the place lies in its district. Who is
    on duty there now; else whom its venue names."""

    organisation: Organisation
    metres: int | None
    person: str
    phone: str
    on_duty: bool
    orderable: bool
    site: Site | None


def answerable(user: Any, lon: float, lat: float, metres: float, now: datetime | None = None) -> list[Answerable]:
    """The organisations to turn to for a place: those with somebody on duty first, of them those of its district, then by
    distance."""
    now = now or timezone.now()
    found: dict[int, tuple[Organisation, int | None, Site | None]] = {}
    sites = access.visible(user, "command.site.view", Site.objects.filter(_serving())).select_related("organisation")
    district = (places.locate(lon, lat).district or "")[:6]
    around = near.inside(near.box(lon, lat, metres))
    for site in sites.filter(around | Q(organisation__in=organisations_in(district))):
        way = None if site.lon is None or site.lat is None else round(distance_m(lon, lat, site.lon, site.lat))
        close = way is not None and way <= metres
        if close or site.area_code.startswith(district or "-"):
            found[site.organisation_id] = (site.organisation, way if close else None, site)
    for organisation in organisations_in(district):
        if access.may(user, "command.order.give", organisation):
            found.setdefault(organisation.pk, (organisation, None, None))
    shifts = {row.organisation_id: row for row in on_duty(user, now).filter(organisation__in=list(found))}
    mine = set(orderable(user).filter(pk__in=list(found)).values_list("pk", flat=True))
    rows = []
    for pk, (organisation, way, venue) in found.items():
        shift = shifts.get(pk)
        name = str(shift.person) if shift else venue.contact if venue else ""
        phone = (shift.phone or shift.person.phone) if shift else venue.phone if venue else ""
        rows.append(Answerable(organisation, way, name, phone, shift is not None, pk in mine, venue))
    return sorted(
        rows, key=lambda row: (not row.on_duty, row.metres if row.metres is not None else -1, row.organisation.code)
    )


def _near_resources(user: Any, box: Box, limit: int) -> Iterator[near.Spot]:
    rows = access.visible(user, "command.resource.view", Resource.objects.select_related("organisation"))
    tones = {"free": "good", "busy": "info", "out": "bad"}
    for row in rows.filter(near.inside(box))[:limit]:
        yield near.Spot(
            f"{row.name} {row.amount.normalize():f} {row.unit}", float(row.lon or 0), float(row.lat or 0),
            f"{row.get_state_display()} · {row.organisation}", tone=tones[row.state],
        )  # fmt: skip


near.offer(
    near.Finder(
        "command.resource", gettext_lazy("Resources"), "truck", _near_resources, "command.resource.view", order=30
    )
)


def _point(lon: float | None, lat: float | None, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": {"type": "Point", "coordinates": [lon, lat]}, "properties": properties}


def _collection(features: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}
