//! `csrf` and `csrf_origins`.

use cognigate::config::CsrfMode;

use super::{Given, assert_says};

#[test]
fn it_is_strict_unless_it_is_said_to_be_lax_or_off() {
    assert_eq!(Given::minimal().config().csrf.mode, CsrfMode::Strict);
    let given = |value: &str| Given::with("csrf", value);
    assert_eq!(given("'strict'").config().csrf.mode, CsrfMode::Strict);
    assert_eq!(given("'lax'").config().csrf.mode, CsrfMode::Lax);
    assert_eq!(given("'off'").config().csrf.mode, CsrfMode::Off);
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
    assert_eq!(config.csrf.origins[0].to_string(), "https://front.example.com");
    for value in ["front.example.com", "https://*.example.com", "null", "https://a.test/path"] {
        let message = given(&format!("['https://a.test', '{value}']")).problem();
        assert_says(&message, &["csrf_origins (cognigate.toml:6): its item 2: "]);
    }
}
