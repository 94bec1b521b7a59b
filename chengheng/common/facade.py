"""Lets a Django app's package offer its functions (`trail.record`) without importing models before apps are ready."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def facade(package: str, names: dict[str, str]) -> Callable[[str], Any]:
    """A module-level `__getattr__` for `package`: each name is fetched from its submodule on first use (PEP 562).

    >>> # in chengheng/common/trail/__init__.py
    >>> # __getattr__ = facade(__name__, {"record": "recording"})
    """

    def fetch(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{names[name]}"), name)

    return fetch
