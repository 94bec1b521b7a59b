"""Migrations from nothing in seconds: a new model is rendered alone, not with every model that it points at.

Django renders a model of the migrations' history again whenever something that refers to it is added, and every room
refers to the users: a first start rendered models 16,000 times and spent 65 of 72 s of CPU on that. A class that
nobody refers to yet can simply be added (its references find the classes that are there), a new column is added to
the class that is there, and a new index or constraint changes no class at all. All else takes Django's own way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.migrations.state import ModelState, ProjectState
from django.db.models import NOT_PROVIDED, Field

_DJANGO_ADDS = ProjectState.add_field


def _add_model(state: Any, model: ModelState) -> None:
    key = model.app_label, model.name_lower
    state.models[key] = model
    if state._relations is not None:
        state.resolve_model_relations(key)
    if "apps" in state.__dict__:
        state.apps.render_multiple([model])


def _add_field(state: Any, app_label: str, model_name: str, name: str, field: Field, preserve_default: bool) -> None:
    if field.many_to_many:  # makes a table of its own
        _DJANGO_ADDS(state, app_label, model_name, name, field, preserve_default)
        return
    if not preserve_default:
        field = field.clone()
        field.default = NOT_PROVIDED
    key = app_label, model_name
    state.models[key].fields[name] = field
    if state._relations is not None:
        state.resolve_model_field_relations(key, name, field)
    if "apps" in state.__dict__:
        state.apps.get_model(*key).add_to_class(name, field.clone())


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
    kept = states.add_model, states.add_field, states._append_option
    states.add_model, states.add_field, states._append_option = _add_model, _add_field, _append_option
    try:
        yield
    finally:
        states.add_model, states.add_field, states._append_option = kept
