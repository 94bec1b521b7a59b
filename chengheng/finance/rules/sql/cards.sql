-- K01 v2 kinds=administrative,institution
-- 凭证 {voucher} 以现金支付公务卡强制结算目录内支出 {econ}“{summary}” {amount} 元。
SELECT ARRAY[id] AS row_ids, amount_fen, voucher, econ, summary
FROM spend WHERE period = :period AND with_cash AND econ IN (SELECT econ FROM card_classes)
  AND amount_fen > :exempt_yuan * 100 AND summary !~ '补助|补贴|误餐';

-- K02 v2 needs=cards on=cards
-- {day} 在“{merchant}”刷卡 {amount} 元，超过 {days} 天才报销或仍未报销。
SELECT ARRAY[id] AS row_ids, amount_fen, day, merchant, :days AS days
FROM cards WHERE coalesce(reimbursed_on, CAST(:last AS date)) - day > :days AND day >= make_date(:year, 1, 1) - CAST(:days AS int);

-- K03 v2 needs=cards on=cards
-- {day} 在“{merchant}”的消费被报销 {number} 次（或超额），多报 {amount} 元。
SELECT array_agg(id ORDER BY id) AS row_ids, sum(reimbursed_fen) - max(amount_fen) AS amount_fen, day,
  min(merchant) AS merchant, count(*) AS number
FROM cards WHERE reimbursed_fen > 0 GROUP BY card_no, day, swipe_no, amount_fen
HAVING sum(reimbursed_fen) > max(amount_fen) AND max(year) = :year;

-- K04 v2 needs=cards on=cards
-- {day} 公务卡在“{merchant}”消费 {amount} 元，属于敏感商户。
SELECT ARRAY[id] AS row_ids, amount_fen, day, merchant
FROM cards WHERE year = :year AND merchant ~ '洗浴|足浴|KTV|歌厅|会所|珠宝|化妆|美容|高尔夫|烟酒|旅行社|游乐';

-- K05 v2 needs=lines,cards kinds=administrative,institution
-- 目录内支出用卡 {card} 元、用现金 {amount} 元，公务卡使用率 {share}%。
WITH k AS (SELECT coalesce(sum(reimbursed_fen), 0) AS fen FROM cards WHERE year = :year),
c AS (SELECT coalesce(sum(amount_fen), 0) AS fen, (array_agg(id))[1:200] AS row_ids FROM spend
  WHERE with_cash AND econ IN (SELECT econ FROM card_classes) AND summary !~ '补助|补贴|误餐')
SELECT c.row_ids, c.fen AS amount_fen, k.fen AS card_fen, round(100.0 * k.fen / (k.fen + c.fen), 1) AS share
FROM k, c WHERE c.fen > 0 AND k.fen < (k.fen + c.fen) * :th;

-- K06 v2 needs=cards,staff on=cards
-- 持卡人 {holder} 不在职，仍有公务卡消费 {amount} 元。
SELECT (array_agg(c.id))[1:200] AS row_ids, sum(c.amount_fen) AS amount_fen, c.holder
FROM cards c WHERE c.year = :year AND NOT EXISTS (SELECT 1 FROM staff s WHERE s.name = c.holder AND (s.left_on IS NULL OR s.left_on >= c.day)
  AND s.status !~ '离职|退休|死亡|调出') GROUP BY c.holder;
