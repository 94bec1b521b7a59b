"""The words of target tables: labels of the head, headings of the columns, levels, titles, and what they mean here.

Source: the seed's form (facts/domain.md §0) and the forms of other provinces; a new spelling is added here as data.
"""

from __future__ import annotations

import re
from decimal import Decimal

from chengheng.performance.rules.reading import Row


def _vocabulary(**words: str) -> dict[str, str]:
    return {word: key for key, spellings in words.items() for word in spellings.split()}


HEAD = _vocabulary(
    name="项目名称 项目政策名称 专项名称 专项资金名称 专项项目名称 政策项目名称 支出项目名称",
    total="""预算数 预算金额 预算总额 年度资金总额 资金总额 项目资金总额 年度预算 年度预算数 年初预算数 金额合计
        总额 项目总额 年度预算总额 年度预算金额 预算资金 部门预算总额 整体支出预算总额 预算资金总额""",
    fiscal="财政资金 财政拨款 财政拨款资金 本年财政拨款 财政性资金 当年财政拨款 财政资金小计",
    other="其他资金 其它资金 单位资金 其他",
    purpose="""资金用途 项目用途 用途 项目概况 项目内容 主要内容 项目概述 项目简介 年度主要任务 部门职能概述
        部门职责概述""",
    goals="""绩效目标 年度绩效目标 年度目标 总体目标 年度总体目标 项目绩效目标 整体绩效目标 年度总体绩效目标
        总体绩效目标 项目年度绩效目标 部门整体绩效目标 年度绩效总目标 绩效总目标""",
    unit="""单位名称 预算单位 实施单位 项目单位 填报单位 部门名称 部门单位名称 单位部门名称 项目实施单位
        预算单位名称 申报单位""",
    unit_code="单位编码 部门编码 单位代码 预算单位编码 预算单位代码 部门代码",
    year="年度 预算年度 年份 项目年度",
    fact="""主管部门 主管部门及代码 项目编码 项目代码 项目类别 项目属性 项目类型 项目负责人 负责人 联系人 联系电话
        电话 项目期限 实施期限 项目起止时间 资金来源 任务名称 备注 填报人 填报日期 填表人 审核人 其他说明
        需要说明的问题 上年结转资金 上年结转""",
    heading="""项目资金 绩效指标 预算规模及资金用途 预算情况 资金情况 预算执行情况 其中 预算金额构成 年度绩效指标
        项目基本情况 基本信息 部门预算""",
)
COLUMNS = _vocabulary(
    level1="一级指标 一级绩效指标",
    level2="二级指标 二级绩效指标",
    level3="三级指标 指标名称 三级绩效指标 绩效指标名称",
    description="""绩效指标描述 指标描述 指标内容 指标解释 指标说明 绩效指标说明 绩效指标解释 绩效指标内容
        指标定义""",
    value="""指标值 年度指标值 绩效指标值 指标目标值 目标值 全年指标值 本年指标值 绩效目标值 预期指标值
        指标值设定""",
    sign="""指标值类型 指标性质 指标方向性 指标方向 符号 指标符号 计算符号 运算符号 指标类型 指标值性质 指标属性
        指标值符号""",
    unit="计量单位 度量单位 单位 指标单位 指标值单位 指标值计量单位",
    weight="分值 权重 分值权重 指标权重 指标分值 权重分值 分值或权重",
    scoring="评分标准 评分规则 评扣分标准 指标评分标准 计分标准 评分办法 评分方法 评价标准",
    remark="""备注 说明 指标值设定依据 设定依据 数据来源 历史参考值 指标值来源 指标来源 佐证材料 序号 上年指标值
        上年完成值""",
    # columns of one wide table with many programmes
    name="项目名称",
    total="预算数 预算金额 项目预算 年度预算 预算总额 资金总额 年度资金总额",
    fiscal="财政资金 财政拨款",
    other="其他资金 其它资金",
    purpose="资金用途 项目概况 项目内容",
    goals="绩效目标 年度绩效目标 年度目标 年度总体目标 项目绩效目标 总体目标",
    programme_unit="单位名称 预算单位 部门名称 实施单位 项目单位",
    unit_code="单位编码 预算单位编码 单位代码",
    year="年度 预算年度",
)
WIDE = {"name", "total", "fiscal", "other", "purpose", "goals", "programme_unit", "unit_code", "year"}
INDICATOR = ("level1", "level2", "level3", "description", "value", "sign", "unit", "weight", "scoring", "remark")
LEVEL1 = {"产出指标", "效益指标", "满意度指标", "成本指标"}
LEVEL2 = set(
    """数量指标 质量指标 时效指标 成本指标 经济效益指标 社会效益指标 生态效益指标 可持续影响指标 服务对象满意度指标
    满意度指标 经济成本指标 社会成本指标 生态环境成本指标 社会公众满意度指标 受益对象满意度指标 帮扶对象满意度指标
    可持续发展指标""".split()
)
LEVEL2_AFTER_LEVEL1 = {text.removesuffix("指标") for text in LEVEL2}  # these words also name indicators
SUMS = re.compile(r"合计|小计|总分|总计")
MONEY_UNIT = re.compile(r"(?:金额)?单位[:：]?(?P<unit>亿元|万元|千元|元)")
UNIT_LINE = re.compile(r"(?P<code>\d{6,12})[-—_ ]*(?P<name>[^\d\s].*)")
PAGE_NUMBER = re.compile(r"[-—–\s]*第?\s*\d{1,4}\s*页?\s*[,，/]?\s*(?:共?\s*\d{1,4}\s*页)?[-—–\s]*|续表\d*")
YEAR = re.compile(r"(?<!\d)(20\d\d)\s*年")
YEAR_LINE = re.compile(r"[(（]?20\d\d\s*年度?[)）]?")
ANNEX = re.compile(r"附件?表?\s*\d*[:：]?")
WAN_OF = {"元": Decimal("0.0001"), "千元": Decimal("0.1"), "万元": Decimal(1), "亿元": Decimal(10_000)}
_TITLE = re.compile(r"绩效目标[^，。；]{0,8}表|绩效目标$")
_BOOKMARK = re.compile(r"\[bookmark:[^\]]*\]")
_PARENTHESES = re.compile(r"[(（][^()（）]*[)）]")
_GOAL_NUMBER = re.compile(r"(?:^|(?<=[\s;；。,，]))\s*(?:[(（]?\d{1,2}[)）]|\d{1,2}[.、．](?!\d))\s*")
_CJK = r"[\u2e80-\u9fff\uff00-\uffef\u3000-\u303f“”‘’—…]"
_BETWEEN_CJK = re.compile(rf"(?<={_CJK})\s+(?={_CJK})")


