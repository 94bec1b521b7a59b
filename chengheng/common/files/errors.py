"""Why a file is not accepted."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common.errors import Invalid, NotFound


class TypeNotAllowed(Invalid):
    code = "type_not_allowed"
    status = 415
    message = _(
        "%(name)s is not a kind of file that is accepted here: photos, video, sound, PDF, office documents or text."
    )


class TooLarge(Invalid):
    code = "file_too_large"
    status = 413
    message = _("%(name)s is too large: at most %(limit)s MB for this kind of file.")


class ImageTooLarge(Invalid):
    code = "image_too_large"
    status = 413
    message = _("%(name)s has too many pixels: at most %(limit)s million.")


class DamagedImage(Invalid):
    code = "damaged_image"
    message = _("%(name)s is damaged: the picture cannot be read to its end.")


class NoPages(Invalid):
    code = "no_pages"
    message = _("This document cannot be shown page by page: it is neither a picture nor a PDF that can be read.")


class EmptyFile(Invalid):
    code = "empty_file"
    message = _("%(name)s is empty.")


class Gone(NotFound):
    code = "file_gone"
    status = 410
    message = _("This file is no longer kept: its time of retention is over, or it was withdrawn.")


class LinkExpired(NotFound):
    code = "link_expired"
    status = 410
    message = _("This link is no longer valid.")
