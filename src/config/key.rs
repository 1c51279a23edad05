//! Every key there is: one table for the file, the environment, the flags, the printed configuration and the docs.

/// Every key, in the order in which the configuration is printed.
pub const KEYS: &[Key] = &[
    Key::new("public_url", Kind::Text, None),
    Key::new("upstream", Kind::Text, None),
    Key::new("prefix", Kind::Text, Some(r#""/oauth2""#)),
    Key::new("public", Kind::List, Some("[]")),
    Key::new("csrf", Kind::Text, Some(r#""strict""#)),
    Key::new("csrf_origins", Kind::List, Some("[]")),
    Key::new("upstreams[].url", Kind::Text, None),
    Key::new("upstreams[].host", Kind::Text, None),
    Key::new("upstreams[].path", Kind::Text, None),
    Key::new("upstreams[].strip_prefix", Kind::Switch, Some("false")),
    Key::new("upstreams[].forward_host", Kind::Text, None),
    Key::new("upstreams[].ca_file", Kind::Path, None),
    Key::new("upstreams[].client_certificate", Kind::Path, None),
    Key::new("upstreams[].client_key", Kind::PrivateKey, None),
    Key::new("upstreams[].server_name", Kind::Text, None),
    Key::new("upstreams[].insecure", Kind::Switch, Some("false")),
    Key::new("upstreams[].connect_timeout", Kind::Duration, Some(r#""5s""#)),
    Key::new("upstreams[].response_timeout", Kind::Duration, Some(r#""60s""#)),
    Key::new("upstreams[].idle_timeout", Kind::Duration, Some(r#""50s""#)),
    Key::new("rules[].host", Kind::Text, None),
    Key::new("rules[].path", Kind::OneOrList, None),
    Key::new("rules[].methods", Kind::List, None),
    Key::new("rules[].access", Kind::Text, Some(r#""user""#)),
    Key::new("rules[].groups", Kind::List, None),
    Key::new("rules[].scopes", Kind::List, None),
    Key::new("rules[].email_domains", Kind::List, None),
    Key::new("rules[].emails", Kind::List, None),
    Key::new("rules[].users", Kind::List, None),
    Key::new("rules[].claims", Kind::Lists, None),
    Key::new("rules[].max_auth_age", Kind::Duration, None),
    Key::new("rules[].csrf", Kind::Text, None),
    Key::new("rules[].identity_provider", Kind::Text, None),
    Key::new("rules[].allow_preflight", Kind::Switch, Some("false")),
    Key::new("forward.host", Kind::Text, Some(r#""preserve""#)),
    Key::new("forward.bearer", Kind::Text, Some(r#""access""#)),
    Key::new("forward.preset", Kind::Text, Some(r#""oauth2-proxy""#)),
    Key::new("forward.headers", Kind::Table, Some("{}")),
    Key::new("forward.allow_request_headers", Kind::List, Some("[]")),
    Key::new("bearer.accept", Kind::Switch, Some("false")),
    Key::new("bearer.clients", Kind::List, Some("[]")),
    Key::new("bearer.scopes", Kind::List, Some("[]")),
    Key::new("gateway.dialect", Kind::Text, None),
    Key::new("cognito.user_pool_id", Kind::Text, None),
    Key::new("cognito.client_id", Kind::Text, None),
    Key::new("cognito.client_secret", Kind::Secret, None),
    Key::new("cognito.client_secret_file", Kind::SecretFile, None),
    Key::new("cognito.domain", Kind::Text, None),
    Key::new("cognito.scopes", Kind::List, Some(r#"["openid", "email", "profile"]"#)),
    Key::new("cognito.issuer", Kind::OneOrList, None),
    Key::new("cognito.jwks_url", Kind::Text, None),
    Key::new("cognito.authorize_url", Kind::Text, None),
    Key::new("cognito.token_url", Kind::Text, None),
    Key::new("cognito.revoke_url", Kind::Text, None),
    Key::new("cognito.logout_url", Kind::Text, None),
    Key::new("cognito.userinfo_url", Kind::Text, None),
    Key::new("cognito.identity_provider", Kind::Text, None),
    Key::new("cognito.idp_identifier", Kind::Text, None),
    Key::new("cognito.identity_providers", Kind::List, Some("[]")),
    Key::new("cognito.lang", Kind::Text, None),
    Key::new("cognito.prompt", Kind::Text, None),
    Key::new("cognito.resource", Kind::Text, None),
    Key::new("cognito.allow_insecure_http", Kind::Switch, Some("false")),
    Key::new("session.keys", Kind::SecretList, None),
    Key::new("session.keys_file", Kind::SecretFile, None),
    Key::new("session.store", Kind::Text, Some(r#""cookie""#)),
    Key::new("session.refresh_margin", Kind::Duration, Some(r#""60s""#)),
    Key::new("session.max_lifetime", Kind::Duration, Some(r#""30d""#)),
    Key::new("session.idle_timeout", Kind::Duration, None),
    Key::new("session.claims", Kind::List, Some("[]")),
    Key::new("session.userinfo", Kind::Switch, Some("false")),
    Key::new("session.store_id_token", Kind::Switch, Some("false")),
    Key::new("redis.url", Kind::Secret, None),
    Key::new("redis.url_file", Kind::SecretFile, None),
    Key::new("redis.username", Kind::Text, None),
    Key::new("redis.password", Kind::Secret, None),
    Key::new("redis.password_file", Kind::SecretFile, None),
    Key::new("redis.prefix", Kind::Text, Some(r#""cognigate:""#)),
    Key::new("redis.ca_file", Kind::Path, None),
    Key::new("redis.timeout", Kind::Duration, Some(r#""1s""#)),
    Key::new("cookie.name", Kind::Text, Some(r#""cognigate""#)),
    Key::new("cookie.secure", Kind::Switch, None),
    Key::new("cookie.same_site", Kind::Text, Some(r#""lax""#)),
    Key::new("cookie.domain", Kind::Text, None),
    Key::new("listen.address", Kind::Text, Some(r#""0.0.0.0:8080""#)),
    Key::new("listen.hosts", Kind::List, Some("[]")),
    Key::new("listen.trusted_proxies", Kind::List, Some("[]")),
    Key::new("listen.redirect_http", Kind::Text, None),
    Key::new("listen.hsts", Kind::Duration, None),
    Key::new("listen.tls.certificate", Kind::Paths, None),
    Key::new("listen.tls.key", Kind::PrivateKeys, None),
    Key::new("websocket.on_session_end", Kind::Text, Some(r#""close""#)),
    Key::new("websocket.origins", Kind::List, Some("[]")),
    Key::new("admin.address", Kind::Text, Some(r#""127.0.0.1:9090""#)),
    Key::new("admin.token", Kind::Secret, None),
    Key::new("admin.token_file", Kind::SecretFile, None),
    Key::new("admin.upstream_health_path", Kind::Text, Some(r#""/healthz""#)),
    Key::new("limits.header_bytes", Kind::Size, Some(r#""64KiB""#)),
    Key::new("limits.header_fields", Kind::Count, Some("100")),
    Key::new("limits.uri_bytes", Kind::Size, Some(r#""16KiB""#)),
    Key::new("limits.body_bytes", Kind::Size, None),
    Key::new("limits.header_timeout", Kind::Duration, Some(r#""10s""#)),
    Key::new("limits.tls_handshake_timeout", Kind::Duration, Some(r#""10s""#)),
    Key::new("limits.idle_timeout", Kind::Duration, Some(r#""75s""#)),
    Key::new("limits.stall_timeout", Kind::Duration, Some(r#""60s""#)),
    Key::new("limits.connections", Kind::Count, None),
    Key::new("limits.streams", Kind::Count, Some("128")),
    Key::new("limits.memory", Kind::Size, None),
    Key::new("shutdown.drain_delay", Kind::Duration, Some(r#""5s""#)),
    Key::new("shutdown.timeout", Kind::Duration, Some(r#""30s""#)),
    Key::new("log.format", Kind::Text, Some(r#""json""#)),
    Key::new("log.level", Kind::Text, Some(r#""info""#)),
    Key::new("process.dumpable", Kind::Switch, Some("false")),
    Key::new("sites[].public_url", Kind::Text, None),
    Key::new("sites[].hosts", Kind::List, Some("[]")),
    Key::new("sites[].upstream", Kind::Text, None),
    Key::new("sites[].public", Kind::List, None),
    Key::new("sites[].csrf", Kind::Text, None),
    Key::new("sites[].csrf_origins", Kind::List, None),
    Key::new("sites[].cognito.user_pool_id", Kind::Text, None),
    Key::new("sites[].cognito.client_id", Kind::Text, None),
    Key::new("sites[].cognito.client_secret", Kind::Secret, None),
    Key::new("sites[].cognito.client_secret_file", Kind::SecretFile, None),
    Key::new("sites[].cognito.domain", Kind::Text, None),
    Key::new("sites[].cognito.scopes", Kind::List, None),
    Key::new("sites[].cognito.issuer", Kind::OneOrList, None),
    Key::new("sites[].cognito.jwks_url", Kind::Text, None),
    Key::new("sites[].cognito.authorize_url", Kind::Text, None),
    Key::new("sites[].cognito.token_url", Kind::Text, None),
    Key::new("sites[].cognito.revoke_url", Kind::Text, None),
    Key::new("sites[].cognito.logout_url", Kind::Text, None),
    Key::new("sites[].cognito.userinfo_url", Kind::Text, None),
    Key::new("sites[].cognito.identity_provider", Kind::Text, None),
    Key::new("sites[].cognito.idp_identifier", Kind::Text, None),
    Key::new("sites[].cognito.identity_providers", Kind::List, None),
    Key::new("sites[].cognito.lang", Kind::Text, None),
    Key::new("sites[].cognito.prompt", Kind::Text, None),
    Key::new("sites[].cognito.resource", Kind::Text, None),
    Key::new("sites[].cognito.allow_insecure_http", Kind::Switch, None),
    Key::new("sites[].cookie.name", Kind::Text, None),
    Key::new("sites[].cookie.secure", Kind::Switch, None),
    Key::new("sites[].cookie.same_site", Kind::Text, None),
    Key::new("sites[].cookie.domain", Kind::Text, None),
    Key::new("sites[].websocket.origins", Kind::List, None),
    Key::new("sites[].upstreams[].url", Kind::Text, None),
    Key::new("sites[].upstreams[].host", Kind::Text, None),
    Key::new("sites[].upstreams[].path", Kind::Text, None),
    Key::new("sites[].upstreams[].strip_prefix", Kind::Switch, Some("false")),
    Key::new("sites[].upstreams[].forward_host", Kind::Text, None),
    Key::new("sites[].upstreams[].ca_file", Kind::Path, None),
    Key::new("sites[].upstreams[].client_certificate", Kind::Path, None),
    Key::new("sites[].upstreams[].client_key", Kind::PrivateKey, None),
    Key::new("sites[].upstreams[].server_name", Kind::Text, None),
    Key::new("sites[].upstreams[].insecure", Kind::Switch, Some("false")),
    Key::new("sites[].upstreams[].connect_timeout", Kind::Duration, Some(r#""5s""#)),
    Key::new("sites[].upstreams[].response_timeout", Kind::Duration, Some(r#""60s""#)),
    Key::new("sites[].upstreams[].idle_timeout", Kind::Duration, Some(r#""50s""#)),
    Key::new("sites[].rules[].host", Kind::Text, None),
    Key::new("sites[].rules[].path", Kind::OneOrList, None),
    Key::new("sites[].rules[].methods", Kind::List, None),
    Key::new("sites[].rules[].access", Kind::Text, Some(r#""user""#)),
    Key::new("sites[].rules[].groups", Kind::List, None),
    Key::new("sites[].rules[].scopes", Kind::List, None),
    Key::new("sites[].rules[].email_domains", Kind::List, None),
    Key::new("sites[].rules[].emails", Kind::List, None),
    Key::new("sites[].rules[].users", Kind::List, None),
    Key::new("sites[].rules[].claims", Kind::Lists, None),
    Key::new("sites[].rules[].max_auth_age", Kind::Duration, None),
    Key::new("sites[].rules[].csrf", Kind::Text, None),
    Key::new("sites[].rules[].identity_provider", Kind::Text, None),
    Key::new("sites[].rules[].allow_preflight", Kind::Switch, Some("false")),
];

/// What every variable of ours begins with.
pub const VARIABLE_PREFIX: &str = "COGNIGATE_";

/// One setting: its dotted name, the type of its value, and the value it has where nobody sets it.
///
/// In `upstreams[].url` the brackets say that it stands in each of a list of tables, `[[upstreams]]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    pub name: &'static str,
    pub kind: Kind,
    /// As TOML; `None` where the setting is required, is off, or follows from others.
    pub default: Option<&'static str>,
}

/// The type of a value. It decides what the file must hold, and how a variable's text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// Text with a number and a unit, `60s`.
    Duration,
    /// A whole number.
    Count,
    /// Text with a number of bytes and a unit, `64KiB`.
    Size,
    /// `true` or `false`.
    Switch,
    List,
    /// Texts by name, `{ "name" = "value" }`; in a variable `name=value,name=value`, which is how they go on.
    Table,
    /// A text, or a list of them.
    OneOrList,
    /// A table of lists: any name, and a text or several.
    Lists,
    /// The path of a file, or a list of them. In the configuration file they are relative to that file.
    Paths,
    /// The path of a file with a private key, or a list of them; relative as [`Kind::Paths`] are.
    PrivateKeys,
    /// Text that is never printed. Numeric-looking ones stay text.
    Secret,
    /// A list of texts that are never printed.
    SecretList,
    /// The path of the file that holds the secret whose name this is, without `_file`.
    SecretFile,
    /// The path of a file. In the configuration file it is relative to that file.
    Path,
    /// The path of a file with a private key. In the configuration file it is relative to that file.
    PrivateKey,
}

impl Key {
    const fn new(name: &'static str, kind: Kind, default: Option<&'static str>) -> Self {
        Self { name, kind, default }
    }

    /// The key of this dotted name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// The key that this variable sets.
    #[must_use]
    pub fn of_variable(variable: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.variable().as_deref() == Some(variable))
    }

    /// The variable that sets this key: `COGNIGATE_COGNITO__CLIENT_ID`. There is none for what stands in a list of
    /// tables, which only the file can hold.
    #[must_use]
    pub fn variable(&self) -> Option<String> {
        let name = || format!("{VARIABLE_PREFIX}{}", self.name.to_ascii_uppercase().replace('.', "__"));
        (!self.is_in_tables()).then(name)
    }

    /// The key of the top level that a key of a site stands in for, with the same meaning: a site without it takes
    /// that one's value.
    #[must_use]
    pub fn of_all_sites(&self) -> Option<&'static Self> {
        let own = self.name.strip_prefix("sites[].")?;
        Self::named(own).filter(|_| {
            matches!(own, "public" | "csrf" | "csrf_origins") || own.contains('.') && !own.contains('[')
        })
    }

    /// True for what stands in each of a list of tables.
    #[must_use]
    pub fn is_in_tables(&self) -> bool {
        self.name.contains("[]")
    }

    /// The key of the secret that this file holds, for a `*_file` key.
    #[must_use]
    pub fn twin(&self) -> Option<&'static Self> {
        match self.kind {
            Kind::SecretFile => self.name.strip_suffix("_file").and_then(Self::named),
            _ => None,
        }
    }

    /// True where the value must not be printed.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Secret | Kind::SecretList)
    }
}

impl Kind {
    /// True for the paths of files that nobody else should read.
    #[must_use]
    pub fn is_secret_file(self) -> bool {
        matches!(self, Self::SecretFile | Self::PrivateKey | Self::PrivateKeys)
    }

    /// True for the path of a file, or a list of such paths.
    #[must_use]
    pub fn is_path(self) -> bool {
        self.is_secret_file() || matches!(self, Self::Path | Self::Paths)
    }

    /// The name that the documentation gives it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Duration => "duration",
            Self::Count => "whole number",
            Self::Size => "size",
            Self::Switch => "boolean",
            Self::List => "list of strings",
            Self::Table => "table of strings",
            Self::OneOrList => "string or list of strings",
            Self::Lists => "table of lists of strings",
            Self::Paths | Self::PrivateKeys => "path or list of paths",
            Self::Secret => "secret string",
            Self::SecretList => "list of secret strings",
            Self::SecretFile | Self::Path | Self::PrivateKey => "path",
        }
    }

    /// What a value in the file must be, for a message.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Text | Self::Secret => "a string in quotes",
            Self::Duration => "a duration in quotes, such as \"60s\"",
            Self::Count => "a whole number, without quotes",
            Self::Size => "a size in quotes, such as \"64KiB\"",
            Self::Switch => "true or false, without quotes",
            Self::List | Self::SecretList => "a list of strings, such as [\"a\", \"b\"]",
            Self::Table => "a table of strings, such as { \"a\" = \"b\" }",
            Self::OneOrList => "a string in quotes or a list of them",
            Self::Lists => "a table of lists of strings, such as { \"custom:tier\" = [\"gold\"] }",
            Self::Paths | Self::PrivateKeys => "a path in quotes or a list of them",
            Self::SecretFile | Self::Path | Self::PrivateKey => "a path in quotes",
        }
    }
}

/// The name of a key (or of its variable) that is most like an unknown one, where one is like it at all.
pub(super) fn nearest(unknown: &str, name_of: impl Fn(&Key) -> Option<String>) -> Option<String> {
    /// The most letters amiss.
    const MOST: usize = 3;
    let plain = |name: &str| name.replace(['_', '.', '-', '[', ']'], "").to_ascii_lowercase();
    let wanted = plain(unknown.strip_prefix(VARIABLE_PREFIX).unwrap_or(unknown));
    let distance = |key: &Key| {
        let last = key.name.rsplit('.').next().unwrap_or(key.name);
        let name = plain(key.name);
        // The right name in the wrong section is as good as a letter amiss.
        if plain(last) == wanted {
            usize::from(name != wanted)
        } else if name.len().abs_diff(wanted.len()) > MOST {
            // Not looked at closer: whoever wrote the name may have made it as long as they liked.
            usize::MAX
        } else {
            strsim::damerau_levenshtein(&name, &wanted)
        }
    };
    let (distance, key) =
        KEYS.iter().map(|key| (distance(key), key)).min_by_key(|(distance, _)| *distance)?;
    if distance <= (wanted.len() / 4).clamp(1, MOST) { name_of(key) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_nest_by_two_underscores() {
        let key = Key::named("cognito.user_pool_id").unwrap();
        assert_eq!(key.variable().as_deref(), Some("COGNIGATE_COGNITO__USER_POOL_ID"));
        assert_eq!(Key::of_variable("COGNIGATE_COGNITO__USER_POOL_ID"), Some(key));
        assert_eq!(Key::of_variable("COGNIGATE_COGNITO_USER_POOL_ID"), None);
    }

    #[test]
    fn every_secret_has_a_file_twin() {
        for key in KEYS.iter().filter(|key| key.is_secret()) {
            let twin = Key::named(&format!("{}_file", key.name)).unwrap();
            assert_eq!((twin.kind, twin.twin()), (Kind::SecretFile, Some(key)));
        }
        assert!(KEYS.iter().filter(|key| key.kind == Kind::SecretFile).all(|key| key.twin().is_some()));
    }

    #[test]
    fn a_file_is_secret_unless_it_is_known_to_be_public() {
        const PUBLIC: [&str; 3] = ["ca_file", "certificate", "client_certificate"];
        for key in KEYS.iter().filter(|key| key.kind.is_path() && !key.kind.is_secret_file()) {
            let last = key.name.rsplit('.').next().unwrap();
            assert!(
                PUBLIC.contains(&last),
                "may others read what {} names? If not, its kind must say so",
                key.name
            );
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_recognised() {
        let name = |key: &Key| Some(key.name.to_owned());
        for (unknown, meant) in [
            ("publc_url", Some("public_url")),
            ("public-url", Some("public_url")),
            ("client_id", Some("cognito.client_id")),
            ("cognito.clientid", Some("cognito.client_id")),
            ("cognito.user_pool", Some("cognito.user_pool_id")),
            ("upstreams[].ulr", Some("upstreams[].url")),
            ("teapot", None),
        ] {
            assert_eq!(nearest(unknown, name).as_deref(), meant, "{unknown}");
        }
        assert_eq!(
            nearest("COGNIGATE_COGNITO_CLIENT_ID", Key::variable).as_deref(),
            Some("COGNIGATE_COGNITO__CLIENT_ID")
        );
    }
}
