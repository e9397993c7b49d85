//! Examples in the help of `huiliu quarantine` and `huiliu reveal`.

pub const QUARANTINE: &str = "\
Examples:
  huiliu quarantine list
  huiliu quarantine show water_bill 0:1234
  huiliu quarantine export water_bill --to return.csv
  huiliu quarantine repair water_bill 0:1234 --set bill_month=2020-05
  huiliu quarantine replay water_bill --reason CODE_UNKNOWN
  huiliu quarantine drop water_bill 0:1234 --why 'a test of the sender'

What was done is kept in ledger.repairs.";
pub const LIST: &str = "\
Examples:
  huiliu quarantine list
  huiliu quarantine list water_bill --since 7d --output json";
pub const SHOW: &str = "\
Examples:
  huiliu quarantine show water_bill
  huiliu quarantine show water_bill 0:1234
  huiliu quarantine show water_bill 0:1234 --reveal --purpose 'dispute 2020-17' --as wang";
pub const EXPORT: &str = "\
Examples:
  huiliu quarantine export water_bill --to return.csv
  huiliu quarantine export water_bill --reason LENGTH --to return.parquet

One line per open reject. A CSV file begins with a byte order mark, so that spreadsheets read it
as UTF-8.";
pub const REPAIR: &str = "\
Examples:
  huiliu quarantine repair water_bill 0:1234 --set bill_month=2020-05 --note 'asked by phone'
  huiliu quarantine repair le_annual_report --look-up --dry-run

Exits 65 when the record fails again; it stays in quarantine then.";
pub const REPLAY: &str = "\
Examples:
  huiliu quarantine replay water_bill --all --dry-run
  huiliu quarantine replay water_bill --reason CODE_UNKNOWN
  huiliu quarantine replay water_bill 0:1234 0:1300

Rows come back with the sequence of their record: a newer state of a key is never overwritten.
Replaying twice changes nothing.";
pub const DROP: &str = "\
Examples:
  huiliu quarantine drop water_bill 0:1234 0:1300 --why 'sent twice' --yes";
pub const REVEAL: &str = "\
Examples:
  huiliu reveal np_person --key citizen_id=500103199009019009 --column citizen_id \\
    --purpose 'case 2020-17' --as wang";
