//! What is known of ids: schemas for ever, ignorance for a short while, both within a bound.

use huiliu_model::schemas::{Looked, SchemaId, WriterSchema};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Schemas kept; a topic has a handful, a city a few hundred.
const SCHEMAS_MAX: usize = 1_000;
/// Unknown ids kept: a broken producer may invent one per record.
const UNKNOWN_MAX: usize = 10_000;
/// How long an id stays unknown without being asked for again: as long as a producer may take to
/// register a schema in one place and use it in another.
pub(crate) const UNKNOWN_FOR: Duration = Duration::from_secs(30);

#[derive(Default)]
pub(crate) struct Cache {
    schemas: HashMap<SchemaId, Arc<WriterSchema>>,
    /// Ids of `schemas`, the oldest first.
    order: VecDeque<SchemaId>,
    unknown: HashMap<SchemaId, Duration>,
}

impl Cache {
    pub fn get(&self, id: SchemaId, now: Duration) -> Option<Looked> {
        if let Some(schema) = self.schemas.get(&id) {
            return Some(Looked::Found(Arc::clone(schema)));
        }
        let since = self.unknown.get(&id)?;
        (now.saturating_sub(*since) < UNKNOWN_FOR).then_some(Looked::Unknown)
    }

    pub fn put(&mut self, id: SchemaId, looked: &Looked, now: Duration) {
        match looked {
            Looked::Found(schema) => {
                self.unknown.remove(&id);
                if self.schemas.insert(id, Arc::clone(schema)).is_none() {
                    self.order.push_back(id);
                }
                if self.order.len() > SCHEMAS_MAX
                    && let Some(oldest) = self.order.pop_front()
                {
                    self.schemas.remove(&oldest);
                }
            }
            Looked::Unknown => {
                if self.unknown.len() >= UNKNOWN_MAX {
                    self.unknown.retain(|_, since| now.saturating_sub(*since) < UNKNOWN_FOR);
                }
                if self.unknown.len() < UNKNOWN_MAX {
                    self.unknown.insert(id, now);
                }
            }
        }
    }

    pub fn schema_count(&self) -> usize {
        self.schemas.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use huiliu_model::schemas::SchemaKind;

    fn found(text: &str) -> Looked {
        let (text, references) = (text.to_owned(), Vec::new());
        Looked::Found(Arc::new(WriterSchema { kind: SchemaKind::Avro, text, references }))
    }

    #[test]
    fn an_unknown_id_is_asked_for_again_after_a_while() {
        let mut cache = Cache::default();
        let at = Duration::from_secs;
        cache.put(SchemaId(7), &Looked::Unknown, at(100));
        assert_eq!(cache.get(SchemaId(7), at(129)), Some(Looked::Unknown));
        assert_eq!(cache.get(SchemaId(7), at(130)), None);
        cache.put(SchemaId(7), &found("a"), at(131));
        assert_eq!(cache.get(SchemaId(7), at(131)), Some(found("a")));
    }

    #[test]
    fn neither_schemas_nor_unknown_ids_grow_without_bound() {
        let mut cache = Cache::default();
        for id in 0..20_000 {
            cache.put(SchemaId(id), &found("a"), Duration::ZERO);
            cache.put(SchemaId(100_000 + id), &Looked::Unknown, Duration::ZERO);
        }
        assert_eq!(cache.schemas.len(), SCHEMAS_MAX);
        assert_eq!(cache.order.len(), SCHEMAS_MAX);
        assert_eq!(cache.unknown.len(), UNKNOWN_MAX);
        assert_eq!(cache.get(SchemaId(19_999), Duration::ZERO), Some(found("a")));
        assert_eq!(cache.get(SchemaId(0), Duration::ZERO), None);
    }
}
