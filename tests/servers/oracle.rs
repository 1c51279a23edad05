//! What an app says that it served, held against the rules.

use cognigate::clock::UnixTime;
use cognigate::config::{Access, Config};
use cognigate::policy::host::Hosts;
use cognigate::policy::path::CanonicalPath;
use cognigate::policy::rules::{Rules, Verdict};
use cognigate::policy::subject::Subject;
use cognigate::secret::Secret;
use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use super::headers;

/// What every forged value begins with.
pub(super) const FORGED: &str = "forged-";

/// All that a path must escape, and more.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_').remove(b'~');

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// Without a session.
    Nobody,
    /// With one, and in no group.
    Bob,
}

/// Judges reports of apps that are below `base`.
#[derive(Debug)]
pub(super) struct Oracle {
    rules: Rules,
    hosts: Hosts,
    base: &'static str,
}

/// Something that is wrong with an app's having answered.
#[derive(Debug)]
pub(super) struct Fault {
    /// The variable that the client set, where it is one.
    pub(super) about: Option<String>,
    pub(super) text: String,
}

/// The gate's rules, for an app below `base`. Nobody but an admin may have what the apps guard.
pub(super) fn rules(base: &str) -> String {
    format!(
        "public = ['{base}/public/*']
        [[rules]]
        path = '{base}/admin/*'
        groups = ['admins']
        [[rules]]
        path = '{base}/rest/users'
        groups = ['admins']
        [[rules]]
        path = '{base}/internal/*'
        access = 'deny'
        [[rules]]
        path = '{base}/orders'
        methods = ['DELETE']
        groups = ['admins']"
    )
}

/// What an app says of a request.
pub(super) fn report(body: &[u8]) -> Option<Map<String, Value>> {
    let report: Map<String, Value> = serde_json::from_slice(body).ok()?;
    report.contains_key("served").then_some(report)
}

impl Oracle {
    pub(super) fn new(config: &Config, base: &'static str) -> Self {
        let hosts = Hosts::new(config.sites.iter().map(|site| (&site.public_url, &site.hosts[..])));
        Self { rules: Rules::new(&config.sites[0].rules), hosts, base }
    }

    /// Everything that is wrong with an app's having answered `caller` so.
    pub(super) fn faults(&self, caller: Caller, report: &Map<String, Value>) -> Vec<Fault> {
        let text = |member: &str| report.get(member).and_then(Value::as_str);
        let method = text("method").unwrap_or("GET");
        let mut faults = Vec::new();
        // The route that matched, where it is not one of many paths, and the path that it was compared with.
        let route = text("served").filter(|route| !matches!(*route, "/" | "/public"));
        let is_escaped = report.get("escaped").and_then(Value::as_bool).unwrap_or_default();
        let path = text("path").map(|path| if is_escaped { path.to_owned() } else { escaped(path) });
        for path in route.map(escaped).into_iter().chain(path) {
            if let Err(why) = self.passes(caller, method, &path) {
                faults.push(Fault { about: None, text: format!("{path:?}: {why}") });
            }
        }
        for member in ["served", "method", "host", "scheme", "user"] {
            if text(member).is_some_and(|value| value.contains(FORGED)) {
                let text = format!("{member} is the client's: {:?}", text(member));
                faults.push(Fault { about: Some(member.to_owned()), text });
            }
        }
        let variables = report.get("variables").and_then(Value::as_array).into_iter().flatten();
        for variable in variables {
            let (name, value) =
                (variable[0].as_str().unwrap_or_default(), variable[1].as_str().unwrap_or_default());
            if value.contains(FORGED) && is_the_gates(name) {
                let text = format!("{name} is the client's: {value:?}");
                faults.push(Fault { about: Some(name.to_owned()), text });
            }
        }
        faults
    }

    /// Whether the rules let `caller` have this path, in which all is escaped, and if not, which does not.
    fn passes(&self, caller: Caller, method: &str, path: &str) -> Result<(), String> {
        let host = self.hosts.admit_text("app.test").unwrap();
        let path = format!("{}{path}", self.base);
        let path = CanonicalPath::parse(&path).map_err(|error| format!("no rule can judge it: {error}"))?;
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| format!("no method: {method:?}"))?;
        let ruling = self.rules.decide(&host, &path, &method);
        let token = Secret::from("");
        let bob = Subject {
            user: Some("bob"),
            username: Some("bob"),
            email: None,
            preferred_username: None,
            groups: &[],
            auth_time: None,
            access_token: &token,
            id_token: None,
            kept: &[],
        };
        let passes = match ruling.access() {
            Access::Public => true,
            Access::Deny => false,
            Access::User | Access::Api => {
                caller == Caller::Bob && ruling.judge(&bob, UnixTime(0)) == Verdict::Pass
            }
        };
        let also = ruling.also.iter().map(|also| also.rule.name.as_str());
        let names: Vec<_> = std::iter::once(ruling.rule.name.as_str()).chain(also).collect();
        if passes { Ok(()) } else { Err(format!("{method} is not {caller:?}'s by {}", names.join(" and "))) }
    }
}

fn escaped(path: &str) -> String {
    utf8_percent_encode(path, ESCAPED).to_string()
}

/// True for a variable of an app that no client may set: a header of [`headers::NAMES`] as the server shows it, or the
/// server's own variable of that name.
fn is_the_gates(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let name = name.strip_prefix("http-").unwrap_or(&name);
    headers::NAMES.iter().any(|(known, _)| *known == name)
}
