//! Vectors: `crypto_vectors.json` (gmssl and OpenSSL agree) and RFC 8998 for SM4-GCM.

use super::*;
use aes_gcm::aead::{AeadInOut, consts::U12};
use aes_gcm::{AesGcm, Nonce};
use huiliu_model::ErrorKind;
use serde_json::Value;
use sm4::Sm4;
use sm4::cipher::BlockCipherEncrypt;

type Sm4Gcm = AesGcm<Sm4, U12>;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../tests/data/crypto_vectors.json")).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    let pair = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(pair).collect()
}

fn keys() -> Keys {
    Keys { id: "hub-1".into(), token: [1; 32], encrypt: [7; 16], older: vec![] }
}

fn block(cipher: &Sm4, bytes: &[u8]) -> Vec<u8> {
    let mut block = sm4::cipher::Block::<Sm4>::try_from(bytes).unwrap();
    cipher.encrypt_block(&mut block);
    block.to_vec()
}

#[test]
fn sm3_agrees_with_the_vectors() {
    for vector in vectors()["sm3"].as_array().unwrap() {
        let text = vector["utf8"].as_str().unwrap();
        assert_eq!(sm3_hex(text.as_bytes()).as_str(), vector["sm3"].as_str().unwrap());
    }
}

#[test]
fn hmac_sm3_agrees_with_the_vectors() {
    for vector in vectors()["hmac_sm3"].as_array().unwrap() {
        let mut mac = hmac_sm3(&unhex(vector["key_hex"].as_str().unwrap()));
        mac.update(vector["msg"].as_str().unwrap().as_bytes());
        let made = Hex::of(&mac.finalize().into_bytes());
        assert_eq!(made.as_str(), vector["hmac_sm3"].as_str().unwrap());
    }
}

#[test]
fn sm4_agrees_with_the_vectors_in_every_mode() {
    for vector in vectors()["sm4"].as_array().unwrap() {
        let text = |name: &str| vector[name].as_str().unwrap_or_default();
        let key: [u8; 16] = unhex(text("key")).try_into().unwrap();
        let cipher = Sm4::new(&key.into());
        let plain = text("plain_utf8").as_bytes();
        let made = match text("mode") {
            "ECB no padding" => block(&cipher, &unhex(text("plain"))),
            "CTR" => {
                let start = u128::from_be_bytes(unhex(text("iv")).try_into().unwrap());
                let stream = (0..).flat_map(|n| block(&cipher, &(start + n).to_be_bytes()));
                plain.iter().zip(stream).map(|(byte, mask)| byte ^ mask).collect()
            }
            "CBC PKCS7" => {
                let padding = 16 - plain.len() % 16;
                let mut padded = plain.to_vec();
                padded.resize(plain.len() + padding, u8::try_from(padding).unwrap());
                let (mut last, mut made) = (unhex(text("iv")), Vec::new());
                for part in padded.chunks(16) {
                    let mixed: Vec<u8> = part.iter().zip(&last).map(|(a, b)| a ^ b).collect();
                    last = block(&cipher, &mixed);
                    made.extend_from_slice(&last);
                }
                made
            }
            other => panic!("unknown mode {other}"),
        };
        assert_eq!(made, unhex(text("cipher")), "{}", text("mode"));
    }
}

#[test]
fn sm4_gcm_agrees_with_rfc_8998() {
    let key: [u8; 16] = unhex("0123456789abcdeffedcba9876543210").try_into().unwrap();
    let nonce = Nonce::<U12>::try_from(&unhex("00001234567800000000abcd")[..]).unwrap();
    let associated = unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    let mut body = unhex(concat!(
        "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd",
        "eeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa",
    ));
    let cipher = Sm4Gcm::new(&key.into());
    let tag =
        cipher.encrypt_inout_detached(&nonce, &associated, body.as_mut_slice().into()).unwrap();
    let expected = concat!(
        "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735",
        "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d",
    );
    assert_eq!(body, unhex(expected));
    assert_eq!(tag.to_vec(), unhex("83de3541e4c2b58177e065a9bf7b62ec"));
}

