//! Files as they come, and what is known of them before a row is read.

use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use huiliu_model::ErrorKind;
use huiliu_testkit::account_contract;

fn look_at(name: &str, bytes: &[u8]) -> Result<Delivery, Error> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("a file");
    let ask = Ask { path, kind: None, encoding: None, row_bytes_max: 1 << 20 };
    let (meter, stop) = (Arc::default(), CancellationToken::new());
    let found = examine(&ask, &account_contract(), &meter, &stop)?;
    Ok(found.expect("nobody stopped it"))
}

#[test]
fn a_file_is_named_by_the_sm3_of_its_bytes() {
    // GB/T 32905-2016, annex A.1: SM3("abc").
    let mut digest = Sm3::new();
    digest.update(b"abc");
    assert_eq!(digest.finalize()[..4], [0x66, 0xc7, 0xf0, 0xf4]);
    // printf 'account_no,status\n1,a\n' | openssl dgst -sm3
    let delivery = look_at("a.csv", b"account_no,status\n1,a\n").expect("a file");
    assert_eq!(delivery.sm3, SM3_OF_CSV);
    let partition = delivery.partition();
    assert_eq!(*partition.kafka_topic, format!("file/{}", &SM3_OF_CSV[..32]));
    assert_eq!((partition.number, delivery.bytes), (0, 22));
}

const SM3_OF_CSV: &str = "0fb2e1b1b3acde88c7e08da7217bf660a34233cbf613fe4a39e65e322844ef1b";

#[test]
fn encoding_delimiter_and_mark_are_found_out() {
    // 户号;状态 as Python's gb18030 writes it.
    let gbk = b"account_no;\xd7\xb4\xcc\xac\n1;\xd3\xe5\n";
    for (bytes, encoding, delimiter, preamble) in [
        ("account_no,status\n1,渝\n".as_bytes(), Encoding::Utf8, b',', 18),
        ("\u{feff}account_no\tstatus\n1\t渝\n".as_bytes(), Encoding::Utf8, b'\t', 21),
        ("\r\n\naccount_no,status\n1,a\n".as_bytes(), Encoding::Utf8, b',', 21),
        (gbk, Encoding::Gb18030, b';', 16),
    ] {
        let delivery = look_at("a.csv", bytes).expect("CSV");
        let layout = delivery.layout.as_ref().expect("a header");
        assert_eq!(delivery.encoding, Some(encoding));
        assert_eq!((layout.delimiter, delivery.preamble_bytes), (delimiter, preamble));
    }
    let delivery = look_at("a.csv", gbk).expect("CSV");
    assert_eq!(delivery.header.expect("a header").ignored, ["状态"]);
}

#[test]
fn the_first_object_tells_the_envelope_from_plain_rows() {
    let envelope = r#"{"v":1,"ds":"account","op":"c","seq":1,"after":{"account_no":"1"}}"#;
    for (text, expected) in [
        (envelope.to_owned(), Form::Envelope),
        (format!("broken\n{envelope}\n"), Form::Envelope),
        ("{\"account_no\":\"1\"}\n".to_owned(), Form::Plain),
    ] {
        let delivery = look_at("a.jsonl", text.as_bytes()).expect("JSON lines");
        assert_eq!(delivery.form, expected, "{text}");
        let format = delivery.contract(&account_contract()).format;
        assert_eq!(format == Format::Json, expected == Form::Plain);
    }
}

#[test]
fn packed_files_are_read_and_named_by_their_packed_bytes() {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(b"account_no,status\n1,a\n").expect("memory");
    let packed = packer.finish().expect("memory");
    let delivery = look_at("a.csv.gz", &packed).expect("CSV");
    assert_eq!((delivery.kind, delivery.bytes), (Kind::Csv, packed.len() as u64));
    assert_ne!(delivery.sm3, SM3_OF_CSV);
    let cut = &packed[..packed.len() - 9];
    assert_eq!(look_at("a.csv.gz", cut).expect_err("cut").kind, ErrorKind::Contract);
    let zstd = zstd::encode_all(&b"account_no\n1\n"[..], 1).expect("memory");
    assert_eq!(look_at("a.csv.zst", &zstd).expect("CSV").kind, Kind::Csv);
}

#[test]
fn files_without_a_row_of_the_dataset_are_refused_with_a_remedy() {
    for (name, bytes, said) in [
        ("a.csv", &b""[..], "is empty"),
        ("a.csv", b"account_no,status\n", "has a header and no row"),
        ("a.csv", b"account_no,status\r\n\r\n", "has a header and no row"),
        ("a.csv", b"x,y\n1,2\n", "no column of dataset `account`"),
        ("a.csv", b"status\na\n", "no column for the key"),
        ("a.csv", b"\"account_no,status\n1,a\n", "has no header line"),
        ("a.jsonl", b"{\n\"account_no\": 1\n}\n", "no line that is a JSON object"),
        ("a.jsonl", b"{\"x\":1}\n", "neither the envelope nor a column"),
        ("a.json", b"[{\"account_no\":1}]", "is one JSON array"),
        ("a.xlsx", b"PK\x03\x04\x14\0", "is a workbook"),
        ("a.parquet", b"PAR1\0\0\0\0PAR1", "is no sound Parquet"),
    ] {
        let error = look_at(name, bytes).expect_err(said);
        assert!(error.message.contains(said), "{said}: {}", error.message);
        assert_eq!(error.kind, ErrorKind::Contract);
        assert!(error.help.is_some(), "{said}");
    }
}

#[test]
fn files_that_cannot_be_read_say_why() {
    let (meter, stop) = (Arc::default(), CancellationToken::new());
    let folder = tempfile::tempdir().expect("a folder");
    for path in [folder.path().join("none.csv"), folder.path().to_path_buf()] {
        let ask = Ask { path, kind: None, encoding: None, row_bytes_max: 1 };
        let error = examine(&ask, &account_contract(), &meter, &stop).expect_err("no file");
        assert_eq!(error.kind, ErrorKind::Invalid, "{}", error.message);
        assert!(error.help.is_some());
    }
}
