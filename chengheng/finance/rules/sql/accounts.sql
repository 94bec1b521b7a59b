-- N01 v1 needs=accounts on=accounts
-- 账户 {account_no}（{bank}）没有批复或备案文号。
SELECT ARRAY[id] AS row_ids, CAST(NULL AS bigint) AS amount_fen, account_no, bank
FROM accounts WHERE approval_no = '' AND closed_on IS NULL;

-- N02 v2 needs=bank,accounts on=bank
-- 账户 {account_no} 有收付 {amount} 元而不在账户登记簿内（疑似账外账户）。
SELECT (array_agg(b.id ORDER BY b.id))[1:200] AS row_ids, sum(b.in_fen + b.out_fen) AS amount_fen, b.account_no
FROM bank b WHERE b.year = :year AND NOT EXISTS (SELECT 1 FROM accounts a WHERE a.account_no = b.account_no) GROUP BY b.account_no;

-- N03 v1 needs=bank,accounts on=accounts
-- 账户 {account_no}（{bank}）{months} 个月没有收付，应当清理。
SELECT ARRAY[a.id] AS row_ids, CAST(NULL AS bigint) AS amount_fen, a.account_no, a.bank, :months AS months
FROM accounts a WHERE a.closed_on IS NULL AND a.opened_on < CAST(:last AS date) - CAST(:months * 30 AS int)
  AND :period = 12 AND NOT EXISTS (SELECT 1 FROM bank b WHERE b.account_no = a.account_no
    AND b.day > CAST(:last AS date) - CAST(:months * 30 AS int));

-- N04 v2 needs=bank,lines on=bank days=31
-- 银行对账：{number} 笔共 {amount} 元超过 {days} 天没有对上（银行有而账上无 {bank} 元，账上有而银行无 {ledger} 元）。
WITH since AS (SELECT greatest((SELECT min(day) FROM bank), (SELECT min(day) FROM history WHERE account LIKE '1002%')) AS day),
m AS (SELECT id, in_fen - out_fen AS fen, day, 1 AS bank FROM bank WHERE in_fen <> out_fen AND day >= (SELECT day FROM since) - CAST(:days AS int) AND day <= CAST(:last AS date)
  UNION ALL SELECT id, debit_fen - credit_fen, day, 0 FROM history WHERE account LIKE '1002%' AND debit_fen <> credit_fen
    AND day >= (SELECT day FROM since) - CAST(:days AS int) AND day <= CAST(:last AS date)),
k AS (SELECT m.*, row_number() OVER (PARTITION BY fen, bank ORDER BY day, id) AS place FROM m),
u AS (SELECT k.* FROM k WHERE k.day >= (SELECT day FROM since) AND k.day <= CAST(:last AS date) - CAST(:days AS int)
  AND NOT EXISTS (SELECT 1 FROM k o WHERE o.fen = k.fen AND o.bank <> k.bank AND o.place = k.place))
SELECT (array_agg(id ORDER BY id) FILTER (WHERE bank = 1))[1:200] AS row_ids, sum(abs(fen)) AS amount_fen, count(*) AS number, :days AS days,
  coalesce(sum(abs(fen)) FILTER (WHERE bank = 1), 0) AS bank_fen, coalesce(sum(abs(fen)) FILTER (WHERE bank = 0), 0) AS ledger_fen
FROM u HAVING count(*) > 0;

-- N05 v1 needs=accounts on=accounts
-- 有 {number} 个基本存款账户同时在用。
SELECT array_agg(id) AS row_ids, CAST(NULL AS bigint) AS amount_fen, count(*) AS number
FROM accounts WHERE closed_on IS NULL AND kind ~ '基本' HAVING count(*) > 1;

-- N06 v1 needs=bank on=bank th_yuan=1000000
-- {day} 转出定期或理财 {amount} 元，需核对竞争性存放的手续。
SELECT ARRAY[id] AS row_ids, out_fen AS amount_fen, day
FROM bank WHERE day BETWEEN :first AND :last AND out_fen >= :th_yuan * 100 AND summary ~ '定期|定存|大额存单|理财|结构性';

-- N07 v2 needs=bank,lines on=bank
-- {day} 银行利息 {amount} 元没有入账。
SELECT ARRAY[b.id] AS row_ids, b.in_fen AS amount_fen, b.day
FROM bank b WHERE b.in_fen > 0 AND b.summary ~ '利息|结息' AND b.day BETWEEN make_date(:year, 1, 1) AND CAST(:last AS date)
  AND NOT EXISTS (SELECT 1 FROM history l WHERE l.credit_fen = b.in_fen AND (l.account ~ '^(4604|6603|6609)' OR l.summary ~ '利息')
    AND l.day BETWEEN b.day - 3 AND b.day + 31);
