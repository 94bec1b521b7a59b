-- T01 v1
-- 凭证 {voucher} 的{side}分录借贷不平，相差 {amount} 元。
SELECT array_agg(id ORDER BY id) AS row_ids, abs(sum(debit_fen - credit_fen)) AS amount_fen, voucher,
  CASE WHEN budgetary THEN '预算会计' ELSE '财务会计' END AS side
FROM fresh GROUP BY voucher, budgetary HAVING sum(debit_fen) <> sum(credit_fen);

-- T02 v2
-- “{word}”字凭证{what}。
SELECT ARRAY[id] AS row_ids, CAST(NULL AS bigint) AS amount_fen, word, ' ' || n - gap || ' 号之后断号，缺 ' || gap - 1 || ' 号' AS what
FROM (SELECT id, word, n, n - lag(n) OVER (PARTITION BY word ORDER BY n) AS gap FROM numbered) g WHERE gap > 1
UNION ALL SELECT row_ids[1:200], NULL, word, ' ' || n || ' 号重号：用于 ' || days || ' 个不同日期' FROM numbered WHERE days > 1;

-- T03 v1
-- 凭证 {voucher}“{summary}” {amount} 元没有附件。
SELECT (array_agg(id ORDER BY id))[1:200] AS row_ids, sum(debit_fen) AS amount_fen, voucher, min(summary) AS summary
FROM fresh WHERE attachments IS NOT NULL AND summary !~ '结转|更正|冲销|红冲|计提|折旧'
GROUP BY voucher HAVING max(attachments) = 0 AND count(*) > 0;

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
  AND a.party = b.party AND a.account ~ '^(1001|1002|1011)'
WHERE b.year = :year AND b.period = :period AND b.account ~ '^(1001|1002|1011)' AND b.credit_fen > 0 AND b.party <> ''
  AND (CASE WHEN a.invoice <> '' AND b.invoice <> '' THEN ltrim(regexp_replace(upper(a.invoice), '[^0-9A-Z]', '', 'g'), '0')
    = ltrim(regexp_replace(upper(b.invoice), '[^0-9A-Z]', '', 'g'), '0')
  ELSE b.day - a.day <= :days AND a.summary = b.summary AND (b.day - a.day < 20 OR a.period = b.period) END)
  AND NOT EXISTS (SELECT 1 FROM history i WHERE i.voucher = b.voucher AND i.account ~ '^(1001|1002|1011)' AND i.debit_fen > 0);

-- T06 v2 min_yuan=1000
-- {days} 天内向“{party}”和“{other}”各付 {amount} 元（近似重复）。
SELECT ARRAY[a.id, b.id] AS row_ids, b.credit_fen AS amount_fen, a.party, b.party AS other, :days AS days
FROM lines b JOIN lines a ON a.credit_fen = b.credit_fen AND a.party <> b.party AND a.id < b.id
  AND abs(b.day - a.day) <= :days AND a.summary = b.summary AND a.account ~ '^(1001|1002|1011)' AND a.party <> ''
WHERE b.period = :period AND b.account ~ '^(1001|1002|1011)' AND b.credit_fen >= :min_yuan * 100 AND b.party <> ''
  AND b.credit_fen % 10000 <> 0 AND b.summary !~ '劳务|专家|评审|讲课|差旅|补助|补贴|工资';

-- T07 v1
-- 凭证 {voucher} 向“{party}”支付整数大额 {amount} 元。
SELECT ARRAY[id] AS row_ids, credit_fen AS amount_fen, voucher, party
FROM fresh WHERE account ~ '^(1001|1002|1011)' AND credit_fen >= :min_yuan * 100 AND credit_fen % CAST(:mod_yuan * 100 AS bigint) = 0;

-- T08 v1
-- {day} 不是工作日，当日有 {number} 张凭证。
SELECT (array_agg(f.id ORDER BY f.id))[1:200] AS row_ids, sum(f.debit_fen) AS amount_fen, f.day, count(DISTINCT f.voucher) AS number
FROM fresh f JOIN days d ON d.day = f.day AND NOT d.working WHERE f.summary !~ '结转|折旧|计提' GROUP BY f.day;

-- T09 v1
-- 上年 12 月凭证 {voucher} 的 {amount} 元在本年 {other} 红字冲销。
SELECT ARRAY[a.id, b.id] AS row_ids, a.debit_fen AS amount_fen, a.voucher, b.voucher AS other
FROM history a JOIN history b ON b.account = a.account AND b.year = a.year + 1 AND b.period <= 2
  AND (b.debit_fen = -a.debit_fen OR (b.credit_fen = a.debit_fen AND b.summary ~ '冲|红字|更正'))
WHERE a.period = 12 AND a.debit_fen > 0 AND a.account ~ '^[57]' AND b.year = :year AND b.period = :period;

