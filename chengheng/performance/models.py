"""What is stored of targets and their answers. Money in fen; a year is the budget's year.

What must not go in: who answered a survey. `Invitation` knows that a token was used, `Answer` knows what was said, and
nothing joins them: no key, no time. While a survey runs, a database administrator could still compare the physical order
of the two tables; closing the survey writes all answers anew in random order.
"""

from __future__ import annotations

import uuid
from decimal import Decimal

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.common.flow.models import Moving
from chengheng.common.people.access import Scope
from chengheng.performance.rules import grammar

PEOPLE = settings.AUTH_USER_MODEL


class ImportBatch(models.Model):
    """One import of target-table files, all or nothing."""

    files = ArrayField(models.CharField(max_length=200), verbose_name=_("files"))
    digests = ArrayField(models.CharField(max_length=64), default=list)
    made = models.PositiveIntegerField(pgettext_lazy("performance", "made"), default=0)
    changed = models.PositiveIntegerField(_("changed"), default=0)
    same = models.PositiveIntegerField(_("unchanged"), default=0)
    by = models.ForeignKey(
        PEOPLE, models.PROTECT, null=True, verbose_name=pgettext_lazy("performance", "by"), related_name="+"
    )
    at = models.DateTimeField(_("at"), default=timezone.now)
    committed_at = models.DateTimeField(_("imported"), null=True)

    view_act = "performance.programme.import"
    access_scope = Scope(owner="by")

    class Meta:
        ordering = ("-at",)
        verbose_name = _("import of target tables")
        verbose_name_plural = _("imports of target tables")

    def __str__(self) -> str:
        return ", ".join(self.files)

    def get_absolute_url(self) -> str:
        return reverse("performance:preview", args=[self.pk])


class ImportFile(models.Model):
    """An original file of an import, kept as it was."""

    batch = models.ForeignKey(ImportBatch, models.CASCADE, related_name="originals")
    name = models.CharField(max_length=200)
    content = models.BinaryField()

    class Meta:
        verbose_name = _("original file")
        verbose_name_plural = _("original files")

    def __str__(self) -> str:
        return self.name


class Programme(models.Model):
    """A project (or a whole unit) with its budget and goals for one year."""

    year = models.PositiveSmallIntegerField(_("year"))
    unit_code = models.CharField(_("unit code"), max_length=20, blank=True)
    unit_name = models.CharField(_("unit"), max_length=120, blank=True)
    organisation = models.ForeignKey(
        "people.Organisation", models.PROTECT, null=True, blank=True, related_name="programmes",
        verbose_name=pgettext_lazy("performance", "organisation"),
    )  # fmt: skip
    name = models.CharField(_("programme"), max_length=300)
    whole_unit = models.BooleanField(_("whole unit"), default=False)
    budget_total_fen = models.BigIntegerField(_("budget"), default=0)
    budget_fiscal_fen = models.BigIntegerField(_("fiscal funds"), default=0)
    budget_other_fen = models.BigIntegerField(_("other funds"), default=0)
    adjusted_fen = models.BigIntegerField(_("budget after adjustment"), null=True, blank=True)
    purpose = models.TextField(_("use of the money"), blank=True)
    goals = ArrayField(models.TextField(), default=list, verbose_name=_("goals"))
    facts = models.JSONField(_("other fields of the form"), default=dict)
    source = models.CharField(_("file"), max_length=200, blank=True)
    source_line = models.PositiveIntegerField(_("line"), null=True)
    batch = models.ForeignKey(ImportBatch, models.SET_NULL, null=True, related_name="programmes")
    before = models.ForeignKey("self", models.SET_NULL, null=True, related_name="after", verbose_name=_("year before"))
    draft = models.BooleanField(_("draft"), default=False)

    view_act = "performance.programme.view"
    access_scope = Scope(organisation="organisation")

    class Meta:
        ordering = ("-year", "unit_code", "pk")
        constraints = (
            models.UniqueConstraint(fields=("year", "unit_code", "unit_name", "name"), name="programme_once"),
            models.CheckConstraint(condition=Q(budget_total_fen__gte=0), name="programme_budget"),
        )
        verbose_name = _("programme")
        verbose_name_plural = _("programmes")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("performance:programme", args=[self.pk])

    @property
    def budget_fen(self) -> int:
        """The budget that execution is measured against: after adjustment, if there was one."""
        return self.budget_total_fen if self.adjusted_fen is None else self.adjusted_fen


