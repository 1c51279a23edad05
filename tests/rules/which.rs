//! Which rule decides about a request.

use std::sync::OnceLock;

use cognigate::config::{Access, Config};
use cognigate::policy::host::Hosts;
use cognigate::policy::path::CanonicalPath;
use cognigate::policy::rules::Rules;
use http::Method;
use proptest::prelude::*;

use super::hosts;
use crate::config::Given;

/// The gate of two hosts with these rules.
struct Ruled {
    hosts: Hosts,
    rules: Rules,
}

impl Ruled {
    fn new(text: &str) -> Self {
        let config: Config = Given::minimal()
            .toml("listen.hosts", "['b.example.com']")
            .load_with(text)
            .unwrap_or_else(|error| panic!("{error}"));
        Self { hosts: hosts(&config), rules: Rules::new(&config.sites[0].rules) }
    }

    /// The names of the rules that decide, the request's own first.
    fn decide(&self, method: &str, host: &str, path: &str) -> Vec<String> {
        let host = self.hosts.admit_text(host).unwrap();
        let (path, method) =
            (CanonicalPath::parse(path).unwrap(), Method::from_bytes(method.as_bytes()).unwrap());
        let ruling = self.rules.decide(&host, &path, &method);
        let also = ruling.also.iter().map(|also| also.rule.name.clone());
        std::iter::once(ruling.rule.name.clone()).chain(also).collect()
    }

    #[track_caller]
    fn decides(&self, request: &str, expected: &[&str]) {
        let mut words = request.split(' ');
        let mut word = || words.next().unwrap();
        assert_eq!(self.decide(word(), word(), word()), expected, "{request}");
    }
}

const DEFAULT: &str = "the default rule";

#[test]
fn the_host_then_the_exact_path_then_the_longest_then_the_method() {
    let ruled = Ruled::new(
        "public = ['/health']
        [[rules]] # 0
        path = '/api/*'
        [[rules]] # 1
        path = '/api/orders/*'
        [[rules]] # 2
        path = '/api/orders/new'
        [[rules]] # 3
        path = '/api/orders/*'
        methods = ['POST', 'PUT']
        [[rules]] # 4
        path = '/api/orders/*'
        methods = ['DELETE']
        [[rules]] # 5
        host = 'b.example.com'
        path = '/api/*'
        [[rules]] # 6
        host = 'b.example.com:8443'
        path = '/api/*'
        [[rules]] # 7
        host = 'b.example.com'
        methods = ['DELETE']",
    );
    ruled.decides("GET app.example.com /", &[DEFAULT]);
    ruled.decides("GET app.example.com /health", &["public[0]"]);
    ruled.decides("GET app.example.com /api/x", &["rules[0]"]);
    ruled.decides("GET app.example.com /api/orders/x", &["rules[1]"]);
    ruled.decides("POST app.example.com /api/orders/new", &["rules[2]"]);
    ruled.decides("POST app.example.com /api/orders/x", &["rules[3]"]);
    ruled.decides("DELETE app.example.com /api/orders/x", &["rules[4]"]);
    ruled.decides("GET b.example.com /api/orders/x", &["rules[5]"]);
    ruled.decides("GET b.example.com:8443 /api/orders/x", &["rules[6]"]);
    ruled.decides("DELETE b.example.com /api/orders/x", &["rules[5]"]);
    ruled.decides("DELETE b.example.com /health", &["rules[7]"]);
    ruled.decides("GET b.example.com /health", &["public[0]"]);
}

#[test]
fn case_27_spellings_of_one_host_meet_one_rule() {
    let ruled = Ruled::new("[[rules]]\nhost = 'B.example.com'\naccess = 'deny'");
    for host in ["b.example.com", "B.EXAMPLE.com", "b.example.com.", "b.example.com:443"] {
        ruled.decides(&format!("GET {host} /"), &["rules[0]"]);
    }
    ruled.decides("GET app.example.com /", &[DEFAULT]);
}

