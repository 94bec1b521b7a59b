from decimal import Decimal

from chengheng.common import flow
from chengheng.common.errors import Refusal
from chengheng.common.flow import Clock, Flow, Step
from chengheng.common.people import roles
from chengheng.common.people.roles import Reach, Role
from tests.things.models import Lamp

roles.declare(
    Role(
        "lamp.mender",
        "Mender",
        {"lamp.view": Reach.ORGANISATION, "lamp.accept": Reach.ORGANISATION, "lamp.mend": Reach.ORGANISATION},
    )
)
roles.declare(Role("lamp.chief", "Chief", {"lamp.view": Reach.ALL, "lamp.close": Reach.ALL, "lamp.extend": Reach.ALL}))


def new_bulb_is_bright(lamp, actor, data) -> None:
    if data.get("watts", 100) < 10:
        raise Refusal("too dim")


LAMP = flow.register(
    Flow(
        "lamp",
        label="Lamp",
        start="broken",
        states={
            "broken": "Broken",
            "accepted": "Accepted",
            "waiting": "Waiting",
            "mended": "Mended",
            "closed": "Closed",
        },
        final={"closed"},
        clocks=[
            Clock("respond", "Response"),
            Clock(
                "repair",
                "Repair",
                alerts=(Decimal("0.5"), Decimal(1), Decimal(2)),
                escalate_to=((), (), ("lamp.close",)),
            ),
        ],
        steps=[
            Step("accept", "Accept", "broken", "accepted", act="lamp.accept", stop="respond", primary=True),
            Step("wait", "Wait for parts", "accepted", "waiting", act="lamp.mend", pause="repair", needs=("note",)),
            Step("go_on", "Go on", "waiting", "accepted", act="lamp.mend", resume="repair"),
            Step("mend", "Mend", "accepted", "mended", act="lamp.mend", stop="repair", guard=new_bulb_is_bright),
            Step("reopen", "Not mended", "mended", "accepted", act="lamp.close", start="repair", needs=("note",)),
            Step("close", "Close", "mended", "closed", act="lamp.close", primary=True),
            Step("expire", "Expire", ("broken", "accepted"), "closed", act="lamp.expire", machine=True),
        ],
    ),
    Lamp,
)
