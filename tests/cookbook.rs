//! The cookbook of docs/configuration.md: each set-up as it stands there, over real sockets.
//!
//! What is changed is what another machine would change too: where the apps listen, where Cognito is, where the gate
//! listens. Pool and app clients are those of the page, by an emulator that has them.

use cognigate::commands::run::Gate;
use cognigate::config::{Config, Sources};
use cognigate::emulator::{Client, Settings};
use cognigate::types::full;
use http::{Method, Response};

use crate::support::app::App;
use crate::support::visitor::{Answer, FETCH, Visitor, header, json, location, parameter, text};
use crate::support::{Stage, ready};

const DOCS: &str = include_str!("../docs/configuration.md");
const POOL: &str = "eu-west-1_AbCdEfGhI";
const CLIENT: &str = "1h57kf5cpq17m0eml12example";
const FURTHER_CLIENT: &str = "2k81mf9vsq20p1gpe34example";
const SECRET: &str = "demo-secret";

type Said<'a> = (&'a str, &'a str);

const SAME_SITE: Said<'_> = ("sec-fetch-site", "same-site");

/// A set-up that runs: the stage has its emulator and its first app, and a gate of its own that nobody asks.
struct Kitchen {
    gate: Gate,
    stage: Stage,
    /// At the page's port 3001.
    second: App,
    public_url: String,
}

/// The configuration of this number, as it stands in the page.
fn recipe(number: usize) -> &'static str {
    let (_, cookbook) = DOCS.split_once("\n# Cookbook\n").unwrap();
    let cookbook = cookbook.split("\n# ").next().unwrap();
    let (_, section) = cookbook.split_once(&format!("\n## {number}. ")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let (_, block) = section.split_once("```toml\n").unwrap();
    block.split_once("```").unwrap().0
}

impl Kitchen {
    async fn cook(number: usize) -> Self {
        Self::with(number, |_| {}).await
    }

    /// `change` makes the pool what the recipe says of it.
    async fn with(number: usize, change: impl FnOnce(&mut Settings)) -> Self {
        let toml = recipe(number);
        let url = toml.lines().find_map(|line| line.strip_prefix("public_url")).unwrap();
        let public_url = url.trim_matches([' ', '=', '"']).to_owned();
        let stage = Stage::with(|setup| {
            setup.public_url(&public_url).pool(|pool| {
                pool.pool_id = POOL.to_owned();
                pool.clients[0].id = CLIENT.to_owned();
                let further = Client { id: FURTHER_CLIENT.to_owned(), ..pool.clients[0].clone() };
                pool.clients.push(further);
                change(pool);
            })
        })
        .await;
        let second = App::bind();
        second.answer(|_| Response::new(full("the second app")));
        tokio::spawn(second.serving());
        let toml = toml
            .replace("http://127.0.0.1:3000", &format!("http://{}", stage.app.address()))
            .replace("http://127.0.0.1:3001", &format!("http://{}", second.address()))
            .replace("my-app.auth.eu-west-1.amazoncognito.com", &format!("http://{}", stage.cognito_address));
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("cognigate.toml");
        std::fs::write(&file, toml).unwrap();
        let surroundings =
            ["cognito.jwks_url", "cognito.client_secret", "session.keys", "listen.address", "admin.address"];
        let flags = stage.flags().iter().filter(|(key, _)| surroundings.contains(&&**key)).cloned().collect();
        let config = Config::load(&Sources { file: Some(file), flags, ..Sources::default() })
            .unwrap_or_else(|error| panic!("recipe {number}: {error}"));
        let gate = Gate::start(&config, &[], 1, stage.clock.clone()).unwrap();
        ready(gate.admin_address()).await;
        Self { gate, stage, second, public_url }
    }

    fn visitor(&self) -> Visitor {
        self.visitor_of(&self.public_url)
    }

    fn visitor_of(&self, public_url: &str) -> Visitor {
        Visitor::new(public_url, self.gate.address(), self.stage.cognito_address)
    }

