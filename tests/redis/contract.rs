//! What the flow relies on, of whichever store.

use std::sync::Arc;
use std::time::Duration;

use cognigate::clock::{Clock, UnixTime};
use cognigate::config::{Config, Sources};
use cognigate::cookie::read::RequestCookies;
use cognigate::cookie::write::{Attributes, SameSite};
use cognigate::crypto::keyring::KeyRing;
use cognigate::secret::Secret;
use cognigate::session::store::{Held, Loaded, Place, Store, Stored, Turn};
use cognigate::session::{Identity, Session};
use cognigate::telemetry::metrics::Metrics;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use crate::support::jar::Jar;
use crate::support::redis::RedisServer;
use crate::support::{SESSION, TEST_KEY};

const MONTH: Duration = Duration::from_secs(30 * 86_400);
const NOW: UnixTime = UnixTime(1_900_000_000);

/// A store, and what it needs to live.
struct Kit {
    store: Store,
    server: Option<RedisServer>,
    /// The sessions are, and not only what replicas share of those in cookies.
    in_redis: bool,
}

impl Kit {
    fn new(kind: &str) -> Self {
        let server = kind.contains("redis").then(RedisServer::start);
        let in_redis = kind == "redis";
        let store = store(server.as_ref(), in_redis, TEST_KEY);
        Self { store, server, in_redis }
    }

    fn replica(&self, keys: &str) -> Store {
        store(self.server.as_ref(), self.in_redis, keys)
    }
}

fn store(server: Option<&RedisServer>, in_redis: bool, keys: &str) -> Store {
    let mut flags = vec![
        ("public_url".to_owned(), "https://app.test".to_owned()),
        ("upstream".to_owned(), "http://127.0.0.1:9".to_owned()),
        ("cognito.user_pool_id".to_owned(), "eu-west-1_AbCdEfGhI".to_owned()),
        ("cognito.client_id".to_owned(), "client".to_owned()),
        ("cognito.domain".to_owned(), "auth.example.com".to_owned()),
        ("session.keys".to_owned(), keys.to_owned()),
    ];
    if let Some(server) = server {
        let kind = if in_redis { "redis" } else { "cookie" };
        flags.push(("session.store".to_owned(), kind.to_owned()));
        flags.push(("redis.url".to_owned(), server.url()));
    }
    let config = Config::load(&Sources { flags, ..Sources::default() }).unwrap();
    let attributes = Attributes { secure: true, same_site: SameSite::Lax, domain: None };
    let ring = KeyRing::new(&config.session.keys);
    let place = Place::new(&config, Arc::new(Metrics::new()));
    let store =
        Store::new(&place, &config.sites[0].cookie.name, &ring, "scope", attributes, Clock::manual(NOW));
    tokio::spawn(async move { place.keep_open().await });
    store
}

fn session(sub: &str, access: &str) -> Session {
    let identity = Identity { sub: sub.to_owned(), ..Identity::default() };
    let mut session = Session::new(NOW, Secret::from(access), UnixTime(NOW.0 + 3600), identity);
    session.refresh_token = Some(Secret::from("refresh"));
    session
}

fn take(jar: &mut Jar, lines: Vec<HeaderValue>) {
    let lines = lines.into_iter().map(|line| (SET_COOKIE, line));
    jar.take(&lines.collect::<HeaderMap>(), true);
}

fn cookies(jar: &Jar) -> RequestCookies {
    RequestCookies::read(&jar.line().map(|line| (COOKIE, line)).into_iter().collect::<HeaderMap>())
}

async fn begun(store: &Store, session: &Session) -> Jar {
    let mut jar = Jar::default();
    let lines = store.begin(session, &cookies(&jar), MONTH).await.unwrap();
    take(&mut jar, lines);
    jar
}

async fn held(store: &Store, jar: &Jar) -> Held {
    match store.load(&cookies(jar)).await.unwrap() {
        Loaded::Session(held) => held,
        other => panic!("{other:?}"),
    }
}

async fn a_session_that_was_begun_is_loaded_and_one_that_was_cleared_is_gone(kit: Kit) {
    let alice = session("alice", "one");
    assert_eq!(kit.store.load(&cookies(&Jar::default())).await, Ok(Loaded::None));
    let mut jar = begun(&kit.store, &alice).await;
    let loaded = held(&kit.store, &jar).await;
    assert_eq!((&*loaded.session, loaded.current_key), (&alice, true));
    let of_replica = held(&kit.replica(TEST_KEY), &jar).await;
    assert_eq!(*of_replica.session, alice);
    let lines = kit.store.clear(&cookies(&jar));
    take(&mut jar, lines);
    assert_eq!(jar.names(), Vec::<&str>::new());
}

