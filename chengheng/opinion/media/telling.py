"""What the interface says of media that were not read, or not wholly; and of a site without a recogniser."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

REASONS: dict[str, Any] = {
    "damaged": _("The file is damaged or is not what it says it is."),
    "too_many_pixels": _("The picture is too large: at most 50 million pixels are opened."),
    "nothing_inside": _("The file holds neither picture nor sound."),
    "kind_not_read": _("This kind of file is kept but cannot be read here."),
    "out_of_memory": _("Opening the file needed too much memory."),
    "out_of_time": _("Opening the file took too long."),
    "died": _("The program that opens files ended at this one."),
    "internal": _("The file could not be read; the reason is not known."),
    "no_reader": _("Words in pictures cannot be read on this machine: RapidOCR is not installed."),
}
NOTES: dict[str, Any] = {
    "frames_cut": _("There are more differing frames than the limit lets through."),
    "picture_cut": _("The picture is very long; its lower part was not read."),
    "subtitles_cut": _("The subtitles are very long; the end of them was left out."),
    "sound_cut": _("The sound is longer than the limit; its end was not read."),
    "cover_damaged": _("The cover is damaged."),
    "subtitle_damaged": _("The embedded subtitles are damaged."),
    "sound_damaged": _("The sound is damaged; it was read up to there."),
    "film_damaged": _("The video is damaged; it was read up to there."),
    "out_of_time": _("Time or memory was used up; what was read until then is shown."),
    "told_too_much": _("The file gave too much; the rest was left out."),
    "no_reader": _("Words in pictures cannot be read on this machine: RapidOCR is not installed."),
}
SPEECH: dict[str, Any] = {
    "": _("Speech is read by the recogniser that the operator set up."),
    "none": _("Speech is not read on this site: no speech recogniser is set up."),
    "model": _("Speech is not read on this site: the model folder of the recogniser is not there."),
    "program": _("Speech is not read on this site: the recogniser's program was not found."),
    "address": _("Speech is not read on this site: the recogniser's address cannot be used."),
}
