//! What is counted of TLS, and of files that are read again.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::clock::UnixTime;

/// Shown where they have something to show, as all of these are.
#[derive(Debug)]
pub(super) struct Reloads {
    ends: Family<ReloadLabels, Counter>,
    last: Family<Subject, Gauge>,
    expiry: Family<File, Gauge>,
    handshakes: Family<HandshakeLabel, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabels {
    subject: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Subject {
    subject: &'static str,
}

/// A file of the configuration, so there are only so many.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct File {
    file: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HandshakeLabel {
    result: &'static str,
}

impl Reloads {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let reloads = Self {
            ends: Family::default(),
            last: Family::default(),
            expiry: Family::default(),
            handshakes: Family::default(),
        };
        registry.register(
            "cognigate_reloads",
            "Times that files were read because they are new or have changed, by how that ended",
            reloads.ends.clone(),
        );
        registry.register_with_unit(
            "cognigate_last_reload_timestamp",
            "When what is in use was read",
            Unit::Seconds,
            reloads.last.clone(),
        );
        registry.register_with_unit(
            "cognigate_certificate_expiry_timestamp",
            "When a certificate in use expires",
            Unit::Seconds,
            reloads.expiry.clone(),
        );
        registry.register(
            "cognigate_tls_handshakes",
            "Handshakes with clients by their end",
            reloads.handshakes.clone(),
        );
        reloads
    }

    pub(super) fn ended(&self, subject: &'static str, end: Result<UnixTime, ()>) {
        let result = if end.is_ok() { "success" } else { "failure" };
        self.ends.get_or_create(&ReloadLabels { subject, result }).inc();
        // There from the start, so that its rise is seen.
        drop(self.ends.get_or_create(&ReloadLabels { subject, result: "failure" }));
        if let Ok(now) = end {
            self.last.get_or_create(&Subject { subject }).set(now.0);
        }
    }

    pub(super) fn expires(&self, file: &str, at: UnixTime) {
        self.expiry.get_or_create(&File { file: file.to_owned() }).set(at.0);
    }

    pub(super) fn handshake(&self, result: &'static str) {
        self.handshakes.get_or_create(&HandshakeLabel { result }).inc();
    }
}