#[test]
fn a_token_is_the_hmac_of_kind_and_value() {
    let token = Crypto::new(&keys()).tokeniser("resident_id").token("11010519491231002X");
    let mut mac = hmac_sm3(&[1; 32]);
    mac.update("resident_id|11010519491231002X".as_bytes());
    assert_eq!(token, Hex::of(&mac.finalize().into_bytes()));
    let other = Crypto::new(&keys()).tokeniser("account").token("11010519491231002X");
    assert_ne!(token, other);
}

#[test]
fn a_sealed_value_opens_in_its_own_column_only() {
    let crypto = Crypto::new(&keys());
    let origin = Origin { partition: 3, offset: 42, ordinal: 0 };
    let mut sealed = Vec::new();
    let long = "重庆市渝中区人民路232号".repeat(40);
    let lengths = [0, 1, 15, 16, 17, 31, 32, 33, 47, 48, 49, 64, 111, 112, 113, 1_000];
    let plains = lengths.map(|length| &long[..long.floor_char_boundary(length)]);
    for plain in plains.into_iter().chain(["11010519491231002X"]) {
        crypto.sealer("np_person", "address").seal(origin, plain.as_bytes(), &mut sealed);
        assert_eq!(sealed.len(), plain.len() + SEAL_OVERHEAD_BYTES);
        let opened = crypto.open("np_person", "address", &sealed).unwrap();
        assert_eq!(opened, plain.as_bytes());
        assert!(crypto.open("np_person", "name", &sealed).is_err());
        assert!(crypto.open("np_family", "address", &sealed).is_err());
        let other = Keys { encrypt: [8; 16], ..keys() };
        assert!(Crypto::new(&other).open("np_person", "address", &sealed).is_err());
    }
}