    /// A browser that is signed in, and what it saw last.
    async fn signed_in(&self, username: &str, target: &str) -> (Visitor, Answer) {
        let mut visitor = self.visitor();
        let page = visitor.sign_in(username, target).await;
        (visitor, page)
    }

    /// A header of the last request that the app got.
    fn told(&self, name: &str) -> Option<String> {
        self.stage.app.last().header(name).map(str::to_owned)
    }

    /// An access token that a program gets in its own name.
    async fn token_of_a_program(&self, scope: &str) -> String {
        let mut program = self.visitor();
        let form = format!(
            "grant_type=client_credentials&client_id={FURTHER_CLIENT}&client_secret={SECRET}&scope={scope}"
        );
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let url = format!("http://{}/oauth2/token", self.stage.cognito_address);
        let answer = program.send(Method::POST, &url, &headers, form).await;
        json(&answer)["access_token"].as_str().unwrap_or_else(|| panic!("{}", text(&answer))).to_owned()
    }
}

async fn call(visitor: &mut Visitor, method: Method, target: &str, said: &[Said<'_>]) -> Answer {
    visitor.send(method, target, said, "").await
}

/// A refusal that a program can read, and that leads nowhere.
#[track_caller]
fn assert_problem(answer: &Answer, status: u16) {
    assert_eq!(answer.status(), status, "{}", text(answer));
    assert_eq!(header(answer, "content-type"), Some("application/problem+json"));
    assert_eq!(header(answer, "location"), None);
}

/// A user of the pool.
fn user<'a>(pool: &'a mut Settings, username: &str) -> &'a mut cognigate::emulator::User {
    pool.users.iter_mut().find(|user| user.username == username).unwrap()
}

#[test]
fn there_are_ten() {
    let (_, cookbook) = DOCS.split_once("\n# Cookbook\n").unwrap();
    let cookbook = cookbook.split("\n# ").next().unwrap();
    assert_eq!(cookbook.matches("\n## ").count(), 10);
    assert_eq!(cookbook.matches("```toml\n").count(), 10);
}

#[tokio::test]
async fn recipe_1_an_app_for_everybody_with_an_account() {
    let kitchen = Kitchen::cook(1).await;
    let mut nobody = kitchen.visitor();
    for (method, path) in
        [(Method::GET, "/healthz"), (Method::GET, "/static/page.css"), (Method::POST, "/webhooks/paid")]
    {
        assert_eq!(call(&mut nobody, method, path, &[]).await.status(), 200, "{path}");
        assert_eq!(kitchen.told("authorization"), None, "{path}");
    }
    assert_problem(&call(&mut nobody, Method::GET, "/anything", &FETCH).await, 401);
    let (_, page) = kitchen.signed_in("bob", "/reports?month=5").await;
    assert_eq!(text(&page), "the app");
    assert_eq!(kitchen.stage.app.last().target, "/reports?month=5");
    assert!(kitchen.told("authorization").unwrap().starts_with("Bearer "));
}

#[tokio::test]
async fn recipe_2_a_single_page_app_and_its_api() {
    let kitchen = Kitchen::cook(2).await;
    let mut visitor = kitchen.visitor();
    for page in ["/", "/index.html", "/assets/app.js"] {
        assert_eq!(visitor.navigate(page).await.status(), 200, "{page}");
    }
    let told = call(&mut visitor, Method::GET, "/api/orders", &FETCH).await;
    assert_problem(&told, 401);
    let login = json(&told)["login_url"].as_str().unwrap().to_owned();
    // Not even a browser that goes there is sent to sign in.
    assert_problem(&visitor.navigate("/api/orders").await, 401);
    let begun = visitor.navigate(&login).await;
    let callback = visitor.through_login("bob", &location(&begun)).await;
    assert_eq!(location(&visitor.navigate(&callback).await), "/");
    assert_eq!(call(&mut visitor, Method::GET, "/api/orders", &FETCH).await.status(), 200);
    assert!(kitchen.told("authorization").is_some());
}