#[test]
fn a_rule_without_path_is_for_all_that_no_other_names() {
    let ruled = Ruled::new("[[rules]]\naccess = 'deny'\n[[rules]]\npath = ['/', '/app/*']");
    ruled.decides("GET app.example.com /", &["rules[1]"]);
    ruled.decides("GET app.example.com /app/x", &["rules[1]"]);
    for path in ["/app", "/APP/x", "//", "//app/x", "/x", "/app;/x", "/app%2Fx"] {
        assert_eq!(ruled.decide("GET", "app.example.com", path)[0], "rules[0]", "{path}");
    }
}

#[test]
fn case_23_what_an_app_may_read_as_a_guarded_path_is_guarded_too() {
    let ruled = Ruled::new(
        "public = ['/public/*', '/admin/pub/*']
        [[rules]]
        path = '/admin/*'
        groups = ['admins']
        [[rules]]
        path = '/Secret'
        access = 'deny'
        [[rules]]
        path = '/public/reports/*'
        access = 'deny'",
    );
    for path in [
        "/admin",
        "//admin/x",
        "/ADMIN/x",
        "/Admin",
        "/admin;a=b/x",
        "/admin%2Fx",
        "/admin%252Fx",
        "/%2561dmin/x",
        "/%2Fadmin/x",
        "/admin%3Fx",
        "/admin%23/public/",
        "/ADMIN;x//y/",
        // For an app that knows no case, and parameters neither.
        "/ADMIN/pub;/x",
    ] {
        let decided = ruled.decide("GET", "app.example.com", path);
        assert!(decided.contains(&"rules[0]".to_owned()), "{path}: {decided:?}");
    }
    for path in ["/secret", "/SECRET/", "//Secret", "/Secret;x", "/secret%2F"] {
        let decided = ruled.decide("GET", "app.example.com", path);
        assert!(decided.contains(&"rules[1]".to_owned()), "{path}: {decided:?}");
    }
    for path in
        ["/public//reports/x", "/public/Reports/x", "/public/x;/../reports".split("/..").next().unwrap()]
    {
        let decided = ruled.decide("GET", "app.example.com", path);
        assert_eq!(decided[0], "public[0]", "{path}");
        assert_eq!(decided.len(), usize::from(!path.contains(';')) + 1, "{path}: {decided:?}");
    }
    // What lets in counts for its own paths only.
    for path in ["/PUBLIC/x", "//public/x", "/public;/x", "/public%2Fx", "/public"] {
        assert_eq!(ruled.decide("GET", "app.example.com", path)[0], DEFAULT, "{path}");
    }
    ruled.decides("GET app.example.com /public/", &["public[0]"]);
    ruled.decides("GET app.example.com /public/x?y=/admin/".split('?').next().unwrap(), &["public[0]"]);
    ruled.decides("GET app.example.com /administrator", &[DEFAULT]);
    ruled.decides("GET app.example.com /x/admin/", &[DEFAULT]);
}

/// A letter of a guarded path, as an app may still read it.
fn letter(letter: char) -> impl Strategy<Value = String> {
    let (small, capital) = (letter.to_string(), letter.to_ascii_uppercase().to_string());
    let escaped = move |prefix: &str, text: &str| format!("{prefix}{:02x}", text.as_bytes()[0]);
    prop_oneof![
        4 => Just(small.clone()),
        1 => Just(capital.clone()),
        1 => Just(escaped("%", &small)),
        1 => Just(escaped("%", &capital)),
        1 => Just(escaped("%25", &small)),
        1 => Just(escaped("%25", &capital)),
    ]
}

fn slash() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "/", "//", "///", "/;/", ";/", ";a=b;c/", "%2F", "%2f", "%252F", "%3Ba/", "%253Ba/",
    ])
    .prop_map(str::to_owned)
}

/// Some spelling of `/admin/x`.
fn spelling() -> impl Strategy<Value = String> {
    let start = prop::sample::select(vec!["/", "//", "/%2F", "/;/", "/%252f"]).prop_map(str::to_owned);
    let end =
        prop::sample::select(vec!["", "/", "//", ";", ";p=q", "%3Fq", "%23f", "%253Fq=/public/", "/;a/"])
            .prop_map(str::to_owned);
    let letters: Vec<_> = "admin".chars().map(letter).collect();
    (start, letters, slash(), letter('x'), end)
        .prop_map(|(start, name, slash, x, end)| format!("{start}{}{slash}{x}{end}", name.concat()))
}

