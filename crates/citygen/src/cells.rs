//! How each defect changes the text of a cell, as the examples of the catalogue show it.
//!
//! `None` means that the defect does not apply to this value: an id without an `X` has no wrong
//! `x`, a short text no two halves.

use crate::calendar::{date_text, day};
use crate::defects::text_of;
use crate::dice::Dice;
use crate::fields::{Kind, alias_of};
use crate::ids::resident_check;
use crate::row::Value;
use encoding_rs::GBK;

pub(crate) fn spoil(
    code: &str,
    kind: Kind,
    value: &Value,
    reg_no: Option<&str>,
    dice: &mut Dice,
) -> Option<Value> {
    if let Value::Number(number) = value {
        let text = match code {
            "D35" => amount(number, kind, dice)?,
            "D45" => format!("{number}.0"),
            _ => return None,
        };
        return Some(Value::Text(text));
    }
    let text = text_of(value);
    // An open end is the only defect that a missing value can have.
    if code == "D22" {
        let open = text.is_none().then(|| dice.pick(&["长期", "9999-12-31", "2099-12-31"]));
        return open.map(Value::text);
    }
    let text = text?;
    let spoilt = match code {
        "D01" => full_width(text)?,
        "D02" => format!(" {text}{}", dice.pick(&[" ", "  ", "\t"])),
        "D03" => insert_middle(text, dice.pick(&["\u{200b}", "\u{feff}", "\u{2060}"])),
        "D04" => dice.pick(&["NULL", "null", "/", "-", "不详"]).to_owned(),
        "D05" => misread(text)?,
        "D06" => replace_one(text, '\u{fffd}')?,
        "D07" | "D08" | "D09" | "D10" | "D11" | "D12" | "D13" => resident(code, text, dice)?,
        "D15" | "D16" | "D17" => credit(code, text, reg_no, dice)?,
        "D19" => other_date(text, dice)?,
        "D20" => {
            let (year, month, day) = date_parts(text)?;
            format!("{day}/{month}/{year}")
        }
        "D21" => dice.pick(&["1900-01-01", "0000-00-00"]).to_owned(),
        "D26" => alias_of(list_of(kind), text)?.to_owned(),
        "D27" => "Z9".to_owned(),
        "D43" => name(text, dice)?,
        "D44" => format!("{text};02367{:06}", dice.below(1_000_000)),
        "D45" => code_as_number(list_of(kind), text)?,
        "D46" => cross(kind, text)?,
        _ => return None,
    };
    Some(Value::Text(spoilt))
}

fn list_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Sex => "sex",
        Kind::Code(list) => list,
        _ => "",
    }
}

/// ASCII letters and digits in their wide forms.
fn full_width(text: &str) -> Option<String> {
    let wide = |c: char| match c {
        '!'..='~' => char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c),
        _ => c,
    };
    text.contains(|c: char| c.is_ascii_alphanumeric()).then(|| text.chars().map(wide).collect())
}

/// UTF-8 that was read as GBK and came out without a loss.
fn misread(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let (read, had_errors) = GBK.decode_without_bom_handling(text.as_bytes());
    let (back, _, lost) = GBK.encode(&read);
    (!had_errors && !lost && *back == *text.as_bytes()).then(|| read.into_owned())
}

fn resident(code: &str, id: &str, dice: &mut Dice) -> Option<String> {
    if id.len() != 18 || !id[..17].bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (body, check) = id.split_at(17);
    Some(match code {
        "D07" if check == "X" => format!("{body}{}", dice.pick(&["x", "×", "Х", "ｘ"])),
        "D08" if &id[6..8] == "19" => format!("{}{}", &id[..6], &id[8..17]),
        "D09" => format!("{}.{}E+17", &id[..1], &id[1..14]),
        "D10" if check != "0" || &id[15..17] != "00" => {
            let cut = format!("{}000", &id[..15]);
            if resident_check(&cut[..17]) == '0' {
                return None;
            }
            cut
        }
        "D11" => "111111111111111111".to_owned(),
        "D12" => format!("{}********{}", &id[..6], &id[14..]),
        "D13" => {
            let right = resident_check(body).to_digit(10).unwrap_or(10);
            let wrong = (right + 1 + u32::try_from(dice.below(9)).unwrap_or(0)) % 10;
            format!("{body}{wrong}")
        }
        _ => return None,
    })
}

fn credit(code: &str, id: &str, reg_no: Option<&str>, dice: &mut Dice) -> Option<String> {
    if id.len() != 18 || id[..17].bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(match code {
        "D15" => match dice.below(3) {
            0 => id.to_ascii_lowercase(),
            1 => format!("{} {}", &id[..8], &id[8..]),
            _ => format!("{}-{}", &id[..8], &id[8..]),
        },
        "D16" => reg_no?.to_owned(),
        "D17" if dice.chance(0.5) => id[8..17].to_owned(),
        "D17" => format!("{}-{}", &id[8..16], &id[16..17]),
        _ => return None,
    })
}

fn other_date(text: &str, dice: &mut Dice) -> Option<String> {
    let (year, month, day_of_month) = date_parts(text)?;
    let number = |part: &str| part.parse::<u32>().ok();
    let (y, m, d) = (number(year)?, number(month)?, number(day_of_month)?);
    Some(match dice.below(4) {
        0 => format!("{year}年{month}月{day_of_month}日"),
        1 => format!("{year}{month}{day_of_month}"),
        2 => format!("{y}/{m}/{d}"),
        // Days since 1899-12-30, as spreadsheets count.
        _ => {
            let serial = day(y.cast_signed(), m, d) - day(1899, 12, 30);
            if !(20_000..=60_000).contains(&serial) {
                return None;
            }
            serial.to_string()
        }
    })
}

