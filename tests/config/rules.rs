//! `[[rules]]`, and what is refused since it would look like protection.

use std::time::Duration;

use cognigate::config::{Access, Config, Rule};

use super::{Given, KEY, assert_says};

/// The minimum with these rules.
fn ruled(rules: &[&[(&str, &str)]]) -> Given {
    rules.iter().fold(Given::minimal(), |given, rule| given.table("rules", rule))
}

fn rules(config: &Config) -> Vec<&Rule> {
    config.sites[0].rules.iter().collect()
}

#[test]
fn a_rule_says_for_what_it_is_and_what_it_asks() {
    let config = ruled(&[
        &[],
        &[
            ("host", "'App.example.com'"),
            ("path", "['/admin', '/admin/*']"),
            ("methods", "['GET', 'OPTIONS']"),
            ("access", "'api'"),
            ("groups", "['admins', 'ops']"),
            ("scopes", "['https://api.example.com/read']"),
            ("email_domains", "['Example.com']"),
            ("emails", "['Alice@Example.com']"),
            ("users", "['bob']"),
            ("claims", "{ 'custom:Tier' = ['gold', '7'], 'https://example.com/x.y' = 'z' }"),
            ("max_auth_age", "'5m'"),
            ("allow_preflight", "true"),
        ],
    ])
    .toml("public", "['/health']")
    .config();
    let [public, least, most] = rules(&config)[..] else { panic!("not three") };
    assert_eq!((public.name.as_str(), public.access), ("public[0]", Access::Public));
    assert_eq!((least.access, &least.host, least.allow_preflight), (Access::User, &None, false));
    assert!(least.paths.is_empty() && least.methods.is_empty() && least.conditions.is_empty());
    assert_eq!((most.name.as_str(), most.access), ("rules[1]", Access::Api));
    assert!(most.place.ends_with("cognigate.toml:8"), "{}", most.place);
    assert_eq!(most.host.as_deref(), Some("app.example.com"));
    assert_eq!(most.paths.iter().map(ToString::to_string).collect::<Vec<_>>(), ["/admin", "/admin/*"]);
    assert_eq!(most.methods, ["GET", "OPTIONS"]);
    let conditions = &most.conditions;
    assert_eq!(conditions.groups, ["admins", "ops"]);
    assert_eq!(conditions.scopes, ["https://api.example.com/read"]);
    assert_eq!(
        (&conditions.email_domains[..], &conditions.emails[..]),
        (&["example.com".to_owned()][..], &["alice@example.com".to_owned()][..])
    );
    assert_eq!(conditions.users, ["bob"]);
    assert_eq!(conditions.claims["custom:Tier"], ["gold", "7"]);
    assert_eq!(conditions.claims["https://example.com/x.y"], ["z"]);
    assert_eq!(most.max_auth_age, Some(Duration::from_secs(300)));
    assert!(most.allow_preflight);
}

#[test]
fn what_rules_ask_for_is_kept_though_session_claims_does_not_list_it() {
    let kept = |rule: &[(&str, &str)]| {
        ruled(&[rule]).toml("session.claims", "['zoneinfo', 'custom:tier']").config().session.claims
    };
    assert_eq!(kept(&[("groups", "['a']")]), ["zoneinfo", "custom:tier"]);
    assert_eq!(kept(&[("emails", "['a@b.c']")]), ["zoneinfo", "custom:tier", "email_verified"]);
    assert_eq!(
        kept(&[("email_domains", "['b.c']"), ("claims", "{ 'custom:tier' = 'gold', 'custom:x' = 'y' }")]),
        ["zoneinfo", "custom:tier", "email_verified", "custom:x"]
    );
}

