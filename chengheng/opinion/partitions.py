"""Items' partitions: a million numbers each. The next one is always there before it is needed."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection

SIZE = 1_000_000


def make_room(first: int, upto: int) -> None:
    """See that items numbered `first` to `upto`, and the whole partition after, have a place. In the caller's transaction."""
    with connection.cursor() as cursor:
        for number in range(first // SIZE, upto // SIZE + 2):
            cursor.execute("select to_regclass(%s)", [f"opinion_item_p{number}"])
            if cursor.fetchone()[0] is None:
                cursor.execute("select pg_advisory_xact_lock(%s)", [0x6F70696E])
                cursor.execute(
                    f"create table if not exists opinion_item_p{number} partition of opinion_item"
                    f" for values from ({number * SIZE}) to ({(number + 1) * SIZE})"
                )


def drop(number: int) -> None:
    """Drop a partition whole, with the words of its items; IntegrityError while something still stands on one of them
    (an alert, a claim, a medium). In the caller's transaction."""
    from chengheng.opinion import binding

    with connection.cursor() as cursor:
        cursor.execute(f"alter table opinion_item detach partition opinion_item_p{number}")
        cursor.execute(f"drop table opinion_item_p{number}")
    binding.forget(number)


def newest_first(least: int = 0) -> Iterator[tuple[int, int]]:
    """`(from, to)` of the partitions that may hold items, the newest first, down to the item numbered `least`."""
    with connection.cursor() as cursor:
        cursor.execute("select last_value from opinion_item_number")
        last = int(cursor.fetchone()[0])
    for number in range(last // SIZE, least // SIZE - 1, -1):
        yield number * SIZE, (number + 1) * SIZE
