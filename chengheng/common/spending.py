"""How a room tells that it spent money which a programme pays for, without knowing who keeps the ledger.

    spending.spend(Spent("maintenance", {"system": "video"}, …))      # in maintenance; returns the programme's name
    spending.keep(Ledger(book, purse))                                # in performance

A programme is found by what answers its indicators: the room's measures with these options. `spend` works in the
caller's transaction; what the keeper refuses (a voucher that is there already) refuses the caller's act too. Where
nobody keeps a ledger, or no programme of the year is answered so, nothing is booked and "" comes back.
What must not go in: programmes, payments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Spent:
    """A payment; a refund is negative. `note` says whose record it is."""

    room: str
    options: Mapping[str, str]
    amount_fen: int
    paid_on: date
    payee: str
    voucher: str
    note: str = ""


@dataclass(frozen=True)
class Purse:
    """What a programme of a year may cost, and what its ledger says was spent."""

    name: str
    url: str
    ceiling_fen: int
    spent_fen: int


@dataclass(frozen=True)
class Ledger:
    """`book` enters a payment and returns the programme's name ("" when there is none); `purse` tells how it stands."""

    book: Callable[[Spent], str]
    purse: Callable[[str, Mapping[str, str], int], Purse | None]


_ledgers: list[Ledger] = []


def keep(ledger: Ledger) -> Ledger:
    """Have payments entered here. From AppConfig.ready()."""
    if ledger not in _ledgers:
        _ledgers.append(ledger)
    return ledger


def spend(spent: Spent) -> str:
    """Enter a payment into the ledger; the programme's name, "" when nobody could."""
    return next((name for name in (ledger.book(spent) for ledger in _ledgers) if name), "")


def purse(room: str, options: Mapping[str, str], year: int) -> Purse | None:
    """How the programme of a year stands that a room's measures with these options answer; None without one."""
    return next((found for found in (ledger.purse(room, options, year) for ledger in _ledgers) if found), None)
