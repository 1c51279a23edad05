//! `/login`, the managed-login page, and `/error`, where a request ends that must not go back to the app.

use askama::Template;
use http::{Method, Response, StatusCode};

use super::answer;
use super::authorize::AuthorizationRequest;
use super::cookie;
use super::parameters::Parameters;
use super::pool::Pool;
use super::switches::Received;
use crate::types::Body;

/// The pages' one style sheet; it has no `<`, so it stands in the page as it is.
const STYLE: &str = include_str!("templates/style.css");

#[derive(Template)]
#[template(path = "emulator/templates/login.html")]
struct LoginPage<'a> {
    style: &'static str,
    pool_id: &'a str,
    provider: Option<&'a str>,
    username: &'a str,
    failed: bool,
}

#[derive(Template)]
#[template(path = "emulator/templates/error.html")]
struct ErrorPage<'a> {
    style: &'static str,
    pool_id: &'a str,
    message: &'a str,
}

/// Shows the sign-in form; takes it back; then the callback gets its code.
pub(super) fn login(pool: &Pool, request: &Received) -> Response<Body> {
    let asked = match AuthorizationRequest::read(pool, &Parameters::of_query(request)) {
        Ok(asked) => asked,
        Err(refusal) => return refusal.answer(pool),
    };
    match request.method {
        Method::GET | Method::HEAD => {
            let hint = asked.login_hint.as_deref().unwrap_or_default();
            page(pool, &asked, hint, StatusCode::OK)
        }
        Method::POST => {
            let form = Parameters::of_form(request);
            let username = form.first("username").unwrap_or_default();
            if !is_right(pool, username, form.first("password").unwrap_or_default()) {
                return page(pool, &asked, username, StatusCode::BAD_REQUEST);
            }
            let (value, session) = pool.open_session(username);
            answer::with_cookie(asked.grant(pool, &session), &cookie::set(pool, &value))
        }
        _ => answer::method_not_allowed("GET, POST"),
    }
}

/// What the query says went wrong, escaped.
pub(super) fn error(pool: &Pool, request: &Received) -> Response<Body> {
    let query = Parameters::of_query(request);
    let message = query.first("error").unwrap_or("An unknown error occurred");
    let page = ErrorPage { style: STYLE, pool_id: &pool.id, message };
    render(StatusCode::BAD_REQUEST, &page)
}

fn is_right(pool: &Pool, username: &str, password: &str) -> bool {
    pool.user(username).is_some_and(|user| user.password == password.into())
}

fn page(pool: &Pool, asked: &AuthorizationRequest, username: &str, status: StatusCode) -> Response<Body> {
    let page = LoginPage {
        style: STYLE,
        pool_id: &pool.id,
        provider: asked.provider.as_deref(),
        username,
        failed: status != StatusCode::OK,
    };
    render(status, &page)
}

fn render(status: StatusCode, page: &impl Template) -> Response<Body> {
    match page.render() {
        Ok(text) => answer::html(status, text),
        Err(_) => answer::bare(StatusCode::INTERNAL_SERVER_ERROR),
    }
}
