//! From the shape of `huiliu.yaml` to [`Settings`].

use super::file::{
    KafkaFile, KeysFile, ProtectionWord, SecurityFile, SettingsFile, StoreFile, TextOrSecret,
};
use super::{Keys, MEMORY_BYTES_MIN, Maintenance, OlderKey, Protection, Settings, Value};
use crate::diagnostic::{Code, Findings};
use crate::pipeline::{optional, text};
use crate::read::{Either, Read};
use crate::secret::{HOW_TO_REFER, Secret};
use crate::tree::At;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Properties of librdkafka that are keys of `kafka:`, and those keys.
const OWN_KEYS: [(&str, &str); 12] = [
    ("bootstrap.servers", "kafka.bootstrap_servers"),
    ("metadata.broker.list", "kafka.bootstrap_servers"),
    ("group.id", "kafka.group"),
    ("security.protocol", "kafka.security.protocol"),
    ("ssl.ca.location", "kafka.security.ca_location"),
    ("ssl.certificate.location", "kafka.security.certificate_location"),
    ("ssl.key.location", "kafka.security.key_location"),
    ("ssl.key.password", "kafka.security.key_password"),
    ("sasl.mechanism", "kafka.security.sasl.mechanism"),
    ("sasl.mechanisms", "kafka.security.sasl.mechanism"),
    ("sasl.username", "kafka.security.sasl.username"),
    ("sasl.password", "kafka.security.sasl.password"),
];

/// The key of `huiliu.yaml` that a property of librdkafka has.
pub(super) fn own_key(property: &str) -> Option<&'static str> {
    OWN_KEYS.iter().find(|(name, _)| *name == property).map(|(_, own)| *own)
}

/// Properties that decide where reading goes on; the tables do that.
const LAWFUL: [&str; 5] = [
    "enable.auto.commit",
    "enable.auto.offset.store",
    "auto.offset.reset",
    "isolation.level",
    "enable.partition.eof",
];

/// Options whose value is a secret, by the end of their name.
const SECRET_ENDS: [&str; 9] = [
    "password",
    "secret",
    "token",
    "secret_access_key",
    "access_key",
    "account_key",
    "sas_key",
    "private_key",
    "key.pem",
];

/// Deeper values would exhaust a stack before they mean anything.
const NESTING_MAX: u32 = 512;
/// Kafka refuses larger batches long before.
const RECORD_BYTES_MAX: u64 = 1 << 30;

pub(super) fn build(file: &SettingsFile, findings: &Findings) -> Settings {
    let folder = findings.file.parent().unwrap_or(Path::new("")).to_owned();
    let mut settings = Settings { file: Some(findings.file.clone()), ..Settings::default() };
    settings.lake = match file.lake.as_ref().and_then(|lake| text(lake, "lake", findings)) {
        Some(lake) => lake_at(&lake, &folder, file.lake.as_ref().map(|l| l.at), findings),
        None => folder.join(&settings.lake).display().to_string(),
    };
    settings.protection = optional(file.protection.as_ref()).map(|word| match word {
        ProtectionWord::Plain => Protection::Plain,
        ProtectionWord::Keys => Protection::Keys,
    });
    settings.keys = optional(file.keys.as_ref()).and_then(|file| keys(file, findings));
    if let (Some(said), Some(Protection::Keys), None) =
        (&file.protection, settings.protection, &file.keys)
    {
        let help = "add `keys: {id: …, token: {secret: …}, encrypt: {secret: …}}`";
        findings.add_with_help(Code::Conflict, said.at, "protection by keys needs `keys`", help);
    }
    if let Some(store) = optional(file.store.as_ref()) {
        settings.store.options = store_options(store, findings);
    }
    if let Some(file) = optional(file.kafka.as_ref()) {
        kafka(file, &folder, &mut settings, findings);
    }
    settings.schema_registry = optional(file.schema_registry.as_ref())
        .and_then(|file| super::registry::build(file, &folder, findings));
    bounds(file, &mut settings, findings);
    if let Some(file) = optional(file.maintenance.as_ref()) {
        settings.maintenance = Maintenance::of(file, findings);
    }
    let directory = |read: &Option<Read<String>>, default: &Path, what| {
        let named = read.as_ref().and_then(|read| text(read, what, findings));
        folder.join(named.map_or_else(|| default.to_owned(), PathBuf::from))
    };
    settings.pipelines = directory(&file.pipelines, &settings.pipelines, "directory of pipelines");
    settings.sql = directory(&file.sql, &settings.sql, "directory of tables");
    settings.sql_named = file.sql.is_some();
    for (name, read) in optional(file.subjects.as_ref()).into_iter().flatten() {
        if let Some(&enabled) = read.get().and_then(|subject| subject.enabled.get()) {
            settings.subjects.insert(name.clone(), enabled);
        }
    }
    settings
}

