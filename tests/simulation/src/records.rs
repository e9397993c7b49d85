//! Records of a seed, and what they mean.

use crate::broker::{Entry, Meaning};
use crate::chance::Chance;

const KEYS: i64 = 6;

/// A topic is `feed.<dataset>`, or `feed.<dataset>.b` for the second one of a dataset.
pub fn dataset_of(kafka_topic: &str) -> &str {
    let name = kafka_topic.strip_prefix("feed.").unwrap_or(kafka_topic);
    name.strip_suffix(".b").unwrap_or(name)
}

/// Writes records of all kinds for the datasets of a history.
#[derive(Debug)]
pub struct Writer {
    chance: Chance,
    seq: i64,
}

impl Writer {
    pub fn new(chance: Chance) -> Self {
        Self { chance, seq: 0 }
    }

    pub fn entry(&mut self, dataset: &str) -> Entry {
        match self.chance.within(0..20) {
            0 => Entry::Gap,
            1 => Entry::Record(None, Meaning::Tombstone),
            2 | 3 => Entry::Record(Some(self.bad(dataset)), Meaning::Bad),
            4 | 5 => self.change(dataset, true),
            _ => self.change(dataset, false),
        }
    }

    fn bad(&mut self, dataset: &str) -> String {
        match self.chance.within(0..3) {
            0 => "{not json".to_owned(),
            1 => format!(r#"{{"v":1,"ds":"{dataset}","op":"?","seq":1,"after":{{}}}}"#),
            _ => format!(r#"{{"v":9,"ds":"{dataset}","op":"u","seq":1,"after":{{}}}}"#),
        }
    }

    fn key(&self) -> String {
        format!("k{}", self.chance.within(0..KEYS))
    }

    /// Mostly the next sequence; sometimes one that was, or comes, out of turn.
    fn sequence(&mut self) -> i64 {
        self.seq += 1;
        match self.chance.within(0..5) {
            0 => self.chance.within(0..self.seq + 3),
            _ => self.seq,
        }
    }

    fn change(&mut self, dataset: &str, moves: bool) -> Entry {
        let (seq, key) = (self.sequence(), self.key());
        let status = format!("s{}", self.chance.within(0..1_000));
        let before = self.key();
        let key_before = (moves && before != key).then_some(before);
        let op = match (moves, self.chance.within(0..10)) {
            (true, _) => 'u',
            (_, 0 | 1) => 'd',
            (_, 2 | 3) => 'r',
            (_, 4 | 5) => 'c',
            _ => 'u',
        };
        let image = |key: &str| format!(r#"{{"account_no":"{key}","status":"{status}"}}"#);
        let (before, after) = match (op, &key_before) {
            ('d', _) => (image(&key), "null".to_owned()),
            ('u', Some(before)) => (image(before), image(&key)),
            _ => ("null".to_owned(), image(&key)),
        };
        let images = format!(r#""before":{before},"after":{after}"#);
        let head = format!(r#""v":1,"ds":"{dataset}","op":"{op}","seq":{seq}"#);
        let text = format!("{{{head},{images}}}");
        Entry::Record(Some(text), Meaning::Change { op, seq, key, key_before, status })
    }
}
