//! gRPC through the gate: tonic at both ends, over HTTP/2 in clear text.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes};
use cognigate::commands::run::Gate;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt as _};
use http::header::COOKIE;
use http::uri::PathAndQuery;
use http::{HeaderValue, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2 as client;
use hyper::server::conn::http2 as server;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::body::Body;
use tonic::client::{Grpc, GrpcService};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{ClientStreamingService, ServerStreamingService, StreamingService, UnaryService};
use tonic::{Code, Request, Response, Status, Streaming};

use crate::support::Stage;
use crate::support::visitor::Visitor;
use crate::support::wire::PATIENCE;

/// Messages are their bytes; there is no schema here.
#[derive(Clone, Copy, Debug, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// The app: it says back what it hears, and who it thinks asks.
#[derive(Clone, Copy, Debug)]
struct Echo;

type Answering<T> = Pin<Box<dyn Future<Output = Result<Response<T>, Status>> + Send>>;
type Messages = BoxStream<'static, Result<Bytes, Status>>;

/// What every answer begins with: whether the bearer of a user came along.
fn greeting<T>(request: &Request<T>) -> Bytes {
    let bearer = request.metadata().get("authorization").map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(request.metadata().get("cookie"), None, "the session's cookie");
    if bearer.is_some_and(|bearer| bearer.starts_with("Bearer ey")) { "as a user".into() } else { "".into() }
}

impl UnaryService<Bytes> for Echo {
    type Response = Bytes;
    type Future = Answering<Bytes>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        Box::pin(async move {
            match &request.get_ref()[..] {
                b"fail" => Err(Status::with_details(Code::Aborted, "as you wish: 100 %", "details".into())),
                _ => {
                    let text = [greeting(&request), request.get_ref().clone()].concat();
                    let mut response = Response::new(text.into());
                    response.metadata_mut().insert("x-of-the-head", "yes".parse().unwrap());
                    Ok(response)
                }
            }
        })
    }
}

impl ServerStreamingService<Bytes> for Echo {
    type Response = Bytes;
    type ResponseStream = Messages;
    type Future = Answering<Messages>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let bytes = request.into_inner();
        let singly = stream::iter(bytes.to_vec()).map(|byte| Ok(Bytes::copy_from_slice(&[byte])));
        let last = stream::once(async { Err(Status::out_of_range("that was all")) });
        Box::pin(async move { Ok(Response::new(singly.chain(last).boxed())) })
    }
}

impl ClientStreamingService<Bytes> for Echo {
    type Response = Bytes;
    type Future = Answering<Bytes>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        Box::pin(async move {
            let mut all = greeting(&request).to_vec();
            let mut messages = request.into_inner();
            while let Some(message) = messages.message().await? {
                all.extend_from_slice(&message);
            }
            Ok(Response::new(all.into()))
        })
    }
}

impl StreamingService<Bytes> for Echo {
    type Response = Bytes;
    type ResponseStream = Messages;
    type Future = Answering<Messages>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        let greeting = stream::iter([Ok(greeting(&request))]);
        Box::pin(async move { Ok(Response::new(greeting.chain(request.into_inner()).boxed())) })
    }
}

/// Serves it by HTTP/2 in clear text, for as long as the test's runtime lives.
async fn app() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(|request: http::Request<Incoming>| async move {
                let mut grpc = tonic::server::Grpc::new(Raw);
                Ok::<_, Infallible>(match request.uri().path() {
                    "/echo/unary" => grpc.unary(Echo, request).await,
                    "/echo/server" => grpc.server_streaming(Echo, request).await,
                    "/echo/client" => grpc.client_streaming(Echo, request).await,
                    _ => grpc.streaming(Echo, request).await,
                })
            });
            let connection = server::Builder::new(TokioExecutor::new());
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

/// A connection to the gate, and the cookies that its calls bring.
#[derive(Clone)]
struct Wire {
    sender: client::SendRequest<Body>,
    cookies: Option<HeaderValue>,
}

