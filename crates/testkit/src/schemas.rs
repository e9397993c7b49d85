//! A schema registry in memory.

use async_trait::async_trait;
use huiliu_model::schemas::{Looked, SchemaId, SchemaKind, Schemas, WriterSchema};
use huiliu_model::{Error, ErrorKind};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Knows the schemas it was given; away while it is told to be.
#[derive(Debug, Default)]
pub struct MemorySchemas {
    schemas: Mutex<BTreeMap<SchemaId, Arc<WriterSchema>>>,
    is_away: AtomicBool,
    asked: AtomicU64,
}

impl MemorySchemas {
    pub fn new<'a>(schemas: impl IntoIterator<Item = (u32, &'a str)>) -> Self {
        let made = Self::default();
        schemas.into_iter().for_each(|(id, text)| made.add(id, text));
        made
    }

    pub fn add(&self, id: u32, text: &str) {
        let (text, references) = (text.to_owned(), Vec::new());
        let schema = WriterSchema { kind: SchemaKind::Avro, text, references };
        let mut schemas = self.schemas.lock().expect("no test panics while holding it");
        schemas.insert(SchemaId(id), Arc::new(schema));
    }

    pub fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::SeqCst);
    }

    /// Questions so far, answered or not.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Schemas for MemorySchemas {
    async fn schema(&self, id: SchemaId) -> Result<Looked, Error> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.is_away.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "the registry is away"));
        }
        let schemas = self.schemas.lock().expect("no test panics while holding it");
        Ok(schemas.get(&id).map_or(Looked::Unknown, |schema| Looked::Found(Arc::clone(schema))))
    }
}
