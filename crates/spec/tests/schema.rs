//! The committed JSON Schemas are those of the code.
//!
//! After a change of a shape, `HUILIU_WRITE_SCHEMAS=1 cargo test -p huiliu-spec --test schema`
//! rewrites the files; review the difference like code.

use huiliu_spec::json_schemas;
use std::path::Path;

#[test]
fn committed_schemas_are_those_of_the_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schema");
    let rewrite = std::env::var_os("HUILIU_WRITE_SCHEMAS").is_some();
    for (name, text) in json_schemas() {
        let path = folder.join(name);
        if rewrite {
            std::fs::write(&path, &text).expect("the schema is writable");
        }
        let committed = std::fs::read_to_string(&path).expect("the schema is committed");
        assert!(committed == text, "{name} differs from the code; see the head of this test");
    }
}

#[test]
fn a_schema_lists_the_keys_and_requires_what_has_no_default() {
    let schemas = json_schemas();
    let dataset: serde_json::Value = serde_json::from_str(&schemas[0].1).expect("it is JSON");
    let required = dataset["required"].as_array().expect("some keys are required");
    let required: Vec<_> = required.iter().filter_map(|key| key.as_str()).collect();
    assert_eq!(
        required,
        ["dataset", "title", "provider", "group", "source", "mode", "key", "columns"]
    );
    assert_eq!(dataset["additionalProperties"], false);
    assert!(dataset["properties"]["bucket_by"]["type"] == "array", "{dataset:#}");
    let rules = dataset.to_string();
    assert!(rules.contains("\"resident_id\"") && rules.contains("\"not_before\""));
}
