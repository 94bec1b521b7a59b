-- T01 v1
-- 凭证 {voucher} 的{side}分录借贷不平，相差 {amount} 元。
WITH off AS (SELECT voucher, budgetary FROM fresh GROUP BY voucher, budgetary HAVING sum(debit_fen - credit_fen) <> 0)
SELECT array_agg(id ORDER BY id) AS row_ids, abs(sum(debit_fen - credit_fen)) AS amount_fen, voucher,
  CASE WHEN budgetary THEN '预算会计' ELSE '财务会计' END AS side
FROM fresh JOIN off USING (voucher, budgetary) GROUP BY voucher, budgetary;

-- T02 v2
-- “{word}”字凭证{what}。
SELECT ARRAY[id] AS row_ids, CAST(NULL AS bigint) AS amount_fen, word, ' ' || n - gap || ' 号之后断号，缺 ' || gap - 1 || ' 号' AS what
FROM (SELECT id, word, n, n - lag(n) OVER (PARTITION BY word ORDER BY n) AS gap FROM numbered) g WHERE gap > 1
UNION ALL SELECT row_ids[1:200], NULL, word, ' ' || n || ' 号重号：用于 ' || days || ' 个不同日期' FROM numbered WHERE days > 1;

-- T03 v1
-- 凭证 {voucher}“{summary}” {amount} 元没有附件。
SELECT (array_agg(id ORDER BY id) FILTER (WHERE told AND attachments = 0))[1:200] AS row_ids,
  sum(debit_fen) FILTER (WHERE told AND attachments = 0) AS amount_fen, voucher,
  min(summary) FILTER (WHERE told AND attachments = 0) AS summary
FROM (SELECT *, summary !~ '结转|更正|冲销|红冲|计提|折旧' AS told FROM fresh
  WHERE voucher IN (SELECT voucher FROM fresh WHERE attachments = 0)) f
GROUP BY voucher HAVING max(attachments) FILTER (WHERE told) = 0;

-- T04 v1
-- 凭证 {voucher} 的制单与审核（或出纳与记账）是同一人 {person}。
SELECT (array_agg(id ORDER BY id))[1:200] AS row_ids, sum(debit_fen) AS amount_fen, voucher,
  min(CASE WHEN maker = reviewer THEN maker ELSE cashier END) AS person
FROM fresh WHERE (maker <> '' AND maker = reviewer) OR (cashier <> '' AND cashier = poster) GROUP BY voucher;

-- T05 v2
-- 同一{what}：凭证 {voucher} 与 {other} 向“{party}”各付 {amount} 元，疑似重复付款。
SELECT ARRAY[a.id, b.id] AS row_ids, b.credit_fen AS amount_fen, a.voucher, b.voucher AS other, b.party,
  CASE WHEN b.invoice <> '' AND ltrim(regexp_replace(upper(a.invoice), '[^0-9A-Z]', '', 'g'), '0')
    = ltrim(regexp_replace(upper(b.invoice), '[^0-9A-Z]', '', 'g'), '0') THEN '发票号' ELSE '收款人和金额' END AS what
FROM history b JOIN history a ON a.credit_fen = b.credit_fen AND a.voucher <> b.voucher AND (a.day, a.id) < (b.day, b.id)
  AND a.party = b.party AND a.money
WHERE b.year = :year AND b.period = :period AND b.money AND b.credit_fen > 0 AND b.party <> ''
  AND (CASE WHEN a.invoice <> '' AND b.invoice <> '' THEN ltrim(regexp_replace(upper(a.invoice), '[^0-9A-Z]', '', 'g'), '0')
    = ltrim(regexp_replace(upper(b.invoice), '[^0-9A-Z]', '', 'g'), '0')
  ELSE b.day - a.day <= :days AND a.summary = b.summary AND (b.day - a.day < 20 OR a.period = b.period) END)
  AND NOT EXISTS (SELECT 1 FROM history i WHERE i.voucher = b.voucher AND i.money AND i.debit_fen > 0);

