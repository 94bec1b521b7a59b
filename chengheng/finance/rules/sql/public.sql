-- P01 v1 needs=lines,budgets kinds=administrative,institution
-- {item} 本年支出 {spent} 元，超过预算 {budget} 元，超出 {amount} 元。
WITH s AS (SELECT c.item, sum(s.amount_fen) AS fen, (array_agg(s.id))[1:200] AS row_ids FROM spend s JOIN public_classes c USING (econ) GROUP BY c.item),
b AS (SELECT c.item, sum(b.budget_fen) AS fen FROM budgets b JOIN public_classes c USING (econ) GROUP BY c.item)
SELECT s.row_ids, s.fen - coalesce(b.fen, 0) AS amount_fen, s.item, s.fen AS spent_fen, coalesce(b.fen, 0) AS budget_fen
FROM s LEFT JOIN b USING (item) WHERE s.fen > coalesce(b.fen, 0);

-- P02 v1 kinds=administrative,institution
-- {item} 本年同期支出 {now} 元，比上年同期 {before} 元增长 {amount} 元。
WITH h AS (SELECT c.item, h.year, sum(h.debit_fen - h.credit_fen) AS fen, (array_agg(h.id))[1:200] AS row_ids
  FROM history h JOIN public_classes c USING (econ)
  WHERE h.year >= :year - 1 AND h.period <= :period AND h.account LIKE '7%' GROUP BY c.item, h.year)
SELECT a.row_ids, a.fen - b.fen AS amount_fen, a.item, a.fen AS now_fen, b.fen AS before_fen
FROM h a JOIN h b ON b.item = a.item AND b.year = a.year - 1 WHERE a.year = :year AND a.fen > b.fen;

-- P03 v1 kinds=administrative,institution
-- 凭证 {voucher} 摘要“{summary}”像三公或会议培训，却列在 {econ}，{amount} 元。
SELECT ARRAY[id] AS row_ids, amount_fen, voucher, summary, econ
FROM spend WHERE period = :period AND amount_fen > 0 AND econ <> ''
  AND summary ~ '接待|宴请|陪餐|招待|公车|公务车|车辆加油|加油费|过路费|会议费|会场|培训费|出国|出境|护照' AND (
  (summary ~ '接待|宴请|陪餐|招待' AND econ <> '30217') OR
  (summary ~ '公车|公务车|车辆加油|加油费|过路费' AND econ NOT IN ('30231', '30913', '31013', '30239')) OR
  (summary ~ '会议费|会场' AND econ <> '30215') OR (summary ~ '培训费' AND econ <> '30216') OR
  (summary ~ '出国|出境|护照' AND econ <> '30212'));

-- P04 v2 needs=forms on=forms
-- 公务接待 {number}（{day}，{amount} 元）缺少：{lacking}。
SELECT ARRAY[id] AS row_ids, amount_fen, number, day, concat_ws('、', CASE WHEN letter IS NOT TRUE THEN '公函' END,
  CASE WHEN approval_no = '' THEN '审批单' END, CASE WHEN list_given IS NOT TRUE THEN '接待清单' END,
  CASE WHEN invoice IS NOT TRUE THEN '发票' END) AS lacking
FROM forms WHERE year = :year AND kind = 'reception' AND (letter IS NOT TRUE OR approval_no = '' OR list_given IS NOT TRUE OR invoice IS NOT TRUE);

-- P05 v2 needs=forms on=forms
-- 公务接待 {number}（{day}）来宾 {guests} 人，陪餐 {escorts} 人，超员。
SELECT ARRAY[id] AS row_ids, amount_fen, number, day, guests, escorts
FROM forms WHERE year = :year AND kind = 'reception' AND ((guests <= 10 AND escorts > 3) OR (guests > 10 AND escorts * 3 > guests));

-- P06 v2 needs=forms on=forms
-- 公务接待 {number}（{day}）人均 {each} 元，超过当地标准 {limit} 元。
SELECT ARRAY[id] AS row_ids, amount_fen, number, day, amount_fen / (guests + coalesce(escorts, 0)) AS each_fen,
  CAST(:limit_yuan * 100 AS bigint) AS limit_fen
FROM forms WHERE year = :year AND kind = 'reception' AND guests > 0 AND amount_fen > (guests + coalesce(escorts, 0)) * :limit_yuan * 100;

-- P07 v2 needs=forms on=forms
-- 公务接待 {number}（{day}）清单有“{items}”，涉及烟酒或高档菜肴，{amount} 元。
SELECT ARRAY[id] AS row_ids, amount_fen, number, day, items
FROM forms WHERE year = :year AND kind = 'reception' AND items ~ '烟|酒|茅台|五粮液|鱼翅|燕窝|鲍鱼|海参|龙虾';

