//! The schema registry of an installation, for the pipelines that need one.

use crate::failure::Failure;
use crate::installation::{Installation, clock};
use huiliu_ingest::Pipeline;
use huiliu_model::schemas::Schemas;
use huiliu_registry::{Metrics, Registry, Settings};
use std::sync::Arc;

/// The registry that the settings name, if they name one.
pub type Named = Option<Arc<dyn Schemas>>;

/// Prepares the client of the registry; asks nothing yet.
///
/// # Errors
/// A secret that cannot be read, or certificates that are none.
pub fn named(
    installation: &Installation,
    metrics: &prometheus::Registry,
) -> Result<Named, Failure> {
    let client = client(installation, metrics)?;
    Ok(client.map(|client| Arc::new(client) as Arc<dyn Schemas>))
}

/// As [`named`], by its own type.
///
/// # Errors
/// As [`named`].
pub fn client(
    installation: &Installation,
    metrics: &prometheus::Registry,
) -> Result<Option<Registry>, Failure> {
    let Some(named) = &installation.settings.schema_registry else { return Ok(None) };
    let credentials = named.credentials().map_err(|found| Failure::Findings(vec![found]))?;
    let (username, password) = credentials.unzip();
    let settings = Settings {
        url: named.url.clone(),
        username,
        password: password.flatten(),
        ca_location: named.ca_location.clone(),
    };
    let metrics = Metrics::register(metrics).map_err(crate::metrics::duplicate)?;
    Ok(Some(Registry::new(settings, clock(), metrics)?))
}

/// As [`named`], for a verb that shows no metrics.
///
/// # Errors
/// As [`named`].
pub fn for_a_verb(installation: &Installation) -> Result<Named, Failure> {
    named(installation, &prometheus::Registry::new())
}

/// A pipeline that asks the registry, where there is one.
pub fn attach(pipeline: Pipeline, registry: &Named) -> Pipeline {
    match registry {
        Some(registry) => pipeline.with_schemas(Arc::clone(registry)),
        None => pipeline,
    }
}
