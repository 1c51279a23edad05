//! `csrf` and `csrf_origins`.

use cognigate::config::CsrfMode;

use super::{Given, assert_says, one};

#[test]
fn it_is_strict_unless_it_is_said_to_be_lax_or_off() {
    assert_eq!(Given::minimal().config().sites[0].csrf.mode, CsrfMode::Strict);
    let given = |value: &str| Given::with("csrf", value);
    assert_eq!(given("'strict'").config().sites[0].csrf.mode, CsrfMode::Strict);
    assert_eq!(given("'lax'").config().sites[0].csrf.mode, CsrfMode::Lax);
    assert_eq!(given("'off'").config().sites[0].csrf.mode, CsrfMode::Off);
    for value in ["'Off'", "'none'"] {
        assert_says(&given(value).problem(), &["csrf (cognigate.toml:6)", "strict, lax or off"]);
    }
    assert_says(&given("false").problem(), &["csrf (cognigate.toml:6)", "a string in quotes"]);
}

#[test]
fn a_rule_has_its_own_where_it_asks_for_somebody() {
    let given = |value: &str| Given::minimal().table("rules", &[("path", "'/import'"), ("csrf", value)]);
    assert_eq!(given("'off'").config().sites[0].rules[0].csrf, Some(CsrfMode::Off));
    assert_says(&given("'none'").problem(), &["rules[0].csrf", "strict, lax or off"]);
    let public =
        given("'off'").table("rules", &[("path", "'/hook'"), ("access", "'public'"), ("csrf", "'off'")]);
    assert_says(&public.problem(), &["rules[1].csrf", "it has no effect where access is public"]);
}

#[test]
fn further_origins_are_bare() {
    let given = |value: &str| Given::with("csrf_origins", value);
    let config = given("['https://Front.Example.com/']").config();
    assert_eq!(config.sites[0].csrf.origins[0].to_string(), "https://front.example.com");
    for value in ["front.example.com", "https://*.example.com", "null", "https://a.test/path"] {
        let message = given(&format!("['https://a.test', '{value}']")).problem();
        assert_says(&message, &["csrf_origins (cognigate.toml:6): its item 2: "]);
    }
}

#[test]
fn a_site_has_its_own_or_what_the_top_level_says() {
    let text = "csrf = 'lax'\ncsrf_origins = ['https://front.example.com']\n[cognito]\nuser_pool_id = 'eu-west-1_All'\n\
                client_id = 'all'\ndomain = 'all.example.com'\n\
                [[sites]]\npublic_url = 'https://a.example.com'\nupstream = 'http://a:3000'\n\
                [[sites]]\npublic_url = 'https://b.example.com'\nupstream = 'http://b:3000'\ncsrf = 'off'\n\
                csrf_origins = []\n[[sites.rules]]\ncsrf = 'strict'\n";
    let config = Given::minimal().load_text(text).unwrap_or_else(|error| panic!("{error}"));
    let [a, b] = &config.sites[..] else { panic!("{:?}", config.sites) };
    assert_eq!((a.csrf.mode, a.csrf.origins.len()), (CsrfMode::Lax, 1));
    assert_eq!((b.csrf.mode, b.csrf.origins.len()), (CsrfMode::Off, 0));
    assert_eq!(b.rules[0].csrf, Some(CsrfMode::Strict));
    let wrong = text.replace("csrf = 'off'", "csrf = 'of'");
    assert_says(&one(Given::minimal().load_text(wrong)), &["sites[1].csrf", "strict, lax or off"]);
}
