//! Schemas of one dataset's records: asked for, and handed to its decoder.

use crate::pipeline::Pipeline;
use futures::{StreamExt, TryStreamExt};
use huiliu_model::schemas::{Looked, SchemaId, Schemas};
use huiliu_model::{Error, ErrorKind, Records};
use std::sync::Arc;

/// Questions that a registry is asked at once.
const AT_ONCE: usize = 8;

impl Pipeline {
    /// Where the schemas of the records are looked up.
    #[must_use]
    pub fn with_schemas(mut self, schemas: Arc<dyn Schemas>) -> Self {
        self.schemas = Some(schemas);
        self
    }

    /// Schemas that these records name and that were not looked up yet.
    pub fn unknown_schemas(&self, records: &Records) -> Vec<SchemaId> {
        self.decoder.unknown_schemas(records)
    }

    /// Looks up every schema that these records name, once; to be done before they are decoded.
    ///
    /// # Errors
    /// `Unavailable` or `Denied`, as the registry answers; `Invalid` without a registry.
    pub async fn resolve(&self, records: &Records) -> Result<(), Error> {
        self.learn(&self.unknown_schemas(records)).await
    }

    pub(crate) async fn learn(&self, ids: &[SchemaId]) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let Some(schemas) = &self.schemas else {
            let dataset = &self.contract().dataset;
            let text = format!("dataset `{dataset}` is Avro, and no schema registry is named");
            return Err(Error::new(ErrorKind::Invalid, text)
                .help("add `schema_registry: {url: …}` to huiliu.yaml"));
        };
        let one = async |id: SchemaId| {
            if let Looked::Found(schema) = schemas.schema(id).await? {
                self.decoder.learn(id, &schema);
            }
            Ok(())
        };
        futures::stream::iter(ids.iter().copied().map(one))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }
}
