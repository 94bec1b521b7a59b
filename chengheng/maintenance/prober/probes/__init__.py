"""Asking once. Each probe ends within its timeout and never raises: every failure of the network is an answer.

`answers` what is asked and told, `icmp` and `tcp` the two that are asked in great numbers (callbacks, no task each),
`talks` those with a dialogue (SIP, RTSP, NTP, databases, SNMP), `web` HTTP(S) and exporters, `prober` all of them
together. What must not go in: the database, schedules, judgement over more than one answer.
"""

from chengheng.maintenance.prober.probes.answers import KINDS, Answer, Done, Target, understand
from chengheng.maintenance.prober.probes.icmp import NoPing, Pinger
from chengheng.maintenance.prober.probes.prober import Prober

__all__ = ["KINDS", "Answer", "Done", "NoPing", "Pinger", "Prober", "Target", "understand"]