-- T10 v3
-- 借方发生额首两位数字偏离 Benford 分布：n={n}，MAD={mad_found}。
WITH d AS (SELECT CAST(left(CAST(debit_fen AS text), 2) AS int) AS d FROM lines WHERE debit_fen >= 1000 AND NOT budgetary),
n AS (SELECT count(*) AS n FROM d),
f AS (SELECT g.d, count(d.d) AS c FROM generate_series(10, 99) AS g(d) LEFT JOIN d ON d.d = g.d GROUP BY g.d)
SELECT CAST(ARRAY[] AS bigint[]) AS row_ids, CAST(NULL AS bigint) AS amount_fen, n.n, n.n < :min_n AS too_few,
  round(avg(abs(f.c / CAST(nullif(n.n, 0) AS numeric) - log(1 + 1.0 / f.d))), 5) AS mad_found
FROM f, n GROUP BY n.n HAVING n.n < :min_n OR avg(abs(f.c / CAST(nullif(n.n, 0) AS numeric) - log(1 + 1.0 / f.d))) > :mad;

-- T11 v1
-- 向“{party}”的最大一笔 {amount} 元是次大 {second} 元的 {ratio} 倍。
SELECT ARRAY[(array_agg(id ORDER BY amount_fen DESC))[1]] AS row_ids, max(amount_fen) AS amount_fen, party,
  (array_agg(amount_fen ORDER BY amount_fen DESC))[2] AS second_fen,
  round(max(amount_fen) / CAST((array_agg(amount_fen ORDER BY amount_fen DESC))[2] AS numeric), 1) AS ratio
FROM spend WHERE party <> '' AND amount_fen > 0 GROUP BY party
HAVING count(*) >= 5 AND max(amount_fen) > :rsf * (array_agg(amount_fen ORDER BY amount_fen DESC))[2];

-- T13 v1 kinds=administrative,institution
-- 凭证 {voucher} 有 {amount} 元货币资金支出而没有预算会计分录。
SELECT (array_agg(id ORDER BY id))[1:200] AS row_ids, sum(credit_fen) FILTER (WHERE account ~ '^(1001|1002|1011)') AS amount_fen, voucher
FROM fresh GROUP BY voucher
HAVING NOT bool_or(budgetary) AND bool_or(account LIKE '5%' AND debit_fen > 0)
  AND sum(credit_fen) FILTER (WHERE account ~ '^(1001|1002|1011)') > 0;

-- T14 v1 needs=balances on=balances
-- 科目 {account} {account_name} 期初与上期期末（或期末与发生额）不衔接，相差 {amount} 元。
SELECT * FROM (SELECT array_remove(ARRAY[a.id, b.id], NULL) AS row_ids, greatest(abs(a.opening_fen + a.debit_fen - a.credit_fen - a.closing_fen),
  abs(a.opening_fen - coalesce(b.closing_fen, a.opening_fen))) AS amount_fen, a.account, a.account_name
FROM balances a LEFT JOIN balances b ON b.account = a.account AND b.year * 12 + b.period = a.year * 12 + a.period - 1
WHERE a.year = :year AND a.period = :period) k WHERE amount_fen > 0;

-- T12 v1 least=8 top=10
-- 凭证 {voucher} 的组合罕见：{what_a}“{a}”（{times_a} 次）与{what_b}“{b}”（{times_b} 次）按各自频率应同现约 {expected} 次，只见 {seen} 次，{amount} 元。
WITH s AS (SELECT id, year, period, voucher, debit_fen - credit_fen AS amount_fen, party, econ, project, maker, left(account, 4) AS account
  FROM history WHERE debit_fen > credit_fen AND account ~ :spending AND summary !~ '结转'),
v AS (SELECT s.id, s.year, s.period, s.voucher, s.amount_fen, k.* FROM s, LATERAL (VALUES ('往来单位', party, '经济分类', econ),
  ('项目', project, '经济分类', econ), ('往来单位', party, '项目', project), ('制单人', maker, '经济分类', econ)) k(what_a, a, what_b, b)
  WHERE k.a <> '' AND k.b <> ''),
ab AS (SELECT what_a, what_b, a, b, count(*) AS n, min(id) AS id, min(year) AS year, min(period) AS period, min(voucher) AS voucher,
  min(amount_fen) AS amount_fen FROM v GROUP BY what_a, what_b, a, b),
t AS (SELECT *, sum(n) OVER (PARTITION BY what_a, what_b, a) AS times_a, sum(n) OVER (PARTITION BY what_a, what_b, b) AS times_b,
  sum(n) OVER (PARTITION BY what_a, what_b) AS whole FROM ab),
r AS (SELECT id, voucher, amount_fen, what_a, a, what_b, b, CAST(times_a AS bigint) AS times_a, CAST(times_b AS bigint) AS times_b,
  1 AS seen, round(times_a * times_b / whole, 1) AS expected FROM t WHERE n = 1 AND year = :year AND period = :period)
SELECT row_ids, amount_fen, voucher, what_a, a, times_a, what_b, b, times_b, expected, seen FROM (
  SELECT DISTINCT ON (id) ARRAY[id] AS row_ids, * FROM r WHERE expected >= :least ORDER BY id, expected DESC) k
ORDER BY expected DESC LIMIT CAST(:top AS int);
