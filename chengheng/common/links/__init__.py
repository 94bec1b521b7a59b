"""Links between two subjects of any systems, which never import one another: an alert and the case that it became."""

from typing import TYPE_CHECKING

from chengheng.common.facade import facade

if TYPE_CHECKING:
    from chengheng.common.links.linking import link, of, unlink
    from chengheng.common.links.queries import shown_to

__all__ = ["link", "of", "shown_to", "unlink"]
__getattr__ = facade(__name__, dict.fromkeys(("link", "of", "unlink"), "linking") | {"shown_to": "queries"})
