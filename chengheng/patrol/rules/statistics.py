"""Counts and ratios of city cases, in the vocabulary of GB/T 30428.4 (evaluation), each with its definition.

`count` recounts them from plain facts, one case at a time: the reference that the database's statistics must equal.

Valid = filed: 监督员有效上报数 are the reports that the centre checked and filed (facts of a deployed system; the text of
GB/T 30428.4's annex was not at hand). Where sources differ (返工率) the denominator is a setting, not a constant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntFlag
from functools import lru_cache
from typing import Any, Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


@dataclass(frozen=True)
class StageFacts:
    """What is known of one stage of a case: when it was due and when it was done (None: not yet, or never asked)."""

    due_at: datetime | None = None
    done_at: datetime | None = None

    def asked_by(self, as_of: datetime) -> bool:
        """Whether the stage should be finished by `as_of`: it is done, or its time is up."""
        return self.done_at is not None or (self.due_at is not None and self.due_at <= as_of)

    @property
    def in_time(self) -> bool:
        return self.done_at is not None and (self.due_at is None or self.done_at <= self.due_at)

    def late_by(self, as_of: datetime) -> bool:
        """Not done although the time is up."""
        return self.done_at is None and self.due_at is not None and self.due_at <= as_of


@dataclass(frozen=True)
class CaseFacts:
    """What statistics need to know of a case. Times after the day of counting must be left out by the caller."""

    reported_at: datetime
    by_collector: bool = True
    by_public: bool = False
    accepted: bool | None = None  # None: not decided yet
    filed: bool | None = None
    voided: bool = False
    self_handled: bool = False
    reworks: int = 0
    hand_backs: int = 0
    filing_wrong: bool = False  # voided or handed back for good after filing: the filing was not accurate
    accept: StageFacts = StageFacts()
    verify: StageFacts = StageFacts()
    file: StageFacts = StageFacts()
    dispatch: StageFacts = StageFacts()
    handle: StageFacts = StageFacts()
    check: StageFacts = StageFacts()
    close: StageFacts = StageFacts()


@dataclass(frozen=True)
class Count:
    """A basic count: its code, its Chinese name in the field, and what exactly is counted."""

    code: str
    term: str
    label: str | Promise
    definition: str | Promise


COUNTS: tuple[Count, ...] = (
    Count("reported", "上报数", _("reported"), _("all cases reported")),
    Count("collector_reported", "监督员上报数", _("reported by collectors"), _("cases reported by collectors")),
    Count("valid", "有效上报数", _("valid reports"), _("collectors' cases that the centre checked and filed")),
    Count(
        "public_reported", "公众举报数", _("reported by the public"), _("cases from hotline, web and other public ways")
    ),
    Count("accepted", "受理数", pgettext_lazy("case", "accepted"), _("cases taken up by reception")),
    Count("accepted_in_time", "按时受理数", _("accepted in time"), _("accepted within the reception limit")),
    Count("refused", "不予受理数", _("not accepted"), _("cases that reception refused")),
    Count("to_verify", "应核实数", _("to verify"), _("cases whose verification is done or due")),
    Count("verified", "核实数", _("verified"), _("cases verified on site before filing")),
    Count("verified_in_time", "按期核实数", _("verified in time"), _("verified within the limit")),
    Count("filed", "立案数", _("filed"), _("cases that met the filing conditions")),
    Count("filed_in_time", "按时立案数", _("filed in time"), _("filed within the limit")),
    Count("filed_right", "准确立案数", _("filed rightly"), _("filed and neither voided nor proved wrong later")),
    Count("not_filed", "不予立案数", _("not filed"), _("cases that did not meet the filing conditions")),
    Count("to_dispatch", "应派遣数", _("to dispatch"), _("cases whose dispatch is done or due")),
    Count("dispatched", "派遣数", _("dispatched"), _("cases dispatched to a department")),
    Count("dispatched_in_time", "按时派遣数", _("dispatched in time"), _("dispatched within the limit")),
    Count("dispatched_right", "准确派遣数", _("dispatched rightly"), _("dispatched and never handed back")),
    Count("to_handle", "应处置数", _("to handle"), _("cases whose handling is done or due")),
    Count("handled", "处置数", _("handled"), _("cases that the department finished")),
    Count("handled_in_time", "按期处置数", _("handled in time"), _("finished within the limit")),
    Count("handled_late", "超期处置数", _("handled late"), _("finished after the limit")),
    Count("unhandled", "未处置数", _("not handled"), _("handling is due and not finished")),
    Count("to_check", "应核查数", _("to check"), _("cases whose check after handling is done or due")),
    Count("checked", "核查数", _("checked"), _("cases checked on site after handling")),
    Count("checked_in_time", "按期核查数", _("checked in time"), _("checked within the limit")),
    Count("to_close", "应结案数", _("to close"), _("closed cases and cases whose closing is due")),
    Count("closed", "结案数", pgettext_lazy("case", "closed"), _("closed cases")),
    Count("closed_in_time", "按期结案数", _("closed in time"), _("closed within the limit")),
    Count("closed_late", "超期结案数", _("closed late"), _("closed after the limit")),
    Count("unclosed_late", "超期未结案数", _("overdue, not closed"), _("closing is due and not done")),
    Count("unclosed", "未结案数", _("not closed"), _("filed cases that are neither closed nor voided")),
    Count("reworked", "返工数", _("reworked"), _("how often cases came back for rework")),
    Count("handed_back", "回退数", _("handed back"), _("how often departments handed cases back")),
    Count("voided", "作废数", _("voided"), _("voided cases")),
    Count("self_handled", "自行处置数", _("handled on the spot"), _("problems that the collector fixed on the spot")),
)


def count(cases: Iterable[CaseFacts], as_of: datetime) -> dict[str, int]:
    """All counts of `COUNTS` over the cases, as they stand at `as_of`."""
    total: Counter[str] = Counter({entry.code: 0 for entry in COUNTS})
    for case in cases:
        for code, number in _of_case(case, as_of).items():
            total[code] += number
    return dict(total)


def _of_case(case: CaseFacts, as_of: datetime) -> Mapping[str, int]:
    filed, live = case.filed is True, not case.voided
    found: dict[str, int | bool] = {
        "reported": True,
        "collector_reported": case.by_collector,
        "valid": case.by_collector and filed,
        "public_reported": case.by_public,
        "accepted": case.accepted is True,
        "accepted_in_time": case.accepted is True and case.accept.in_time,
        "refused": case.accepted is False,
        "filed": filed,
        "filed_in_time": filed and case.file.in_time,
        "filed_right": filed and live and not case.filing_wrong,
        "not_filed": case.filed is False,
        "dispatched_right": case.dispatch.done_at is not None and not case.hand_backs,
        "handled_late": case.handle.done_at is not None and not case.handle.in_time,
        "unhandled": live and case.handle.late_by(as_of),
        "closed_late": case.close.done_at is not None and not case.close.in_time,
        "unclosed_late": live and filed and case.close.late_by(as_of),
        "unclosed": live and filed and case.close.done_at is None,
        "reworked": case.reworks,
        "handed_back": case.hand_backs,
        "voided": case.voided,
        "self_handled": case.self_handled,
    }
    for stage, to_do, done, in_time in STAGES:
        facts: StageFacts = getattr(case, stage)
        found[to_do] = facts.done_at is not None or (live and facts.asked_by(as_of))
        found[done] = facts.done_at is not None
        found[in_time] = facts.in_time
    return {code: int(number) for code, number in found.items()}


STAGES = (
    ("verify", "to_verify", "verified", "verified_in_time"),
    ("dispatch", "to_dispatch", "dispatched", "dispatched_in_time"),
    ("handle", "to_handle", "handled", "handled_in_time"),
    ("check", "to_check", "checked", "checked_in_time"),
    ("close", "to_close", "closed", "closed_in_time"),
)


class Marks(IntFlag):
    """What happened to a case, as the column `marks` keeps it: these bits, and two for each stage of `MARKED_STAGES`."""

    ACCEPTED = 1
    REFUSED = 2
    FILED = 4
    NOT_FILED = 8
    BY_COLLECTOR = 16
    BY_PUBLIC = 32
    VOIDED = 64
    SELF_HANDLED = 128
    HANDED_BACK = 256
    EXEMPT = 512


MARKED_STAGES = ("accept", "verify", "file", "dispatch", "handle", "check", "close")
_FIRST_STAGE_BIT = 10
_DONE_IN_TIME, _DONE_LATE = 2, 3  # of a stage's two bits; 0: not done and no time set, 1: not done


@lru_cache(maxsize=65536)
def counted_of(marks: int) -> frozenset[str]:
    """The counts, but for the two sums, to which a case with these marks adds one whatever the time; as `count` says."""
    return _counted(marks, None)


@lru_cache(maxsize=65536)
def counted_late(marks: int, place: int) -> frozenset[str]:
    """The counts to which it adds one more while the stage at this place of `STAGES` is not done and its time is up.

    No count asks for the lateness of two stages, so what two late stages add is what each adds.
    """
    return _counted(marks, STAGES[place][0]) - counted_of(marks)


def _counted(marks: int, late: str | None) -> frozenset[str]:
    def has(mark: Marks) -> bool:
        return bool(marks & mark)

    def stage(name: str) -> StageFacts:
        bits = marks >> (_FIRST_STAGE_BIT + 2 * MARKED_STAGES.index(name)) & 3
        if name == "handle" and bits == _DONE_LATE and has(Marks.EXEMPT):
            bits = _DONE_IN_TIME  # an appeal was granted: the raw times stay, the lateness does not count
        if bits in (_DONE_IN_TIME, _DONE_LATE):
            return StageFacts(_EARLIER if bits == _DONE_LATE else None, _LATER)
        return StageFacts(_EARLIER if name == late else None)

    stages: dict[str, Any] = {name: stage(name) for name in MARKED_STAGES}
    case = CaseFacts(
        reported_at=_EARLIER, by_collector=has(Marks.BY_COLLECTOR), by_public=has(Marks.BY_PUBLIC),
        accepted=True if has(Marks.ACCEPTED) else False if has(Marks.REFUSED) else None,
        filed=True if has(Marks.FILED) else False if has(Marks.NOT_FILED) else None, voided=has(Marks.VOIDED),
        self_handled=has(Marks.SELF_HANDLED), hand_backs=has(Marks.HANDED_BACK),
        **stages,
    )  # fmt: skip
    return frozenset(code for code, number in _of_case(case, _LATER).items() if number and code not in SUMS)


_EARLIER, _LATER = datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 2, tzinfo=UTC)
SUMS = {"reworked": "reworks", "handed_back": "hand_backs"}
"""The two counts that add up how often, each with its fact."""

ReworkBase = Literal["to_close", "handled"]
"""返工率's denominator differs between cities: 返工/应结案 or 返工/处置. It is a setting of the rule set."""


