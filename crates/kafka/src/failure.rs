//! librdkafka's errors as ours: who must act, and on what.

use crate::context::Context;
use huiliu_model::{Error, ErrorKind};
use rdkafka::ClientConfig;
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

/// Why connections fail, where librdkafka says what somebody can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// A broker's certificate: OpenSSL does not say what is wrong with it.
    Unverified,
    /// Another failure of the TLS handshake, such as a client certificate that is asked for.
    Handshake,
    /// One side speaks TLS or SASL and the other does not.
    Protocol,
}

impl Obstacle {
    /// By the words of librdkafka 2.12, in its error events and log lines.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let says = |words: &str| text.contains(words);
        // Hung up on before the first answer, a plain client speaks to a TLS listener.
        let hung_up = says("Disconnected") && says("in state APIVERSION_QUERY");
        if hung_up || says("security.protocol") || says("PLAINTEXT broker listener") {
            return Some(Self::Protocol);
        }
        if !says("SSL handshake failed") {
            return None;
        }
        let unverified = says("certificate verify failed") || says("could not be verified");
        Some(if unverified { Self::Unverified } else { Self::Handshake })
    }

    fn error(self, servers: &str) -> Error {
        let first = servers.split(',').next().unwrap_or(servers).trim();
        match self {
            Self::Unverified => {
                let message =
                    format!("the certificate of kafka brokers `{servers}` is not trusted (TLS)");
                Error::new(ErrorKind::Denied, message).help(format!(
                    "its authority is not in `kafka.security.ca_location`, or it has expired, or \
                     is for another host name: `openssl s_client -connect {first}` shows it"
                ))
            }
            Self::Handshake => {
                let message = format!("kafka brokers `{servers}` and we do not agree on TLS");
                Error::new(ErrorKind::Denied, message).help(
                    "brokers that ask for a client certificate need \
                     `kafka.security.certificate_location` and `key_location`",
                )
            }
            Self::Protocol => {
                let message = format!("kafka brokers `{servers}` hang up on us at once");
                Error::new(ErrorKind::Unavailable, message).help(
                    "check `kafka.security.protocol`: a TLS listener needs `ssl` or `sasl_ssl`, \
                     a plain one `plaintext` or `sasl_plaintext`",
                )
            }
        }
    }
}

/// A cluster that gave no answer, and the most telling reason for it.
pub(crate) fn silent(servers: &str, seconds: u64, context: &Context) -> Error {
    if let Some((obstacle, reason)) = context.obstacle() {
        return obstacle.error(servers).because(reason);
    }
    let message = format!("no kafka broker of `{servers}` answered within {seconds} s");
    let error = Error::new(ErrorKind::Unavailable, message)
        .help("check that the address is right, that it is reached from here, and TLS settings");
    let reason = context.reason();
    if reason.is_empty() { error } else { error.because(reason) }
}

/// Properties that name files, and the keys of `huiliu.yaml` that they come from.
const FILES: [(&str, &str); 3] = [
    ("ssl.ca.location", "kafka.security.ca_location"),
    ("ssl.certificate.location", "kafka.security.certificate_location"),
    ("ssl.key.location", "kafka.security.key_location"),
];

/// A client that could not even be built: some property is wrong.
pub(crate) fn unbuildable(error: KafkaError, config: &ClientConfig) -> Error {
    if let KafkaError::ClientCreation(why) = &error
        && let Some((name, key)) = FILES.iter().find(|(name, _)| why.contains(name))
        && let Some(path) = config.get(name)
    {
        let message = format!("the file of `{key}` cannot be used: {path}");
        return Error::new(ErrorKind::Invalid, message)
            .help(format!("name a file in PEM that is there and may be read as `{key}`"))
            .because(error);
    }
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

/// An error that passes when a broker comes back, or another takes its place.
pub(crate) fn is_away(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::OperationTimedOut
                | Code::RequestTimedOut
                | Code::BrokerTransportFailure
                | Code::AllBrokersDown
                | Code::Resolve
                | Code::NetworkException
                | Code::BrokerNotAvailable
                | Code::NotLeaderForPartition
                | Code::LeaderNotAvailable
                | Code::ReplicaNotAvailable
        )
    )
}

/// A thread that the operating system refuses.
pub(crate) fn no_thread(name: &str, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, format!("thread `{name}` cannot be started")).because(error)
}
