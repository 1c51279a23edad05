//! Rules through nginx: who passes, and what whoever does not is told.

use http::header::{LOCATION, SET_COOKIE};

use super::*;

with_both!(
    whoever_may_not_pass_is_told_so_and_who_they_are,
    an_api_never_redirects,
    a_rule_goes_by_the_clients_method,
    a_preflight_passes_where_the_rule_allows_it,
    the_apps_own_403_is_the_apps,
    a_session_that_is_renewed_on_a_denied_request_is_kept,
);

const RULES: &str = "
    [[rules]]
    path = '/admin/*'
    groups = ['admins']
    [[rules]]
    path = '/api/*'
    access = 'api'
    groups = ['admins']
    allow_preflight = true
    [[rules]]
    path = '/closed/*'
    access = 'deny'
    [[rules]]
    path = '/orders/*'
    methods = ['GET', 'HEAD']
    access = 'public'";

async fn front(which: Which) -> Front {
    Front::with(which, |setup| setup.tables(RULES)).await
}

async fn bob(front: &Front) -> Visitor {
    let mut bob = front.visitor();
    assert_eq!(bob.sign_in("bob", "/").await.status(), 200, "{}", front.nginx.log());
    bob
}

async fn whoever_may_not_pass_is_told_so_and_who_they_are(which: Which) {
    let front = front(which).await;
    let (mut alice, mut bob) = (front.signed_in().await, bob(&front).await);
    assert_eq!(text(&alice.navigate("/admin/x").await), "the app");
    let before = front.stage.app.count();
    for target in ["/admin/x", "/admin/x?y=z", "/Admin/x", "//admin/x", "/admin"] {
        let page = bob.navigate(target).await;
        assert_eq!(page.status(), 403, "{target}");
        assert!(
            text(&page).contains("signed in as bob") && text(&page).contains("/oauth2/sign_out"),
            "{}",
            text(&page)
        );
        assert!(!page.headers().contains_key(LOCATION) && !page.headers().contains_key(SET_COOKIE));
    }
    for method in [Method::GET, Method::POST, Method::DELETE] {
        let body = if method == Method::POST { "a body" } else { "" };
        let no = bob.send(method.clone(), "/admin/x", &FETCH, body).await;
        assert_eq!(no.status(), 403, "{method}");
        assert_eq!(header(&no, "content-type"), Some("application/problem+json"));
        assert_eq!(json(&no)["detail"], "The account may not do this.");
    }
    for visitor in [&mut alice, &mut front.visitor()] {
        let page = visitor.navigate("/closed/x").await;
        assert_eq!(page.status(), 403);
        assert!(text(&page).contains("This address may not be opened."), "{}", text(&page));
    }
    assert_eq!(front.stage.app.count(), before);
    // A sign-in that ends there goes no further round.
    let page = front.visitor().sign_in("bob", "/admin/x").await;
    assert_eq!(page.status(), 403);
    for target in ["/oauth2/_denied", "/oauth2//_denied", "/x/../oauth2/_denied"] {
        assert_eq!(bob.fetch(target).await.status(), 404, "{target}");
    }
}

async fn an_api_never_redirects(which: Which) {
    let front = front(which).await;
    let mut bob = bob(&front).await;
    for kind in [&NAVIGATION[..], &FETCH, &[("accept", "text/html")]] {
        for (visitor, status) in [(&mut front.visitor(), 401), (&mut bob, 403)] {
            let no = visitor.send(Method::GET, "/api/x", kind, "").await;
            assert_eq!(no.status(), status);
            assert_eq!(header(&no, "content-type"), Some("application/problem+json"));
            assert!(!no.headers().contains_key(LOCATION) && !no.headers().contains_key(SET_COOKIE));
        }
    }
}

async fn a_rule_goes_by_the_clients_method(which: Which) {
    let front = front(which).await;
    let mut nobody = front.visitor();
    assert_eq!(nobody.fetch("/orders/x").await.status(), 200);
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        let headers =
            [&FETCH[..], &[("x-original-method", "GET"), ("x-http-method-override", "GET")]].concat();
        assert_eq!(nobody.send(method.clone(), "/orders/x", &headers, "").await.status(), 401, "{method}");
    }
    assert_eq!(front.stage.app.count(), 1);
}

async fn a_preflight_passes_where_the_rule_allows_it(which: Which) {
    let front = front(which).await;
    let preflight = [("origin", "https://spa.test"), ("access-control-request-method", "PUT")];
    let mut nobody = front.visitor();
    assert_eq!(nobody.send(Method::OPTIONS, "/api/x", &preflight, "").await.status(), 200);
    let arrived = front.stage.app.last();
    assert_eq!(arrived.method, Method::OPTIONS);
    assert_eq!(arrived.header("authorization"), None);
    assert_eq!(nobody.send(Method::OPTIONS, "/x", &preflight, "").await.status(), 401);
    assert_eq!(nobody.send(Method::PUT, "/api/x", &preflight, "").await.status(), 401);
}

async fn the_apps_own_403_is_the_apps(which: Which) {
    let front = front(which).await;
    let mut alice = front.signed_in().await;
    front.stage.app.answer(|_| {
        let mut no = http::Response::new(cognigate::types::full("the app says no"));
        *no.status_mut() = http::StatusCode::FORBIDDEN;
        no
    });
    let page = alice.navigate("/admin/x").await;
    assert_eq!((page.status().as_u16(), text(&page).as_str()), (403, "the app says no"));
}

async fn a_session_that_is_renewed_on_a_denied_request_is_kept(which: Which) {
    let front = Front::with(which, |setup| setup.rotation(std::time::Duration::ZERO).tables(RULES)).await;
    let mut bob = bob(&front).await;
    front.stage.clock.advance(std::time::Duration::from_secs(3601));
    let no = bob.navigate("/admin/x").await;
    assert_eq!(no.status(), 403);
    assert_eq!(no.headers().contains_key(SET_COOKIE), !front.stage.has_tickets());
    front.stage.clock.advance(std::time::Duration::from_secs(3601));
    assert_eq!(text(&bob.navigate("/").await), "the app");
}
