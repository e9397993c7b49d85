//! How the registry is reached.

use huiliu_model::{Error, ErrorKind};
use reqwest::{Certificate, Client, Url};
use secrecy::SecretString;
use std::path::PathBuf;
use std::time::Duration;

/// A registry in the same network connects within milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A schema is a few kilobytes; a registry that takes longer is as good as away.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Address, credentials and trust.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `http://…` or `https://…`; a path in it is kept.
    pub url: String,
    pub username: Option<String>,
    pub password: Option<SecretString>,
    /// Certificates of authorities, PEM, beside those of the system.
    pub ca_location: Option<PathBuf>,
}

impl Settings {
    pub(crate) fn url(&self) -> Result<Url, Error> {
        let url = Url::parse(&self.url).ok();
        url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()).ok_or_else(
            || {
                invalid(format!("`{}` is no address of a schema registry", self.url))
                    .help("write `schema_registry: {url: \"http://host:8081\"}`")
            },
        )
    }

    pub(crate) fn client(&self) -> Result<Client, Error> {
        let mut builder = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .user_agent(concat!("huiliu/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &self.ca_location {
            let failed = || invalid(format!("`{}` holds no certificates (PEM)", path.display()));
            let pem = std::fs::read(path).map_err(|e| failed().because(e))?;
            let certificates =
                Certificate::from_pem_bundle(&pem).map_err(|e| failed().because(e))?;
            if certificates.is_empty() {
                return Err(failed());
            }
            for certificate in certificates {
                builder = builder.add_root_certificate(certificate);
            }
        }
        builder.build().map_err(|e| invalid("no HTTP client can be made".to_owned()).because(e))
    }
}

fn invalid(text: String) -> Error {
    Error::new(ErrorKind::Invalid, text)
}
