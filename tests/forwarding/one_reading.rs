//! The property behind the paths: what was judged is what goes on, and no parser reads another path in it.

use cognigate::policy::path::CanonicalPath;
use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use url::Url;

use super::head;
use crate::support::Stage;
use crate::support::app::App;
use crate::support::frames::{END_STREAM, FIRST, Frames, Outcome};
use crate::support::peer::Peer;
use crate::support::visitor::Visitor;
use crate::upstreams::{Scene, app};

/// What parsers disagree about.
const PARTS: [&str; 50] = [
    "/", "/", "/", ".", "..", "...", "%2e", "%2E", "%252e", "%25", "%2f", "%2F", "%252f", "%5c", "\\",
    "%255c", ";", "%3b", ";x=1", "a", "A", "public", "admin", "oauth2", "%61", "%c3%a9", "%c0%ae", "%ff",
    "%00", "%2500", "%", "%2", "%zz", "?", "#", "%23", "%3f", "%20", "+", "~", ":", "@", "&", "=", "|",
    "%0a", "%09", "%7f", "//", "/oauth2/",
];

fn target() -> impl Strategy<Value = String> {
    let parts = prop::collection::vec(prop::sample::select(PARTS.to_vec()), 0..10);
    parts.prop_map(|parts| format!("/{}", parts.concat()))
}

/// The path of a target as it stands there.
fn path_of(target: &str) -> &str {
    target.split(['?', '#']).next().unwrap_or_default()
}

/// How many slashes a browser's parser leaves, once it has removed what it takes for dot segments.
fn slashes_of_another_parser(path: &str) -> usize {
    let path = path.replace('?', "%3F").replace('#', "%23");
    // Something after it, since spaces at a URL's end are dropped.
    let url = Url::parse(&format!("http://app.test{path}/end")).unwrap();
    url.path().matches('/').count() - 1
}

proptest! {
    #[test]
    fn case_30_what_is_accepted_is_kept_and_no_parser_finds_another_path_in_it(target in target()) {
        let path = path_of(&target);
        let Ok(canonical) = CanonicalPath::parse(path) else {
            return Ok(());
        };
        prop_assert_eq!(canonical.raw(), path);
        // As it is, and with its escapes undone once and twice: no segment ever goes up or away.
        let mut text = path.to_owned();
        for round in 0..3 {
            prop_assert!(!text.contains(['\\', '\0']), "{}", text);
            // Browsers drop tabs and line ends, which only a second decoder can find here.
            if round < 2 {
                prop_assert!(!text.contains(['\t', '\n', '\r']), "{}", text);
                prop_assert_eq!(slashes_of_another_parser(&text), text.matches('/').count());
            }
            text = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        }
        // What is judged is what goes on with its escapes undone once, but for slashes and percent signs.
        let judged = canonical.judged().replace("%2F", "/").replace("%25", "%");
        prop_assert_eq!(judged, percent_decode_str(path).decode_utf8().unwrap());
        prop_assert_eq!(canonical.judged().matches('/').count(), path.matches('/').count());
    }
}

/// The way that a request comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Http1,
    Http2,
}

/// Asks for a target, byte for byte, and gives the status.
async fn ask(visitor: &Visitor, target: &str, by: By) -> u16 {
    if by == By::Http1 {
        let mut client = Peer::to(visitor.gate()).await;
        client.send(head(visitor, &format!("GET {target}"), &[])).await;
        return client.head().await.status();
    }
    let mut client = Frames::open(visitor.gate()).await;
    let cookies = visitor.jar.line().unwrap();
    let fields = [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "app.test"),
        (":path", target),
        ("cookie", cookies.to_str().unwrap()),
    ];
    client.head(END_STREAM, FIRST, &fields).await;
    match client.outcome(FIRST).await {
        Outcome::Answer(status) => status,
        // What is no request target is not answered there, but reset.
        Outcome::Reset(1) => 400,
        other => panic!("{target}: {other:?}"),
    }
}

