//! Settings as a list of what applies, for people who ask why.
//!
//! Secrets are never read here: of a reference the place is told, of a value nothing.

use super::{Protection, Settings, Value};
use crate::diagnostic::Findings;
use crate::tree::{self, Node};
use std::collections::BTreeMap;
use std::path::Path;

/// Stands for a value that is not shown.
pub const HIDDEN: &str = "***";

/// One setting that applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// Its place in `huiliu.yaml`, with dots.
    pub key: String,
    /// The value; [`HIDDEN`] for a secret, none for one that is not said.
    pub value: Option<String>,
    /// Where a secret is.
    pub reference: Option<String>,
    /// The line of the settings file that says it; none for a default.
    pub line: Option<u32>,
}

/// Keys of the settings, with dots, and the lines that say them. Empty for a text that is not
/// YAML.
fn said(path: &Path, text: &str) -> BTreeMap<String, u32> {
    fn walk(prefix: &str, node: &Node, found: &mut BTreeMap<String, u32>) {
        if let tree::Value::Map(entries) = &node.value {
            for entry in entries {
                let key = match prefix {
                    "" => entry.key.clone(),
                    _ => format!("{prefix}.{}", entry.key),
                };
                found.insert(key.clone(), entry.at.line);
                walk(&key, &entry.node, found);
            }
        }
    }
    let mut found = BTreeMap::new();
    if let Some(node) = tree::parse(text, &Findings::new(path)) {
        walk("", &node, &mut found);
    }
    found
}

/// The list under construction.
struct List {
    said: BTreeMap<String, u32>,
    found: Vec<Effective>,
}

impl List {
    fn push(&mut self, key: &str, value: Option<String>) {
        let line = self.said.get(key).copied();
        self.found.push(Effective { key: key.to_owned(), value, reference: None, line });
    }

    fn text(&mut self, key: &str, value: impl ToString) {
        self.push(key, Some(value.to_string()));
    }

    fn secret(&mut self, key: &str, reference: impl ToString) {
        self.push(key, Some(HIDDEN.to_owned()));
        if let Some(last) = self.found.last_mut() {
            last.reference = Some(reference.to_string());
        }
    }

    fn value(&mut self, key: &str, value: &Value) {
        match value {
            Value::Text(text) => self.text(key, text),
            Value::Secret(secret) => self.secret(key, secret),
        }
    }

    /// The first of these keys that is said, or the last one.
    fn place(&self, keys: Vec<String>) -> String {
        let said = keys.iter().find(|key| self.said.contains_key(*key));
        said.or(keys.last()).cloned().unwrap_or_default()
    }
}

impl Settings {
    /// Every setting that applies, in the order of the file's schema.
    pub fn effective(&self) -> Vec<Effective> {
        let text = self.file.as_ref().and_then(|path| crate::project::read_file(path).ok());
        let path = self.file.as_deref().unwrap_or(Path::new(""));
        let said = text.map(|text| said(path, &text)).unwrap_or_default();
        let mut list = List { said, found: Vec::new() };
        list.text("lake", without_credentials(&self.lake));
        let protection = self.protection.map(|said| match said {
            Protection::Plain => "plain".to_owned(),
            Protection::Keys => "keys".to_owned(),
        });
        list.push("protection", protection);
        self.list_keys(&mut list);
        for (name, value) in &self.store.options {
            let keys = vec![format!("store.options.{name}"), format!("store.{name}")];
            let key = list.place(keys);
            list.value(&key, value);
        }
        list.push("kafka.bootstrap_servers", self.kafka.bootstrap_servers.clone());
        list.text("kafka.group", &self.kafka.group);
        for (name, value) in &self.kafka.properties {
            let own = super::build::own_key(name).map(str::to_owned);
            let keys = own.into_iter().chain([format!("kafka.properties.{name}")]).collect();
            let key = list.place(keys);
            list.value(&key, value);
        }
        self.list_registry(&mut list);
        self.list_bounds(&mut list);
        list.text("pipelines", self.pipelines.display());
        list.text("sql", self.sql.display());
        for (name, enabled) in &self.subjects {
            list.text(&format!("subjects.{name}.enabled"), enabled);
        }
        list.found
    }

    fn list_keys(&self, list: &mut List) {
        let Some(keys) = &self.keys else { return };
        list.text("keys.id", &keys.id);
        list.secret("keys.token", &keys.token);
        list.secret("keys.encrypt", &keys.encrypt);
        for (at, older) in keys.older.iter().enumerate() {
            let line = list.said.get("keys.older").copied();
            list.text(&format!("keys.older[{at}].id"), &older.id);
            list.secret(&format!("keys.older[{at}].encrypt"), &older.encrypt);
            list.found.iter_mut().rev().take(2).for_each(|entry| entry.line = line);
        }
    }