#[test]
fn case_91_an_empty_list_is_refused_and_named() {
    for key in ["path", "methods", "groups", "scopes", "email_domains", "emails", "users"] {
        let message = ruled(&[&[("path", "'/x'"), (key, "[]")]]).problem();
        assert_says(&message, &[&format!("rules[0].{key} (cognigate.toml:"), "it is empty"]);
        let message = ruled(&[&[("path", "'/x'"), (key, "['']")]]).problem();
        assert_says(&message, &[&format!("rules[0].{key} (cognigate.toml:"), "its item 1 is empty"]);
    }
    for (claims, says) in [
        ("{}", "rules[0].claims (cognigate.toml:7): it is empty"),
        ("{ '' = 'b' }", "rules[0].claims (cognigate.toml:7): one of its names is empty"),
        ("{ a = 'b', 'custom:tier' = [] }", "rules[0].claims.custom:tier (cognigate.toml:7): it is empty"),
        ("{ a = ['b', ''] }", "rules[0].claims.a (cognigate.toml:7): its item 2 is empty"),
        ("{ 'a b' = 'c' }", "rules[0].claims.a b (cognigate.toml:7): its name has white space"),
    ] {
        assert_says(&ruled(&[&[("claims", claims)]]).problem(), &[says]);
    }
}

#[test]
fn case_91_an_unknown_key_is_refused_and_named() {
    for (key, meant) in
        [("group", "groups"), ("acess", "access"), ("paths", "path"), ("email_domain", "email_domains")]
    {
        let message = ruled(&[&[(key, "['x']")]]).problem();
        let expected =
            format!("rules[0].{key} (cognigate.toml:7): there is no such key; did you mean rules[].{meant}?");
        assert_eq!(message, expected);
    }
    assert_says(&ruled(&[&[("teapot", "1")]]).problem(), &["rules[0].teapot", "there is no such key"]);
    assert_says(
        &ruled(&[&[("access", "'everybody'")]]).problem(),
        &["rules[0].access", "public, user, api or deny"],
    );
}

#[test]
fn case_91_two_rules_for_the_same_requests_are_refused_and_both_named() {
    let twin = |first: &[(&str, &str)], second: &[(&str, &str)]| {
        let message = ruled(&[first, second]).problem();
        assert_says(&message, &["rules[1] (cognigate.toml:", "same requests as rules[0] ("]);
    };
    twin(&[], &[("access", "'deny'")]);
    twin(&[("path", "'/a'")], &[("path", "'/a'"), ("groups", "['x']")]);
    twin(&[("path", "['/b', '/a/*']")], &[("path", "['/a/*', '/c']")]);
    twin(
        &[("path", "'/a'"), ("methods", "['GET', 'PUT']")],
        &[("path", "'/a'"), ("methods", "['POST', 'PUT']")],
    );
    twin(&[("host", "'app.example.com'")], &[("host", "'APP.example.com'"), ("groups", "['x']")]);
    let message = ruled(&[&[("path", "'/health'")]]).toml("public", "['/health']").problem();
    assert_says(
        &message,
        &["rules[0] (cognigate.toml:", "same requests as public[0] (", "cognigate.toml:6)"],
    );
    let message = Given::with("public", "['/a', '/b', '/a']").problem();
    assert_says(&message, &["public[2] (cognigate.toml:6)", "same requests as public[0]"]);
    // Each of these has requests of its own.
    ruled(&[
        &[],
        &[("methods", "['POST']")],
        &[("path", "'/a'")],
        &[("path", "'/a/*'")],
        &[("path", "'/a/'")],
        &[("path", "'/a'"), ("methods", "['GET', 'HEAD']")],
        &[("path", "'/a'"), ("methods", "['POST']")],
        &[("path", "'/A'")],
    ])
    .toml("public", "['/b']")
    .config();
}