impl GrpcService<Body> for Wire {
    type ResponseBody = Incoming;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = hyper::Result<http::Response<Incoming>>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.sender.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        if let Some(cookies) = &self.cookies {
            request.headers_mut().insert(COOKIE, cookies.clone());
        }
        Box::pin(self.sender.send_request(request))
    }
}

/// Somebody who calls by way of `visitor`'s gate, with their session.
async fn caller(visitor: &Visitor) -> Grpc<Wire> {
    let stream = TcpStream::connect(visitor.gate()).await.unwrap();
    let (sender, connection) = client::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let wire = Wire { sender, cookies: visitor.jar.line() };
    let mut caller = Grpc::with_origin(wire, Uri::from_static("https://app.test"));
    caller.ready().await.unwrap();
    caller
}

/// A gate before the app, and somebody who is signed in there.
async fn scene(changes: &[(&str, &str)]) -> (Stage, Gate, Visitor) {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    let url = format!("h2c://{}", app().await);
    let gate = stage.replica(&[&[("upstream", url.as_str())], changes].concat()).await;
    visitor.go_to(gate.address());
    (stage, gate, visitor)
}

fn path(text: &'static str) -> PathAndQuery {
    PathAndQuery::from_static(text)
}

/// A stream of messages that a test sends one by one.
fn by_hand() -> (mpsc::Sender<Bytes>, impl Stream<Item = Bytes> + Send + 'static) {
    let (sender, mut receiver) = mpsc::channel(1);
    (sender, stream::poll_fn(move |context| receiver.poll_recv(context)))
}

async fn next(messages: &mut Streaming<Bytes>) -> Result<Option<Bytes>, Status> {
    timeout(PATIENCE, messages.message()).await.expect("no message")
}

#[tokio::test]
async fn a_unary_call_brings_the_users_token_and_its_metadata_and_status_back() {
    let (_stage, _gate, visitor) = scene(&[]).await;
    let mut caller = caller(&visitor).await;
    let answer = caller.unary(Request::new(Bytes::from(", hello")), path("/echo/unary"), Raw).await.unwrap();
    assert_eq!(answer.metadata().get("x-of-the-head").unwrap(), "yes");
    assert_eq!(answer.into_inner(), "as a user, hello");
    let large = Bytes::from(vec![7; 3 << 20]);
    let answer = caller.unary(Request::new(large.clone()), path("/echo/unary"), Raw).await.unwrap();
    assert!(answer.into_inner().ends_with(&large));

    let status = caller.unary(Request::new(Bytes::from("fail")), path("/echo/unary"), Raw).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Aborted, "as you wish: 100 %"));
    assert_eq!(status.details(), b"details");
}

#[tokio::test]
async fn a_stream_of_the_servers_ends_with_the_status_in_its_trailers() {
    let (_stage, _gate, visitor) = scene(&[]).await;
    let mut caller = caller(&visitor).await;
    let asked = Request::new(Bytes::from("abc"));
    let mut messages = caller.server_streaming(asked, path("/echo/server"), Raw).await.unwrap().into_inner();
    for expected in ["a", "b", "c"] {
        assert_eq!(next(&mut messages).await.unwrap().unwrap(), expected);
    }
    let status = next(&mut messages).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::OutOfRange, "that was all"));
}

#[tokio::test]
async fn a_stream_of_the_clients_is_answered_once() {
    let (_stage, _gate, visitor) = scene(&[]).await;
    let mut caller = caller(&visitor).await;
    let parts = stream::iter([", one", ", two", ", three"].map(Bytes::from));
    let answer = caller.client_streaming(Request::new(parts), path("/echo/client"), Raw).await.unwrap();
    assert_eq!(answer.into_inner(), "as a user, one, two, three");
}

