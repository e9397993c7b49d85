//! Errors of the object store and of Parquet in this program's kinds.

use huiliu_model::{Error, ErrorKind};

/// Names the store's answer and who must act on it.
pub fn store_error(action: &str, error: object_store::Error) -> Error {
    use object_store::Error as E;
    let kind = match &error {
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => ErrorKind::Denied,
        E::NotSupported { .. } | E::NotImplemented { .. } | E::UnknownConfigurationKey { .. } => {
            ErrorKind::Invalid
        }
        _ if is_missing_bucket(&error) => ErrorKind::Invalid,
        E::NotFound { .. } => ErrorKind::Corrupt,
        _ => ErrorKind::Unavailable,
    };
    let help = match kind {
        ErrorKind::Denied => {
            "check the store's credentials and that they may read, list and write here"
        }
        ErrorKind::Invalid => "check the lake's location, bucket and endpoint in huiliu.yaml",
        ErrorKind::Corrupt => "an object the log names is missing; restore it before going on",
        _ => "nothing is lost; check the store, its disk space and the network, then start again",
    };
    Error::new(kind, format!("{action} failed")).help(help).because(error)
}

fn is_missing_bucket(error: &object_store::Error) -> bool {
    error.to_string().contains("NoSuchBucket")
}

/// A file that cannot be encoded or decoded.
pub fn parquet_error(action: &str, error: parquet::errors::ParquetError) -> Error {
    use parquet::errors::ParquetError;
    let error = match error {
        // A store that does not answer says nothing about the file.
        ParquetError::External(source) => match source.downcast::<object_store::Error>() {
            Ok(source) => return store_error(action, *source),
            Err(source) => ParquetError::External(source),
        },
        other => other,
    };
    Error::new(ErrorKind::Corrupt, format!("{action} failed"))
        .help("the file contradicts the log or its own footer")
        .because(error)
}

/// A broken invariant of columns that this program made itself.
pub fn arrow_error(action: &str, error: arrow::error::ArrowError) -> Error {
    Error::new(ErrorKind::Bug, format!("{action} failed")).because(error)
}

/// A query that could not be planned or run.
pub fn query_error(action: &str, error: datafusion::error::DataFusionError) -> Error {
    use datafusion::error::DataFusionError as D;
    let kind = match error.find_root() {
        _ if crate::room::spilling(&error).is_some() => ErrorKind::Unavailable,
        D::SQL(..) | D::Plan(_) | D::SchemaError(..) => ErrorKind::Invalid,
        D::ResourcesExhausted(_) | D::ObjectStore(_) => ErrorKind::Unavailable,
        _ => ErrorKind::Bug,
    };
    Error::new(kind, format!("{action} failed: {}", error.strip_backtrace()))
}
