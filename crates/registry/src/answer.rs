//! Answers of a registry, and what they mean.

use huiliu_model::schemas::SchemaKind;
use huiliu_model::{Error, ErrorKind};
use reqwest::StatusCode;
use serde::Deserialize;

/// A schema as it is answered by id, or by subject and version.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    pub schema: String,
    #[serde(rename = "schemaType")]
    schema_type: Option<String>,
    #[serde(default)]
    pub references: Vec<Reference>,
}

/// A schema that another one uses, by the subject under which it is registered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Reference {
    pub subject: String,
    pub version: i64,
}

#[derive(Debug, Deserialize)]
struct Refusal {
    error_code: i64,
}

impl Answer {
    /// A registry says nothing of Avro, its first kind.
    pub fn kind(&self) -> SchemaKind {
        match self.schema_type.as_deref() {
            None | Some("AVRO") => SchemaKind::Avro,
            Some(_) => SchemaKind::Other,
        }
    }

    /// What a status and a body say; `None`: there is no such schema.
    ///
    /// # Errors
    /// `Denied` when we are refused; `Unavailable` for everything that is not the answer of a
    /// registry, such as the page of a proxy. The texts name the question, not the body.
    pub fn read(question: &str, status: StatusCode, body: &[u8]) -> Result<Option<Self>, Error> {
        let code = serde_json::from_slice::<Refusal>(body).ok().map(|refusal| refusal.error_code);
        match status {
            StatusCode::OK => serde_json::from_slice(body).map(Some).map_err(|e| {
                unavailable(format!("{question}: the answer is no schema")).because(e)
            }),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let text = format!("{question}: the schema registry refuses us ({status})");
                Err(Error::new(ErrorKind::Denied, text)
                    .help("check `schema_registry.username` and `.password`"))
            }
            // Subject, version or schema not found, in the registry's own words.
            StatusCode::NOT_FOUND if matches!(code, Some(40_401..=40_403)) => Ok(None),
            StatusCode::NOT_FOUND => {
                Err(unavailable(format!("{question}: 404, but not from a schema registry"))
                    .help("check `schema_registry.url`"))
            }
            status => Err(unavailable(format!("{question}: the schema registry answers {status}"))),
        }
    }
}

pub(crate) fn unavailable(text: String) -> Error {
    Error::new(ErrorKind::Unavailable, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Result<Option<String>, ErrorKind> {
        let status = StatusCode::from_u16(status).expect("a status");
        Answer::read("q", status, body.as_bytes())
            .map(|found| found.map(|answer| answer.schema))
            .map_err(|error| error.kind)
    }

    #[test]
    fn only_a_registry_can_say_that_an_id_is_unknown() {
        let unknown = r#"{"error_code":40403,"message":"Schema not found"}"#;
        for (status, body, expected) in [
            (200, r#"{"schema":"\"long\""}"#, Ok(Some("\"long\"".to_owned()))),
            (404, unknown, Ok(None)),
            (404, "<html>not found</html>", Err(ErrorKind::Unavailable)),
            (404, r#"{"error_code":404,"message":"HTTP 404"}"#, Err(ErrorKind::Unavailable)),
            (200, "<html>login</html>", Err(ErrorKind::Unavailable)),
            (401, "", Err(ErrorKind::Denied)),
            (403, unknown, Err(ErrorKind::Denied)),
            (500, r#"{"error_code":50001}"#, Err(ErrorKind::Unavailable)),
            (503, "", Err(ErrorKind::Unavailable)),
        ] {
            assert_eq!(read(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_schema_is_avro_unless_it_says_otherwise() {
        let kind = |body: &str| serde_json::from_str::<Answer>(body).map(|a| a.kind()).ok();
        assert_eq!(kind(r#"{"schema":"x"}"#), Some(SchemaKind::Avro));
        assert_eq!(kind(r#"{"schema":"x","schemaType":"AVRO"}"#), Some(SchemaKind::Avro));
        assert_eq!(kind(r#"{"schema":"x","schemaType":"JSON"}"#), Some(SchemaKind::Other));
    }
}
