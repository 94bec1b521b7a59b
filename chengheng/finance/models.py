"""What is stored of finance: units and aspects, batches of evidence and their rows, rule parameters, findings, doubts.

Money is integer fen. Evidence rows are immutable (a trigger refuses change); a correction is a later batch that
replaces an earlier one, and findings keep the batch that they were made from. What must not go in: what a rule says
(rules), how a doubt moves (flows).
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chengheng.common.flow.models import Moving
from chengheng.common.people.access import Scope


class Aspect(models.Model):
    """One of the aspects under supervision. The list is data: the source names eight of nine."""

    code = models.CharField(_("code"), max_length=20, primary_key=True)
    name = models.CharField(_("name"), max_length=40)
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    counted = models.BooleanField(_("counts as a supervised aspect"), default=True)
    is_example = models.BooleanField(_("example"), default=False)
    source = models.CharField(_("source"), max_length=200)

    view_act = "finance.rule.view"
    access_scope = Scope()

    class Meta:
        ordering = ("order",)
        verbose_name = _("aspect")
        verbose_name_plural = _("aspects")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("finance:aspect", args=[self.pk])


class UnitKind(models.TextChoices):
    ADMINISTRATIVE = "administrative", _("administrative organ")
    INSTITUTION = "institution", _("public institution")
    ENTERPRISE = "enterprise", _("enterprise")


class AccountingSystem(models.TextChoices):
    GOVERNMENT = "government", _("government accounting system (2019)")
    ENTERPRISE = "enterprise", _("accounting standards for enterprises")
    SMALL = "small", _("accounting standards for small enterprises")


class Unit(models.Model):
    """An organisation under financial supervision. Its place above and below others is the organisation's own."""

    organisation = models.OneToOneField("people.Organisation", models.PROTECT, related_name="finance_unit")
    kind = models.CharField(_("kind"), max_length=20, choices=UnitKind.choices)
    accounting = models.CharField(_("accounting system"), max_length=20, choices=AccountingSystem.choices)
    supervised_from = models.DateField(_("supervised from"))
    supervised_to = models.DateField(_("supervised to"), null=True, blank=True)

    view_act = "finance.unit.view"
    access_scope = Scope(organisation="organisation")

    class Meta:
        ordering = ("organisation__path",)
        verbose_name = _("supervised unit")
        verbose_name_plural = _("supervised units")

    def __str__(self) -> str:
        return self.organisation.name

    def get_absolute_url(self) -> str:
        return reverse("finance:unit", args=[self.pk])


class BatchKind(models.TextChoices):
    """What a batch of evidence holds; the table names that rules need."""

    LINES = "lines", _("voucher lines")
    BALANCES = "balances", _("account balances")
    BANK = "bank", _("bank statement")
    CARDS = "cards", _("official card statement")
    PAY = "pay", _("payroll")
    STAFF = "staff", _("staff roster")
    ASSETS = "assets", _("asset cards")
    BUDGETS = "budgets", _("budgets and adjustments")
    CONTRACTS = "contracts", _("contracts and procurement")
    FORMS = "forms", _("reception, travel, meeting and training forms")
    ACCOUNTS = "accounts", _("bank account register")
    INVESTMENTS = "investments", _("investment register")
    LEASES = "leases", _("lease register")
    BIDS = "bids", _("bids and quotations")
    VEHICLES = "vehicles", _("vehicle log")
    REPORTS = "reports", _("tables of the final accounts")
    HOLDINGS = "holdings", _("shareholdings in the business register")


