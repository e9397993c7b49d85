//! Opening an object store by URL, and the test that it keeps the promise commits rely on.

use crate::bounded::Bounded;
use crate::error::store_error;
use huiliu_model::{Error, ErrorKind, code};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use url::Url;

/// A store whose root is the lake.
pub struct Opened {
    pub store: Arc<dyn ObjectStore>,
    /// Where it is a directory.
    pub folder: Option<PathBuf>,
}

/// Opens a store whose root is the lake: a directory or an `s3://`, `az://`, `gs://` URL.
///
/// `options` have object_store's names (`endpoint`, `region`, `access_key_id` …), with or without
/// the cloud's prefix; the environment's `AWS_*`, `AZURE_*` and `GOOGLE_*` come first.
///
/// # Errors
/// `Invalid` for a location that cannot be one, `Unavailable` or `Denied` from the store.
pub fn open(location: &str, options: &BTreeMap<String, String>) -> Result<Opened, Error> {
    let invalid = |why: String| {
        Error::new(ErrorKind::Invalid, format!("lake `{location}`: {why}"))
            .help("a lake is a directory or an s3://, az:// or gs:// URL")
    };
    if !location.contains("://") {
        return open_directory(location, invalid);
    }
    let url = Url::parse(location).map_err(|e| invalid(e.to_string()))?;
    if url.scheme() == "file" {
        let path = url.to_file_path().map_err(|()| invalid("not a local path".into()))?;
        return open_directory(&path.to_string_lossy(), invalid);
    }
    let prefixes: &[&str] = match url.scheme() {
        "s3" | "s3a" => &["aws_"],
        "az" | "abfs" | "abfss" | "azure" => &["azure_"],
        "gs" => &["google_", "gcs_"],
        other => return Err(invalid(format!("unknown scheme `{other}`"))),
    };
    let mut merged = BTreeMap::new();
    for (name, value) in std::env::vars() {
        let name = name.to_ascii_lowercase();
        if prefixes.iter().any(|p| name.starts_with(p)) {
            merged.insert(name, value);
        }
    }
    merged.extend(options.iter().map(|(k, v)| (k.to_ascii_lowercase(), v.clone())));
    merged.retain(|name, _| is_known_option(url.scheme(), name));
    let (store, path) = object_store::parse_url_opts(&url, merged)
        .map_err(|e| store_error(&format!("opening lake `{location}`"), e))?;
    let store: Arc<dyn ObjectStore> = Arc::from(store);
    let store: Arc<dyn ObjectStore> = Arc::new(PrefixStore::new(store, path));
    Ok(Opened { store: Arc::new(Bounded::new(store)), folder: None })
}

/// The environment holds variables that object_store does not know (`AWS_EXECUTION_ENV` …).
fn is_known_option(scheme: &str, name: &str) -> bool {
    match scheme {
        "s3" | "s3a" => name.parse::<object_store::aws::AmazonS3ConfigKey>().is_ok(),
        "gs" => name.parse::<object_store::gcp::GoogleConfigKey>().is_ok(),
        _ => name.parse::<object_store::azure::AzureConfigKey>().is_ok(),
    }
}

fn open_directory(path: &str, invalid: impl Fn(String) -> Error) -> Result<Opened, Error> {
    std::fs::create_dir_all(path).map_err(|e| {
        let kind = match e.kind() {
            std::io::ErrorKind::PermissionDenied => ErrorKind::Denied,
            std::io::ErrorKind::StorageFull => ErrorKind::Unavailable,
            _ => ErrorKind::Invalid,
        };
        Error::new(kind, format!("lake `{path}`: cannot make the directory"))
            .help("choose a directory this user may write to")
            .because(e)
    })?;
    let full = std::fs::canonicalize(path).map_err(|e| invalid(e.to_string()))?;
    let store = object_store::local::LocalFileSystem::new_with_prefix(&full)
        .map_err(|e| store_error(&format!("opening lake `{path}`"), e))?;
    Ok(Opened { store: Arc::new(Bounded::new(Arc::new(store))), folder: Some(full) })
}

/// Proves that of two creations of one object the second fails: the promise every commit needs.
///
/// # Errors
/// `Invalid` when the store lets both win; otherwise as the store answers.
pub async fn check_conditional_put(store: &dyn ObjectStore, probe: &Path) -> Result<(), Error> {
    let create =
        || store.put_opts(probe, PutPayload::from_static(b"huiliu"), PutMode::Create.into());
    match create().await {
        Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => {}
        Err(e) => return Err(store_error("writing to the lake", e)),
    }
    let second = create().await;
    store.delete(probe).await.map_err(|e| store_error("deleting a probe object", e))?;
    match second {
        Err(
            object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. },
        ) => Ok(()),
        Ok(_) => Err(Error::new(
            ErrorKind::Invalid,
            "the store let two creations of one object succeed",
        )
        .coded(code::NO_CONDITIONAL_PUT)
        .help("commits need conditional puts (If-None-Match: *); use a store that honours them")),
        Err(e) => Err(store_error("writing to the lake", e)),
    }
}
