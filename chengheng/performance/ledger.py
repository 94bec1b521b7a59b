"""The payments ledger as a list and as an import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet, Sum
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chengheng.common import intake, spending, tables, trail
from chengheng.common.people import access
from chengheng.common.people.access import SYSTEM
from chengheng.common.tables import Column, DateRange, Table, Text
from chengheng.performance import actions
from chengheng.performance.models import Payment, Programme


@tables.register
class PaymentTable(Table):
    code = "performance.payment"
    title = _("Payments")
    act = "performance.payment.view"
    columns = (
        Column("paid_on", _("Paid on"), kind="date"),
        Column("amount_fen", _("Amount"), kind="money_fen"),
        Column("payee", _("Payee")),
        Column("programme__name", _("Programme"), link=True),
        Column("voucher", _("Voucher")),
        Column("note", _("Note")),
    )
    filters = (
        Text("q", _("Search"), fields=("payee", "voucher", "note", "programme__name")),
        DateRange("paid_on", _("Paid on")),
    )
    default_sort = "-paid_on"
    navigation = (
        (_("Enter a payment"), "performance:enter_payment"),
        (_("Import payments"), "performance:import_payments"),
    )

    def queryset(self, user: Any) -> QuerySet[Payment]:
        return Payment.objects.select_related("programme")


@intake.register
class PaymentImporter(intake.Importer):
    code = "performance.payment"
    title = _("Payments")
    act = "performance.payment.import"
    models = (Payment,)
    fields = (
        intake.Field("programme", _("Programme"), required=True, parse=intake.text(300), aliases=("项目", "项目名称")),
        intake.Field("paid_on", _("Paid on"), required=True, parse=intake.date(), aliases=("支付日期", "日期", "付款日期")),
        intake.Field(
            "amount_fen", _("Amount"), required=True, parse=intake.money_fen(low=None), aliases=("金额", "支付金额", "金额（元）")
        ),
        intake.Field("payee", _("Payee"), required=True, parse=intake.text(120), aliases=("收款人", "收款单位")),
        intake.Field("voucher", _("Voucher"), parse=intake.text(60), aliases=("凭证号", "凭证")),
        intake.Field("note", _("Note"), parse=intake.text(300), aliases=("摘要", "备注")),
    )  # fmt: skip

    def check(self, rows: Any, problems: Any) -> None:
        """Each row names a programme of its year that the user may enter payments for; vouchers come once."""
        known = self._programmes()
        seen: set[tuple[int, str]] = set()
        for row in rows:
            programme = known.get((row["paid_on"].year, row["programme"]))
            if programme is None:
                problems.add(row, "programme", gettext("There is no such programme in the year of the payment."))
                continue
            if row["amount_fen"] == 0:
                problems.add(row, "amount_fen", gettext("A payment of nothing is none."))
            voucher = row.get("voucher") or ""
            if voucher:
                if (programme.pk, voucher) in seen or programme.payments.filter(voucher=voucher).exists():
                    problems.add(row, "voucher", gettext("This voucher was entered before."))
                seen.add((programme.pk, voucher))

    def commit(self, rows: Any, batch: Any, actor: Any) -> int:
        known = self._programmes()
        made = Payment.objects.bulk_create(
            Payment(
                programme=known[row["paid_on"].year, row["programme"]], paid_on=row["paid_on"], batch=batch,
                amount_fen=row["amount_fen"], payee=row["payee"], voucher=row.get("voucher") or "",
                note=row.get("note") or "", by=actor if getattr(actor, "pk", None) else None,
            )
            for row in rows
        )  # fmt: skip
        trail.record_new(
            "performance.payment.import", actor,
            [(payment, {"amount_fen": payment.amount_fen, "programme": payment.programme_id}) for payment in made],
        )  # fmt: skip
        return len(made)

    def _programmes(self) -> dict[tuple[int, str], Programme]:
        rows = access.visible(self.actor or access.SYSTEM, "performance.payment.enter", Programme.objects.all())
        return {(programme.year, programme.name): programme for programme in rows}

    def done_url(self, batch: Any) -> str:
        return reverse("performance:payments")


# What other rooms spent


def _programme(room: str, options: Mapping[str, str], year: int) -> Programme | None:
    """The one programme of a year whose confirmed bindings ask this room's measures with these options."""
    rows = Programme.objects.filter(
        year=year, indicators__binding__measure__startswith=f"{room}.", indicators__binding__options__contains=dict(options),
        indicators__binding__confirmed_at__isnull=False,
    ).distinct()  # fmt: skip
    found = list(rows[:2])
    return found[0] if len(found) == 1 else None


def book(spent: spending.Spent) -> str:
    """Enter another room's payment, as the system: that room's own permission was asked. "" without a programme."""
    programme = _programme(spent.room, spent.options, spent.paid_on.year)
    if programme is None:
        return ""
    actions.enter_payment(
        programme, SYSTEM, amount_fen=spent.amount_fen, paid_on=spent.paid_on, payee=spent.payee,
        voucher=spent.voucher, note=spent.note,
    )  # fmt: skip
    return programme.name


def purse(room: str, options: Mapping[str, str], year: int) -> spending.Purse | None:
    """The programme's budget of the year as its ceiling, and the sum of its payments."""
    programme = _programme(room, options, year)
    if programme is None:
        return None
    paid = programme.payments.aggregate(total=Sum("amount_fen"))["total"] or 0
    return spending.Purse(programme.name, programme.get_absolute_url(), programme.budget_total_fen, paid)


spending.keep(spending.Ledger(book, purse))
