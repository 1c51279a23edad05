//! What follows a 101: bytes both ways, until either side ends it or the gate has to.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf, split};
use tokio::sync::watch;
use tokio::time::timeout;

use super::frames::{self, Frames, Sender};
use crate::crypto::random;
use crate::telemetry::metrics::Metrics;

/// A future that a tunnel or a stream ends with.
pub type End = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is read at once; each tunnel has two such buffers.
const BUFFER: usize = 8 * 1024;
/// How long one side may take to end after the other, or after it was told to.
const LINGER: Duration = Duration::from_secs(2);

/// Two connections that are about to become one.
#[derive(Debug)]
pub struct Tunnel {
    pub(super) client: OnUpgrade,
    pub(super) app: OnUpgrade,
}

/// All tunnels that are open, on whatever thread.
#[derive(Debug)]
pub struct Tunnels {
    told: watch::Sender<bool>,
    open: watch::Sender<usize>,
    metrics: Arc<Metrics>,
}

/// Why the gate ends a tunnel, as its two sides are told (RFC 6455 §7.4.1).
#[derive(Clone, Copy, Debug)]
enum Reason {
    GoingAway,
    SessionOver,
}

/// Counts an open tunnel, however it ends.
struct Open(Arc<Tunnels>);

/// One direction.
struct Direction {
    from: ReadHalf<TokioIo<Upgraded>>,
    to: WriteHalf<TokioIo<Upgraded>>,
    frames: Frames,
    buffer: Box<[u8]>,
    /// What of the buffer is still to be sent.
    unsent: std::ops::Range<usize>,
}

impl Tunnels {
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { told: watch::Sender::new(false), open: watch::Sender::new(0), metrics }
    }

    /// Opens a tunnel, once both sides have switched. It ends with `over` at the latest.
    pub fn open(self: &Arc<Self>, tunnel: Tunnel, over: Option<End>) {
        let open = Open::begin(self);
        let told = self.told();
        tokio::spawn(async move {
            let end = async {
                match over {
                    Some(over) => tokio::select! {
                        () = told => Reason::GoingAway,
                        () = over => Reason::SessionOver,
                    },
                    None => {
                        told.await;
                        Reason::GoingAway
                    }
                }
            };
            if let Err(error) = tunnel.run(end).await {
                tracing::debug!(%error, "a tunnel broke off");
            }
            drop(open);
        });
    }

    /// Ends them all, and whatever is opened from now on.
    pub fn close(&self) {
        self.told.send_replace(true);
    }

    /// Resolves when the end was told of.
    pub fn told(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut told = self.told.subscribe();
        async move {
            // An error says that nobody is left to tell it, which is an end too.
            let _ = told.wait_for(|told| *told).await;
        }
    }

    /// Waits until none is open.
    pub async fn ended(&self) {
        // The sender lives in `self`, so this does not fail.
        let _ = self.open.subscribe().wait_for(|open| *open == 0).await;
    }
}

impl Open {
    fn begin(tunnels: &Arc<Tunnels>) -> Self {
        tunnels.open.send_modify(|open| *open += 1);
        tunnels.metrics.websocket_opened();
        Self(Arc::clone(tunnels))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open -= 1);
        self.0.metrics.websocket_closed();
    }
}

impl Tunnel {
    async fn run(self, end: impl Future<Output = Reason>) -> io::Result<()> {
        let mut end = std::pin::pin!(end);
        // The client's connection switches when the 101 has gone out.
        let switched = tokio::select! {
            switched = async { tokio::try_join!(self.client, self.app) } => switched,
            _ = end.as_mut() => return Ok(()),
        };
        let (client, app) = switched.map_err(io::Error::other)?;
        let (client_reads, client_writes) = split(TokioIo::new(client));
        let (app_reads, app_writes) = split(TokioIo::new(app));
        let mut up = Direction::new(client_reads, app_writes);
        let mut down = Direction::new(app_reads, client_writes);
        let reason = tokio::select! {
            ended = both(&mut up, &mut down) => return ended,
            reason = end => reason,
        };
        let (code, text) = match reason {
            Reason::GoingAway => (1001, "the gate is restarting"),
            Reason::SessionOver => (1008, "the session is over"),
        };
        let to_app = frames::close(Sender::Client(random::bytes()), code, text);
        let to_client = frames::close(Sender::Server, code, text);
        let _ = timeout(LINGER, async { tokio::join!(up.end(&to_app), down.end(&to_client)) }).await;
        // Closed with bytes unread, a connection is reset, and the reset may overtake what was said last.
        let silence = async { tokio::join!(discard(&mut up.from), discard(&mut down.from)) };
        let _ = timeout(LINGER, silence).await;
        Ok(())
    }
}

/// Passes on both ways until both have ended; when one has, the other soon does.
async fn both(up: &mut Direction, down: &mut Direction) -> io::Result<()> {
    let (mut up, mut down) = (std::pin::pin!(up.pass()), std::pin::pin!(down.pass()));
    let other = tokio::select! {
        ended = up.as_mut() => {
            ended?;
            timeout(LINGER, down).await
        }
        ended = down.as_mut() => {
            ended?;
            timeout(LINGER, up).await
        }
    };
    other.unwrap_or(Ok(()))
}

impl Direction {
    fn new(from: ReadHalf<TokioIo<Upgraded>>, to: WriteHalf<TokioIo<Upgraded>>) -> Self {
        Self { from, to, frames: Frames::default(), buffer: vec![0; BUFFER].into(), unsent: 0..0 }
    }

    /// Passes on what comes until no more does. It may be given up at any point, and gone on with.
    async fn pass(&mut self) -> io::Result<()> {
        while self.step().await? {}
        self.to.shutdown().await
    }

    /// Sends what was read, or reads what comes; false at its end.
    async fn step(&mut self) -> io::Result<bool> {
        if self.unsent.is_empty() {
            self.to.flush().await?;
            let read = self.from.read(&mut self.buffer).await?;
            self.unsent = 0..read;
            return Ok(read > 0);
        }
        let sent = self.to.write(&self.buffer[self.unsent.clone()]).await?;
        if sent == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let sent = self.unsent.start..self.unsent.start + sent;
        self.frames.pass(&self.buffer[sent.clone()]);
        self.unsent.start = sent.end;
        Ok(true)
    }

    /// Finishes the frame under way, and says `close` as the last one.
    async fn end(&mut self, close: &[u8]) -> io::Result<()> {
        while !self.frames.is_between() {
            if !self.step().await? {
                break;
            }
        }
        if self.frames.is_between() {
            self.to.write_all(close).await?;
        }
        self.to.shutdown().await
    }
}

/// Reads until there is no more.
async fn discard(from: &mut ReadHalf<TokioIo<Upgraded>>) {
    let mut thrown_away = [0; 1024];
    while from.read(&mut thrown_away).await.is_ok_and(|read| read > 0) {}
}
