//! The property behind the paths: what was judged is what goes on, and no parser reads another path in it.

use cognigate::policy::path::CanonicalPath;
use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use url::Url;

use super::head;
use crate::support::Stage;
use crate::support::peer::Peer;

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

#[tokio::test]
async fn case_30_the_path_that_was_judged_is_the_path_that_the_app_gets() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    let mut runner = TestRunner::deterministic();
    let (mut passed, mut refused) = (0, 0);
    for _ in 0..400 {
        let target = target().new_tree(&mut runner).unwrap().current();
        let judged = CanonicalPath::parse(path_of(&target));
        let goes_on = judged.as_ref().is_ok_and(|path| path.below("/oauth2").is_none());
        let before = stage.app.count();
        let mut client = Peer::to(visitor.gate()).await;
        client.send(head(&visitor, &format!("GET {target}"), &[])).await;
        let code = client.head().await.status();
        if goes_on {
            assert_eq!((code, stage.app.count()), (200, before + 1), "{target}");
            assert_eq!(stage.app.last().target, target.split('#').next().unwrap());
            passed += 1;
        } else {
            assert!(matches!(code, 400 | 404), "{target} is {code}");
            assert_eq!(stage.app.count(), before, "{target}");
            refused += 1;
        }
    }
    assert!(passed > 50 && refused > 50, "{passed} went on and {refused} did not");
}
