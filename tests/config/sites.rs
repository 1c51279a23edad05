//! Several sites: `[[sites]]`, what each takes of the top level, and what they must not have in common.

use cognigate::config::{Config, Sources};

use super::{Given, assert_says, one};

/// A pool and a client for all, and the sites of `tables`.
fn text(tables: &str) -> String {
    format!(
        "[cognito]\nuser_pool_id = 'eu-west-1_All'\nclient_id = 'all'\nclient_secret = 'of all'\n\
         domain = 'all.example.com'\n{tables}"
    )
}

fn load(tables: &str) -> Config {
    Given::minimal().load_text(text(tables)).unwrap_or_else(|error| panic!("{error}"))
}

fn problem(tables: &str) -> String {
    one(Given::minimal().load_text(text(tables)))
}

const A: &str = "[[sites]]\npublic_url = 'https://a.example.com'\nupstream = 'http://a:3000'\n";
const B: &str = "[[sites]]\npublic_url = 'https://b.example.com'\nupstream = 'http://b:3000'\n";

fn two(tables: &str) -> String {
    format!("{A}{B}{tables}")
}

#[test]
fn a_site_says_what_is_its_own_and_takes_the_rest_of_the_top_level() {
    let config = load(&two(
        "hosts = ['b.internal:8080']\npublic = ['/health']\n[sites.cognito]\nclient_id = 'b'\nlang = 'de'\n\
         [sites.cookie]\nname = 'b'\n[sites.websocket]\norigins = ['https://dev.example.com']\n\
         [[sites.upstreams]]\nurl = 'http://never:1'\n",
    ).replace("upstream = 'http://b:3000'\n", ""));
    let [a, b] = &config.sites[..] else { panic!("{:?}", config.sites) };
    assert_eq!(
        (a.public_url.to_string(), b.public_url.to_string()),
        ("https://a.example.com".into(), "https://b.example.com".into())
    );
    assert_eq!((a.cognito.client_id.as_str(), b.cognito.client_id.as_str()), ("all", "b"));
    assert_eq!((&a.cognito.pool, &a.cognito.domain), (&b.cognito.pool, &b.cognito.domain));
    assert_eq!(
        (a.cognito.authorize.lang.as_deref(), b.cognito.authorize.lang.as_deref()),
        (None, Some("de"))
    );
    assert_eq!((a.cookie.name.as_str(), b.cookie.name.as_str()), ("__Host-cognigate", "__Host-b"));
    assert_eq!((a.cookie.scope.as_str(), b.cookie.scope.as_str()), ("a.example.com", "b.example.com"));
    assert!(a.hosts.is_empty() && a.rules.is_empty() && a.origins.is_empty());
    assert_eq!((b.hosts.len(), b.rules.len(), b.origins.len()), (1, 1, 1));
    assert_eq!(b.upstreams[0].address.to_string(), "http://never:1");
}

#[test]
fn a_client_of_its_own_takes_no_secret_of_another() {
    let secrets = |tables: &str| {
        load(tables)
            .sites
            .iter()
            .map(|site| site.cognito.client_secret.as_ref().map(|it| it.expose().to_owned()))
            .collect::<Vec<_>>()
    };
    let of_all = Some("of all".to_owned());
    assert_eq!(secrets(&two("")), [of_all.clone(), of_all.clone()]);
    assert_eq!(secrets(&two("cognito.client_id = 'b'\n")), [of_all.clone(), None]);
    assert_eq!(secrets(&two("cognito.client_secret = 'b'\n")), [of_all.clone(), Some("b".to_owned())]);
    let other_pool =
        "[sites.cognito]\nuser_pool_id = 'eu-west-1_Other'\nclient_id = 'b'\ndomain = 'b.example.org'\n";
    assert_eq!(secrets(&two(other_pool)), [of_all, None]);
}

#[test]
fn a_secret_in_a_file_is_that_of_its_site_and_followed_there() {
    let given = Given::minimal();
    given.beside("of-b", "hush\n");
    let config = given
        .load_text(text(&two("cognito.client_id = 'b'\ncognito.client_secret_file = 'of-b'\n")))
        .unwrap();
    let [a, b] = &config.sites[..] else { panic!() };
    assert_eq!(a.cognito.client_secret_file, None);
    assert!(b.cognito.client_secret_file.as_ref().is_some_and(|path| path.ends_with("of-b")));
    assert_eq!(b.cognito.client_secret.as_ref().map(|secret| secret.expose()), Some("hush"));
    let given = Given::minimal();
    given.beside("of-b", "hush\n");
    let both = "cognito.client_secret = 'b'\ncognito.client_secret_file = 'of-b'\n";
    let message = one(given.load_text(text(&two(both))));
    assert_says(
        &message,
        &["sites[1].cognito.client_secret (cognigate.toml:", "so is sites[1].cognito.client_secret_file"],
    );
}

