//! `forward.*`: what apps are told of who sends a request.

use cognigate::config::{ForwardBearer, Preset};

use super::{Given, assert_says};

/// Names and claims of the mapped headers.
fn mapped(given: Given) -> Vec<(String, String)> {
    let headers = given.config().forward.headers;
    headers.into_iter().map(|header| (header.name.as_str().to_owned(), header.claim)).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, claim)| ((*name).to_owned(), (*claim).to_owned())).collect()
}

#[test]
fn the_token_and_the_preset_are_one_of_three() {
    let config = Given::minimal().config();
    assert_eq!((config.forward.bearer, config.forward.preset), (ForwardBearer::Access, Preset::Oauth2Proxy));
    for (value, bearer) in
        [("access", ForwardBearer::Access), ("id", ForwardBearer::Id), ("none", ForwardBearer::None)]
    {
        assert_eq!(Given::minimal().text("forward.bearer", value).config().forward.bearer, bearer);
    }
    for (value, preset) in
        [("oauth2-proxy", Preset::Oauth2Proxy), ("alb", Preset::Alb), ("none", Preset::None)]
    {
        assert_eq!(Given::minimal().text("forward.preset", value).config().forward.preset, preset);
    }
    for (key, says) in [
        ("forward.bearer", "it must be access, id or none"),
        ("forward.preset", "it must be oauth2-proxy, alb or none"),
    ] {
        for value in ["Access", "both", "oauth2_proxy"] {
            let message = Given::minimal().text(key, value).problem();
            assert_says(&message, &[&format!("{key} (cognigate.toml:6): {says}")]);
        }
    }
}

#[test]
fn claims_are_mapped_to_headers_by_a_table_or_a_variable() {
    let expected = pairs(&[("x-tenant", "custom:tenant"), ("x-a", "a=b")]);
    assert_eq!(
        mapped(Given::with("forward.headers", "{ X-Tenant = 'custom:tenant', x-a = 'a=b' }")),
        expected
    );
    let table = Given::minimal()
        .toml("forward.headers.X-Tenant", "'custom:tenant'")
        .text("forward.headers.x-a", "a=b");
    assert_eq!(mapped(table), expected);
    let variable =
        || Given::minimal().variable("COGNIGATE_FORWARD__HEADERS", "X-Tenant=custom:tenant, x-a=a=b");
    assert_eq!(mapped(variable()), expected);
    // As a whole: what the file says is replaced.
    let both =
        variable().toml("forward.headers", "{ X-Other = 'other' }").flag("forward.headers", "X-Flag=flag");
    assert_eq!(mapped(both), pairs(&[("x-flag", "flag")]));
    assert_eq!(mapped(Given::with("forward.headers", "{}")), []);
    // One of a preset's may be said otherwise.
    let own = Given::with("forward.headers", "{ X-Forwarded-User = 'email' }");
    assert_eq!(mapped(own), pairs(&[("x-forwarded-user", "email")]));
}

#[test]
fn the_table_is_printed_as_it_can_be_read_again() {
    let given = Given::with("forward.headers", "{ X-Tenant = 'custom:tenant', X-Quoted = 'a\"b' }");
    let printed = given.config().effective.to_string();
    let line = "headers = { \"X-Tenant\" = \"custom:tenant\", \"X-Quoted\" = 'a\"b' } # ";
    assert!(printed.contains(line), "{printed}");
    assert!(Given::minimal().config().effective.to_string().contains("headers = {} # default"));
    let again: String = printed.lines().filter(|line| line.starts_with("headers")).collect();
    assert_eq!(
        mapped(Given::with("forward.headers", again.trim_start_matches("headers = "))),
        pairs(&[("x-tenant", "custom:tenant"), ("x-quoted", "a\"b")])
    );
}

#[test]
fn a_header_that_cannot_be_set_is_refused_by_its_place() {
    const HYPHENS: &str = "letters, digits and hyphens";
    const TAKEN: &str = "a meaning of its own";
    for (name, says) in [
        ("X_Tenant", HYPHENS),
        ("X.Tenant", HYPHENS),
        ("X Tenant", HYPHENS),
        ("X-Ténant", HYPHENS),
        ("-X", HYPHENS),
        ("X-", HYPHENS),
        ("7", HYPHENS),
        ("Authorization", "forward.bearer says what is in it"),
        ("Host", TAKEN),
        ("COOKIE", TAKEN),
        ("Content-Length", TAKEN),
        ("Transfer-Encoding", TAKEN),
        ("Connection", TAKEN),
        ("Sec-Fetch-Site", TAKEN),
        ("Via", TAKEN),
        ("X-Forwarded-For", TAKEN),
        ("X-Forwarded-Host", TAKEN),
        ("X-Real-IP", TAKEN),
        ("X-Request-Id", TAKEN),
        ("X-Original-URL", TAKEN),
        ("X-Auth-Set-Cookie-1", TAKEN),
    ] {
        let message = Given::with("forward.headers", &format!("{{ X-A = 'a', '{name}' = 'b' }}")).problem();
        assert_says(&message, &[&format!("forward.headers.{name} (cognigate.toml:6): "), says]);
    }
    let twice = Given::with("forward.headers", "{ X-A = 'a', x-a = 'b' }").problem();
    assert_says(&twice, &["forward.headers.x-a (cognigate.toml:6): its header is there twice"]);
    // By the line of the entry, not that of the table.
    let own = Given::minimal().text("forward.headers.X-A", "a").text("forward.headers.Host", "b").problem();
    assert_says(&own, &["forward.headers.Host (cognigate.toml:7): ", TAKEN]);
}

