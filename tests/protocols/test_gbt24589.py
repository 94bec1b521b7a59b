"""GB/T 24589 files: what is read, and what is refused."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chengheng.protocols.gbt24589 import Malformed, read_json, read_xml

LINE = "<记账凭证><会计年度>2026</会计年度><科目编号>1001</科目编号><借方本币金额>1.00</借方本币金额></记账凭证>"


def test_the_sample_balances(shared):
    records = list(read_xml((shared / "data" / "sample_24589.xml").read_bytes()))
    lines = [one.fields for one in records if one.table == "voucher_line"]
    assert len(lines) > 50
    assert sum(Decimal(one["debit"]) for one in lines) == sum(Decimal(one["credit"]) for one in lines) > 0
    assert {"day", "year", "period", "word", "number", "line", "summary", "account"} <= set(lines[0])


def test_namespaces_and_older_names_are_read():
    xml = (
        '<会计核算软件数据 xmlns="http://schemas.accounting.org.cn/2004/datainterface/gssm"><会计凭证>'
        "<凭证日期>20260105</凭证日期><凭证编号>7</凭证编号><借方金额>3.20</借方金额></会计凭证></会计核算软件数据>"
    )
    (record,) = read_xml(xml.encode())
    assert record.table == "voucher_line"
    assert record.fields == {"day": "20260105", "number": "7", "debit": "3.20"}


def test_json_members_are_read_exactly():
    content = json.dumps(
        {"总账": {"记账凭证": [{"020601": "20260105", "借方本币金额": 0.1, "辅助项2编号": "X"}]}}
    ).encode()
    (record,) = read_json(content)
    assert record.fields == {"day": "20260105", "debit": "0.1", "aux2": "X"}


@pytest.mark.parametrize(
    "xml",
    [
        '<!DOCTYPE a [<!ENTITY b "c">]><总账>' + LINE + "</总账>",
        '<!DOCTYPE a SYSTEM "http://127.0.0.1/x.dtd"><总账/>',
        "<总账>" + "<a>" * 20 + "</a>" * 20 + "</总账>",
        "<总账><记账凭证><记账凭证摘要>" + "x" * 5000 + "</记账凭证摘要></记账凭证></总账>",
        "<总账>" + LINE,
        "not xml",
    ],
)
def test_hostile_and_broken_files_are_refused(xml):
    with pytest.raises(Malformed):
        list(read_xml(xml.encode()))


@settings(max_examples=100)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content):
    for read in (read_xml, read_json):
        try:
            list(read(content))
        except Malformed:
            pass
