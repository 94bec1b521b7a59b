"""What can go wrong here, as values of the field."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common.errors import Invalid, Refusal


class FileRefused(Invalid):
    code = "performance.file_refused"
    message = _("%(name)s, line %(line)s: %(reason)s")


class NotComplete(Invalid):
    """An import is all or nothing: a table that lacks its name, its year or its columns stops it."""

    code = "performance.not_complete"
    message = _("Nothing was imported. %(count)s places must be put right first; the first is %(first)s.")


class UnknownMeasure(Invalid):
    code = "performance.unknown_measure"
    message = _("There is no measure “%(measure)s”.")


class ReasonsMissing(Refusal):
    code = "performance.reasons_missing"
    status = 422
    message = _("A reason for the deviation is missing: %(names)s")


class OwnWork(Refusal):
    code = "performance.own_work"
    status = 403
    message = _("Who wrote the self-evaluation cannot sign it off.")


class Signed(Refusal):
    code = "performance.signed"
    message = _("The self-evaluation is not being written any more.")


class BadToken(Refusal):
    code = "performance.bad_token"
    status = 404
    message = _("This link is not valid, or an answer was given with it already.")


class SurveyClosed(Refusal):
    code = "performance.survey_closed"
    message = _("This survey is not open.")


class YearTaken(Refusal):
    code = "performance.year_taken"
    message = _("%(year)s has this programme already.")
