"""What a link can mean. Rooms (mostly the portal, which wires systems together) declare theirs."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Kind:
    """`label` is what the first subject is to the second ("became"), `reverse` what the second is to the first
    ("came from"). Without `reverse` both read the same and the order of the two does not matter."""

    code: str
    label: str | Promise
    reverse: str | Promise | None = None

    @property
    def mutual(self) -> bool:
        return self.reverse is None


_kinds: dict[str, Kind] = {}


def declare(code: str, label: str | Promise, reverse: str | Promise | None = None) -> Kind:
    """Add a kind; the same code with another meaning is a programming error."""
    kind = Kind(code, label, reverse)
    known = _kinds.setdefault(code, kind)
    if (str(known.label), str(known.reverse)) != (str(label), str(reverse)):
        raise ValueError(f"link kind {code} is declared twice")
    return known


def get(code: str) -> Kind:
    """The kind of this code; KeyError when nobody declared it."""
    return _kinds[code]


def label(code: str, *, reverse: bool = False) -> str:
    """The words for a link seen from its first (or, `reverse`, its second) subject; the code when undeclared."""
    kind = _kinds.get(code)
    if kind is None:
        return code
    return str(kind.reverse if reverse and kind.reverse is not None else kind.label)


RELATED = declare("related", _("belongs together with"))
CAUSE = declare("cause", _("led to"), _("came from"))
EVIDENCE = declare("evidence", _("is evidence for"), _("is shown by"))
DUPLICATE = declare("duplicate", _("is a duplicate of"), _("has the duplicate"))