#[test]
fn damaged_ciphertexts_are_refused_and_never_panic() {
    let crypto = Crypto::new(&keys());
    let origin = Origin { partition: 0, offset: 0, ordinal: 0 };
    let mut sealed = Vec::new();
    crypto.sealer("d", "c").seal(origin, b"value", &mut sealed);
    for at in 0..sealed.len() {
        let mut damaged = sealed.clone();
        damaged[at] ^= 1;
        let error = crypto.open("d", "c", &damaged).expect_err("one bit differs");
        // A changed fingerprint is that of another key.
        let kind = if (1..5).contains(&at) { ErrorKind::Invalid } else { ErrorKind::Corrupt };
        assert_eq!(error.kind, kind, "{at}");
        assert!(crypto.open("d", "c", &sealed[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn nonces_differ_by_place_and_by_value_and_repeat_on_replay() {
    let crypto = Crypto::new(&keys());
    let nonce = |dataset: &str, column: &str, place: (i32, i64, i32), plain: &str| {
        let (partition, offset, ordinal) = place;
        let mut sealed = Vec::new();
        let origin = Origin { partition, offset, ordinal };
        crypto.sealer(dataset, column).seal(origin, plain.as_bytes(), &mut sealed);
        sealed[5..17].to_vec()
    };
    let nonces = [
        nonce("d", "c", (0, 7, 0), "a"),
        nonce("e", "c", (0, 7, 0), "a"),
        nonce("d", "k", (0, 7, 0), "a"),
        nonce("d", "c", (1, 7, 0), "a"),
        nonce("d", "c", (0, 8, 0), "a"),
        nonce("d", "c", (0, 7, 1), "a"),
        nonce("d", "c", (0, 7, 0), "b"),
    ];
    let distinct: std::collections::BTreeSet<_> = nonces.iter().collect();
    assert_eq!(distinct.len(), nonces.len());
    assert_eq!(nonces[0], nonce("d", "c", (0, 7, 0), "a"));
}

/// Sealed by the cipher of RFC 8998 above, put together by hand.
fn sealed_by_hand(head: &[u8], key: [u8; 16], place: &str, plain: &str) -> Vec<u8> {
    let nonce = Nonce::<U12>::from([9; 12]);
    let mut body = plain.as_bytes().to_vec();
    let tag = Sm4Gcm::new(&key.into())
        .encrypt_inout_detached(&nonce, place.as_bytes(), body.as_mut_slice().into())
        .unwrap();
    [head, &nonce, &body, &tag].concat()
}

/// The first bytes of SM3("huiliu/key/1|hub-1"), by `openssl dgst -sm3`.
const HUB_1: [u8; 4] = [0xf4, 0x38, 0x49, 0x33];

fn rotated() -> Keys {
    Keys { id: "hub-2".into(), encrypt: [8; 16], older: vec![("hub-1".into(), [7; 16])], ..keys() }
}

#[test]
fn a_sealed_value_names_its_key() {
    let mut sealed = Vec::new();
    let origin = Origin { partition: 0, offset: 1, ordinal: 0 };
    Crypto::new(&keys()).sealer("d", "c").seal(origin, b"v", &mut sealed);
    assert_eq!((sealed[0], &sealed[1..5]), (2, &HUB_1[..]));
    assert_eq!(Fingerprint::of("hub-1").to_string(), "f4384933");
}

#[test]
fn values_sealed_before_a_rotation_still_open_and_new_ones_take_the_new_key() {
    let crypto = Crypto::new(&rotated());
    assert_eq!(crypto.key_id(), "hub-2");
    let head = [&[2], &HUB_1[..]].concat();
    let old = sealed_by_hand(&head, [7; 16], "np_person|address", "before");
    assert_eq!(crypto.open("np_person", "address", &old).unwrap(), b"before");
    let mut sealed = Vec::new();
    let origin = Origin { partition: 0, offset: 1, ordinal: 0 };
    crypto.sealer("np_person", "address").seal(origin, b"after", &mut sealed);
    assert_eq!(crypto.open("np_person", "address", &sealed).unwrap(), b"after");
    let error = Crypto::new(&keys()).open("np_person", "address", &sealed).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    // Tokens are those of the token key, which does not rotate.
    let token = |keys: &Keys| Crypto::new(keys).tokeniser("person").token("1");
    assert_eq!(token(&keys()), token(&rotated()));
}

#[test]
fn a_value_of_the_nameless_version_opens_under_any_known_key() {
    for key in [[7; 16], [8; 16]] {
        let old = sealed_by_hand(&[1], key, "d|c", "before");
        assert_eq!(Crypto::new(&rotated()).open("d", "c", &old).unwrap(), b"before");
    }
    let other = sealed_by_hand(&[1], [6; 16], "d|c", "before");
    let error = Crypto::new(&rotated()).open("d", "c", &other).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt);
}

#[test]
fn a_dropped_key_is_named_with_what_to_do() {
    let head = [&[2], &HUB_1[..]].concat();
    let old = sealed_by_hand(&head, [7; 16], "np_person|address", "before");
    let dropped = Keys { older: vec![], ..rotated() };
    let error = Crypto::new(&dropped).open("np_person", "address", &old).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    let said = error.to_string();
    assert!(said.contains("np_person") && said.contains("f4384933"), "{said}");
    assert!(said.contains("`hub-2`"), "{said}");
    let help = error.help.expect("it says what to do");
    assert!(help.contains("keys.older") && help.contains("f4384933"), "{help}");
}

#[test]
fn keys_of_ids_with_one_fingerprint_are_told_apart_by_trial() {
    let older = vec![("hub-1".into(), [6; 16]), ("hub-1".into(), [7; 16])];
    let crypto = Crypto::new(&Keys { older, ..rotated() });
    let head = [&[2], &HUB_1[..]].concat();
    let old = sealed_by_hand(&head, [7; 16], "d|c", "before");
    assert_eq!(crypto.open("d", "c", &old).unwrap(), b"before");
}

/// By `openssl dgst -sm3 -mac HMAC` over the label, under 32 bytes of 1.
#[test]
fn the_token_key_has_a_name_that_other_keys_have_not() {
    assert_eq!(keys().token_key(), "5fea3fff8e7f558d");
    assert_ne!(Keys { token: [2; 32], ..keys() }.token_key(), keys().token_key());
    assert_eq!(Keys { encrypt: [2; 16], id: "x".into(), ..keys() }.token_key(), keys().token_key());
}

#[test]
fn keys_do_not_show_in_debug_output() {
    let shown = format!("{:?} {:?}", keys(), Crypto::new(&keys()));
    assert_eq!(shown, "Keys { id: \"hub-1\", .. } Crypto { key_id: \"hub-1\", .. }");
}
