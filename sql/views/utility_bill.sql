-- Bills of the three utilities under one roof.
-- Grain: one row per utility, account_no and bill_month. The unit of qty is the utility's own:
-- cubic metres for water and gas, kilowatt-hours for power.
SELECT
  'water' AS utility,
  account_no,
  bill_month,
  qty,
  amount,
  paid_amount,
  due_date,
  paid_date,
  pay_status
FROM water_bill
UNION ALL
SELECT
  'power' AS utility,
  account_no,
  bill_month,
  qty,
  amount,
  paid_amount,
  due_date,
  paid_date,
  pay_status
FROM power_bill
UNION ALL
SELECT
  'gas' AS utility,
  account_no,
  bill_month,
  qty,
  amount,
  paid_amount,
  due_date,
  paid_date,
  pay_status
FROM gas_bill