-- T06 v2 min_yuan=1000
-- {days} 天内向“{party}”和“{other}”各付 {amount} 元（近似重复）。
SELECT ARRAY[a.id, b.id] AS row_ids, b.credit_fen AS amount_fen, a.party, b.party AS other, :days AS days
FROM lines b JOIN lines a ON a.credit_fen = b.credit_fen AND a.party <> b.party AND a.id < b.id
  AND abs(b.day - a.day) <= :days AND a.summary = b.summary AND a.money AND a.party <> ''
WHERE b.period = :period AND b.money AND b.credit_fen >= :min_yuan * 100 AND b.party <> ''
  AND b.credit_fen % 10000 <> 0 AND b.summary !~ '劳务|专家|评审|讲课|差旅|补助|补贴|工资';

-- T07 v1
-- 凭证 {voucher} 向“{party}”支付整数大额 {amount} 元。
SELECT ARRAY[id] AS row_ids, credit_fen AS amount_fen, voucher, party
FROM fresh WHERE money AND credit_fen >= :min_yuan * 100 AND credit_fen % CAST(:mod_yuan * 100 AS bigint) = 0;

-- T08 v1
-- {day} 不是工作日，当日有 {number} 张凭证。
SELECT (array_agg(id ORDER BY id) FILTER (WHERE told))[1:200] AS row_ids, sum(debit_fen) FILTER (WHERE told) AS amount_fen, day,
  count(DISTINCT voucher) FILTER (WHERE told) AS number
FROM (SELECT f.*, summary NOT LIKE ALL (ARRAY['%结转%', '%折旧%', '%计提%']) AS told
  FROM fresh f JOIN days d USING (day) WHERE NOT d.working) f GROUP BY day HAVING bool_or(told);

-- T09 v2
-- 上年 12 月凭证 {voucher} 的 {amount} 元在本年 {other} 红字冲销。
SELECT ARRAY[a.id, b.id] AS row_ids, a.debit_fen AS amount_fen, a.voucher, b.voucher AS other
FROM history a JOIN history b ON b.account = a.account AND b.year = a.year + 1 AND b.period <= 2
  AND CASE WHEN b.debit_fen < 0 THEN -b.debit_fen ELSE b.credit_fen END = a.debit_fen
  AND CASE WHEN b.debit_fen = -a.debit_fen THEN true ELSE b.summary ~ '冲|红字|更正' END
WHERE a.period = 12 AND a.debit_fen > 0 AND (a.spending OR a.account LIKE '5%') AND b.year = :year AND b.period = :period;

-- T10 v3
-- 借方发生额首两位数字偏离 Benford 分布：n={n}，MAD={mad_found}。
WITH d AS (SELECT CAST(left(CAST(debit_fen AS text), 2) AS int) AS d FROM lines WHERE debit_fen >= 1000 AND NOT budgetary),
n AS (SELECT count(*) AS n FROM d),
f AS (SELECT g.d, count(d.d) AS c FROM generate_series(10, 99) AS g(d) LEFT JOIN d ON d.d = g.d GROUP BY g.d)
SELECT CAST(ARRAY[] AS bigint[]) AS row_ids, CAST(NULL AS bigint) AS amount_fen, n.n, n.n < :min_n AS too_few,
  round(avg(abs(f.c / CAST(nullif(n.n, 0) AS numeric) - log(1 + 1.0 / f.d))), 5) AS mad_found
FROM f, n GROUP BY n.n HAVING n.n < :min_n OR avg(abs(f.c / CAST(nullif(n.n, 0) AS numeric) - log(1 + 1.0 / f.d))) > :mad;

-- T11 v2 min_yuan=5000
-- 向“{party}”的最大一笔 {amount} 元是次大 {second} 元的 {ratio} 倍。
SELECT ARRAY[(array_agg(id ORDER BY amount_fen DESC))[1]] AS row_ids, max(amount_fen) AS amount_fen, party,
  (array_agg(amount_fen ORDER BY amount_fen DESC))[2] AS second_fen,
  round(max(amount_fen) / CAST((array_agg(amount_fen ORDER BY amount_fen DESC))[2] AS numeric), 1) AS ratio