class Indicator(models.Model):
    """One line of a target table."""

    programme = models.ForeignKey(Programme, models.CASCADE, related_name="indicators", verbose_name=_("programme"))
    position = models.PositiveSmallIntegerField(_("position"))
    level1 = models.CharField(_("first level"), max_length=60, blank=True)
    level2 = models.CharField(_("second level"), max_length=60, blank=True)
    level3 = models.CharField(_("third level"), max_length=300, blank=True)
    description = models.CharField(pgettext_lazy("performance", "description"), max_length=600, blank=True)
    target_text = models.CharField(_("target"), max_length=1000, blank=True)
    kind = models.CharField(max_length=12, default=grammar.QUALITATIVE)
    comparison = models.CharField(max_length=2, blank=True)
    value = models.DecimalField(max_digits=24, decimal_places=6, null=True)
    lower = models.DecimalField(max_digits=24, decimal_places=6, null=True)
    upper = models.DecimalField(max_digits=24, decimal_places=6, null=True)
    strict = models.BooleanField(default=False)
    unit = models.CharField(_("unit of measure"), max_length=30, blank=True)
    weight = models.DecimalField(_("weight"), max_digits=6, decimal_places=2, null=True)
    scoring = models.TextField(_("scoring rule"), blank=True)

    view_act = "performance.programme.view"
    access_scope = Scope(organisation="programme__organisation")

    class Meta:
        ordering = ("programme", "position")
        constraints = (
            models.UniqueConstraint(
                fields=("programme", "position"), name="indicator_position", deferrable=models.Deferrable.DEFERRED
            ),
            models.CheckConstraint(
                condition=Q(kind="quantitative", value__isnull=False, comparison__in=[">=", "<=", "="])
                | Q(kind="qualitative", value__isnull=True, comparison=""),
                name="indicator_number_or_words",
            ),
        )
        verbose_name = _("indicator")
        verbose_name_plural = _("indicators")

    def __str__(self) -> str:
        return self.description or self.level3

    def get_absolute_url(self) -> str:
        return reverse("performance:indicator", args=[self.pk])

    @property
    def quantitative(self) -> bool:
        return self.kind == grammar.QUANTITATIVE

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What makes it the same indicator when its table is imported again."""
        return (self.level1, self.level2, self.level3, self.description)


class Binding(models.Model):
    """What answers an indicator: a measure of the registry, or evidence that a person brings. Suggested, then confirmed."""

    class By(models.TextChoices):
        MEASURE = "measure", _("a measure")
        MANUAL = "manual", _("evidence by hand")

    indicator = models.OneToOneField(Indicator, models.CASCADE, related_name="binding")
    by = models.CharField(_("answered by"), max_length=10, choices=By.choices)
    measure = models.CharField(_("measure"), max_length=80, blank=True)
    options = models.JSONField(_("variant"), default=dict, blank=True)
    reason = models.CharField(_("why suggested"), max_length=200, blank=True)
    confirmed_by = models.ForeignKey(
        PEOPLE, models.PROTECT, null=True, related_name="+", verbose_name=_("confirmed by")
    )
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True)

    view_act = "performance.programme.view"
    access_scope = Scope(organisation="indicator__programme__organisation")

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(by="manual", measure="") | (Q(by="measure") & ~Q(measure="")), name="binding_names_measure"
            ),
        )
        verbose_name = _("binding")
        verbose_name_plural = _("bindings")

    def __str__(self) -> str:
        return f"{self.indicator} ← {self.measure or self.get_by_display()}"

    def get_absolute_url(self) -> str:
        return self.indicator.get_absolute_url()


class Attainment(models.TextChoices):
    """The three levels of a qualitative answer (facts/domain.md §D.3)."""

    REACHED = "reached", _("reached")
    PARTLY = "partly", _("partly reached, with some effect")
    MISSED = "missed", _("not reached, little effect")


class ManualEvidence(models.Model):
    """A number, or a judgement of a qualitative target, that a person brings with a file."""

    indicator = models.ForeignKey(Indicator, models.CASCADE, related_name="evidence", verbose_name=_("indicator"))
    on = models.DateField(_("as of"))
    value = models.DecimalField(
        pgettext_lazy("performance", "number"), max_digits=24, decimal_places=6, null=True, blank=True
    )
    attainment = models.CharField(_("attainment"), max_length=10, choices=Attainment.choices, blank=True)
    note = models.TextField(_("what it shows"))
    by = models.ForeignKey(
        PEOPLE, models.PROTECT, null=True, related_name="+", verbose_name=pgettext_lazy("performance", "by")
    )
    at = models.DateTimeField(_("at"), default=timezone.now)
    withdrawn_at = models.DateTimeField(pgettext_lazy("performance", "withdrawn"), null=True)

    view_act = "performance.programme.view"
    access_scope = Scope(organisation="indicator__programme__organisation")

    class Meta:
        ordering = ("-on", "-pk")
        constraints = (
            models.CheckConstraint(
                condition=Q(value__isnull=False) | ~Q(attainment=""), name="evidence_says_something"
            ),
        )
        verbose_name = _("evidence by hand")
        verbose_name_plural = _("evidence by hand")

    def __str__(self) -> str:
        said = self.value if self.value is not None else self.get_attainment_display()
        return f"{self.on} · {said} · {self.note[:60]}"

    def get_absolute_url(self) -> str:
        return self.indicator.get_absolute_url()


class Payment(models.Model):
    """A line of the payments ledger; a refund is negative."""

    programme = models.ForeignKey(Programme, models.PROTECT, related_name="payments", verbose_name=_("programme"))
    paid_on = models.DateField(_("paid on"))
    amount_fen = models.BigIntegerField(_("amount"))
    payee = models.CharField(_("payee"), max_length=120)
    voucher = models.CharField(_("voucher"), max_length=60, blank=True)
    note = models.CharField(_("note"), max_length=300, blank=True)
    by = models.ForeignKey(
        PEOPLE, models.PROTECT, null=True, related_name="+", verbose_name=pgettext_lazy("performance", "by")
    )
    at = models.DateTimeField(_("at"), default=timezone.now)
    batch = models.ForeignKey("intake.Batch", models.SET_NULL, null=True, blank=True, related_name="+", editable=False)

    view_act = "performance.payment.view"
    access_scope = Scope(organisation="programme__organisation")

    class Meta:
        ordering = ("-paid_on", "-pk")
        indexes = (models.Index(fields=("programme", "paid_on"), name="payment_programme_day"),)
        constraints = (
            models.CheckConstraint(condition=~Q(amount_fen=0), name="payment_not_zero"),
            models.UniqueConstraint(
                fields=("programme", "voucher"), condition=~Q(voucher=""), name="payment_voucher_once"
            ),
        )
        verbose_name = _("payment")
        verbose_name_plural = _("payments")

    def __str__(self) -> str:
        return f"{self.paid_on} {self.payee} {Decimal(self.amount_fen) / 100:.2f}"

    def get_absolute_url(self) -> str:
        return self.programme.get_absolute_url()


class Survey(models.Model):
    """A satisfaction survey of one programme."""

    programme = models.ForeignKey(Programme, models.PROTECT, related_name="surveys", verbose_name=_("programme"))
    title = models.CharField(_("title"), max_length=120)
    introduction = models.TextField(_("introduction"), blank=True)
    population = models.PositiveIntegerField(_("people concerned"), help_text=_("how many people could be asked"))
    opens_on = models.DateField(_("opens"))
    closes_on = models.DateField(_("closes"))
    closed_at = models.DateTimeField(_("closed at"), null=True, editable=False)

    view_act = "performance.survey.view"
    access_scope = Scope(organisation="programme__organisation")

    class Meta:
        ordering = ("-opens_on", "-pk")
        constraints = (models.CheckConstraint(condition=Q(closes_on__gte=models.F("opens_on")), name="survey_days"),)
        verbose_name = _("survey")
        verbose_name_plural = _("surveys")

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("performance:survey", args=[self.pk])

    @property
    def is_open(self) -> bool:
        return self.closed_at is None and self.opens_on <= timezone.localdate() <= self.closes_on


class Question(models.Model):
    class Kind(models.TextChoices):
        SCALE = "scale", _("satisfaction, five steps")
        TEXT = "text", _("free text")

    survey = models.ForeignKey(Survey, models.CASCADE, related_name="questions")
    position = models.PositiveSmallIntegerField()
    text = models.CharField(_("question"), max_length=300)
    kind = models.CharField(
        pgettext_lazy("performance", "kind"), max_length=10, choices=Kind.choices, default=Kind.SCALE
    )

    class Meta:
        ordering = ("survey", "position")
        constraints = (models.UniqueConstraint(fields=("survey", "position"), name="question_position"),)
        verbose_name = _("question")
        verbose_name_plural = _("questions")

    def __str__(self) -> str:
        return self.text


class Invitation(models.Model):
    """A one-use token. Only its SHA-256 is kept; that it was used is known, when and for which answer is not."""

    survey = models.ForeignKey(Survey, models.CASCADE, related_name="invitations")
    digest = models.CharField(max_length=64, unique=True)
    used = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")

    def __str__(self) -> str:
        return self.digest[:8]


class Answer(models.Model):
    """What one person said; the key is random and there is no time."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    survey = models.ForeignKey(Survey, models.CASCADE, related_name="answers")
    said = models.JSONField()

    view_act = "performance.survey.view"
    access_scope = Scope(organisation="survey__programme__organisation")

    class Meta:
        verbose_name = _("answer")
        verbose_name_plural = _("answers")

    def __str__(self) -> str:
        return str(_("an answer to %(survey)s") % {"survey": self.survey})

    def get_absolute_url(self) -> str:
        return self.survey.get_absolute_url()