/// A URL stays as it is; a path is relative to the settings.
fn lake_at(lake: &str, folder: &Path, at: Option<At>, findings: &Findings) -> String {
    let Some((scheme, _)) = lake.split_once("://") else {
        return folder.join(lake).display().to_string();
    };
    const SCHEMES: [&str; 7] = ["s3", "s3a", "az", "abfs", "abfss", "gs", "file"];
    if !SCHEMES.contains(&scheme) {
        let message = format!("the lake has the unknown scheme `{scheme}`");
        let help = "a directory, `s3://…`, `az://…` or `gs://…`";
        findings.add_with_help(Code::UnknownWord, at.unwrap_or_default(), message, help);
    }
    lake.to_owned()
}

fn keys(file: &KeysFile, findings: &Findings) -> Option<Keys> {
    let id = key_id(&file.id, findings);
    let token = must_be_secret(&file.token, "token", findings);
    let encrypt = must_be_secret(&file.encrypt, "encrypt", findings);
    let mut taken: Vec<String> = id.iter().cloned().collect();
    let mut older = Vec::new();
    for read in optional(file.older.as_ref()).into_iter().flatten() {
        let Some(key) = read.get() else { continue };
        let id = key_id(&key.id, findings);
        let encrypt = must_be_secret(&key.encrypt, "encrypt", findings);
        let (Some(id), Some(encrypt)) = (id, encrypt) else { continue };
        if taken.contains(&id) {
            let message = format!("two keys have the id `{id}`");
            let help = "what is sealed names its key by the id: a new key takes an id that no key \
                        of this lake ever had";
            findings.add_with_help(Code::Duplicate, key.id.at, message, help);
        }
        taken.push(id.clone());
        older.push(OlderKey { id, encrypt });
    }
    Some(Keys { id: id?, token: token?, encrypt: encrypt?, older })
}

fn key_id(read: &Read<String>, findings: &Findings) -> Option<String> {
    let id = text(read, "id of the keys", findings)?;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if id.len() > 32 || !id.chars().all(legal) {
        let message = format!("`{id}` is no id of keys: up to 32 of `a-z A-Z 0-9 . _ -`");
        findings.add(Code::BadName, read.at, message);
    }
    Some(id)
}

fn must_be_secret(read: &Read<TextOrSecret>, name: &str, findings: &Findings) -> Option<Secret> {
    match value(name, read, true, findings)? {
        Value::Secret(secret) => Some(secret),
        Value::Text(_) => None,
    }
}

/// A value as it stands; text where a secret belongs is a finding.
pub(super) fn value(
    name: &str,
    read: &Read<TextOrSecret>,
    is_secret: bool,
    findings: &Findings,
) -> Option<Value> {
    let file = match read.get()? {
        Either::Other(_) if is_secret => {
            let message = format!("`{name}` is a secret and is written in the file");
            findings.add_with_help(Code::PlainSecret, read.at, message, HOW_TO_REFER);
            return None;
        }
        Either::Other(scalar) => return Some(Value::Text(scalar.0.clone())),
        Either::Map(file) => file,
    };
    // The text is not repeated: whoever mistakes the form may have written the secret itself.
    let reference = file.secret.text()?;
    let secret = Secret::parse(reference, &findings.file, file.secret.at);
    if secret.is_none() {
        let message = format!("`{name}` is no reference to a secret");
        findings.add_with_help(Code::Malformed, file.secret.at, message, HOW_TO_REFER);
    }
    secret.map(Value::Secret)
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET_ENDS.iter().any(|end| name.ends_with(end))
}

fn store_options(file: &StoreFile, findings: &Findings) -> BTreeMap<String, Value> {
    let mut options = BTreeMap::new();
    let given = optional(file.options.as_ref());
    for (name, read) in given.into_iter().flatten() {
        if let Some(value) = value(name, read, is_secret_name(name), findings) {
            options.insert(name.clone(), value);
        }
    }
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value
            && options.insert(name.to_owned(), value).is_some()
        {
            let at = file.options.as_ref().map(|read| read.at).unwrap_or_default();
            let message = format!("`{name}` is said under `store` and under `store.options`");
            findings.add(Code::Conflict, at, message);
        }
    };
    let plain = |read: &Option<Read<String>>, what| {
        read.as_ref().and_then(|read| text(read, what, findings)).map(Value::Text)
    };
    put("endpoint", plain(&file.endpoint, "endpoint"));
    put("region", plain(&file.region, "region"));
    let allow = optional(file.allow_http.as_ref()).map(|allow| Value::Text(allow.to_string()));
    put("allow_http", allow);
    let id = file.access_key_id.as_ref();
    put("access_key_id", id.and_then(|read| value("access_key_id", read, false, findings)));
    let secret = file.secret_access_key.as_ref();
    put("secret_access_key", secret.and_then(|r| value("secret_access_key", r, true, findings)));
    options
}

