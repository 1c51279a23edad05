//! A program's own token: the client-credentials grant.

use cognigate::emulator::{Client, Settings, TokenEdit};
use serde_json::json;

use super::support::{Answer, CALLBACK, Fixture, authorize, basic, part, verifies};

async fn ask(fixture: &Fixture, id: &str, secret: &str, scope: &[(&str, &str)]) -> Answer {
    let form = [&[("grant_type", "client_credentials")], scope].concat();
    fixture.post("/oauth2/token", &form, &[basic(id, secret).pair()]).await
}

#[tokio::test]
async fn a_service_gets_an_access_token_that_names_no_user_and_nothing_else() {
    let fixture = Fixture::start().await;
    let reply = ask(&fixture, "demo-service", "demo-service-secret", &[]).await.json();
    let mut names: Vec<&String> = reply.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["access_token", "expires_in", "token_type"]);
    let token = reply["access_token"].as_str().unwrap();
    assert!(verifies(&fixture, token).await);
    let mut claims = part(token, 1);
    let now = fixture.clock.now().0;
    assert_eq!(claims.as_object_mut().unwrap().remove("jti").unwrap().as_str().unwrap().len(), 36);
    let expected = json!({
        "sub": "demo-service",
        "iss": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Emulated1",
        "token_use": "access",
        "client_id": "demo-service",
        "scope": "api/read api/write",
        "version": 2,
        "auth_time": now,
        "iat": now,
        "exp": now + 3600,
    });
    assert_eq!(claims, expected);
}

#[tokio::test]
async fn a_service_names_the_scopes_that_it_wants_of_those_it_has() {
    let fixture = Fixture::start().await;
    let wanted = [("scope", "api/write")];
    let reply = ask(&fixture, "demo-service", "demo-service-secret", &wanted).await.json();
    assert_eq!(part(reply["access_token"].as_str().unwrap(), 1)["scope"], "api/write");
    let beyond = [("scope", "api/read api/admin")];
    assert_eq!(ask(&fixture, "demo-service", "demo-service-secret", &beyond).await.refusal().0, 400);
}

#[tokio::test]
async fn an_app_client_is_for_users_or_for_a_program() {
    let fixture = Fixture::start().await;
    let refused = |answer: Answer| answer.refusal();
    let unauthorized = (400, "unauthorized_client".to_owned());
    assert_eq!(refused(ask(&fixture, "demo-client", "demo-secret", &[]).await), unauthorized);
    assert_eq!(refused(ask(&fixture, "demo-service", "demo-secret", &[]).await).1, "invalid_client");
    let target =
        authorize(&[("client_id", "demo-service"), ("redirect_uri", CALLBACK), ("scope", "api/read")]);
    assert!(fixture.get(&target, &[]).await.location().contains("/error"));
}

#[tokio::test]
async fn switches_change_a_services_token_too() {
    let fixture = Fixture::start().await;
    fixture.switches.edit_token(TokenEdit::access().set("scope", "api/other"));
    let reply = ask(&fixture, "demo-service", "demo-service-secret", &[]).await.json();
    assert_eq!(part(reply["access_token"].as_str().unwrap(), 1)["scope"], "api/other");
}

#[test]
fn a_service_has_a_secret_and_scopes_of_resource_servers() {
    let checked = |change: fn(&mut Client)| {
        let mut settings = Settings::default();
        change(settings.client_mut("demo-service").unwrap());
        settings.check().map_err(|error| error.to_string())
    };
    assert_eq!(checked(|_| {}), Ok(()));
    for change in [
        (|client: &mut Client| client.secrets.clear()) as fn(&mut Client),
        |client| client.scopes.clear(),
        |client| client.scopes.push("openid".to_owned()),
    ] {
        assert!(checked(change).unwrap_err().contains("client_credentials"));
    }
}
