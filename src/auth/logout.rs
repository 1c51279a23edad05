//! Sign-out: our cookies, the refresh token, and Cognito's own session, all three.
//!
//! Cognito's `/logout` is not OpenID Connect's RP-initiated logout: it takes `client_id` and a registered
//! `logout_uri`, and nothing else ends its session cookie. See "Logout endpoint" in its developer guide.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, REFERER, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use serde_json::json;
use url::Url;

use super::navigation::{is_by_script, is_from, is_navigation, is_prefetch, value};
use super::{RelyingParty, RequestHead, TOMBSTONE};
use crate::cookie::read::RequestCookies;
use crate::pages::{Action, Page, no_store, see_other};
use crate::secret::Secret;
use crate::session::store::{Loaded, StoreUnavailable};
use crate::types::{Body, empty, full};

/// What an app client's access tokens live at most.
const LONGEST_ACCESS_TOKEN: Duration = Duration::from_secs(24 * 60 * 60);

/// What a request for a sign-out is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// The user meant it: a redirect to Cognito's logout.
    Leave,
    /// A script of our own origin meant it: it is told where to send the browser.
    Tell,
    /// It may have been somebody else's idea: a page asks.
    Ask,
}

impl RelyingParty {
    /// Answers `sign_out`, by GET or POST.
    ///
    /// # Errors
    /// Where the session cannot be ended now; the browser keeps its cookie then, to try again.
    pub async fn sign_out(&self, head: &RequestHead<'_>) -> Result<Response<Body>, StoreUnavailable> {
        Ok(match self.manner(head) {
            Manner::Ask => self.ask_first(head),
            Manner::Leave => see_other(self.logout_url().as_str(), self.end_session(head.cookies).await?),
            Manner::Tell => {
                let body = json!({ "logout_url": self.logout_url().as_str() }).to_string();
                let mut response = no_store(StatusCode::OK, full(body));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                for line in self.end_session(head.cookies).await? {
                    response.headers_mut().append(SET_COOKIE, line);
                }
                response
            }
        })
    }

