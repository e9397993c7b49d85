//! The shape of `huiliu.yaml`, as written; the doc comments are what editors show.

use crate::read::{Either, OneOrMany, Read, Scalar};
use crate::units::{Bytes, Span};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Text, or a reference to a secret.
pub(super) type TextOrSecret = Either<Scalar, SecretFile>;

/// Settings of one installation: lake, keys, store, Kafka and bounds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "settings", deny_unknown_fields)]
pub(crate) struct SettingsFile {
    /// Where the tables are: a directory, s3://bucket/prefix, az://… or gs://…
    pub lake: Option<Read<String>>,
    /// Whether sensitive values are protected under keys or written as they are. No default.
    pub protection: Option<Read<ProtectionWord>>,
    /// Keys of the protection.
    pub keys: Option<Read<KeysFile>>,
    /// How the object store is reached.
    pub store: Option<Read<StoreFile>>,
    /// How Kafka is reached.
    pub kafka: Option<Read<KafkaFile>>,
    /// Where the schemas of Avro records are.
    pub schema_registry: Option<Read<SchemaRegistryFile>>,
    /// Address of metrics, health and status.
    pub admin: Option<Read<AdminFile>>,
    /// Memory of the process.
    pub memory: Option<Read<MemoryFile>>,
    /// Temporary files of the process.
    pub temporary: Option<Read<TemporaryFile>>,
    /// Bounds on single records.
    pub limits: Option<Read<LimitsFile>>,
    /// How long what is kept, and how often the tables are looked after.
    pub maintenance: Option<Read<MaintenanceFile>>,
    /// Directory of the pipeline files. Default pipelines.
    pub pipelines: Option<Read<String>>,
    /// Directory of the subject databases. Default sql.
    pub sql: Option<Read<String>>,
    /// Subject databases to turn on or off, by name; without a word their own file decides.
    pub subjects: Option<Read<BTreeMap<String, Read<SubjectFile>>>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "subject_setting", deny_unknown_fields)]
pub(crate) struct SubjectFile {
    /// Whether its tables are built and shown.
    pub enabled: Read<bool>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename = "protection", rename_all = "snake_case")]
pub(crate) enum ProtectionWord {
    Plain,
    Keys,
}

/// A reference to a secret.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "secret", deny_unknown_fields)]
pub(crate) struct SecretFile {
    /// file:/path, env:NAME or exec:[command, argument].
    pub secret: Read<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "keys", deny_unknown_fields)]
pub(crate) struct KeysFile {
    /// Name of the active encryption key; sealed values carry its fingerprint.
    pub id: Read<String>,
    /// Key of the tokens: 32 bytes, 64 hexadecimal digits. It stays the same for a lake's life.
    pub token: Read<TextOrSecret>,
    /// Key of the encryption: 16 bytes, 32 hexadecimal digits.
    pub encrypt: Read<TextOrSecret>,
    /// Encryption keys that were active before: they open what was sealed then.
    pub older: Option<Read<Vec<Read<OlderKeyFile>>>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "older_key", deny_unknown_fields)]
pub(crate) struct OlderKeyFile {
    /// The id it had while it was active.
    pub id: Read<String>,
    /// 16 bytes, 32 hexadecimal digits.
    pub encrypt: Read<TextOrSecret>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "store", deny_unknown_fields)]
pub(crate) struct StoreFile {
    pub endpoint: Option<Read<String>>,
    pub region: Option<Read<String>>,
    pub access_key_id: Option<Read<TextOrSecret>>,
    pub secret_access_key: Option<Read<TextOrSecret>>,
    /// Allow an endpoint without TLS. Default false.
    pub allow_http: Option<Read<bool>>,
    /// Further options of object_store, by their names.
    pub options: Option<Read<BTreeMap<String, Read<TextOrSecret>>>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "kafka", deny_unknown_fields)]
pub(crate) struct KafkaFile {
    /// host:port, one or several.
    pub bootstrap_servers: Option<Read<OneOrMany>>,
    /// Consumer group. Default huiliu.
    pub group: Option<Read<String>>,
    pub security: Option<Read<SecurityFile>>,
    /// Further properties of librdkafka, by their names.
    pub properties: Option<Read<BTreeMap<String, Read<TextOrSecret>>>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "security", deny_unknown_fields)]
pub(crate) struct SecurityFile {
    pub protocol: Read<ProtocolWord>,
    /// Certificates of the authorities, PEM.
    pub ca_location: Option<Read<String>>,
    /// Certificate of this client, PEM.
    pub certificate_location: Option<Read<String>>,
    /// Key of this client, PEM.
    pub key_location: Option<Read<String>>,
    pub key_password: Option<Read<TextOrSecret>>,
    pub sasl: Option<Read<SaslFile>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename = "protocol", rename_all = "snake_case")]
pub(crate) enum ProtocolWord {
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

impl ProtocolWord {
    pub fn text(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Ssl => "ssl",
            Self::SaslPlaintext => "sasl_plaintext",
            Self::SaslSsl => "sasl_ssl",
        }
    }

    pub fn is_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "sasl", deny_unknown_fields)]
pub(crate) struct SaslFile {
    pub mechanism: Read<MechanismWord>,
    pub username: Read<TextOrSecret>,
    pub password: Read<TextOrSecret>,
}

/// Mechanisms that the linked librdkafka has.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename = "mechanism")]
pub(crate) enum MechanismWord {
    #[serde(rename = "PLAIN")]
    Plain,
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

impl MechanismWord {
    pub fn text(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "schema_registry", deny_unknown_fields)]
pub(crate) struct SchemaRegistryFile {
    /// Address, http:// or https://, without credentials.
    pub url: Read<String>,
    pub username: Option<Read<TextOrSecret>>,
    pub password: Option<Read<TextOrSecret>>,
    /// Certificates of the authorities, PEM, beside those of the system.
    pub ca_location: Option<Read<String>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "admin", deny_unknown_fields)]
pub(crate) struct AdminFile {
    /// Address and port. Default 127.0.0.1:9464.
    pub bind: Option<Read<String>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "memory", deny_unknown_fields)]
pub(crate) struct MemoryFile {
    /// Memory of the process. Default: that of its control group up to 4GiB, else 1GiB.
    pub limit: Option<Read<Bytes>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "temporary", deny_unknown_fields)]
pub(crate) struct TemporaryFile {
    /// Bytes that temporary files may take. Default: half of what is free at the start, up to
    /// 100GiB.
    pub limit: Option<Read<Bytes>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "limits", deny_unknown_fields)]
pub(crate) struct LimitsFile {
    /// Largest record that is decoded. Default 1MiB.
    pub record_bytes: Option<Read<Bytes>>,
    /// Deepest nesting that is decoded. Default 32.
    pub nesting: Option<Read<u32>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "maintenance", deny_unknown_fields)]
pub(crate) struct MaintenanceFile {
    /// How often `huiliu run` looks after every table. Default 10m.
    pub every: Option<Read<Span>>,
    /// How long a version can be opened after it was the newest. Default 1d.
    pub keep_versions: Option<Read<Span>>,
    /// How long a reader may hold the version it opened. Default 6h.
    pub longest_reader: Option<Read<Span>>,
    /// How long log entries are kept. Default 7d.
    pub keep_log: Option<Read<Span>>,
}
