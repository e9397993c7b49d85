//! The JSON Schemas accept every file of the project, and refuse what its reader refuses.
//!
//! Held by a reading of draft 07 of its own, of the keywords that the schemas use and no others.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn schema(kind: &str) -> Value {
    let path = root().join(format!("schema/{kind}.schema.json"));
    let text = std::fs::read_to_string(path).expect("a committed schema");
    serde_json::from_str(&text).expect("JSON")
}

fn yaml(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).expect("a file of the project");
    serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Files of one name, or with one ending, below a folder.
fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("type {other}"),
    }
}

/// Whether a value is beyond a bound; a bound of another type of values says nothing.
fn beyond(keyword: &str, said: &Value, value: &Value) -> bool {
    let bound = || said.as_f64().expect("a number");
    let items = value.as_array().map(Vec::len);
    let keys = value.as_object().map(serde_json::Map::len);
    let count = |count: Option<usize>| count.map(|count| count as f64);
    let (size, is_least) = match keyword {
        "minimum" => (value.as_f64(), true),
        "maximum" => (value.as_f64(), false),
        "minItems" => (count(items), true),
        "maxItems" => (count(items), false),
        "minProperties" => (count(keys), true),
        "maxProperties" => (count(keys), false),
        "pattern" => {
            let pattern =
                regex::Regex::new(said.as_str().expect("a pattern")).expect("it compiles");
            return value.as_str().is_some_and(|text| !pattern.is_match(text));
        }
        other => panic!("the keyword {other} is not understood here"),
    };
    size.is_some_and(|size| if is_least { size < bound() } else { size > bound() })
}

/// Where a value does not fit its schema; none when it does.
fn misfit(root: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    let Some(schema) = schema.as_object() else {
        return (schema == &json!(false)).then(|| format!("{at}: refused"));
    };
    let any = |options: &Value, value: &Value| -> Vec<Option<String>> {
        let options = options.as_array().expect("a list of schemas");
        options.iter().map(|option| misfit(root, option, value, at)).collect()
    };
    for (keyword, said) in schema {
        let found = match keyword.as_str() {
            "$ref" => {
                let name = said.as_str().and_then(|s| s.strip_prefix("#/definitions/"));
                misfit(root, &root["definitions"][name.expect("a definition")], value, at)
            }
            "type" => {
                let names = said.as_array().cloned().unwrap_or_else(|| vec![said.clone()]);
                let fits = names.iter().any(|n| is_of(value, n.as_str().expect("a type")));
                (!fits).then(|| format!("{at}: not of type {said}"))
            }
            "enum" => {
                let words = said.as_array().expect("words");
                (!words.contains(value)).then(|| format!("{at}: none of {said}"))
            }
            "const" => (said != value).then(|| format!("{at}: not {said}")),
            "allOf" => any(said, value).into_iter().flatten().next(),
            "anyOf" => {
                let options = any(said, value);
                let fits = options.iter().any(Option::is_none);
                (!fits).then(|| format!("{at}: fits no option: {options:?}"))
            }
            "oneOf" => {
                let options = any(said, value);
                let fits = options.iter().filter(|option| option.is_none()).count();
                (fits != 1).then(|| format!("{at}: fits {fits} options: {options:?}"))
            }
            "required" => {
                let names = said.as_array().expect("names").iter().filter_map(Value::as_str);
                let object = value.as_object();
                let mut missing = names.filter(|n| object.is_some_and(|o| !o.contains_key(*n)));
                missing.next().map(|name| format!("{at}: `{name}` is missing"))
            }
            "properties" => value.as_object().and_then(|object| {
                object.iter().find_map(|(name, inner)| {
                    misfit(root, said.get(name)?, inner, &format!("{at}/{name}"))
                })
            }),
            "additionalProperties" => value.as_object().and_then(|object| {
                let named =
                    |name: &String| schema.get("properties").is_some_and(|p| !p[name].is_null());
                let mut others = object.iter().filter(|(name, _)| !named(name));
                others.find_map(|(name, v)| misfit(root, said, v, &format!("{at}/{name}")))
            }),
            "items" => value.as_array().and_then(|items| {
                let mut all = items.iter().enumerate();
                all.find_map(|(n, item)| misfit(root, said, item, &format!("{at}/{n}")))
            }),
            "$schema" | "title" | "description" | "definitions" | "default" | "format" => None,
            _ => beyond(keyword, said, value).then(|| format!("{at}: {keyword} {said}")),
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

fn fits(kind: &str, value: &Value) -> Option<String> {
    let schema = schema(kind);
    misfit(&schema, &schema, value, "")
}

#[test]
fn every_file_of_the_project_fits_its_schema() {
    for (kind, folder, ending, count) in [
        ("dataset", "pipelines", ".yaml", 48),
        ("table", "sql", "/table.yaml", 33),
        ("subject", "sql", "/subject.yaml", 1),
    ] {
        let mut found = Vec::new();
        files(&root().join(folder), ending, &mut found);
        assert!(found.len() >= count, "{kind}: {} files", found.len());
        for path in found {
            assert_eq!(fits(kind, &yaml(&path)), None, "{}", path.display());
        }
    }
}

#[test]
fn what_the_reader_refuses_does_not_fit() {
    let good = yaml(&root().join("pipelines/feed/water_bill.yaml"));
    let check = |change: &dyn Fn(&mut Value), expected: &str| {
        let mut changed = good.clone();
        change(&mut changed);
        let found = fits("dataset", &changed).unwrap_or_default();
        assert!(found.contains(expected), "{found:?} has no {expected:?}");
    };
    check(&|file| file["kye"] = json!(["a"]), "/kye");
    check(&|file| file["buckets"] = json!("many"), "/buckets");
    check(&|file| file["mode"] = json!("append_only"), "/mode");
    check(&|file| file["columns"][0]["grade"] = json!("L5"), "/columns/0");
    check(&|file| file["columns"][0]["rule"] = json!("uscs"), "/columns/0");
    check(&|file| file["source"]["topic"] = json!("a"), "/source/topic");
    let lack = |file: &mut Value| {
        file.as_object_mut().expect("an object").remove("key");
    };
    check(&lack, "`key` is missing");

    let settings = json!({"lake": "l", "protection": "plain", "kafka": {"group": "g"}});
    assert_eq!(fits("huiliu", &settings), None);
    for wrong in [
        json!({"protection": "none"}),
        json!({"kafka": {"groups": "g"}}),
        json!({"limits": {"nesting": "deep"}}),
        json!({"keys": {"id": "k"}}),
    ] {
        assert!(fits("huiliu", &wrong).is_some(), "{wrong}");
    }
    let table = yaml(&root().join("sql/enterprise_financing/enterprise_profile/table.yaml"));
    for (place, wrong) in [("buckets", json!([8])), ("inputs", json!([{"dataset": 1}]))] {
        let mut changed = table.clone();
        changed[place] = wrong;
        assert!(fits("table", &changed).is_some(), "{place}");
    }
}