-- P08 v2 needs=forms on=forms second_yuan=650 other_yuan=550
-- 会议 {number}（{day}，{people} 人 {days} 天）支出 {amount} 元，超过综合定额 {limit} 元。
SELECT * FROM (SELECT ARRAY[id] AS row_ids, amount_fen, number, day, people, coalesce(until, day) - day + 1 AS days,
  CAST(people * (coalesce(until, day) - day + 1) * (CASE WHEN grade ~ '二' THEN :second_yuan ELSE :other_yuan END) * 100 AS bigint) AS limit_fen
  FROM forms WHERE year = :year AND kind = 'meeting' AND people > 0) m WHERE amount_fen > limit_fen;

-- P09 v2 needs=forms on=forms
-- {number}（{day}）在“{place}”，不是定点场所，{amount} 元。
SELECT ARRAY[id] AS row_ids, amount_fen, number, day, place
FROM forms WHERE year = :year AND kind IN ('meeting', 'training', 'vehicle') AND designated IS FALSE;

-- P11 v1 kinds=administrative,institution limit_yuan=180000
-- 凭证 {voucher} 购置公务用车 {amount} 元，超过价格标准 {limit} 元。
SELECT ARRAY[id] AS row_ids, amount_fen, voucher, CAST(:limit_yuan * 100 AS bigint) AS limit_fen
FROM spend WHERE period = :period AND econ IN ('30913', '31013') AND amount_fen > :limit_yuan * 100;

-- P12 v1 needs=lines,forms kinds=administrative,institution
-- 凭证 {voucher} 出国（境）费 {amount} 元，没有同额的任务批件。
SELECT ARRAY[s.id] AS row_ids, s.amount_fen, s.voucher
FROM spend s WHERE s.period = :period AND s.econ = '30212' AND s.amount_fen > 0
  AND NOT EXISTS (SELECT 1 FROM forms f WHERE f.kind = 'abroad' AND f.approval_no <> '' AND f.amount_fen = s.amount_fen);

-- P13 v2 needs=forms on=forms
-- {person} 的差旅 {number} 与 {other} 日期重叠。
SELECT ARRAY[a.id, b.id] AS row_ids, b.amount_fen, a.person, a.number, b.number AS other
FROM forms a JOIN forms b ON b.person = a.person AND b.kind = 'travel' AND b.id > a.id
  AND b.day <= coalesce(a.until, a.day) AND coalesce(b.until, b.day) >= a.day
WHERE a.kind = 'travel' AND a.person <> '' AND b.year = :year;

-- P10 v1 needs=vehicles on=vehicles litres=20
-- 公务车 {plate}（{day}，{amount} 元）{what}。
WITH f AS (SELECT *, lag(odometer_km) OVER (PARTITION BY plate ORDER BY odometer_km, day, id) AS before_km
  FROM vehicles WHERE item ~ '油' AND volume_cl IS NOT NULL)
SELECT * FROM (SELECT ARRAY[f.id] AS row_ids, f.amount_fen, f.plate, f.day, concat_ws('、',
  CASE WHEN f.volume_cl > f.tank_cl THEN '加油 ' || round(f.volume_cl / 100.0, 1) || ' 升，超过油箱容积' END,
  CASE WHEN NOT w.working THEN '非工作日加油' END,
  CASE WHEN EXISTS (SELECT 1 FROM vehicles r WHERE r.plate = f.plate AND r.item ~ '修' AND r.until IS NOT NULL
    AND f.day > r.day AND f.day < r.until) THEN '修理期间加油' END,
  CASE WHEN f.odometer_km - f.before_km >= 100 AND f.volume_cl > (f.odometer_km - f.before_km) * :litres
    THEN '百公里油耗 ' || round(f.volume_cl / CAST(f.odometer_km - f.before_km AS numeric), 1) || ' 升' END,
  CASE WHEN f.odometer_km - f.before_km BETWEEN 0 AND 20 AND f.volume_cl > f.tank_cl * 0.5 THEN '里程几乎未变又加油' END) AS what
  FROM f JOIN days w USING (day) WHERE f.day BETWEEN :first AND :last) k WHERE what <> '';

-- P14 v1 needs=reports on=reports kinds=administrative,institution
-- 决算表勾稽不符：{econ} {item} 在“{basic}”列 {amount} 元，大于“{public}”所列 {other} 元；两表何者有误由单位说明。
SELECT ARRAY[a.id, b.id] AS row_ids, a.amount_fen, a.econ, a.item, a.sheet AS basic, b.sheet AS public, b.amount_fen AS other_fen
FROM reports a JOIN reports b ON b.econ = a.econ AND b.sheet ~ '三公'
WHERE a.sheet ~ '基本支出' AND a.econ IN (SELECT econ FROM public_classes) AND a.amount_fen > b.amount_fen + 10000;