fn kafka(file: &KafkaFile, folder: &Path, settings: &mut Settings, findings: &Findings) {
    if let Some(read) = &file.bootstrap_servers {
        let servers: Vec<_> =
            read.get().iter().flat_map(|list| &list.0).filter_map(Read::text).collect();
        for server in servers.iter().flat_map(|text| text.split(',')) {
            let port = server.trim().rsplit_once(':').and_then(|(_, port)| port.parse().ok());
            if port.is_none_or(|port: u16| port == 0) {
                let message = format!("`{}` is not host:port", server.trim());
                findings.add(Code::Malformed, read.at, message);
            }
        }
        settings.kafka.bootstrap_servers = Some(servers.join(","));
    }
    if let Some(group) = file.group.as_ref().and_then(|read| text(read, "group", findings)) {
        settings.kafka.group = group;
    }
    let properties = &mut settings.kafka.properties;
    for (name, read) in optional(file.properties.as_ref()).into_iter().flatten() {
        if let Some((_, own)) = OWN_KEYS.iter().find(|(property, _)| property == name) {
            let message = format!("property `{name}` has a key of its own");
            findings.add_with_help(
                Code::Conflict,
                read.at,
                message,
                format!("write it as `{own}`"),
            );
        } else if LAWFUL.contains(&name.as_str()) {
            let message = format!("property `{name}` is not open to settings");
            let help = "the tables record where reading goes on";
            findings.add_with_help(Code::Conflict, read.at, message, help);
        } else if let Some(value) = value(name, read, is_secret_name(name), findings) {
            properties.insert(name.clone(), value);
        }
    }
    if let Some(read) = &file.security
        && let Some(security_file) = read.get()
    {
        security(security_file, read.at, folder, properties, findings);
    }
}

fn security(
    file: &SecurityFile,
    at: At,
    folder: &Path,
    properties: &mut BTreeMap<String, Value>,
    findings: &Findings,
) {
    let mut put = |name: &str, value: Value| properties.insert(name.to_owned(), value);
    let locations = [
        ("ssl.ca.location", &file.ca_location),
        ("ssl.certificate.location", &file.certificate_location),
        ("ssl.key.location", &file.key_location),
    ];
    for (name, read) in locations {
        if let Some(location) = read.as_ref().and_then(|read| text(read, "location", findings)) {
            put(name, Value::Text(folder.join(location).display().to_string()));
        }
    }
    let password = file.key_password.as_ref();
    if let Some(password) = password.and_then(|r| value("key_password", r, true, findings)) {
        put("ssl.key.password", password);
    }
    let Some(protocol) = file.protocol.get() else { return };
    put("security.protocol", Value::Text(protocol.text().to_owned()));
    match &file.sasl {
        Some(sasl) if !protocol.is_sasl() => {
            let message = format!("`sasl` is given but the protocol is `{}`", protocol.text());
            findings.add(Code::Conflict, sasl.at, message);
        }
        None if protocol.is_sasl() => {
            let message = format!("protocol `{}` needs `sasl`", protocol.text());
            findings.add(Code::MissingKey, at, message);
        }
        _ => {}
    }
    let Some(sasl) = optional(file.sasl.as_ref()) else { return };
    if let Some(mechanism) = sasl.mechanism.get() {
        put("sasl.mechanism", Value::Text(mechanism.text().to_owned()));
    }
    if let Some(username) = value("username", &sasl.username, false, findings) {
        put("sasl.username", username);
    }
    if let Some(password) = value("password", &sasl.password, true, findings) {
        put("sasl.password", password);
    }
}

fn bounds(file: &SettingsFile, settings: &mut Settings, findings: &Findings) {
    if let Some(read) = optional(file.admin.as_ref()).and_then(|admin| admin.bind.as_ref())
        && let Some(bind) = read.text()
    {
        match bind.parse() {
            Ok(address) => settings.admin_bind = address,
            Err(_) => {
                let message = format!("`{bind}` is not an address and a port");
                findings.add_with_help(Code::Malformed, read.at, message, "such as 127.0.0.1:9464");
            }
        }
    }
    let out_of_range = |at: At, message: String| findings.add(Code::OutOfRange, at, message);
    if let Some(read) = optional(file.memory.as_ref()).and_then(|memory| memory.limit.as_ref())
        && let Some(limit) = read.get()
    {
        settings.memory_limit_bytes = Some(limit.0);
        if limit.0 < MEMORY_BYTES_MIN {
            out_of_range(read.at, format!("memory of {} bytes is below 32MiB", limit.0));
        }
    }
    let temporary = optional(file.temporary.as_ref()).and_then(|read| read.limit.as_ref());
    settings.temporary_limit_bytes = temporary.and_then(Read::get).map(|limit| limit.0);
    let Some(limits) = optional(file.limits.as_ref()) else { return };
    if let Some(read) = &limits.record_bytes
        && let Some(bytes) = read.get()
    {
        if !(1..=RECORD_BYTES_MAX).contains(&bytes.0) {
            out_of_range(read.at, format!("records of {} bytes are outside 1 B to 1GiB", bytes.0));
        }
        settings.limits.record_bytes_max = usize::try_from(bytes.0).unwrap_or(usize::MAX);
    }
    if let Some(read) = &limits.nesting
        && let Some(&nesting) = read.get()
    {
        if !(1..=NESTING_MAX).contains(&nesting) {
            out_of_range(read.at, format!("nesting of {nesting} is outside 1 to {NESTING_MAX}"));
        }
        settings.limits.nesting_max = nesting as usize;
    }
}
