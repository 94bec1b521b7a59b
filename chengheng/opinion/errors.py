"""What can go wrong in public opinion, as values."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common.errors import Invalid, Refusal


class BadNotation(Invalid):
    code = "opinion_bad_notation"
    message = _("The keyword notation cannot be read: “%(part)s”. Example: 垃圾|废品 & 小区 ! 垃圾分类")


class EmptyRule(Invalid):
    code = "opinion_empty_rule"
    message = _("A rule needs keywords or at least one condition; this one would fire on everything.")


class AddressRefused(Invalid):
    code = "opinion_address_refused"
    message = _("This address is not fetched (%(reason)s): only public http and https addresses on ports 80 and 443.")


class SecondPerson(Refusal):
    code = "opinion_second_person"
    message = _("The verdict needs a second person: whoever gave the first opinion cannot confirm it.")


class OtherSigner(Refusal):
    code = "opinion_other_signer"
    message = _("The statement is signed by somebody other than who drafted it.")


class VerdictsDiffer(Refusal):
    code = "opinion_verdicts_differ"
    message = _("The two verdicts differ. Send the claim back for more evidence, or agree on one.")


class NoEvidence(Refusal):
    code = "opinion_no_evidence"
    message = _("A verdict needs evidence. Keep at least one piece first.")


class BadSignature(Refusal):
    code = "opinion_bad_signature"
    status = 401
    message = _("The signature, the time or the key of this delivery is not right.")


class TooMuch(Invalid):
    code = "opinion_too_much"
    message = _("At most %(most)s items in one delivery.")


class NotTrained(Refusal):
    code = "opinion_not_trained"
    message = _("There is no trained model for “%(head)s” yet.")


class BadTraining(Invalid):
    code = "opinion_bad_training"
    message = _("These rows cannot train a model: %(reason)s")


class NotBetter(Refusal):
    code = "opinion_not_better"
    message = _(
        "The new model is not better than the one in use (%(new)s against %(old)s); it was kept but not put to use."
    )


class AlreadyClaimed(Refusal):
    code = "opinion_already_claimed"
    message = _("This item is followed as claim %(number)s already.")


class NothingToReport(Refusal):
    code = "opinion_nothing_to_report"
    message = _("No item is stored for this period: a report without evidence is not written.")
