//! Metrics of the process itself; every room registers its own beside them.

use huiliu_model::{Error, ErrorKind};
use prometheus::process_collector::ProcessCollector;
use prometheus::{IntGaugeVec, Opts, Registry, TextEncoder};

/// Version of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Commit the binary was built from, `unknown` outside a repository.
pub const REVISION: &str = env!("HUILIU_REVISION");
/// Compiler the binary was built with.
pub const RUSTC: &str = env!("HUILIU_RUSTC");

/// A registry with what every process has: build, process, log volume.
///
/// # Errors
/// `Bug` when two metrics bear one name.
pub fn registry() -> Result<Registry, Error> {
    let registry = Registry::new();
    let build = IntGaugeVec::new(
        Opts::new("huiliu_build_info", "Version, revision and compiler of the binary; always 1."),
        &["version", "revision", "rustc"],
    )
    .map_err(duplicate)?;
    build.with_label_values(&[VERSION, REVISION, RUSTC]).set(1);
    registry.register(Box::new(build)).map_err(duplicate)?;
    registry.register(Box::new(ProcessCollector::for_self())).map_err(duplicate)?;
    registry.register(Box::new(crate::logging::MESSAGES.clone())).map_err(duplicate)?;
    Ok(registry)
}

/// The registry in Prometheus' text form.
///
/// # Errors
/// `Bug` when a metric cannot be encoded.
pub fn text(registry: &Registry) -> Result<String, Error> {
    TextEncoder::new().encode_to_string(&registry.gather()).map_err(|source| {
        Error::new(ErrorKind::Bug, "metrics could not be encoded").because(source)
    })
}

/// A room's metric bears a name that is taken, or a label that is not allowed.
pub fn duplicate(source: prometheus::Error) -> Error {
    Error::new(ErrorKind::Bug, "a metric could not be registered").because(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_describes_itself() {
        let text = text(&registry().expect("distinct names")).expect("text");
        let build = format!("huiliu_build_info{{revision=\"{REVISION}\",rustc=\"{RUSTC}\"");
        assert!(text.contains(&build), "{text}");
        assert!(text.contains("process_resident_memory_bytes "), "{text}");
        assert!(text.contains("huiliu_log_messages_total{level=\"error\"} "), "{text}");
    }
}
