//! One request that would become two: through the gate to apps of two parsers, by raw bytes.
//!
//! Of each attack at most one request arrives, and the next visitor gets the answer to what was asked.

mod http1;
mod http2;
#[cfg(feature = "nginx-tests")]
mod nginx;

use cognigate::commands::run::Gate;
use cognigate::types::full;
use http::Response;

use crate::support::Stage;
use crate::support::visitor::{FETCH, Visitor, text};

/// Who reads what the gate sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parser {
    /// hyper, as the app itself.
    Hyper,
    /// Debian's nginx, which sends what it understood on to the app.
    #[cfg(feature = "nginx-tests")]
    Nginx,
}

/// What the app may get of an attack's first request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrives {
    Never,
    /// Once, with this body.
    Whole(&'static str),
    /// Perhaps the beginning; never what looks like the end.
    Torn,
    /// Perhaps so much, where a length promised no more; the rest is nothing.
    Cut(&'static str),
}

/// A gate in front of one parser, and somebody who is signed in.
struct Front {
    stage: Stage,
    alice: Visitor,
    #[cfg(feature = "nginx-tests")]
    nginx: Option<crate::nginx::server::Nginx>,
    /// The gate in front of nginx, where there is one.
    _gate: Option<Gate>,
    /// How many attacks there were.
    attacks: usize,
}

impl Front {
    async fn with(parser: Parser) -> Self {
        let stage = Stage::new().await;
        let mut alice = stage.signed_in().await;
        stage
            .app
            .answer(|arrived| Response::new(full(format!("{} of {}", arrived.target, arrived.body.len()))));
        match parser {
            Parser::Hyper => Self {
                stage,
                alice,
                #[cfg(feature = "nginx-tests")]
                nginx: None,
                _gate: None,
                attacks: 0,
            },
            #[cfg(feature = "nginx-tests")]
            Parser::Nginx => {
                let nginx = nginx::before(stage.app.address()).await;
                let gate = stage.replica(&[("upstream", &format!("http://{}", nginx.address()))]).await;
                alice.go_to(gate.address());
                Self { stage, alice, nginx: Some(nginx), _gate: Some(gate), attacks: 0 }
            }
        }
    }

    /// The cookies of who is signed in: an attack is worth nothing without a request that would be let through.
    fn cookies(&self) -> String {
        self.alice.jar.line().unwrap().to_str().unwrap().to_owned()
    }

    /// An attack as it goes out, byte for character: `SMUGGLED` is a whole request with a session, `COOKIES` are the
    /// session's, `LENGTH` and `<HEX>` say how long `SMUGGLED` is.
    fn fill_in(&self, template: &str) -> Vec<u8> {
        let (number, cookies) = (self.attacks, self.cookies());
        let smuggled =
            format!("GET /smuggled-{number} HTTP/1.1\r\nHost: app.test\r\nCookie: {cookies}\r\n\r\n");
        let text = template
            .replace("SMUGGLED", &smuggled)
            .replace("COOKIES", &cookies)
            .replace("LENGTH", &smuggled.len().to_string())
            .replace("<HEX>", &format!("{:x}", smuggled.len()))
            .replace("/first", &format!("/first-{number}"));
        text.chars().map(|c| u8::try_from(c).unwrap()).collect()
    }

    /// Says that an attack is over: what arrived of it, and that nobody else was given an answer to it.
    async fn check(&mut self, what: &str, arrives: Arrives) {
        let number = self.attacks;
        self.attacks += 1;
        let after = format!("/after-{number}");
        let next = self.alice.send(http::Method::GET, &after, &FETCH, "").await;
        assert_eq!(text(&next), format!("{after} of 0"), "{what}: somebody else's answer");
        let received = self.stage.app.received();
        assert!(
            received.iter().all(|arrived| !arrived.target.contains("smuggled")),
            "{what}: a second request"
        );
        let (first, with_query) = (format!("/first-{number}"), format!("/first-{number}?"));
        let firsts: Vec<_> = received
            .iter()
            .filter(|arrived| arrived.target == first || arrived.target.starts_with(&with_query))
            .collect();
        match arrives {
            Arrives::Never => assert!(firsts.is_empty(), "{what} arrived: {firsts:?}"),
            Arrives::Whole(body) => {
                let [only] = firsts[..] else { panic!("{what} arrived {} times", firsts.len()) };
                let expected = self.fill_in_for(number, body);
                assert_eq!(only.body, expected, "{what}");
            }
            Arrives::Cut(body) => {
                assert!(firsts.len() <= 1, "{what} arrived {} times", firsts.len());
                assert!(
                    firsts.iter().all(|first| first.body.is_empty() || first.body == body),
                    "{what}: {firsts:?}"
                );
            }
            Arrives::Torn => {
                assert!(firsts.len() <= 1 && firsts.iter().all(|first| first.body.is_empty()), "{what}")
            }
        }
    }

    fn fill_in_for(&self, number: usize, template: &str) -> Vec<u8> {
        let text = String::from_utf8(self.fill_in(template)).unwrap();
        text.replace(&format!("/smuggled-{}", self.attacks), &format!("/smuggled-{number}")).into_bytes()
    }

    /// Says that all is over: beside what was checked nothing has come, not by a parser that refused it either.
    async fn finish(self) {
        let allowed =
            |target: &str| target == "/" || target.starts_with("/first-") || target.starts_with("/after-");
        for arrived in self.stage.app.received() {
            assert!(allowed(&arrived.target), "{arrived:?}");
        }
        #[cfg(feature = "nginx-tests")]
        if let Some(nginx) = self.nginx {
            nginx::has_seen_no_more(&nginx, self.attacks, allowed).await;
        }
    }
}

/// Each row as a test before either parser.
macro_rules! before_both {
    ($($row:ident),+ $(,)?) => {
        mod before_hyper {
            $(#[tokio::test] async fn $row() { super::$row(crate::smuggling::Parser::Hyper).await })+
        }
        #[cfg(feature = "nginx-tests")]
        mod before_nginx {
            $(#[tokio::test] async fn $row() { super::$row(crate::smuggling::Parser::Nginx).await })+
        }
    };
}
use before_both;