#[test]
fn case_56_a_pool_of_its_own_takes_nothing_of_another() {
    let pool = "[sites.cognito]\nuser_pool_id = 'eu-west-1_Other'\n";
    let message = problem(&two(&format!("{pool}domain = 'b.example.org'\n")));
    assert_says(
        &message,
        &[
            "sites[1].cognito.client_id (cognigate.toml:",
            "it is missing",
            "takes nothing of the top level's pool",
        ],
    );
    let message = problem(&two(&format!("{pool}client_id = 'b'\n")));
    assert_says(&message, &["sites[1].cognito.domain", "takes nothing of the top level's pool"]);
    let of_all = "issuer = 'https://all.example.com'\njwks_url = 'https://all.example.com/keys'\nresource = 'https://all.example.com'\n\
                  identity_provider = 'Google'\ntoken_url = 'https://all.example.com/token'\nscopes = ['openid', 'phone']\n";
    let config =
        load(&format!("{of_all}{}", two(&format!("{pool}client_id = 'b'\ndomain = 'b.example.org'\n"))));
    let [a, b] = &config.sites[..] else { panic!() };
    assert!(
        a.cognito.overrides.issuer.is_some()
            && a.cognito.overrides.jwks_url.is_some()
            && a.cognito.overrides.token_url.is_some()
    );
    assert!(
        b.cognito.overrides.issuer.is_none()
            && b.cognito.overrides.jwks_url.is_none()
            && b.cognito.overrides.token_url.is_none()
    );
    assert!(b.cognito.authorize.identity_provider.is_none() && b.cognito.authorize.resource.is_none());
    // What is of no pool.
    assert_eq!(a.cognito.scopes, b.cognito.scopes);
}

#[test]
fn what_is_at_the_top_level_of_one_site_is_not_beside_several() {
    for (line, key) in [
        ("public_url = 'https://c.example.com'\n", "public_url (cognigate.toml:1)"),
        ("upstream = 'http://c:3000'\n", "upstream (cognigate.toml:1)"),
        ("listen.hosts = ['c.example.com']\n", "listen.hosts (cognigate.toml:1)"),
    ] {
        let message = one(Given::minimal().load_text(format!("{line}{}", text(&two("")))));
        assert_says(&message, &[key, "there are [[sites]] (cognigate.toml:", "of its own"]);
    }
    let message = problem(&two("[[upstreams]]\nurl = 'http://c:3000'\n"));
    assert_says(&message, &["upstreams[0] (cognigate.toml:", "[[sites.upstreams]]"]);
    let message = one(Given::minimal()
        .variable("COGNIGATE_PUBLIC_URL", "https://c.example.com")
        .load_text(text(&two(""))));
    assert_says(&message, &["public_url (COGNIGATE_PUBLIC_URL)", "there are [[sites]]"]);
}

#[test]
fn case_27_a_host_is_of_one_site_however_it_is_written() {
    for same in ["https://a.example.com", "https://A.EXAMPLE.com:8443", "https://a.example.com:443"] {
        let message = problem(&format!("{A}{}", B.replace("https://b.example.com", same)));
        assert_says(
            &message,
            &[
                "sites[1].public_url (cognigate.toml:",
                "its host is in sites[0].public_url (cognigate.toml:",
                "whatever its port",
            ],
        );
    }
    let message = problem(&two("hosts = ['b.internal', 'A.example.com:8080']\n"));
    assert_says(&message, &["sites[1].hosts", "its host is in sites[0].public_url"]);
    let message = problem(&format!("{A}hosts = ['shared.internal']\n{B}hosts = ['shared.internal']\n"));
    assert_says(&message, &["sites[1].hosts", "its host is in sites[0].hosts"]);
}

