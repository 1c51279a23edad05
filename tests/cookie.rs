//! Cookies: what is read of a request, what is left of it for the upstream, and what is set.

use std::cell::Cell;
use std::time::Duration;

use cognigate::cookie::chunk::{self, LIMIT, MAX_CHUNKS, TooLarge};
use cognigate::cookie::read::{Named, RequestCookies};
use cognigate::cookie::write::{self, Attributes, SameSite};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

const NAME: &str = "__Host-cognigate";

fn cookies<T: AsRef<[u8]>>(lines: impl IntoIterator<Item = T>) -> RequestCookies {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(COOKIE, HeaderValue::from_bytes(line.as_ref()).expect("a header value"));
    }
    RequestCookies::read(&headers)
}

/// What the upstream gets of `lines`.
fn upstream<T: AsRef<[u8]>>(lines: impl IntoIterator<Item = T>) -> Option<Vec<u8>> {
    let left = cookies(lines).without(|name| chunk::is_own(NAME, name));
    left.map(|value| value.as_bytes().to_vec())
}

fn pairs(pairs: &[(String, String)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}

mod reading {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name_between_any_spaces() {
        let cookies = cookies(["a=1; ab=2;b=3;  c = 4 ;d==5=; e="]);
        assert_eq!(cookies.named("a"), Named::One(b"1"));
        assert_eq!(cookies.named("ab"), Named::One(b"2"));
        assert_eq!(cookies.named("b"), Named::One(b"3"));
        assert_eq!(cookies.named("c"), Named::One(b"4"));
        assert_eq!(cookies.named("d"), Named::One(b"=5="));
        assert_eq!(cookies.named("e"), Named::One(b""));
        assert_eq!(cookies.named("A"), Named::Absent);
        assert_eq!(cookies.named("abc"), Named::Absent);
    }

    #[test]
    fn several_lines_are_one_list() {
        let crumbs = ["a=1", "b=2; c=3", "d=4"];
        assert_eq!(cookies(crumbs).named("d"), Named::One(b"4"));
        assert_eq!(upstream(crumbs), Some(b"a=1; b=2; c=3; d=4".to_vec()));
        assert_eq!(cookies(["a=1", "a=1"]).named("a"), Named::Many);
    }

    #[test]
    fn names_with_a_prefix_come_in_order_and_with_their_duplicates() {
        let cookies = cookies(["x-1=a; y=b; x-2=c", "x-1=d; X-3=e; x-=f"]);
        let found: Vec<_> = cookies.starting_with("x-").collect();
        let expected: [(&[u8], &[u8]); 4] = [(b"x-1", b"a"), (b"x-2", b"c"), (b"x-1", b"d"), (b"x-", b"f")];
        assert_eq!(found, expected);
    }

    #[test]
    fn case_10_of_two_cookies_of_one_name_neither_is_taken() {
        for line in ["s=1; s=2", "s=1; s=1", "s=1; a=x; s = 2", "s=; s=", "s=1; s=2; s=3"] {
            assert_eq!(cookies([line]).named("s"), Named::Many, "{line}");
        }
        assert_eq!(cookies(["s=1; s; S=2"]).named("s"), Named::One(b"1"));
    }

    #[test]
    fn case_48_a_cookie_line_of_nothing_is_no_cookie() {
        for line in ["", ";", ";;=;a", " ; ;", "=", "==", "a", "a;b;c", ";a=", "\u{fffd}"] {
            let cookies = cookies([line]);
            assert_eq!(cookies.named("b"), Named::Absent, "{line}");
            assert!(!chunk::reassemble(&cookies, NAME).any, "{line}");
            assert_eq!(chunk::present(&cookies, NAME), Vec::<String>::new(), "{line}");
        }
        assert_eq!(cookies([";;=;a"]).named(""), Named::One(b""));
        assert_eq!(RequestCookies::read(&HeaderMap::new()).named(""), Named::Absent);
    }

    #[test]
    fn case_48_ten_thousand_pairs_are_each_looked_at_a_few_times_and_no_more() {
        let many: Vec<_> = (0..10_000).map(|n| (format!("c{n}"), "x".to_owned())).collect();
        let line = format!("{}; {NAME}=value", pairs(&many));
        let cookies = cookies([&line]);
        assert_eq!(cookies.named(NAME), Named::One(b"value"));
        assert_eq!(cookies.named("c9999"), Named::One(b"x"));
        assert_eq!(chunk::reassemble(&cookies, NAME).single, Some(b"value".as_slice()));
        let looks = Cell::new(0);
        let left = cookies.without(|name| {
            looks.set(looks.get() + 1);
            chunk::is_own(NAME, name)
        });
        assert_eq!(left.unwrap().as_bytes(), pairs(&many).as_bytes());
        assert!(looks.get() <= 3 * 10_001, "{} looks at 10,001 pairs", looks.get());
    }

    #[test]
    fn debug_shows_no_value() {
        let cookies = cookies(["s=secret"]);
        let printed = format!("{cookies:?} {:?} {:?}", cookies.named("s"), chunk::reassemble(&cookies, "s"));
        assert!(!printed.contains("secret"), "{printed}");
        assert!(!format!("{:?}", cookies.without(|name| name == b"x")).contains("secret"));
    }
}

mod for_the_upstream {
    use super::*;

    #[test]
    fn case_19_our_cookies_are_gone_and_the_others_are_as_they_were() {
        let cases: [(&str, Option<&str>); 15] = [
            ("a=1; __Host-cognigate=s; b=2", Some("a=1; b=2")),
            ("__Host-cognigate=s; a=1; b=2", Some("a=1; b=2")),
            ("a=1; b=2; __Host-cognigate=s", Some("a=1; b=2")),
            ("a=1;b=2;__Host-cognigate=s;c=3", Some("a=1;b=2;c=3")),
            ("a=1 ;  b = 2 ; __Host-cognigate = s ;c=\"3 4\";", Some("a=1 ;  b = 2 ;c=\"3 4\";")),
            ("a=1; a=2; __Host-cognigate=s; a=1", Some("a=1; a=2; a=1")),
            ("__Host-cognigate-1=2.s; x=y; __Host-cognigate-2=s", Some("x=y")),
            ("__Host-cognigate-login-AAAA=l; x; =y; ;", Some("x; =y; ;")),
            ("__Host-cognigate=s; __Host-cognigate=t; z=1", Some("z=1")),
            ("__Host-cognigate; z=1", Some("z=1")),
            ("__Host-cognigate=s", None),
            ("__Host-cognigate=s; ;; __Host-cognigate-9=t", None),
            ("a=1;; b=2", Some("a=1;; b=2")),
            (
                "__Host-cognigate-theme=dark; __Host-cognigatex=1",
                Some("__Host-cognigate-theme=dark; __Host-cognigatex=1"),
            ),
            (
                "x__Host-cognigate=1; __Host-cognigate-1a=2",
                Some("x__Host-cognigate=1; __Host-cognigate-1a=2"),
            ),
        ];
        for (sent, expected) in cases {
            assert_eq!(upstream([sent]), expected.map(|line| line.as_bytes().to_vec()), "{sent}");
        }
        assert_eq!(upstream(<[&str; 0]>::default()), None);
    }

    #[test]
    fn case_19_bytes_that_are_no_utf8_stay() {
        let sent = b"a=\xff\xfe; __Host-cognigate=s; \xe9=caf\xe9; b=\xe2\x82\xac";
        assert_eq!(upstream([sent]), Some(b"a=\xff\xfe; \xe9=caf\xe9; b=\xe2\x82\xac".to_vec()));
    }

    #[test]
    fn what_is_ours_is_wider_than_what_we_read() {
        for own in ["", "-1", "-8", "-9", "-0", "-00", "-99999999999999999999", "-login-", "-login-Ab_-9"] {
            assert!(chunk::is_own(NAME, format!("{NAME}{own}").as_bytes()), "{own}");
        }
        for other in ["-", "-1x", "--1", "-+1", "-login", "_1", ".1", " "] {
            assert!(!chunk::is_own(NAME, format!("{NAME}{other}").as_bytes()), "{other}");
        }
        assert!(!chunk::is_own(NAME, b""));
        assert!(!chunk::is_own(NAME, b"cognigate"));
    }

    proptest! {
        #[test]
        fn case_19_nothing_of_ours_goes_through_and_nothing_else_is_lost(
            sent in prop::collection::vec(
                prop_oneof![
                    Just(NAME.to_owned()),
                    Just(format!("{NAME}-3")),
                    Just(format!("{NAME}-login-x")),
                    "[a-c]{1,3}",
                    Just(String::new()),
                ].prop_flat_map(|name| (Just(name), "[ ]{0,2}", "[a-z= \"]{0,4}")),
                0..12,
            )
        ) {
            let segments: Vec<String> = sent.iter().map(|(name, space, value)| format!("{space}{name}={value}")).collect();
            let others: Vec<&String> =
                segments.iter().zip(&sent).filter(|(_, (name, ..))| !name.starts_with(NAME)).map(|(segment, _)| segment).collect();
            let expected = others.iter().map(|segment| segment.as_str()).collect::<Vec<_>>().join(";");
            let left = upstream([segments.join(";")]).unwrap_or_default();
            prop_assert_eq!(left.trim_ascii_start(), expected.as_bytes().trim_ascii_start());
        }

        #[test]
        fn any_line_that_a_client_can_send_is_read(line in prop::collection::vec(prop_oneof![Just(b';'), Just(b'='), Just(b' '), Just(b'-'), 0x20..0x7f_u8, 0x80..=0xff_u8], 0..64)) {
            let cookies = cookies([&line]);
            let _ = (cookies.named(""), cookies.named(NAME), chunk::reassemble(&cookies, ""), chunk::present(&cookies, "a"));
            prop_assert_eq!(cookies.without(|_| true), None);
            let all = cookies.without(|_| false).map(|value| value.as_bytes().to_vec());
            let blank = line.iter().all(|byte| matches!(byte, b' ' | b';'));
            prop_assert_eq!(all, (!blank).then_some(line));
        }
    }
}

mod chunks {
    use super::*;

    /// Cookies of `length` characters of value, as a browser sends them back.
    fn sent(value: &str) -> RequestCookies {
        cookies([pairs(&chunk::split(NAME, value).expect("it fits"))])
    }

    fn chunked(lines: &str) -> Option<String> {
        let cookies = cookies([lines]);
        let found = chunk::reassemble(&cookies, "n");
        found.chunked.map(|value| String::from_utf8(value).expect("text in, text out"))
    }

    #[test]
    fn case_07_a_value_is_cut_only_above_4000_bytes_of_name_and_value() {
        let most = "x".repeat(LIMIT - NAME.len());
        assert_eq!(chunk::split(NAME, &most).unwrap(), [(NAME.to_owned(), most.clone())]);
        let parts = chunk::split(NAME, &format!("{most}y")).unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!((parts[0].0.as_str(), parts[1].0.as_str()), ("__Host-cognigate-1", "__Host-cognigate-2"));
        assert!(parts[0].1.starts_with("2.x"));
        assert_eq!(chunk::reassemble(&sent(&most), NAME).single, Some(most.as_bytes()));
    }

    #[test]
    fn case_07_no_chunk_is_longer_than_a_browser_keeps_and_more_than_eight_are_refused() {
        let room = LIMIT - NAME.len() - 4;
        let most = "x".repeat(room * MAX_CHUNKS);
        let parts = chunk::split(NAME, &most).unwrap();
        assert_eq!(parts.len(), 8);
        assert!(parts.iter().all(|(name, value)| name.len() + value.len() <= LIMIT));
        assert_eq!(chunk::reassemble(&sent(&most), NAME).chunked, Some(most.clone().into_bytes()));
        let bytes = room * MAX_CHUNKS + 1;
        assert_eq!(chunk::split(NAME, &format!("{most}x")), Err(TooLarge { bytes }));
        assert_eq!(chunk::split(&"n".repeat(LIMIT), "x"), Err(TooLarge { bytes: 1 }));
    }

    #[test]
    fn case_46_a_count_that_is_none_gives_nothing() {
        for count in
            ["99999999", "-1", "+2", "0", "1", "9", "02", "2 ", "", "2,", "\u{661}", "2147483648", "1e1"]
        {
            assert_eq!(chunked(&format!("n-1={count}.a; n-2=b; n-3=c")), None, "{count}");
        }
        for first in ["2", "ab", "", "."] {
            assert_eq!(chunked(&format!("n-1={first}; n-2=b")), None, "{first}");
        }
        assert_eq!(chunked("n-1=2.a; n-2=b"), Some("ab".to_owned()));
    }

    #[test]
    fn case_46_a_gap_or_a_duplicate_gives_nothing() {
        for lines in [
            "n-1=3.a; n-2=b",
            "n-1=3.a; n-3=c",
            "n-2=b; n-3=c",
            "n-1=2.a; n-1=2.a; n-2=b",
            "n-1=2.a; n-2=b; n-2=b",
            "n-1=2.a; n-02=b",
            "n-1=2.a; n-2",
        ] {
            assert_eq!(chunked(lines), None, "{lines}");
            assert!(chunk::reassemble(&cookies([lines]), "n").any, "{lines}");
        }
    }

    #[test]
    fn case_46_a_stale_tail_is_ignored_whatever_is_wrong_with_it() {
        for tail in ["n-3=stale", "n-3=x; n-3=y", "n-8=z", "n-9=z", "n-99999999=z"] {
            assert_eq!(chunked(&format!("n-2=b; {tail}; n-1=2.a")), Some("ab".to_owned()), "{tail}");
        }
    }

    #[test]
    fn case_46_a_single_cookie_and_chunks_are_both_candidates() {
        let cookies = cookies(["n-1=2.a; n=single; n-2=b"]);
        let found = chunk::reassemble(&cookies, "n");
        assert_eq!(found.single, Some(b"single".as_slice()));
        assert_eq!(found.chunked, Some(b"ab".to_vec()));
    }

    #[test]
    fn case_10_of_two_single_cookies_neither_is_a_candidate() {
        let cookies = cookies(["n=a; n=b"]);
        let found = chunk::reassemble(&cookies, "n");
        assert_eq!((found.single, found.chunked, found.any), (None, None, true));
    }

    #[test]
    fn what_the_client_holds_is_named_once_each() {
        let cookies = cookies(["n-8=x; n=a; n-3=b; n-3=c; n-9=x; n-0=x; n-login-a=x; n-11=x; m=x"]);
        assert_eq!(chunk::present(&cookies, "n"), ["n", "n-3", "n-8"]);
    }

    proptest! {
        #[test]
        fn what_is_cut_comes_together_again(length in 0..MAX_CHUNKS * LIMIT - 200, others in "[a-z]{1,5}") {
            let value: String = ('a'..='z').cycle().take(length).collect();
            let parts = chunk::split(NAME, &value).unwrap();
            prop_assert!(parts.iter().all(|(name, value)| name.len() + value.len() <= LIMIT));
            // Browsers promise no order.
            let backwards: Vec<_> = parts.into_iter().rev().collect();
            let cookies = cookies([format!("{others}=1; {}", pairs(&backwards))]);
            let found = chunk::reassemble(&cookies, NAME);
            let found = found.single.map(<[u8]>::to_vec).or(found.chunked);
            prop_assert_eq!(found, Some(value.into_bytes()));
        }

        #[test]
        fn case_46_no_cookie_line_brings_more_than_was_sent(line in "(n(-[0-9]{1,2})?=[0-9.]{0,3}; ?){0,12}") {
            let cookies = cookies([line.trim()]);
            let found = chunk::reassemble(&cookies, "n");
            prop_assert!(found.chunked.is_none_or(|value| value.len() <= line.len()));
        }
    }
}

mod setting {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn attributes() -> Attributes {
        Attributes { secure: true, same_site: SameSite::Lax, domain: None }
    }

    fn text(line: &HeaderValue) -> &str {
        line.to_str().expect("ASCII")
    }

    #[test]
    fn every_attribute_is_there() {
        let line = write::set(&attributes(), NAME, "v-_9", DAY);
        let expected = "__Host-cognigate=v-_9; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=86400";
        assert_eq!(text(&line), expected);

        let shared =
            Attributes { secure: true, same_site: SameSite::None, domain: Some("example.com".into()) };
        let line = write::set(&shared, "__Secure-c", "v", DAY);
        let expected =
            "__Secure-c=v; HttpOnly; SameSite=None; Secure; Path=/; Domain=example.com; Max-Age=86400";
        assert_eq!(text(&line), expected);

        let plain = Attributes { secure: false, same_site: SameSite::Lax, domain: None };
        let line = write::set(&plain, "c", "v", DAY);
        assert_eq!(text(&line), "c=v; HttpOnly; SameSite=Lax; Path=/; Max-Age=86400");
    }

    #[test]
    fn case_49_a_deletion_carries_the_attributes_that_the_cookie_was_set_with() {
        let shared = Attributes { domain: Some("example.com".into()), ..attributes() };
        for attributes in [attributes(), shared] {
            let (set, clear) = (write::set(&attributes, "c", "", DAY), write::clear(&attributes, "c"));
            let expected = "Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
            assert_eq!(text(&clear), text(&set).replace("Max-Age=86400", expected));
        }
        let clear = write::clear(&attributes(), NAME);
        assert!(text(&clear).contains("; Secure; Path=/; "), "{clear:?}");
    }

    #[test]
    fn a_cookie_lives_400_days_at_most() {
        let line = write::set(&attributes(), NAME, "v", Duration::MAX);
        assert!(text(&line).ends_with("; Max-Age=34560000"));
        let line = write::set(&attributes(), NAME, "v", 400 * DAY - Duration::from_secs(1));
        assert!(text(&line).ends_with("; Max-Age=34559999"));
    }

    #[test]
    fn a_parser_reads_the_lines_as_they_were_meant() {
        for line in [write::set(&attributes(), NAME, "v", DAY), write::clear(&attributes(), NAME)] {
            let parsed = cookie::Cookie::parse(text(&line)).unwrap();
            assert_eq!(parsed.name(), NAME);
            assert_eq!((parsed.http_only(), parsed.secure()), (Some(true), Some(true)));
            assert_eq!((parsed.path(), parsed.domain()), (Some("/"), None));
            assert_eq!(parsed.same_site(), Some(cookie::SameSite::Lax));
        }
        let cleared = write::clear(&attributes(), NAME);
        let parsed = cookie::Cookie::parse(text(&cleared)).unwrap();
        assert_eq!((parsed.value(), parsed.max_age()), ("", Some(cookie::time::Duration::ZERO)));
        assert_eq!(parsed.expires_datetime().unwrap().unix_timestamp(), 0);
    }

    #[test]
    fn debug_shows_no_value() {
        assert_eq!(format!("{:?}", write::set(&attributes(), NAME, "secret", DAY)), "Sensitive");
    }
}
