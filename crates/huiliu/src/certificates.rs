//! When the certificates run out that the settings name: those of Kafka's authority and of this
//! client, and the schema registry's authority.
//!
//! Of a certificate (RFC 5280, 4.1) only `notAfter` is read, past what stands before it; whether
//! it is any good, the TLS library decides.

use crate::installation::Installation;
use chrono::NaiveDateTime;
use prometheus::{IntGaugeVec, Opts, Registry};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::path::{Path, PathBuf};

/// A file with more is a system's bundle of authorities, in which old ones are nobody's to renew.
const OURS_MAX: usize = 16;
/// Tags of the encoding (X.690): `SEQUENCE`, the explicit version, both forms of time.
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// What is told of certificates.
#[derive(Clone)]
pub struct Metrics {
    not_after: IntGaugeVec,
}

impl Metrics {
    /// # Errors
    /// When the registry holds the name already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let not_after = IntGaugeVec::new(
            Opts::new(
                "huiliu_certificate_not_after_timestamp_seconds",
                "When the certificate that the settings name runs out; of several in a file the \
                 first to do so.",
            ),
            &["name"],
        )?;
        registry.register(Box::new(not_after.clone()))?;
        Ok(Self { not_after })
    }

    /// Looks at the files as they are now: they may have been renewed.
    pub fn look(&self, installation: &Installation) {
        self.not_after.reset();
        for (name, path) in named(installation) {
            if let Some(at) = expires_at(&path) {
                self.not_after.with_label_values(&[name]).set(at);
            }
        }
    }
}

/// The files that the settings name.
fn named(installation: &Installation) -> Vec<(&'static str, PathBuf)> {
    let properties = installation.kafka().map(|kafka| kafka.properties).unwrap_or_default();
    let of_kafka =
        [("kafka_authority", "ssl.ca.location"), ("kafka_client", "ssl.certificate.location")];
    let mut found: Vec<(&str, PathBuf)> = of_kafka
        .into_iter()
        .filter_map(|(name, property)| Some((name, PathBuf::from(properties.get(property)?))))
        .collect();
    let registry = installation.settings.schema_registry.as_ref();
    let authority = registry.and_then(|registry| registry.ca_location.clone());
    found.extend(authority.map(|path| ("registry_authority", path)));
    found
}

/// When the first certificate of a PEM file runs out, seconds since 1970 UTC.
fn expires_at(path: &Path) -> Option<i64> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path).ok()?.flatten().collect();
    let ours = Some(certificates).filter(|found| found.len() <= OURS_MAX)?;
    ours.iter().filter_map(|certificate| not_after(certificate)).min()
}

/// `Certificate.tbsCertificate.validity.notAfter`.
fn not_after(certificate: &[u8]) -> Option<i64> {
    let (tag, certificate, _) = element(certificate)?;
    let (inner, to_be_signed, _) = element(certificate)?;
    if tag != SEQUENCE || inner != SEQUENCE {
        return None;
    }
    let mut rest = to_be_signed;
    if rest.first() == Some(&VERSION) {
        rest = element(rest)?.2;
    }
    // Serial number, algorithm and issuer.
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    let (_, validity, _) = element(rest)?;
    let (_, _, rest) = element(validity)?;
    let (tag, time, _) = element(rest)?;
    let text = std::str::from_utf8(time).ok()?;
    let text = match tag {
        // RFC 5280, 4.1.2.5.1: years of two digits lie between 1950 and 2049.
        UTC_TIME if text.get(..2)? >= "50" => format!("19{text}"),
        UTC_TIME => format!("20{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let at = NaiveDateTime::parse_from_str(&text, "%Y%m%d%H%M%SZ").ok()?;
    Some(at.and_utc().timestamp())
}

/// Tag and content of the first element, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first & 0x80 != 0 {
        let digits = usize::from(first & 0x7f);
        // Longer lengths, and the indefinite one, are in no certificate.
        if digits == 0 || digits > 4 {
            return None;
        }
        let (number, after) = rest.split_at_checked(digits)?;
        length = number.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit));
        rest = after;
    }
    let (content, after) = rest.split_at_checked(length)?;
    Some((tag, content, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by OpenSSL 3: `openssl req -x509 -newkey ed25519 -nodes -subj /CN=x -days N`, dates as
    /// `openssl x509 -enddate` prints them.
    const SOON: &str = include_str!("certificates/2027.pem");
    const LATE: &str = include_str!("certificates/2060.pem");

    #[test]
    fn both_forms_of_time_are_read_and_the_first_to_run_out_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.pem");
        let written = |text: &str| {
            std::fs::write(&path, text).expect("a file");
            expires_at(&path)
        };
        let (soon, late) = (1_813_325_762, 2_858_765_762);
        assert_eq!(written(SOON), Some(soon));
        assert_eq!(written(LATE), Some(late));
        assert_eq!(written(&format!("{LATE}{SOON}")), Some(soon));
        assert_eq!(written("no certificate"), None);
        assert_eq!(written(&SOON.repeat(OURS_MAX + 1)), None, "a system's bundle");
        assert_eq!(expires_at(&folder.path().join("nobody.pem")), None);
    }

    #[test]
    fn what_is_cut_short_is_nothing() {
        let whole = CertificateDer::from_pem_slice(SOON.as_bytes()).expect("a certificate");
        for length in 0..whole.len() {
            assert_eq!(not_after(&whole[..length]), None, "{length}");
        }
        assert_eq!(element(&[0x30, 0x80, 0, 0]), None);
        assert_eq!(element(&[0x30, 0x85, 1, 1, 1, 1, 1]), None);
    }
}
