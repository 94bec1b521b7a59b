"""Which worker takes which file of tests: the longest files first, so that no worker is left with a long one at the end.

xdist's own order is by the number of tests: a file whose one test takes a minute would come last of all. A file stays
whole on one worker. The seconds below are of a quiet machine with two cores (`pytest --durations=0`, summed by file);
what is not named counts by its number of tests. Wrong seconds cost time, nothing else.
"""

from __future__ import annotations

from typing import Any

import pytest

SECONDS = {
    "project/test_running.py": 220,
    "command/test_conference_in_the_browser.py": 135,
    "project/test_backup.py": 90,
    "patrol/test_whole_life.py": 85,
    "patrol/test_killed.py": 80,
    "command/test_killed.py": 80,
    "video/test_pictures_in_chromium.py": 70,
    "jobs/test_worker.py": 70,
    "finance/test_hostile.py": 50,
    "opinion/test_media.py": 48,
    "cleanliness/test_phone.py": 41,
    "command/test_terminals.py": 40,
    "command/test_snow_plan.py": 32,
    "ui/test_browser.py": 31,
    "command/test_orders.py": 30,
    "opinion/test_analyser.py": 23,
    "opinion/test_browser.py": 22,
    "intake/test_reading.py": 22,
    "opinion/test_collector.py": 21,
    "tables/test_browser.py": 19,
    "finance/test_browser.py": 19,
    "patrol/test_phone.py": 19,
    "maintenance/basedata/test_ogc.py": 19,
    "cleanliness/test_rules.py": 17,
    "performance/test_browser.py": 16,
    "calendars/test_rules.py": 15,
    "maintenance/test_demo.py": 15,
    "opinion/test_life.py": 12,
    "maintenance/test_pages.py": 11,
    "finance/test_invented.py": 11,
    "video/test_talk_in_chromium.py": 10,
    "video/test_transcoding.py": 10,
    "files/test_files.py": 10,
    "maintenance/test_speed.py": 10,
}
EACH = 0.1  # seconds of a test in a file that is not named


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """For `--dist loadfile`: longest first, and the next file only when the last test of one has begun."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class LongestFirst(LoadFileScheduling):
        def _reschedule(self, node: Any) -> None:
            # xdist's own takes a file while two tests are left: two long ones would keep it from an idle worker.
            if self.workqueue and not node.shutting_down and self._pending_of(self.assigned_work[node]) > 1:
                return
            super()._reschedule(node)

    config.option.loadscopereorder = False  # the order of collection holds, which is ours
    return LongestFirst(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Files in the order of their cost; within a file as they stand."""
    tests: dict[str, int] = {}
    for item in items:
        name = item.nodeid.split("::", 1)[0]
        tests[name] = tests.get(name, 0) + 1
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _cost(item, tests), reverse=True)


def _cost(item: pytest.Item, tests: dict[str, int]) -> tuple[float, str]:
    name = item.nodeid.split("::", 1)[0]
    return SECONDS.get(name.removeprefix("tests/"), EACH * tests[name]), name
