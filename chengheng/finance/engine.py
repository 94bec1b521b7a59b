"""Running the rules: lay out one unit's evidence in force as temporary tables, ask each rule, keep what it found.

The tables are made once for a unit and period and analysed, so that ninety rules cost little more than one. Everything
happens in the caller's transaction; the temporary tables are gone afterwards.
"""

from __future__ import annotations

import hashlib
import json
import re
from calendar import monthrange
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import CharField, Q
from django.utils import timezone

from chengheng.common.calendars.models import current_calendar
from chengheng.finance.models import TABLES, EvidenceBatch, Finding, RuleParameter, RuleRun, Unit
from chengheng.finance.rules.catalogue import Rule, econ_sets, rules

SNAPSHOTS = frozenset({"staff", "assets", "budgets", "accounts", "investments", "leases", "reports", "holdings"})
"""Kinds of which each batch is the whole state; the latest one counts. Of the others each batch adds its period."""
YEARLY = frozenset({"budgets", "reports"})
"""Snapshots that hold one year's figures: another year's says nothing of this one."""
SPENDING = {
    "government": ("7",),
    "enterprise": ("5", "64", "66", "67"),
    "small": ("4001", "4101", "54", "56", "57"),
}
"""Accounting system → how the accounts begin on which spending is booked. Government: budgetary expenditure (7xxx), so that the
dual entries count once. Enterprises: cost and expense accounts (5xxx, 64xx, 66xx, 67xx); small ones have a chart of
their own (4001, 4101, 54xx, 56xx, 57xx; its 5001 is revenue)."""
MONEY = ("1001", "1002", "1011")
"""How the accounts of money begin: cash, bank, zero-balance quota."""
BUDGETARY = ("6", "7", "8")
"""The same of budgetary accounting, which only the government's system has."""
YEARS_BACK = 3
MONTHLY = re.compile(r"\b(fresh|numbered|cash_days)\b|period = :period|BETWEEN :first|abs\(month_fen - due_fen\)")
"""Rules that speak of the period alone (also by the cards' depreciation of the month); the others speak of the year up to it."""
MOST_FINDINGS = 2_000
MOST_SHOWN = 20
_MADE = ("lines", "history", "fresh", "numbered", "spend", "cash_days", "days", "card_classes", "public_classes")


def spending_pattern(accounting: str) -> str:
    """The accounts of spending as a regular expression, for queries outside the rules."""
    return f"^({'|'.join(SPENDING[accounting])})"


@dataclass(frozen=True)
class Found:
    """One finding before it is kept."""

    rule: Rule
    text: str
    amount_fen: int | None
    row_ids: list[int]
    facts: dict[str, Any]
    parameters: dict[str, str]


@dataclass
class Answer:
    """What one rule said: `missing` names what it lacks ("parameter" for a local value that nobody set,
    "amounts" for more rows than there are)."""

    rule: Rule
    outcome: str
    found: list[Found] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def parameters_of(rule: Rule, unit: Unit, day: date) -> dict[str, Decimal]:
    """The values in force: of the unit, else of the nearest organisation above it, else for all, else the rule's own."""
    return {**rule.defaults, **_set_values(unit, day, rule.code).get(rule.code, {})}


def _set_values(unit: Unit, day: date, code: str | None = None) -> dict[str, dict[str, Decimal]]:
    """Rule → the values that somebody set for it and that are in force for the unit on a day."""
    path = unit.organisation.path
    rows = RuleParameter.objects.filter(valid_from__lte=day).filter(Q(valid_to__isnull=True) | Q(valid_to__gte=day))
    if code is not None:
        rows = rows.filter(rule=code)
    found: dict[str, dict[str, Decimal]] = {}
    best: dict[tuple[str, str], tuple[int, date, int]] = {}
    for row in rows.select_related("unit__organisation"):
        above = row.unit.organisation.path if row.unit else ""
        if path.startswith(above):
            key, rank = (row.rule, row.name), (len(above), row.valid_from, row.pk)
            if key not in best or rank > best[key]:
                best[key] = rank
                found.setdefault(row.rule, {})[row.name] = row.value
    return found


@transaction.atomic
def ask(unit: Unit, year: int, period: int, codes: Iterable[str] | None = None) -> list[Answer]:
    """What the rules (all executable ones, or `codes`) say of a unit and period. Nothing is kept."""
    only = None if codes is None else set(codes)
    chosen = [rule for rule in rules().values() if rule.executable and (only is None or rule.code in only)]
    return _ask(chosen, unit, year, period)[0]


