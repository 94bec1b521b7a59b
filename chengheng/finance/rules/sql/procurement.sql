-- G01 v2 needs=contracts on=contracts
-- 项目“{project}”同类“{category}”非公开方式采购 {number} 次，累计 {amount} 元，超过公开招标数额标准。
SELECT array_agg(id ORDER BY id) AS row_ids, sum(amount_fen) AS amount_fen, project, category, count(*) AS number
FROM contracts WHERE year = :year AND method !~ '公开招标|邀请招标' AND category <> '' AND amount_fen < :open_tender_yuan * 100
GROUP BY project, category HAVING count(*) > 1 AND sum(amount_fen) > :open_tender_yuan * 100;

-- G02 v2 needs=contracts on=contracts
-- {days} 天内与“{supplier}”就“{category}”签 {number} 份合同，合计 {amount} 元，达到限额。
SELECT row_ids, amount_fen, supplier, category, number, :days AS days FROM (
  SELECT a.id, a.supplier, a.category, a.signed_on, array_agg(b.id ORDER BY b.id) AS row_ids, sum(b.amount_fen) AS amount_fen, count(*) AS number
  FROM contracts a JOIN contracts b ON b.supplier = a.supplier AND b.category = a.category
    AND b.amount_fen < :limit_yuan * 100 AND b.signed_on BETWEEN a.signed_on AND a.signed_on + CAST(:days AS int)
  WHERE a.year = :year AND a.amount_fen < :limit_yuan * 100 GROUP BY a.id, a.supplier, a.category, a.signed_on) g
WHERE number >= 2 AND amount_fen >= :limit_yuan * 100
  AND NOT EXISTS (SELECT 1 FROM contracts e WHERE e.supplier = g.supplier AND e.category = g.category
    AND e.amount_fen < :limit_yuan * 100 AND (e.signed_on, e.id) < (g.signed_on, g.id) AND e.signed_on >= g.signed_on - CAST(:days AS int));

-- G03 v1
-- 向“{party}”有 {number} 笔支付落在限额 {limit} 元的 95% 至 100% 之间，共 {amount} 元。
SELECT array_agg(id ORDER BY id) AS row_ids, sum(amount_fen) AS amount_fen, party, count(*) AS number,
  CAST(:limit_yuan * 100 AS bigint) AS limit_fen
FROM spend WHERE party <> '' AND amount_fen >= :limit_yuan * 95 AND amount_fen < :limit_yuan * 100
GROUP BY party HAVING count(*) >= 2;

-- G04 v2 needs=lines,contracts
-- 凭证 {voucher} 向“{party}”付款 {amount} 元，早于合同签订日 {signed_on}。
SELECT ARRAY[s.id] AS row_ids, s.amount_fen, s.voucher, s.party, c.signed_on
FROM spend s JOIN (SELECT supplier, min(signed_on) AS signed_on FROM contracts GROUP BY supplier) c ON c.supplier = s.party
WHERE s.day < c.signed_on AND s.amount_fen > 0;

-- G05 v2 needs=contracts on=contracts
-- 合同 {number}“{name}”补充合同 {amount} 元，超过原合同的 {share}%。
SELECT ARRAY[id] AS row_ids, supplements_fen AS amount_fen, number, name, round(100.0 * supplements_fen / amount_fen, 1) AS share
FROM contracts WHERE year = :year AND amount_fen > 0 AND supplements_fen > amount_fen * :th;

-- G06 v2 needs=contracts on=contracts
-- 合同 {number}“{name}”签订于 {signed_on}，{days} 个工作日内没有备案。
SELECT ARRAY[c.id] AS row_ids, c.amount_fen, c.number, c.name, c.signed_on, :days AS days
FROM contracts c WHERE c.year = :year AND (SELECT count(*) FROM days w WHERE w.working AND w.day > c.signed_on
  AND w.day <= coalesce(c.filed_on, CAST(:last AS date))) > :days;

-- G07 v2 needs=contracts,pay on=contracts
-- 合同 {number} 供应商“{supplier}”的收款账户就是本单位职工的工资账户，{amount} 元。
SELECT ARRAY[c.id] AS row_ids, c.amount_fen, c.number, c.supplier
FROM contracts c WHERE c.year = :year AND c.supplier_account <> '' AND EXISTS (SELECT 1 FROM pay p WHERE p.bank_account = c.supplier_account);

-- G08 v2 needs=contracts on=contracts amount_yuan=500000
-- 供应商“{supplier}”当年注册（{registered_on}）、注册资本不足，却获合同 {number}，{amount} 元。
SELECT ARRAY[id] AS row_ids, amount_fen, number, supplier, registered_on
FROM contracts WHERE year = :year AND extract(year FROM registered_on) = :year AND capital_fen < :capital_wan * 1000000
  AND amount_fen >= :amount_yuan * 100;

-- G09 v1 needs=bids on=bids times=3 ratio=0_002
-- “{a}”与“{b}”在 {number} 次采购中同场报价，{what}（围标串标迹象，需核实）。
WITH o AS (SELECT tender, bidder, min(price_fen) AS price_fen, bool_or(won) AS won, min(id) AS id, min(opened_on) AS opened_on
  FROM bids WHERE price_fen > 0 GROUP BY tender, bidder),
p AS (SELECT a.bidder AS a, b.bidder AS b, count(*) AS number, array_agg(a.id ORDER BY a.id) || array_agg(b.id ORDER BY b.id) AS row_ids,
    sum(CASE WHEN a.won THEN a.price_fen WHEN b.won THEN b.price_fen ELSE 0 END) AS amount_fen,
    max(a.price_fen / CAST(b.price_fen AS numeric)) - min(a.price_fen / CAST(b.price_fen AS numeric)) AS spread,
    bool_and(a.won OR b.won) AND count(*) >= :times + 2 AND count(*) FILTER (WHERE a.won) >= 2 AND count(*) FILTER (WHERE b.won) >= 2
      AND max(abs(CASE WHEN a.won THEN 1 ELSE 0 END - a.turn)) = 0 AS in_turn
  FROM (SELECT o.*, row_number() OVER (PARTITION BY bidder ORDER BY opened_on, tender) % 2 AS turn FROM o) a
  JOIN o b ON b.tender = a.tender AND a.bidder < b.bidder GROUP BY a.bidder, b.bidder)
SELECT row_ids, amount_fen, a, b, number, concat_ws('、', CASE WHEN spread <= :ratio THEN '报价之比几乎不变' END,
  CASE WHEN in_turn THEN '轮流中标' END) AS what
FROM p WHERE number >= :times AND (spread <= :ratio OR in_turn);
