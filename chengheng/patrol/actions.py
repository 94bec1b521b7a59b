"""What people and machines do with city cases: one function an act, one transaction each.

Each step's columns (`filed_at`, `handle_due_at`, …) are written here beside the flow's clocks, so that statistics read
one row. The order in every act: permission, lock, check, change, record, tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from chengheng.common import flow, notices, places, rows, trail
from chengheng.common.calendars.rules import Kind as LimitKind
from chengheng.common.calendars.rules import Limit
from chengheng.common.files.models import Attachment
from chengheng.common.people import access
from chengheng.common.people.models import Organisation, User
from chengheng.patrol import queries
from chengheng.patrol.errors import (
    AlreadySuspended,
    AskedAlready,
    NoDepartment,
    NoPlace,
    NoShift,
    NoStandard,
    NotADuplicate,
    NotAsked,
    NotInTheCity,
    ShiftOpen,
    TaskOpen,
    TooLate,
    TooManyExtensions,
    UnknownClass,
)  # fmt: skip
from chengheng.patrol.models import (
    Case,
    CaseTask,
    DictionaryEntry,
    FilingStandard,
    Shift,
    Source,
    TrackPoint,
    month_of,
)
from chengheng.patrol.rules.honesty import Sight

# Reporting


@rows.in_one_transaction
def report_case(
    actor: Any, *, source: str, kind: str, code: str, edition: str = "", lon: float | None = None, lat: float | None = None,
    accuracy_m: float | None = None, description: str = "", address: str = "", component_id: str = "",
    observed_at: datetime | None = None, urgent: bool = False, self_handled: bool = False, reporter_name: str = "",
    reporter_phone: str = "", outside_number: str = "", area_code: str = "", doubts: Iterable[str] = (),
    now: datetime | None = None,
) -> Case:  # fmt: skip
    """Take in a problem. A collector's report needs a position; a caller's needs a position or an address.

    Raises UnknownClass, NoPlace, NotInTheCity. The place decides grid, street and district; a problem that was handled
    on the spot still goes through filing, because it counts.
    """
    act = "patrol.case.report" if source == Source.COLLECTOR else "patrol.case.receive"
    access.require(actor, act)
    now = now or timezone.now()
    observed_at = observed_at or now
    edition = edition or queries.edition_on(timezone.localtime(observed_at).date()).value
    sight = None if lon is None or lat is None else Sight(observed_at, lon, lat, accuracy_m or 0)
    by_collector = source == Source.COLLECTOR
    known = queries.at_report(edition, kind, code, sight, actor.pk if by_collector else None, now)
    if not known.class_name:
        raise UnknownClass(field="code", class_code=code, kind=kind, edition=edition)
    case = rows.new(Case, {
        "id": known.key, "source": source, "edition": edition, "kind": kind, "code": code,
        "class_name": known.class_name, "component_id": component_id, "description": description, "address": address,
        "lon": lon, "lat": lat, "accuracy_m": accuracy_m, "urgent": urgent, "self_handled": self_handled,
        "observed_at": observed_at, "reported_at": now, "month": month_of(now), "reporter_name": reporter_name,
        "reporter_phone": reporter_phone, "outside_number": outside_number,
    })  # fmt: skip
    if actor.pk:
        case.reported_by = actor
    _place(case, area_code, known.layers)
    case.doubts = sorted({*doubts, *known.doubts, *(_place_doubts(case, known, actor) if by_collector else ())})
    with rows.together():
        flow.begin(
            case, actor, limits={"accept": known.limit} if known.limit else {}, now=now, due_column="accept_due_at",
            calendar=known.calendar,
        )  # fmt: skip
        trail.record_made(act, actor, case, {"source": source, "code": code, "edition": edition, "doubts": case.doubts})
    return case


def _place(case: Case, area_code: str, layers: tuple[int, ...]) -> None:
    if case.lon is None or case.lat is None:
        if case.source == Source.COLLECTOR or not (case.address or area_code):
            raise NoPlace(field="lon")
        case.area_code, case.district_code = area_code, area_code[:6]
        return
    found = places.locate(case.lon, case.lat, layers)
    if not found.district:
        raise NotInTheCity(field="lon")
    case.district_code = found.district
    case.area_code = found.grid or found.community or found.subdistrict or found.district
    case.cell = queries.cell_of(case.lon, case.lat)


def _place_doubts(case: Case, known: queries.AtReport, collector: Any) -> set[str]:
    """Outside the boundary of collection; outside every area that the collector has."""
    assert case.lon is not None
    assert case.lat is not None
    found = set()
    if known.boundary is not None and queries.is_outside(known.boundary, case.lon, case.lat):
        found.add("outside_ring")
    areas = [duty.area_code for duty in access.duties(collector) if duty.role == "patrol.collector"]
    if areas and not any(case.area_code.startswith(area) for area in areas):
        found.add("outside_area")
    return found


# Evidence


def look_at_photo(case: Case, attached: Attachment) -> None:
    """Hold a photo against its case and against others; what is to be doubted is kept with the case, and why in its trail.

    Called in the transaction that attaches it. A photo that is in another case too, one that looks like another of the
    same person's, one taken far away or long before.
    """
    if not attached.file.is_image:
        return
    found = queries.photo_doubts(case, attached)
    if not found:
        return
    locked = Case.objects.select_for_update().only("doubts").get(pk=case.pk)
    case.doubts = sorted({*locked.doubts, *found})
    Case.objects.filter(pk=case.pk).update(doubts=case.doubts)
    trail.record("patrol.case.doubt", access.SYSTEM, case, {"doubts": found, "sha256": attached.file.sha256})


def _stage_limits(now: datetime) -> dict[str, Limit]:
    return queries.stage_limits(timezone.localtime(now).date())


def _take(
    case: Case, step: str, actor: Any, stage: str = "", *, fields: Mapping[str, Any] | None = None, now: datetime,
    limits: Mapping[str, Limit] | None = None, filing: Mapping[str, Limit] | None = None, **taken: Any,
) -> Case:  # fmt: skip
    """Take a step and keep the due time of the stage that it starts in the case's own column.

    `limits` are those that came with the step's form; `filing` is the limit of the filing condition, which goes before.
    """
    limits = {**(limits or {}), **(filing or {})}
    if stage and stage not in limits:
        limits[stage] = _stage_limits(now).get(stage, _UNLIMITED)
    due_column = f"{stage}_due_at" if stage else ""
    return flow.take(case, step, actor, limits=limits, fields=fields, due_column=due_column, now=now, **taken)


_UNLIMITED = Limit(LimitKind.NATURAL_DAYS, 365)  # type: ignore[arg-type]
"""Where a city set no limit for a stage of its own: a year, so that nothing is ever forgotten for good."""


@transaction.atomic
def accept_case(case: Case, actor: Any, *, note: str = "", now: datetime | None = None, **taken: Any) -> Case:
    """Reception takes the report up (受理)."""
    now = now or timezone.now()
    return _take(
        case, "accept", actor, "file", fields={"accepted": True, "accepted_at": now}, note=note, now=now, **taken
    )


@transaction.atomic
def refuse_case(case: Case, actor: Any, *, note: str, now: datetime | None = None, **taken: Any) -> Case:
    """Reception does not take the report up (不予受理), with the reason."""
    return _take(case, "refuse", actor, fields={"accepted": False}, note=note, now=now or timezone.now(), **taken)


# Verification before filing (核实)


@transaction.atomic
def ask_to_verify(
    case: Case, actor: Any, *, data: Mapping[str, Any], note: str = "", now: datetime | None = None, **taken: Any
) -> Case:
    """Ask a collector to verify the report on site before it is filed (核实)."""
    now = now or timezone.now()
    case = _take(case, "ask_verify", actor, "verify", holder=data["collector"], note=note, now=now, **taken)
    _ask(case, CaseTask.Purpose.VERIFY, data["collector"], actor, now)
    return case


@transaction.atomic
def verify_case(
    case: Case, actor: Any, *, data: Mapping[str, Any], note: str = "", now: datetime | None = None, **taken: Any
) -> Case:
    """A collector reports what they found when verifying."""
    now = now or timezone.now()
    case = _take(
        case, "verify", actor, fields={"verified_at": now}, holder=None, note=note, now=now, data=dict(data), **taken
    )
    _answer(case, CaseTask.Purpose.VERIFY, data, note, now)
    return case


def _ask(case: Case, purpose: str, collector: User, actor: Any, now: datetime) -> CaseTask:
    if case.tasks.filter(done_at__isnull=True, withdrawn_at__isnull=True).exists():
        raise TaskOpen
    return CaseTask.objects.create(
        case=case,
        purpose=purpose,
        collector=collector,
        asked_at=now,
        asked_by=actor if actor.pk else None,
        due_at=case.due_at,
    )


def _answer(case: Case, purpose: str, data: Mapping[str, Any], note: str, now: datetime) -> None:
    case.tasks.filter(purpose=purpose, done_at__isnull=True, withdrawn_at__isnull=True).update(
        done_at=now, result=data["result"], note=note[:500], lon=data.get("lon"), lat=data.get("lat")
    )


# Filing and dispatch


@transaction.atomic
def file_case(
    case: Case, actor: Any, *, data: Mapping[str, Any], note: str = "", now: datetime | None = None, **taken: Any
) -> Case:
    """File the case (立案) under a filing condition, which gives handling its limit. Raises NoStandard."""
    now = now or timezone.now()
    standard = FilingStandard.objects.filter(
        pk=data["standard"], edition=case.edition, kind=case.kind, code=case.code
    ).first()
    if standard is None:
        raise NoStandard(field="standard", class_code=case.code, edition=case.edition)
    fields = {"filed": True, "filed_at": now, "standard": standard}
    return _take(
        case,
        "file",
        actor,
        "dispatch",
        fields=fields,
        data={"condition": standard.condition},
        note=note,
        now=now,
        **taken,
    )


@transaction.atomic
def decline_case(case: Case, actor: Any, *, note: str, now: datetime | None = None, **taken: Any) -> Case:
    """Do not file (不予立案), with the reason."""
    return _take(case, "not_file", actor, fields={"filed": False}, note=note, now=now or timezone.now(), **taken)


@transaction.atomic
def dispatch_case(
    case: Case, actor: Any, *, data: Mapping[str, Any], note: str = "", now: datetime | None = None, **taken: Any
) -> Case:
    """Dispatch the case to a department (派遣); its handling clock starts with the limit of the filing condition."""
    now = now or timezone.now()
    department: Organisation | None = data.get("department")
    if department is None:
        raise NoDepartment(field="department")
    if case.standard is None:
        raise NoStandard(class_code=case.code, edition=case.edition)
    case = _take(
        case, "dispatch", actor, "handle", filing={"handle": case.standard.limit},
        fields={"department": department, "dispatched_at": now}, holder_organisation=department,
        data={"department": department.name, "department_id": department.pk}, note=note, now=now, **taken,
    )  # fmt: skip
    _tell_department(case, department)
    return case


def _tell_department(case: Case, department: Organisation) -> None:
    people = User.objects.filter(
        duties__role="patrol.department", duties__organisation__path__startswith=department.path, is_active=True
    ).distinct()
    notices.tell(list(people), title=str(case), subject=case, level="urgent" if case.urgent else "info")


@transaction.atomic
def hand_back_case(case: Case, actor: Any, *, note: str, now: datetime | None = None, **taken: Any) -> Case:
    """The department hands the case back (回退): not theirs. It waits for another dispatch."""
    return _take(
        case, "hand_back", actor, "dispatch",
        fields={"hand_backs": case.hand_backs + 1, "department": None, "dispatched_at": None, "handle_due_at": None,
                **_NOTHING_ASKED},
        holder_organisation=None, note=note, now=now or timezone.now(), **taken,
    )  # fmt: skip


# Handling

_NOTHING_ASKED = {"extension_asked_at": None, "extension_reason": ""}


@transaction.atomic
def report_handled(
    case: Case, actor: Any, *, note: str = "", data: Mapping[str, Any] | None = None, now: datetime | None = None,
    **taken: Any,
) -> Case:  # fmt: skip
    """The department reports the problem solved (处置); it is checked on site before it closes."""
    now = now or timezone.now()
    return _take(
        case,
        "handle",
        actor,
        "check",
        fields={"handled_at": now, **_NOTHING_ASKED},
        data=dict(data or {}),
        note=note,
        now=now,
        **taken,
    )


@transaction.atomic
def ask_extension(case: Case, actor: Any, *, note: str, now: datetime | None = None, **taken: Any) -> Case:
    """The department asks for more time (申请延期), before the case is overdue; whoever may give it is told."""
    now = now or timezone.now()
    _may_be_extended(case, case.handle_due_at, now)
    if case.extension_asked_at is not None:
        raise AskedAlready
    fields = {"extension_asked_at": now, "extension_reason": note.strip()[:500]}
    case = _take(case, "ask_extension", actor, fields=fields, note=note, now=now, **taken)
    title = _("More time asked for: %s") % case
    notices.tell(list(access.able("patrol.case.extend", case)), title=title, body=note, subject=case)
    return case


def _may_be_extended(case: Case, asked_at_latest: datetime | None, asked_at: datetime) -> None:
    if case.extensions >= queries.settings_in_force().most_extensions:
        raise TooManyExtensions(count=case.extensions)
    if asked_at_latest is None or asked_at_latest < asked_at or case.standard is None:
        raise TooLate


@transaction.atomic
def extend_case(case: Case, actor: Any, *, note: str, now: datetime | None = None, **_taken: Any) -> Case:
    """Give handling its filing limit once more (延期), as often as the settings allow. TooLate once it is overdue,
    unless the department asked before."""
    now = now or timezone.now()
    case = access.fetch_locked(actor, "patrol.case.extend", Case.objects.all(), pk=case.pk)
    _may_be_extended(case, case.handle_due_at, case.extension_asked_at or now)
    assert case.standard is not None
    asked = case.extension_asked_at is not None
    case = flow.extend(case, "handle", case.standard.limit_amount, actor, "patrol.case.extend", note=note, now=now)
    case.extensions, case.handle_due_at = case.extensions + 1, case.due_at
    case.extension_asked_at, case.extension_reason = None, ""
    case.save(update_fields=["extensions", "handle_due_at", "extension_asked_at", "extension_reason"])
    if asked and case.department:
        _tell_department(case, case.department)
    return case


@transaction.atomic
def refuse_extension(case: Case, actor: Any, *, note: str, now: datetime | None = None, **taken: Any) -> Case:
    """Give no more time, with the reason; a refusal does not count as an extension."""
    if case.extension_asked_at is None:
        raise NotAsked
    case = _take(case, "refuse_extension", actor, fields=_NOTHING_ASKED, note=note, now=now or timezone.now(), **taken)
    if case.department:
        _tell_department(case, case.department)
    return case


@transaction.atomic
def suspend_case(case: Case, actor: Any, *, note: str, now: datetime | None = None, **taken: Any) -> Case:
    """Suspend handling (挂账): the clock stands still. Once a case."""
    if case.suspensions:
        raise AlreadySuspended
    fields = {"suspensions": case.suspensions + 1, "handle_due_at": None, **_NOTHING_ASKED}
    return _take(case, "suspend", actor, fields=fields, note=note, now=now or timezone.now(), **taken)


@transaction.atomic
def resume_case(case: Case, actor: Any, *, note: str = "", now: datetime | None = None, **taken: Any) -> Case:
    """Take a suspended case up again; the clock goes on where it stood."""
    case = _take(case, "resume", actor, note=note, now=now or timezone.now(), **taken)
    case.handle_due_at = case.due_at
    case.save(update_fields=["handle_due_at"])
    return case


@transaction.atomic
def urge_case(case: Case, actor: Any, *, note: str, now: datetime | None = None, **taken: Any) -> Case:
    """Urge whoever has the case (督办); it is kept in the trail and told to them at once."""
    case = _take(case, "urge", actor, note=note, now=now or timezone.now(), **taken)
    if case.department:
        _tell_department(case, case.department)
    return case


# Check after handling (核查), closing, appeal


@transaction.atomic
def ask_to_check(
    case: Case, actor: Any, *, data: Mapping[str, Any], note: str = "", now: datetime | None = None, **taken: Any
) -> Case:
    """Ask a collector to check on site what the department reported solved (核查)."""
    now = now or timezone.now()
    case = _take(case, "ask_check", actor, holder=data["collector"], note=note, now=now, **taken)
    _ask(case, CaseTask.Purpose.CHECK, data["collector"], actor, now)
    return case


@transaction.atomic
def check_case(
    case: Case, actor: Any, *, data: Mapping[str, Any], note: str = "", now: datetime | None = None, **taken: Any
) -> Case:
    """A collector reports what they found when checking."""
    now = now or timezone.now()
    fields = {"checked_at": now, "check_passed": data["result"] == CaseTask.Result.PASSED}
    case = _take(
        case, "check", actor, "close", fields=fields, holder=None, note=note, now=now, data=dict(data), **taken
    )
    _answer(case, CaseTask.Purpose.CHECK, data, note, now)
    return case


@transaction.atomic
def close_case(case: Case, actor: Any, *, note: str = "", now: datetime | None = None, **taken: Any) -> Case:
    """Close the case (结案)."""
    now = now or timezone.now()
    return _take(case, "close", actor, fields={"closed_at": now}, note=note, now=now, **taken)


@transaction.atomic
def rework_case(case: Case, actor: Any, *, note: str, now: datetime | None = None, **taken: Any) -> Case:
    """Send the case back to its department (返工) with the limit of its filing condition anew."""
    if case.standard is None:
        raise NoStandard(class_code=case.code, edition=case.edition)
    fields = {"reworks": case.reworks + 1, "handled_at": None, "checked_at": None, "check_passed": None}
    case = _take(
        case, "rework", actor, "handle", filing={"handle": case.standard.limit}, fields=fields, note=note,
        now=now or timezone.now(), **taken,
    )  # fmt: skip
    if case.department:
        _tell_department(case, case.department)
    return case


@transaction.atomic
def appeal_case(case: Case, actor: Any, *, note: str, now: datetime | None = None, **taken: Any) -> Case:
    """The department appeals against a closed case's figures, once and within the set days after closing."""
    now = now or timezone.now()
    if case.closed_at is None or now > case.closed_at + timedelta(days=queries.settings_in_force().appeal_days):
        raise TooLate
    if flow.timeline(case).filter(act="patrol.case.appeal").exists():
        raise TooLate
    return _take(case, "appeal", actor, note=note, now=now, **taken)


