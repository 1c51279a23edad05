//! A proxy that disappears: requests and answers, straight from the client to the app and through the gate, are the same
//! but for what docs/http.md says.

mod client;
pub(crate) mod differences;
mod samples;

use cognigate::types::Body;
use http::header::{DATE, HeaderValue, TRANSFER_ENCODING};
use http::{HeaderMap, Response};
use http_body_util::BodyExt as _;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::support::Stage;

use client::{Answered, Client, Way};
use samples::{Sample, sample};

const SAMPLES: usize = 500;

/// Lets the app answer as a sample says.
fn let_answer(stage: &Stage, sample: &Sample) {
    let (status, mut headers) = (sample.status, samples::headers(&sample.answer));
    // Its own, so that it is the same in all answers.
    headers.insert(DATE, HeaderValue::from_static("Tue, 15 Nov 1994 08:12:31 GMT"));
    let payload = sample.answer_body.clone();
    payload.announce(&mut headers);
    stage.app.answer(move |_| {
        let body: Body = payload.body().boxed_unsync();
        let mut response = Response::new(body);
        *response.status_mut() = status.try_into().unwrap();
        *response.headers_mut() = headers.clone();
        response
    });
}

#[tokio::test]
async fn requests_and_answers_are_the_same_through_the_gate_as_straight_to_the_app() {
    let stage = Stage::new().await;
    let session = stage.signed_in().await.jar.line().unwrap();
    let (gate, app) = (stage.gate.address(), stage.app.address());
    let mut straight = Client::new(app, Way::Http1);
    let mut by_gate = [Client::new(gate, Way::Http1), Client::new(gate, Way::Http2)];
    let mut runner = TestRunner::deterministic();
    for number in 0..SAMPLES {
        let sample = sample().new_tree(&mut runner).unwrap().current();
        let_answer(&stage, &sample);
        let answered = straight.ask(&sample, &session).await;
        let arrived = stage.app.last();
        for client in &mut by_gate {
            let what = format!("sample {number} by {:?}: {sample:?}", client.way);
            let mut got = client.ask(&sample, &session).await;
            got.headers.remove(TRANSFER_ENCODING);
            let through = stage.app.last();
            assert_eq!((&through.method, &through.target), (&arrived.method, &arrived.target), "{what}");
            assert!(through.body == arrived.body, "{what}: another body of {} bytes", through.body.len());
            assert_eq!(through.trailers, arrived.trailers, "{what}");
            let expected = differences::of_a_request(&arrived.headers, &session);
            assert_same(&differences::set_aside(&through.headers), &expected, &what);

            let Answered { status, headers, body, trailers } = &answered;
            assert_eq!(got.status, *status, "{what}");
            assert_same(&got.headers, &differences::of_an_answer(headers), &what);
            assert!(got.body == body, "{what}: another body of {} bytes", got.body.len());
            assert_eq!(&got.trailers, trailers, "{what}");
        }
    }
    assert_eq!(stage.app.count(), 1 + 3 * SAMPLES);
}

/// Compares name by name, to say which it is.
fn assert_same(got: &HeaderMap, expected: &HeaderMap, what: &str) {
    for name in got.keys().chain(expected.keys()) {
        let values = |of: &HeaderMap| of.get_all(name).iter().cloned().collect::<Vec<_>>();
        assert_eq!(values(got), values(expected), "{name} of {what}");
    }
}
