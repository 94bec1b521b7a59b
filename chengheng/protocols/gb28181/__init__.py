"""GB/T 28181 (2011, 2016, 2022) on top of SIP: identifiers, MANSCDP commands, SDP, playback control, PTZ, catalogs.

Sans-I/O. Clauses are of GB/T 28181-2016 unless a year says otherwise; what is known of the 2022 edition comes from
real 2022 devices and open implementations, not from its text.
"""

from __future__ import annotations

VERSIONS = {"1.0": 2011, "1.1": 2011, "2.0": 2016, "3.0": 2022}


def edition(x_gb_ver: str) -> int | None:
    """Year of the standard that an X-GB-Ver header names; None when it is missing or unknown."""
    return VERSIONS.get(x_gb_ver.strip())