class EvidenceBatch(models.Model):
    """One kind of evidence of one unit and period, as it came in. Never changed: a later batch replaces it."""

    unit = models.ForeignKey(Unit, models.PROTECT, related_name="batches", verbose_name=_("unit"))
    kind = models.CharField(_("holds"), max_length=12, choices=BatchKind.choices)
    year = models.PositiveSmallIntegerField(_("fiscal year"))
    period = models.PositiveSmallIntegerField(_("period"))
    number = models.PositiveSmallIntegerField(_("edition of the batch"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    origin = models.CharField(_("origin"), max_length=200)
    rows = models.PositiveIntegerField(_("rows"))
    debit_fen = models.BigIntegerField(_("debit"), default=0)
    credit_fen = models.BigIntegerField(_("credit"), default=0)
    control = models.JSONField(_("control"), default=dict)
    replaces = models.OneToOneField("self", models.PROTECT, null=True, related_name="replaced_by")
    current = models.BooleanField(_("in force"), default=True)
    imported_by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+", verbose_name=_("by"))
    imported_at = models.DateTimeField(_("imported"), default=timezone.now)

    view_act = "finance.batch.view"
    access_scope = Scope(organisation="unit__organisation")

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.UniqueConstraint(fields=("unit", "kind", "year", "period", "number"), name="finance_batch_once"),
            models.UniqueConstraint(
                fields=("unit", "kind", "year", "period"), condition=Q(current=True), name="finance_batch_one_in_force"
            ),
        )
        verbose_name = _("batch of evidence")
        verbose_name_plural = _("batches of evidence")

    def __str__(self) -> str:
        place = f"{self.year}-{self.period:02}" if self.period else str(self.year)
        return f"{self.unit} {self.get_kind_display()} {place} #{self.number}"

    def get_absolute_url(self) -> str:
        return reverse("finance:batch", args=[self.pk])


class Evidence(models.Model):
    """A row of a batch, with the sheet row that it was read from."""

    batch = models.ForeignKey(EvidenceBatch, models.PROTECT, related_name="%(class)s_rows")
    unit = models.ForeignKey(Unit, models.PROTECT, related_name="+", verbose_name=_("unit"))
    year = models.PositiveSmallIntegerField(_("fiscal year"))
    period = models.PositiveSmallIntegerField(_("period"))
    row = models.PositiveIntegerField(_("row"), default=0)

    view_act = "finance.line.view"
    access_scope = Scope(organisation="unit__organisation")

    class Meta:
        abstract = True
        indexes = (models.Index(fields=("unit", "year", "period"), name="%(class)s_place"),)

    def get_absolute_url(self) -> str:
        return self.batch.get_absolute_url()


class Line(Evidence):
    """A voucher line (分录行); the voucher's head is repeated in each, as GB/T 24589's 记账凭证 has it."""

    day = models.DateField(_("date"))
    word = models.CharField(_("voucher word"), max_length=12, blank=True)
    number = models.CharField(_("voucher number"), max_length=24)
    line = models.PositiveIntegerField(_("line"), default=0)
    summary = models.CharField(_("summary"), max_length=300, blank=True)
    account = models.CharField(_("account"), max_length=40)
    account_name = models.CharField(_("account name"), max_length=120, blank=True)
    econ = models.CharField(_("economic class"), max_length=5, blank=True)
    project = models.CharField(_("project"), max_length=120, blank=True)
    party = models.CharField(_("counterparty"), max_length=120, blank=True)
    debit_fen = models.BigIntegerField(_("debit"), default=0)
    credit_fen = models.BigIntegerField(_("credit"), default=0)
    invoice = models.CharField(_("invoice number"), max_length=40, blank=True)
    attachments = models.PositiveSmallIntegerField(_("attachments"), null=True)
    maker = models.CharField(_("made by"), max_length=40, blank=True)
    reviewer = models.CharField(_("reviewed by"), max_length=40, blank=True)
    poster = models.CharField(_("posted by"), max_length=40, blank=True)
    cashier = models.CharField(_("cashier"), max_length=40, blank=True)
    void = models.BooleanField(_("void"), default=False)

    class Meta(Evidence.Meta):
        ordering = ("unit", "year", "period", "word", "number", "line", "pk")
        verbose_name = _("voucher line")
        verbose_name_plural = _("voucher lines")

    def __str__(self) -> str:
        return f"{self.year}-{self.period:02} {self.word}-{self.number}/{self.line} {self.summary}"

    def get_absolute_url(self) -> str:
        return f"{reverse('finance:voucher', args=[self.batch_id])}?word={self.word}&number={self.number}"


class Balance(Evidence):
    """An account's opening, movements and closing of a period; amounts are debit positive."""

    account = models.CharField(_("account"), max_length=40)
    account_name = models.CharField(_("account name"), max_length=120, blank=True)
    opening_fen = models.BigIntegerField(_("opening"))
    debit_fen = models.BigIntegerField(_("debit"))
    credit_fen = models.BigIntegerField(_("credit"))
    closing_fen = models.BigIntegerField(_("closing balance"))

    def __str__(self) -> str:
        return f"{self.account} {self.account_name}"


class BankLine(Evidence):
    day = models.DateField(_("date"))
    account_no = models.CharField(_("bank account"), max_length=40)
    party = models.CharField(_("counterparty"), max_length=120, blank=True)
    party_account = models.CharField(_("counterparty's account"), max_length=40, blank=True)
    summary = models.CharField(_("summary"), max_length=300, blank=True)
    in_fen = models.BigIntegerField(_("amount received"), default=0)
    out_fen = models.BigIntegerField(_("amount paid"), default=0)

    def __str__(self) -> str:
        return f"{self.day} {self.summary}"


class CardSwipe(Evidence):
    day = models.DateField(_("date"))
    card_no = models.CharField(_("card"), max_length=30)
    holder = models.CharField(_("card holder"), max_length=40)
    merchant = models.CharField(_("merchant"), max_length=120, blank=True)
    amount_fen = models.BigIntegerField(_("amount"))
    reimbursed_fen = models.BigIntegerField(_("reimbursed"), default=0)
    reimbursed_on = models.DateField(_("reimbursed on"), null=True)
    swipe_no = models.CharField(_("transaction number"), max_length=40, blank=True)

    def __str__(self) -> str:
        return f"{self.day} {self.merchant}"


class PayRow(Evidence):
    id_no = models.CharField(_("identity number"), max_length=30)
    name = models.CharField(_("name"), max_length=40)
    bank_account = models.CharField(_("bank account"), max_length=40, blank=True)
    pay_fen = models.BigIntegerField(_("pay"))
    base_fen = models.BigIntegerField(_("contribution base"), null=True)

    def __str__(self) -> str:
        return f"{self.year}-{self.period:02}"


class StaffRow(Evidence):
    id_no = models.CharField(_("identity number"), max_length=30)
    name = models.CharField(_("name"), max_length=40)
    status = models.CharField(_("status"), max_length=20, blank=True)
    left_on = models.DateField(_("left on"), null=True)
    changed_on = models.DateField(_("pay change approved on"), null=True)

    def __str__(self) -> str:
        return self.status


class AssetCard(Evidence):
    number = models.CharField(_("card number"), max_length=40)
    name = models.CharField(_("name"), max_length=120)
    category = models.CharField(_("category"), max_length=60, blank=True)
    acquired_on = models.DateField(_("acquired on"), null=True)
    cost_fen = models.BigIntegerField(_("original cost"))
    depreciation_fen = models.BigIntegerField(_("accumulated depreciation"), default=0)
    month_fen = models.BigIntegerField(_("depreciation of the month"), null=True)
    life_months = models.PositiveSmallIntegerField(_("life in months"), null=True)
    state = models.CharField(_("state"), max_length=20, blank=True)
    idle_since = models.DateField(_("idle since"), null=True)
    checked_on = models.DateField(_("last stock-take"), null=True)
    removed_on = models.DateField(_("removed on"), null=True)
    removal = models.CharField(_("way of removal"), max_length=40, blank=True)
    approval_no = models.CharField(_("approval number"), max_length=60, blank=True)
    valuation_no = models.CharField(_("valuation number"), max_length=60, blank=True)

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


class BudgetRow(Evidence):
    project = models.CharField(_("project"), max_length=120)
    econ = models.CharField(_("economic class"), max_length=5, blank=True)
    budget_fen = models.BigIntegerField(_("budget after adjustments"))
    carried_from = models.PositiveSmallIntegerField(_("carried over from"), null=True)

    def __str__(self) -> str:
        return f"{self.project} {self.econ}"


class Contract(Evidence):
    number = models.CharField(_("contract number"), max_length=60)
    name = models.CharField(_("name"), max_length=200, blank=True)
    supplier = models.CharField(_("supplier"), max_length=120)
    supplier_account = models.CharField(_("supplier's account"), max_length=40, blank=True)
    registered_on = models.DateField(_("supplier registered on"), null=True)
    capital_fen = models.BigIntegerField(_("supplier's capital"), null=True)
    category = models.CharField(_("category"), max_length=60, blank=True)
    method = models.CharField(_("way of procurement"), max_length=40, blank=True)
    project = models.CharField(_("project"), max_length=120, blank=True)
    amount_fen = models.BigIntegerField(_("amount"))
    supplements_fen = models.BigIntegerField(_("supplements"), default=0)
    signed_on = models.DateField(_("signed on"))
    filed_on = models.DateField(_("filed on"), null=True)

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


class FormKind(models.TextChoices):
    RECEPTION = "reception", _("reception")
    TRAVEL = "travel", _("travel")
    MEETING = "meeting", _("meeting")
    TRAINING = "training", _("training")
    ABROAD = "abroad", _("abroad")
    VEHICLE = "vehicle", _("vehicle")


class Form(Evidence):
    """A form that stands behind an expense of reception, travel, meeting, training, going abroad or a vehicle."""

    kind = models.CharField(_("kind"), max_length=10, choices=FormKind.choices)
    number = models.CharField(_("document number"), max_length=60)
    day = models.DateField(_("date"))
    until = models.DateField(_("until"), null=True)
    person = models.CharField(_("person"), max_length=40, blank=True)
    guests = models.PositiveSmallIntegerField(_("guests"), null=True)
    escorts = models.PositiveSmallIntegerField(_("escorts"), null=True)
    people = models.PositiveSmallIntegerField(_("number of people"), null=True)
    grade = models.CharField(_("class of meeting"), max_length=20, blank=True)
    amount_fen = models.BigIntegerField(_("amount"))
    lodging_fen = models.BigIntegerField(_("lodging per night"), null=True)
    place = models.CharField(_("place"), max_length=120, blank=True)
    items = models.CharField(_("items on the list"), max_length=300, blank=True)
    designated = models.BooleanField(_("designated place"), null=True)
    approval_no = models.CharField(_("approval number"), max_length=60, blank=True)
    letter = models.BooleanField(_("official letter"), null=True)
    list_given = models.BooleanField(_("list of guests"), null=True)
    invoice = models.BooleanField(_("invoice given"), null=True)

    def __str__(self) -> str:
        return f"{self.number} {self.day}"


class BankAccount(Evidence):
    account_no = models.CharField(_("bank account"), max_length=40)
    bank = models.CharField(_("bank"), max_length=120, blank=True)
    kind = models.CharField(_("kind of account"), max_length=30, blank=True)
    approval_no = models.CharField(_("approval number"), max_length=60, blank=True)
    opened_on = models.DateField(_("opened on"), null=True)
    closed_on = models.DateField(_("closed on"), null=True)

    def __str__(self) -> str:
        return f"{self.bank} …{self.account_no[-4:]}"


class Investment(Evidence):
    investee = models.CharField(_("investee"), max_length=120)
    product = models.CharField(_("kind of investment"), max_length=40, blank=True)
    funds = models.CharField(_("source of funds"), max_length=40, blank=True)
    amount_fen = models.BigIntegerField(_("amount"))
    invested_on = models.DateField(_("invested on"))
    approval_no = models.CharField(_("approval number"), max_length=60, blank=True)
    distributed_fen = models.BigIntegerField(_("distributed this year"), default=0)
    last_income_on = models.DateField(_("last income"), null=True)
    equity_fen = models.BigIntegerField(_("investee's equity"), null=True)

    def __str__(self) -> str:
        return self.investee


class Lease(Evidence):
    """A contract by which the unit lets or lends what it owns."""

    number = models.CharField(_("lease number"), max_length=60)
    asset = models.CharField(_("what is let"), max_length=120, blank=True)
    lessee = models.CharField(_("lessee"), max_length=120)
    month_fen = models.BigIntegerField(_("rent a month"))
    starts_on = models.DateField(_("let from"))
    ends_on = models.DateField(_("let to"), null=True)
    approval_no = models.CharField(_("approval number"), max_length=60, blank=True)

    def __str__(self) -> str:
        return f"{self.number} {self.lessee}"


class Bid(Evidence):
    """One bidder's price in one tender or inquiry."""

    tender = models.CharField(_("tender number"), max_length=60)
    opened_on = models.DateField(_("bids opened on"))
    bidder = models.CharField(_("bidder"), max_length=120)
    price_fen = models.BigIntegerField(_("price offered"))
    won = models.BooleanField(_("won"), default=False)

    def __str__(self) -> str:
        return f"{self.tender} {self.bidder}"


class VehicleEntry(Evidence):
    """A line of a vehicle's own account (单车核算): a refuelling, a repair or another cost."""

    plate = models.CharField(_("number plate"), max_length=12)
    day = models.DateField(_("date"))
    until = models.DateField(_("until"), null=True)
    item = models.CharField(_("cost item"), max_length=20)
    volume_cl = models.PositiveIntegerField(_("fuel in hundredths of a litre"), null=True)
    tank_cl = models.PositiveIntegerField(_("tank in hundredths of a litre"), null=True)
    odometer_km = models.PositiveIntegerField(_("odometer in km"), null=True)
    amount_fen = models.BigIntegerField(_("amount"))

    def __str__(self) -> str:
        return f"{self.plate} {self.day} {self.item}"


class ReportRow(Evidence):
    """A line of a table of the unit's final accounts (决算公开表)."""

    sheet = models.CharField(_("name of the table"), max_length=60)
    econ = models.CharField(_("economic class"), max_length=5, blank=True)
    item = models.CharField(_("cost item"), max_length=120, blank=True)
    amount_fen = models.BigIntegerField(_("amount"))

    def __str__(self) -> str:
        return f"{self.sheet} {self.econ} {self.item}"


class Holding(Evidence):
    """A company of which the public business register names the unit as a shareholder."""

    investee = models.CharField(_("investee"), max_length=120)
    share = models.CharField(_("share held"), max_length=20, blank=True)
    registered_on = models.DateField(_("registered on"), null=True)
    status = models.CharField(_("status"), max_length=20, blank=True)

    def __str__(self) -> str:
        return self.investee


TABLES: dict[str, type[Evidence]] = {
    "lines": Line, "balances": Balance, "bank": BankLine, "cards": CardSwipe, "pay": PayRow, "staff": StaffRow,
    "assets": AssetCard, "budgets": BudgetRow, "contracts": Contract, "forms": Form, "accounts": BankAccount,
    "investments": Investment, "leases": Lease, "bids": Bid, "vehicles": VehicleEntry, "reports": ReportRow,
    "holdings": Holding,
}  # fmt: skip
"""Kind of batch → the model of its rows."""


class RuleParameter(models.Model):
    """A value of a rule's parameter from a day on, for one unit and what is below it, or for all. The default is the rule's own."""

    rule = models.CharField(_("rule"), max_length=10)
    name = models.CharField(_("parameter"), max_length=30)
    value = models.DecimalField(_("value"), max_digits=20, decimal_places=4)
    unit = models.ForeignKey(Unit, models.PROTECT, null=True, blank=True, verbose_name=_("unit"))
    valid_from = models.DateField(_("in force from"))
    valid_to = models.DateField(_("in force to"), null=True, blank=True)
    source = models.CharField(_("source"), max_length=200)

    view_act = "finance.rule.view"
    access_scope = Scope()

    class Meta:
        ordering = ("rule", "name", "-valid_from")
        verbose_name = _("rule parameter")
        verbose_name_plural = _("rule parameters")

    def __str__(self) -> str:
        return f"{self.rule}.{self.name} = {self.value.normalize():f}"

    def get_absolute_url(self) -> str:
        return reverse("finance:rule", args=[self.rule])


class RuleChange(models.Model):
    """A parameter value that somebody proposes: tried on the books first, put in force by another person."""

    class State(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        LIVE = "live", _("put in force")
        WITHDRAWN = "withdrawn", _("withdrawn")

    rule = models.CharField(_("rule"), max_length=10)
    name = models.CharField(_("parameter"), max_length=30)
    value = models.DecimalField(_("value"), max_digits=20, decimal_places=4)
    unit = models.ForeignKey(Unit, models.PROTECT, null=True, blank=True, verbose_name=_("unit"))
    valid_from = models.DateField(_("in force from"))
    source = models.CharField(_("source"), max_length=200)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.PROPOSED)
    proposed_by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+", verbose_name=_("by"))
    proposed_at = models.DateTimeField(_("proposed at"), default=timezone.now)
    tested_at = models.DateTimeField(_("tried at"), null=True)
    result = models.JSONField(_("what it would find"), default=list)  # [unit id, year, period, now, then], …
    decided_by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(_("decided"), null=True)

    view_act = "finance.rule.view"
    access_scope = Scope()

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("proposed change of a rule")
        verbose_name_plural = _("proposed changes of rules")

    def __str__(self) -> str:
        return f"{self.rule}.{self.name} → {self.value.normalize():f}"

    def get_absolute_url(self) -> str:
        return reverse("finance:rule", args=[self.rule])


class RuleRun(models.Model):
    """What a rule said of a unit and period the last time it was asked. "Insufficient" is not "clean"."""

    class Outcome(models.TextChoices):
        CLEAN = "clean", _("nothing found")
        FOUND = "found", _("doubts found")
        INSUFFICIENT = "insufficient", _("insufficient data")
        NOT_APPLICABLE = "not_applicable", _("does not apply to this kind of unit")

    unit = models.ForeignKey(Unit, models.PROTECT, related_name="runs", verbose_name=_("unit"))
    year = models.PositiveSmallIntegerField(_("fiscal year"))
    period = models.PositiveSmallIntegerField(_("period"))
    rule = models.CharField(_("rule"), max_length=10)
    aspect = models.ForeignKey(Aspect, models.PROTECT, verbose_name=_("aspect"))
    version = models.PositiveSmallIntegerField(_("version"))
    outcome = models.CharField(_("outcome"), max_length=16, choices=Outcome.choices)
    missing = ArrayField(models.CharField(max_length=12), default=list, verbose_name=_("missing"))
    findings = models.PositiveIntegerField(_("findings"), default=0)
    ran_at = models.DateTimeField(_("run at"), default=timezone.now)

    view_act = "finance.finding.view"
    access_scope = Scope(organisation="unit__organisation")

    class Meta:
        ordering = ("-year", "-period", "rule")
        constraints = (models.UniqueConstraint(fields=("unit", "year", "period", "rule"), name="finance_run_once"),)
        verbose_name = _("rule run")
        verbose_name_plural = _("rule runs")

    def __str__(self) -> str:
        return f"{self.rule} {self.unit} {self.year}-{self.period:02}"

    def get_absolute_url(self) -> str:
        return self.unit.get_absolute_url()


class Finding(models.Model):
    """What a rule found, with all that is needed to find it again: version, parameters, batches and rows."""

    unit = models.ForeignKey(Unit, models.PROTECT, related_name="findings", verbose_name=_("unit"))
    year = models.PositiveSmallIntegerField(_("fiscal year"))
    period = models.PositiveSmallIntegerField(_("period"))
    rule = models.CharField(_("rule"), max_length=10)
    version = models.PositiveSmallIntegerField(_("version"))
    aspect = models.ForeignKey(Aspect, models.PROTECT, verbose_name=_("aspect"))
    level = models.CharField(_("level"), max_length=2)
    text = models.CharField(_("what was found"), max_length=500)
    amount_fen = models.BigIntegerField(_("amount"), null=True)
    facts = models.JSONField(_("facts"), default=dict)
    parameters = models.JSONField(_("parameters"), default=dict)
    batches = models.JSONField(_("batches"), default=dict)  # kind → [[id, sha256], …]
    table = models.CharField(max_length=12)
    row_ids = ArrayField(models.BigIntegerField(), default=list)
    fingerprint = models.CharField(max_length=64)
    found_at = models.DateTimeField(_("found"), default=timezone.now)
    outdated_at = models.DateTimeField(_("no longer found"), null=True)

    view_act = "finance.finding.view"
    access_scope = Scope(organisation="unit__organisation")

    class Meta:
        ordering = ("-pk",)
        constraints = (models.UniqueConstraint(fields=("unit", "fingerprint"), name="finance_finding_once"),)
        indexes = (models.Index(fields=("unit", "year", "rule"), name="finance_finding_rule"),)
        verbose_name = _("finding")
        verbose_name_plural = _("findings")

    def __str__(self) -> str:
        return f"{self.rule} {self.text}"[:120]

    def get_absolute_url(self) -> str:
        return reverse("finance:finding", args=[self.pk])


class Doubt(Moving):
    """An audit doubt (疑点): a finding that somebody took up, until it is closed."""

    finding = models.OneToOneField(Finding, models.PROTECT, related_name="doubt", verbose_name=_("finding"))
    unit = models.ForeignKey(Unit, models.PROTECT, related_name="doubts", verbose_name=_("unit"))
    aspect = models.ForeignKey(Aspect, models.PROTECT, verbose_name=_("aspect"))
    title = models.CharField(_("title"), max_length=200)
    found_at = models.DateTimeField(_("taken up"), default=timezone.now)
    raised_by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+", verbose_name=_("by"))
    issued_at = models.DateTimeField(_("issued"), null=True)
    issued_by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+")
    explanation = models.TextField(_("explanation"), blank=True)
    explained_by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(_("decided"), null=True)
    decided_by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+")
    confirmed = models.BooleanField(_("confirmed"), null=True)
    rectify_due_at = models.DateTimeField(_("rectification due"), null=True)
    rectification = models.TextField(_("rectification"), blank=True)
    rectified_at = models.DateTimeField(_("rectified"), null=True)
    rectified_by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+")
    verified_by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+")
    closed_at = models.DateTimeField(_("struck off at"), null=True)

    view_act = "finance.doubt.view"
    access_scope = Scope(organisation="unit__organisation")

    class Meta(Moving.Meta):
        ordering = ("-pk",)
        verbose_name = _("audit doubt")
        verbose_name_plural = _("audit doubts")

    def __str__(self) -> str:
        return f"{self.number} {self.title}"

    def get_absolute_url(self) -> str:
        return reverse("finance:doubt", args=[self.pk])

    @property
    def number(self) -> str:
        """The number that papers carry: "2026-000017"."""
        return f"{self.finding.year}-{self.pk or 0:06}"


class OperationCheck(models.Model):
    """What the supervision net itself did on a day: whether the check of every stored batch against its hash held."""

    day = models.DateField(_("day"), unique=True)
    batches = models.PositiveIntegerField(_("batches checked"))
    broken = ArrayField(models.BigIntegerField(), default=list, verbose_name=_("broken"))
    checked_at = models.DateTimeField(_("checked"), default=timezone.now)

    view_act = "finance.rule.view"
    access_scope = Scope()

    class Meta:
        ordering = ("-day",)
        verbose_name = _("daily self-check")
        verbose_name_plural = _("daily self-checks")

    def __str__(self) -> str:
        return f"{self.day}"

    def get_absolute_url(self) -> str:
        return reverse("finance:overview")
