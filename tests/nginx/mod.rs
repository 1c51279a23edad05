//! Real nginx, Debian's and the newest, with the configuration that is shipped, in front of a gate and an app.

mod cleared;
mod judged;
mod page;
mod paths;
mod renewal;
mod rules;
pub(crate) mod server;
mod told;
mod visits;

use http::Method;

use crate::support::visitor::{FETCH, NAVIGATION, Visitor, header, json, text};
use crate::support::{PUBLIC_URL, Setup, Stage};

use server::{Nginx, Which};

const DEEP_LINK: &str = "/deep/link?with=query&a=%2F&b=c%20d";

/// nginx, before a stage's app, asking its gate.
struct Front {
    stage: Stage,
    nginx: Nginx,
}

impl Front {
    async fn new(which: Which) -> Self {
        Self::with(which, |setup| setup).await
    }

    async fn with(which: Which, change: impl FnOnce(Setup) -> Setup) -> Self {
        Self::with_lines(which, change, "").await
    }

    /// One whose `location /` has these lines too.
    async fn with_lines(which: Which, change: impl FnOnce(Setup) -> Setup, lines: &str) -> Self {
        let stage = Stage::with(|setup| change(setup.asked_by("nginx"))).await;
        let nginx = Nginx::start(which, stage.gate.address(), stage.app.address(), lines).await;
        Self { stage, nginx }
    }

    /// A browser that has not been here before.
    fn visitor(&self) -> Visitor {
        Visitor::new(PUBLIC_URL, self.nginx.address(), self.stage.cognito_address)
    }

    /// A browser that is signed in as alice.
    async fn signed_in(&self) -> Visitor {
        let mut visitor = self.visitor();
        assert_eq!(visitor.sign_in("alice", "/").await.status(), 200, "{}", self.nginx.log());
        visitor
    }
}

/// Each row as a test with either nginx.
macro_rules! with_both {
    ($($row:ident),+ $(,)?) => {
        mod debian {
            $(#[tokio::test] async fn $row() { super::$row(crate::nginx::Which::Debian).await })+
        }
        mod newest {
            $(#[tokio::test] async fn $row() { super::$row(crate::nginx::Which::Newest).await })+
        }
    };
}
use with_both;
