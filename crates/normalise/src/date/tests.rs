//! Calendar arithmetic against `chrono`; forms and placeholders beyond the shared vectors.

use super::*;
use chrono::{DateTime, Datelike, NaiveDate};

fn day(text: &str) -> i32 {
    let date: NaiveDate = text.parse().unwrap();
    date.num_days_from_ce() - NaiveDate::from_ymd_opt(1970, 1, 1).unwrap().num_days_from_ce()
}

fn micros(text: &str) -> i64 {
    DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros()
}

fn date_is(text: &str, expected: &str, fixed: bool) {
    let expected = DateOutcome::Value { days: day(expected), fixed };
    assert_eq!(parse_date(text.as_bytes()), expected, "{text:?}");
}

fn time_is(text: &str, expected: &str, fixed: bool) {
    let expected = TimestampOutcome::Value { micros: micros(expected), fixed };
    assert_eq!(parse_timestamp(text.as_bytes()), expected, "{text:?}");
}

#[test]
fn days_agree_with_chrono_on_every_day_of_the_calendar() {
    let mut date = NaiveDate::from_ymd_opt(1, 1, 1).unwrap();
    let mut days = days_from_civil(1, 1, 1);
    assert_eq!(days, day("0001-01-01"));
    while date.year() < 10_000 {
        assert_eq!(days_of(date.year(), date.month(), date.day()), Some(days), "{date}");
        assert_eq!(civil_from_days(days), (date.year(), date.month(), date.day()));
        let Some(next) = date.succ_opt() else { break };
        (date, days) = (next, days + 1);
    }
    for (year, month, day) in
        [(2019, 2, 29), (1900, 2, 29), (2020, 0, 1), (0, 1, 1), (10_000, 1, 1)]
    {
        assert_eq!(days_of(year, month, day), None);
    }
    assert_eq!(civil_from_days(i32::MAX).1, 7);
}

#[test]
fn dates_are_read_in_many_forms() {
    date_is("2019-12-26", "2019-12-26", false);
    date_is(" 2019-12-26", "2019-12-26", true);
    date_is("2019-12-25T16:00:00Z", "2019-12-26", true);
    date_is("2019-12-25T23:30:00-0500", "2019-12-26", true);
    date_is("2019年1月6日", "2019-01-06", true);
    date_is("二○二〇年十月三十日", "2020-10-30", true);
    date_is("二〇二〇年二月十日", "2020-02-10", true);
    date_is("43825.0", "2019-12-26", true);
    date_is("20191226083000123", "2019-12-26", true);
    date_is("2019-12-26 00:00:00.0", "2019-12-26", true);
}

#[test]
fn a_year_in_last_place_is_read_where_only_one_part_can_be_the_month() {
    date_is("26/12/2019", "2019-12-26", true);
    date_is("12/26/2019", "2019-12-26", true);
    date_is("26.12.2019 08:30", "2019-12-26", true);
    time_is("26/12/2019 08:30:00", "2019-12-26T08:30:00+08:00", true);
    assert_eq!(parse_date(b"13/13/2019"), DateOutcome::Err(Reason::Range));
    assert_eq!(parse_date(b"30/02/2019"), DateOutcome::Err(Reason::Range));
    assert_eq!(parse_timestamp(b"01/06/2019"), TimestampOutcome::Err(Reason::Ambiguous));
    // The rules are those of the vectors, which know no such form.
    for text in ["26/12/2019", "12-26-2019 08:30:00", " 26/12/2019"] {
        assert_eq!(apply_date(text), Outcome::Err(Reason::Ambiguous), "{text}");
        assert_eq!(apply_timestamp(text), Outcome::Err(Reason::Ambiguous), "{text}");
    }
}

#[test]
fn what_is_no_date_says_why() {
    for (text, reason) in [
        ("19-12-26", Reason::Format),
        ("06/01/2019", Reason::Ambiguous),
        ("2019-2-29", Reason::Range),
        ("20190229", Reason::Range),
        ("2019-12", Reason::Format),
        ("2019", Reason::Format),
        ("19999", Reason::Format),
        ("60001", Reason::Format),
        ("2019-12-26 25:00:00", Reason::Range),
        ("2019-12-26 8", Reason::Format),
        ("二〇一九年十十月一日", Reason::Format),
        ("昨天", Reason::Format),
        ("123456789012345678901234567890", Reason::Format),
    ] {
        assert_eq!(parse_date(text.as_bytes()), DateOutcome::Err(reason), "{text:?}");
    }
    assert_eq!(parse_date(b"\xff\xfe"), DateOutcome::Err(Reason::Charset));
}

