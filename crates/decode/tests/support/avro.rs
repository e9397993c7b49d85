//! Avro by hand: the encodings of the specification, and records behind an id.
#![allow(dead_code, reason = "each test takes what it needs")]

use huiliu_decode::Decoder;
use huiliu_model::schemas::{SchemaId, SchemaKind, WriterSchema};

/// A zigzag varint.
pub fn long(number: i64) -> Vec<u8> {
    let mut bits = ((number << 1) ^ (number >> 63)).cast_unsigned();
    let mut bytes = Vec::new();
    while bits >= 0x80 {
        bytes.push(u8::try_from(bits & 0x7f).expect("seven bits") | 0x80);
        bits >>= 7;
    }
    bytes.push(u8::try_from(bits).expect("seven bits"));
    bytes
}

/// Bytes behind their length; texts are the same.
pub fn bytes(content: &[u8]) -> Vec<u8> {
    [long(i64::try_from(content.len()).expect("short")), content.to_vec()].concat()
}

pub fn text(content: &str) -> Vec<u8> {
    bytes(content.as_bytes())
}

/// A branch of a union, with its value.
pub fn branch(index: i64, value: Vec<u8>) -> Vec<u8> {
    [long(index), value].concat()
}

/// A value behind the magic byte and an id.
pub fn framed(id: u32, value: &[u8]) -> Vec<u8> {
    [&[0][..], &id.to_be_bytes(), value].concat()
}

pub fn learn(decoder: &Decoder, id: u32, schema: &str) {
    learn_with(decoder, id, schema, &[]);
}

pub fn learn_with(decoder: &Decoder, id: u32, schema: &str, references: &[&str]) {
    let references = references.iter().map(|text| (*text).to_owned()).collect();
    let schema = WriterSchema { kind: SchemaKind::Avro, text: schema.to_owned(), references };
    decoder.learn(SchemaId(id), &schema);
}

/// A record of some fields, each as `"name": type`.
pub fn record(fields: &[(&str, &str)]) -> String {
    let fields: Vec<String> =
        fields.iter().map(|(name, of)| format!(r#"{{"name":"{name}","type":{of}}}"#)).collect();
    format!(r#"{{"type":"record","name":"Row","fields":[{}]}}"#, fields.join(","))
}