#[tokio::test]
async fn both_sides_stream_at_once_each_waiting_for_the_others_last_message() {
    let (_stage, _gate, visitor) = scene(&[]).await;
    let mut caller = caller(&visitor).await;
    let (sender, parts) = by_hand();
    let mut messages =
        caller.streaming(Request::new(parts), path("/echo/both"), Raw).await.unwrap().into_inner();
    assert_eq!(next(&mut messages).await.unwrap().unwrap(), "as a user");
    for number in 0..100 {
        let said = Bytes::from(format!("message {number}"));
        sender.send(said.clone()).await.unwrap();
        assert_eq!(next(&mut messages).await.unwrap().unwrap(), said);
    }
    drop(sender);
    assert_eq!(next(&mut messages).await.unwrap(), None);
}

#[tokio::test]
async fn without_a_session_a_call_is_unauthenticated_and_never_gets_html() {
    let (stage, _gate, mut nobody) = scene(&[]).await;
    nobody.jar.clear();
    let mut caller = caller(&nobody).await;
    for accept in ["application/grpc", "text/html"] {
        let mut asked = Request::new(Bytes::from("hello"));
        asked.metadata_mut().insert("accept", accept.parse().unwrap());
        let status = caller.unary(asked, path("/echo/unary"), Raw).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Unauthenticated, "Nobody is signed in."));
        let head = status.metadata().clone().into_headers();
        assert_eq!(head.get("location"), None);
    }
    let (_sender, parts) = by_hand();
    let status = caller.streaming(Request::new(parts), path("/echo/both"), Raw).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated, "before its messages end");

    // On the wire: 200, and the status in the head.
    let headers = [("content-type", "application/grpc+proto"), ("te", "trailers")];
    let answer = stage.visitor().send(http::Method::POST, "/echo/unary", &headers, "").await;
    assert_eq!((answer.status(), answer.body().len()), (http::StatusCode::OK, 0));
    assert_eq!(answer.headers()["grpc-status"], "16");
    assert_eq!(answer.headers()["content-type"], "application/grpc");
    // gRPC-Web is for scripts, which understand a 401.
    let headers = [("content-type", "application/grpc-web+proto")];
    let answer = stage.visitor().send(http::Method::POST, "/echo/unary", &headers, "").await;
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn other_failures_have_their_codes_too() {
    let (stage, _gate, mut visitor) = scene(&[]).await;
    let down = stage.replica(&[("upstream", "h2c://127.0.0.1:9")]).await;
    visitor.go_to(down.address());
    let ask = |text: &'static str| Request::new(Bytes::from(text));
    let status = caller(&visitor).await.unary(ask("hello"), path("/echo/unary"), Raw).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    let status = caller(&visitor).await.unary(ask("hello"), path("/echo/%2e"), Raw).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    let status = caller(&visitor).await.unary(ask("hello"), path("/oauth2/no"), Raw).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented, "{status}");
}

#[tokio::test]
async fn case_64_a_stream_whose_session_ends_is_told_so_by_its_status() {
    for keep in [false, true] {
        let rule = if keep { "keep" } else { "close" };
        let (stage, _gate, visitor) = scene(&[("websocket.on_session_end", rule)]).await;
        let mut caller = caller(&visitor).await;
        let (sender, parts) = by_hand();
        let asked = Request::new(parts);
        let mut messages = caller.streaming(asked, path("/echo/both"), Raw).await.unwrap().into_inner();
        assert_eq!(next(&mut messages).await.unwrap().unwrap(), "as a user");
        stage.clock.advance(Duration::from_secs(3600));
        if keep {
            sender.send("still there".into()).await.unwrap();
            assert_eq!(next(&mut messages).await.unwrap().unwrap(), "still there");
        } else {
            let status = next(&mut messages).await.unwrap_err();
            assert_eq!((status.code(), status.message()), (Code::Unauthenticated, "The session is over."));
        }
    }
}
