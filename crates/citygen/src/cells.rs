//! How each defect changes the text of a cell, as the examples of the catalogue show it.
//!
//! `None` means that the defect does not apply to this value: an id without an `X` has no wrong
//! `x`, a short text no two halves.

use crate::aliases::spellings;
use crate::calendar::{Day, HOUR_US, date_of, date_text, day};
use crate::dice::{Dice, World};
use crate::fields::Kind;
use crate::firms::reg_no_of;
use crate::ids::resident_check;
use crate::places::COUNTIES;
use crate::row::{Row, Value};
use crate::utilities::account_no;
use chrono::Datelike;
use encoding_rs::GBK;

/// The value of a cell after a defect of its kind.
pub(crate) fn spoil(
    code: &str,
    kind: Kind,
    (row, place): (&Row, usize),
    world: World,
    dice: &mut Dice,
) -> Option<Value> {
    match (&row.values[place], code) {
        // An open end is the only defect that a missing value can have.
        (Value::Null, "D22") => {
            Some(Value::Text(dice.pick(&["长期", "9999-12-31", "2099-12-31"]).into()))
        }
        (Value::Date(day), _) => of_date(code, *day, dice).map(written),
        (Value::Instant(at), "D25") => Some(Value::Instant(if dice.chance(0.5) {
            0
        } else {
            at + HOUR_US * dice.between(24 * 30, 24 * 400)
        })),
        (Value::Int(number), "D45") => Some(written(format!("{number}.0"))),
        (Value::Scaled(digits, places), _) => of_number(code, kind, (*digits, *places), row, dice),
        (Value::Text(text), "D16") => reg_no_of(world, text).map(written),
        (Value::Text(_), "D42") => {
            // Numbers that the city never reaches.
            let number = 900_000_000 + u32::try_from(dice.below(50_000_000)).ok()?;
            let utility = ["water_bill", "power_bill", "gas_bill"];
            let utility = utility.iter().position(|name| *name == row.dataset().name)?;
            Some(written(account_no(world, number, u8::try_from(utility).ok()?)))
        }
        (Value::Text(text), _) => of_text(code, kind, text, dice).map(written),
        _ => None,
    }
}

fn written(text: String) -> Value {
    Value::Text(text.into())
}

fn of_text(code: &str, kind: Kind, text: &str, dice: &mut Dice) -> Option<String> {
    Some(match code {
        "D01" => full_width(text)?,
        "D02" => format!(" {text}{}", dice.pick(&[" ", "  ", "\t"])),
        "D03" => insert_middle(text, dice.pick(&["\u{200b}", "\u{feff}", "\u{2060}"])),
        "D04" => null_token(kind, dice).to_owned(),
        "D05" => misread(text)?,
        "D06" => garbled(text, dice)?,
        "D07" | "D08" | "D09" | "D10" | "D11" | "D12" | "D13" => resident(code, text, dice)?,
        "D15" | "D17" | "D18" => credit(code, text, dice)?,
        "D26" => other_spelling(kind, text, dice)?,
        "D27" => "Z9".to_owned(),
        "D28" => former_division(text)?,
        "D29" => other_level(text, dice)?,
        "D43" => name(text, dice)?,
        "D44" => {
            let mark = dice.pick(&[";", "/", "、"]);
            format!("{text}{mark}02367{:06}", dice.below(1_000_000))
        }
        "D45" => code_as_number(kind, text)?,
        "D46" => if text == "1" { "2" } else { "1" }.to_owned(),
        "D49" => leak(text, dice),
        _ => return None,
    })
}

/// A name may be one of the tokens that mean nothing elsewhere: a person may be called 无.
fn null_token(kind: Kind, dice: &mut Dice) -> &'static str {
    match kind {
        Kind::PersonName | Kind::OrgName | Kind::Name => {
            dice.pick(&["NULL", "null", "/", "-", "不详"])
        }
        _ => dice.pick(&["NULL", "null", "无", "/", "-", "暂无", "不详"]),
    }
}

