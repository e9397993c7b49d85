-- Bids in public tenders of the last 36 months.
-- Grain: one row per uscc with a bid in the window, which is [m36, as_of) by the day of the bid
-- in Chongqing (UTC+8).
WITH bids AS (
  SELECT
    bidder_uscc AS uscc,
    is_winner,
    award_wan,
    CAST(bid_time + INTERVAL '8 hours' AS DATE) AS bid_day
  FROM prt_bid
)
SELECT
  b.uscc,
  count(*) AS bids_36m,
  count(*) FILTER (WHERE b.is_winner) AS wins_36m,
  coalesce(sum(b.award_wan) FILTER (WHERE b.is_winner), 0) AS award_wan_36m
FROM period p
CROSS JOIN bids b
WHERE b.bid_day >= p.m36 AND b.bid_day < p.as_of
GROUP BY b.uscc
