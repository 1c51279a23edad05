//! Three replicas, many people, and refresh tokens that rotate: who is signed out, and what it costs Cognito.
//!
//! A dozen people come in each row; as many as in docs/operations.md with `SIMULATION_USERS=1000`, which takes many minutes.

mod crowd;
mod lines;

use std::fmt;
use std::time::Duration;

use cognigate::emulator::Siblings;

use crate::support::redis::RedisServer;
use crowd::{Crowd, Moment};

/// The emulator's access tokens live so long.
const LIFETIME: Duration = Duration::from_secs(60 * 60);
/// Within the margin of 60 s.
const DUE: Duration = Duration::from_secs(60 * 60 - 30);

/// Where sessions are, and what replicas share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Redis,
    CookieAndRedis,
    Cookie,
}

/// What differs from one simulation to the next.
#[derive(Clone, Copy, Debug)]
struct Case {
    place: Place,
    grace: u64,
    siblings: Siblings,
}

/// What came of it.
#[derive(Clone, Debug)]
struct Outcome {
    case: Case,
    users: usize,
    signed_out: usize,
    otherwise_lost: usize,
    /// At the moment within the margin, and at the one when the token has run out.
    due: Moment,
    run_out: Moment,
}

/// So many come at a time: what Redis forgets after a minute it forgets by its own clock, and not by the one that the test
/// turns.
const TOGETHER: usize = 100;

async fn simulate(case: Case, users: usize) -> Outcome {
    let (due, run_out) = (Moment::default(), Moment::default());
    let mut outcome = Outcome { case, users, signed_out: 0, otherwise_lost: 0, due, run_out };
    for begin in (0..users).step_by(TOGETHER) {
        come(&mut outcome, TOGETHER.min(users - begin)).await;
    }
    outcome
}

/// Has some of the users come, and adds up what they meet.
async fn come(outcome: &mut Outcome, users: usize) {
    let case = outcome.case;
    let server = (case.place != Place::Cookie).then(RedisServer::start);
    let mut crowd = Crowd::new(users, |setup| {
        // A busy machine is no Redis that is down.
        let setup = if server.is_some() { setup.set("redis.timeout", "10s") } else { setup };
        let setup = setup.rotation(Duration::from_secs(case.grace)).pool(|settings| {
            settings.clients[0].rotation_siblings = case.siblings;
        });
        match (case.place, &server) {
            (Place::Redis, Some(server)) => setup.in_redis(server),
            (_, Some(server)) => setup.set("redis.url", &server.url()),
            (_, None) => setup,
        }
    })
    .await;
    // Ten at once with half a minute to spare, and a page a minute later, when the first tokens have run out.
    crowd.wait(DUE);
    let due = crowd.come(8, 2).await;
    crowd.wait(Duration::from_secs(60));
    crowd.come(1, 0).await;
    // Ten at once when all tokens have run out, and a page a minute later.
    crowd.wait(LIFETIME);
    let run_out = crowd.come(8, 2).await;
    crowd.wait(Duration::from_secs(60));
    crowd.come(1, 0).await;
    // A single page with half a minute to spare, and the next one when those tokens have run out and any grace is over.
    crowd.wait(DUE - Duration::from_secs(65));
    crowd.come(1, 0).await;
    crowd.wait(Duration::from_secs(100));
    crowd.come(1, 0).await;
    // What they hold by then must do for the next time.
    crowd.wait(LIFETIME);
    crowd.come(1, 0).await;
    let (signed_out, otherwise_lost) = crowd.lost();
    outcome.signed_out += signed_out;
    outcome.otherwise_lost += otherwise_lost;
    outcome.due += due;
    outcome.run_out += run_out;
}

impl Outcome {
    /// What docs/operations.md says of the case is no better than this.
    fn is_as_documented(&self) {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md");
        let (page, own) = (std::fs::read_to_string(page).unwrap(), self.to_string());
        let is_its_own = |row: &&str| row.split('|').take(4).eq(own.split('|').take(4));
        let row = page.lines().find(is_its_own).unwrap_or_else(|| panic!("there is no row for {own}"));
        let figures = |row: &str| -> Vec<f64> {
            let first = |cell: &str| cell.split(" of ").next().unwrap().trim().replace(',', "").parse().ok();
            row.split('|').skip(4).filter_map(first).collect()
        };
        let (said, is) = (figures(row), figures(&own));
        assert_eq!((said.len(), is.len()), (3, 3), "{row}");
        assert!(said[0] > 0.0 || self.signed_out == 0, "{own}, and the page has {row}");
        // Siblings that end make some ask twice.
        let is_no_dearer = is[1] < said[1] + 0.5 && is[2] < said[2] + 0.5;
        assert!(is_no_dearer || self.case.siblings == Siblings::End, "{own}, and the page has {row}");
    }
}

impl fmt::Display for Outcome {
    /// A row of the table in docs/operations.md.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.case.place {
            Place::Redis => "Redis",
            Place::CookieAndRedis => "cookie, with `redis.url`",
            Place::Cookie => "cookie",
        };
        let siblings = match self.case.siblings {
            Siblings::Stay => "stay",
            Siblings::End => "end",
        };
        let each = |moment: Moment| moment.refreshes as f64 / self.users as f64;
        let of = (self.signed_out, self.users);
        write!(f, "| {place} | {} s | {siblings} | {} of {} |", self.case.grace, of.0, of.1)?;
        write!(f, " {:.2} | {:.2} |", each(self.due), each(self.run_out))
    }
}

/// How many people come in each row.
fn users() -> usize {
    std::env::var("SIMULATION_USERS").map_or(12, |users| users.parse().unwrap())
}

/// What came of each grace, and of what may become of siblings.
async fn outcomes(place: Place) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for grace in [0, 10, 60] {
        for siblings in [Siblings::Stay, Siblings::End] {
            let outcome = simulate(Case { place, grace, siblings }, users()).await;
            println!("{outcome}");
            assert_eq!(outcome.otherwise_lost, 0, "{outcome}");
            outcome.is_as_documented();
            outcomes.push(outcome);
        }
    }
    outcomes
}

/// Nobody signed out, and one refresh for each session, whatever the grace.
async fn is_one_refresh_and_no_sign_out(place: Place) {
    for outcome in outcomes(place).await {
        assert_eq!(outcome.signed_out, 0, "{outcome}");
        let each = outcome.users as u64;
        assert_eq!((outcome.due.refreshes, outcome.run_out.refreshes), (each, each), "{outcome}");
    }
}

#[tokio::test]
async fn with_sessions_in_redis_nobody_is_signed_out_and_a_session_is_refreshed_once() {
    is_one_refresh_and_no_sign_out(Place::Redis).await;
}

#[tokio::test]
async fn with_sessions_in_cookies_and_a_redis_nobody_is_signed_out_and_a_session_is_refreshed_once() {
    is_one_refresh_and_no_sign_out(Place::CookieAndRedis).await;
}

#[tokio::test]
async fn with_sessions_in_cookies_alone_a_grace_of_10_seconds_is_enough_where_siblings_stay_good() {
    let stay = |outcome: &Outcome| outcome.case.siblings == Siblings::Stay;
    for outcome in outcomes(Place::Cookie).await.iter().filter(|outcome| stay(outcome)) {
        assert!(outcome.signed_out == 0 || outcome.case.grace == 0, "{outcome}");
        for moment in [outcome.due, outcome.run_out] {
            assert!(moment.refreshes <= moment.pairs, "{outcome}: {moment:?}");
        }
    }
}
