//! The user pool's part.

use url::Url;

use super::endpoint::{self, PlainHttp};
use super::raw::RawCognito;
use super::report::Report;
use super::site::SiteKeys;
use super::{AuthorizeParameters, Cognito, EndpointOverrides};

pub(super) fn cognito(raw: &RawCognito, keys: SiteKeys, report: &mut Report) -> Option<Cognito> {
    let http = if raw.allow_insecure_http { PlainHttp::Anywhere } else { PlainHttp::OnLoopback };
    if raw.allow_insecure_http {
        report.warn(format!(
            "{} is on: http endpoints off loopback are let through, and carry the client secret, codes and tokens in \
             clear text",
            keys.of("cognito.allow_insecure_http")
        ));
    }
    let pool = report.require(&keys.of("cognito.user_pool_id"), raw.user_pool_id.as_deref());
    let client_id = client_id(raw, keys, report);
    let domain = raw.domain.as_deref().and_then(|text| match endpoint::domain(text, http) {
        Ok(url) => Some(url),
        Err(error) => {
            report.problem(&keys.of("cognito.domain"), error);
            None
        }
    });
    missing_domain(raw, keys, report);
    if raw.client_secret.as_ref().is_some_and(|secret| secret.expose().contains(odd)) {
        report.warn(format!(
            "{} holds white space or control characters, which Cognito's never do",
            keys.of("cognito.client_secret")
        ));
    }
    let scopes = scopes(&raw.scopes, keys, report);
    let authorize = authorize(raw, keys, report);
    let overrides = overrides(raw, http, keys, report);
    let identity_providers = identity_providers(&raw.identity_providers, keys, report);
    Some(Cognito {
        pool: pool?,
        client_id: client_id?,
        client_secret: raw.client_secret.clone(),
        client_secret_file: raw.client_secret_file.as_ref().map(Into::into),
        domain,
        scopes: scopes?,
        overrides,
        authorize,
        identity_providers: identity_providers?,
        allow_insecure_http: raw.allow_insecure_http,
    })
}

fn odd(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

/// Visible ASCII without a colon, which Basic authentication splits at.
fn client_id(raw: &RawCognito, keys: SiteKeys, report: &mut Report) -> Option<String> {
    let key = keys.of("cognito.client_id");
    let Some(id) = &raw.client_id else {
        report.missing(&key);
        return None;
    };
    if id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':') {
        return Some(id.clone());
    }
    report
        .problem(&key, "it must be the app client's id: at most 128 visible ASCII characters, and no colon");
    None
}

/// Without a domain, every endpoint that would be derived from it must be given.
fn missing_domain(raw: &RawCognito, keys: SiteKeys, report: &mut Report) {
    let key = keys.of("cognito.domain");
    if raw.domain.is_some() {
        return;
    }
    let missing: Vec<_> = [
        ("cognito.authorize_url", &raw.authorize_url),
        ("cognito.token_url", &raw.token_url),
        ("cognito.revoke_url", &raw.revoke_url),
        ("cognito.logout_url", &raw.logout_url),
        ("cognito.userinfo_url", &raw.userinfo_url),
    ]
    .into_iter()
    .filter_map(|(key, url)| url.is_none().then_some(key))
    .collect();
    if !missing.is_empty() {
        let missing: Vec<_> = missing.into_iter().map(|key| keys.of(key)).collect();
        let further = format!(
            "; it may be left out only where every endpoint is given, and these are not: {}",
            missing.join(", ")
        );
        report.missing_but(&key, &further);
    }
}

fn scopes(scopes: &[String], keys: SiteKeys, report: &mut Report) -> Option<Vec<String>> {
    let key = keys.of("cognito.scopes");
    // RFC 6749 §3.3
    let token = |scope: &str| scope.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
    let problem = if let Some(at) = scopes.iter().position(|scope| !token(scope)) {
        format!("its item {} has a character that no scope has; separate scopes as items of the list", at + 1)
    } else if let Some(at) = duplicate(scopes) {
        format!("its item {} is there twice", at + 1)
    } else if scopes.iter().all(|scope| scope != "openid") {
        "it must hold openid, since without it Cognito sends no id token".to_owned()
    } else {
        return Some(scopes.to_vec());
    };
    report.problem(&key, problem);
    None
}

/// The index of the first item that was there before.
fn duplicate(items: &[String]) -> Option<usize> {
    (1..items.len()).find(|&at| items[..at].contains(&items[at]))
}

