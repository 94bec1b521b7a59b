"""People for machines: who am I, the organisations and users that I may see."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Router, Schema
from ninja.pagination import paginate

from chengheng.common.people import access, roles
from chengheng.common.people.models import Organisation, User

router = Router(tags=["people"])


class DutyOut(Schema):
    role: str
    label: str
    organisation: str
    area_code: str


class Me(Schema):
    username: str
    display_name: str
    organisation: str
    duties: list[DutyOut]
    acts: list[str]


class OrganisationOut(Schema):
    code: str
    name: str
    kind: str
    parent: str | None
    district_code: str
    active: bool

    @staticmethod
    def resolve_parent(row: Organisation) -> str | None:
        return row.parent.code if row.parent else None


class UserOut(Schema):
    username: str
    display_name: str
    organisation: str
    is_active: bool
    is_machine: bool

    @staticmethod
    def resolve_organisation(row: User) -> str:
        return row.organisation.code


@router.get("/me", response=Me, summary="Who am I, and what may I do (narrowed to the token)")
def me(request: HttpRequest) -> Me:
    user = request.user
    assert isinstance(user, User)
    duties = [
        DutyOut(role=duty.role, label=duty.label, organisation=duty.organisation.code, area_code=duty.area_code)
        for duty in access.duties(user)
    ]
    return Me(
        username=user.username,
        display_name=user.display_name,
        organisation=user.organisation.code,
        duties=duties,
        acts=[act for act in roles.all_acts() if access.may(user, act)],
    )


@router.get("/organisations", response=list[OrganisationOut], summary="Organisations")
@paginate
def organisations(request: HttpRequest) -> QuerySet[Organisation]:
    access.require(request.user, "people.organisation.view")
    return access.visible(request.user, "people.organisation.view", Organisation.objects.select_related("parent"))


@router.get("/users", response=list[UserOut], summary="Users")
@paginate
def users(request: HttpRequest) -> QuerySet[User]:
    access.require(request.user, "people.user.view")
    return access.visible(request.user, "people.user.view", User.objects.select_related("organisation"))