#[test]
fn no_session_cookie_reaches_the_host_of_another_site() {
    let wide = "cookie.domain = 'b.example.com'\n";
    for tables in [
        two("cookie.domain = 'example.com'\n"),
        format!("{}{B}{wide}", A.replace("a.example.com", "a.b.example.com")),
        format!("{A}hosts = ['inner.b.example.com']\n{B}{wide}"),
    ] {
        let message = problem(&tables);
        assert_says(
            &message,
            &["sites[1].cookie.domain (cognigate.toml:", "send the session to the host of sites[0]."],
        );
    }
    // Of one site, for its own hosts.
    load(&format!(
        "{A}{}",
        B.replace("b.example.com", "b.example.org")
            + "cookie.domain = 'example.org'\nhosts = ['c.example.org']\n"
    ));
}

#[test]
fn rules_of_the_top_level_hold_at_every_site_beside_its_own() {
    let rules = |tables: &str| -> Vec<Vec<String>> {
        load(tables)
            .sites
            .iter()
            .map(|site| site.rules.iter().map(|rule| rule.name.clone()).collect())
            .collect()
    };
    let deny = "[[rules]]\npath = '/internal/*'\naccess = 'deny'\n";
    let of_b = "[[rules]]\nhost = 'b.example.com'\npath = '/b'\naccess = 'api'\n";
    let own = "[[sites.rules]]\npath = '/own'\ngroups = ['x']\n";
    assert_eq!(
        rules(&format!("{deny}{of_b}{}", two(own))),
        [vec!["rules[0]"], vec!["sites[1].rules[0]", "rules[0]", "rules[1]"]]
    );
    let message = problem(&format!("{deny}{}", two("[[sites.rules]]\npath = '/internal/*'\n")));
    assert_says(&message, &["sites[1].rules[0]", "rules[0]", "would never match"]);
    let message = problem(&format!("{}{}", of_b.replace("b.example", "c.example"), two("")));
    assert_says(&message, &["rules[0].host (cognigate.toml:", "no site answers for it"]);
    let message = problem(&two("[[sites.rules]]\nhost = 'a.example.com'\n"));
    assert_says(
        &message,
        &["sites[1].rules[0].host", "neither the host of sites[1].public_url nor in sites[1].hosts"],
    );
    let message = problem(&two("[[sites.rules]]\ngroups = []\n"));
    assert_says(&message, &["sites[1].rules[0].groups", "it is empty"]);
}

#[test]
fn what_is_wrong_in_a_site_is_told_with_its_place() {
    for (tables, parts) in [
        (two("teapot = 1\n"), &["sites[1].teapot (cognigate.toml:12)", "there is no such key"][..]),
        (two("publik = []\n"), &["sites[1].publik", "did you mean sites[].public?"]),
        (two("cognito.clientid = 'b'\n"), &["sites[1].cognito.clientid", "did you mean"]),
        (
            two("cognito = 5\n"),
            &["sites[1].cognito", "it must be a table, [sites.cognito], but is an integer"],
        ),
        (
            two("upstreams = 5\n").replace("upstream = 'http://b:3000'\n", ""),
            &["sites[1].upstreams", "each [[sites.upstreams]], but is an integer"],
        ),
        (
            two("cognito.scopes = ['email']\n"),
            &["sites[1].cognito.scopes (cognigate.toml:12)", "it must hold openid"],
        ),
        (two("cookie.same_site = 'strict'\n"), &["sites[1].cookie.same_site", "strict would loop"]),
        (two("public = ['/oauth2/x']\n"), &["sites[1].public", "below prefix"]),
        (two("hosts = ['https://x']\n"), &["sites[1].hosts", "its item 1"]),
        (two("websocket.origins = ['x']\n"), &["sites[1].websocket.origins", "its item 1"]),
        (
            two("[[sites.upstreams]]\nurl = 'http://c:1'\n"),
            &["sites[1].upstream", "the short form of one [[upstreams]]"],
        ),
        (
            two("").replace("upstream = 'http://b:3000'\n", ""),
            &["sites[1].upstream (cognigate.toml:9)", "it is missing"],
        ),
        (
            two("").replace("public_url = 'https://b.example.com'\n", ""),
            &["sites[1].public_url (cognigate.toml:9)", "it is missing"],
        ),
        (
            two("").replace("https://b.example.com", "http://b.example.com"),
            &["sites[1].public_url", "plain http"],
        ),
        (
            two("").replace("http://b:3000", "https://b.example.com"),
            &["sites[1].upstream", "come back for ever"],
        ),
        (
            two("[listen]\nredirect_http = ':80'\n").replace("https://b.example.com", "http://localhost"),
            &["listen.redirect_http", "it needs https, and sites[1].public_url (cognigate.toml:10) is http"],
        ),
        (
            two("[listen]\nhsts = '1d'\n").replace("https://b.example.com", "http://localhost"),
            &["listen.hsts", "sites[1].public_url"],
        ),
        (
            two("[gateway]\ndialect = 'nginx'\n[listen]\ntrusted_proxies = ['127.0.0.1']\n")
                .replace("upstream = 'http://a:3000'\n", ""),
            &["sites[1].upstream", "gateway.dialect (cognigate.toml:"],
        ),
    ] {
        assert_says(&problem(&tables), parts);
    }
    let message = problem("sites = 5\n");
    assert_says(&message, &["cognito.sites", "there is no such key"]);
    let message = one(Given::minimal().flag("sites[0].public_url", "https://a.example.com").load());
    assert_says(&message, &["sites", "only the configuration file can hold"]);
}

