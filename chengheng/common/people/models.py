"""What is stored about people: organisations as a tree, users, duties, tokens, sign-ins.

What must not go in: who may do what. That is declared in `roles` and decided in `access`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chengheng.common.people.access import Scope

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
            type(self).objects.filter(pk=self.pk).update(path=path)
            if before:
                for child in self.children.all():
                    child.parent = self
                    child.save()


class UserManager(BaseUserManager["User"]):
    def create_user(self, username: str, password: str | None = None, **fields: Any) -> User:
        """A user; without a password nobody can sign in as them yet."""
        user = self.model(username=self.model.normalize_username(username), **fields)
        user.set_password(password)
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
    password_changed_at = models.DateTimeField(_("password changed"), null=True, editable=False)
    must_change_password = models.BooleanField(_("must change the password"), default=False)
    failed_sign_ins = models.PositiveSmallIntegerField(default=0, editable=False)
    locked_until = models.DateTimeField(_("locked until"), null=True, editable=False)
    totp_secret = models.CharField(max_length=64, blank=True, editable=False)
    totp_last_step = models.BigIntegerField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

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

    def get_full_name(self) -> str:
        return self.display_name

    def get_short_name(self) -> str:
        return self.display_name


class Duty(models.Model):
    """A user holds a role at an organisation, for an area if the role works by area, from a day until a day."""

    user = models.ForeignKey(User, models.CASCADE, related_name="duties", verbose_name=_("user"))
    role = models.CharField(_("role"), max_length=60)
    organisation = models.ForeignKey(
        Organisation, models.PROTECT, related_name="duties", verbose_name=_("organisation")
    )
    area_code = models.CharField(_("area"), max_length=20, blank=True)
    starts_on = models.DateField(_("from"), default=timezone.localdate)
    ends_on = models.DateField(_("until"), null=True, blank=True)

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
        )
        verbose_name = _("duty")
        verbose_name_plural = _("duties")

    def __str__(self) -> str:
        return f"{self.user} · {self.role} · {self.organisation}"

    def holds_on(self, day: date) -> bool:
        return self.starts_on <= day and (self.ends_on is None or day <= self.ends_on)


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

    class Meta:
        ordering = ("-created_at",)
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")

    def __str__(self) -> str:
        return self.name


class SignIn(models.Model):
    """One attempt to sign in and, when it succeeded, the session it opened."""

    class Outcome(models.TextChoices):
        DONE = "done", _("signed in")
        REFUSED = "refused", _("refused")
        LOCKED = "locked", _("locked out")
        CODE = "code", _("wrong code")

    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="sign_ins", verbose_name=_("user"))
    username = models.CharField(_("user name"), max_length=60)
    at = models.DateTimeField(_("time"), default=timezone.now)
    address = models.GenericIPAddressField(_("address"), null=True)
    agent = models.CharField(_("browser"), max_length=200, blank=True)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices)
    session_key = models.CharField(max_length=40, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        ordering = ("-at",)
        indexes = (
            models.Index(fields=("user", "-at"), name="sign_in_user"),
            models.Index(fields=("address", "-at"), name="sign_in_address"),
        )
        verbose_name = _("sign-in")
        verbose_name_plural = _("sign-ins")

    def __str__(self) -> str:
        return f"{self.username} {self.at:%Y-%m-%d %H:%M}"
