"""Acts on the tree of organisations."""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction

from chengheng.common import trail
from chengheng.common.errors import Invalid
from chengheng.common.people import access
from chengheng.common.people.access import Actor
from chengheng.common.people.actions.common import changed
from chengheng.common.people.errors import CodeTaken, Inactive, OrganisationInUse, TreeLoop
from chengheng.common.people.models import Organisation, OrganisationKind

FIELDS = ("name", "kind", "district_code", "credit_code", "phone")


def _lock_tree() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtextextended('people:tree', 0))")


def _locked(organisation: Organisation) -> Organisation:
    return Organisation.objects.select_for_update().get(pk=organisation.pk)


@transaction.atomic
def create_organisation(
    actor: Actor,
    code: str,
    name: str,
    kind: str,
    parent: Organisation | None = None,
    *,
    district_code: str = "",
    credit_code: str = "",
    phone: str = "",
) -> Organisation:
    """Add an organisation below `parent` (or as a root). Raises CodeTaken, Inactive, Invalid."""
    access.require(actor, "people.organisation.create", parent)
    _lock_tree()
    if kind not in OrganisationKind.values:
        raise Invalid(field="kind")
    if not code.strip() or not name.strip():
        raise Invalid(field="name" if code.strip() else "code")
    if Organisation.objects.filter(code=code).exists():
        raise CodeTaken(field="code")
    if parent is not None:
        parent = _locked(parent)
        if not parent.active:
            raise Inactive(name=parent.name)
    made = Organisation.objects.create(
        code=code,
        name=name,
        kind=kind,
        parent=parent,
        district_code=district_code,
        credit_code=credit_code,
        phone=phone,
    )
    trail.record(
        "people.organisation.create",
        actor,
        made,
        {"code": code, "name": name, "kind": kind, "parent": parent.code if parent else None},
        new=True,
    )
    return made


@transaction.atomic
def change_organisation(actor: Actor, organisation: Organisation, **values: Any) -> Organisation:
    """Change name, kind, district, credit code or telephone; its place in the tree is `move_organisation`."""
    access.require(actor, "people.organisation.change", organisation)
    row = _locked(organisation)
    unknown = values.keys() - set(FIELDS)
    if unknown:
        raise Invalid(field=sorted(unknown)[0])
    if "kind" in values and values["kind"] not in OrganisationKind.values:
        raise Invalid(field="kind")
    if "name" in values and not values["name"].strip():
        raise Invalid(field="name")
    change = changed(row, values)
    if change:
        row.save()
        trail.record("people.organisation.change", actor, row, change)
    return row


@transaction.atomic
def move_organisation(
    actor: Actor, organisation: Organisation, parent: Organisation | None, note: str = ""
) -> Organisation:
    """Hang a subtree below another parent; whose rows duties reach follows at once. Raises TreeLoop, Inactive."""
    access.require(actor, "people.organisation.move", organisation)
    _lock_tree()
    row = _locked(organisation)
    if parent is not None:
        access.require(actor, "people.organisation.move", parent)
        parent = _locked(parent)
        if parent.path.startswith(row.path):
            raise TreeLoop(field="parent")
        if not parent.active:
            raise Inactive(name=parent.name)
    before = row.parent.code if row.parent else None
    if row.parent_id == (parent.pk if parent else None):
        return row
    row.parent = parent
    row.save()
    trail.record("people.organisation.move", actor, row, {"parent": [before, parent.code if parent else None]}, note)
    return row


@transaction.atomic
def close_organisation(actor: Actor, organisation: Organisation, note: str = "") -> Organisation:
    """Take an organisation out of use. Raises OrganisationInUse while anybody or anything active is in it."""
    access.require(actor, "people.organisation.close", organisation)
    _lock_tree()
    row = _locked(organisation)
    if not row.active:
        raise Inactive(name=row.name)
    if row.children.filter(active=True).exists() or row.users.filter(is_active=True).exists():
        raise OrganisationInUse
    row.active = False
    row.save(update_fields=["active"])
    trail.record("people.organisation.close", actor, row, {}, note)
    return row


@transaction.atomic
def reopen_organisation(actor: Actor, organisation: Organisation, note: str = "") -> Organisation:
    """Take it into use again; its parent must be in use."""
    access.require(actor, "people.organisation.reopen", organisation)
    _lock_tree()
    row = _locked(organisation)
    if row.parent is not None and not row.parent.active:
        raise Inactive(name=row.parent.name)
    if not row.active:
        row.active = True
        row.save(update_fields=["active"])
        trail.record("people.organisation.reopen", actor, row, {}, note)
    return row
