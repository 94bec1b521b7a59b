-- A01 v1 needs=lines,assets
-- 凭证 {voucher} 购“{summary}” {amount} 元，达到固定资产标准而没有卡片。
SELECT ARRAY[s.id] AS row_ids, s.amount_fen, s.voucher, s.summary
FROM spend s WHERE s.amount_fen >= :th_yuan * 100
  AND (s.econ LIKE '310%' OR s.summary ~ '电脑|计算机|空调|打印机|复印机|投影|相机|办公家具|服务器')
  AND s.summary !~ '维修|耗材|租'
  AND NOT EXISTS (SELECT 1 FROM assets a WHERE a.cost_fen = s.amount_fen
    AND abs(a.acquired_on - s.day) <= :days);

-- A02 v2 needs=balances,assets on=assets days=31
-- 账卡不符：{account} 科目余额 {ledger} 元，卡片合计 {cards} 元，除 {days} 天内新购未建卡的以外相差 {amount} 元。
WITH b AS (SELECT account, closing_fen FROM balances WHERE year = :year AND period = :period AND account IN ('1601', '1602')),
fresh_buys AS (SELECT coalesce(sum(l.debit_fen), 0) AS fen FROM history l WHERE l.account LIKE '1601%' AND l.debit_fen > 0
  AND l.day BETWEEN CAST(:last AS date) - CAST(:days AS int) AND CAST(:last AS date)
  AND NOT EXISTS (SELECT 1 FROM assets a WHERE a.cost_fen = l.debit_fen AND abs(a.acquired_on - l.day) <= 60)),
k AS (SELECT '1601' AS account, sum(cost_fen) + (SELECT fen FROM fresh_buys) AS fen, sum(cost_fen) AS cards_fen FROM assets WHERE removed_on IS NULL
  UNION ALL SELECT '1602', -sum(depreciation_fen), -sum(depreciation_fen) FROM assets WHERE removed_on IS NULL)
SELECT CAST(ARRAY[] AS bigint[]) AS row_ids, abs(b.closing_fen - k.fen) AS amount_fen, b.account,
  b.closing_fen AS ledger_fen, k.cards_fen, :days AS days
FROM b JOIN k USING (account) WHERE b.closing_fen <> k.fen;

-- A03 v1 needs=assets on=assets
-- 资产 {number} {name}（原值 {amount} 元）自 {idle_since} 起闲置。
SELECT ARRAY[id] AS row_ids, cost_fen AS amount_fen, number, name, idle_since
FROM assets WHERE removed_on IS NULL AND state = '闲置'
  AND (idle_since IS NULL OR idle_since <= CAST(:last AS date) - CAST(:months * 30 AS int));

-- A04 v1 needs=assets on=assets
-- 资产 {number} {name}（原值 {amount} 元）于 {removed_on} {removal}，没有审批文号。
SELECT ARRAY[id] AS row_ids, cost_fen AS amount_fen, number, name, removed_on, removal
FROM assets WHERE removed_on IS NOT NULL AND approval_no = '';

-- A05 v1
-- 凭证 {voucher} 的资产处置收入 {amount} 元，{days} 天内没有上缴。
SELECT ARRAY[c.id] AS row_ids, c.credit_fen AS amount_fen, c.voucher, :days AS days
FROM lines c WHERE c.account LIKE '2103%' AND c.credit_fen > 0 AND c.summary ~ '处置|残值|拍卖|报废'
  AND c.day + CAST(:days AS int) <= CAST(:last AS date)
  AND NOT EXISTS (SELECT 1 FROM lines d WHERE d.account LIKE '2103%' AND d.debit_fen >= c.credit_fen
    AND d.day BETWEEN c.day AND c.day + CAST(:days AS int));

-- A07 v1 needs=assets on=assets
-- 资产 {number} {name}（原值 {amount} 元）{removal}，没有评估报告。
SELECT ARRAY[id] AS row_ids, cost_fen AS amount_fen, number, name, removal
FROM assets WHERE removed_on IS NOT NULL AND removal ~ '转让|拍卖|置换|投资|出售' AND valuation_no = '';

-- A08 v1 needs=balances on=balances
-- 在建工程 {account} {account_name} 余额 {amount} 元，一年没有变动也没有转固。
SELECT ARRAY[a.id, b.id] AS row_ids, a.closing_fen AS amount_fen, a.account, a.account_name
FROM balances a JOIN balances b ON b.account = a.account AND b.year = a.year - 1 AND b.period = a.period
WHERE a.year = :year AND a.period = :period AND a.account LIKE '1613%' AND a.closing_fen > 0
  AND b.closing_fen = a.closing_fen
  AND NOT EXISTS (SELECT 1 FROM balances k WHERE k.year = a.year AND k.account LIKE a.account || '_%');

-- A09 v1 needs=assets on=assets tolerance_yuan=1
-- 资产 {number} {name} 本月折旧 {month} 元，按原值和年限应为 {due} 元。
SELECT ARRAY[id] AS row_ids, abs(month_fen - due_fen) AS amount_fen, number, name, month_fen, due_fen
FROM (SELECT *, CASE WHEN depreciation_fen - month_fen >= cost_fen THEN 0
    ELSE CAST(round(cost_fen / CAST(life_months AS numeric)) AS bigint) END AS due_fen
  FROM assets WHERE removed_on IS NULL AND month_fen IS NOT NULL AND life_months > 0) a
WHERE abs(month_fen - due_fen) > :tolerance_yuan * 100;

-- A10 v1 needs=assets on=assets
-- {number} 张资产卡片本年没有盘点记录。
SELECT (array_agg(id ORDER BY id))[1:200] AS row_ids, sum(cost_fen) AS amount_fen, count(*) AS number
FROM assets WHERE :period = 12 AND removed_on IS NULL
  AND (checked_on IS NULL OR checked_on < make_date(:year, 1, 1)) HAVING count(*) > 0;

-- A06 v1 needs=lines,leases on=leases grace=1
-- 出租合同 {number}（{lessee}）{what}：本年应收租金 {due} 元，已入账 {got} 元。
SELECT row_ids, greatest(due_fen - got_fen, 0) AS amount_fen, number, lessee, due_fen, got_fen,
  concat_ws('、', CASE WHEN approval_no = '' THEN '没有审批文号' END, CASE WHEN got_fen < due_fen THEN '租金没有足额入账' END) AS what
FROM (SELECT ARRAY[l.id] AS row_ids, l.number, l.lessee, l.approval_no, l.month_fen * greatest(0,
    least(CAST(:period AS int), CASE WHEN extract(year FROM l.ends_on) = :year THEN CAST(extract(month FROM l.ends_on) AS int)
      WHEN l.ends_on < make_date(:year, 1, 1) THEN 0 ELSE 12 END)
    - CASE WHEN extract(year FROM l.starts_on) = :year THEN CAST(extract(month FROM l.starts_on) AS int) - 1
      WHEN l.starts_on > CAST(:last AS date) THEN 12 ELSE 0 END - CAST(:grace AS int)) AS due_fen,
    coalesce((SELECT sum(r.credit_fen - r.debit_fen) FROM lines r WHERE r.party = l.lessee
      AND r.account ~ '^(4605|4609|2103|6051|5051)'), 0) AS got_fen
  FROM leases l) k WHERE approval_no = '' OR got_fen < due_fen;