proptest! {
    #[test]
    fn case_23_no_spelling_of_a_guarded_path_is_unguarded(path in spelling()) {
        let ruled = GUARDED.get_or_init(|| {
            Ruled::new("public = ['/public/*']\n[[rules]]\npath = '/admin/*'\ngroups = ['admins']")
        });
        // What has no one reading is refused before any rule.
        if CanonicalPath::parse(&path).is_ok() {
            let decided = ruled.decide("GET", "app.example.com", &path);
            prop_assert!(decided.contains(&"rules[0]".to_owned()), "{}: {:?}", path, decided);
        }
    }
}

static GUARDED: OnceLock<Ruled> = OnceLock::new();

#[test]
fn a_path_that_a_rule_names_is_nobody_elses() {
    let ruled = Ruled::new("public = ['/docs']\n[[rules]]\npath = '/docs/*'\ngroups = ['readers']");
    ruled.decides("GET app.example.com /docs", &["public[0]"]);
    ruled.decides("GET app.example.com /docs/", &["rules[0]"]);
    assert_eq!(ruled.decide("GET", "app.example.com", "/DOCS"), [DEFAULT, "public[0]", "rules[0]"]);
}

#[test]
fn case_26_no_spelling_of_a_method_goes_round_a_rule() {
    let ruled = Ruled::new(
        "[[rules]]
        path = '/api/*'
        methods = ['DELETE']
        access = 'deny'
        [[rules]]
        path = '/reports'
        methods = ['GET']
        groups = ['readers']
        [[rules]]
        path = '/open'
        methods = ['GET']
        access = 'public'",
    );
    ruled.decides("DELETE app.example.com /api/x", &["rules[0]"]);
    ruled.decides("delete app.example.com /api/x", &[DEFAULT, "rules[0]"]);
    ruled.decides("Delete app.example.com /API/x", &[DEFAULT, "rules[0]"]);
    ruled.decides("FOO app.example.com /api/x", &[DEFAULT]);
    ruled.decides("HEAD app.example.com /reports", &[DEFAULT, "rules[1]"]);
    // Only ever stricter.
    for method in ["get", "HEAD", "FOO", "POST"] {
        let (host, path) =
            (ruled.hosts.admit_text("app.example.com").unwrap(), CanonicalPath::parse("/open").unwrap());
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(ruled.rules.decide(&host, &path, &method).access(), Access::User, "{method}");
    }
}

#[test]
fn all_that_decides_must_be_met() {
    let ruled = Ruled::new(
        "[[rules]]
        path = '/a/*'
        access = 'api'
        max_auth_age = '5m'
        allow_preflight = true
        [[rules]]
        path = '/a/b/*'
        max_auth_age = '1h'",
    );
    let (host, path) =
        (ruled.hosts.admit_text("app.example.com").unwrap(), CanonicalPath::parse("/A/b/x").unwrap());
    let ruling = ruled.rules.decide(&host, &path, &Method::GET);
    assert_eq!(ruling.access(), Access::User);
    assert_eq!(ruling.max_auth_age(), Some(std::time::Duration::from_secs(3600)));
    assert!(!ruling.allows_preflight());
    // A semicolon ends the path for some apps, and a segment for others.
    for path in ["/a;/b/x", "/A;/b/x"] {
        let path = CanonicalPath::parse(path).unwrap();
        let ruling = ruled.rules.decide(&host, &path, &Method::GET);
        assert_eq!(ruling.max_auth_age(), Some(std::time::Duration::from_secs(300)));
        let mut names: Vec<_> = ruling.also.iter().map(|also| &also.rule.name).collect();
        names.sort();
        assert_eq!(names, ["rules[0]", "rules[1]"]);
    }
    let path = CanonicalPath::parse("/a/B/x").unwrap();
    let ruling = ruled.rules.decide(&host, &path, &Method::GET);
    assert_eq!((ruling.access(), ruling.also.len()), (Access::Api, 1));
    assert_eq!(ruling.max_auth_age(), Some(std::time::Duration::from_secs(300)));
    assert!(!ruling.allows_preflight());
}
