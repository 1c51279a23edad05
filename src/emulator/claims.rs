//! What Cognito's id and access tokens say, and what userInfo says.
//!
//! See "Understanding the identity (ID) token" and "Understanding the access token" in the developer guide.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::pool::{Grant, Pool};
use super::random;
use super::settings::{Client, User};

pub(super) fn access(pool: &Pool, grant: &Grant, client: &Client, user: &User) -> Map<String, Value> {
    let mut claims = common(pool, grant, user);
    let now = pool.clock.now();
    claims.insert("token_use".to_owned(), "access".into());
    claims.insert("jti".to_owned(), grant.access_jti.as_str().into());
    claims.insert("client_id".to_owned(), client.id.as_str().into());
    claims.insert("username".to_owned(), user.username.as_str().into());
    claims.insert("scope".to_owned(), grant.scopes.join(" ").into());
    claims.insert("version".to_owned(), 2.into());
    claims.insert("exp".to_owned(), now.plus(client.access_token_validity).0.into());
    if let Some(resource) = &grant.resource {
        claims.insert("aud".to_owned(), resource.as_str().into());
    }
    if let Some(key) = &user.device_key {
        claims.insert("device_key".to_owned(), key.as_str().into());
    }
    claims
}

/// Of a program, which is its own subject: no user, no group.
pub(super) fn service(pool: &Pool, client: &Client, scopes: &[String]) -> Map<String, Value> {
    let now = pool.clock.now();
    let claims = json!({
        "sub": client.id,
        "iss": pool.issuer,
        "token_use": "access",
        "client_id": client.id,
        "scope": scopes.join(" "),
        "version": 2,
        "auth_time": now.0,
        "iat": now.0,
        "exp": now.plus(client.access_token_validity).0,
        "jti": random::uuid(),
    });
    claims.as_object().cloned().unwrap_or_default()
}

/// `access_token` is the one that is handed out along with it: `at_hash` ties the two together.
pub(super) fn id(
    pool: &Pool,
    grant: &Grant,
    client: &Client,
    user: &User,
    nonce: Option<&str>,
    access_token: &str,
) -> Map<String, Value> {
    let mut claims = common(pool, grant, user);
    let now = pool.clock.now();
    claims.insert("token_use".to_owned(), "id".into());
    claims.insert("aud".to_owned(), client.id.as_str().into());
    claims.insert("cognito:username".to_owned(), user.username.as_str().into());
    claims.insert("exp".to_owned(), now.plus(client.id_token_validity).0.into());
    claims.insert("at_hash".to_owned(), at_hash(access_token).into());
    if let Some(nonce) = nonce {
        claims.insert("nonce".to_owned(), nonce.into());
    }
    if let [preferred, ..] = user.roles.as_slice() {
        claims.insert("cognito:preferred_role".to_owned(), preferred.as_str().into());
        claims.insert("cognito:roles".to_owned(), json!(user.roles));
    }
    if let Some(provider) = &user.identity_provider {
        // Texts only, the date and the flag included.
        claims.insert(
            "identities".to_owned(),
            json!([{
                "dateCreated": format!("{}000", grant.auth_time),
                "primary": "true",
                "providerName": provider,
                "providerType": provider,
                "userId": sub(pool, user),
            }]),
        );
    }
    for (name, value) in attributes(user, &grant.scopes) {
        let flag = name.ends_with("_verified");
        let value = if flag { Value::from(value == "true") } else { Value::from(value) };
        claims.insert(name, value);
    }
    claims
}

/// UserInfo's answer: every value is a text, `email_verified` too.
pub(super) fn userinfo(pool: &Pool, user: &User, scopes: &[String]) -> Map<String, Value> {
    let mut claims: Map<_, _> =
        attributes(user, scopes).into_iter().map(|(name, value)| (name, Value::from(value))).collect();
    claims.insert("sub".to_owned(), sub(pool, user).into());
    claims.insert("username".to_owned(), user.username.as_str().into());
    claims
}

fn common(pool: &Pool, grant: &Grant, user: &User) -> Map<String, Value> {
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), sub(pool, user).into());
    claims.insert("iss".to_owned(), pool.issuer.as_str().into());
    claims.insert("iat".to_owned(), pool.clock.now().0.into());
    claims.insert("auth_time".to_owned(), grant.auth_time.0.into());
    claims.insert("jti".to_owned(), random::uuid().into());
    claims.insert("origin_jti".to_owned(), grant.origin_jti.as_str().into());
    claims.insert("event_id".to_owned(), grant.event_id.as_str().into());
    let mut groups = user.groups.clone();
    if let Some(provider) = &user.identity_provider {
        groups.push(format!("{}_{provider}", pool.id));
    }
    if !groups.is_empty() {
        claims.insert("cognito:groups".to_owned(), groups.into());
    }
    claims
}

fn sub(pool: &Pool, user: &User) -> String {
    user.sub.clone().unwrap_or_else(|| {
        let hash = digest(&SHA256, format!("{}/{}", pool.id, user.username).as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.as_ref()[..16]);
        random::uuid_from(bytes, 4)
    })
}

/// The attributes that the scopes open. `profile` opens all of them, and so does `openid` by itself.
fn attributes(user: &User, scopes: &[String]) -> Vec<(String, String)> {
    let has = |scope: &str| scopes.iter().any(|granted| granted == scope);
    let everything = has("profile") || !(has("email") || has("phone"));
    let mut attributes: Vec<(String, String)> = Vec::new();
    if let Some(email) = &user.email {
        attributes.push(("email".to_owned(), email.clone()));
        attributes.push(("email_verified".to_owned(), user.email_verified.to_string()));
    }
    attributes.extend(user.attributes.clone());
    attributes.retain(|(name, _)| {
        everything
            || (has("email") && name.starts_with("email"))
            || (has("phone") && name.starts_with("phone"))
    });
    attributes
}

/// The left half of the access token's SHA-256 (OpenID Connect Core §3.1.3.6).
fn at_hash(access_token: &str) -> String {
    let hash = digest(&SHA256, access_token.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])
}
