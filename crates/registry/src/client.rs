//! The client: one question per id, with the schemas that a schema refers to.

use crate::answer::{Answer, Reference, unavailable};
use crate::cache::Cache;
use crate::metrics::{Metrics, Outcome};
use crate::settings::Settings;
use async_trait::async_trait;
use huiliu_model::schemas::{Looked, SchemaId, Schemas, WriterSchema};
use huiliu_model::{Clock, Error, ErrorKind};
use reqwest::{Client, Url};
use secrecy::ExposeSecret;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Longest answer that is read.
const BODY_BYTES_MAX: usize = 8 << 20;
/// Schemas that one schema may refer to, directly or not.
const REFERENCES_MAX: usize = 100;
/// A media type of the registry's own, and what a simple one understands.
const ACCEPT: &str = "application/vnd.schemaregistry.v1+json, application/json";

/// A schema registry.
pub struct Registry {
    url: Url,
    client: Client,
    settings: Settings,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    cache: Mutex<Cache>,
}

impl Registry {
    /// Prepares to ask; asks nothing yet.
    ///
    /// # Errors
    /// `Invalid` when the address or the certificates cannot be used.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>, metrics: Metrics) -> Result<Self, Error> {
        let (url, client) = (settings.url()?, settings.client()?);
        Ok(Self { url, client, settings, clock, metrics, cache: Mutex::default() })
    }

    /// Whether the registry answers and lets us in. Any answer about an id will do.
    ///
    /// # Errors
    /// `Unavailable` or `Denied`.
    pub async fn reach(&self) -> Result<(), Error> {
        self.ask(&["schemas", "ids", "1"], false).await.map(|_| ())
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        // Every change is one step: a panic elsewhere leaves a whole cache behind.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts one question; `None`: there is no such schema.
    async fn ask(&self, path: &[&str], deleted: bool) -> Result<Option<Answer>, Error> {
        let began = self.clock.monotonic();
        let answer = self.fetch(path, deleted).await;
        let outcome = match &answer {
            Ok(Some(_)) => Outcome::Found,
            Ok(None) => Outcome::Unknown,
            Err(error) if error.kind == ErrorKind::Denied => Outcome::Denied,
            Err(_) => Outcome::Failed,
        };
        self.metrics.asked(outcome, self.clock.monotonic().saturating_sub(began));
        answer
    }

    async fn fetch(&self, path: &[&str], deleted: bool) -> Result<Option<Answer>, Error> {
        let mut url = self.url.clone();
        let place = url.path_segments_mut().map(|mut held| {
            held.pop_if_empty().extend(path);
        });
        let question = format!("GET /{}", path.join("/"));
        if place.is_err() {
            return Err(Error::new(ErrorKind::Invalid, format!("`{}` has no path", self.url)));
        }
        if deleted {
            url.query_pairs_mut().append_pair("deleted", "true");
        }
        let mut request = self.client.get(url).header("accept", ACCEPT);
        if let Some(username) = &self.settings.username {
            let password = self.settings.password.as_ref().map(ExposeSecret::expose_secret);
            request = request.basic_auth(username, password);
        }
        let away = |e: reqwest::Error| {
            let at = self.url.host_str().unwrap_or_default();
            let text = format!("the schema registry at {at} does not answer {question}");
            unavailable(text).because(e.without_url())
        };
        let mut response = request.send().await.map_err(away)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(away)? {
            if body.len() + part.len() > BODY_BYTES_MAX {
                return Err(unavailable(format!("{question}: the answer is too long")));
            }
            body.extend_from_slice(&part);
        }
        Answer::read(&question, status, &body)
    }

    /// Every schema that some references lead to, each after those that it uses itself.
    async fn resolve(&self, first: Vec<Reference>) -> Result<Vec<String>, Error> {
        // What is still to be read, and what is to be given once everything above it was.
        enum Step {
            Read(Reference),
            Give(String),
        }
        let mut steps: Vec<Step> = first.into_iter().rev().map(Step::Read).collect();
        let (mut seen, mut texts) = (Vec::new(), Vec::new());
        while let Some(step) = steps.pop() {
            let reference = match step {
                Step::Give(text) => {
                    texts.push(text);
                    continue;
                }
                Step::Read(reference) if seen.contains(&reference) => continue,
                Step::Read(reference) => reference,
            };
            let Reference { subject, version } = &reference;
            if seen.len() >= REFERENCES_MAX {
                let text = format!("more than {REFERENCES_MAX} schemas are referred to");
                return Err(unavailable(text));
            }
            let path = ["subjects", subject, "versions", &version.to_string()];
            // One that was deleted softly is still in use by records.
            let Some(answer) = self.ask(&path, true).await? else {
                let text = format!("version {version} of `{subject}` is referred to and missing");
                return Err(unavailable(text));
            };
            seen.push(reference);
            steps.push(Step::Give(answer.schema));
            steps.extend(answer.references.into_iter().rev().map(Step::Read));
        }
        Ok(texts)
    }
}

#[async_trait]
impl Schemas for Registry {
    async fn schema(&self, id: SchemaId) -> Result<Looked, Error> {
        let now = self.clock.monotonic();
        if let Some(known) = self.cache().get(id, now) {
            return Ok(known);
        }
        let looked = match self.ask(&["schemas", "ids", &id.to_string()], false).await? {
            None => {
                tracing::warn!(%id, "the schema registry does not know this id");
                Looked::Unknown
            }
            Some(answer) => {
                let kind = answer.kind();
                let references = self.resolve(answer.references).await?;
                Looked::Found(Arc::new(WriterSchema { kind, text: answer.schema, references }))
            }
        };
        let mut cache = self.cache();
        cache.put(id, &looked, now);
        self.metrics.held(cache.schema_count());
        Ok(looked)
    }
}
