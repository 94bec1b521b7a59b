"""What a site's robots.txt forbids us, and how slowly it wants to be read (RFC 9309).

4xx: no rules, everything may be read. 5xx or silence: nothing may be read until it answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.robotparser import RobotFileParser

LONGEST = 512_000
SLOWEST = 60.0


@dataclass(slots=True)
class Robots:
    """The rules of one origin."""

    everything: bool = True
    parser: RobotFileParser | None = None

    def may(self, url: str, agent: str = "ChenghengBot") -> bool:
        """Whether this URL may be fetched."""
        return self.parser.can_fetch(agent, url) if self.parser is not None else self.everything

    def delay(self, agent: str = "ChenghengBot") -> float:
        """Seconds between two fetches that the site asks for; 0 when it does not say."""
        if self.parser is None:
            return 0.0
        try:
            return min(float(str(self.parser.crawl_delay(agent) or 0)), SLOWEST)
        except ValueError:
            return 0.0


def read(status: int, body: bytes) -> Robots:
    """The rules that the answer to /robots.txt gives; status 0 stands for silence."""
    if status == 200:
        parser = RobotFileParser()
        parser.parse(body[:LONGEST].decode("utf-8", "replace").splitlines())
        parser.modified()
        return Robots(parser=parser)
    return Robots(everything=400 <= status < 500)
