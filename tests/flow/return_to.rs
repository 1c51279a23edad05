//! Properties of the return path, with the `url` crate as the browser's parser.

use cognigate::auth::return_to::{LIMIT, ReturnTo};
use cognigate::pages::see_other;
use cognigate::types::Origin;
use proptest::prelude::*;
use url::Url;

const PREFIX: &str = "/oauth2";

/// Our origin in several shapes: what is one's own is another's evil.
const ORIGINS: [&str; 4] =
    ["https://app.test", "http://localhost:8080", "https://app.test:8443", "https://xn--bcher-kva.test"];

/// What parsers disagree about, and what open redirects are made of.
const PIECES: [&str; 46] = [
    "/",
    "//",
    "\\",
    "/\\",
    "\t",
    "\n",
    "\r\n",
    " ",
    "\0",
    "%09",
    "%0a",
    "%0d%0a",
    "%00",
    "%2f",
    "%5c",
    "%2F%5C",
    "%2e",
    ".",
    "..",
    "/..",
    ";",
    "@",
    ":",
    "://",
    "?",
    "#",
    "&",
    "=",
    "%",
    "%25",
    "http:",
    "https:",
    "HTTPS://",
    "javascript:",
    "data:",
    "evil.test",
    "app.test",
    "localhost",
    ":8080",
    ":8443",
    "[::1]",
    "oauth2",
    "/oauth2/callback",
    "〱",
    "。",
    "é",
];

fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(PIECES.as_slice()).prop_map(str::to_owned),
        1 => "[a-z0-9]{1,3}",
        1 => any::<char>().prop_map(String::from),
    ];
    let made = prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat());
    // With an origin in front, so that most of them are not refused at once.
    (
        prop::sample::select(
            ["", "/", "https://app.test", "https://app.test/", "http://localhost:8080/"].as_slice(),
        ),
        made,
    )
        .prop_map(|(start, rest)| format!("{start}{rest}"))
}

/// The `Location` that a browser sees for that return path.
fn sent(return_to: &ReturnTo) -> String {
    see_other(return_to.as_str(), Vec::new()).headers()["location"].to_str().unwrap().to_owned()
}

proptest! {
    #[test]
    fn a_return_path_stays_at_its_origin_whatever_it_was_made_of(
        text in texts(),
        origin in prop::sample::select(ORIGINS.as_slice()),
    ) {
        let own: Origin = origin.parse().unwrap();
        let return_to = ReturnTo::parse(&text, &own, PREFIX);
        let location = sent(&return_to);
        prop_assert!(location.starts_with('/') && location.len() <= LIMIT);
        for base in ["/", "/oauth2/callback?code=c&state=s", "/a/b/../c;x?y#z"] {
            let base = Url::parse(&format!("{origin}{base}")).unwrap();
            let resolved = base.join(&location).unwrap();
            prop_assert_eq!(resolved.origin(), base.origin(), "{:?} became {:?}", text, location);
            prop_assert!(resolved.username().is_empty() && resolved.password().is_none());
            prop_assert!(!resolved.path().starts_with("//"), "{:?} became {:?}", text, location);
            let decoded = percent_encoding::percent_decode_str(resolved.path()).decode_utf8_lossy().into_owned();
            prop_assert!(decoded != PREFIX && !decoded.starts_with("/oauth2/"), "{:?} became {:?}", text, location);
        }
        // It is judged again when it comes back in the login cookie, and stays what it is.
        prop_assert_eq!(ReturnTo::parse(&location, &own, PREFIX), return_to);
    }

    #[test]
    fn an_honest_path_of_ours_comes_back_byte_for_byte(
        segments in prop::collection::vec("[a-z0-9_~!$&'()*+,=:@-]([A-Za-z0-9]\\.|[A-Za-z0-9_~!$&'()*+,;=:@-]|%2F|%20|%C3%BC){0,8}", 0..5),
        query in prop::option::of("([A-Za-z0-9/?._~!$&'()*+,;=:@-]|%[2-7][0-9A-F]){0,30}"),
        whole in any::<bool>(),
    ) {
        let query = query.map_or(String::new(), |query| format!("?{query}"));
        let path = format!("/{}{query}", segments.join("/"));
        prop_assume!(!path.starts_with(PREFIX));
        let text = if whole { format!("https://app.test{path}") } else { path.clone() };
        let return_to = ReturnTo::parse(&text, &"https://app.test".parse().unwrap(), PREFIX);
        // What a URL parser writes differently in a query (an apostrophe) is the same address.
        let expected = if whole { path.replace('\'', "%27") } else { path };
        let got = if whole { sent(&return_to).replace('\'', "%27") } else { sent(&return_to) };
        prop_assert_eq!(got, expected);
    }

    #[test]
    fn a_fragment_is_left_out_and_the_rest_stays(path in "/[a-z]{0,8}(\\?[a-z=&]{0,8})?", fragment in "#[!-\\[\\]-~]{0,8}") {
        let return_to = ReturnTo::parse(&format!("{path}{fragment}"), &"https://app.test".parse().unwrap(), PREFIX);
        prop_assert_eq!(sent(&return_to), path);
    }
}

#[test]
fn a_return_path_is_2048_bytes_at_most_and_the_root_beyond() {
    let own: Origin = "https://app.test".parse().unwrap();
    let fits = format!("/{}", "a".repeat(LIMIT - 1));
    assert_eq!(LIMIT, 2048);
    assert_eq!(ReturnTo::parse(&fits, &own, PREFIX).as_str(), fits);
    assert_eq!(ReturnTo::parse(&format!("{fits}a"), &own, PREFIX), ReturnTo::root());
    // Encoding may make it longer than what was given.
    assert_eq!(ReturnTo::parse(&format!("/{}", "é".repeat(400)), &own, PREFIX), ReturnTo::root());
}

#[test]
fn case_111_a_return_path_with_raw_white_space_is_encoded_once() {
    let own: Origin = "https://app.test".parse().unwrap();
    for (text, kept) in [
        ("/? %09", "/?%20%09"),
        ("/a b?c d", "/a%20b?c%20d"),
        ("/a?b c#d", "/a?b%20c"),
        ("https://app.test/a?b c", "/a?b%20c"),
        ("/a?%20+b", "/a?%20+b"),
        ("/a?\"<>|{}", "/a?\"<>|{}"),
        // URL parsers drop these, so no honest address has them.
        ("/\t/evil.test", "/"),
        ("/?\t%09", "/"),
        ("/?a\nb", "/"),
        ("/? ", "/"),
        // Our own endpoints, once a proxy in front has undone the escape.
        ("/oauth2%2f", "/"),
        ("/oauth2%2Fstart?rd=/", "/"),
        ("/oauth2x%2F", "/oauth2x%2F"),
    ] {
        let return_to = ReturnTo::parse(text, &own, PREFIX);
        assert_eq!(return_to.as_str(), kept, "{text:?}");
        assert_eq!(sent(&return_to), kept, "{text:?}");
        assert_eq!(ReturnTo::parse(kept, &own, PREFIX), return_to, "{text:?}");
    }
    // What is counted is what is sent.
    let spaced = format!("/?{}x", "a ".repeat(800));
    assert_eq!(ReturnTo::parse(&spaced, &own, PREFIX), ReturnTo::root());
}
