//! `schema_registry:`: where the schemas of Avro records are, and how it is reached.

use super::Value;
use super::file::SchemaRegistryFile;
use crate::diagnostic::{Code, Diagnostic, Findings};
use crate::pipeline::text;
use crate::secret::{HOW_TO_REFER, Secret};
use secrecy::SecretString;
use std::path::{Path, PathBuf};
use url::Url;

/// References to a registry and its credentials.
#[derive(Debug, Clone)]
pub struct SchemaRegistry {
    pub url: String,
    pub username: Option<Value>,
    pub password: Option<Secret>,
    pub ca_location: Option<PathBuf>,
}

impl SchemaRegistry {
    /// User name and password in the clear, if they are said.
    ///
    /// # Errors
    /// The first secret that cannot be read.
    pub fn credentials(&self) -> Result<Option<(String, Option<SecretString>)>, Diagnostic> {
        let Some(username) = &self.username else { return Ok(None) };
        let password = self.password.as_ref().map(Secret::resolve).transpose()?;
        Ok(Some((username.resolve()?, password)))
    }
}

pub(super) fn build(
    file: &SchemaRegistryFile,
    folder: &Path,
    findings: &Findings,
) -> Option<SchemaRegistry> {
    let url = url(file, findings);
    let value = |name, read: &Option<_>, is_secret| {
        read.as_ref().and_then(|read| super::build::value(name, read, is_secret, findings))
    };
    let username = value("username", &file.username, false);
    let password = match value("password", &file.password, true) {
        Some(Value::Secret(secret)) => Some(secret),
        _ => None,
    };
    if let (Some(read), None) = (&file.password, &file.username) {
        let message = "`password` is given without `username`";
        findings.add(Code::MissingKey, read.at, message);
    }
    let ca_location = file.ca_location.as_ref();
    let ca_location = ca_location.and_then(|read| text(read, "location", findings));
    let ca_location = ca_location.map(|location| folder.join(location));
    Some(SchemaRegistry { url: url?, username, password, ca_location })
}

fn url(file: &SchemaRegistryFile, findings: &Findings) -> Option<String> {
    let said = text(&file.url, "url", findings)?;
    let url = Url::parse(&said).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    // The text is not repeated: it may hold a password.
    let Some(url) = url.filter(Url::has_host) else {
        let message = "`url` is no address of a schema registry";
        findings.add_with_help(Code::Malformed, file.url.at, message, "such as http://host:8081");
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        let message = "`url` holds credentials";
        let help = format!("write `username` and `password`; {HOW_TO_REFER}");
        findings.add_with_help(Code::PlainSecret, file.url.at, message, help);
        return None;
    }
    Some(said)
}
