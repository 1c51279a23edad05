//! The certificates' files, read again and again.

use std::time::Duration;

use tokio::task::spawn_blocking;

use super::Door;
use crate::certificate::Certificate;
use crate::clock::Clock;
use crate::telemetry::metrics::Metrics;

/// Two small files a second cost nothing that could be measured, and a certificate is in use when its tool is done.
const PAUSE: Duration = Duration::from_secs(1);

/// What is said of a certificate in the metrics.
const SUBJECT: &str = "certificate";

/// Keeps a door's certificates as their files are; for ever.
///
/// What can be used is used for the next handshake. What cannot is told once, and the last good one stays.
pub async fn keep_fresh(door: &Door, mut certificates: Vec<Certificate>, clock: Clock) {
    let mut doubts = vec![None; certificates.len()];
    for certificate in &certificates {
        door.metrics.reloaded(SUBJECT, Ok(clock.now()));
        show(certificate, &door.metrics);
    }
    loop {
        for (certificate, told) in certificates.iter().zip(&mut doubts) {
            let doubt = certificate.doubt(clock.now());
            if let Some(doubt) = doubt.filter(|_| *told != doubt) {
                tracing::warn!(certificate = %certificate.file().display(), "the certificate is served, but {doubt}");
            }
            *told = doubt;
        }
        tokio::time::sleep(PAUSE).await;
        // Files may be far away, and this thread answers probes.
        let looked = spawn_blocking(move || {
            let news: Vec<_> = certificates.iter_mut().map(Certificate::renew).collect();
            (certificates, news)
        });
        let Ok((looked, news)) = looked.await else {
            tracing::error!("the certificates are not read any more");
            return std::future::pending().await;
        };
        certificates = looked;
        let mut is_new = false;
        for (certificate, news) in certificates.iter().zip(news) {
            let file = certificate.file().display();
            match news {
                None => {}
                Some(Ok(())) => {
                    is_new = true;
                    door.metrics.reloaded(SUBJECT, Ok(clock.now()));
                    show(certificate, &door.metrics);
                    tracing::info!(certificate = %file, "the certificate was read anew, and is in use");
                }
                Some(Err(error)) => {
                    door.metrics.reloaded(SUBJECT, Err(()));
                    tracing::error!(certificate = %file, %error, "the certificate was changed and cannot be used; the last good one stays");
                }
            }
        }
        if is_new {
            door.choice.replace(&certificates);
        }
    }
}

fn show(certificate: &Certificate, metrics: &Metrics) {
    metrics.certificate(&certificate.file().to_string_lossy(), certificate.not_after());
}
