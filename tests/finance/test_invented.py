"""The rules over a small invented commission: what is planted is found, and honest oddities are left alone."""

from __future__ import annotations

import pytest

from benchmarks.finance_rules import prove
from chengheng.finance.invented import Plant, commission, score
from chengheng.finance.rules.catalogue import rules


def test_the_same_seed_gives_the_same_books_and_every_rule_its_fault():
    first, again = (list(commission(3, units=6, years=(2023, 2024), each=1)) for _turn in range(2))
    assert first == again
    assert first != list(commission(4, units=6, years=(2023, 2024), each=1))
    assert {plant.rule for books in first for plant in books.plants} == set(rules())
    assert {books.kind for books in first} == {"administrative", "institution", "enterprise"}
    for books in first:
        faulty = {(plant.year, plant.period) for plant in books.plants if plant.rule == "T01"}
        for (kind, year, month), rows in books.evidence.items():
            if kind == "lines" and (year, month) not in faulty:
                assert sum(row["debit_fen"] - row["credit_fen"] for row in rows) == 0


def test_a_score_counts_what_is_found_what_came_with_it_and_what_is_false():
    plants = [Plant("T01", "Z01", 2024, 3, "记-7"), Plant("B03", "Z02", 2024)]
    said = [
        ("T01", "Z01", 2024, 3, "凭证 2024-03 记-7 不平"),
        ("T13", "Z01", 2024, 3, "凭证 2024-03 记-7 没有预算会计分录"),
        ("B03", "Z01", 2024, 12, "进度偏慢"),
    ]
    scores = score(plants, said)
    assert (scores["T01"].recall, scores["T01"].true, scores["T13"].beside, scores["B03"].false) == (1, 1, 1, 1)
    assert scores["T13"].brought == {"T01": 1}
    assert scores["B03"].missed == [plants[1]]


@pytest.mark.slow
@pytest.mark.django_db
def test_planted_faults_are_found_and_honest_books_raise_little():
    plants, findings, _lines, wordless, _done = prove(55, units=2, each=1, years=(2023, 2024))
    scores = score(plants, findings)
    assert wordless == []
    assert {code: one.missed for code, one in scores.items() if one.missed} == {}
    assert sum(one.false for one in scores.values()) <= 8, {
        code: one.examples for code, one in scores.items() if one.false
    }
