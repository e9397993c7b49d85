//! The record of a refresh: how the rows of one version came to be, as it stands in the commit.

use crate::check::CheckOutcome;
use crate::locality::Locality;
use crate::port::Pin;
use huiliu_spec::table::Severity;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// How the rows of one version came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildRecord {
    /// Where each input stood: version of `changes` of a dataset, version of a subject table.
    pub inputs: BTreeMap<String, Pin>,
    /// Parameters as given.
    pub parameters: BTreeMap<String, String>,
    /// xxh3-64 of the query and everything else that decides the rows, hexadecimal.
    pub query_xxh3: String,
    /// What the checks found: in the whole table, or in the rows that were replaced.
    pub checks: Vec<CheckOutcome>,
    /// Rows of the table.
    pub row_count: u64,
    /// Identities whose rows were replaced; `None` when all were.
    pub identities: Option<u64>,
    /// Distinct identities of the table, as its last build in full counted them; `None` in the
    /// records of older releases.
    pub distinct: Option<u64>,
    /// What of the table is determined by its identity.
    pub locality: Locality,
}

impl BuildRecord {
    /// Version of every input.
    pub fn versions(&self) -> BTreeMap<String, i64> {
        self.inputs.iter().map(|(name, pin)| (name.clone(), pin.version)).collect()
    }

    /// The record as it stands in a commit.
    pub fn to_json(&self) -> Value {
        let places: Map<String, Value> = self
            .inputs
            .iter()
            .filter(|(_, pin)| !pin.place.is_null())
            .map(|(name, pin)| (name.clone(), pin.place.clone()))
            .collect();
        json!({
            "inputs": self.versions(),
            "places": places,
            "parameters": self.parameters,
            "query_xxh3": self.query_xxh3,
            "checks": self.checks.iter().map(check).collect::<Vec<_>>(),
            "row_count": self.row_count,
            "identities": self.identities,
            "distinct_identities": self.distinct,
            "locality": self.locality.to_json(),
        })
    }

    /// The record in a commit; `None` for text that is none, such as that of an older release,
    /// after which a table is built in full.
    pub fn from_json(value: &Value) -> Option<Self> {
        let places = value.get("places")?.as_object()?;
        let pin = |(name, version): (&String, &Value)| {
            let place = places.get(name).cloned().unwrap_or(Value::Null);
            Some((name.clone(), Pin { version: version.as_i64()?, place }))
        };
        let text =
            |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
        Some(Self {
            inputs: value.get("inputs")?.as_object()?.iter().map(pin).collect::<Option<_>>()?,
            parameters: value
                .get("parameters")?
                .as_object()?
                .iter()
                .map(text)
                .collect::<Option<_>>()?,
            query_xxh3: value.get("query_xxh3")?.as_str()?.to_owned(),
            checks: value.get("checks")?.as_array()?.iter().map(outcome).collect::<Option<_>>()?,
            row_count: value.get("row_count")?.as_u64()?,
            identities: value.get("identities")?.as_u64(),
            distinct: value.get("distinct_identities").and_then(Value::as_u64),
            locality: Locality::from_json(value.get("locality")?)?,
        })
    }
}

/// xxh3-64 of a text, hexadecimal.
pub fn digest(text: &str) -> String {
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()))
}

fn check(outcome: &CheckOutcome) -> Value {
    let severity = match outcome.severity {
        Severity::Fail => "fail",
        Severity::Warn => "warn",
    };
    json!({
        "name": outcome.name,
        "severity": severity,
        "offending_count": outcome.offending_count,
    })
}

fn outcome(value: &Value) -> Option<CheckOutcome> {
    Some(CheckOutcome {
        name: value.get("name")?.as_str()?.to_owned(),
        severity: match value.get("severity")?.as_str()? {
            "fail" => Severity::Fail,
            "warn" => Severity::Warn,
            _ => return None,
        },
        offending_count: value.get("offending_count")?.as_u64()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_from_its_commit_and_one_without_places_does_not() {
        let pin = Pin { version: 7, place: json!({"current": 3}) };
        let found =
            CheckOutcome { name: "large".into(), severity: Severity::Warn, offending_count: 2 };
        let record = BuildRecord {
            inputs: [("firm".to_owned(), pin)].into(),
            parameters: [("as_of".to_owned(), "2020-12-31".to_owned())].into(),
            query_xxh3: "00ff".into(),
            checks: vec![found],
            row_count: 3,
            identities: Some(2),
            distinct: Some(3),
            locality: Locality { obstacle: None, checks: ["large".to_owned()].into() },
        };
        assert_eq!(BuildRecord::from_json(&record.to_json()), Some(record.clone()));
        let mut older = record.to_json();
        older.as_object_mut().expect("an object").remove("places");
        assert_eq!(BuildRecord::from_json(&older), None);
    }
}