@transaction.atomic
def grant_appeal(case: Case, actor: Any, *, note: str, now: datetime | None = None, **taken: Any) -> Case:
    """Grant the appeal: the case is exempt from lateness in statistics; the raw times stay."""
    return _take(case, "grant", actor, fields={"exempt": True}, note=note, now=now or timezone.now(), **taken)


@transaction.atomic
def reject_appeal(case: Case, actor: Any, *, note: str, now: datetime | None = None, **taken: Any) -> Case:
    """Reject the appeal, with the reason."""
    return _take(case, "reject", actor, note=note, now=now or timezone.now(), **taken)


@transaction.atomic
def void_case(case: Case, actor: Any, *, note: str, now: datetime | None = None, **taken: Any) -> Case:
    """Void the case (作废), with the reason. It stays on record and out of the duties."""
    return _take(case, "void", actor, fields={"voided": True}, note=note, now=now or timezone.now(), **taken)


@transaction.atomic
def merge_case(
    case: Case, actor: Any, *, data: Mapping[str, Any], note: str = "", now: datetime | None = None, **taken: Any
) -> Case:
    """Merge a report into the case that it repeats: both are kept, the duplicate ends and points to the original.

    `data["original"]` is the original's id. Raises NotADuplicate.
    """
    original = access.fetch(actor, "patrol.case.view", Case.objects.all(), pk=int(data["original"]))
    if case.pk == original.pk or original.duplicate_of_id or case.duplicates.exists():
        raise NotADuplicate(field="original")
    fields = {"duplicate_of": original, "voided": True}
    told = {"duplicate_of": original.number, "original": original.pk}
    case = _take(case, "merge", actor, fields=fields, data=told, note=note, now=now or timezone.now(), **taken)
    trail.record("patrol.case.merge", actor, original, {"duplicate": case.number}, note)
    return case


