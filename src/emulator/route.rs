//! One request, from the socket to the answer: counted, held, failed where a switch says so, served.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, Limited, StreamBody};
use hyper::body::Incoming;

use super::answer;
use super::pool::Pool;
use super::switches::{Endpoint, Fault, Received, remote};
use super::{authorize, discovery, login, logout, revoke, token, userinfo};
use crate::types::{Body, BoxError, full};

/// No request to Cognito is nearly as large.
const BODY_LIMIT: usize = 64 * 1024;

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped on purpose")]
pub(super) struct Dropped;

pub(super) async fn answer(pool: &Pool, request: Request<Incoming>) -> Result<Response<Body>, Dropped> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
        return Ok(answer::bare(StatusCode::PAYLOAD_TOO_LARGE));
    };
    let body = body.to_bytes();
    let received = Received { method: head.method, uri: head.uri, headers: head.headers, body };
    let path = received.uri.path();
    if let Some(switch) = path.strip_prefix("/_emulator/") {
        return Ok(remote::answer(pool, switch, &received).await);
    }
    let Some(endpoint) = Endpoint::at(path, &pool.id) else {
        return Ok(answer::bare(StatusCode::NOT_FOUND));
    };
    let mut endpoints = vec![endpoint];
    if endpoint == Endpoint::Token {
        endpoints.extend(Endpoint::of_grant(&received.body));
    }
    pool.board.record(&endpoints, &received);
    pool.board.pass(&endpoints).await;
    match pool.board.fault(&endpoints) {
        None => Ok(serve(pool, &endpoints, &received)),
        Some(fault) => fail(pool, &endpoints, &received, fault).await,
    }
}

fn serve(pool: &Pool, endpoints: &[Endpoint], received: &Received) -> Response<Body> {
    match endpoints[0] {
        Endpoint::Authorize => authorize::authorize(pool, received),
        Endpoint::Login => login::login(pool, received),
        Endpoint::Token | Endpoint::TokenCode | Endpoint::TokenRefresh => {
            token::token(pool, received, endpoints)
        }
        Endpoint::Revoke => revoke::revoke(pool, received),
        Endpoint::Userinfo => userinfo::userinfo(pool, received),
        Endpoint::Logout => logout::logout(pool, received),
        Endpoint::Jwks => discovery::jwks(pool, received),
        Endpoint::Discovery => discovery::openid_configuration(pool, received),
        Endpoint::Error => login::error(pool, received),
    }
}

async fn fail(
    pool: &Pool,
    endpoints: &[Endpoint],
    received: &Received,
    fault: Fault,
) -> Result<Response<Body>, Dropped> {
    let worked = fault.after_work.then(|| serve(pool, endpoints, received));
    tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
    if fault.serves() {
        return Ok(worked.unwrap_or_else(|| serve(pool, endpoints, received)));
    }
    if fault.hang {
        std::future::pending::<()>().await;
    }
    match fault.status {
        Some(status) if !fault.close => Ok(failure(&fault, status)),
        _ => Err(Dropped),
    }
}

fn failure(fault: &Fault, status: u16) -> Response<Body> {
    let mut text = fault.body.clone();
    text.extend(std::iter::repeat_n(' ', fault.fill.saturating_sub(text.len())));
    let mut response = Response::new(if fault.stall { endless(text) } else { full(text) });
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &fault.headers {
        // A switch may ask for what is no header; it is left out.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// A body that begins and never ends.
fn endless(text: String) -> Body {
    let begin = stream::iter([Ok::<_, BoxError>(Frame::data(Bytes::from(text)))]);
    StreamBody::new(begin.chain(stream::pending())).boxed_unsync()
}
