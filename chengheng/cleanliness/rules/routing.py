"""Balanced day routes for teams: which team checks which road in which order (OR-Tools, a vehicle routing problem).

Distances are great-circle metres × 1.3 (a usual detour factor in towns; local rule). Each stop takes the check's own
minutes. The solver minimises driving and the longest team's day, within a time limit; without a solution in time the
first good enough tour by nearest neighbour stands, and the answer says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from chengheng.common.places.ground import EARTH_M

DETOUR = 1.3
SPEED_M_PER_MINUTE = 25_000 / 60
STOP_MINUTES = 18  # six points at under two minutes each (Beijing), arrival and signatures


@dataclass(frozen=True)
class Routed:
    """`routes[t]`: indices of stops in the order of team t; `minutes[t]`: its driving and checking; by the solver or not."""

    routes: list[list[int]]
    minutes: list[int]
    solved: bool


def _minutes(places: Sequence[tuple[float, float]]) -> list[list[int]]:
    import numpy as np

    lon, lat = (np.radians(np.array([p[i] for p in places])) for i in (0, 1))
    a = np.sin((lat[:, None] - lat[None]) / 2) ** 2
    a = a + np.cos(lat[:, None]) * np.cos(lat[None]) * np.sin((lon[:, None] - lon[None]) / 2) ** 2
    metres = 2 * EARTH_M * np.arcsin(np.sqrt(np.minimum(1, a))) * DETOUR
    return np.rint(metres / SPEED_M_PER_MINUTE).astype(int).tolist()


def route(
    stops: Sequence[tuple[float, float]], depots: Sequence[tuple[float, float]], milliseconds: int = 10_000,
    stop_minutes: int = STOP_MINUTES,
) -> Routed:  # fmt: skip
    """One route for each depot (team), every stop once. Stops and depots are (lon, lat). ValueError without a team."""
    if not depots:
        raise ValueError("nobody can drive: there is no team")
    teams = len(depots)
    if not stops:
        return Routed([[] for _ in depots], [0] * teams, True)
    from ortools.constraint_solver import pywrapcp, routing_enums_pb2

    matrix = _minutes([*depots, *stops])
    manager = pywrapcp.RoutingIndexManager(len(matrix), teams, list(range(teams)), list(range(teams)))
    model = pywrapcp.RoutingModel(manager)

    # A matrix is read by the solver itself; a Python callback would be asked millions of times.
    spent = [[way + (stop_minutes if start >= teams else 0) for way in row] for start, row in enumerate(matrix)]
    transit = model.RegisterTransitMatrix(spent)
    model.SetArcCostEvaluatorOfAllVehicles(transit)
    model.AddDimension(transit, 0, 24 * 60, True, "minutes")
    model.GetDimensionOrDie("minutes").SetGlobalSpanCostCoefficient(100)
    model.AddConstantDimension(1, math.ceil(len(stops) / teams) + 2, True, "stops")
    fewest = max(0, len(stops) // teams - 1)
    for team in range(teams):  # no team stays at home while another drives all day
        model.GetDimensionOrDie("stops").SetCumulVarSoftLowerBound(model.End(team), fewest, 100_000)
        model.SetVehicleUsedWhenEmpty(True, team)
    parameters = pywrapcp.DefaultRoutingSearchParameters()
    parameters.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.PARALLEL_CHEAPEST_INSERTION
    parameters.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    parameters.time_limit.FromMilliseconds(milliseconds)
    solution = model.SolveWithParameters(parameters)
    if solution is None:
        near = _nearest(matrix, teams)
        return Routed(near, [_length(matrix, teams, t, r, stop_minutes) for t, r in enumerate(near)], False)
    routes: list[list[int]] = []
    for team in range(teams):
        index, stops_of = model.Start(team), []
        while not model.IsEnd(index):
            node = manager.IndexToNode(index)
            if node >= teams:
                stops_of.append(node - teams)
            index = solution.Value(model.NextVar(index))
        routes.append(stops_of)
    return Routed(routes, [_length(matrix, teams, t, r, stop_minutes) for t, r in enumerate(routes)], True)


def _length(matrix: list[list[int]], teams: int, team: int, stops: list[int], stop_minutes: int) -> int:
    way = [team, *(stop + teams for stop in stops), team]
    return sum(matrix[a][b] for a, b in pairwise(way)) + stop_minutes * len(stops)


def _nearest(matrix: list[list[int]], teams: int) -> list[list[int]]:
    left = set(range(teams, len(matrix)))
    routes: list[list[int]] = [[] for _ in range(teams)]
    at = list(range(teams))
    while left:
        team = min(range(teams), key=lambda t: len(routes[t]))
        stop = min(left, key=lambda s: (matrix[at[team]][s], s))
        left.remove(stop)
        routes[team].append(stop - teams)
        at[team] = stop
    return routes