async fn what_is_no_session_is_invalid_and_two_cookies_are_none(kit: Kit) {
    for value in ["", "x", "AgEB", "!!!!"] {
        let mut jar = Jar::default();
        jar.set(SESSION, value);
        assert_eq!(kit.store.load(&cookies(&jar)).await, Ok(Loaded::Invalid), "{value}");
    }
    let jar = begun(&kit.store, &session("alice", "one")).await;
    let twice = format!("{SESSION}={0}; {SESSION}={0}", jar.get(SESSION).unwrap());
    let headers: HeaderMap = [(COOKIE, HeaderValue::try_from(twice).unwrap())].into_iter().collect();
    assert_eq!(kit.store.load(&RequestCookies::read(&headers)).await, Ok(Loaded::Invalid));
}

async fn a_key_that_was_put_behind_still_opens_and_one_that_is_gone_does_not(kit: Kit) {
    const NEW: &str = "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=";
    let jar = begun(&kit.store, &session("alice", "one")).await;
    let both = kit.replica(&format!("{NEW},{TEST_KEY}"));
    let loaded = held(&both, &jar).await;
    assert!(!loaded.current_key);
    assert_eq!(kit.replica(NEW).load(&cookies(&jar)).await, Ok(Loaded::Invalid));
    // Sealed anew, it opens with the new key alone.
    let mut jar = jar;
    assert_eq!(both.touch(&loaded, &loaded.session, MONTH).await, Ok(Stored::Stored));
    let lines = both.go_on(&loaded.session, &cookies(&jar), MONTH).unwrap();
    take(&mut jar, lines);
    assert!(held(&kit.replica(NEW), &jar).await.current_key);
}

async fn what_a_refresh_gave_is_what_is_loaded_next(kit: Kit) {
    let alice = session("alice", "one");
    let mut jar = begun(&kit.store, &alice).await;
    let loaded = held(&kit.store, &jar).await;
    let Ok(Turn::Mine(lease)) = kit.store.turn(&loaded).await else { panic!("nobody else is there") };
    let newer = Session { access_token: Secret::from("two"), id: alice.id, ..alice.clone() };
    if let Some(lease) = &lease {
        assert_eq!(kit.store.refreshed(lease, &newer, MONTH).await, Ok(Stored::Stored));
    }
    let lines = kit.store.go_on(&newer, &cookies(&jar), MONTH).unwrap();
    take(&mut jar, lines);
    assert_eq!(*held(&kit.store, &jar).await.session, newer);
}

async fn an_ended_session_may_be_ended_twice(kit: Kit) {
    let jar = begun(&kit.store, &session("alice", "one")).await;
    let loaded = held(&kit.store, &jar).await;
    assert_eq!(kit.store.end(&loaded, NOW, NOW.plus(MONTH)).await, Ok(None));
    assert_eq!(kit.store.end(&loaded, NOW, NOW.plus(MONTH)).await, Ok(None));
}

