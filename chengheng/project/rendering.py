"""Migrations from nothing in seconds: a new model is rendered alone, not with every model that it points at.

Django renders a model of the migrations' history again whenever something that refers to it is added, and every room
refers to the users: a first start rendered models 16,000 times and spent 65 of 72 s of CPU on that. A class that
nobody refers to yet can simply be added (its references find the classes that are there), a new column is added to
the class that is there, a changed one takes its place in it, and a new index or constraint changes no class at all. All
else takes Django's own way. So does a class of an earlier state (an upgrade begins with a copy of what is applied): what
it points at is looked for among the models of that state, where those of now are missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.migrations.operations import AlterField
from django.db.migrations.state import ModelState, ProjectState
from django.db.migrations.utils import resolve_relation
from django.db.models import NOT_PROVIDED, Field

_DJANGO_ADDS = ProjectState.add_field
_DJANGO_ALTERS = ProjectState.alter_field
_DJANGO_CHANGES = AlterField.database_forwards


def _add_model(state: Any, model: ModelState) -> None:
    key = model.app_label, model.name_lower
    state.models[key] = model
    if state._relations is not None:
        state.resolve_model_relations(key)
    if "apps" in state.__dict__:
        state.apps.render_multiple([model])


def _add_field(state: Any, app_label: str, model_name: str, name: str, field: Field, preserve_default: bool) -> None:
    key = app_label, model_name
    model = _class_of_now(state, key)
    if field.many_to_many or (model is None and "apps" in state.__dict__):  # the former makes a table of its own
        _DJANGO_ADDS(state, app_label, model_name, name, field, preserve_default)
        return
    if not preserve_default:
        field = field.clone()
        field.default = NOT_PROVIDED
    state.models[key].fields[name] = field
    if state._relations is not None:
        state.resolve_model_field_relations(key, name, field)
    if model is not None:
        model.add_to_class(name, field.clone())


def _class_of_now(state: Any, key: tuple[str, str]) -> Any:
    """The class of a model, if it was rendered in this state and not in one that this is a copy of."""
    model = state.apps.get_model(*key) if "apps" in state.__dict__ else None
    return model if model is not None and model._meta.apps is state.apps else None


def _alter_field(state: Any, app_label: str, model_name: str, name: str, field: Field, preserve_default: bool) -> None:
    key = app_label, model_name
    model = _class_of_now(state, key)
    old = None if model is None else model._meta.get_field(name)
    if old is None or not _same_but_for_itself(old, field, key):
        _DJANGO_ALTERS(state, app_label, model_name, name, field, preserve_default)
        return
    state.reload_model = lambda *_model, **_how: None
    try:
        _DJANGO_ALTERS(state, app_label, model_name, name, field, preserve_default)
    finally:
        del state.reload_model
    fresh = state.models[key].fields[name].clone()
    model._meta.local_fields.remove(old)
    fresh.creation_counter = old.creation_counter  # it stands where the old one stood
    model.add_to_class(name, fresh)
    fresh.chengheng_was = old  # the state before shares this class: the operation is told here what the column was


def _same_but_for_itself(old: Any, new: Any, key: tuple[str, str]) -> bool:
    """Whether no other class can notice the change: no key that others point at, and the same target."""
    if old.many_to_many or new.many_to_many or old.unique or new.unique or old.is_relation != new.is_relation:
        return False
    if not new.is_relation:
        return True
    target = old.remote_field.model._meta
    return bool(resolve_relation(new.remote_field.model, *key) == (target.app_label, target.model_name))


def _change_column(operation: Any, app_label: str, editor: Any, before: Any, after: Any) -> None:
    model = after.apps.get_model(app_label, operation.model_name)
    field = model._meta.get_field(operation.name)
    was = field.__dict__.pop("chengheng_was", None)
    if was is None:
        _DJANGO_CHANGES(operation, app_label, editor, before, after)
    elif operation.allow_migrate_model(editor.connection.alias, model):
        if not operation.preserve_default:
            field.default = operation.field.default
        editor.alter_field(model, was, field)
        if not operation.preserve_default:
            field.default = NOT_PROVIDED


def _append_option(state: Any, app_label: str, model_name: str, name: str, item: Any) -> None:
    model = state.models[app_label, model_name]
    model.options[name] = [*model.options[name], item]
    if "apps" in state.__dict__:
        meta = state.apps.get_model(app_label, model_name)._meta
        setattr(meta, name, [*getattr(meta, name), item])


@contextmanager
def quick() -> Iterator[None]:
    """While this is open, migrations render only what changes."""
    states: Any = ProjectState
    changes: Any = AlterField
    kept = states.add_model, states.add_field, states.alter_field, states._append_option
    states.add_model, states.add_field, states.alter_field = _add_model, _add_field, _alter_field
    states._append_option, changes.database_forwards = _append_option, _change_column
    try:
        yield
    finally:
        states.add_model, states.add_field, states.alter_field, states._append_option = kept
        changes.database_forwards = _DJANGO_CHANGES