#[test]
fn case_101_a_reserved_header_may_be_allowed_by_name() {
    let allowed = |given: Given| {
        let names = given.config().forward.allowed;
        names.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(allowed(Given::minimal()), Vec::<String>::new());
    let key = "forward.allow_request_headers";
    assert_eq!(
        allowed(Given::with(key, "['X-Forwarded-Prefix', 'Client-Cert']")),
        ["x-forwarded-prefix", "client-cert"]
    );
    let variable =
        Given::minimal().variable("COGNIGATE_FORWARD__ALLOW_REQUEST_HEADERS", "X-Script-Name,Remote-User");
    assert_eq!(allowed(variable), ["x-script-name", "remote-user"]);
}

#[test]
fn case_101_the_gates_own_headers_and_the_connections_cannot_be_allowed() {
    const NAME: &str = "a header's name is letters, digits and hyphens";
    const OWN: &str = "the gate tells the app itself";
    const CONNECTION: &str = "the gate decides about it by itself";
    for (name, says) in [
        ("", NAME),
        ("X_Script_Name", NAME),
        ("X.Script.Name", NAME),
        ("X-Script-Name:", NAME),
        ("X-Script-*", NAME),
        ("-X", NAME),
        ("X-", NAME),
        ("Authorization", OWN),
        ("x-forwarded-user", OWN),
        ("XForwarded--User", OWN),
        ("X-Forwarded-For", OWN),
        ("Forwarded", OWN),
        ("Via", OWN),
        ("X-Auth-Request-Email", OWN),
        ("X-Amzn-Oidc-Data", OWN),
        ("X-Request-Id", OWN),
        ("Cookie", CONNECTION),
        ("Host", CONNECTION),
        ("Connection", CONNECTION),
        ("TE", CONNECTION),
        ("Proxy-Authorization", CONNECTION),
        ("Content-Length", CONNECTION),
        ("Transfer-Encoding", CONNECTION),
        ("script-name", "it is there twice"),
    ] {
        let items = format!("['Script-Name', '{name}']");
        let message = Given::with("forward.allow_request_headers", &items).problem();
        let item = if name.is_empty() { "" } else { "its item 2: " };
        let says = if name.is_empty() { "empty" } else { says };
        assert_says(&message, &["forward.allow_request_headers (cognigate.toml:6): ", item, says]);
    }
    let mapped = Given::with("forward.headers", "{ X-Tenant = 'a' }")
        .toml("forward.allow_request_headers", "['X-Tenant']")
        .problem();
    assert_says(&mapped, &["forward.allow_request_headers (cognigate.toml:", "it is in forward.headers"]);
    let asked = Given::minimal()
        .without("upstream")
        .text("gateway.dialect", "nginx")
        .toml("listen.trusted_proxies", "['127.0.0.1']")
        .toml("forward.allow_request_headers", "['Script-Name']");
    assert_says(
        &asked.problem(),
        &["forward.allow_request_headers (cognigate.toml:", "gateway.dialect (cognigate.toml:", "do nothing"],
    );
}

#[test]
fn what_may_be_a_value_in_a_variable_is_not_named() {
    // Though the file, whose table is replaced, has an entry of that name.
    let message = Given::with("forward.headers", "{ Host = 'a' }")
        .variable("COGNIGATE_FORWARD__HEADERS", "X-A=a,Host=b")
        .problem();
    assert_says(
        &message,
        &["forward.headers (COGNIGATE_FORWARD__HEADERS): its item 2: ", "a meaning of its own"],
    );
    let message = Given::minimal().flag("forward.headers", "c2VjcmV0_=").problem();
    assert_says(&message, &["forward.headers (", "its item 1: "]);
    assert!(!message.contains("c2VjcmV0"), "{message}");
}

#[test]
fn a_table_of_something_else_is_refused() {
    for (value, says) in [
        ("'X-A=a'", "forward.headers (cognigate.toml:6): it must be a table of strings, such as"),
        ("['X-A=a']", "it must be a table of strings"),
        (
            "{ X-A = 1 }",
            "forward.headers.X-A (cognigate.toml:6): it must be a string in quotes, but is an integer",
        ),
        ("{ X-A = ['a'] }", "forward.headers.X-A (cognigate.toml:6): it must be a string in quotes"),
        ("{ 'X-A=b' = 'c' }", "its name has a ="),
        ("{ X-A = '' }", "forward.headers.X-A (cognigate.toml:6): it must be a header and a claim"),
        ("{ X-A = 'two words' }", "forward.headers.X-A (cognigate.toml:6): it must be a header and a claim"),
    ] {
        assert_says(&Given::with("forward.headers", value).problem(), &[says]);
    }
    for text in ["X-A", "X-A:a", "=a", "X-A="] {
        let message = Given::minimal().variable("COGNIGATE_FORWARD__HEADERS", text).problem();
        assert_says(&message, &["forward.headers (COGNIGATE_FORWARD__HEADERS): its item 1: "]);
    }
}
