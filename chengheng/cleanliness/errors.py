"""What can go wrong with plans, checks, bags and scales."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common.errors import Invalid, Refusal


class ChangedSince(Refusal):
    code = "changed_since"
    message = _("%(road)s was changed again since this import: it cannot be undone.")


class PlanExists(Refusal):
    code = "plan_exists"
    message = _("This month has a plan already.")


class NoRoads(Refusal):
    code = "no_roads"
    message = _("The register holds no road to draw from.")


class NoTeams(Refusal):
    code = "no_teams"
    message = _("There is no team to send.")


class PlanSealed(Refusal):
    code = "plan_sealed"
    message = _("The plan is sealed: it can be changed only road by road, with a reason.")


class PlanNotSealed(Refusal):
    code = "plan_not_sealed"
    message = _("The plan is not sealed yet.")


class FrameNotDoubted(Refusal):
    code = "frame_not_doubted"
    message = _("There is nothing to decide about this frame.")


class NotThisDay(Refusal):
    code = "not_this_day"
    message = _("This road is planned for %(day)s.")


class NotYourTeam(Refusal):
    code = "not_your_team"
    message = _("This road is planned for another team, or the second person is not of the team.")


class CheckedAlready(Refusal):
    code = "checked_already"
    message = _("This planned check was made already.")


class NotThere(Invalid):
    code = "not_there"
    message = _("The position is %(metres)s m from the road; at most %(bound)s m are allowed.")


class PointMissing(Invalid):
    """The sixth point, for example."""

    code = "point_missing"
    message = _("%(given)s points were taken; the plan has %(needed)s. Point %(missing)s is missing.")


class PointMovedTooFar(Invalid):
    code = "point_moved_too_far"
    message = _("Point %(number)s lies %(metres)s m from its place; it may be moved %(bound)s m, with a reason.")


class PhotoMissing(Invalid):
    """`kind`: what the photo is to show, as people call it."""

    code = "photo_missing"
    message = _("Point %(number)s has no photo “%(kind)s”.")


class PhotoNotOfThisCheck(Invalid):
    """A photo from yesterday, or one that was used before."""

    code = "photo_not_of_this_check"
    message = _("A photo of point %(number)s was taken at %(taken)s, not during this check.")


class PhotoUsedBefore(Invalid):
    code = "photo_used_before"
    message = _("A photo of point %(number)s was used before.")


class BagUsed(Invalid):
    code = "bag_used"
    message = _("Bag %(bag)s was used before.")


class BagMixedUp(Refusal):
    """The bag on the scale is not the bag of this point."""

    code = "bag_mixed_up"
    message = _("Bag %(bag)s belongs to %(owner)s, not to this point. Nothing was recorded.")


class NoSuchBag(Invalid):
    code = "no_such_bag"
    message = _("There is no bag %(bag)s.")


class BagNotReceived(Refusal):
    code = "bag_not_received"
    message = _("Bag %(bag)s was not received in the weighing room yet.")


class NotCalibrated(Refusal):
    code = "not_calibrated"
    message = _("Scale %(scale)s has no valid calibration on %(day)s. It may not weigh.")


class ReadingImpossible(Invalid):
    code = "reading_impossible"
    message = _("The full bag cannot weigh less than the empty one, nor more than the scale can carry.")


class SecondPersonNeeded(Refusal):
    code = "second_person_needed"
    message = _("The second reading by hand must be another person's.")


class WeighedAlready(Refusal):
    code = "weighed_already"
    message = _("This bag was weighed. A re-weigh needs a reason.")


class BadLine(Invalid):
    code = "bad_line"
    message = _("A road needs at least two positions inside the city.")


class AdoptedAlready(Refusal):
    code = "adopted_already"
    message = _("A rule set is in force from this day already.")


class NothingToPublish(Refusal):
    code = "nothing_to_publish"
    message = _("No check of this month has a result.")


class ClockWrong(Invalid):
    code = "clock_wrong"
    message = _("The times of this check cannot be right: arrival, sampling and receipt must follow each other.")


class LimitTwice(Invalid):
    code = "limit_twice"
    message = _("Two limits are for the same lane type, grade and zone.")