fn date_parts(text: &str) -> Option<(&str, &str, &str)> {
    let (year, rest) = text.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    Some((year, month, day))
}

/// A number with its unit or with separators.
fn amount(number: &str, kind: Kind, dice: &mut Dice) -> Option<String> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    if kind == Kind::AmountWan && !number.starts_with('-') && dice.chance(0.5) {
        return Some(format!("{whole}.{decimals}万元人民币"));
    }
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let mut grouped = String::with_capacity(number.len() + 4);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = &whole[..whole.len() - digits.len()];
    Some(format!("{sign}{grouped}.{decimals}"))
}

fn name(text: &str, dice: &mut Dice) -> Option<String> {
    if text.contains('·') {
        return Some(text.replace('·', dice.pick(&[".", "•", "・"])));
    }
    let count = text.chars().count();
    if count < 2 || text.contains(|c: char| c.is_ascii() || c == '（') || count > 4 {
        return None;
    }
    if count == 2 && dice.chance(0.7) {
        return Some(insert_middle(text, "\u{3000}"));
    }
    replace_one(text, '□')
}

/// A code that went through a spreadsheet: `.0` behind it, or its leading zero lost.
fn code_as_number(list: &str, text: &str) -> Option<String> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Only where the list tells how long the code was.
    let padded = ["ethnicity", "licence_state", "industry"].contains(&list);
    match text.strip_prefix('0') {
        Some(rest) if padded && !rest.is_empty() => Some(rest.to_owned()),
        Some(_) => None,
        None => Some(format!("{text}.0")),
    }
}

/// Says something else than the resident id of the row.
fn cross(kind: Kind, text: &str) -> Option<String> {
    match kind {
        Kind::Sex => Some(if text == "1" { "2" } else { "1" }.to_owned()),
        Kind::BirthDate => {
            let (year, month, day_of_month) = date_parts(text)?;
            let year: i32 = year.parse().ok()?;
            let born = day(year, month.parse().ok()?, day_of_month.parse().ok()?);
            Some(date_text(born + 31))
        }
        _ => None,
    }
}

fn insert_middle(text: &str, inserted: &str) -> String {
    let middle = text.chars().count() / 2;
    let at = text.char_indices().nth(middle).map_or(text.len(), |(at, _)| at);
    format!("{}{inserted}{}", &text[..at], &text[at..])
}

fn replace_one(text: &str, by: char) -> Option<String> {
    let last = text.chars().next_back()?;
    Some(format!("{}{by}", &text[..text.len() - last.len_utf8()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, kind: Kind, clean: &str, expected: &[&str]) {
        for n in 0..64 {
            let mut dice = Dice::of(n, &[]);
            let value = Value::text(clean);
            let reg_no = Some("500103000012345");
            let Some(Value::Text(spoilt)) = spoil(code, kind, &value, reg_no, &mut dice) else {
                panic!("{code} does not apply to {clean}");
            };
            assert!(expected.contains(&spoilt.as_str()), "{code}: {spoilt}");
        }
    }

    #[test]
    fn cells_look_like_the_examples_of_the_catalogue() {
        let id = "11010519491231002X";
        check("D01", Kind::Text, "123AB", &["１２３ＡＢ"]);
        check(
            "D07",
            Kind::Resident,
            id,
            &[
                "11010519491231002x",
                "11010519491231002×",
                "11010519491231002Х",
                "11010519491231002ｘ",
            ],
        );
        check("D08", Kind::Resident, id, &["110105491231002"]);
        check("D09", Kind::Resident, id, &["1.1010519491231E+17"]);
        check("D10", Kind::Resident, id, &["110105194912310000"]);
        check("D12", Kind::Resident, id, &["110105********002X"]);
        let uscc = "91350100M000100Y43";
        check(
            "D15",
            Kind::Uscc,
            uscc,
            &["91350100m000100y43", "91350100 M000100Y43", "91350100-M000100Y43"],
        );
        check("D16", Kind::Uscc, uscc, &["500103000012345"]);
        check("D17", Kind::Uscc, uscc, &["M000100Y4", "M000100Y-4"]);
        check(
            "D19",
            Kind::Date,
            "2019-12-26",
            &["2019年12月26日", "20191226", "2019/12/26", "43825"],
        );
        check("D20", Kind::Date, "2019-01-06", &["06/01/2019"]);
        check("D26", Kind::Sex, "1", &["男"]);
        check("D43", Kind::PersonName, "张三", &["张　三", "张□"]);
        check(
            "D43",
            Kind::PersonName,
            "买买提·吐尔逊",
            &["买买提.吐尔逊", "买买提•吐尔逊", "买买提・吐尔逊"],
        );
        check("D45", Kind::Code("entity_type"), "4530", &["4530.0"]);
        check("D45", Kind::Code("industry"), "0111", &["111"]);
        check("D46", Kind::BirthDate, "1990-12-31", &["1991-01-31"]);
    }

    #[test]
    fn misread_text_can_be_read_back() {
        let spoilt = misread("重庆市渝北区").expect("an even number of bytes");
        assert!(spoilt.starts_with("閲嶅簡"), "{spoilt}");
        assert_eq!(misread("abc"), None);
    }

    #[test]
    fn amounts_carry_units_or_separators() {
        let mut dice = Dice::of(1, &[]);
        assert_eq!(amount("1234.50", Kind::Amount, &mut dice).as_deref(), Some("1,234.50"));
        assert_eq!(amount("-999.00", Kind::Amount, &mut dice).as_deref(), Some("-999.00"));
    }
}
