//! Who meets a rule's conditions.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cognigate::clock::UnixTime;
use cognigate::policy::conditions::{What, unmet};
use cognigate::policy::path::CanonicalPath;
use cognigate::policy::rules::{Rules, Verdict};
use cognigate::policy::subject::Subject;
use cognigate::secret::Secret;
use http::Method;
use serde_json::{Value, json};

use super::hosts;
use crate::config::Given;

/// Somebody.
struct Somebody {
    sub: Option<String>,
    username: Option<String>,
    email: Option<String>,
    groups: Vec<String>,
    access_token: Secret,
    kept: Vec<(String, String)>,
    auth_time: Option<UnixTime>,
}

impl Somebody {
    fn new() -> Self {
        Self {
            sub: Some("0f0f0f0f-1111-2222-3333-444444444444".to_owned()),
            username: Some("alice".to_owned()),
            email: None,
            groups: Vec::new(),
            access_token: token(&json!({ "scope": "openid api/read" })),
            kept: Vec::new(),
            auth_time: None,
        }
    }

    fn with_email(email: &str, verified: Value) -> Self {
        Self {
            email: Some(email.to_owned()),
            kept: vec![("email_verified".to_owned(), verified.to_string())],
            ..Self::new()
        }
    }

    fn claims(claims: &Value) -> Self {
        let kept = claims.as_object().unwrap().iter();
        Self { kept: kept.map(|(name, value)| (name.clone(), value.to_string())).collect(), ..Self::new() }
    }

    fn subject(&self) -> Subject<'_> {
        Subject {
            user: self.sub.as_deref(),
            username: self.username.as_deref(),
            email: self.email.as_deref(),
            preferred_username: None,
            groups: &self.groups,
            auth_time: self.auth_time,
            access_token: &self.access_token,
            id_token: None,
            kept: &self.kept,
        }
    }

    /// Whether they meet a rule of these lines.
    fn meets(&self, rule: &str) -> bool {
        self.amiss(rule).is_none()
    }

    /// The first condition that they do not meet.
    fn amiss(&self, rule: &str) -> Option<String> {
        let config = Given::minimal().load_with(&format!("[[rules]]\n{rule}")).unwrap();
        unmet(&config.sites[0].rules[0].conditions, &self.subject()).map(|unmet| match unmet.what {
            What::Claim(name) => name.to_owned(),
            other => format!("{other:?}"),
        })
    }
}

fn token(claims: &Value) -> Secret {
    Secret::from(format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims.to_string())))
}

#[test]
fn of_a_list_one_must_fit_and_all_lists_must() {
    let mut somebody = Somebody::new();
    somebody.groups = vec!["readers".to_owned(), "writers".to_owned()];
    assert!(somebody.meets("groups = ['admins', 'writers']"));
    assert!(!somebody.meets("groups = ['admins']"));
    assert!(!somebody.meets("groups = ['Readers']") && !somebody.meets("groups = ['reader']"));
    assert!(somebody.meets("groups = ['readers']\nusers = ['bob', 'alice']"));
    assert_eq!(somebody.amiss("groups = ['readers']\nusers = ['bob']").as_deref(), Some("Users"));
    assert_eq!(somebody.amiss("groups = ['x']\nusers = ['alice']").as_deref(), Some("Groups"));
    assert!(!Somebody::new().meets("groups = ['readers']"));
    assert!(somebody.meets("scopes = ['api/write', 'api/read']"));
    for scopes in ["['api/write']", "['api']", "['API/read']"] {
        assert_eq!(somebody.amiss(&format!("scopes = {scopes}")).as_deref(), Some("Scopes"));
    }
    // Where something else is amiss too, more scopes would not help.
    assert_eq!(somebody.amiss("groups = ['x']\nscopes = ['y']").as_deref(), Some("Groups"));
    assert!(!Somebody { access_token: "no JWT".into(), ..Somebody::new() }.meets("scopes = ['openid']"));
}

#[test]
fn case_90_an_address_counts_with_one_at_sign_only_and_verified() {
    const RULE: &str = "email_domains = ['company.test']";
    let meets = |email: &str| Somebody::with_email(email, json!(true)).meets(RULE);
    for email in ["a@company.test", "A.b+c@COMPANY.Test", "'x'@company.test"] {
        assert!(meets(email), "{email}");
    }
    for email in [
        "a@evil.test@company.test",
        "a@company.test@evil.test",
        "\"a@evil.test\"@company.test",
        "a@@company.test",
        "@company.test",
        "company.test",
        "a@",
        "",
        "a@xcompany.test",
        "a@x.company.test",
        "a@company.test.evil.test",
        "a@company.test.",
        "a@company.test ",
        " a@company.test",
        "a b@company.test",
        "a@company.test\n",
        "a@evil.test\u{0}@company.test",
        "a@evil.test, b@company.test",
        "a@company.te\u{17f}t",
        "\u{e4}@company.test",
        "a\u{ff20}b@company.test",
        "a%40evil.test@company.test\u{200b}",
    ] {
        assert!(!meets(email), "{email:?}");
    }
    for verified in [json!(false), json!("false"), json!(null), json!(1), json!("TRUE"), json!([true])] {
        assert!(!Somebody::with_email("a@company.test", verified.clone()).meets(RULE), "{verified}");
    }
    assert!(Somebody::with_email("a@company.test", json!("true")).meets(RULE), "as userInfo writes it");
    let unknown = Somebody { kept: Vec::new(), ..Somebody::with_email("a@company.test", json!(true)) };
    assert!(!unknown.meets(RULE) && !Somebody::new().meets(RULE));
}

