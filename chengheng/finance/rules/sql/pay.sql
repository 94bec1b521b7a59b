-- W01 v1 needs=pay on=pay
-- 同一身份证号在 {year}-{month} 发放 {number} 次，多发 {amount} 元。
SELECT array_agg(id ORDER BY id) AS row_ids, sum(pay_fen) - max(pay_fen) AS amount_fen, year, period AS month, count(*) AS number
FROM pay WHERE year = :year AND period = :period GROUP BY id_no, year, period HAVING count(*) > 1;

-- W02 v1 needs=pay,staff on=pay
-- 本期向 {number} 名不在册或已离开的人员发放 {amount} 元。
SELECT array_agg(p.id ORDER BY p.id) AS row_ids, sum(p.pay_fen) AS amount_fen, count(*) AS number
FROM pay p WHERE p.year = :year AND p.period = :period AND NOT EXISTS (SELECT 1 FROM staff s WHERE s.id_no = p.id_no
  AND (s.left_on IS NULL OR s.left_on >= CAST(:first AS date)) AND s.status !~ '离职|退休|死亡|调出') HAVING count(*) > 0;

-- W03 v1 needs=pay on=pay
-- 一个银行账户收 {number} 人的工资，共 {amount} 元。
SELECT array_agg(id ORDER BY id) AS row_ids, sum(pay_fen) AS amount_fen, count(DISTINCT id_no) AS number
FROM pay WHERE year = :year AND period = :period AND bank_account <> ''
GROUP BY bank_account HAVING count(DISTINCT id_no) > 1;

-- W04 v1 kinds=administrative,institution
-- 凭证 {voucher} 在商品服务支出 {econ} 中列支“{summary}” {amount} 元，疑似账外津补贴。
SELECT ARRAY[id] AS row_ids, amount_fen, voucher, econ, summary
FROM spend WHERE period = :period AND econ LIKE '302%' AND econ NOT IN ('30228', '30229')
  AND summary ~ '津贴|补贴|奖金|值班费|福利|加班费|过节' AND amount_fen > 0;

-- W05 v1 needs=pay on=pay
-- 本期有人应发 {amount} 元，超过核定的月标准 {limit} 元。
SELECT ARRAY[id] AS row_ids, pay_fen AS amount_fen, CAST(:limit_yuan * 100 AS bigint) AS limit_fen
FROM pay WHERE year = :year AND period = :period AND pay_fen > :limit_yuan * 100;

-- W06 v1 needs=pay,staff on=pay
-- 一人工资由 {before} 元变为 {after} 元，没有变动审批。
SELECT ARRAY[b.id, a.id] AS row_ids, abs(a.pay_fen - b.pay_fen) AS amount_fen, b.pay_fen AS before_fen, a.pay_fen AS after_fen
FROM pay a JOIN pay b ON b.id_no = a.id_no AND b.year * 12 + b.period = a.year * 12 + a.period - 1
WHERE a.year = :year AND a.period = :period AND b.pay_fen > 0 AND abs(a.pay_fen - b.pay_fen) > b.pay_fen * :th
  AND NOT EXISTS (SELECT 1 FROM staff s WHERE s.id_no = a.id_no AND s.changed_on BETWEEN CAST(:first AS date) - 31 AND :last);

-- W07 v1 needs=pay on=pay
-- {number} 人的社保公积金基数与应发工资不符，相差合计 {amount} 元。
SELECT (array_agg(id ORDER BY id))[1:200] AS row_ids, sum(abs(base_fen - pay_fen)) AS amount_fen, count(*) AS number
FROM pay WHERE year = :year AND period = :period AND base_fen IS NOT NULL AND base_fen <> pay_fen HAVING count(*) > 0;

-- W08 v1 needs=lines,staff kinds=administrative,institution
-- 凭证 {voucher} 向本单位职工“{party}”发放劳务费 {amount} 元。
SELECT ARRAY[s.id] AS row_ids, s.amount_fen, s.voucher, s.party
FROM spend s JOIN staff p ON p.name = s.party WHERE s.period = :period AND s.econ = '30226' AND s.amount_fen > 0;
