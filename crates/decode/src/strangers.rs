//! Fields that the contract does not name, counted by name: a bounded list, and no personal number
//! in place of a name.

use huiliu_model::{Changes, Stranger};

/// Counts a field that the contract does not name, once per record.
pub(crate) fn note(strangers: &mut Vec<Stranger>, name: &[u8], record: u32) {
    let held = entry(strangers, name, record);
    held.count += u64::from(held.count == 0 || held.last != record);
    held.last = record;
}

/// The entry of a strange field, made where there is none; a name that is none shares one.
pub(crate) fn entry<'s>(
    strangers: &'s mut Vec<Stranger>,
    name: &[u8],
    record: u32,
) -> &'s mut Stranger {
    let name = std::str::from_utf8(name).ok().filter(|name| is_name(name)).unwrap_or(OTHERS);
    let name = &name[..name.floor_char_boundary(Changes::DEPARTMENT_BYTES_MAX)];
    let known = strangers.iter().position(|held| &*held.name == name);
    let known = known.or_else(|| {
        let is_full = strangers.len() >= Changes::STRANGERS_MAX;
        is_full.then(|| strangers.len() - 1)
    });
    let at = known.unwrap_or_else(|| {
        let is_last = strangers.len() + 1 == Changes::STRANGERS_MAX;
        let name = if is_last { OTHERS } else { name }.into();
        strangers.push(Stranger { name, count: 0, first: record, last: record });
        strangers.len() - 1
    });
    &mut strangers[at]
}

/// Whether a text looks like the name of a field. A broken source may write anything in its
/// place, a personal number too, and names are written to logs and ledger.
fn is_name(text: &str) -> bool {
    let digit_count = text.bytes().filter(u8::is_ascii_digit).count();
    let begins = text.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let named = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    begins && digit_count <= NAME_DIGITS_MAX && text.chars().all(named)
}

/// Digits in the name of a field: `address_2`, `tax_2020`; more are a number.
const NAME_DIGITS_MAX: usize = 4;
/// Stands for strange fields beyond those that are told apart, and for names that are none.
const OTHERS: &str = "…";
