"""What can go wrong with links."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common.errors import Invalid


class UnknownKind(Invalid):
    code = "link_kind_unknown"
    message = _("There is no such kind of link.")


class LinkToItself(Invalid):
    code = "link_to_itself"
    message = _("A record cannot be linked with itself.")