def _ask(
    chosen: Iterable[Rule], unit: Unit, year: int, period: int, trial: Mapping[str, Decimal] | None = None
) -> list[list[Answer]]:
    """What the chosen rules say under the parameters in force and, where `trial` gives other values, under those too."""
    batches, given = _batches(unit, year, period), _given(unit, year, period)
    there = [rule for rule in chosen if not _covered(rule, batches, given)]
    _lay_out(unit, year, period, batches, there)
    try:
        return [
            _answers(chosen, unit, batches, given, values) for values in ((None,) if trial is None else (None, trial))
        ]
    finally:
        if not connection.needs_rollback:
            _clear()


def _given(unit: Unit, year: int, period: int) -> dict[str, Any]:
    last = date(year, period, monthrange(year, period)[1])
    return {
        "unit_kind": unit.kind,
        "unit_name": unit.organisation.name,
        "year": year,
        "period": period,
        "first": last.replace(day=1),
        "last": last,
    }


def _batches(unit: Unit, year: int, period: int) -> dict[str, list[EvidenceBatch]]:
    """The batches in force that count for the period, by kind."""
    rows = EvidenceBatch.objects.filter(unit=unit, current=True, year__gte=year - YEARS_BACK).filter(
        Q(year__lt=year) | Q(year=year, period__lte=period)
    )
    found: dict[str, list[EvidenceBatch]] = {}
    for row in rows.order_by("year", "period"):
        if row.kind in SNAPSHOTS:
            if row.kind not in YEARLY or row.year == year:
                found[row.kind] = [row]
        else:
            found.setdefault(row.kind, []).append(row)
    return found


def _covered(rule: Rule, batches: Mapping[str, list[EvidenceBatch]], given: Mapping[str, Any]) -> list[str]:
    """The kinds of evidence that the rule needs and that are not there for the year (lines, pay: for the period)."""
    missing = []
    for kind in rule.needs:
        have = batches.get(kind, [])
        exact = kind in {"lines", "pay", "balances"}
        if kind in SNAPSHOTS:
            there = bool(have)
        else:
            there = any(
                one.year == given["year"] and (not exact or one.period == given["period"] or one.period == 0)
                for one in have
            )
        if not there:
            missing.append(kind)
    return missing


def _answers(
    chosen: Iterable[Rule],
    unit: Unit,
    batches: Mapping[str, list[EvidenceBatch]],
    given: Mapping[str, Any],
    trial: Mapping[str, Decimal] | None = None,
) -> list[Answer]:
    """What rules say; `trial` are parameter values to use instead of those in force. The database is asked once for all."""
    answers: list[Answer] = []
    asked: list[tuple[Answer, dict[str, Decimal]]] = []
    in_force = _set_values(unit, given["last"])
    for rule in chosen:
        if rule.kinds and unit.kind not in rule.kinds:
            answers.append(Answer(rule, RuleRun.Outcome.NOT_APPLICABLE))
            continue
        missing = _covered(rule, batches, given)
        values = {**rule.defaults, **in_force.get(rule.code, {}), **(trial or {})}
        missing += ["parameter"] if rule.parameters - set(values) else []
        answers.append(
            Answer(rule, RuleRun.Outcome.INSUFFICIENT if missing else RuleRun.Outcome.CLEAN, missing=missing)
        )
        if not missing:
            asked.append((answers[-1], values))
    if not asked:
        return answers
    with connection.cursor() as cursor:
        cursor.execute("; ".join(cursor.mogrify(one.rule.query(), {**values, **given}) for one, values in asked))
        for answer, values in asked:
            rule, names = answer.rule, [one.name for one in cursor.description]
            used = {name: f"{values[name]:f}" for name in sorted(rule.parameters)}
            rows = cursor.fetchmany(MOST_FINDINGS)
            if "too_few" in names:  # a rule of statistics says itself that the rows are too few to speak of
                place = names.index("too_few")
                answer.missing = ["amounts"] if any(row[place] for row in rows) else []
                rows = [row[:place] + row[place + 1 :] for row in rows if not row[place]]
                names.remove("too_few")
            answer.found = [_found(rule, dict(zip(names, row, strict=True)), used) for row in rows]
            answer.outcome = RuleRun.Outcome.FOUND if answer.found else RuleRun.Outcome.CLEAN
            if answer.missing:
                answer.outcome = RuleRun.Outcome.INSUFFICIENT
            cursor.nextset()
    return answers


