"""What is stored about people: organisations as a tree, users, duties, tokens, sign-ins.

What must not go in: who may do what. That is declared in `roles` and decided in `access`.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Concat, Lower, Substr
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chengheng.common.people import roles
from chengheng.common.people.access import Scope
from chengheng.common.people.rules import DEFAULT_POLICY, Policy

if TYPE_CHECKING:
    from datetime import date


class OrganisationKind(models.TextChoices):
    COMMISSION = "commission", _("City commission")
    CENTRE = "centre", _("Assessment centre")
    DISTRICT = "district", _("District commission")
    DEPARTMENT = "department", _("Department")
    STREET = "street", _("Subdistrict office")
    CONTRACTOR = "contractor", _("Contractor")
    VENDOR = "vendor", _("Vendor")
    UNIT = "unit", _("Supervised unit")
    VENUE = "venue", _("Venue")


class Organisation(models.Model):
    """A node of the tree. `path` is the line of ids from the root, "/1/4/": a subtree is a prefix."""

    code = models.CharField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(_("kind"), max_length=20, choices=OrganisationKind.choices)
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children", verbose_name=_("parent")
    )
    path = models.CharField(max_length=200, editable=False, default="")
    district_code = models.CharField(_("district"), max_length=12, blank=True)
    credit_code = models.CharField(_("unified social credit code"), max_length=18, blank=True)
    phone = models.CharField(_("phone"), max_length=40, blank=True)
    active = models.BooleanField(_("active"), default=True)

    view_act = "people.organisation.view"
    access_scope = Scope(organisation="")

    class Meta:
        ordering = ("code",)
        indexes = (models.Index(OpClass("path", name="varchar_pattern_ops"), name="organisation_path"),)
        verbose_name = _("organisation")
        verbose_name_plural = _("organisations")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("people:organisation", args=[self.pk])

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keep `path` true; the subtree follows when the parent changes."""
        super().save(*args, **kwargs)
        above = self.parent.path if self.parent else "/"
        path = f"{above}{self.pk}/"
        if path != self.path:
            before, self.path = self.path, path
            tree = (
                type(self).objects.filter(path__startswith=before) if before else type(self).objects.filter(pk=self.pk)
            )
            tail = Substr("path", len(before) + 1) if before else Value("")
            tree.update(path=Concat(Value(path), tail))