#[tokio::test]
async fn recipe_3_an_admin_area_with_the_password_asked_again() {
    let kitchen = Kitchen::cook(3).await;
    let (mut bob, page) = kitchen.signed_in("bob", "/").await;
    assert_eq!(page.status(), 200);
    assert_eq!(bob.navigate("/admin/").await.status(), 403);
    let (mut alice, page) = kitchen.signed_in("alice", "/admin/danger/erase").await;
    assert_eq!(page.status(), 200);
    kitchen.stage.clock.advance(std::time::Duration::from_secs(301));
    assert_eq!(alice.navigate("/admin/users").await.status(), 200);
    let told = call(&mut alice, Method::POST, "/admin/danger/erase", &FETCH).await;
    assert_problem(&told, 401);
    assert!(header(&told, "www-authenticate").unwrap().contains("insufficient_user_authentication"));
    let begun = alice.navigate("/admin/danger/erase").await;
    assert_eq!(parameter(&location(&begun), "prompt").as_deref(), Some("login"));
    let callback = alice.through_login("alice", &location(&begun)).await;
    let back = alice.navigate(&callback).await;
    assert_eq!(location(&back), "/admin/danger/erase");
    assert_eq!(alice.follow(&back).await.status(), 200);
}

#[tokio::test]
async fn recipe_4_one_company_and_a_few_guests() {
    let kitchen =
        Kitchen::with(4, |pool| user(pool, "bob").email = Some("dora@partner.test".to_owned())).await;
    let begun = kitchen.visitor().navigate("/").await;
    assert_eq!(parameter(&location(&begun), "identity_provider").as_deref(), Some("Google"));
    let (mut alice, page) = kitchen.signed_in("alice", "/").await;
    assert_eq!(page.status(), 200);
    assert_eq!(alice.navigate("/guests/").await.status(), 403, "the rules do not add up");
    assert_eq!(alice.navigate("/guests").await.status(), 403, "under both rules");
    let (mut dora, page) = kitchen.signed_in("bob", "/guests/").await;
    assert_eq!(page.status(), 200);
    assert_eq!(dora.navigate("/").await.status(), 403);
    assert_eq!(dora.navigate("/guests").await.status(), 403, "under both rules");
    kitchen.stage.clock.advance(std::time::Duration::from_secs(61 * 60));
    assert_eq!(dora.navigate("/guests/").await.status(), 303, "an hour without a request");
}

#[tokio::test]
async fn recipe_5_an_api_for_programs_and_for_browsers_too() {
    let kitchen = Kitchen::with(5, |pool| {
        pool.clients[0].scopes.push("orders/read".to_owned());
        let program = pool.clients.iter_mut().find(|client| client.id == FURTHER_CLIENT).unwrap();
        program.client_credentials = true;
        program.callback_urls.clear();
        program.logout_urls.clear();
        program.scopes = ["orders/read", "orders/write", "billing/read"].map(str::to_owned).to_vec();
    })
    .await;
    for (scope, reads, writes, rest) in
        [("orders/read", 200, 403, 200), ("orders/write", 200, 200, 200), ("billing/read", 403, 403, 403)]
    {
        let bearer = format!("Bearer {}", kitchen.token_of_a_program(scope).await);
        let said = [("authorization", bearer.as_str())];
        let mut program = kitchen.visitor();
        assert_eq!(call(&mut program, Method::GET, "/orders/1", &said).await.status(), reads, "{scope}");
        if reads == 200 {
            assert_eq!(kitchen.told("authorization"), Some(bearer.clone()));
        }
        assert_eq!(call(&mut program, Method::POST, "/orders/1", &said).await.status(), writes, "{scope}");
        assert_eq!(call(&mut program, Method::GET, "/stock", &said).await.status(), rest, "{scope}");
    }
    let mut program = kitchen.visitor();
    assert_problem(
        &call(&mut program, Method::GET, "/orders/1", &[("authorization", "Bearer no")]).await,
        401,
    );
    let (mut alice, page) = kitchen.signed_in("alice", "/").await;
    assert_eq!(page.status(), 200);
    assert_eq!(call(&mut alice, Method::GET, "/orders/1", &FETCH).await.status(), 200);
    assert_problem(&call(&mut alice, Method::POST, "/orders/1", &FETCH).await, 403);
}

