//! `huiliu.yaml`: defaults, references to secrets, and what is found.

use huiliu_spec::Settings;
use huiliu_spec::settings::Protection;
use secrecy::ExposeSecret;
use std::path::Path;

fn parse(text: &str) -> Result<Settings, Vec<String>> {
    Settings::parse(Path::new("conf/huiliu.yaml"), text).map_err(|found| {
        let number = |code: huiliu_spec::Code| code.as_str().replace("HUILIU-CFG-", "");
        let line = |d: &huiliu_spec::Diagnostic| {
            format!("{}:{} {} {}", d.line, d.column, number(d.code), d.message)
        };
        found.iter().map(line).collect()
    })
}

fn check(text: &str, expected: &[&str]) {
    assert_eq!(parse(text).expect_err("something is found"), expected, "{text}");
}

#[test]
fn defaults_serve_without_a_file() {
    let settings = Settings::default();
    assert_eq!(settings.admin_bind.to_string(), "127.0.0.1:9464");
    assert_eq!(settings.memory_limit_bytes, None);
    assert_eq!(settings.limits.record_bytes_max, 1_048_576);
    assert_eq!(settings.limits.nesting_max, 32);
    let properties = settings.kafka_properties().expect("no secrets");
    assert_eq!(
        properties.into_iter().collect::<Vec<_>>(),
        [("group.id".to_owned(), "huiliu".to_owned())]
    );
}

#[test]
fn protection_has_no_default() {
    let found = Settings::default().require_protection().expect_err("not said");
    assert_eq!(found.code.as_str(), "HUILIU-CFG-0026");
    let settings = parse("protection: plain\n").expect("sound");
    assert_eq!(settings.require_protection(), Ok(Protection::Plain));
}

#[test]
fn a_registry_is_an_address_with_credentials_beside_it() {
    let settings = parse(
        "schema_registry:\n  url: https://registry:8081/base\n  username: hub\n  \
         password: {secret: \"env:HUILIU_NO_SUCH\"}\n  ca_location: ca.pem\n",
    );
    let registry = settings.expect("sound").schema_registry.expect("it is said");
    assert_eq!(registry.url, "https://registry:8081/base");
    assert_eq!(registry.ca_location.as_deref(), Some(Path::new("conf/ca.pem")));
    let unread = registry.credentials().expect_err("the variable is not set");
    assert!(unread.message.contains("HUILIU_NO_SUCH"), "{}", unread.message);

    let of = |registry: &str| format!("schema_registry: {{{registry}}}\n");
    check(&of("url: registry"), &["1:24 0008 `url` is no address of a schema registry"]);
    check(&of("url: \"http://hub:pass@registry\""), &["1:24 0021 `url` holds credentials"]);
    check(
        &of("url: \"http://registry\", password: {secret: \"env:P\"}"),
        &["1:53 0005 `password` is given without `username`"],
    );
}

#[test]
fn relative_paths_are_relative_to_the_file_and_urls_are_not() {
    let settings = parse("lake: data/lake\npipelines: ../p\n").expect("sound");
    assert_eq!(settings.lake, "conf/data/lake");
    assert_eq!(settings.pipelines, Path::new("conf/../p"));
    assert_eq!(settings.sql, Path::new("conf/sql"));
    let settings = parse("lake: s3://bucket/lake\n").expect("sound");
    assert_eq!(settings.lake, "s3://bucket/lake");
}

#[test]
fn secrets_are_followed_when_asked_for_and_never_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
    write("kafka", "hunter2\n").expect("written");
    write("token", &format!("{}\n", "0f".repeat(32))).expect("written");
    write("encrypt", "000102030405060708090a0b0c0d0e0F").expect("written");
    let text = r#"
protection: keys
keys: {id: k1, token: {secret: "file:token"}, encrypt: {secret: "file:encrypt"}}
store:
  endpoint: http://127.0.0.1:9000
  allow_http: true
  access_key_id: city
  secret_access_key: {secret: "exec:[echo, s3cr3t]"}
  options: {timeout: 30s}
