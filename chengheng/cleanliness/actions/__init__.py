"""What people and machines do in dust weighing: one function an act, one transaction each."""

from chengheng.cleanliness.actions.checking import (
    Sampled,
    appeal,
    order_recheck,
    reject_appeal,
    sign_check,
    submit_check,
    void_check,
)
from chengheng.cleanliness.actions.planning import (
    add_team,
    make_plan,
    move_item,
    redraw,
    replan_day,
    route_plan,
    seal_plan,
)
from chengheng.cleanliness.actions.publishing import enter_cost, open_bulletin, publish_bulletin, recompute
from chengheng.cleanliness.actions.registering import (
    add_roads,
    adopt_rules,
    change_road,
    change_roads,
    compare_roads,
    take_back_changes,
)
from chengheng.cleanliness.actions.weighing import (
    add_scale,
    calibrate,
    confirm_outlier,
    decide_frame,
    receive_bag,
    reweigh,
    void_point,
    weigh,
)

__all__ = [
    "Sampled", "add_roads", "add_scale", "add_team", "adopt_rules", "appeal", "calibrate", "change_road", "change_roads",
    "compare_roads", "confirm_outlier", "decide_frame", "enter_cost", "make_plan", "move_item", "open_bulletin",
    "order_recheck", "publish_bulletin", "receive_bag", "recompute", "redraw", "reject_appeal", "replan_day", "reweigh",
    "route_plan", "seal_plan", "sign_check", "submit_check", "take_back_changes", "void_check", "void_point", "weigh",
]  # fmt: skip
