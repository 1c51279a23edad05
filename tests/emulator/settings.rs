//! The TOML file of a pool.

use std::time::Duration;

use cognigate::clock::Clock;
use cognigate::emulator::{Emulator, Issuer, Settings, SettingsError, Siblings};

use super::support::loopback;

fn refusal(text: &str) -> String {
    Settings::from_toml(text).unwrap_err().to_string()
}

#[test]
fn an_empty_file_is_the_default_pool() {
    let settings = Settings::from_toml("").unwrap();
    assert_eq!(settings.pool_id, "us-east-1_Emulated1");
    assert_eq!(settings.issuer, Issuer::Original);
    assert_eq!(settings.issuer_url(), "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Emulated1");
    let client = settings.client("demo-client").unwrap();
    assert_eq!(client.secrets[0].expose(), "demo-secret");
    assert_eq!(client.callback_urls, ["http://localhost:8080/oauth2/callback"]);
    assert_eq!(client.logout_urls, ["http://localhost:8080/oauth2/signed_out"]);
    assert_eq!((client.rotation_grace, client.rotation_siblings), (None, Siblings::Stay));
    assert!(settings.client("demo-public").unwrap().secrets.is_empty());
    let [alice, bob] = settings.users.as_slice() else { panic!("two users") };
    assert_eq!((alice.username.as_str(), alice.password.expose()), ("alice", "Passw0rd!"));
    assert_eq!(alice.groups, ["admins"]);
    assert!(alice.email.is_some());
    assert_eq!((bob.username.as_str(), bob.password.expose(), &bob.email), ("bob", "Passw0rd!", &None));
}

#[test]
fn a_full_file_is_read_to_the_last_key() {
    let settings = Settings::from_toml(
        r#"
        pool_id = "eu-west-1_AbCdEfGhI"
        issuer = "updated"
        session_validity = "10m"

        [[clients]]
        id = "app"
        secrets = ["one", "two"]
        callback_urls = ["https://app.example.com/oauth2/callback", "myapp://callback"]
        logout_urls = ["https://app.example.com/oauth2/signed_out"]
        scopes = ["openid", "api/read"]
        id_token_validity = "5m"
        access_token_validity = "90s"
        refresh_token_validity = "3650d"
        rotation_grace = "10s"
        rotation_siblings = "end"

        [[users]]
        username = "carol"
        password = "x"
        sub = "1"
        email = "carol@example.com"
        email_verified = false
        groups = ["a", "b"]
        "#,
    )
    .unwrap();
    assert_eq!(
        settings.issuer_url(),
        "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI"
    );
    assert_eq!(settings.session_validity, Duration::from_secs(600));
    let client = settings.client("app").unwrap();
    assert_eq!(client.secrets.len(), 2);
    assert_eq!(client.scopes, ["openid", "api/read"]);
    assert_eq!(client.access_token_validity, Duration::from_secs(90));
    assert_eq!(client.id_token_validity, Duration::from_secs(300));
    assert_eq!(client.refresh_token_validity, Duration::from_secs(3650 * 86400));
    assert_eq!(client.rotation_grace, Some(Duration::from_secs(10)));
    assert_eq!(client.rotation_siblings, Siblings::End);
    assert!(!settings.users[0].email_verified);
    assert_eq!(settings.users.len(), 1, "a list that is given replaces the default");
}

#[test]
fn an_unknown_key_or_a_wrong_type_is_named_with_its_line() {
    let unknown = refusal("pool_id = \"us-east-1_A\"\nclient_ids = []\n");
    assert!(unknown.contains("line 2") && unknown.contains("client_ids"), "{unknown}");
    let nested = refusal("[[clients]]\nid = \"x\"\n\n[[users]]\nusername = \"x\"\npasword = \"y\"\n");
    assert!(nested.contains("line 6") && nested.contains("pasword"), "{nested}");
    let wrong = refusal("[[clients]]\nid = 7\n");
    assert!(wrong.contains("line 2") && wrong.contains("string"), "{wrong}");
    let length = refusal("session_validity = \"an hour\"\n");
    assert!(length.contains("line 1") && length.contains("an hour"), "{length}");
    let issuer = refusal("issuer = \"elsewhere\"\n");
    assert!(issuer.contains("line 1") && issuer.contains("elsewhere"), "{issuer}");
}

#[test]
fn what_does_not_hold_together_is_named() {
    let client = |lines: &str| refusal(&format!("[[clients]]\nid = \"app\"\n{lines}\n"));
    let cases = [
        (refusal("pool_id = \"emulated\""), "pool_id"),
        (refusal("pool_id = \"us-east-1_\""), "pool_id"),
        (refusal("session_validity = \"2d\""), "session_validity"),
        (client("secrets = [\"a\", \"b\", \"c\"]"), "secrets"),
        (client("callback_urls = [\"/callback\"]"), "not an absolute URL"),
        (client("callback_urls = [\"http://app.example.com/cb\"]"), "must be https"),
        (client("callback_urls = [\"https://app.example.com/cb#x\"]"), "fragment"),
        (client("logout_urls = [\"https://app.example.com/ü\"]"), "percent-encoded"),
        (client(&format!("callback_urls = [\"https://a.test/{}\"]", "x".repeat(1024))), "1024"),
        (client("access_token_validity = \"25h\""), "access_token_validity"),
        (client("id_token_validity = \"0s\""), "id_token_validity"),
        (client("refresh_token_validity = \"3651d\""), "refresh_token_validity"),
        (client("rotation_grace = \"61s\""), "rotation_grace"),
        (client("rotation_siblings = \"kept\""), "rotation_siblings"),
        (client("[[clients]]\nid = \"app\""), "twice"),
        (refusal("[[clients]]\nid = \"\""), "empty id"),
        (refusal("[[users]]\nusername = \"\"\npassword = \"\""), "empty username"),
    ];
    for (message, part) in cases {
        assert!(message.contains(part), "{part:?} in {message:?}");
    }
}

#[test]
fn loopback_callbacks_may_be_http() {
    let text = r#"
        [[clients]]
        id = "app"
        callback_urls = ["http://localhost/cb", "http://127.0.0.1:8080/cb", "http://[::1]:8080/cb"]
    "#;
    Settings::from_toml(text).unwrap();
}

#[test]
fn settings_made_by_hand_are_checked_when_they_are_used() {
    let settings = Settings { pool_id: "nonsense".to_owned(), ..Settings::default() };
    let error = Emulator::bind(settings, loopback(), Clock::system()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    let inner = error.into_inner().unwrap().downcast::<SettingsError>().unwrap();
    assert!(matches!(*inner, SettingsError::PoolId(_)));
}

#[test]
fn a_gate_on_any_port_is_registered_in_one_go() {
    let settings = Settings::default().for_gate("http://127.0.0.1:4711");
    for client in &settings.clients {
        // Nobody signs in to a program.
        let urls: &[&str] = if client.client_credentials { &[] } else { &["http://127.0.0.1:4711/oauth2/"] };
        assert_eq!(client.callback_urls, urls.iter().map(|url| format!("{url}callback")).collect::<Vec<_>>());
        assert_eq!(client.logout_urls, urls.iter().map(|url| format!("{url}signed_out")).collect::<Vec<_>>());
    }
}

#[test]
fn passwords_and_secrets_are_not_printed() {
    let printed = format!("{:?}", Settings::default());
    assert!(!printed.contains("Passw0rd!") && !printed.contains("demo-secret"), "{printed}");
}