kafka:
  bootstrap_servers: [b1:9092, b2:9092]
  group: hub
  security:
    protocol: sasl_ssl
    ca_location: ca.pem
    sasl: {mechanism: SCRAM-SHA-512, username: hub, password: {secret: "file:kafka"}}
  properties: {fetch.min.bytes: 1000}
"#;
    let file = folder.path().join("huiliu.yaml");
    let settings = Settings::parse(&file, text).expect("sound");
    let printed = format!("{settings:?}");
    assert!(!printed.contains("hunter2") && !printed.contains("s3cr3t"), "{printed}");

    let kafka = settings.kafka_properties().expect("the secret is there");
    let pairs: Vec<_> = kafka.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let ca = folder.path().join("ca.pem").display().to_string();
    assert_eq!(
        pairs,
        [
            ("bootstrap.servers", "b1:9092,b2:9092"),
            ("fetch.min.bytes", "1000"),
            ("group.id", "hub"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.password", "hunter2"),
            ("sasl.username", "hub"),
            ("security.protocol", "sasl_ssl"),
            ("ssl.ca.location", ca.as_str()),
        ]
    );
    let store = settings.store_options().expect("echo runs");
    let pairs: Vec<_> = store.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(
        pairs,
        [
            ("access_key_id", "city"),
            ("allow_http", "true"),
            ("endpoint", "http://127.0.0.1:9000"),
            ("secret_access_key", "s3cr3t"),
            ("timeout", "30s"),
        ]
    );
    let keys = settings.keys.expect("said").resolve().expect("hexadecimal");
    assert_eq!(keys.token.expose_secret(), &[0x0f; 32]);
    assert_eq!(
        keys.encrypt.expose_secret(),
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
    );
}

#[test]
fn older_keys_are_named_beside_the_active_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
    write("token", &"0f".repeat(32)).expect("written");
    write("second", &"02".repeat(16)).expect("written");
    write("first", &"01".repeat(16)).expect("written");
    let text = r#"
keys:
  id: hub-2
  token: {secret: "file:token"}
  encrypt: {secret: "file:second"}
  older:
    - {id: hub-1, encrypt: {secret: "file:first"}}
"#;
    let settings = Settings::parse(&folder.path().join("huiliu.yaml"), text).expect("sound");
    let keys = settings.keys.expect("said").resolve().expect("hexadecimal");
    assert_eq!((keys.id.as_str(), keys.encrypt.expose_secret()), ("hub-2", &[2; 16]));
    let older: Vec<_> =
        keys.older.iter().map(|(id, key)| (id.as_str(), *key.expose_secret())).collect();
    assert_eq!(older, [("hub-1", [1; 16])]);
}

#[test]
fn two_keys_of_one_id_are_refused() {
    let keys = |older: &str| {
        format!(
            "keys: {{id: k1, token: {{secret: env:T}}, encrypt: {{secret: env:A}},\n  {older}}}\n"
        )
    };
    let one = |id: &str| format!("{{id: {id}, encrypt: {{secret: env:B}}}}");
    check(&keys(&format!("older: [{}]", one("k1"))), &["2:16 0011 two keys have the id `k1`"]);
    check(
        &keys(&format!("older: [{}, {}]", one("k0"), one("k0"))),
        &["2:52 0011 two keys have the id `k0`"],
    );
    check(
        &keys("older: [{id: k0, encrypt: abc}]"),
        &["2:29 0021 `encrypt` is a secret and is written in the file"],
    );
    check(
        &keys(&format!("older: [{}]", one("'k 0'"))),
        &["2:16 0010 `k 0` is no id of keys: up to 32 of `a-z A-Z 0-9 . _ -`"],
    );
    assert!(parse(&keys(&format!("older: [{}]", one("k0")))).is_ok());
}