#[test]
fn placeholders_are_no_dates() {
    let placeholder = DateOutcome::Null(Some(Reason::Placeholder));
    for (text, expected) in [
        ("1900/1/1", placeholder),
        ("19000101", placeholder),
        ("00000000", DateOutcome::Null(None)),
        ("0000-00-00 00:00:00", DateOutcome::Null(None)),
        ("9999年12月31日", DateOutcome::OpenEnd),
        ("2099-12-31 23:59:59", DateOutcome::OpenEnd),
        ("长期有效", DateOutcome::OpenEnd),
    ] {
        assert_eq!(parse_date(text.as_bytes()), expected, "{text:?}");
    }
    assert_eq!(
        parse_timestamp("1970-01-01 08:00:01".as_bytes()),
        TimestampOutcome::Err(Reason::Placeholder)
    );
    assert_eq!(parse_timestamp(b"9999-12-31T23:59:59Z"), TimestampOutcome::OpenEnd);
}

#[test]
fn months_are_their_first_day() {
    for (text, expected, fixed) in [
        ("2019-12-01", "2019-12-01", false),
        ("2019-12-26", "2019-12-01", true),
        ("201912", "2019-12-01", true),
        ("201912.0", "2019-12-01", true),
        ("2019-12", "2019-12-01", true),
        ("2019年1月", "2019-01-01", true),
        ("20191226", "2019-12-01", true),
    ] {
        let expected = DateOutcome::Value { days: day(expected), fixed };
        assert_eq!(parse_month(text.as_bytes()), expected, "{text:?}");
    }
    assert_eq!(parse_month(b"201913"), DateOutcome::Err(Reason::Format));
    assert_eq!(parse_month(b"NULL"), DateOutcome::Null(None));
}

#[test]
fn instants_without_an_offset_are_in_shanghai() {
    time_is("2020-04-07T08:30:00.123456+08:00", "2020-04-07T08:30:00.123456+08:00", false);
    time_is("2020-04-07T00:30:00Z", "2020-04-07T08:30:00+08:00", false);
    time_is("2020-04-07 08:30:00", "2020-04-07T08:30:00+08:00", false);
    time_is("2020-04-07T08:30:00.1234567", "2020-04-07T08:30:00.123456+08:00", false);
    time_is("2020-04-07T08:30:00-0330", "2020-04-07T08:30:00-03:30", false);
    time_is("2020/4/7 8:30", "2020-04-07T08:30:00+08:00", true);
    time_is("2020年4月7日 8时30分5秒", "2020-04-07T08:30:05+08:00", true);
    time_is("2020年4月7日8时", "2020-04-07T08:00:00+08:00", true);
    time_is("20200407083000", "2020-04-07T08:30:00+08:00", true);
    time_is("1577289600", "2019-12-26T00:00:00+08:00", true);
    time_is("1577289600123", "2019-12-26T00:00:00.123+08:00", true);
    time_is("1577289600123456", "2019-12-26T00:00:00.123456+08:00", true);
    time_is("43825.354166667", "2019-12-26T08:30:00+08:00", true);
    time_is("2020-04-07", "2020-04-07T00:00:00+08:00", true);
    for text in ["2020-04-07T24:00:00Z", "2020-04-07T08:61:00Z", "2020-02-30T08:00:00Z"] {
        assert_eq!(
            parse_timestamp(text.as_bytes()),
            TimestampOutcome::Err(Reason::Range),
            "{text:?}"
        );
    }
}

#[test]
fn instants_are_written_in_shanghai() {
    let written = |micros| {
        let mut out = String::new();
        write_timestamp(micros, &mut out);
        out
    };
    assert_eq!(written(micros("2020-04-07T00:30:00Z")), "2020-04-07T08:30:00+08:00");
    assert_eq!(written(-1), "1970-01-01T07:59:59.999999+08:00");
}
