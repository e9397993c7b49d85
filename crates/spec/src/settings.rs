//! `huiliu.yaml`: where the lake is, how Kafka and the store are reached, and the bounds.
//!
//! Settings are values: they hold references to secrets, never secrets, and can be printed.
//! [`Settings::kafka_properties`], [`Settings::store_options`] and [`Keys::resolve`] follow the
//! references when a component is wired.

mod build;
mod effective;
mod file;
mod maintenance;
mod registry;

pub use effective::{Effective, HIDDEN};
pub(crate) use file::SettingsFile;
pub use maintenance::Maintenance;
pub use registry::SchemaRegistry;

use crate::diagnostic::{Code, Diagnostic, Findings};
use crate::secret::Secret;
use crate::{read, tree};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Least memory with which a pipeline makes progress: a few batches and a fetch.
pub const MEMORY_BYTES_MIN: u64 = 32 << 20;

/// Settings of one installation.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The file they came from; none for the defaults.
    pub file: Option<PathBuf>,
    /// A directory, or a URL of an object store.
    pub lake: String,
    /// None when the settings do not say; see [`Settings::require_protection`].
    pub protection: Option<Protection>,
    pub keys: Option<Keys>,
    pub store: Store,
    pub kafka: Kafka,
    /// None when no registry is named; only Avro needs one.
    pub schema_registry: Option<SchemaRegistry>,
    /// Address of metrics, health and status.
    pub admin_bind: SocketAddr,
    /// Memory of the process; none when the settings do not say.
    pub memory_limit_bytes: Option<u64>,
    /// Temporary files of the process; none when the settings do not say.
    pub temporary_limit_bytes: Option<u64>,
    pub limits: Limits,
    pub maintenance: Maintenance,
    /// Directory of the pipeline files.
    pub pipelines: PathBuf,
    /// Directory of the subject databases.
    pub sql: PathBuf,
    /// A directory that was named must exist; the default one may be absent.
    pub sql_named: bool,
    /// Subject databases that are turned on or off here, whatever their own file says.
    pub subjects: BTreeMap<String, bool>,
}

/// Whether sensitive values are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    Plain,
    Keys,
}

/// References to the keys of the protection.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Names the active encryption key.
    pub id: String,
    pub token: Secret,
    pub encrypt: Secret,
    /// Encryption keys that only open; no two keys have one id.
    pub older: Vec<OlderKey>,
}

/// Reference to an encryption key that was active before.
#[derive(Debug, Clone)]
pub struct OlderKey {
    pub id: String,
    pub encrypt: Secret,
}

/// The keys themselves.
#[derive(Debug)]
pub struct SecretKeys {
    pub id: String,
    /// Key of the tokens (HMAC-SM3).
    pub token: SecretBox<[u8; 32]>,
    /// Key of the encryption (SM4-GCM).
    pub encrypt: SecretBox<[u8; 16]>,
    /// Older encryption keys by id, in the order of the settings.
    pub older: Vec<(String, SecretBox<[u8; 16]>)>,
}

/// A setting that may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Text(String),
    Secret(Secret),
}

impl Value {
    fn resolve(&self) -> Result<String, Diagnostic> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::Secret(secret) => Ok(secret.resolve()?.expose_secret().to_owned()),
        }
    }
}

/// Options of the object store, by the names object_store gives them.
#[derive(Debug, Clone, Default)]
pub struct Store {
    pub options: BTreeMap<String, Value>,
}

#[derive(Debug, Clone)]
pub struct Kafka {
    /// None when the settings do not say.
    pub bootstrap_servers: Option<String>,
    pub group: String,
    /// Properties of librdkafka beside the two above, security included.
    pub properties: BTreeMap<String, Value>,
}

/// Bounds on single records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub record_bytes_max: usize,
    pub nesting_max: usize,
}

