//! In which shape a lake keeps its values, and under which token key.
//!
//! Tokens of two keys never meet in a join, so a lake has one token key for life. It is named (by
//! digits that tell nothing of the key) twice: in the object `_huiliu/token-key`, which the first
//! process with keys creates and every other compares, so that a dataset declared later cannot
//! bring another key; and in the property `huiliu.token_key` of every table, which a table keeps
//! when it is copied away. Who reads without keys compares nothing.

use crate::error::store_error;
use huiliu_model::{Error, ErrorKind, code};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};

/// Object that names the lake's token key.
const OBJECT: &str = "_huiliu/token-key";
/// Table property that names the token key.
pub(crate) const TOKEN_KEY: &str = "huiliu.token_key";

/// How values are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// Whether columns are stored by their policies.
    pub protected: bool,
    /// The name of the token key; none in a plain lake, and for who has no keys.
    pub token_key: Option<String>,
}

impl From<bool> for Shape {
    /// A shape that names no key.
    fn from(protected: bool) -> Self {
        Self { protected, token_key: None }
    }
}

/// Makes the token key that of the lake, or compares it with the lake's own.
///
/// # Errors
/// `Invalid` when the lake has another; otherwise as the store answers.
pub(crate) async fn claim(store: &dyn ObjectStore, token_key: &str) -> Result<(), Error> {
    let path = Path::from(OBJECT);
    let body = PutPayload::from(token_key.to_owned().into_bytes());
    let found = match store.get(&path).await {
        Err(object_store::Error::NotFound { .. }) => {
            match store.put_opts(&path, body, PutMode::Create.into()).await {
                Ok(_) => return Ok(()),
                // Somebody was first, or it was us and the answer was lost.
                Err(
                    object_store::Error::AlreadyExists { .. }
                    | object_store::Error::Precondition { .. },
                ) => store.get(&path).await,
                Err(e) => return Err(store_error("naming the lake's token key", e)),
            }
        }
        other => other,
    };
    let failed = |e| store_error("reading the name of the lake's token key", e);
    let bytes = found.map_err(failed)?.bytes().await.map_err(failed)?;
    compare("the lake", &String::from_utf8_lossy(&bytes), token_key)
}

/// # Errors
/// `Invalid` when the keys differ.
pub(crate) fn compare(owner: &str, recorded: &str, configured: &str) -> Result<(), Error> {
    if recorded == configured {
        return Ok(());
    }
    let text = format!(
        "the tokens of {owner} were made under token key {recorded}, the configured one is \
         {configured}"
    );
    Err(Error::new(ErrorKind::Invalid, text).coded(code::TOKEN_KEY_DIFFERS).help(
        "put the first key back as `keys.token`: tokens of two keys never join. Under another \
         token key a new lake is built: name another `lake` and replay (`huiliu run` reads Kafka \
         from its start, `huiliu load` the files)",
    ))
}