class Snapshot(models.Model):
    """What monitoring saw of one indicator on one day."""

    indicator = models.ForeignKey(Indicator, models.CASCADE, related_name="snapshots")
    as_of = models.DateField(_("as of"))
    value = models.DecimalField(max_digits=24, decimal_places=6, null=True)
    text = models.CharField(max_length=300, blank=True)
    forecast = models.DecimalField(max_digits=24, decimal_places=6, null=True)
    low = models.DecimalField(max_digits=24, decimal_places=6, null=True)
    high = models.DecimalField(max_digits=24, decimal_places=6, null=True)
    probability = models.DecimalField(max_digits=5, decimal_places=3, null=True)
    method = models.CharField(max_length=10, blank=True)
    light = models.CharField(max_length=5, default="none")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("indicator", "-as_of")
        constraints = (models.UniqueConstraint(fields=("indicator", "as_of"), name="snapshot_once_a_day"),)
        verbose_name = _("monitoring")
        verbose_name_plural = _("monitoring")

    def __str__(self) -> str:
        return f"{self.indicator} {self.as_of} {self.light}"


class RuleSet(models.Model):
    """Scoring rules and light limits from a day on; the latest one in force counts. Old ones stay with what used them."""

    version = models.PositiveIntegerField(_("version"), unique=True)
    starts_on = models.DateField(_("in force from"))
    rules = models.JSONField(_("rules"))
    source = models.TextField(_("source"))

    class Meta:
        ordering = ("-starts_on", "-version")
        verbose_name = _("scoring rules")
        verbose_name_plural = _("scoring rules")

    def __str__(self) -> str:
        return f"v{self.version} ({self.starts_on})"


