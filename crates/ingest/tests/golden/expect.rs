//! The database's words in this project's form: `None` where the project has null on purpose.

pub fn same(text: &str) -> Option<String> {
    Some(text.to_owned())
}

pub fn flag(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// A date; infinity, years that readers do not have, the placeholder 1900-01-01 and the open end
/// 9999-12-31 are null.
pub fn without_ends(text: &str) -> Option<String> {
    let is_date = text.len() == 10 && text.as_bytes()[4] == b'-';
    let is_null = matches!(text, "1900-01-01" | "9999-12-31");
    (is_date && !is_null).then(|| text.to_owned())
}

/// A timestamp with a zone, which PostgreSQL shows in UTC. Sent as text, so the domain's rules for
/// texts hold: the last day of 9999 is an open end, and a clock of 1970-01-01 in Shanghai was
/// never set.
pub fn instant(text: &str) -> Option<String> {
    let text = text.strip_suffix("+00:00")?;
    let micros = micros(text)?;
    let local_day = (micros + 8 * 3_600_000_000).div_euclid(86_400_000_000);
    (!text.starts_with("9999-12-31") && local_day != 0).then(|| shown(micros))
}

/// A timestamp without a zone, of the clock of Shanghai.
pub fn local(text: &str) -> Option<String> {
    Some(shown(micros(text)? - 8 * 3_600_000_000))
}

/// A decimal that is a number.
pub fn decimal(text: &str) -> Option<String> {
    text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
        .then(|| text.to_owned())
        .filter(|text| !text.contains("nfinity"))
}

/// A double as it is written here.
pub fn number(text: &str) -> Option<String> {
    text.parse::<f64>().ok().filter(|value| value.is_finite()).map(|value| value.to_string())
}

/// `-$1,234.56`
pub fn money(text: &str) -> Option<String> {
    Some(text.replace(['$', ','], ""))
}

/// Microseconds since 1970 of `2020-04-07T08:30:01.123456`, without a zone.
fn micros(text: &str) -> Option<i64> {
    if text.as_bytes().get(4) != Some(&b'-') || text.ends_with("BC") {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let days = days(number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let seconds = number(11, 13)? * 3_600 + number(14, 16)? * 60 + number(17, 19)?;
    let fraction = format!("{:0<6}", text.get(20..).unwrap_or_default());
    Some((days * 86_400 + seconds) * 1_000_000 + fraction.parse::<i64>().ok()?)
}

/// Days since 1970-01-01, counted year by year and month by month.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let is_leap = |y: i64| (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    let of_month = |m: i64| match m {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let before = |year: i64| {
        let past = year - 1;
        past * 365 + past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400)
    };
    let years = before(year) - before(1970);
    years + (1..month).map(of_month).sum::<i64>() + day - 1
}

/// An instant in UTC, in the project's canonical form.
fn shown(micros: i64) -> String {
    let (day, rest) = (micros.div_euclid(86_400_000_000), micros.rem_euclid(86_400_000_000));
    let mut year = (1970 + day / 366).max(1);
    while days(year + 1, 1, 1) <= day {
        year += 1;
    }
    while days(year, 1, 1) > day {
        year -= 1;
    }
    let month = (1..=12).rev().find(|&m| days(year, m, 1) <= day).expect("a month");
    let (date, seconds) = (day - days(year, month, 1) + 1, rest / 1_000_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let fraction = rest % 1_000_000;
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z")
}