#[test]
fn providers_that_may_be_asked_for_are_those_of_the_pool() {
    let pool =
        "[sites.cognito]\nuser_pool_id = 'eu-west-1_Other'\nclient_id = 'b'\ndomain = 'b.example.org'\n";
    let config = load(&format!("identity_providers = ['COGNITO', 'Google']\n{}", two(pool)));
    let of = |at: usize| config.sites[at].cognito.identity_providers.clone();
    assert_eq!((of(0), of(1)), (vec!["COGNITO".to_owned(), "Google".to_owned()], vec![]));
    for (list, says) in
        [("['a b']", "its item 1: it must be the name"), ("['a', 'a']", "its item 2 is there twice")]
    {
        let message = problem(&format!("identity_providers = {list}\n{A}"));
        assert_says(&message, &["sites[0].cognito.identity_providers (cognigate.toml:", says]);
    }
    let rule = |access: &str, name: &str| {
        two(&format!("[[sites.rules]]\npath = '/x'\naccess = '{access}'\nidentity_provider = '{name}'\n"))
    };
    assert_eq!(load(&rule("user", "Okta")).sites[1].rules[0].identity_provider.as_deref(), Some("Okta"));
    for access in ["api", "public", "deny"] {
        let message = problem(&rule(access, "Okta"));
        assert_says(
            &message,
            &["sites[1].rules[0].identity_provider", "has no effect where access is", access],
        );
    }
    assert_says(
        &problem(&rule("user", "a b")),
        &["sites[1].rules[0].identity_provider", "it must be the name"],
    );
}

#[test]
fn a_mistake_that_sites_share_is_told_with_where_it_is() {
    let message =
        Given::minimal().load_text(text(&format!("scopes = []\n{}", two("")))).unwrap_err().to_string();
    assert_says(
        &message,
        &["sites[0].cognito.scopes (cognigate.toml:6)", "sites[1].cognito.scopes (cognigate.toml:6)"],
    );
}

#[test]
fn what_is_printed_can_be_read_again_and_is_the_same() {
    let given = Given::minimal();
    let own = "public = ['/health']\n[sites.cognito]\nclient_id = 'b'\n[[sites.upstreams]]\nurl = 'http://b:3000'\n\
               [[sites.upstreams]]\nurl = 'http://b:3001'\npath = '/x'\n[[sites.rules]]\npath = '/y'\naccess = 'api'\n";
    let rule = "[[rules]]\npath = '/x'\ngroups = ['x']\n";
    let tables = format!("{rule}{}", two(own)).replace("upstream = 'http://b:3000'\n", "");
    let config = given.load_text(text(&tables)).unwrap();
    let printed = config.effective.to_string().replace("\"[redacted]\"", "\"of all\"");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("again.toml");
    let keys = format!("[\"{}\"]", super::KEY);
    std::fs::write(&file, printed.replace("[\"of all\"]", &keys)).unwrap();
    let again = Config::load(&Sources { file: Some(file), ..Sources::default() })
        .unwrap_or_else(|error| panic!("{error}\n{printed}"));
    let plain = |config: &Config| -> Vec<(String, String)> {
        config
            .effective
            .settings()
            .iter()
            .filter(|it| it.key != "session.keys")
            .map(|it| (it.key.clone(), it.value.clone()))
            .collect()
    };
    assert_eq!(plain(&again), plain(&config));
    let sites = |config: &Config| {
        format!(
            "{:?}",
            config.sites.iter().map(|it| (&it.cognito, &it.cookie, &it.public_url)).collect::<Vec<_>>()
        )
    };
    assert_eq!(sites(&again), sites(&config));
}
