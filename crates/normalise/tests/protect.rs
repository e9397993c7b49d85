//! What is written under each policy, and what never is.

mod made;

use huiliu_model::contract::{MaskKind, NamedRule, OnFail, Rule};
use huiliu_model::{Column, Contract, DataType, Op, Protect, Reason};
use huiliu_normalise::{Crypto, Protection};
use made::Given::{Null, Number, Text};
use made::{Chunk, binary, bytes_of, column, contract, holds, keys, normaliser, ruled, shown};

const PERSON: &str = "11010519491231002X";
const FIRM: &str = "91500103MBXFL1AN30";
const SECRETS: [&str; 6] =
    [PERSON, "王大锤", "渝中区人民路232号", "13812345678", "4242.42", "BADKEY-77"];

fn token(kind: &str) -> Protect {
    Protect::Token { kind: kind.into(), keep_uscc: true }
}

fn protected() -> Contract {
    let with = |protect, column| Column { protect, ..column };
    let strict = Column {
        on_fail: OnFail::Reject,
        ..ruled("level", DataType::Integer, vec![Rule::AtMost(9.0)])
    };
    contract(
        vec![
            with(
                token("person"),
                ruled("holder", DataType::String, vec![Rule::Named(NamedRule::HolderCode)]),
            ),
            column("bill_no", DataType::String),
            with(Protect::Mask(MaskKind::Name), column("name", DataType::String)),
            with(Protect::Encrypt, column("address", DataType::String)),
            with(Protect::Drop, column("phone", DataType::String)),
            with(Protect::Encrypt, column("amount", DataType::Decimal { precision: 14, scale: 2 })),
            strict,
        ],
        vec![0, 1],
    )
}

fn filled() -> Chunk {
    let mut chunk = Chunk::new(7);
    let person = [
        Text(PERSON),
        Text("B1"),
        Text("王大锤"),
        Text("渝中区人民路232号"),
        Text("13812345678"),
        Number("4242.42"),
        Null,
    ];
    chunk.row(Op::Create, &person);
    chunk.row(Op::Update, &[Text(FIRM), Text("B2"), Null, Null, Null, Null, Null]);
    let mut strict = person;
    strict[6] = Number("10");
    chunk.row(Op::Create, &strict);
    let mut bad_key = person;
    bad_key[0] = Text("BADKEY-77");
    chunk.row(Op::Create, &bad_key);
    chunk.rejected(SECRETS.join("|").as_bytes(), Reason::NotJson);
    chunk
}

#[test]
fn each_policy_stores_what_it_says() {
    let crypto = Crypto::new(&keys());
    let normaliser = normaliser(protected(), Protection::Keys(keys()));
    let rows = filled().prepare(&normaliser).rows.expect("two rows");
    let schema = rows.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let stored = ["holder", "holder_enc", "bill_no", "name", "address_enc", "amount_enc", "level"];
    assert_eq!(names[..7], stored);

    let token = crypto.tokeniser("person").token(PERSON);
    assert_eq!(shown(&rows, "holder"), [token.as_str(), FIRM]);
    assert_eq!(shown(&rows, "name"), ["王**", "-"]);
    let open = |column: &str, stored: &str, row| {
        let sealed = binary(&rows, stored, row)?;
        let opened = crypto.open("test_set", column, sealed).expect("sealed for this column");
        Some(String::from_utf8(opened).expect("text"))
    };
    assert_eq!(open("holder", "holder_enc", 0).as_deref(), Some(PERSON));
    assert_eq!(open("holder", "holder_enc", 1), None, "a public code is not sealed");
    assert_eq!(open("address", "address_enc", 0).as_deref(), Some("渝中区人民路232号"));
    assert_eq!(open("amount", "amount_enc", 0).as_deref(), Some("4242.42"));
    assert_eq!(open("amount", "amount_enc", 1), None);
    // The bucket is that of the stored key.
    let bucket = huiliu_normalise::bucket_of_texts(&[token.as_str(), "B1"], 16);
    assert_eq!(shown(&rows, "sys_bucket")[0], bucket.to_string());
}

#[test]
fn planted_secrets_are_in_no_byte_that_is_written() {
    let normaliser = normaliser(protected(), Protection::Keys(keys()));
    let prepared = filled().prepare(&normaliser);
    let rejects = prepared.rejects.as_ref().expect("three rejects");
    assert_eq!(rejects.num_rows(), 3);
    let written = [bytes_of(prepared.rows.as_ref().expect("rows")), bytes_of(rejects)].concat();
    assert!(holds(&written, FIRM.as_bytes()), "the search finds what is there");
    for secret in SECRETS {
        assert!(!holds(&written, secret.as_bytes()), "{secret}");
    }
    let shown = format!("{:?}{:?}{normaliser:?}", prepared.quality, prepared.reject_counts);
    assert!(!SECRETS.iter().any(|secret| shown.contains(secret)));
}

#[test]
fn rejects_are_sealed_under_keys_and_dropped_without() {
    let chunk = filled();
    let keyed = normaliser(protected(), Protection::Keys(keys()));
    let rejects = chunk.prepare(&keyed).rejects.expect("three");
    assert_eq!(shown(&rejects, "raw_key_id"), ["hub-1", "hub-1", "hub-1"]);
    // `openssl dgst -sm3 -mac HMAC` twice: the label under the token key, the record under that.
    let digest = "2aac7e270aa611370cfba363513c49c45ee8ddb03ca5f11eb64a13f1732d2de5";
    assert_eq!(shown(&rejects, "raw_sm3")[2], digest);
    let sealed = binary(&rejects, "raw", 2).expect("sealed");
    let opened = Crypto::new(&keys()).open("quarantine.test_set", "raw", sealed);
    assert_eq!(opened.expect("sealed for quarantine"), SECRETS.join("|").as_bytes());

    let mut open = protected();
    for column in &mut open.columns {
        column.protect = Protect::Keep;
    }
    open.columns[2].protect = Protect::Mask(MaskKind::Name);
    let keyless = normaliser(open, Protection::Keyless);
    let prepared = chunk.prepare(&keyless);
    let rejects = prepared.rejects.expect("three");
    assert_eq!(binary(&rejects, "raw", 2), None);
    assert_eq!(shown(&rejects, "raw_sm3")[2].len(), 64);
    assert_eq!(shown(&prepared.rows.expect("two"), "name")[0], "王**", "masks need no key");
}

#[test]
fn a_plain_lake_stores_the_contract_as_it_is() {
    let normaliser = normaliser(protected(), Protection::Plain);
    let rows = filled().prepare(&normaliser).rows.expect("two rows");
    assert_eq!(shown(&rows, "holder"), [PERSON, FIRM]);
    assert_eq!(shown(&rows, "phone"), ["13812345678", "-"]);
    assert_eq!(shown(&rows, "amount"), ["4242.42", "-"]);
    assert!(rows.column_by_name("holder_enc").is_none());
}

#[test]
fn the_same_records_give_the_same_bytes() {
    let normaliser = normaliser(protected(), Protection::Keys(keys()));
    let (first, second) = (filled().prepare(&normaliser), filled().prepare(&normaliser));
    assert_eq!(first.rows, second.rows);
    assert_eq!(first.rejects, second.rejects);
    let bytes =
        |prepared: &huiliu_normalise::Prepared| bytes_of(prepared.rows.as_ref().expect("rows"));
    assert_eq!(bytes(&first), bytes(&second));
}
