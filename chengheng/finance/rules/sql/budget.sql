-- B01 v1 needs=lines,budgets
-- 项目“{project}”没有批复的预算，本年累计列支 {amount} 元。
SELECT (array_agg(s.id ORDER BY s.id))[1:200] AS row_ids, sum(s.amount_fen) AS amount_fen, s.project
FROM spend s WHERE s.project <> '' AND NOT EXISTS (SELECT 1 FROM budgets b WHERE b.project = s.project)
GROUP BY s.project HAVING sum(s.amount_fen) > 0;

-- B02 v1 needs=lines,budgets
-- 项目“{project}”本年累计支出 {spent} 元，超过调整后预算 {budget} 元，超出 {amount} 元。
WITH b AS (SELECT project, sum(budget_fen) AS budget_fen FROM budgets GROUP BY project),
s AS (SELECT project, sum(amount_fen) AS spent_fen, (array_agg(id ORDER BY id DESC))[1:200] AS row_ids FROM spend GROUP BY project)
SELECT s.row_ids, s.spent_fen - b.budget_fen AS amount_fen, s.project, s.spent_fen, b.budget_fen
FROM s JOIN b USING (project) WHERE s.spent_fen > b.budget_fen * (1 + :tol);

-- B03 v1 needs=lines,budgets on=budgets
-- 预算执行进度偏慢：截至第 {period} 期执行率 {rate}%，时间进度 {pace}%。
WITH b AS (SELECT sum(budget_fen) AS budget_fen, (array_agg(id))[1:200] AS row_ids FROM budgets),
s AS (SELECT coalesce(sum(amount_fen), 0) AS spent_fen FROM spend)
SELECT b.row_ids, b.budget_fen - s.spent_fen AS amount_fen, :period AS period,
  round(100.0 * s.spent_fen / b.budget_fen, 1) AS rate, round(100.0 * :period / 12, 1) AS pace
FROM b, s WHERE b.budget_fen > 0 AND s.spent_fen < b.budget_fen * (:period / 12.0 - :gap);

-- B04 v1 needs=lines,budgets on=budgets
-- 项目“{project}”当年执行率 {rate}%，低于阈值。
WITH s AS (SELECT project, sum(amount_fen) AS spent_fen FROM spend GROUP BY project),
b AS (SELECT project, sum(budget_fen) AS budget_fen, array_agg(id) AS row_ids FROM budgets GROUP BY project)
SELECT b.row_ids, b.budget_fen - coalesce(s.spent_fen, 0) AS amount_fen, b.project,
  round(100.0 * coalesce(s.spent_fen, 0) / b.budget_fen, 1) AS rate
FROM b LEFT JOIN s USING (project)
WHERE :period = 12 AND b.budget_fen > 0 AND coalesce(s.spent_fen, 0) < b.budget_fen * :th;

-- B05 v1 needs=lines,budgets
-- 项目“{project}”11—12 月支出 {amount} 元，占年度指标 {share}%（年底突击花钱）。
WITH b AS (SELECT project, sum(budget_fen) AS budget_fen FROM budgets GROUP BY project)
SELECT (array_agg(s.id))[1:200] AS row_ids, sum(s.amount_fen) AS amount_fen, s.project,
  round(100.0 * sum(s.amount_fen) / b.budget_fen, 1) AS share
FROM spend s JOIN b USING (project) WHERE s.period >= 11 AND b.budget_fen > 0
GROUP BY s.project, b.budget_fen HAVING sum(s.amount_fen) > b.budget_fen * :th;

-- B06 v1 needs=lines,budgets
-- 项目“{project}”在预算没有安排的经济分类 {econ} 上列支 {amount} 元。
SELECT (array_agg(s.id))[1:200] AS row_ids, sum(s.amount_fen) AS amount_fen, s.project, s.econ
FROM spend s WHERE s.project <> '' AND s.econ <> ''
  AND EXISTS (SELECT 1 FROM budgets b WHERE b.project = s.project AND b.econ <> '')
  AND NOT EXISTS (SELECT 1 FROM budgets b WHERE b.project = s.project AND b.econ IN ('', s.econ))
