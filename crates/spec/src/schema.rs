//! JSON Schemas of the four kinds of file, for editors.
//!
//! They are generated from the very structs that files are read into, and committed; a test
//! holds the committed files against the code.

use crate::pipeline::DatasetFile;
use crate::settings::SettingsFile;
use crate::subject::SubjectFile;
use crate::table::TableFile;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value;

/// File names and texts of the schemas.
pub fn json_schemas() -> Vec<(&'static str, String)> {
    vec![
        ("dataset.schema.json", schema::<DatasetFile>()),
        ("table.schema.json", schema::<TableFile>()),
        ("subject.schema.json", schema::<SubjectFile>()),
        ("huiliu.schema.json", schema::<SettingsFile>()),
    ]
}

fn schema<T: JsonSchema>() -> String {
    let mut generator = SchemaSettings::draft07().into_generator();
    let mut value = Value::from(generator.root_schema_for::<T>());
    say_no_to_null(&mut value);
    allow_null_word(&mut value);
    format!("{value:#}\n")
}

/// An optional key may be left out; it may not be there without a value.
fn say_no_to_null(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(options)) = map.get_mut("anyOf") {
                options.retain(|option| option["type"] != "null");
                if options.len() == 1 {
                    // Beside a reference draft 07 sees nothing, so it stays in a list.
                    let only = map.remove("anyOf").unwrap_or_default();
                    map.insert("allOf".to_owned(), only);
                }
            }
            map.values_mut().for_each(say_no_to_null);
        }
        Value::Array(items) => items.iter_mut().for_each(say_no_to_null),
        _ => {}
    }
}

/// YAML reads `on_fail: null` as nothing, which is the word there.
fn allow_null_word(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::Array(words)) = map.get_mut("enum")
                && words.iter().any(|word| word == "null")
            {
                words.push(Value::Null);
                map.remove("type");
            }
            map.values_mut().for_each(allow_null_word);
        }
        Value::Array(items) => items.iter_mut().for_each(allow_null_word),
        _ => {}
    }
}