def tidy(text: str) -> str:
    """A cell's text on one line: white space collapsed, none between Chinese signs."""
    return _BETWEEN_CJK.sub("", " ".join(_BOOKMARK.sub("", text).replace("\u200b", "").split()))


def label(text: str) -> str:
    """A label's bare word: "其中：财政    资金" → "财政资金", "部门（单位）名称" → "部门名称"."""
    bare = "".join(text.split())
    bare = re.sub(r"^其中[:：]", "", bare)
    return _PARENTHESES.sub("", bare).strip(":：*△▲ ")


def column(text: str) -> str | None:
    bare = "".join(text.split())
    return COLUMNS.get(label(text)) or COLUMNS.get(re.sub(r"[()（）:：]", "", bare))


def head_field(text: str) -> tuple[str, str] | None:
    """(field, value behind a colon in the same cell) of a head label; None when the text is no label."""
    bare = re.sub(r"^其中[:：]", "", "".join(text.split()))
    for word in (label(text), re.sub(r"[()（）:：]", "", bare)):
        if word in HEAD:
            return HEAD[word], ""
    before, colon, after = re.sub(r"^其中\s*[:：]", "", text.strip()).replace("：", ":").partition(":")
    if colon and after.strip() and label(before) in HEAD:
        return HEAD[label(before)], text.strip()[-len(after) :].strip()
    return None


def is_title(text: str) -> bool:
    """Whether a text is the title of a target table, such as "1.…项目绩效目标表"."""
    bare = "".join(text.split())
    return len(bare) < 90 and label(text) not in HEAD and bool(_TITLE.search(bare))


def columns_of(row: Row) -> dict[str, list[int]] | None:
    """The columns of a row of headings, None when the row is none."""
    found: dict[str, list[int]] = {}
    for index, cell in enumerate(row.cells):
        if cell is not None and (key := column(cell.text)):
            found.setdefault(key, []).append(index)
    if "value" in found and ("level3" in found or "level2" in found) and len(found) >= 3:
        return found
    return None


def goals_of(text: str) -> list[str]:
    """The goals of a cell, one each; their own numbering ("1.", "（2）") is left out."""
    lines = [line for line in re.split(r"[\r\n]+", text) if tidy(line)]
    numbered = [line for line in lines if _GOAL_NUMBER.match(line.strip())]
    if len(lines) > 1 and not numbered:
        return [tidy(line) for line in lines]
    return [goal for part in _GOAL_NUMBER.split("\n".join(lines)) if (goal := tidy(part))]