impl Default for Limits {
    /// A mebibyte is Kafka's own default limit; no record of the domain nests deeper than 4.
    fn default() -> Self {
        Self { record_bytes_max: 1 << 20, nesting_max: 32 }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            file: None,
            lake: "lake".to_owned(),
            protection: None,
            keys: None,
            store: Store::default(),
            kafka: Kafka {
                bootstrap_servers: None,
                group: "huiliu".to_owned(),
                properties: BTreeMap::new(),
            },
            schema_registry: None,
            // The port that exporters of OpenTelemetry use; loopback, because it has no password.
            admin_bind: SocketAddr::from(([127, 0, 0, 1], 9464)),
            memory_limit_bytes: None,
            temporary_limit_bytes: None,
            limits: Limits::default(),
            maintenance: Maintenance::default(),
            pipelines: PathBuf::from("pipelines"),
            sql: PathBuf::from("sql"),
            sql_named: false,
            subjects: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// Reads a file of settings.
    ///
    /// # Errors
    /// All that is wrong in the file.
    pub fn load(path: &Path) -> Result<Self, Vec<Diagnostic>> {
        let text = crate::project::read_file(path).map_err(|found| vec![found])?;
        Self::parse(path, &text)
    }

    /// Parses settings; relative paths in them are relative to the folder of `path`.
    ///
    /// # Errors
    /// All that is wrong in the text.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let findings = Findings::new(path);
        let settings = tree::parse(text, &findings)
            .and_then(|node| read::read::<SettingsFile>(&node, &findings).value)
            .map(|file| build::build(&file, &findings));
        let found = findings.into_sorted();
        match settings {
            Some(settings) if found.is_empty() => Ok(settings),
            _ => Err(found),
        }
    }

    /// What the settings say about protection; a lake is not written before they do.
    ///
    /// # Errors
    /// That they do not say, and how to.
    pub fn require_protection(&self) -> Result<Protection, Diagnostic> {
        let file = self.file.clone().unwrap_or_else(|| PathBuf::from("huiliu.yaml"));
        self.protection.ok_or_else(|| {
            Diagnostic::of_file(Code::NotSaid, &file, "`protection` is not said").help(
                "write `protection: keys` and `keys:`, or `protection: plain` for a lake \
                 whose sensitive values may be read by all",
            )
        })
    }

    /// Properties of librdkafka, secrets in the clear. `bootstrap.servers` is absent when the
    /// settings do not say it.
    ///
    /// # Errors
    /// The first secret that cannot be read.
    pub fn kafka_properties(&self) -> Result<BTreeMap<String, String>, Diagnostic> {
        let mut properties = resolve(&self.kafka.properties)?;
        properties.insert("group.id".to_owned(), self.kafka.group.clone());
        if let Some(servers) = &self.kafka.bootstrap_servers {
            properties.insert("bootstrap.servers".to_owned(), servers.clone());
        }
        Ok(properties)
    }

    /// Options of the object store, secrets in the clear.
    ///
    /// # Errors
    /// The first secret that cannot be read.
    pub fn store_options(&self) -> Result<BTreeMap<String, String>, Diagnostic> {
        resolve(&self.store.options)
    }
}

fn resolve(values: &BTreeMap<String, Value>) -> Result<BTreeMap<String, String>, Diagnostic> {
    values.iter().map(|(name, value)| Ok((name.clone(), value.resolve()?))).collect()
}

impl Keys {
    /// Reads all keys.
    ///
    /// # Errors
    /// The key that cannot be read or is not hexadecimal text of the right length.
    pub fn resolve(&self) -> Result<SecretKeys, Diagnostic> {
        let older = |older: &OlderKey| Ok((older.id.clone(), key(&older.encrypt, "encrypt")?));
        Ok(SecretKeys {
            id: self.id.clone(),
            token: key(&self.token, "token")?,
            encrypt: key(&self.encrypt, "encrypt")?,
            older: self.older.iter().map(older).collect::<Result<_, Diagnostic>>()?,
        })
    }
}

fn key<const BYTES: usize>(
    secret: &Secret,
    name: &str,
) -> Result<SecretBox<[u8; BYTES]>, Diagnostic>
where
    [u8; BYTES]: secrecy::zeroize::Zeroize,
{
    let text: SecretString = secret.resolve()?;
    let mut bytes = Box::new([0_u8; BYTES]);
    let digits = text.expose_secret().trim().as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let wrong = || {
        secret.diagnostic(format!(
            "key `{name}` of {secret} is not {} hexadecimal digits ({BYTES} bytes)",
            2 * BYTES
        ))
    };
    if digits.len() != 2 * BYTES {
        return Err(wrong());
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let (high, low) = (digit(pair[0]).ok_or_else(wrong)?, digit(pair[1]).ok_or_else(wrong)?);
        *byte = high << 4 | low;
    }
    Ok(SecretBox::new(bytes))
}
