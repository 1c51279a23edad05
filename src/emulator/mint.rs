//! Minting tokens: claims and header, changed as the switches say, signed as the switches say.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::claims;
use super::keys::{KeySet, SigningKey, foreign};
use super::pool::{Grant, Pool};
use super::settings::Client;
use super::switches::{Signing, TokenEdit, TokenUse};

/// What one answer of the token endpoint holds.
pub(super) struct Minted {
    pub(super) access_token: String,
    /// Only with the scope `openid`.
    pub(super) id_token: Option<String>,
}

/// Mints for a grant, with the user's attributes and groups as they are now. None where the user is gone.
pub(super) fn mint(pool: &Pool, grant: &Grant, client: &Client, nonce: Option<&str>) -> Option<Minted> {
    let user = pool.user(&grant.username)?;
    let keys = pool.keys();
    let claims = claims::access(pool, grant, client, &user);
    let access_token = token(&keys, TokenUse::Access, claims, &pool.board.token_edits(TokenUse::Access));
    let id_token = grant.scopes.iter().any(|scope| scope == "openid").then(|| {
        let claims = claims::id(pool, grant, client, &user, nonce, &access_token);
        token(&keys, TokenUse::Id, claims, &pool.board.token_edits(TokenUse::Id))
    });
    Some(Minted { access_token, id_token })
}

/// Mints for a program that asks in its own name.
pub(super) fn mint_for_service(pool: &Pool, client: &Client, scopes: &[String]) -> Minted {
    let claims = claims::service(pool, client, scopes);
    let edits = pool.board.token_edits(TokenUse::Access);
    Minted { access_token: token(&pool.keys(), TokenUse::Access, claims, &edits), id_token: None }
}

/// The claims of a token that this pool signed, whatever they say; None for anything else.
pub(super) fn open(pool: &Pool, token: &str) -> Option<Map<String, Value>> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let header: Map<String, Value> = decode(header)?;
    let keys = pool.keys();
    let key = keys.find(header.get("kid")?.as_str()?)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    let right = header.get("alg")? == "RS256" && key.verifies(signed.as_bytes(), &signature);
    if right { decode(claims) } else { None }
}

fn token(keys: &KeySet, token: TokenUse, mut claims: Map<String, Value>, edits: &[TokenEdit]) -> String {
    let (key, other) = match token {
        TokenUse::Id => (&keys.id, &keys.access),
        TokenUse::Access => (&keys.access, &keys.id),
    };
    let signing =
        edits.iter().map(|edit| edit.sign).rfind(|sign| *sign != Signing::Rs256).unwrap_or_default();
    let algorithm = match signing {
        Signing::None => "none",
        Signing::Hs256PublicKey => "HS256",
        Signing::Es256 => "ES256",
        Signing::Rs256 | Signing::ForeignKey | Signing::OtherTokensKey | Signing::Corrupted => "RS256",
    };
    let mut header = Map::new();
    header.insert("kid".to_owned(), key.kid().into());
    header.insert("alg".to_owned(), algorithm.into());
    for edit in edits {
        edit.edit_claims(&mut claims);
        edit.edit_header(&mut header);
    }
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature = sign(signed.as_bytes(), signing, key, other);
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn sign(message: &[u8], signing: Signing, key: &SigningKey, other: &SigningKey) -> Vec<u8> {
    match signing {
        Signing::Rs256 => key.sign(message),
        Signing::None => Vec::new(),
        Signing::Hs256PublicKey => {
            let secret = hmac::Key::new(hmac::HMAC_SHA256, key.public_pem().as_bytes());
            hmac::sign(&secret, message).as_ref().to_vec()
        }
        Signing::Es256 => {
            // Key generation and signing fail only where memory runs out.
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                .expect("there is memory for a P-256 key");
            let signature =
                pair.sign(&SystemRandom::new(), message).expect("there is memory for a signature");
            signature.as_ref().to_vec()
        }
        Signing::ForeignKey => foreign().sign(message),
        Signing::OtherTokensKey => other.sign(message),
        Signing::Corrupted => {
            let mut signature = key.sign(message);
            if let Some(last) = signature.last_mut() {
                *last ^= 1;
            }
            signature
        }
    }
}

fn encode(part: Map<String, Value>) -> String {
    URL_SAFE_NO_PAD.encode(Value::Object(part).to_string())
}

fn decode(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
