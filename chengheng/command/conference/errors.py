"""What can go wrong in a conference, as values."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common.errors import Invalid, Refusal


class NotYourVerb(Refusal):
    code = "conference_not_your_verb"
    status = 403
    message = _("Your place in this meeting does not allow this.")


class MeetingNotRunning(Refusal):
    code = "conference_not_running"
    message = _("This meeting is not running.")


class NobodyInvited(Invalid):
    code = "conference_nobody"
    message = _("A meeting needs at least one venue.")


class BadTimes(Invalid):
    code = "conference_bad_times"
    message = _("A meeting ends after it begins and lasts at most twelve hours.")


class MutedByChair(Refusal):
    code = "conference_muted"
    message = _("The chair has muted you. Ask for the floor.")


class MicsFull(Refusal):
    code = "conference_mics_full"
    message = _("%(most)s microphones are open already. Ask for the floor, or have one closed.")


class MicsNotFree(Refusal):
    code = "conference_mics_not_free"
    message = _("In this meeting the chair opens the microphones. Ask for the floor.")


class ChairTaken(Refusal):
    code = "conference_chair_taken"
    message = _("%(name)s has the chair.")


class SomebodyShows(Refusal):
    code = "conference_somebody_shows"
    message = _("%(name)s is showing a document.")


class SomebodyShares(Refusal):
    code = "conference_somebody_shares"
    message = _("%(name)s is sharing a screen.")


class TerminalsFull(Refusal):
    code = "conference_terminals_full"
    message = _("%(most)s terminals are in this meeting already. Remove one first.")


class NotHere(Refusal):
    code = "conference_not_here"
    message = _("%(name)s is not in the meeting.")


class RollCallOpen(Refusal):
    code = "conference_roll_call_open"
    message = _("A roll-call is open already.")


class NoRollCall(Refusal):
    code = "conference_no_roll_call"
    message = _("No roll-call is open.")


class VoteOpen(Refusal):
    code = "conference_vote_open"
    message = _("A vote is open already.")


class NoVote(Refusal):
    code = "conference_no_vote"
    message = _("No vote is open.")


class BadVote(Invalid):
    code = "conference_bad_vote"
    message = _("A vote needs a question and two to eight different answers.")


class BadValue(Invalid):
    code = "conference_bad_value"
    message = _("This value is not possible here.")


class TicketRefused(Refusal):
    code = "conference_ticket"
    status = 403
    message = _("This ticket is not valid (any more).")


class MeetingLocked(Refusal):
    code = "conference_locked"
    message = _("The meeting is locked. Nobody new may enter.")


class Removed(Refusal):
    code = "conference_removed"
    message = _("The chair has removed you from this meeting.")


class EngineOff(Refusal):
    code = "conference_engine_off"
    status = 503
    message = _("Conferences are switched off on this site: Janus is not installed.")


class BoardClosed(Refusal):
    code = "conference_board_closed"
    message = _("The whiteboard is not up.")


class BoardFull(Refusal):
    code = "conference_board_full"
    message = _("The whiteboard is full (%(most)s strokes): wipe it first.")


class CamerasFull(Refusal):
    code = "conference_cameras_full"
    message = _("%(most)s cameras are shown already. Take one out first.")