#[test]
fn case_90_a_whole_address_is_held_to_the_same() {
    const RULE: &str = "emails = ['alice@company.test', 'Bob@Company.test']";
    let meets = |email: &str, verified: bool| Somebody::with_email(email, json!(verified)).meets(RULE);
    assert!(
        meets("alice@company.test", true)
            && meets("ALICE@company.TEST", true)
            && meets("bob@company.test", true)
    );
    assert!(!meets("alice@company.test", false) && !meets("eve@company.test", true));
    assert!(!meets("x@alice@company.test", true) && !meets("alice@company.test@evil.test", true));
    let both = "emails = ['alice@company.test']\nemail_domains = ['company.test']";
    let amiss = |email: &str| Somebody::with_email(email, json!(true)).amiss(both);
    assert_eq!(amiss("alice@company.test"), None);
    assert_eq!(amiss("bob@company.test").as_deref(), Some("Emails"));
}

#[test]
fn a_user_is_a_sub_or_a_name_and_no_name_is_anothers_sub() {
    let alice = Somebody::new();
    assert!(alice.meets("users = ['alice']"));
    assert!(alice.meets("users = ['0f0f0f0f-1111-2222-3333-444444444444']"));
    assert!(!alice.meets("users = ['Alice']"));
    let mallory = Somebody {
        sub: Some("99999999-1111-2222-3333-444444444444".to_owned()),
        username: Some("0f0f0f0f-1111-2222-3333-444444444444".to_owned()),
        ..Somebody::new()
    };
    assert!(!mallory.meets("users = ['0f0f0f0f-1111-2222-3333-444444444444']"));
    let program = Somebody { sub: None, username: None, ..Somebody::new() };
    assert!(!program.meets("users = ['alice']"));
}

#[test]
fn a_claim_is_a_text_a_number_a_truth_or_a_list_of_them() {
    let somebody = Somebody::claims(&json!({
        "custom:tier": "gold", "custom:level": 7, "on": true, "roles": ["a", "b", 3], "none": null,
        "object": { "a": "b" }, "nested": [["a"]],
    }));
    for rule in [
        "claims = { 'custom:tier' = ['silver', 'gold'] }",
        "claims = { 'custom:tier' = 'gold', 'roles' = ['x', 'b'] }",
        "claims = { 'custom:level' = '7', 'on' = 'true' }",
        "claims = { 'roles' = '3' }",
        "claims = { 'cognito:username' = 'alice' }",
    ] {
        assert!(somebody.meets(rule), "{rule}");
    }
    for rule in [
        "claims = { 'custom:tier' = 'Gold' }",
        "claims = { 'custom:tier' = 'gol' }",
        "claims = { 'custom:level' = '7.0' }",
        "claims = { 'none' = 'null' }",
        "claims = { 'object' = 'b' }",
        "claims = { 'nested' = 'a' }",
        "claims = { 'roles' = 'a,b' }",
        "claims = { 'absent' = 'x' }",
        "claims = { 'custom:tier' = 'gold', 'absent' = 'x' }",
    ] {
        assert!(!somebody.meets(rule), "{rule}");
    }
    let rule = "claims = { 'custom:tier' = 'gold', 'absent' = 'x' }";
    assert_eq!(somebody.amiss(rule).as_deref(), Some("absent"));
    // What the session does not keep may stand in the access token.
    let access_token = token(&json!({ "scope": "openid", "tenant": "acme" }));
    assert!(Somebody { access_token, ..Somebody::new() }.meets("claims = { tenant = 'acme' }"));
}

#[test]
fn a_proof_of_who_somebody_is_grows_old() {
    let verdict = |auth_time: Option<i64>, rule: &str| {
        let config = Given::minimal().load_with(&format!("[[rules]]\n{rule}")).unwrap();
        let host = hosts(&config).admit_text("app.example.com").unwrap();
        let rules = Rules::new(&config.sites[0].rules);
        let ruling = rules.decide(&host, &CanonicalPath::root(), &Method::GET);
        let somebody = Somebody { auth_time: auth_time.map(UnixTime), ..Somebody::new() };
        match ruling.judge(&somebody.subject(), UnixTime(10_000)) {
            Verdict::Pass => "pass",
            Verdict::Denied(_) => "denied",
            Verdict::Stale => "stale",
        }
    };
    assert_eq!(verdict(None, ""), "pass");
    assert_eq!(verdict(None, "max_auth_age = '5m'"), "stale");
    assert_eq!(verdict(Some(9_700), "max_auth_age = '5m'"), "pass");
    assert_eq!(verdict(Some(9_699), "max_auth_age = '5m'"), "stale");
    assert_eq!(verdict(Some(10_060), "max_auth_age = '5m'"), "pass", "a clock that is a little ahead");
    assert_eq!(
        verdict(None, "max_auth_age = '5m'\ngroups = ['x']"),
        "denied",
        "another proof would not help"
    );
}