#[tokio::test]
async fn case_30_the_path_that_was_judged_is_the_path_that_the_app_gets() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    let mut runner = TestRunner::deterministic();
    let (mut passed, mut refused) = (0, 0);
    for round in 0..400 {
        let target = target().new_tree(&mut runner).unwrap().current();
        let by = if round % 2 == 0 { By::Http1 } else { By::Http2 };
        let judged = CanonicalPath::parse(path_of(&target));
        let goes_on = judged.as_ref().is_ok_and(|path| path.below("/oauth2").is_none());
        let before = stage.app.count();
        let code = ask(&visitor, &target, by).await;
        if goes_on {
            assert_eq!((code, stage.app.count()), (200, before + 1), "{target} by {by:?}");
            assert_eq!(stage.app.last().target, target.split('#').next().unwrap(), "{by:?}");
            passed += 1;
        } else {
            assert!(matches!(code, 400 | 404), "{target} by {by:?} is {code}");
            assert_eq!(stage.app.count(), before, "{target} by {by:?}");
            refused += 1;
        }
    }
    assert!(passed > 50 && refused > 50, "{passed} went on and {refused} did not");
}

#[tokio::test]
async fn case_30_the_path_that_was_judged_less_its_prefix_is_the_path_that_the_app_gets() {
    /// As a prefix may be written, and a little more.
    const PREFIXES: [&str; 12] = [
        "",
        "/a",
        "/%61",
        "/public",
        "/publi%63",
        "/%70ublic",
        "/public/a",
        "/public%2f",
        "/public%",
        "/PUBLIC",
        "/a/public",
        "//public",
    ];
    let (root, public, a) = (app("root"), app("public"), app("a"));
    let tables = format!(
        "[[upstreams]]\nurl = 'http://{}'
        [[upstreams]]\nurl = 'http://{}'\npath = '/public'\nstrip_prefix = true
        [[upstreams]]\nurl = 'http://{}'\npath = '/a'\nstrip_prefix = true\n",
        root.address(),
        public.address(),
        a.address(),
    );
    let scene = Scene::before(&tables).await;
    let counts = || [&root, &public, &a].map(App::count);
    let targets = (prop::sample::select(PREFIXES.to_vec()), target())
        .prop_map(|(prefix, rest)| format!("{prefix}{rest}"));
    let mut runner = TestRunner::deterministic();
    let (mut stripped, mut others) = (0, 0);
    for round in 0..400 {
        let target = targets.new_tree(&mut runner).unwrap().current();
        let by = if round % 2 == 0 { By::Http1 } else { By::Http2 };
        let what = format!("{target} by {by:?}");
        let before = counts();
        let code = ask(&scene.alice, &target, by).await;
        let judged = match CanonicalPath::parse(path_of(&target)) {
            Ok(judged) if judged.below("/oauth2").is_none() => judged,
            _ => {
                assert_eq!((matches!(code, 400 | 404), counts()), (true, before), "{what} is {code}");
                continue;
            }
        };
        let whose = [("/public", &public), ("/a", &a)].into_iter();
        let Some((prefix, app)) = whose.into_iter().find(|(prefix, _)| judged.below(prefix).is_some()) else {
            assert_eq!((code, counts()), (200, [before[0] + 1, before[1], before[2]]), "{what}");
            assert_eq!(root.last().target, target.split('#').next().unwrap(), "{what}");
            others += 1;
            continue;
        };
        let all = |counts: [usize; 3]| counts.iter().sum::<usize>();
        assert_eq!((code, all(counts())), (200, all(before) + 1), "{what}");
        // What the app reads is what was judged, less the prefix; and its bytes are those that were sent.
        let got = app.last().target;
        let rest = judged.below(prefix).unwrap();
        let read = CanonicalPath::parse(path_of(&got)).expect("a path that may be asked for by itself");
        assert_eq!(read.judged(), if rest.is_empty() { "/" } else { rest }, "{what} became {got}");
        let sent = target.split('#').next().unwrap();
        assert!(
            sent.ends_with(&got) || (rest.is_empty() && sent.ends_with(&got[1..])),
            "{what} became {got}"
        );
        assert_eq!(app.last().header("x-forwarded-prefix"), Some(prefix), "{what}");
        stripped += 1;
    }
    assert!(stripped > 50 && others > 25, "{stripped} were stripped and {others} were not");
}
