//! What can be typed, and what is refused.

use super::*;
use clap::CommandFactory;
use clap::error::ErrorKind;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

#[test]
fn the_argument_table_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_verb_has_examples_in_its_help() {
    for verb in Cli::command().get_subcommands() {
        let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
        let name = verb.get_name();
        assert!(help.contains(&format!("huiliu {name}")), "{name} has no example");
    }
}

#[test]
fn global_flags_may_follow_the_verb() {
    let cli = parse("huiliu run --lake s3://b/l --quiet --protection plain").expect("valid");
    assert_eq!(cli.global.lake.as_deref(), Some("s3://b/l"));
    assert_eq!(cli.global.protection, Some(Protection::Plain));
    assert!(cli.global.quiet);
}

#[test]
fn a_near_flag_is_suggested() {
    let error = parse("huiliu status --ofline").expect_err("unknown flag");
    assert_eq!(error.kind(), ErrorKind::UnknownArgument);
    assert!(error.to_string().contains("--offline"), "{error}");
}

#[test]
fn a_near_verb_is_suggested() {
    let error = parse("huiliu refesh").expect_err("unknown verb");
    assert_eq!(error.kind(), ErrorKind::InvalidSubcommand);
    assert!(error.to_string().contains("refresh"), "{error}");
}

#[test]
fn rule_needs_a_name_unless_it_lists() {
    assert_eq!(
        parse("huiliu rule").expect_err("no name").kind(),
        ErrorKind::MissingRequiredArgument
    );
    parse("huiliu rule --list").expect("valid");
    parse("huiliu rule uscc --stdin").expect("valid");
    assert!(parse("huiliu rule uscc a --stdin").is_err());
}

#[test]
fn refresh_takes_a_date_and_parameters() {
    let cli = parse("huiliu refresh a.b --as-of 2020-12-31 --param low=5 --param t=a=b");
    let Command::Refresh(args) = cli.expect("valid").command else { panic!("refresh") };
    assert_eq!(args.as_of, NaiveDate::from_ymd_opt(2020, 12, 31).expect("a date"));
    let expected = [("low", "5"), ("t", "a=b")].map(|(n, v)| (n.to_owned(), v.to_owned()));
    assert_eq!(args.parameters, expected);
    assert!(parse("huiliu refresh --as-of 2020-02-30").is_err());
    assert!(parse("huiliu refresh --as-of 2020-12-31 --param low").is_err());
}

#[test]
fn the_ways_of_a_refresh_and_the_size_of_a_sample_can_be_said() {
    let parsed = parse("huiliu refresh --as-of 2020-12-31 --full --explain").expect("valid");
    let Command::Refresh(args) = parsed.command else { panic!("refresh") };
    assert!(args.full && args.explain);
    let Command::Verify(args) = parse("huiliu verify a.b --sample 9").expect("valid").command
    else {
        panic!("verify")
    };
    assert_eq!(args.sample, Some(9));
    assert!(parse("huiliu verify --sample 0").is_err());
    assert!(parse("huiliu run --once --no-refresh").is_err());
}

#[test]
fn dirt_is_scaled_between_none_and_twenty_times() {
    assert_eq!(scale("0"), Ok(0.0));
    assert_eq!(scale("2.5"), Ok(2.5));
    for wrong in ["-0.1", "21", "NaN", "much"] {
        assert!(scale(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_admin_port_can_be_turned_off() {
    let address = |line| match parse(line).expect("valid").command {
        Command::Run(args) => args.admin,
        other => panic!("{other:?}"),
    };
    assert_eq!(address("huiliu run --admin off"), Some(AdminAddress::Off));
    let at = SocketAddr::from(([127, 0, 0, 1], 9));
    assert_eq!(address("huiliu run --admin 127.0.0.1:9"), Some(AdminAddress::At(at)));
    assert_eq!(address("huiliu run"), None);
    assert!(parse("huiliu run --admin nowhere").is_err());
}

#[test]
fn the_form_of_an_answer_has_one_short_flag_everywhere() {
    for line in [
        "huiliu status -o json",
        "huiliu rule uscc x -o ndjson",
        "huiliu query q -o csv",
        "huiliu validate -o json",
        "huiliu version -o json",
    ] {
        assert!(parse(line).is_ok(), "{line}");
    }
}

#[test]
fn flags_may_follow_the_values_of_a_rule() {
    let cli = parse("huiliu rule uscc a b --output ndjson").expect("valid");
    let Command::Rule(args) = cli.command else { panic!("rule") };
    let values = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!((args.values, args.output), (values, Some(Lines::Ndjson)));
    let Command::Rule(args) = parse("huiliu rule text -- -- -x").expect("valid").command else {
        panic!("rule")
    };
    assert_eq!(args.values, ["--", "-x"]);
}

#[test]
fn load_takes_files_and_says_what_plain_rows_are() {
    let line = "huiliu load water_bill a.csv - --seq 7 --op upsert --encoding gbk --dry-run \
                --event-time 2020-12-31T00:00:00+08:00 -o json";
    let Command::Load(args) = parse(line).expect("valid").command else { panic!("load") };
    assert_eq!(args.files, [PathBuf::from("a.csv"), PathBuf::from("-")]);
    assert_eq!((args.seq, args.op, args.dry_run), (7, PlainOp::Upsert, true));
    assert_eq!(args.encoding, Some(TextEncoding::Gb18030));
    // date -d 2020-12-31T00:00:00+08:00 +%s
    assert_eq!(args.event_time.map(|at| at.timestamp()), Some(1_609_344_000));
    let Command::Load(args) = parse("huiliu load a b").expect("valid").command else {
        panic!("load")
    };
    assert_eq!((args.seq, args.op, args.format), (0, PlainOp::Read, None));
    for wrong in
        ["huiliu load a", "huiliu load a b --event-time 2020-12-31", "huiliu load a b --format xls"]
    {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_purge_names_who_and_why_or_is_only_tried() {
    let line = "huiliu subject purge watch --as Li --why over -o json";
    let Command::Subject(args) = parse(line).expect("valid").command else { panic!("subject") };
    let SubjectCommand::Purge(args) = args.command else { panic!("another verb") };
    assert_eq!((args.subject.as_str(), args.dry_run), ("watch", false));
    assert_eq!((args.name.as_deref(), args.why.as_deref()), (Some("Li"), Some("over")));
    parse("huiliu subject purge watch --dry-run").expect("valid");
    for wrong in [
        "huiliu subject purge watch",
        "huiliu subject purge watch --as Li",
        "huiliu subject purge watch --why over",
        "huiliu subject purge --dry-run",
        "huiliu subject",
    ] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn explain_takes_a_table_and_a_key_in_one_or_more_arguments() {
    let line = "huiliu explain a.b 1,2 --column c --limit 5 -o json";
    let Command::Explain(args) = parse(line).expect("valid").command else { panic!("explain") };
    assert_eq!((args.table.as_str(), args.key), ("a.b", vec!["1,2".to_owned()]));
    assert_eq!((args.column.as_deref(), args.limit), (Some("c"), 5));
    assert_eq!(args.output.form, Lines::Json);
    let Command::Explain(args) = parse("huiliu explain a.b x=1 y=2").expect("valid").command else {
        panic!("explain")
    };
    assert_eq!((args.key.len(), args.limit), (2, 20));
    for wrong in ["huiliu explain", "huiliu explain a.b", "huiliu explain a.b 1 --limit many"] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}
