"""The demonstration's books: planted faults are found, the rest is quiet, and twice is once."""

from __future__ import annotations

import time
from datetime import date

import pytest

from chengheng.common.demo import DemoCity
from chengheng.common.measures import Period, Scope, evaluate
from chengheng.finance import demo
from chengheng.finance.models import Doubt, EvidenceBatch, Finding
from chengheng.simulate import city as base


@pytest.mark.django_db
def test_the_demonstration_is_built_once_and_covers_nine_aspects(aspects):
    city = DemoCity(7)
    base.build_base(city)
    began = time.process_time()
    demo.build(city)
    print("demo", time.process_time() - began, "CPU s of this process")
    assert time.process_time() - began < 60
    before = (EvidenceBatch.objects.count(), Finding.objects.count(), Doubt.objects.count())
    demo.build(city)
    assert before == (EvidenceBatch.objects.count(), Finding.objects.count(), Doubt.objects.count())
    found = set(Finding.objects.values_list("unit__organisation__code", "rule"))
    assert {
        ("U02", "K01"),
        ("U02", "P05"),
        ("U02", "P04"),
        ("U03", "T05"),
        ("U03", "N01"),
        ("U04", "A03"),
        ("U04", "G05"),
        ("U01", "P01"),
        ("U06", "V02"),
        ("U05", "W03"),
    } <= found
    half = Period(date(2024, 1, 1), date(2024, 6, 30))
    assert evaluate("finance.aspects_covered", half, Scope()).value == 9
    assert evaluate("finance.units_covered", half, Scope()).value == 100
    assert sorted(Doubt.objects.values_list("state", flat=True)) == ["candidate", "closed", "issued", "rectifying"]