class SelfEvaluation(Moving):
    """The self-evaluation form of one programme (项目支出绩效自评表)."""

    programme = models.OneToOneField(Programme, models.PROTECT, related_name="evaluation", verbose_name=_("programme"))
    rule_set = models.ForeignKey(RuleSet, models.PROTECT, verbose_name=_("scoring rules"))
    as_of = models.DateField(_("as of"))
    department = models.CharField(_("department in charge"), max_length=120, blank=True)
    initial_fen = models.BigIntegerField(_("budget at the year's start"))
    budget_fen = models.BigIntegerField(_("budget of the year"))
    spent_fen = models.BigIntegerField(_("spent"))
    execution_weight = models.DecimalField(_("points"), max_digits=6, decimal_places=2)
    execution_points = models.DecimalField(_("points got"), max_digits=6, decimal_places=2)
    execution_reason = models.TextField(_("reason for the deviation"), blank=True)
    done = models.TextField(_("what was done"), blank=True)
    by = models.ForeignKey(
        PEOPLE, models.PROTECT, null=True, related_name="+", verbose_name=pgettext_lazy("performance", "by")
    )

    view_act = "performance.programme.view"
    access_scope = Scope(organisation="programme__organisation")

    class Meta:
        indexes = (
            models.Index(fields=("state", "due_at"), name="self_evaluation_state"),
            models.Index(fields=("next_alert_at",), name="self_evaluation_alert"),
        )
        verbose_name = _("self-evaluation")
        verbose_name_plural = _("self-evaluations")

    def __str__(self) -> str:
        return f"{self.programme} · {_('self-evaluation')}"

    def get_absolute_url(self) -> str:
        return reverse("performance:evaluation", args=[self.programme_id])

    @property
    def total(self) -> Decimal:
        return self.execution_points + sum((row.points for row in self.rows.all()), Decimal(0))

    @property
    def rate(self) -> Decimal | None:
        return Decimal(self.spent_fen) * 100 / self.budget_fen if self.budget_fen else None