def _found(rule: Rule, row: dict[str, Any], used: dict[str, str]) -> Found:
    ids = [int(one) for one in row.pop("row_ids") or []]
    amount = row.pop("amount_fen")
    facts: dict[str, Any] = {}
    words: dict[str, Any] = {"amount": yuan(amount)}
    for name, value in row.items():
        facts[name] = int(value) if name.endswith("_fen") and value is not None else _plain(value)
        words[name.removesuffix("_fen")] = yuan(value) if name.endswith("_fen") else _plain(value)
    return Found(rule, rule.sentence(words)[:500], None if amount is None else int(amount), ids, facts, used)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        value = value.normalize()
        return f"{value:f}"
    return value if value is None or isinstance(value, int | str | bool) else str(value)


def yuan(fen: Any) -> str:
    """Fen as yuan with two places and thousands separated: 123456 → "1,234.56"."""
    return "—" if fen is None else f"{Decimal(int(fen)) / 100:,.2f}"


def _clear() -> None:
    names = ", ".join(f"pg_temp.{name}" for name in {*_MADE, *TABLES})
    with connection.cursor() as cursor:
        cursor.execute(
            f"set local client_min_messages = warning; drop table if exists {names}; set local client_min_messages to default; "
            "set local work_mem to default; set local default_statistics_target to default; set local enable_nestloop to default"
        )


_WORD = re.compile(r"[a-z_]+")


def _named(rules_: Iterable[Rule]) -> set[str]:
    """Every word in the rules' SQL: the tables and columns among them are what has to be laid out."""
    return {word for rule in rules_ for word in _WORD.findall(rule.sql)}