/// ASCII letters and digits in their wide forms, with an ideographic space behind them.
fn full_width(text: &str) -> Option<String> {
    let wide = |c: char| match c {
        '!'..='~' => char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c),
        _ => c,
    };
    let applies = text.contains(|c: char| c.is_ascii_alphanumeric());
    applies.then(|| text.chars().map(wide).chain(['\u{3000}']).collect())
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

/// GBK that was read as UTF-8, or one character that was lost.
fn garbled(text: &str, dice: &mut Dice) -> Option<String> {
    let (bytes, _, _) = GBK.encode(text);
    let read = String::from_utf8_lossy(&bytes);
    if dice.chance(0.5) && read.contains('\u{fffd}') {
        return Some(read.into_owned());
    }
    replace_one(text, '\u{fffd}')
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
        "D13" => mistyped(id, dice),
        _ => return None,
    })
}

/// One digit changed or two neighbours swapped: the check finds both.
fn mistyped(id: &str, dice: &mut Dice) -> String {
    let mut bytes = id.as_bytes().to_vec();
    let place = 10 + dice.index(6);
    if bytes[place] == bytes[place + 1] || dice.chance(0.5) {
        let other = u8::try_from(dice.between(1, 9)).expect("a digit");
        bytes[place] = b'0' + (bytes[place] - b'0' + other) % 10;
    } else {
        bytes.swap(place, place + 1);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn credit(code: &str, id: &str, dice: &mut Dice) -> Option<String> {
    if id.len() != 18 || id[..17].bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(match code {
        "D15" => match dice.below(4) {
            0 => id.to_ascii_lowercase(),
            1 => format!("{} {}", &id[..8], &id[8..]),
            2 => format!("{}-{}", &id[..8], &id[8..]),
            _ if id.contains('1') && (dice.chance(0.5) || !id.contains('0')) => {
                id.replacen('1', "I", 1)
            }
            _ if id.contains('0') => id.replacen('0', "O", 1),
            _ => return None,
        },
        "D17" if dice.chance(0.5) => id[8..17].to_owned(),
        "D17" => format!("{}-{}", &id[8..16], &id[16..17]),
        "D18" => {
            let wrong = if id.ends_with('Y') { '0' } else { 'Y' };
            format!("{}{wrong}", &id[..17])
        }
        _ => return None,
    })
}

fn of_date(code: &str, value: Day, dice: &mut Dice) -> Option<String> {
    let of = date_of(value);
    let (y, m, d) = (of.year(), of.month(), of.day());
    Some(match code {
        "D19" => {
            // Days since 1899-12-30, as spreadsheets count; others are taken for no dates.
            let serial = value - day(1899, 12, 30);
            let forms = if (20_000..=60_000).contains(&serial) { 4 } else { 3 };
            match dice.below(forms) {
                0 => format!("{y:04}年{m:02}月{d:02}日"),
                1 => format!("{y:04}{m:02}{d:02}"),
                2 => format!("{y}/{m}/{d}"),
                _ => serial.to_string(),
            }
        }
        "D20" => format!("{d:02}/{m:02}/{y:04}"),
        "D21" => dice.pick(&["1900-01-01", "0000-00-00"]).to_owned(),
        "D46" => date_text(value + 31),
        _ => return None,
    })
}

fn of_number(
    code: &str,
    kind: Kind,
    (digits, places): (i64, u8),
    row: &Row,
    dice: &mut Dice,
) -> Option<Value> {
    let scaled = |digits: i64| Some(Value::Scaled(digits, places));
    match code {
        // Yuan in a column of 10,000 yuan, fen in a column of yuan.
        "D34" if digits != 0 => scaled(digits * if kind == Kind::AmountWan { 10_000 } else { 100 }),
        "D35" => amount(kind, digits, places, dice).map(written),
        "D40" if row.previous > 100_000 => scaled(row.previous / 100 * dice.between(5, 95)),
        "D41" => match row.values.get(4) {
            Some(Value::Scaled(multiplier, 2)) if *multiplier > 100 => {
                scaled(digits / (multiplier / 100))
            }
            _ => None,
        },
        _ => None,
    }
}

/// A number with its unit or with separators.
fn amount(kind: Kind, digits: i64, places: u8, dice: &mut Dice) -> Option<String> {
    let one = 10_i64.pow(u32::from(places));
    let number = Value::Scaled(digits, places).written()?;
    if kind == Kind::AmountWan && digits >= 0 && dice.chance(0.6) {
        return Some(if digits % one == 0 && dice.chance(0.5) {
            format!("{}万", digits / one)
        } else {
            format!("{number}{}万元人民币", "0".repeat(6 - usize::from(places)))
        });
    }
    if kind == Kind::Amount && digits > 0 && digits % (one * 10_000) == 0 {
        return Some(format!("{}万", digits / one / 10_000));
    }
    if digits.abs() >= 1_000 * one {
        return Some(grouped(&number));
    }
    // Too small for separators.
    match kind {
        Kind::Amount => Some(format!("{number}元")),
        Kind::AmountWan => Some(format!("{number}万元")),
        _ => None,
    }
}

fn grouped(number: &str) -> String {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let mut grouped = String::with_capacity(number.len() + 4);
    grouped.push_str(&whole[..whole.len() - digits.len()]);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped}.{decimals}")
}

fn other_spelling(kind: Kind, text: &str, dice: &mut Dice) -> Option<String> {
    let list = match kind {
        Kind::Sex => "sex",
        Kind::Code(list) => list,
        // The section of wholesale and retail in front, as some write it.
        Kind::Industry => return section(text).map(|section| format!("{section}{text}")),
        _ => return None,
    };
    let words = spellings(list, text);
    (!words.is_empty()).then(|| dice.pick(words).to_owned())
}

/// The section letter of an industry (GB/T 4754-2017) that the city has.
fn section(industry: &str) -> Option<char> {
    Some(match industry.get(..2)?.parse().ok()? {
        1..=5 => 'A',
        13..=43 => 'C',
        47..=50 => 'E',
        51..=52 => 'F',
        53..=60 => 'G',
        61..=62 => 'H',
        63..=65 => 'I',
        70 => 'K',
        71..=72 => 'L',
        73..=75 => 'M',
        80..=82 => 'O',
        _ => return None,
    })
}

/// The code the county had before 1997, six digits even where twelve belong.
fn former_division(text: &str) -> Option<String> {
    let county = COUNTIES.iter().find(|county| text.starts_with(county.code))?;
    Some(county.former.to_owned())
}

/// Nine digits of a street, or the four of the city's districts.
fn other_level(text: &str, dice: &mut Dice) -> Option<String> {
    let county = COUNTIES.iter().find(|county| text.starts_with(county.code))?;
    if dice.chance(0.5) {
        return Some(county.code[..4].to_owned());
    }
    Some(
        text.get(..9).map_or_else(
            || format!("{}{}", county.code, &county.streets[0].code[..3]),
            str::to_owned,
        ),
    )
}

/// A clerk who says too much.
fn leak(text: &str, dice: &mut Dice) -> String {
    if dice.chance(0.5) {
        let body = format!("50010319{:02}0101{:03}", dice.between(60, 89), dice.between(900, 995));
        format!("{text},当事人身份证号{body}{}", resident_check(&body))
    } else {
        format!("{text},联系电话139{:08}", dice.between(10_000_000, 99_999_999))
    }
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
fn code_as_number(kind: Kind, text: &str) -> Option<String> {
    if !matches!(kind, Kind::Code(_) | Kind::Sex | Kind::Industry)
        || !text.bytes().all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    match text.strip_prefix('0') {
        Some(rest) if !rest.is_empty() => Some(rest.trim_start_matches('0').to_owned()),
        _ => Some(format!("{text}.0")),
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

    const WORLD: World = World { seed: 1, scale: 1.0 };

    fn check(code: &str, kind: Kind, clean: impl Into<Value>, expected: &[&str]) {
        let clean = clean.into();
        let row = Row { dataset: 0, values: vec![clean.clone()], previous: 0 };
        let mut seen = std::collections::BTreeSet::new();
        for n in 0..256 {
            let mut dice = Dice::of(n, &[]);
            let spoilt = spoil(code, kind, (&row, 0), WORLD, &mut dice);
            let Some(spoilt) = spoilt.and_then(|value| value.written()) else {
                panic!("{code} does not apply to {clean:?}");
            };
            seen.insert(spoilt);
        }
        let expected: std::collections::BTreeSet<_> =
            expected.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(seen, expected, "{code}");
    }

    impl From<&'static str> for Value {
        fn from(text: &'static str) -> Self {
            Self::Text(text.into())
        }
    }

    #[test]
    fn ids_look_like_the_examples_of_the_catalogue() {
        let id = "11010519491231002X";
        let forms = [
            "11010519491231002x",
            "11010519491231002×",
            "11010519491231002Х",
            "11010519491231002ｘ",
        ];
        check("D07", Kind::Resident, id, &forms);
        check("D08", Kind::Resident, id, &["110105491231002"]);
        check("D09", Kind::Resident, id, &["1.1010519491231E+17"]);
        check("D10", Kind::Resident, id, &["110105194912310000"]);
        check("D12", Kind::Resident, id, &["110105********002X"]);
        let forms = [
            "91350100m000100y43",
            "91350100 M000100Y43",
            "91350100-M000100Y43",
            "9I350100M000100Y43",
            "9135O100M000100Y43",
        ];
        check("D15", Kind::Uscc, "91350100M000100Y43", &forms);
        check("D17", Kind::Uscc, "91350100M000100Y43", &["M000100Y4", "M000100Y-4"]);
        check("D18", Kind::Uscc, "91350100M000100Y43", &["91350100M000100Y4Y"]);
    }

    #[test]
    fn cells_look_like_the_examples_of_the_catalogue() {
        check("D01", Kind::Text, "123AB", &["１２３ＡＢ\u{3000}"]);
        let tokens = ["NULL", "null", "无", "/", "-", "暂无", "不详"];
        check("D04", Kind::Text, "无锡", &tokens);
        let date = Value::Date(day(2019, 12, 26));
        check("D19", Kind::Date, date, &["2019年12月26日", "20191226", "2019/12/26", "43825"]);
        check("D20", Kind::Date, Value::Date(day(2019, 1, 6)), &["06/01/2019"]);
        check("D21", Kind::Date, Value::Date(0), &["1900-01-01", "0000-00-00"]);
        check("D22", Kind::EndDate, Value::Null, &["长期", "9999-12-31", "2099-12-31"]);
        check("D26", Kind::Sex, "1", &["男", "M", "1.0"]);
        check("D28", Kind::Division, "500103", &["510202"]);
        check("D29", Kind::Division, "500103", &["500103001", "5001"]);
        check("D29", Kind::Village, "500103003013", &["500103003", "5001"]);
        check("D43", Kind::PersonName, "张三", &["张　三", "张□"]);
        let forms = ["买买提.吐尔逊", "买买提•吐尔逊", "买买提・吐尔逊"];
        check("D43", Kind::PersonName, "买买提·吐尔逊", &forms);
        check("D45", Kind::Code("entity_type"), "4530", &["4530.0"]);
        check("D45", Kind::Industry, "0111", &["111"]);
        check("D45", Kind::Int, Value::Int(7350), &["7350.0"]);
        check("D46", Kind::BirthDate, Value::Date(day(1990, 12, 31)), &["1991-01-31"]);
    }

    #[test]
    fn misread_text_can_be_read_back() {
        let spoilt = misread("重庆市渝北区").expect("an even number of bytes");
        assert!(spoilt.starts_with("閲嶅簡"), "{spoilt}");
        assert_eq!(misread("abc"), None);
    }

    #[test]
    fn amounts_carry_units_or_separators() {
        let wan = ["100万", "100.000000万元人民币", "100.0000万元"];
        check("D35", Kind::AmountWan, Value::Scaled(1_000_000, 4), &wan);
        check("D35", Kind::Amount, Value::Scaled(123_450, 2), &["1,234.50"]);
        check("D35", Kind::Amount, Value::Scaled(100_000_000, 2), &["100万"]);
        check("D35", Kind::Amount, Value::Scaled(-99_900, 2), &["-999.00元"]);
        check("D34", Kind::AmountWan, Value::Scaled(5_000_000, 4), &["5000000.0000"]);
    }
}
