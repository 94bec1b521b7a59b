"""What can go wrong with places."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common.errors import Invalid, Refusal


class UnknownDatum(Invalid):
    code = "unknown_datum"
    message = _("This map datum is not known. Known are: %(names)s.")


class BadAreaCode(Invalid):
    code = "bad_area_code"
    message = _("%(value)s is not an area code: %(why)s")


class UnreadableLayer(Invalid):
    """The file is not one of the readable formats, or too large, or damaged (`why`)."""

    code = "unreadable_layer"
    message = _("This map file cannot be read: %(why)s")


class LayerHasProblems(Refusal):
    code = "layer_has_problems"
    message = _("The layer has %(count)s problems that must be put right in the file first.")


class LayerNotDraft(Refusal):
    code = "layer_not_draft"
    message = _("Only a draft can be discarded.")


class AlreadyInForce(Refusal):
    code = "layer_in_force"
    message = _("This layer is in force already.")