def _memory(batches: Mapping[str, list[EvidenceBatch]]) -> int:
    """Kilobytes for one sort or hash: room for the vouchers of all lines, within bounds."""
    return min(max(64, sum(one.rows for one in batches.get("lines", ())) // 4_000), 512) * 1024


def _lay_out(
    unit: Unit, year: int, period: int, batches: Mapping[str, list[EvidenceBatch]], asked: Iterable[Rule]
) -> None:
    """The temporary tables that the rules' SQL names, with the columns that it names, made in one breath.

    A sample of some thousand rows is enough to plan by, and sorting stays in memory: ANALYZE with its usual sample took
    half of the whole time, its sorts on disk a tenth. From so small a sample a rare fault is guessed at one row, and a
    nested loop over that guess read all lines once for each: tables are joined by hashing, none of them has an index.
    """
    _clear()
    words = _named(asked)
    for name in reversed(_DERIVED):
        if name in words:
            words |= set(_WORD.findall(_DERIVED[name]))
    said: list[str] = [
        f"set local work_mem = '{_memory(batches)}kB'",
        "set local default_statistics_target = 10",
        "set local enable_nestloop = off",
    ]
    filled = []
    with connection.cursor() as cursor:

        def say(sql: str, given: Any = None) -> None:
            said.append(cursor.mogrify(sql, given) if given is not None else sql)

        accounts = {
            "money": list(MONEY),
            "spending": list(SPENDING[unit.accounting]),
            "budgetary": [one for one in BUDGETARY if unit.accounting == "government"],
        }
        for kind, model in TABLES.items():
            name = "history" if kind == "lines" else kind
            if name not in words:
                continue
            ids = [one.pk for one in batches.get(kind, ())]
            if kind == "lines":
                wanted = [one for one in model._meta.concrete_fields if one.column in words]
                short = [f"l.{one.column}" for one in wanted if not isinstance(one, CharField)]
                long = [f"l.{one.column}" for one in wanted if isinstance(one, CharField)]
                say(
                    f"create temp table history on commit drop as select {', '.join([*short, _OF_LINES, *long])} "  # noqa: S608 - names of ours
                    "from finance_line l join unnest(%(ids)s::bigint[], %(heads)s::text[]) as b(batch_id, head) using (batch_id) "
                    "where batch_id = any(%(ids)s) and not void",
                    {
                        "ids": ids,
                        "heads": [f"{one.year}-{one.period:02} " for one in batches.get(kind, ())],
                        **accounts,
                    },
                )
            else:
                say(
                    f"create temp table {name} on commit drop as select * from {model._meta.db_table} where batch_id = any(%s)",  # noqa: S608 - names of ours
                    [ids],
                )
            filled += [name] if ids else []
        given = {"year": year, "period": period, "of_lines": [one.pk for one in batches.get("lines", ())]}
        for name, statement in _DERIVED.items():
            if name in words:
                say(f"create temp table {name} on commit drop as {statement}", given)
                filled.append(name)
        sets = econ_sets()
        if "card_classes" in words:
            say(
                "create temp table card_classes on commit drop as select unnest(%s::text[]) as econ",
                [list(sets["card"])],
            )
        if "public_classes" in words:
            pairs = [(item, code) for item, codes in sets.items() if item != "card" for code in codes]
            say(
                "create temp table public_classes on commit drop as select * from unnest(%s::text[], %s::text[]) as t(item, econ)",
                [[item for item, _code in pairs], [code for _item, code in pairs]],
            )
        if "days" in words:
            calendar, day = current_calendar(), date(year - 1, 12, 1)
            days = [day + timedelta(days=n) for n in range(440)]
            working = [calendar.is_working(one) if calendar.covers(one) else one.weekday() < 5 for one in days]
            say(
                "create temp table days on commit drop as select * from unnest(%s::date[], %s::bool[]) as t(day, working)",
                [days, working],
            )
            filled.append("days")
        if filled:
            say(f"analyze {', '.join(filled)}")
        cursor.execute("; ".join(said))


_OF_LINES = """account ^@ any (%(money)s) as money, account ^@ any (%(spending)s) as spending,
  account ^@ any (%(budgetary)s) as budgetary, (head || word || '-' || number) collate "C" as voucher"""
"""What rules ask of every line, made once: beginnings without a regular expression cost a tenth. They stand before the
texts, so that a rule need not walk over those to read them."""
_DERIVED = {
    "numbered": """with said as (
      select word, number, min(id) as id, min(day) as since, max(day) as until from finance_line
      where batch_id = any(%(of_lines)s) and year = %(year)s and period = %(period)s group by word, number),
    told as materialized (select *, number::bigint as n from said where number ~ '^[0-9]{1,9}$'),
    n as materialized (select word, n, min(id) as id, min(since) <> max(until) as again from told group by word, n),
    twice as (select a.word, a.n, count(distinct l.day) as days, array_agg(l.id order by l.id) as row_ids
      from finance_line l join (select word, number, n from told join n using (word, n) where again) a
        on a.word = l.word and a.number = l.number
      where batch_id = any(%(of_lines)s) and year = %(year)s and period = %(period)s group by a.word, a.n)
    select n.id, word, n, coalesce(days, 1) as days, row_ids from n left join twice using (word, n)""",
    "lines": """select k.with_bank is true as with_bank, k.with_cash is true as with_cash, h.* from history h
    left join (select voucher, bool_or(account not like '1001%%') as with_bank,
        bool_or(account like '1001%%' and credit_fen > 0) as with_cash from history
      where year = %(year)s and money and voucher in (select voucher from history where year = %(year)s and account like '1001%%')
      group by voucher) k using (voucher)
    where year = %(year)s""",
    "fresh": "select * from lines where period = %(period)s",
    "spend": """select *, debit_fen - credit_fen as amount_fen from lines
    where spending and debit_fen <> credit_fen and summary not like '%%结转%%'""",
    "cash_days": """with opened as (
      select coalesce(max(opening_fen) filter (where account = '1001'), sum(opening_fen)) as fen from balances
      where account like '1001%%' and year = %(year)s
        and period = (select min(period) from balances where year = %(year)s)),
    moved as (
      select day, sum(debit_fen - credit_fen) as net_fen,
        coalesce(sum(debit_fen) filter (where not with_bank), 0)::bigint as take_fen,
        coalesce(sum(credit_fen) filter (where not with_bank), 0)::bigint as pay_fen,
        coalesce(sum(credit_fen) filter (where with_bank), 0)::bigint as banked_fen,
        array_agg(id order by id) as row_ids
      from lines where account like '1001%%' group by day)
    select day, take_fen, pay_fen, banked_fen, row_ids[1:200] as row_ids,
      (coalesce((select fen from opened), 0) + sum(net_fen) over (order by day))::bigint as balance_fen,
      (coalesce((select fen from opened), 0) + sum(net_fen) over (order by day) - net_fen)::bigint as opening_fen
    from moved""",
}
"""Tables made of others, each after those that it is made of. `with_bank` and `with_cash` are of vouchers with cash lines:
money that is not cash in the same voucher, and cash paid. The ids of a number's rows are gathered only where it is used for
several days."""


@transaction.atomic
def run(unit: Unit, year: int, period: int, codes: Iterable[str] | None = None) -> list[RuleRun]:
    """Ask the rules and keep what they say: findings with version, parameters, batches and rows; what a rule finds no
    longer is marked, never deleted. Runs for one unit wait for each other."""
    Unit.objects.select_for_update().get(pk=unit.pk)
    now = timezone.now()
    batches = _batches(unit, year, period)
    used = {kind: [[one.pk, one.sha256] for one in found if one.year >= year - 1] for kind, found in batches.items()}
    answers = ask(unit, year, period, codes)
    known = set(Finding.objects.filter(unit=unit, year=year).values_list("rule", flat=True).distinct())
    runs = []
    for answer in answers:
        rule = answer.rule
        prints = []
        new = []
        for found in answer.found:
            key = fingerprint(found, year)
            prints.append(key)
            new.append(
                Finding(
                    unit=unit,
                    year=year,
                    period=period,
                    rule=rule.code,
                    version=rule.version,
                    aspect_id=rule.aspect,
                    level=rule.level,
                    text=found.text,
                    amount_fen=found.amount_fen,
                    facts=found.facts,
                    parameters=found.parameters,
                    batches={kind: used.get(kind, []) for kind in rule.needs},
                    table=rule.table,
                    row_ids=found.row_ids,
                    fingerprint=key,
                    found_at=now,
                )
            )
        if new:
            Finding.objects.bulk_create(new, ignore_conflicts=True)
        if rule.code in known:
            _mark_outdated(unit, rule, year, period, answer, prints, now)
        runs.append(
            RuleRun(
                unit=unit,
                year=year,
                period=period,
                rule=rule.code,
                aspect_id=rule.aspect,
                version=rule.version,
                outcome=answer.outcome,
                missing=answer.missing,
                findings=len(set(prints)),
                ran_at=now,
            )
        )
    return RuleRun.objects.bulk_create(
        runs,
        update_conflicts=True,
        unique_fields=("unit", "year", "period", "rule"),
        update_fields=("aspect", "version", "outcome", "missing", "findings", "ran_at"),
    )


def _mark_outdated(
    unit: Unit, rule: Rule, year: int, period: int, answer: Answer, prints: list[str], now: datetime
) -> None:
    """What the rule finds no longer is marked so; what it finds again is in force again."""
    before = Finding.objects.filter(unit=unit, rule=rule.code, year=year)
    before.filter(fingerprint__in=prints, outdated_at__isnull=False).update(outdated_at=None)
    if answer.outcome in (RuleRun.Outcome.CLEAN, RuleRun.Outcome.FOUND):
        about = Q(period=period) if MONTHLY.search(rule.sql) else Q(period__lte=period)
        before.filter(about, outdated_at__isnull=True).exclude(fingerprint__in=prints).update(outdated_at=now)


def fingerprint(found: Found, year: int) -> str:
    """Names a finding: the same rule, version, parameters, rows and facts are the same finding."""
    said = [found.rule.code, found.rule.version, found.parameters, year, found.row_ids, found.facts, found.amount_fen]
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@dataclass
class Trial:
    """A period under other parameter values: how many findings now and then, and the sentences that come and go."""

    period: int
    now: int
    then: int
    more: list[str]
    fewer: list[str]


def back_test(unit: Unit, year: int, code: str, values: Mapping[str, Decimal]) -> list[Trial]:
    """What other parameter values would have found in the year, beside what those in force find. Nothing is kept.

    A rule that speaks of a period alone is asked for every period with voucher lines, another for the latest one.
    """
    rule = rules()[code]
    periods = sorted(
        EvidenceBatch.objects.filter(unit=unit, year=year, current=True, kind__in=rule.needs, period__gt=0)
        .values_list("period", flat=True)
        .distinct()
    )
    return [
        _try(rule, unit, year, period, values) for period in (periods if MONTHLY.search(rule.sql) else periods[-1:])
    ]


@transaction.atomic
def _try(rule: Rule, unit: Unit, year: int, period: int, values: Mapping[str, Decimal]) -> Trial:
    now, then = ({one.text for one in said[0].found} for said in _ask([rule], unit, year, period, values))
    return Trial(period, len(now), len(then), sorted(then - now)[:MOST_SHOWN], sorted(now - then)[:MOST_SHOWN])