@dataclass(frozen=True)
class Ratio:
    """A ratio of two counts, in per cent."""

    code: str
    term: str
    label: str | Promise
    part: str
    whole: str

    def of(self, counts: Mapping[str, int]) -> Decimal | None:
        """In per cent, exact; None when there is nothing to divide by."""
        whole = counts[self.whole]
        return Decimal(counts[self.part]) * 100 / Decimal(whole) if whole else None


RATIOS: tuple[Ratio, ...] = (
    Ratio("valid_rate", "有效上报率", _("valid-report rate"), "valid", "collector_reported"),
    Ratio("accept_in_time_rate", "按时受理率", _("accepted-in-time rate"), "accepted_in_time", "accepted"),
    Ratio("verify_in_time_rate", "按期核实率", _("verified-in-time rate"), "verified_in_time", "to_verify"),
    Ratio("file_in_time_rate", "按时立案率", _("filed-in-time rate"), "filed_in_time", "filed"),
    Ratio("file_right_rate", "准确立案率", _("right-filing rate"), "filed_right", "filed"),
    Ratio("dispatch_in_time_rate", "按期派遣率", _("dispatched-in-time rate"), "dispatched_in_time", "to_dispatch"),
    Ratio("dispatch_right_rate", "准确派遣率", _("right-dispatch rate"), "dispatched_right", "to_dispatch"),
    Ratio("handle_rate", "处置率", _("handling rate"), "handled", "to_handle"),
    Ratio("handle_in_time_rate", "按期处置率", _("handled-in-time rate"), "handled_in_time", "to_handle"),
    Ratio("check_in_time_rate", "按期核查率", _("checked-in-time rate"), "checked_in_time", "to_check"),
    Ratio("close_rate", "结案率", _("closing rate"), "closed", "to_close"),
    Ratio("close_in_time_rate", "按期结案率", _("closed-in-time rate"), "closed_in_time", "to_close"),
    Ratio("close_late_rate", "超期结案率", _("closed-late rate"), "closed_late", "to_close"),
    Ratio("unclosed_rate", "未结案率", _("not-closed rate"), "unclosed", "reported"),
)

REWORK_RATE = Ratio("rework_rate", "返工率", _("rework rate"), "reworked", "to_close")
"""As shown; `ratios` works it out over the base that the settings choose."""


def ratios(counts: Mapping[str, int], rework_base: ReworkBase = "to_close") -> dict[str, Decimal | None]:
    """All ratios of the counts, in per cent, plus `rework_rate` over the chosen base."""
    found = {ratio.code: ratio.of(counts) for ratio in RATIOS}
    found["rework_rate"] = Ratio("rework_rate", "返工率", _("rework rate"), "reworked", rework_base).of(counts)
    return found
