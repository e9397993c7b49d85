-- Accounts of the three utilities under one roof.
-- Grain: one row per utility and account_no; account numbers are unique within a utility only.
-- Addresses and meters stay out: no subject needs them and their grade is L4.
SELECT
  'water' AS utility,
  account_no,
  holder_code_type,
  holder_code,
  division_code,
  category_code,
  capacity,
  open_date,
  close_date,
  status_code
FROM water_account
UNION ALL
SELECT
  'power' AS utility,
  account_no,
  holder_code_type,
  holder_code,
  division_code,
  category_code,
  capacity,
  open_date,
  close_date,
  status_code
FROM power_account
UNION ALL
SELECT
  'gas' AS utility,
  account_no,
  holder_code_type,
  holder_code,
  division_code,
  category_code,
  capacity,
  open_date,
  close_date,
  status_code
FROM gas_account