GROUP BY s.project, s.econ HAVING sum(s.amount_fen) > 0;

-- B07 v1
-- 凭证 {voucher} 向“{party}”支付 {amount} 元，疑似虚列支出。
SELECT ARRAY[s.id] AS row_ids, s.amount_fen, s.voucher, s.party
FROM spend s WHERE s.period = :period AND s.amount_fen > :th_yuan * 100 AND s.party ~ '工会|个人|本单位';

-- B08 v1 kinds=administrative,institution
-- 凭证 {voucher} 从零余额账户向本单位实有资金账户划款 {amount} 元。
SELECT ARRAY[d.id, c.id] AS row_ids, d.debit_fen AS amount_fen, d.voucher
FROM fresh d JOIN fresh c ON c.voucher = d.voucher AND c.account LIKE '1011%' AND c.credit_fen = d.debit_fen
WHERE d.account LIKE '1002%' AND d.debit_fen > 0;

-- B09 v1 needs=lines,budgets on=budgets years=2
-- 项目“{project}”结转自 {carried_from} 年的资金仍有 {amount} 元未用完。
WITH s AS (SELECT project, sum(amount_fen) AS spent_fen FROM spend GROUP BY project)
SELECT array_agg(b.id) AS row_ids, sum(b.budget_fen) - coalesce(max(s.spent_fen), 0) AS amount_fen, b.project, b.carried_from
FROM budgets b LEFT JOIN s USING (project) WHERE b.carried_from <= :year - :years
GROUP BY b.project, b.carried_from HAVING sum(b.budget_fen) > coalesce(max(s.spent_fen), 0);

-- B10 v1 needs=balances on=balances
-- 往来科目 {account} {account_name} 余额 {amount} 元连续两个年末没有变化。
SELECT ARRAY[a.id, b.id] AS row_ids, abs(a.closing_fen) AS amount_fen, a.account, a.account_name
FROM balances a JOIN balances b ON b.account = a.account AND b.period = 12 AND b.year = a.year - 1
WHERE :period = 12 AND a.year = :year AND a.period = 12 AND a.account ~ '^(12|23|24)' AND a.closing_fen = b.closing_fen
  AND a.closing_fen <> 0
  AND NOT EXISTS (SELECT 1 FROM balances k WHERE k.year = a.year AND k.account LIKE a.account || '_%');

-- B11 v1
-- 凭证 {voucher} 收款 {amount} 元挂往来科目 {account}，摘要“{summary}”像是收入。
SELECT ARRAY[c.id] AS row_ids, c.credit_fen AS amount_fen, c.voucher, c.account, c.summary
FROM fresh c WHERE c.account LIKE ANY (ARRAY['2305%', '2307%']) AND c.credit_fen > 0
  AND c.summary ~ '收入|租金|服务费|处置|利息|罚没|承包费|场地'
  AND EXISTS (SELECT 1 FROM fresh d WHERE d.voucher = c.voucher AND d.money AND d.account NOT LIKE '1011%' AND d.debit_fen > 0);

-- B12 v1 needs=budgets on=budgets
-- 项目“{project}”预算中“其他”类占 {share}%，预算不细化。
SELECT array_agg(id) AS row_ids, sum(budget_fen) FILTER (WHERE econ LIKE '%99') AS amount_fen, project,
  round(100.0 * sum(budget_fen) FILTER (WHERE econ LIKE '%99') / sum(budget_fen), 1) AS share
FROM budgets WHERE econ <> '' GROUP BY project
HAVING sum(budget_fen) > 0 AND sum(budget_fen) FILTER (WHERE econ LIKE '%99') > sum(budget_fen) * :th;

-- B13 v1
-- 凭证 {voucher} 第四季度预付“{summary}” {amount} 元，涉及三公或会议。
SELECT ARRAY[id] AS row_ids, debit_fen AS amount_fen, voucher, summary
FROM fresh WHERE :period >= 10 AND account LIKE '1214%' AND debit_fen > :th_yuan * 100
  AND (summary ~ '会议|公车|公务车|车辆|接待|用餐' OR econ IN (SELECT econ FROM public_classes));
