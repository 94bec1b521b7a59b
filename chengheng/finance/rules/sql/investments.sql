-- V01 v1 needs=balances on=balances kinds=administrative
-- 行政单位有对外投资：{account} {account_name} 余额 {amount} 元。
SELECT ARRAY[id] AS row_ids, closing_fen AS amount_fen, account, account_name
FROM balances WHERE year = :year AND period = :period AND account ~ '^(1101|1501|1502)' AND closing_fen > 0;

-- V02 v1 needs=investments on=investments
-- 对“{investee}”投资 {amount} 元没有审批文号。
SELECT ARRAY[id] AS row_ids, amount_fen, investee FROM investments WHERE approval_no = '' AND amount_fen > 0;

-- V03 v1 needs=investments on=investments
-- 以“{funds}”投资“{investee}”（{product}）{amount} 元，属于禁止的资金或品种。
SELECT ARRAY[id] AS row_ids, amount_fen, funds, investee, product
FROM investments WHERE funds ~ '财政拨款|财政结余' OR product ~ '股票|期货|基金|企业债|期权';

-- V04 v1 needs=investments,lines on=investments
-- “{investee}”本年分配 {amount} 元，账上没有投资收益。
SELECT ARRAY[i.id] AS row_ids, i.distributed_fen AS amount_fen, i.investee
FROM investments i WHERE i.distributed_fen > 0
  AND NOT EXISTS (SELECT 1 FROM lines l WHERE l.account ~ '^(4602|1215|6111)' AND greatest(l.credit_fen, l.debit_fen) = i.distributed_fen);

-- V05 v1 needs=investments on=investments
-- 对“{investee}”投资 {amount} 元，{years} 年没有收益或已资不抵债。
SELECT ARRAY[id] AS row_ids, amount_fen, investee, :years AS years
FROM investments WHERE equity_fen < 0
  OR coalesce(last_income_on, invested_on) < make_date(CAST(:year - :years AS int), 12, 31);

-- V07 v1
-- 凭证 {voucher} 向“{party}”出借或担保 {amount} 元。
SELECT ARRAY[id] AS row_ids, debit_fen AS amount_fen, voucher, party
FROM fresh WHERE account ~ '^(1218|1221)' AND debit_fen > 0 AND (summary ~ '担保|代偿|拆借' OR
  (summary ~ '借款' AND party ~ '公司|集团|有限|企业|中心|协会'));

-- V06 v1 needs=holdings,investments on=holdings
-- 工商登记显示本单位是“{investee}”的股东（{share}），投资登记簿和账上都没有。
SELECT ARRAY[h.id] AS row_ids, CAST(NULL AS bigint) AS amount_fen, h.investee, h.share
FROM holdings h WHERE h.status !~ '注销|吊销|退出'
  AND NOT EXISTS (SELECT 1 FROM investments i WHERE regexp_replace(i.investee, '[（(].*?[)）]|有限责任公司|有限公司|\s', '', 'g')
    = regexp_replace(h.investee, '[（(].*?[)）]|有限责任公司|有限公司|\s', '', 'g'))
  AND NOT EXISTS (SELECT 1 FROM history l WHERE l.account ~ '^(1501|1502|1511|1101)' AND l.debit_fen > 0
    AND (l.party = h.investee OR l.account_name LIKE '%' || h.investee || '%'));
