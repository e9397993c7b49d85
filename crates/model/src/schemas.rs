//! The port to a schema registry: from the id that a record carries to the schema of its writer.
//!
//! `registry` implements it over HTTP, `testkit` in memory. An id never gets another schema, so
//! what was found may be kept for ever; that an id is unknown holds for a short while only.

use crate::error::Error;
use async_trait::async_trait;
use std::fmt;
use std::sync::Arc;

/// Id of a schema in its registry, as records carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SchemaId(pub u32);

impl fmt::Display for SchemaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A schema with everything it refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriterSchema {
    pub kind: SchemaKind,
    /// As the registry holds it.
    pub text: String,
    /// The schemas whose names it uses, each after those that it uses itself.
    pub references: Vec<String>,
}

/// What a schema describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaKind {
    Avro,
    /// JSON Schema, Protobuf: nothing that is read here.
    Other,
}

/// A registry's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looked {
    Found(Arc<WriterSchema>),
    /// The registry answers, and has no schema of this id.
    Unknown,
}

/// Where schemas are looked up.
#[async_trait]
pub trait Schemas: Send + Sync + 'static {
    /// The schema of an id. Cancel-safe.
    ///
    /// # Errors
    /// `Unavailable` when the registry does not answer or answers something else than a registry
    /// would; `Denied` when it refuses us. Both may pass.
    async fn schema(&self, id: SchemaId) -> Result<Looked, Error>;
}
