//! Vectors: `crypto_vectors.json` (gmssl and OpenSSL agree) and RFC 8998 for SM4-GCM.

use super::*;
use serde_json::Value;
use sm4::cipher::BlockCipherEncrypt;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../tests/data/crypto_vectors.json")).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    let pair = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(pair).collect()
}

fn keys() -> Keys {
    Keys { id: "hub-1".into(), token: [1; 32], encrypt: [7; 16] }
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
    for plain in ["", "11010519491231002X", "重庆市渝中区人民路232号"] {
        crypto.sealer("np_person", "address").seal(origin, plain.as_bytes(), &mut sealed);
        assert_eq!(sealed.len(), plain.len() + SEAL_OVERHEAD_BYTES);
        assert_eq!(sealed[0], 1);
        let opened = crypto.open("np_person", "address", &sealed).unwrap();
        assert_eq!(opened, plain.as_bytes());
        assert!(crypto.open("np_person", "name", &sealed).is_err());
        assert!(crypto.open("np_family", "address", &sealed).is_err());
        let other = Keys { encrypt: [8; 16], ..keys() };
        assert!(Crypto::new(&other).open("np_person", "address", &sealed).is_err());
    }
}

#[test]
fn damaged_ciphertexts_are_corrupt_and_never_panic() {
    let crypto = Crypto::new(&keys());
    let origin = Origin { partition: 0, offset: 0, ordinal: 0 };
    let mut sealed = Vec::new();
    crypto.sealer("d", "c").seal(origin, b"value", &mut sealed);
    for at in 0..sealed.len() {
        let mut damaged = sealed.clone();
        damaged[at] ^= 1;
        let error = crypto.open("d", "c", &damaged).expect_err("one bit differs");
        assert_eq!(error.kind, ErrorKind::Corrupt);
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
        sealed[1..13].to_vec()
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

#[test]
fn keys_do_not_show_in_debug_output() {
    let shown = format!("{:?} {:?}", keys(), Crypto::new(&keys()));
    assert_eq!(shown, "Keys { id: \"hub-1\", .. } Crypto { key_id: \"hub-1\", .. }");
}
