//! librdkafka's errors as ours: who must act, and on what.

use huiliu_model::{Error, ErrorKind};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// What to do about an error that the consumer reports while it runs.
pub(crate) enum Verdict {
    /// librdkafka recovers by itself.
    GoOn,
    Stop(Error),
}

pub(crate) fn judge(error: &KafkaError, reason: &str, servers: &str) -> Verdict {
    let Some(code) = error.rdkafka_error_code() else { return Verdict::GoOn };
    if is_refusal(code) {
        return Verdict::Stop(denied(code, reason, servers));
    }
    if matches!(error, KafkaError::MessageConsumptionFatal(_)) {
        let message = format!("kafka consumer at `{servers}` failed for good: {code}");
        return Verdict::Stop(Error::new(ErrorKind::Unavailable, message).because(reason));
    }
    Verdict::GoOn
}

pub(crate) fn is_refusal(code: Code) -> bool {
    matches!(
        code,
        Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
    )
}

pub(crate) fn denied(code: Code, reason: &str, servers: &str) -> Error {
    let message = format!("kafka brokers `{servers}` refused us: {code}");
    Error::new(ErrorKind::Denied, message)
        .help("check user, password or certificate, and the rights to read topic and group")
        .because(reason)
}

pub(crate) fn silent(servers: &str, seconds: u64, reason: &str) -> Error {
    let message = format!("no kafka broker of `{servers}` answered within {seconds} s");
    let error = Error::new(ErrorKind::Unavailable, message)
        .help("check that the address is right, that it is reached from here, and TLS settings");
    if reason.is_empty() { error } else { error.because(reason) }
}

/// A client that could not even be built: some property is wrong.
pub(crate) fn unbuildable(error: KafkaError) -> Error {
    let message = match &error {
        // The value stays out: it may be a password.
        KafkaError::ClientConfig(_, why, name, _) => {
            format!("kafka property `{name}` is not accepted: {}", why.to_lowercase())
        }
        _ => "kafka client cannot be built from its properties".to_owned(),
    };
    let invalid = Error::new(ErrorKind::Invalid, message);
    match error {
        KafkaError::ClientConfig(..) => invalid,
        other => invalid.because(other),
    }
}

/// A request that failed after the cluster had answered before.
pub(crate) fn failed(what: &str, error: KafkaError) -> Error {
    let kind = match error.rdkafka_error_code() {
        Some(code) if is_refusal(code) => ErrorKind::Denied,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, format!("kafka: {what} failed")).because(error)
}

/// A thread that the operating system refuses.
pub(crate) fn no_thread(name: &str, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, format!("thread `{name}` cannot be started")).because(error)
}