#[tokio::test]
async fn recipe_6_a_front_end_at_a_host_of_its_own() {
    let kitchen = Kitchen::cook(6).await;
    let front = ("origin", "https://www.example.com");
    let asks = [front, SAME_SITE, ("access-control-request-method", "POST")];
    let mut nobody = kitchen.visitor();
    assert_eq!(call(&mut nobody, Method::OPTIONS, "/orders", &asks).await.status(), 200);
    assert_eq!(kitchen.told("authorization"), None);
    let refused = call(&mut nobody, Method::POST, "/orders", &[front, SAME_SITE]).await;
    assert_problem(&refused, 401);
    assert_eq!(header(&refused, "access-control-allow-origin"), None, "the page cannot read it");
    // Its way to sign in.
    let mut alice = kitchen.visitor();
    let begun = alice.navigate("/oauth2/start?rd=/signed-in").await;
    let callback = alice.through_login("alice", &location(&begun)).await;
    let back = alice.navigate(&callback).await;
    assert_eq!(alice.follow(&back).await.status(), 200);
    assert_eq!(call(&mut alice, Method::POST, "/orders", &[front, SAME_SITE]).await.status(), 200);
    let other = ("origin", "https://blog.example.com");
    assert_problem(&call(&mut alice, Method::POST, "/orders", &[other, SAME_SITE]).await, 403);
    let upgrade = [("upgrade", "websocket"), ("connection", "upgrade"), other];
    assert_eq!(call(&mut alice, Method::GET, "/socket", &upgrade).await.status(), 403);
}

#[tokio::test]
async fn recipe_7_several_apps_under_one_host() {
    let kitchen = Kitchen::with(7, |pool| user(pool, "alice").groups.push("finance".to_owned())).await;
    let (mut alice, page) = kitchen.signed_in("alice", "/").await;
    assert_eq!(text(&page), "the app");
    assert_eq!(text(&alice.navigate("/reports/2026?x=1").await), "the second app");
    assert_eq!(kitchen.second.last().target, "/2026?x=1");
    assert_eq!(kitchen.second.last().header("x-forwarded-prefix"), Some("/reports"));
    let (mut bob, page) = kitchen.signed_in("bob", "/").await;
    assert_eq!(text(&page), "the app");
    assert_eq!(bob.navigate("/reports/2026").await.status(), 403);
    assert_eq!(kitchen.second.count(), 1);
}