@transaction.atomic
def reclassify_case(
    case: Case, actor: Any, *, data: Mapping[str, Any], note: str, now: datetime | None = None, **taken: Any
) -> Case:
    """Change the class of a case that is not filed yet, within its edition. `data["entry"]`: id in the dictionary."""
    entry = DictionaryEntry.objects.filter(pk=int(data["entry"]), edition=case.edition, active=True).first()
    if entry is None:
        raise UnknownClass(field="entry", class_code=str(data["entry"]), kind=case.kind, edition=case.edition)
    fields = {"kind": entry.kind, "code": entry.code, "class_name": entry.name}
    told = {"code": [case.code, entry.code]}
    return _take(case, "reclassify", actor, fields=fields, data=told, note=note, now=now or timezone.now(), **taken)


# Shifts


@transaction.atomic
def start_shift(
    actor: User, *, lon: float | None = None, lat: float | None = None, at: datetime | None = None
) -> Shift:
    """A collector signs in to a shift. One at a time."""
    access.require(actor, "patrol.shift.work")
    User.objects.select_for_update().get(pk=actor.pk)
    if actor.shifts.filter(ended_at__isnull=True).exists():
        raise ShiftOpen
    area = next((duty.area_code for duty in access.duties(actor) if duty.role == "patrol.collector"), "")
    shift = Shift.objects.create(
        collector=actor, area_code=area, started_at=at or timezone.now(), start_lon=lon, start_lat=lat
    )
    trail.record("patrol.shift.work", actor, shift, {"started_at": shift.started_at}, new=True)
    return shift


@transaction.atomic
def end_shift(actor: User, *, at: datetime | None = None) -> Shift:
    """A collector signs out of the open shift."""
    access.require(actor, "patrol.shift.work")
    shift = actor.shifts.select_for_update().filter(ended_at__isnull=True).first()
    if shift is None:
        raise NoShift
    shift.ended_at = max(at or timezone.now(), shift.started_at)
    shift.save(update_fields=["ended_at"])
    trail.record("patrol.shift.work", actor, shift, {"ended_at": shift.ended_at})
    return shift


@transaction.atomic
def add_track(actor: User, points: Iterable[Mapping[str, Any]]) -> int:
    """Keep positions of the open shift; a point sent twice counts once. Returns how many were given."""
    access.require(actor, "patrol.shift.work")
    shift = actor.shifts.filter(ended_at__isnull=True).first()
    if shift is None:
        raise NoShift
    rows = [
        TrackPoint(shift=shift, at=p["at"], lon=p["lon"], lat=p["lat"], accuracy_m=p.get("accuracy_m")) for p in points
    ]
    TrackPoint.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)