#[test]
fn case_91_a_rule_behind_one_that_names_the_host_is_refused_and_both_named() {
    let message =
        ruled(&[&[("path", "'/admin/*'"), ("groups", "['admins']")], &[("host", "'app.example.com'")]])
            .problem();
    assert_says(
        &message,
        &["rules[0] (cognigate.toml:6): it would never match: rules[1] (", ":9) names the host"],
    );
    let two = [("listen.hosts", "['b.example.com']")];
    let given = |rules: &[&[(&str, &str)]]| {
        two.iter().fold(ruled(rules), |given, (key, value)| given.toml(key, value))
    };
    // The other host's requests are its own, until a rule names that host too.
    given(&[&[("path", "'/a/*'")], &[("host", "'app.example.com'")]]).config();
    let message =
        given(&[&[("path", "'/a/*'")], &[("host", "'app.example.com'")], &[("host", "'b.example.com'")]])
            .problem();
    assert_says(&message, &["rules[0] (", "it would never match"]);
    let message = ruled(&[
        &[("path", "['/x', '/a/b', '/a/b/*']")],
        &[("host", "'app.example.com:443'"), ("path", "'/a/*'")],
    ])
    .load()
    .unwrap_err()
    .to_string();
    assert_says(&message, &["by its path 2 would never match", "by its path 3 would never match"]);
    assert!(!message.contains("path 1"), "{message}");
    // What names the host and one method leaves the others.
    ruled(&[&[("path", "'/a'")], &[("host", "'app.example.com'"), ("methods", "['GET']")]]).config();
    let message = ruled(&[
        &[("path", "'/a'"), ("methods", "['GET']")],
        &[("host", "'app.example.com'"), ("methods", "['GET', 'PUT']")],
    ])
    .problem();
    assert_says(&message, &["rules[0] (", "it would never match"]);
}

#[test]
fn case_91_an_address_that_another_condition_rules_out_is_refused_and_named() {
    let ask = |emails| ruled(&[&[("emails", emails), ("email_domains", "['b.example', 'c.example']")]]);
    let says = "its item 2: it is at none of email_domains";
    assert_says(
        &ask("['x@B.example', 'x@evil.example']").problem(),
        &["rules[0].emails (cognigate.toml:7)", says],
    );
    assert_says(&ask("['x@b.example', 'x@sub.b.example']").problem(), &[says]);
    ask("['x@b.example', 'y@C.example']").config();
}

#[test]
fn case_91_what_is_no_method_is_refused_or_warned_of() {
    for text in ["*", "ALL", "ANY"] {
        let problem = ruled(&[&[("methods", &format!("['{text}']")), ("access", "'deny'")]]).problem();
        assert!(problem.contains("rules[0].methods") && problem.contains("it is no method"), "{problem}");
    }
    let warned = |text: &str| {
        let config = ruled(&[&[("methods", text), ("access", "'deny'")]]).config();
        config.warnings.iter().any(|warning| warning.contains("rules[0].methods has GTE"))
    };
    assert!(warned("['GTE']") && !warned("['GET', 'PROPFIND']"));
}

#[test]
fn case_91_a_rule_that_no_request_reaches_is_refused_and_named() {
    for (rule, says) in [
        (
            [("host", "'other.example.com'")],
            "rules[0].host (cognigate.toml:7): it is neither the host of public_url",
        ),
        ([("host", "'app.example.com:8443'")], "add it to listen.hosts"),
        ([("path", "'/oauth2/*'")], "rules[0].path (cognigate.toml:7): its item 1: it is below prefix"),
        ([("path", "['/a', '/oauth2/start']")], "its item 2: it is below prefix"),
        (
            [("methods", "['GET', 'TRACE']")],
            "rules[0].methods (cognigate.toml:7): its item 2: no rule is asked for it",
        ),
        ([("methods", "['CONNECT']")], "always refused"),
    ] {
        assert_says(&ruled(&[&rule]).problem(), &[says]);
    }
}

#[test]
fn case_91_a_condition_that_has_no_effect_is_refused_and_named() {
    for access in ["public", "deny"] {
        let access = ("access", &*format!("'{access}'"));
        for (key, value) in [
            ("groups", "['x']"),
            ("scopes", "['x']"),
            ("email_domains", "['x.y']"),
            ("emails", "['x@y.z']"),
            ("users", "['x']"),
            ("claims", "{ x = 'y' }"),
            ("max_auth_age", "'5m'"),
            ("allow_preflight", "true"),
        ] {
            let message = ruled(&[&[access, (key, value)]]).problem();
            assert_says(&message, &[&format!("rules[0].{key} (cognigate.toml:8): it has no effect")]);
        }
    }
    let message = ruled(&[&[("methods", "['GET']"), ("allow_preflight", "true")]]).problem();
    assert_says(&message, &["rules[0].allow_preflight (cognigate.toml:8)", "OPTIONS"]);
    let message = ruled(&[&[("max_auth_age", "'0s'")]]).problem();
    assert_says(&message, &["rules[0].max_auth_age (cognigate.toml:7): it must be longer than nothing"]);
}

