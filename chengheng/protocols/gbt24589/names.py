"""The names of three editions, mapped to one. Sources: `facts/finance.md` 1.1 (GB/T 24589.1-2010 names from a public
exporter; six-digit ids of the 2024 edition from another; GB/T 19581-2004). Buy the standard before claiming conformance.
"""

from __future__ import annotations

TABLES: dict[str, str] = {
    "记账凭证": "voucher_line",
    "科目余额及发生额": "balance",
    "会计科目": "account",
    "固定资产卡片": "asset",
    "固定资产减少情况": "asset_removal",
    "减少情况": "asset_removal",
    "固定资产类别设置": "asset_class",
    "固定资产使用状况": "asset_use",
    "使用状况": "asset_use",
    "员工档案": "staff",
    "薪酬项目": "pay_item",
    "员工薪酬记录": "pay",
    "员工薪酬记录明细": "pay_detail",
    "会计凭证": "voucher_line",
    "科目余额": "balance",
}
"""Element name → kind of record. Others are passed over and counted."""

NAMES: dict[str, str] = {
    # 记账凭证
    "记账凭证日期": "day", "凭证日期": "day", "020601": "day",
    "会计年度": "year", "010113": "year",
    "会计期间号": "period", "会计期间": "period", "010201": "period",
    "记账凭证类型编号": "word", "凭证类型编号": "word", "记账凭证类型": "word",
    "记账凭证编号": "number", "凭证编号": "number", "020602": "number",
    "记账凭证行号": "line", "凭证行号": "line", "分录序号": "line", "020603": "line",
    "记账凭证摘要": "summary", "摘要": "summary", "020604": "summary",
    "科目编号": "account", "020301": "account",
    "科目名称": "account_name",
    "借方本币金额": "debit", "借方金额": "debit", "本期借方发生额": "debit", "借方发生额": "debit", "020509": "debit",
    "贷方本币金额": "credit", "贷方金额": "credit", "本期贷方发生额": "credit", "贷方发生额": "credit", "020512": "credit",
    "票据号": "invoice", "票据编号": "invoice", "附件数": "attachments",
    "制单人": "maker", "020613": "maker", "审核人": "reviewer", "020614": "reviewer", "记账人": "poster",
    "020615": "poster", "出纳": "cashier", "记账标志": "posted", "作废标志": "void",
    # 科目余额及发生额
    "期初余额方向": "opening_side", "020501": "opening_side",
    "期初本币余额": "opening", "期初余额": "opening", "020506": "opening",
    "期末余额方向": "closing_side", "期末本币余额": "closing", "期末余额": "closing", "020515": "closing",
    "余额方向": "side", "科目级次": "level", "币种编码": "currency",
    # 固定资产卡片
    "固定资产卡片编号": "card_number", "卡片编号": "card_number", "固定资产名称": "name", "资产名称": "name",
    "固定资产入账日期": "acquired_on", "入账日期": "acquired_on", "固定资产原值": "cost", "资产原值": "cost", "原值": "cost",
    "固定资产累计折旧": "depreciation", "累计折旧": "depreciation", "预计使用月份": "life_months",
    "固定资产预计使用月份": "life_months", "资产编码": "asset_code", "固定资产编码": "asset_code",
    "类别编码": "class_code", "固定资产类别编码": "class_code", "类别名称": "class_name", "固定资产类别名称": "class_name",
    "使用状况编码": "use_code", "固定资产使用状况编码": "use_code", "使用状况名称": "use_name", "固定资产使用状况名称": "use_name",
    "月折旧额": "month_depreciation", "固定资产月折旧额": "month_depreciation", "本月折旧": "month_depreciation",
    "减少日期": "removed_on", "固定资产减少日期": "removed_on", "减少原因": "removal", "固定资产减少原因": "removal",
    # 员工档案, 员工薪酬: the tables are sourced, these names are the commonly given ones
    "员工编码": "employee", "员工编号": "employee", "员工姓名": "name", "姓名": "name", "证件号码": "id_no", "身份证号": "id_no",
    "离职日期": "left_on", "人员状态": "status", "银行账号": "bank_account", "工资卡号": "bank_account",
    "薪酬期间号": "pay_period", "薪酬项目编码": "item_code", "薪酬项目名称": "item_name", "薪酬金额": "amount",
    "应发合计": "pay", "应发工资": "pay",
}  # fmt: skip
"""Element name of any edition → our field name. 辅助项1..30编号 become aux1..aux30."""


def table_of(name: str) -> str:
    """The kind of record of an element or JSON member; "" for none that is known."""
    return TABLES.get(name, "")


def field_of(name: str) -> str:
    """Our name of an element; "" when it is none that is known."""
    known = NAMES.get(name)
    if known is not None:
        return known
    if name.startswith("辅助项") and name.endswith("编号") and name[3:-2].isdigit():
        return f"aux{name[3:-2]}"
    return ""