class UserManager(BaseUserManager["User"]):
    def create_user(self, username: str, password: str | None = None, **fields: Any) -> User:
        """A user; without a password nobody can sign in as them yet."""
        user = self.model(username=self.model.normalize_username(username), **fields)
        user.set_password(password)
        if password is not None:
            user.password_changed_at = user.password_changed_at or timezone.now()
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """A person who signs in, or a machine account that only holds tokens."""

    username = models.CharField(_("user name"), max_length=60, unique=True)
    display_name = models.CharField(_("name"), max_length=60)
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="users", verbose_name=_("organisation"))
    phone = models.CharField(_("phone"), max_length=40, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    is_machine = models.BooleanField(_("machine account"), default=False)
    language = models.CharField(_("language"), max_length=10, blank=True)
    theme = models.CharField(_("appearance"), max_length=10, blank=True)
    is_demo = models.BooleanField(_("demonstration account"), default=False, editable=False)
    password_changed_at = models.DateTimeField(_("password changed"), null=True, editable=False)
    must_change_password = models.BooleanField(_("must change the password"), default=False)
    unlocked_at = models.DateTimeField(_("unlocked"), null=True, editable=False)
    totp_secret = models.CharField(max_length=255, blank=True, editable=False)  # sealed, see `seal`
    totp_last_step = models.BigIntegerField(null=True, editable=False)
    # Replaced by a database trigger whenever a duty of this user or its organisation's place changes (see `access`).
    access_stamp = models.UUIDField(default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    token_acts: frozenset[str] | None = None  # set on the object when a request came with an API token

    objects = UserManager()
    USERNAME_FIELD = "username"
    REQUIRED_FIELDS = ["display_name"]

    view_act = "people.user.view"
    access_scope = Scope(organisation="organisation", owner="pk")

    class Meta:
        ordering = ("username",)
        constraints = (models.UniqueConstraint(Lower("username"), name="user_name_any_case"),)
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def __str__(self) -> str:
        return self.display_name or self.username

    def get_absolute_url(self) -> str:
        return reverse("people:user", args=[self.pk])

    @property
    def has_password(self) -> bool:
        """Whether any password opens this account (one that was never set opens nothing)."""
        return bool(self.password) and self.has_usable_password()

    @property
    def has_second_factor(self) -> bool:
        return bool(self.totp_secret)

    @property
    def may_sign_in(self) -> bool:
        """Machine accounts hold tokens only; demonstration accounts exist only while the site is a demonstration."""
        return self.is_active and not self.is_machine and (settings.DEMO or not self.is_demo)

    def get_full_name(self) -> str:
        return self.display_name

    def get_short_name(self) -> str:
        return self.display_name


class DutyQuerySet(models.QuerySet["Duty"]):
    def held_on(self, day: date) -> DutyQuerySet:
        """The duties that hold on `day`; as `Duty.holds_on`."""
        return self.filter(Q(ends_on__isnull=True) | Q(ends_on__gte=day), ended_at__isnull=True, starts_on__lte=day)


class Duty(models.Model):
    """A user holds a role at an organisation, for an area if the role works by area, from a day until a day.

    `ends_on` is the last day; `ended_at` is set when the duty was withdrawn at once. Nobody grants to themselves, and
    of the three administrators' roles nobody holds two at a time: the table itself refuses both (constraint, trigger).
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="duties", verbose_name=_("user"))
    role = models.CharField(_("role"), max_length=60)
    organisation = models.ForeignKey(
        Organisation, models.PROTECT, related_name="duties", verbose_name=_("organisation")
    )
    area_code = models.CharField(_("area"), max_length=20, blank=True)
    starts_on = models.DateField(_("from"), default=timezone.localdate)
    ends_on = models.DateField(_("until"), null=True, blank=True)
    ended_at = models.DateTimeField(_("withdrawn"), null=True, editable=False)
    granted_by = models.ForeignKey(
        User, models.PROTECT, null=True, editable=False, related_name="duties_granted", verbose_name=_("granted by")
    )

    objects = DutyQuerySet.as_manager()

    view_act = "people.duty.view"
    access_scope = Scope(organisation="organisation", owner="user")

    class Meta:
        ordering = ("user", "role")
        constraints = (
            models.UniqueConstraint(fields=("user", "role", "organisation", "area_code"), name="duty_once"),
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=models.F("starts_on")),
                name="duty_ends_after_start",
            ),
            models.CheckConstraint(
                condition=Q(granted_by__isnull=True) | ~Q(granted_by=models.F("user")), name="duty_not_by_oneself"
            ),
        )
        verbose_name = _("duty")
        verbose_name_plural = _("duties")

    def __str__(self) -> str:
        return f"{self.user} · {self.label} · {self.organisation}"

    def get_absolute_url(self) -> str:
        return reverse("people:user", args=[self.user_id])

    @property
    def label(self) -> str:
        """The role's name in the reader's language; the code when no room declares the role any more."""
        role = roles.get(self.role)
        return str(role.label) if role else self.role

    def holds_on(self, day: date) -> bool:
        return self.ended_at is None and self.starts_on <= day and (self.ends_on is None or day <= self.ends_on)


class GrantRequest(models.Model):
    """The grant of a privileged role that waits for a second security administrator (when the policy asks for one)."""

    user = models.ForeignKey(User, models.PROTECT, related_name="grant_requests", verbose_name=_("user"))
    role = models.CharField(_("role"), max_length=60)
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="+", verbose_name=_("organisation"))
    area_code = models.CharField(_("area"), max_length=20, blank=True)
    starts_on = models.DateField(_("from"))
    ends_on = models.DateField(_("until"), null=True, blank=True)
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("asked by"))
    asked_at = models.DateTimeField(_("asked"), default=timezone.now)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("decided by"))
    decided_at = models.DateTimeField(_("decided"), null=True)
    accepted = models.BooleanField(_("accepted"), null=True)

    view_act = "people.duty.view"
    access_scope = Scope(organisation="organisation", owner="user")

    class Meta:
        ordering = ("-asked_at",)
        constraints = (
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=models.F("asked_by")),
                name="grant_decided_by_another",
            ),
            models.CheckConstraint(condition=~Q(asked_by=models.F("user")), name="grant_not_asked_by_oneself"),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=models.F("user")), name="grant_not_to_oneself"
            ),
        )
        verbose_name = _("grant awaiting confirmation")
        verbose_name_plural = _("grants awaiting confirmation")

    def __str__(self) -> str:
        return f"{self.user} · {self.label} · {self.organisation}"

    def get_absolute_url(self) -> str:
        return reverse("people:user", args=[self.user_id])

    @property
    def label(self) -> str:
        role = roles.get(self.role)
        return str(role.label) if role else self.role


class AccessPolicy(models.Model):
    """One version of the rules for passwords, lockout, sessions and limits, in force from a day on.

    The numbers are the site's own (GB/T 22239-2019 8.1.4.1 asks that such rules exist and sets none); rows are
    added, never changed (a trigger refuses). Without any row `rules.DEFAULT_POLICY` is in force.
    """

    version = models.PositiveIntegerField(_("version"), unique=True)
    effective_from = models.DateField(_("in force from"))
    password_min_length = models.PositiveSmallIntegerField(
        _("least length of a password"), default=DEFAULT_POLICY.password_min_length
    )
    password_classes = models.PositiveSmallIntegerField(
        _("kinds of characters in a password"), default=DEFAULT_POLICY.password_classes
    )
    password_days = models.PositiveSmallIntegerField(
        _("days until a password must change (0: never)"), default=DEFAULT_POLICY.password_days
    )
    password_history = models.PositiveSmallIntegerField(
        _("earlier passwords that may not come back"), default=DEFAULT_POLICY.password_history
    )
    lock_after = models.PositiveSmallIntegerField(
        _("failures that lock a user name"), default=DEFAULT_POLICY.lock_after
    )
    address_lock_after = models.PositiveSmallIntegerField(
        _("failures that lock an address"), default=DEFAULT_POLICY.address_lock_after
    )
    lock_window_minutes = models.PositiveSmallIntegerField(
        _("minutes in which failures are counted"), default=DEFAULT_POLICY.lock_window_minutes
    )
    lock_minutes = models.PositiveSmallIntegerField(_("minutes that a lock lasts"), default=DEFAULT_POLICY.lock_minutes)
    session_idle_minutes = models.PositiveSmallIntegerField(
        _("minutes without a request that end a session"), default=DEFAULT_POLICY.session_idle_minutes
    )
    session_hours = models.PositiveSmallIntegerField(
        _("hours that a session lasts at most"), default=DEFAULT_POLICY.session_hours
    )
    second_factor_for_all = models.BooleanField(
        _("second factor for everybody"), default=DEFAULT_POLICY.second_factor_for_all
    )
    second_administrator = models.BooleanField(
        _("a second security administrator confirms privileged roles"), default=DEFAULT_POLICY.second_administrator
    )
    token_days = models.PositiveSmallIntegerField(
        _("days that an API token lasts at most"), default=DEFAULT_POLICY.token_days
    )
    user_per_minute = models.PositiveIntegerField(
        _("API requests a minute by one user"), default=DEFAULT_POLICY.user_per_minute
    )
    address_per_minute = models.PositiveIntegerField(
        _("API requests a minute from one address"), default=DEFAULT_POLICY.address_per_minute
    )
    sign_ins_per_minute = models.PositiveSmallIntegerField(
        _("sign-in attempts a minute from one address"), default=DEFAULT_POLICY.sign_ins_per_minute
    )
    note = models.CharField(_("reason"), max_length=200, blank=True)
    by = models.ForeignKey(User, models.PROTECT, null=True, editable=False, related_name="+", verbose_name=_("set by"))
    at = models.DateTimeField(_("set"), default=timezone.now, editable=False)

    view_act = "people.policy.view"

    class Meta:
        ordering = ("-effective_from", "-version")
        verbose_name = _("access policy")
        verbose_name_plural = _("access policies")

    def __str__(self) -> str:
        return str(_("Access policy, version %(version)s")) % {"version": self.version}

    def get_absolute_url(self) -> str:
        return reverse("people:policy")

    def as_rules(self) -> Policy:
        return Policy(**{name: getattr(self, name) for name in Policy.__dataclass_fields__})


class PastPassword(models.Model):
    """A password hash that the user had, kept so that it does not come back."""

    user = models.ForeignKey(User, models.CASCADE, related_name="past_passwords")
    password = models.CharField(max_length=128)
    until = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-until", "-pk")

    def __str__(self) -> str:
        return f"{self.user} {self.until:%Y-%m-%d}"


class RecoveryCode(models.Model):
    """One of the codes that replace the second factor once, when the device is lost. Only its SHA-256 is stored."""

    user = models.ForeignKey(User, models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "digest"), name="recovery_code_once"),)

    def __str__(self) -> str:
        return f"{self.user} {self.pk}"


class ApiToken(models.Model):
    """A bearer token of the API. Only its SHA-256 is stored; `acts` narrows what its user may do, empty means all."""

    user = models.ForeignKey(User, models.CASCADE, related_name="tokens", verbose_name=_("user"))
    name = models.CharField(_("name"), max_length=60)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    acts = ArrayField(models.CharField(max_length=80), default=list, blank=True, verbose_name=_("acts"))
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)

    view_act = "people.token.view"
    access_scope = Scope(organisation="user__organisation", owner="user")

    class Meta:
        ordering = ("-created_at",)
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")

    def __str__(self) -> str:
        return self.name


class SignIn(models.Model):
    """One attempt to sign in and, when it succeeded, the session it opened.

    `username` is what was typed, in lower case, whether such a user exists or not: locks count by it, so a lock tells
    nobody which names exist. `origin` is the address as limits count it (an IPv6 host counts as its /64 network).
    """

    class Outcome(models.TextChoices):
        DONE = "done", _("signed in")
        HALF = "half", _("password right, code awaited")
        REFUSED = "refused", _("refused")
        CODE = "code", _("wrong code")
        LOCKED = "locked", _("locked out")

    FAILURES = (Outcome.REFUSED, Outcome.CODE)

    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="sign_ins", verbose_name=_("user"))
    username = models.CharField(_("user name"), max_length=60)
    at = models.DateTimeField(_("time"), default=timezone.now)
    address = models.GenericIPAddressField(_("address"), null=True)
    origin = models.CharField(max_length=60, blank=True)
    agent = models.CharField(_("browser"), max_length=200, blank=True)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices)
    session_key = models.CharField(max_length=40, blank=True)
    seen_at = models.DateTimeField(_("last seen"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)

    view_act = "people.sign_in.view"
    access_scope = Scope(organisation="user__organisation", owner="user")

    class Meta:
        ordering = ("-at", "-pk")
        indexes = (
            models.Index(fields=("user", "-at"), name="sign_in_user"),
            models.Index(fields=("username", "-at"), name="sign_in_username"),
            models.Index(fields=("origin", "-at"), name="sign_in_origin"),
            models.Index(fields=("-at",), name="sign_in_time"),
        )
        verbose_name = _("sign-in")
        verbose_name_plural = _("sign-ins")

    def __str__(self) -> str:
        return f"{self.username} {timezone.localtime(self.at):%Y-%m-%d %H:%M}"

    def get_absolute_url(self) -> str:
        return reverse("people:sign_ins")