fn overrides(raw: &RawCognito, http: PlainHttp, keys: SiteKeys, report: &mut Report) -> EndpointOverrides {
    let mut url = |key: &str, text: &Option<String>| -> Option<Url> {
        let text = text.as_deref()?;
        endpoint::endpoint(text, http).map_err(|error| report.problem(&keys.of(key), error)).ok()
    };
    EndpointOverrides {
        jwks_url: url("cognito.jwks_url", &raw.jwks_url),
        authorize_url: url("cognito.authorize_url", &raw.authorize_url),
        token_url: url("cognito.token_url", &raw.token_url),
        revoke_url: url("cognito.revoke_url", &raw.revoke_url),
        logout_url: url("cognito.logout_url", &raw.logout_url),
        userinfo_url: url("cognito.userinfo_url", &raw.userinfo_url),
        issuer: raw.issuer.as_deref().and_then(|issuers| issuer(issuers, http, keys, report)),
    }
}

/// Checked as URLs, kept as they were written: `iss` is compared byte for byte.
fn issuer(issuers: &[String], http: PlainHttp, keys: SiteKeys, report: &mut Report) -> Option<Vec<String>> {
    let key = keys.of("cognito.issuer");
    if issuers.is_empty() {
        report.problem(&key, "it is empty; leave it out, and the issuers follow from the pool id");
        return None;
    }
    for (at, text) in issuers.iter().enumerate() {
        if let Err(error) = endpoint::endpoint(text, http) {
            report.problem(&key, format_args!("its item {}: {error}", at + 1));
            return None;
        }
    }
    if let Some(at) = duplicate(issuers) {
        report.problem(&key, format_args!("its item {} is there twice", at + 1));
        return None;
    }
    Some(issuers.to_vec())
}

fn authorize(raw: &RawCognito, keys: SiteKeys, report: &mut Report) -> AuthorizeParameters {
    if raw.identity_provider.is_some() && raw.idp_identifier.is_some() {
        let other = report.place(&keys.of("cognito.identity_provider")).to_owned();
        report.problem(
            &keys.of("cognito.idp_identifier"),
            format_args!(
                "it names the identity provider, and so does {} ({other}); leave one of the two out",
                keys.of("cognito.identity_provider")
            ),
        );
    }
    if raw.lang.as_deref().is_some_and(|lang| !is_language(lang)) {
        report.problem(&keys.of("cognito.lang"), "it must be a language tag, such as de or pt-BR");
    }
    match raw.prompt.as_deref() {
        None | Some("login" | "consent" | "select_account") => {}
        Some("none") => report.problem(
            &keys.of("cognito.prompt"),
            "none forbids Cognito to show its sign-in page, so that nobody could ever sign in; use login, consent or \
             select_account, or leave it out",
        ),
        Some(_) => report.problem(&keys.of("cognito.prompt"), "it must be login, consent or select_account"),
    }
    if raw.resource.as_deref().is_some_and(|resource| !is_resource(resource)) {
        report.problem(
            &keys.of("cognito.resource"),
            "it must be an absolute URI without a fragment (RFC 8707)",
        );
    }
    AuthorizeParameters {
        identity_provider: raw.identity_provider.clone(),
        idp_identifier: raw.idp_identifier.clone(),
        lang: raw.lang.clone(),
        prompt: raw.prompt.clone(),
        resource: raw.resource.clone(),
    }
}

fn identity_providers(names: &[String], keys: SiteKeys, report: &mut Report) -> Option<Vec<String>> {
    let key = keys.of("cognito.identity_providers");
    let problem = if let Some(at) = names.iter().position(|name| !is_provider(name)) {
        format!("its item {}: {NOT_A_PROVIDER}", at + 1)
    } else if let Some(at) = duplicate(names) {
        format!("its item {} is there twice", at + 1)
    } else {
        return Some(names.to_vec());
    };
    report.problem(&key, problem);
    None
}

pub(super) const NOT_A_PROVIDER: &str = "it must be the name of an identity provider of the pool, such as Google or COGNITO: at most 32 characters, without \
     white space";

/// As Cognito names them.
pub(super) fn is_provider(name: &str) -> bool {
    (1..=32).contains(&name.chars().count()) && !name.contains(odd)
}

fn is_language(text: &str) -> bool {
    let part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.split('-').all(part)
}

fn is_resource(text: &str) -> bool {
    !text.contains(odd) && Url::parse(text).is_ok_and(|url| url.fragment().is_none())
}