#[test]
fn what_could_be_meant_in_two_ways_is_refused() {
    for (key, value, says) in [
        ("path", "'/*'", "its item 1: it is every path"),
        ("path", "'admin'", "begin with a slash"),
        ("path", "'/a/../b'", "empty segments, . or .."),
        ("path", "'/a%2fb'", "without escapes"),
        ("path", "'/a.*'", "a * stands only at the end"),
        ("methods", "['get']", "in capitals"),
        ("methods", "['G T']", "in capitals"),
        ("methods", "['GET', 'GET']", "its item 2: it is there twice"),
        ("groups", "['a', 'a']", "its item 2: it is there twice"),
        ("groups", "[' a']", "white space at an end"),
        ("scopes", "['openid email']", "white space"),
        ("email_domains", "['@b.c']", "a domain in ASCII"),
        ("email_domains", "['*.b.c']", "a domain in ASCII"),
        ("email_domains", "['b\u{fc}cher.de']", "a domain in ASCII"),
        ("email_domains", "['b.c.']", "a domain in ASCII"),
        ("emails", "['b.c']", "an address in ASCII"),
        ("emails", "['a@b@c.d']", "an address in ASCII"),
        ("emails", "['@b.c']", "an address in ASCII"),
        ("emails", "['\u{e4}@b.c']", "an address in ASCII"),
        ("emails", "['a@b.c', 'A@B.c']", "its item 2: it is there twice"),
        ("claims.email", "'a@b.c'", "by emails"),
        ("claims.scope", "'openid'", "by scopes"),
        ("claims.a", "['b', 'b']", "its item 2: it is there twice"),
        ("claims.a", "{ b = 'c' }", "it must be a list of strings, but is a table"),
        ("claims.a", "[1]", "its item 1 must be a string in quotes, but is an integer"),
        ("claims", "['a']", "it must be a table of lists of strings"),
        ("host", "'*.example.com'", "must be a host name"),
    ] {
        assert_says(
            &ruled(&[&[(key, value)]]).problem(),
            &[&format!("rules[0].{key} (cognigate.toml:7)"), says],
        );
    }
}

#[test]
fn the_printed_rules_load_again_to_the_same() {
    let config = ruled(&[
        &[("path", "'/a/*'"), ("claims", "{ b = 'c', \"q\\\"'\" = ['d', 'e'] }")],
        &[("path", "['/a', '/b']"), ("emails", "['a@b.c']")],
    ])
    .toml("session.keys", &format!("['{KEY}']"))
    .config();
    let printed = config.effective.to_string();
    assert_says(
        &printed,
        &["[[rules]]\npath = [\"/a/*\"] # ", "access = \"user\" # default", "\"b\" = [\"c\"]"],
    );
    let again = Given::minimal().load_text(printed.replace("[redacted]", KEY)).unwrap();
    let plain = |config: &Config| -> Vec<Rule> {
        let plain = |rule: &Rule| Rule { place: String::new(), ..rule.clone() };
        config.sites[0].rules.iter().map(plain).collect()
    };
    assert_eq!(plain(&again), plain(&config));
}

#[test]
fn only_the_file_holds_rules() {
    const ONLY: &str = "[[rules]] is a list of tables, which only the configuration file can hold";
    assert_eq!(
        Given::minimal().variable("COGNIGATE_RULES__0__PATH", "/x").problem(),
        format!("COGNIGATE_RULES__0__PATH: {ONLY}")
    );
    assert_eq!(Given::minimal().flag("rules", "/x").problem(), format!("rules (command line): {ONLY}"));
}