    /// Answers `signed_out`, where Cognito sends the browser in the end.
    ///
    /// What the app's pages left in the cache goes, and the back button asks the gate. The page that the browser
    /// comes from is kept for the back button only once this one stands, too late for this one's header; so
    /// this page asks for the header once more, as for a picture.
    pub async fn signed_out_page(&self, head: &RequestHead<'_>) -> Result<Response<Body>, StoreUnavailable> {
        let mut response = if value(head.headers, "sec-fetch-dest") == Some("image") {
            no_store(StatusCode::NO_CONTENT, empty())
        } else {
            self.farewell(self.current_session(head.cookies).await?.is_some())
        };
        response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\""));
        Ok(response)
    }

    fn farewell(&self, is_signed_in: bool) -> Response<Body> {
        let (start, sign_out, here) =
            (self.own_path("start"), self.own_path("sign_out"), self.own_path("signed_out"));
        let logout_origin = self.logout.origin().ascii_serialization();
        let origins = [logout_origin.as_str()];
        let (title, text, action, form_origins): (_, _, _, &[&str]) = if is_signed_in {
            (
                "You are signed in",
                "This browser has a session. You can end it here.",
                Action::Post { action: &sign_out, label: "Sign out" },
                &origins,
            )
        } else {
            (
                "You are signed out",
                "Your session has ended, here and at the sign-in service.",
                Action::Link { href: &start, label: "Sign in again" },
                &[],
            )
        };
        Page {
            status: StatusCode::OK,
            title,
            text: &[text],
            action: Some(action),
            request_id: None,
            form_origins,
            afterwards: Some(&here),
        }
        .into_response()
    }

    /// Fetch Metadata decides where there is any; a missing header is never taken for consent.
    fn manner(&self, head: &RequestHead<'_>) -> Manner {
        let headers = head.headers;
        if headers.contains_key("sec-fetch-mode") || headers.contains_key("sec-fetch-site") {
            let mode = value(headers, "sec-fetch-mode");
            return match value(headers, "sec-fetch-site") {
                // Nobody has clicked yet.
                _ if is_prefetch(headers) => Manner::Ask,
                Some("same-origin" | "none") if is_navigation(head.method, headers) => Manner::Leave,
                Some("same-origin") if matches!(mode, Some("cors" | "same-origin")) => Manner::Tell,
                _ => Manner::Ask,
            };
        }
        // An old browser, or none. Only our own pages can send our Origin; only a script of our origin, or a
        // program, can send the header that no form can.
        let by_script = is_by_script(headers);
        match (head.method == Method::POST, is_from(headers, &self.public_url)) {
            (_, true) if by_script => Manner::Tell,
            (true, true) => Manner::Leave,
            _ if by_script
                && !headers.contains_key("origin")
                && !self.is_referred_from_elsewhere(headers) =>
            {
                Manner::Tell
            }
            _ => Manner::Ask,
        }
    }

    /// True where a `Referer` names another origin than ours; its absence says nothing.
    fn is_referred_from_elsewhere(&self, headers: &HeaderMap) -> bool {
        let ours = |text: &str| Url::parse(text).is_ok_and(|url| self.public_url.contains(&url));
        headers.get_all(REFERER).iter().any(|line| !line.to_str().is_ok_and(ours))
    }

    fn ask_first(&self, head: &RequestHead<'_>) -> Response<Body> {
        let action = self.own_path("sign_out");
        let logout_origin = self.logout.origin().ascii_serialization();
        Page {
            status: StatusCode::OK,
            title: "Sign out?",
            text: &["This ends your session here and at the sign-in service."],
            action: Some(Action::Post { action: &action, label: "Sign out" }),
            request_id: Some(head.request_id),
            form_origins: &[&logout_origin],
            afterwards: None,
        }
        .into_response()
    }

    /// Ends what this browser holds, and returns the lines that clear its cookies.
    async fn end_session(&self, cookies: &RequestCookies) -> Result<Vec<HeaderValue>, StoreUnavailable> {
        if let Loaded::Session(held) = self.store.load(cookies).await? {
            let session = &held.session;
            // A copy of the cookie dies here too: past its access token, its refresh token is revoked. That may be a
            // newer one than this browser's.
            let now = self.clock.now();
            let until = if self.refresher.is_due(session) {
                now.plus(LONGEST_ACCESS_TOKEN)
            } else {
                session.access_expires.max(now.plus(TOMBSTONE))
            };
            let elsewhere = self.store.end(&held, now, until).await?;
            self.signed_out.insert_until(session.id, until);
            self.watched.signed_out(session.id);
            // Only now, so that what a refresh brings meanwhile is found here, or finds the sign-out.
            let here = self.refresher.forget(session.id);
            tracing::info!(sub = %session.identity.sub, session = %session.id, "signed out");
            let states = [Some(session.as_ref()), here.as_deref(), elsewhere.as_deref()];
            let mut tokens: Vec<Secret> = Vec::new();
            for token in states.into_iter().flatten().filter_map(|state| state.refresh_token.as_ref()) {
                if !tokens.contains(token) {
                    tokens.push(token.clone());
                }
            }
            for token in tokens {
                self.revocations.revoke(Arc::clone(&self.tokens), token, session.id);
            }
        }
        let mut lines = self.store.clear(cookies);
        lines.push(self.end_sign_in_mark());
        Ok(lines)
    }

    /// Form A of Cognito's `/logout`: both parameters, exactly as registered, and no others.
    fn logout_url(&self) -> Url {
        let mut url = self.logout.clone();
        url.query_pairs_mut()
            .append_pair("client_id", &self.client_id)
            .append_pair("logout_uri", &self.own_url("signed_out"));
        url
    }
}