    fn list_registry(&self, list: &mut List) {
        let Some(registry) = &self.schema_registry else { return };
        list.text("schema_registry.url", &registry.url);
        if let Some(username) = &registry.username {
            list.value("schema_registry.username", username);
        }
        if let Some(password) = &registry.password {
            list.secret("schema_registry.password", password);
        }
        if let Some(location) = &registry.ca_location {
            list.text("schema_registry.ca_location", location.display());
        }
    }

    fn list_bounds(&self, list: &mut List) {
        list.text("admin.bind", self.admin_bind);
        list.push("memory.limit", self.memory_limit_bytes.map(bytes));
        list.push("temporary.limit", self.temporary_limit_bytes.map(bytes));
        list.text("limits.record_bytes", bytes(self.limits.record_bytes_max as u64));
        list.text("limits.nesting", self.limits.nesting_max);
        let spans = [
            ("every", self.maintenance.every),
            ("keep_versions", self.maintenance.keep_versions),
            ("longest_reader", self.maintenance.longest_reader),
            ("keep_log", self.maintenance.keep_log),
        ];
        for (name, span) in spans {
            list.text(&format!("maintenance.{name}"), format!("{}s", span.as_secs()));
        }
    }
}

/// Bytes in the largest unit that divides them.
fn bytes(count: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let whole = |shift: &u32| count > 0 && count.trailing_zeros() >= *shift;
    match units.iter().find(|(_, shift)| whole(shift)) {
        Some((unit, shift)) => format!("{}{unit}", count >> shift),
        None => format!("{count}B"),
    }
}

/// A URL with what stands before its host hidden.
fn without_credentials(lake: &str) -> String {
    match lake.split_once("://") {
        Some((scheme, rest)) => match rest.split_once('/').unwrap_or((rest, "")) {
            (host, path) if host.contains('@') && scheme != "abfss" && scheme != "abfs" => {
                let host = host.rsplit('@').next().unwrap_or_default();
                format!("{scheme}://{HIDDEN}@{host}/{path}")
            }
            _ => lake.to_owned(),
        },
        None => lake.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (std::path::PathBuf, Vec<Effective>) {
        let folder = std::env::temp_dir().join(format!("huiliu-effective-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("huiliu.yaml");
        std::fs::write(&path, text).expect("a file");
        let settings = Settings::load(&path).expect("valid settings");
        let found = settings.effective();
        std::fs::remove_dir_all(&folder).expect("it goes");
        (folder, found)
    }

    #[test]
    fn what_applies_is_listed_with_its_line_and_without_secrets() {
        let text = "lake: s3://me:hunter2@bucket/l\nprotection: keys\nkeys:\n  id: k1\n  \
                    token: {secret: env:TOKEN}\n  encrypt: {secret: 'exec:[pass, hunter2]'}\n\
                    kafka:\n  properties:\n    fetch.min.bytes: \"7\"\n  security:\n    \
                    protocol: sasl_ssl\n    sasl: {mechanism: PLAIN, username: u, password: \
                    {secret: env:PW}}\n";
        let (_, found) = parsed(text);
        let of = |key: &str| {
            let entry = found.iter().find(|entry| entry.key == key);
            let entry = entry.unwrap_or_else(|| panic!("{key} of {found:?}"));
            (entry.value.as_deref(), entry.reference.as_deref(), entry.line)
        };
        assert_eq!(of("lake"), (Some("s3://***@bucket/l"), None, Some(1)));
        assert_eq!(of("keys.token"), (Some("***"), Some("env:TOKEN"), Some(5)));
        assert_eq!(of("keys.encrypt"), (Some("***"), Some("exec:[pass…]"), Some(6)));
        assert_eq!(of("kafka.properties.fetch.min.bytes"), (Some("7"), None, Some(9)));
        let password = (Some("***"), Some("env:PW"), Some(12));
        assert_eq!(of("kafka.security.sasl.password"), password);
        assert_eq!(of("kafka.bootstrap_servers"), (None, None, None));
        assert_eq!(of("memory.limit"), (None, None, None));
        assert_eq!(of("maintenance.keep_log"), (Some("604800s"), None, None));
        assert!(!format!("{found:?}").contains("hunter2"));
    }

    #[test]
    fn sizes_are_told_in_the_largest_whole_unit() {
        for (count, shown) in [(1 << 30, "1GiB"), (3 << 19, "1536KiB"), (1000, "1000B")] {
            assert_eq!(bytes(count), shown);
        }
    }
}