#[test]
fn a_key_of_the_wrong_form_is_found_without_its_value() {
    let text = "keys: {id: k, token: {secret: \"exec:[echo, abc]\"}, encrypt: {secret: env:X}}\n";
    let keys = parse(text).expect("sound").keys.expect("said");
    let found = keys.resolve().expect_err("too short");
    assert_eq!(
        found.message,
        "key `token` of exec:[echo…] is not 64 hexadecimal digits (32 bytes)"
    );
    assert_eq!((found.line, found.column), (1, 31));
}

#[test]
fn a_secret_that_is_not_there_is_found_at_its_reference() {
    let text = "store:\n  secret_access_key: {secret: \"file:absent\"}\n";
    let found = parse(text).expect("sound").store_options().expect_err("no such file");
    assert_eq!((found.line, found.column), (2, 31));
    assert_eq!(found.code.as_str(), "HUILIU-CFG-0022");
    assert!(found.message.starts_with("cannot read the secret file:conf/absent: "), "{found}");
}

#[test]
fn secrets_in_the_file_are_refused() {
    check(
        "store: {secret_access_key: abc}\n",
        &["1:28 0021 `secret_access_key` is a secret and is written in the file"],
    );
    check(
        "store: {options: {azure_client_secret: abc}}\n",
        &["1:40 0021 `azure_client_secret` is a secret and is written in the file"],
    );
    check(
        "store: {secret_access_key: {secret: abc}}\n",
        &["1:37 0008 `secret_access_key` is no reference to a secret"],
    );
    let found = Settings::parse(Path::new("h.yaml"), "store: {secret_access_key: abc}\n");
    let help = found.expect_err("refused").remove(0).help.expect("it says how");
    assert!(help.contains("env:NAME"), "{help}");
}

#[test]
fn properties_that_are_not_open_are_refused() {
    let text = "kafka: {properties: {group.id: a, enable.auto.commit: true}}\n";
    check(
        text,
        &[
            "1:32 0023 property `group.id` has a key of its own",
            "1:55 0023 property `enable.auto.commit` is not open to settings",
        ],
    );
}

#[test]
fn settings_that_contradict_each_other_are_found() {
    check("protection: keys\n", &["1:13 0023 protection by keys needs `keys`"]);
    check(
        "kafka: {security: {protocol: sasl_ssl}}\n",
        &["1:19 0005 protocol `sasl_ssl` needs `sasl`"],
    );
    check(
        "store: {region: a, options: {region: b}}\n",
        &["1:29 0023 `region` is said under `store` and under `store.options`"],
    );
}

#[test]
fn values_without_their_form_are_found() {
    check("admin: {bind: everywhere}\n", &["1:15 0008 `everywhere` is not an address and a port"]);
    check("memory: {limit: 1MiB}\n", &["1:17 0009 memory of 1048576 bytes is below 32MiB"]);
    check("limits: {nesting: 0}\n", &["1:19 0009 nesting of 0 is outside 1 to 512"]);
    check("kafka: {bootstrap_servers: broker}\n", &["1:28 0008 `broker` is not host:port"]);
    check("lake: ftp://x\n", &["1:7 0007 the lake has the unknown scheme `ftp`"]);
    check("protection: none\n", &["1:13 0007 unknown protection `none`"]);
    check("lakes: x\n", &["1:1 0003 settings has no key `lakes`"]);
}

#[test]
fn subjects_are_turned_on_and_off_by_name() {
    let settings = parse("subjects:\n  watch: {enabled: true}\n  credit: {enabled: false}\n");
    let subjects = settings.expect("sound").subjects;
    let said: Vec<_> = subjects.iter().map(|(name, on)| (name.as_str(), *on)).collect();
    assert_eq!(said, [("credit", false), ("watch", true)]);
    check("subjects: {watch: {}}\n", &["1:19 0005 subject_setting has no `enabled`"]);
    let number = "1:29 0006 expected `true` or `false`, found the number 1";
    check("subjects: {watch: {enabled: 1}}\n", &[number]);
}