#[tokio::test]
async fn recipe_8_customers_and_staff() {
    let kitchen = Kitchen::with(8, |pool| {
        user(pool, "alice").groups.push("staff".to_owned());
        pool.clients
            .iter_mut()
            .filter(|client| client.id == FURTHER_CLIENT)
            .for_each(|it| it.secrets.clear());
    })
    .await;
    let urls = ["callback", "signed_out"].map(|last| format!("https://staff.example.com/oauth2/{last}"));
    assert!(kitchen.stage.cognito.set_urls(FURTHER_CLIENT, &[&urls[0]], &[&urls[1]]));
    let (mut bob, page) = kitchen.signed_in("bob", "/orders").await;
    assert_eq!(text(&page), "the app");
    assert_eq!(kitchen.visitor().navigate("/catalogue/1").await.status(), 200);
    for origin in ["https://staff.example.com", "https://blog.example.com"] {
        for (path, status) in [("/notes/1", 200), ("/orders", 403)] {
            let answer = call(&mut bob, Method::POST, path, &[SAME_SITE, ("origin", origin)]).await;
            assert_eq!(answer.status(), status, "{origin} {path}");
        }
    }
    // Neither the session nor the client of the shop is the staff's. Later, since a sign-in that gives no session would
    // not be tried again at once.
    kitchen.stage.clock.advance(std::time::Duration::from_secs(31));
    let mut visitor = kitchen.visitor_of("https://staff.example.com");
    visitor.jar = bob.jar.clone();
    let begun = visitor.navigate("/").await;
    assert_eq!(parameter(&location(&begun), "client_id").as_deref(), Some(FURTHER_CLIENT));
    assert_eq!(parameter(&location(&begun), "identity_provider").as_deref(), Some("Corporate"));
    for (username, status) in [("alice", 200), ("bob", 403)] {
        let mut visitor = kitchen.visitor_of("https://staff.example.com");
        assert_eq!(visitor.sign_in(username, "/").await.status(), status, "{username}");
    }
    assert_eq!(kitchen.second.count(), 1);
    let elsewhere = [("host", "other.example.com")];
    assert_eq!(call(&mut kitchen.visitor(), Method::GET, "/", &elsewhere).await.status(), 421);
}

#[tokio::test]
async fn recipe_9_tenants_in_headers_of_your_own() {
    let kitchen = Kitchen::with(9, |pool| {
        for (username, tenant, plan) in [("alice", "acme", "gold"), ("bob", "beta", "free")] {
            let user = user(pool, username);
            user.attributes.insert("custom:tenant".to_owned(), tenant.to_owned());
            user.attributes.insert("custom:plan".to_owned(), plan.to_owned());
        }
    })
    .await;
    let (mut alice, page) = kitchen.signed_in("alice", "/").await;
    assert_eq!(page.status(), 200);
    let forged = [("x-tenant", "beta"), ("x_tenant", "beta"), ("x-plan", "platinum"), ("x-user", "root")];
    let answer = call(&mut alice, Method::GET, "/exports/1", &[&FETCH[..], &forged].concat()).await;
    assert_eq!(answer.status(), 200);
    for (name, value) in [("x-user", "alice@example.com"), ("x-tenant", "acme"), ("x-plan", "gold")] {
        assert_eq!(kitchen.told(name).as_deref(), Some(value), "{name}");
    }
    let told = kitchen.stage.app.last();
    for name in ["authorization", "x_tenant", "x-forwarded-user", "x-forwarded-email"] {
        assert!(!told.headers.contains_key(name), "{name}");
    }
    let (mut bob, page) = kitchen.signed_in("bob", "/").await;
    assert_eq!(page.status(), 200);
    assert_problem(&call(&mut bob, Method::GET, "/exports/1", &FETCH).await, 403);
}

#[tokio::test]
async fn recipe_10_behind_an_nginx_that_is_there_already() {
    let kitchen = Kitchen::cook(10).await;
    async fn ask(visitor: &mut Visitor, path: &str) -> u16 {
        let url = format!("https://app.example.com{path}");
        let said = [("x-original-url", url.as_str()), ("x-original-method", "GET")];
        call(visitor, Method::GET, "/oauth2/auth", &said).await.status().as_u16()
    }
    let mut nobody = kitchen.visitor();
    assert_eq!(ask(&mut nobody, "/healthz").await, 200);
    assert_eq!(ask(&mut nobody, "/").await, 401);
    // Without an app behind the gate there is no page to end on.
    let (mut bob, page) = kitchen.signed_in("bob", "/oauth2/start?rd=/").await;
    assert_eq!(page.status(), 404);
    assert_eq!(ask(&mut bob, "/api/orders").await, 200);
    assert_eq!(ask(&mut bob, "/admin/").await, 403);
    let (mut alice, _) = kitchen.signed_in("alice", "/oauth2/start?rd=/").await;
    assert_eq!(ask(&mut alice, "/admin/").await, 200);
}