macro_rules! for_both_stores {
    ($($name:ident),* $(,)?) => {
        mod cookie_store { $(#[tokio::test] async fn $name() { super::$name(super::Kit::new("cookie")).await })* }
        mod cookie_store_beside_redis {
            $(#[tokio::test] async fn $name() { super::$name(super::Kit::new("cookie beside redis")).await })*
        }
        mod redis_store { $(#[tokio::test] async fn $name() { super::$name(super::Kit::new("redis")).await })* }
    };
}

for_both_stores!(
    a_session_that_was_begun_is_loaded_and_one_that_was_cleared_is_gone,
    what_is_no_session_is_invalid_and_two_cookies_are_none,
    a_key_that_was_put_behind_still_opens_and_one_that_is_gone_does_not,
    what_a_refresh_gave_is_what_is_loaded_next,
    an_ended_session_may_be_ended_twice,
);

#[tokio::test]
async fn a_session_ended_on_one_replica_is_gone_on_all() {
    let kit = Kit::new("redis");
    let jar = begun(&kit.store, &session("alice", "one")).await;
    let loaded = held(&kit.store, &jar).await;
    kit.replica(TEST_KEY).end(&loaded, NOW, NOW.plus(MONTH)).await.unwrap();
    assert_eq!(kit.store.load(&cookies(&jar)).await, Ok(Loaded::Gone(loaded.session.id)));
    assert_eq!(kit.store.touch(&loaded, &loaded.session, MONTH).await, Ok(Stored::Gone));
    assert!(matches!(kit.store.turn(&loaded).await, Ok(Turn::Gone)));
    // Nothing has brought it back.
    assert_eq!(kit.server.unwrap().keys(), Vec::<String>::new());
}

#[tokio::test]
async fn a_turn_is_one_replicas_and_the_next_one_takes_what_it_brought() {
    let kit = Kit::new("redis");
    let (one, other) = (&kit.store, kit.replica(TEST_KEY));
    let jar = begun(one, &session("alice", "one")).await;
    let loaded = held(one, &jar).await;
    let Ok(Turn::Mine(Some(lease))) = one.turn(&loaded).await else { panic!("nobody else is there") };
    assert!(matches!(other.turn(&loaded).await, Ok(Turn::Theirs)));
    let newer = Session { access_token: Secret::from("two"), ..(*loaded.session).clone() };
    assert_eq!(one.refreshed(&lease, &newer, MONTH).await, Ok(Stored::Stored));
    match other.turn(&loaded).await {
        Ok(Turn::Done(session)) => assert_eq!(*session, newer),
        other => panic!("{other:?}"),
    }
    // Nobody is at it any more.
    let loaded = held(&other, &jar).await;
    let Ok(Turn::Mine(Some(lease))) = other.turn(&loaded).await else { panic!("it is free") };
    other.give_up(&lease).await.unwrap();
    assert!(matches!(one.turn(&loaded).await, Ok(Turn::Mine(Some(_)))));
}

#[tokio::test]
async fn whoever_lost_the_turn_writes_nothing_and_an_old_touch_neither() {
    let kit = Kit::new("redis");
    let jar = begun(&kit.store, &session("alice", "one")).await;
    let before = held(&kit.store, &jar).await;
    let Ok(Turn::Mine(Some(slow))) = kit.store.turn(&before).await else { panic!("nobody else is there") };
    // As when the turn runs out while its holder stands still.
    let lock = kit.server.as_ref().unwrap().keys().into_iter().find(|key| key.contains("lock:")).unwrap();
    let _: u64 = kit.server.as_ref().unwrap().ask(redis::cmd("DEL").arg(lock));
    let during = held(&kit.store, &jar).await;
    let Ok(Turn::Mine(Some(quick))) = kit.store.turn(&before).await else { panic!("it is free") };
    let newer = |token: &str| Session { access_token: Secret::from(token), ..(*before.session).clone() };
    assert_eq!(kit.store.refreshed(&slow, &newer("slow"), MONTH).await, Ok(Stored::Outrun));
    assert_eq!(kit.store.touch(&during, &during.session, MONTH).await, Ok(Stored::Outrun));
    assert_eq!(kit.store.refreshed(&quick, &newer("quick"), MONTH).await, Ok(Stored::Stored));
    for old in [&before, &during] {
        assert_eq!(kit.store.touch(old, &old.session, MONTH).await, Ok(Stored::Outrun));
    }
    assert_eq!(held(&kit.store, &jar).await.session.access_token, Secret::from("quick"));
}

#[tokio::test]
async fn a_touch_while_another_replica_refreshes_does_not_stop_it() {
    let kit = Kit::new("redis");
    let jar = begun(&kit.store, &session("alice", "one")).await;
    let loaded = held(&kit.store, &jar).await;
    let Ok(Turn::Mine(Some(lease))) = kit.store.turn(&loaded).await else { panic!("nobody else is there") };
    let during = held(&kit.store, &jar).await;
    assert_eq!(kit.store.touch(&during, &during.session, MONTH).await, Ok(Stored::Stored));
    let newer = Session { access_token: Secret::from("two"), ..(*loaded.session).clone() };
    assert_eq!(kit.store.refreshed(&lease, &newer, MONTH).await, Ok(Stored::Stored));
}

/// As when a turn runs out while its holder stands still: its lock is gone, and with `result` what Redis knew of the
/// refreshes of a session in a cookie too.
fn forget_turn(server: &RedisServer, result: bool) {
    for key in server.keys() {
        if key.contains(":lock:{") || key.contains(":refreshing:{") || (result && key.contains(":refresh:{"))
        {
            let _: u64 = server.ask(redis::cmd("DEL").arg(key));
        }
    }
}

#[tokio::test]
async fn case_125_a_replica_that_lost_its_turn_does_not_end_the_turn_of_another() {
    for kind in ["redis", "cookie beside redis"] {
        let kit = Kit::new(kind);
        let (server, other, third) =
            (kit.server.as_ref().unwrap(), kit.replica(TEST_KEY), kit.replica(TEST_KEY));
        let jar = begun(&kit.store, &session("alice", "one")).await;
        let loaded = held(&kit.store, &jar).await;
        let Ok(Turn::Mine(Some(slow))) = kit.store.turn(&loaded).await else {
            panic!("nobody else is there")
        };
        forget_turn(server, false);
        let Ok(Turn::Mine(Some(quick))) = other.turn(&loaded).await else { panic!("it is free") };
        kit.store.give_up(&slow).await.unwrap();
        assert!(matches!(third.turn(&loaded).await, Ok(Turn::Theirs)), "{kind}: given up");
        let newer = Session { access_token: Secret::from("slow"), ..(*loaded.session).clone() };
        assert_eq!(kit.store.refreshed(&slow, &newer, MONTH).await, Ok(Stored::Outrun), "{kind}");
        assert!(matches!(third.turn(&loaded).await, Ok(Turn::Theirs)), "{kind}: outrun");
        other.give_up(&quick).await.unwrap();
        assert!(matches!(third.turn(&loaded).await, Ok(Turn::Mine(Some(_)))), "{kind}: free again");
    }
}

#[tokio::test]
async fn case_125_a_result_that_is_kept_late_does_not_end_the_turn_of_another() {
    let kit = Kit::new("cookie beside redis");
    let (server, other, third) = (kit.server.as_ref().unwrap(), kit.replica(TEST_KEY), kit.replica(TEST_KEY));
    let jar = begun(&kit.store, &session("alice", "one")).await;
    let loaded = held(&kit.store, &jar).await;
    let Ok(Turn::Mine(Some(slow))) = kit.store.turn(&loaded).await else { panic!("nobody else is there") };
    // A Redis that was restarted empty counts the turns from the beginning.
    forget_turn(server, true);
    let Ok(Turn::Mine(Some(_))) = other.turn(&loaded).await else { panic!("it is free") };
    let newer = Session { access_token: Secret::from("slow"), ..(*loaded.session).clone() };
    assert_eq!(kit.store.refreshed(&slow, &newer, MONTH).await, Ok(Stored::Stored));
    assert!(matches!(third.turn(&loaded).await, Ok(Turn::Theirs)));
}

#[tokio::test]
async fn case_126_what_redis_has_that_is_older_than_what_is_held_is_not_taken() {
    for kind in ["redis", "cookie beside redis"] {
        let kit = Kit::new(kind);
        let jar = begun(&kit.store, &session("alice", "one")).await;
        let loaded = held(&kit.store, &jar).await;
        // The result of an earlier refresh.
        let Ok(Turn::Mine(Some(lease))) = kit.store.turn(&loaded).await else {
            panic!("nobody else is there")
        };
        let older = Session {
            access_token: Secret::from("two"),
            access_expires: loaded.session.access_expires.plus(Duration::from_secs(60)),
            ..(*loaded.session).clone()
        };
        assert_eq!(kit.store.refreshed(&lease, &older, MONTH).await, Ok(Stored::Stored));
        // What a later one gave, which Redis has lost.
        let newer = Session {
            access_token: Secret::from("three"),
            access_expires: older.access_expires.plus(Duration::from_secs(1)),
            ..older.clone()
        };
        let turn = kit.store.turn(&loaded.with(newer)).await;
        let Ok(Turn::Mine(Some(lease))) = turn else { panic!("{kind}: {turn:?}") };
        kit.store.give_up(&lease).await.unwrap();
        // Whoever holds what is older still takes it.
        let Ok(Turn::Done(done)) = kit.store.turn(&loaded).await else { panic!("{kind}: it is newer") };
        assert_eq!(*done, older, "{kind}");
    }
}

/// What is left of the life of the one key whose name has this in it.
fn life(server: &RedisServer, part: &str) -> Duration {
    let keys: Vec<_> = server.keys().into_iter().filter(|key| key.contains(part)).collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
    Duration::from_millis(server.ask(redis::cmd("PTTL").arg(&keys[0])))
}

#[tokio::test]
async fn case_130_a_session_that_was_ended_elsewhere_has_no_turn_and_no_result() {
    for kind in ["redis", "cookie beside redis"] {
        let kit = Kit::new(kind);
        let other = kit.replica(TEST_KEY);
        let jar = begun(&kit.store, &session("alice", "one")).await;
        let loaded = held(&kit.store, &jar).await;
        let Ok(Turn::Mine(Some(lease))) = kit.store.turn(&loaded).await else {
            panic!("nobody else is there")
        };
        other.end(&loaded, NOW, NOW.plus(MONTH)).await.unwrap();
        let newer = Session { access_token: Secret::from("two"), ..(*loaded.session).clone() };
        assert_eq!(kit.store.refreshed(&lease, &newer, MONTH).await, Ok(Stored::Gone), "{kind}");
        kit.store.give_up(&lease).await.unwrap();
        for store in [&kit.store, &other] {
            assert!(matches!(store.turn(&loaded).await, Ok(Turn::Gone)), "{kind}");
        }
    }
}

#[tokio::test]
async fn the_end_of_a_session_in_a_cookie_takes_its_result_out_of_redis() {
    let kit = Kit::new("cookie beside redis");
    let jar = begun(&kit.store, &session("alice", "one")).await;
    let loaded = held(&kit.store, &jar).await;
    let Ok(Turn::Mine(Some(lease))) = kit.store.turn(&loaded).await else { panic!("nobody else is there") };
    let newer = Session { access_token: Secret::from("two"), ..(*loaded.session).clone() };
    assert_eq!(kit.store.refreshed(&lease, &newer, MONTH).await, Ok(Stored::Stored));
    let other = kit.replica(TEST_KEY);
    assert_eq!(other.end(&loaded, NOW, NOW.plus(MONTH)).await, Ok(Some(Box::new(newer))));
    assert_eq!(other.end(&loaded, NOW, NOW.plus(MONTH)).await, Ok(None), "it is still there");
}

#[tokio::test]
async fn a_touch_that_was_under_way_does_not_replace_what_a_turn_has_brought() {
    let kit = Kit::new("redis");
    let jar = begun(&kit.store, &session("alice", "one")).await;
    let before = held(&kit.store, &jar).await;
    let Ok(Turn::Mine(Some(lease))) = kit.store.turn(&before).await else { panic!("nobody else is there") };
    // Read while the turn lasts, and written after it.
    let during = held(&kit.store, &jar).await;
    let newer = Session { access_token: Secret::from("two"), ..(*before.session).clone() };
    assert_eq!(kit.store.refreshed(&lease, &newer, MONTH).await, Ok(Stored::Stored));
    assert_eq!(kit.store.touch(&during, &during.session, MONTH).await, Ok(Stored::Outrun));
    assert_eq!(held(&kit.store, &jar).await.session.access_token, Secret::from("two"));
}

#[tokio::test]
async fn a_result_lives_until_it_was_carried_itself() {
    const MINUTES: Duration = Duration::from_secs(120);
    let kit = Kit::new("cookie beside redis");
    let (server, other) = (kit.server.as_ref().unwrap(), kit.replica(TEST_KEY));
    let jar = begun(&kit.store, &session("alice", "one")).await;
    let loaded = held(&kit.store, &jar).await;
    let Ok(Turn::Mine(Some(lease))) = kit.store.turn(&loaded).await else { panic!("nobody else is there") };
    let newer = Session { access_token: Secret::from("two"), ..(*loaded.session).clone() };
    assert_eq!(kit.store.refreshed(&lease, &newer, MONTH).await, Ok(Stored::Stored));
    // Another replica takes it, and an answer takes what was before it to the browser.
    assert!(matches!(other.turn(&loaded).await, Ok(Turn::Done(_))));
    assert!(life(server, ":refresh:{") > MINUTES, "{:?}", life(server, ":refresh:{"));
    other.carried(&loaded.session).await;
    assert!(life(server, ":refresh:{") > MINUTES, "{:?}", life(server, ":refresh:{"));
    other.carried(&newer).await;
    assert!(life(server, ":refresh:{") < MINUTES, "{:?}", life(server, ":refresh:{"));
}

#[tokio::test]
async fn the_list_of_a_user_lives_as_long_as_the_longest_of_its_sessions() {
    let kit = Kit::new("redis");
    begun(&kit.store, &session("alice", "one")).await;
    let (jar, short) = (Jar::default(), Duration::from_secs(60));
    kit.store.begin(&session("alice", "two"), &cookies(&jar), short).await.unwrap();
    assert!(life(kit.server.as_ref().unwrap(), ":user:{") > 2 * short);
}
