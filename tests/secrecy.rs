//! What must not be printed, is not: not by a type's `Debug` output, and so not by a log line or an error that has it.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use cognigate::auth::RequestHead;
use cognigate::auth::login_state::{LoginState, State};
use cognigate::auth::return_to::ReturnTo;
use cognigate::clock::UnixTime;
use cognigate::cognito::http::Reply;
use cognigate::cookie::read::RequestCookies;
use cognigate::gateway::nginx::OriginalRequest;
use cognigate::types::RequestId;
use http::{HeaderMap, Method, StatusCode, Uri, Version};

const SENTINEL: &str = "SENTINEL";

/// The last word of a name that only a secret has.
const SECRETS: [&str; 14] = [
    "verifier",
    "nonce",
    "code",
    "state",
    "token",
    "tokens",
    "secret",
    "secrets",
    "password",
    "cookie",
    "credential",
    "credentials",
    "ticket",
    "authorization",
];

/// Types that print what they hold.
const PRINTED: [&str; 7] = ["String", "str", "u8", "Bytes", "HeaderMap", "Uri", "Cow"];

/// The fields of `text` that a derived `Debug` would print, though their names say that they are secrets.
fn printed_secrets(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("#[derive(") {
        let (derived, rest) = text[at..].split_once(")]").unwrap_or_default();
        // Further attributes, then the item.
        let item =
            rest.lines().map(str::trim_start).skip_while(|line| line.is_empty() || line.starts_with("#["));
        let item: Vec<&str> = item.collect();
        let Some(name) = item.first().and_then(|line| line.split("struct ").nth(1)) else { continue };
        if !derived.split(|c: char| !c.is_alphanumeric()).any(|word| word == "Debug") {
            continue;
        }
        let name: String = name.chars().take_while(|c| c.is_alphanumeric()).collect();
        let is_tuple = item[0].contains(&format!("{name}("));
        let own = is_tuple.then(|| (name.to_lowercase(), item[0].split_once('(').unwrap_or_default().1));
        let fields = item[1..].iter().take_while(|line| !is_tuple && !line.starts_with('}'));
        let fields = fields.filter(|line| !line.starts_with("//")).filter_map(|line| line.split_once(": "));
        let fields = fields.map(|(field, of)| (field.rsplit(' ').next().unwrap_or(field).to_owned(), of));
        for (field, of) in own.into_iter().chain(fields) {
            let is_secret = SECRETS.contains(&field.rsplit('_').next().unwrap_or(&field));
            let mut types = of.split(|c: char| !c.is_alphanumeric());
            // A text of the program's own is none of anyone's secrets.
            if is_secret && !of.contains("'static str") && types.any(|word| PRINTED.contains(&word)) {
                found.push(format!("{name}.{field}: {of}"));
            }
        }
    }
    found
}

#[test]
fn case_116_no_derived_debug_prints_a_field_whose_name_is_that_of_a_secret() {
    fn walk(folder: &Path, found: &mut Vec<String>, count: &mut usize) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found, count);
                continue;
            }
            *count += 1;
            let text = fs::read_to_string(&path).unwrap_or_default();
            // What tests make up is not a secret.
            let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
            found.extend(printed_secrets(text).iter().map(|field| format!("{}: {field}", path.display())));
        }
    }
    let (mut found, mut count) = (Vec::new(), 0);
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found, &mut count);
    assert!(count > 100, "src was not read: {count} files");
    assert!(found.is_empty(), "make it a Secret, or write Debug by hand:\n{}", found.join("\n"));
}

#[test]
fn case_116_the_rule_catches_what_breaks_it() {
    for text in [
        "#[derive(Clone, Debug)]\npub struct LoginState {\n    nonce: [u8; 16],\n}\n",
        "#[derive(Debug)]\n#[non_exhaustive]\nstruct A {\n    /// A doc.\n    pub(super) access_token: Option<String>,\n}\n",
        "#[derive(Clone, Debug, PartialEq)]\npub struct State(String);\n",
        "#[derive(Debug)]\nstruct A<'a> {\n    code: &'a str,\n}\n",
        "    #[derive(Debug)]\n    struct A {\n        body: u8,\n        password: Vec<u8>,\n    }\n",
    ] {
        assert_eq!(printed_secrets(text).len(), 1, "{text}");
    }
    for text in [
        "#[derive(Clone)]\npub struct LoginState {\n    nonce: [u8; 16],\n}\n",
        "#[derive(Debug)]\nstruct A {\n    token: Secret,\n    token_file: String,\n    code: u16,\n}\n",
        "#[derive(Debug)]\nstruct A {\n    token: &'static str,\n}\n",
        "#[derive(Debug)]\nenum A {\n    State { token: String },\n}\nstruct B {\n    code: String,\n}\n",
    ] {
        assert_eq!(printed_secrets(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn case_116_a_login_state_does_not_print_its_verifier_or_its_nonce() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let login = LoginState::new(UnixTime(1), None, ReturnTo::root());
    let shown = format!("{login:?} {login:#?}");
    for secret in [login.verifier(), login.nonce()] {
        let bytes = URL_SAFE_NO_PAD.decode(&secret).unwrap();
        let numbers = format!("{bytes:?}");
        assert!(!shown.contains(&secret) && !shown.contains(numbers.trim_matches(['[', ']'])), "{shown}");
    }
    assert!(!shown.contains("nonce") && !shown.contains("verifier"), "{shown}");
}

#[test]
fn case_116_what_holds_codes_cookies_and_tokens_does_not_print_them() {
    let method = Method::GET;
    let uri: Uri = format!("/oauth2/callback?code={SENTINEL}&state={SENTINEL}").parse().unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {SENTINEL}").parse().unwrap());
    headers.insert("cookie", format!("a={SENTINEL}").parse().unwrap());
    let cookies = RequestCookies::read(&headers);
    let request_id = RequestId::from_random([7; 16]);
    let head = RequestHead {
        method: &method,
        client: [192, 0, 2, 1].into(),
        uri: &uri,
        version: Version::HTTP_11,
        headers: &headers,
        cookies: &cookies,
        request_id: &request_id,
    };
    let reply = Reply {
        status: StatusCode::OK,
        headers: headers.clone(),
        body: Bytes::from(format!("{{\"access_token\":\"{SENTINEL}\"}}")),
    };
    let original = OriginalRequest {
        host: "app.test".to_owned(),
        target: uri.path_and_query().unwrap().clone(),
        method: None,
        is_websocket: false,
    };
    for shown in [
        format!("{head:?}"),
        format!("{reply:?}"),
        format!("{original:?}"),
        format!("{cookies:?}"),
        format!("{:?}", State::returned(SENTINEL)),
    ] {
        assert!(!shown.contains(SENTINEL), "{shown}");
        assert!(shown.len() > 5, "{shown}");
    }
}
