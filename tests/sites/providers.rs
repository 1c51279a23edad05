//! By what identity provider a sign-in begins: the configuration's, a rule's, or the one that `start` is asked for.

use super::Scene;
use crate::support::Stage;
use crate::support::visitor::{location, parameter};

async fn provider_at(scene: &Scene, site: usize, target: &str) -> Option<String> {
    let answer = scene.visitor(site).navigate(target).await;
    assert_eq!(answer.status(), 303, "{target}");
    parameter(&location(&answer), "identity_provider")
}

#[tokio::test]
async fn a_rule_s_provider_is_for_those_who_come_by_it_at_its_site() {
    let rules =
        "rules = [{ path = '/partners/*', identity_provider = 'Okta' }, { path = '/staff', groups = ['x'] }]";
    let scene = Scene::with("", ["", rules, ""]).await;
    for (target, provider) in [
        ("/partners/x", Some("Okta")),
        ("/partners/%78?a=b", Some("Okta")),
        ("/", None),
        ("/staff", None),
        ("/oauth2/start?rd=%2Fpartners%2Fx%3Fa", Some("Okta")),
        ("/oauth2/start?rd=https%3A%2F%2Fb.test%2Fpartners%2F", Some("Okta")),
        ("/oauth2/start?rd=%2F", None),
        ("/oauth2/start", None),
    ] {
        assert_eq!(provider_at(&scene, 1, target).await.as_deref(), provider, "{target}");
    }
    assert_eq!(provider_at(&scene, 0, "/partners/x").await, None);
}

#[tokio::test]
async fn only_listed_providers_may_be_asked_for() {
    let listed = |text: String| {
        let more = "[cognito]\nidentity_providers = ['COGNITO', 'Google']\nidp_identifier = 'example.com'\n";
        text.replacen("[cognito]\n", more, 1)
    };
    let rule = "rules = [{ path = '/okta', identity_provider = 'Okta' }]";
    let scene = Scene::start("", [rule, "", ""], listed);
    for (query, provider) in [
        ("idp=Google", Some("Google")),
        ("idp=COGNITO&rd=%2Fokta", Some("COGNITO")),
        ("rd=%2Fokta&idp=Evil", Some("Okta")),
        ("idp=google", None),
        ("idp=Okta", None),
        ("idp=", None),
        ("idp=Google&idp=Google", None),
        ("idp=Google%26prompt%3Dnone", None),
    ] {
        let target = location(&scene.visitor(0).navigate(&format!("/oauth2/start?{query}")).await);
        assert_eq!(parameter(&target, "identity_provider").as_deref(), provider, "{query}");
        // Cognito takes one of the two.
        let identifier = provider.is_none().then_some("example.com");
        assert_eq!(parameter(&target, "idp_identifier").as_deref(), identifier, "{query}");
        assert_eq!(parameter(&target, "prompt"), None);
    }
    // Another pool has other providers.
    assert_eq!(provider_at(&scene, 2, "/oauth2/start?idp=Google").await, None);
}

#[tokio::test]
async fn a_provider_that_is_asked_for_signs_in() {
    let stage = Stage::with(|setup| {
        setup
            .set("cognito.identity_providers", "Google")
            .pool(|pool| pool.users[1].identity_provider = Some("Google".to_owned()))
    })
    .await;
    let mut bob = stage.visitor();
    let page = bob.sign_in("bob", "/oauth2/start?idp=Google&rd=%2Fdeep").await;
    assert_eq!((page.status().as_u16(), stage.app.last().target.as_str()), (200, "/deep"));
}