class EvaluationRow(models.Model):
    """One indicator on the form, with the number as it stood when it was taken."""

    evaluation = models.ForeignKey(SelfEvaluation, models.CASCADE, related_name="rows")
    indicator = models.ForeignKey(Indicator, models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()
    actual = models.DecimalField(_("result"), max_digits=24, decimal_places=6, null=True)
    attainment = models.CharField(_("attainment"), max_length=10, choices=Attainment.choices, blank=True)
    share = models.DecimalField(max_digits=4, decimal_places=3, null=True)
    text = models.CharField(_("result in words"), max_length=300, blank=True)
    weight = models.DecimalField(_("points"), max_digits=6, decimal_places=2)
    points = models.DecimalField(_("points got"), max_digits=6, decimal_places=2)
    explain = models.CharField(max_length=10, blank=True)
    reason = models.TextField(_("reason for the deviation, and what is done about it"), blank=True)

    class Meta:
        ordering = ("evaluation", "position")
        constraints = (
            models.UniqueConstraint(fields=("evaluation", "position"), name="evaluation_row_position"),
            models.CheckConstraint(
                condition=Q(points__gte=0) & Q(points__lte=models.F("weight")), name="evaluation_row_points"
            ),
        )
        verbose_name = _("line of a self-evaluation")
        verbose_name_plural = _("lines of a self-evaluation")

    def __str__(self) -> str:
        return str(self.indicator)
