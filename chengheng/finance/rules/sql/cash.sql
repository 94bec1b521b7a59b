-- C01 v1
-- 凭证 {voucher} 以现金支付“{summary}” {amount} 元，超过结算起点。
SELECT ARRAY[id] AS row_ids, credit_fen AS amount_fen, voucher, summary
FROM fresh WHERE account LIKE '1001%' AND credit_fen > :th_yuan * 100 AND NOT with_bank
  AND summary !~ '工资|津贴|奖金|劳务|补助|抚恤|丧葬|差旅|奖励|收购|慰问|备用金';

-- C02 v1 needs=lines,balances
-- {day} 日终库存现金 {balance} 元，超过核定限额 {limit} 元。
SELECT row_ids, balance_fen - CAST(:limit_yuan * 100 AS bigint) AS amount_fen, day, balance_fen,
  CAST(:limit_yuan * 100 AS bigint) AS limit_fen
FROM cash_days WHERE day BETWEEN :first AND :last AND balance_fen > :limit_yuan * 100;

-- C03 v1 needs=lines,balances
-- {day} 日终库存现金为负：{balance} 元。
SELECT row_ids, -balance_fen AS amount_fen, day, balance_fen
FROM cash_days WHERE day BETWEEN :first AND :last AND balance_fen < 0;

-- C04 v1 needs=lines,balances
-- {day} 收现 {take} 元未送存，当日现金支出 {pay} 元超过日初余额 {opening} 元（坐支）。
SELECT row_ids, pay_fen - opening_fen AS amount_fen, day, take_fen, pay_fen, opening_fen
FROM cash_days WHERE day BETWEEN :first AND :last AND take_fen > 0 AND pay_fen > greatest(opening_fen, 0);

-- C05 v1 needs=lines,balances
-- {day} 收现 {take} 元，到下一工作日只送存 {banked} 元。
SELECT d.row_ids, d.take_fen - b.banked_fen AS amount_fen, d.day, d.take_fen, b.banked_fen
FROM cash_days d, LATERAL (SELECT coalesce(sum(n.banked_fen), 0) AS banked_fen FROM cash_days n
  WHERE n.day BETWEEN d.day AND (SELECT min(w.day) FROM days w WHERE w.working AND w.day > d.day)) b
WHERE d.day BETWEEN :first AND :last AND d.take_fen > 0 AND b.banked_fen < d.take_fen
  AND (SELECT min(w.day) FROM days w WHERE w.working AND w.day > d.day) <= CAST(:last AS date);

-- C06 v2
-- {days} 天内向“{party}”现金支付 {number} 笔，每笔不超过 1000 元，合计 {amount} 元（疑似拆分）。
SELECT row_ids, amount_fen, party, number, :days AS days FROM (
  SELECT a.id, a.party, a.day, array_agg(b.id ORDER BY b.id) AS row_ids, sum(b.credit_fen) AS amount_fen, count(*) AS number
  FROM lines a JOIN lines b ON b.party = a.party AND b.account LIKE '1001%' AND b.credit_fen BETWEEN 1 AND 100000 AND b.summary !~ '工资|津贴|奖金|补助|抚恤|丧葬|差旅|奖励|慰问|备用金'
    AND b.day BETWEEN a.day AND a.day + CAST(:days AS int)
  WHERE a.account LIKE '1001%' AND a.credit_fen BETWEEN 1 AND 100000 AND a.summary !~ '工资|津贴|奖金|补助|抚恤|丧葬|差旅|奖励|慰问|备用金' AND a.party <> '' AND a.period = :period
  GROUP BY a.id, a.party, a.day) g
WHERE number >= 2 AND amount_fen > 100000
  AND NOT EXISTS (SELECT 1 FROM lines e WHERE e.party = g.party AND e.account LIKE '1001%'
    AND e.credit_fen BETWEEN 1 AND 100000 AND e.summary !~ '工资|津贴|奖金|补助|抚恤|丧葬|差旅|奖励|慰问|备用金' AND (e.day, e.id) < (g.day, g.id) AND e.day >= g.day - CAST(:days AS int));

-- C07 v1
-- {party} 个人借款 {amount} 元自 {day} 起挂账超过 {days} 天。
SELECT (array_agg(id ORDER BY id))[1:200] AS row_ids, sum(debit_fen - credit_fen) AS amount_fen, party,
  min(day) FILTER (WHERE debit_fen > 0) AS day, :days AS days
FROM lines WHERE account LIKE '1218%' AND party <> '' AND summary ~ '借款|备用金|还款|报销'
GROUP BY party HAVING sum(debit_fen - credit_fen) > 0
  AND min(day) FILTER (WHERE debit_fen > 0) + CAST(:days AS int) < CAST(:last AS date);

-- C09 v1
-- 凭证 {voucher} 在“{party}”整数消费 {amount} 元。
SELECT ARRAY[id] AS row_ids, amount_fen, voucher, party
FROM spend WHERE period = :period AND party ~ '超市|商场|百货|购物|烟酒|酒业'
  AND amount_fen > 0 AND amount_fen % CAST(:mod_yuan * 100 AS bigint) = 0;

-- C08 v1 needs=bank,staff on=bank
-- {day} 单位账户与本单位职工“{party}”之间有 {amount} 元“{summary}”，疑似公款经个人账户收存。
SELECT ARRAY[b.id] AS row_ids, b.in_fen + b.out_fen AS amount_fen, b.day, b.party, b.summary
FROM bank b JOIN (SELECT DISTINCT name FROM staff) s ON s.name = b.party
WHERE b.day BETWEEN :first AND :last AND ((b.in_fen > 0 AND b.summary ~ '代收|收费|租金|门票|停车费|摊位|场地|承包|押金|收入')
  OR (b.out_fen > 0 AND b.summary ~ '暂存|转存|代存|代管|存款|保管'));