FROM spend WHERE party <> '' AND amount_fen > 0 GROUP BY party
HAVING count(*) >= 5 AND max(amount_fen) >= :min_yuan * 100
  AND max(amount_fen) > :rsf * (array_agg(amount_fen ORDER BY amount_fen DESC))[2];

-- T13 v1 kinds=administrative,institution
-- 凭证 {voucher} 有 {amount} 元货币资金支出而没有预算会计分录。
SELECT (array_agg(id ORDER BY id))[1:200] AS row_ids, sum(credit_fen) FILTER (WHERE money) AS amount_fen, voucher
FROM fresh f WHERE NOT EXISTS (SELECT 1 FROM fresh b WHERE b.voucher = f.voucher AND b.budgetary)
GROUP BY voucher HAVING bool_or(account LIKE '5%' AND debit_fen > 0)
  AND sum(credit_fen) FILTER (WHERE money) > 0;

-- T14 v1 needs=balances on=balances
-- 科目 {account} {account_name} 期初与上期期末（或期末与发生额）不衔接，相差 {amount} 元。
SELECT * FROM (SELECT array_remove(ARRAY[a.id, b.id], NULL) AS row_ids, greatest(abs(a.opening_fen + a.debit_fen - a.credit_fen - a.closing_fen),
  abs(a.opening_fen - coalesce(b.closing_fen, a.opening_fen))) AS amount_fen, a.account, a.account_name
FROM balances a LEFT JOIN balances b ON b.account = a.account AND b.year * 12 + b.period = a.year * 12 + a.period - 1
WHERE a.year = :year AND a.period = :period) k WHERE amount_fen > 0;

-- T12 v1 least=8 top=10
-- 凭证 {voucher} 的组合罕见：{what_a}“{a}”（{times_a} 次）与{what_b}“{b}”（{times_b} 次）按各自频率应同现约 {expected} 次，只见 {seen} 次，{amount} 元。
WITH g AS (SELECT grouping(party, project, maker, econ) AS pair, coalesce(party, project, maker) AS a, coalesce(econ, project) AS b,
    count(*) AS n, min(id) AS id
  FROM history WHERE debit_fen > credit_fen AND spending AND summary NOT LIKE '%结转%'
  GROUP BY GROUPING SETS ((party, econ), (project, econ), (party, project), (maker, econ))),
t AS (SELECT *, sum(n) OVER (PARTITION BY pair, a) AS times_a, sum(n) OVER (PARTITION BY pair, b) AS times_b, sum(n) OVER (PARTITION BY pair) AS whole
  FROM g WHERE a <> '' AND b <> ''),
r AS MATERIALIZED (SELECT id, pair, a, b, CAST(times_a AS bigint) AS times_a, CAST(times_b AS bigint) AS times_b, 1 AS seen,
  round(times_a * times_b / whole, 1) AS expected FROM t WHERE n = 1 AND times_a * times_b / whole >= :least - 0.05)
SELECT row_ids, amount_fen, voucher, what_a, a, times_a, what_b, b, times_b, expected, seen FROM (
  SELECT DISTINCT ON (id) ARRAY[id] AS row_ids, h.debit_fen - h.credit_fen AS amount_fen, h.voucher, k.*, r.*
  FROM history h JOIN r USING (id) JOIN (VALUES (6, '往来单位', '经济分类'), (10, '项目', '经济分类'), (3, '往来单位', '项目'),
    (12, '制单人', '经济分类')) AS k(of_pair, what_a, what_b) ON of_pair = pair
  WHERE h.year = :year AND h.period = :period AND expected >= :least ORDER BY id, expected DESC) l
ORDER BY expected DESC, row_ids LIMIT CAST(:top AS int);
