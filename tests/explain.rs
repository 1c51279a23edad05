//! `check --explain`: which rule decides, and what comes of it.

use crate::program::Program;

const DOCS: &str = include_str!("../docs/configuration.md");

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

const FILE: &str = "\
public_url = 'https://app.example.com'
upstream = 'http://127.0.0.1:3000'
public = ['/health']
[cognito]
user_pool_id = 'eu-west-1_AbCdEfGhI'
client_id = 'client'
domain = 'auth.example.com'
[listen]
hosts = ['b.example.com']
[[rules]]
path = ['/admin', '/admin/*']
groups = ['admins', 'ops']
claims = { 'custom:tier' = ['gold'] }
[[rules]]
path = '/recent'
access = 'api'
scopes = ['api/read']
max_auth_age = '5m'
allow_preflight = true
[[rules]]
host = 'b.example.com'
access = 'deny'
";

fn explained(arguments: &[&str], claims: &str) -> (i32, String, String) {
    let arguments = [&["check", "--explain"], arguments].concat();
    let program = Program::new(&arguments).file("cognigate.toml", FILE).file("who.json", claims);
    program.variable("COGNIGATE_SESSION__KEYS", KEY).run()
}

#[track_caller]
fn says(request: &str, claims: &str, lines: &[&str]) {
    let mut arguments: Vec<&str> = request.split(' ').collect();
    if !claims.is_empty() {
        arguments.extend(["--as", "who.json"]);
    }
    let (code, out, err) = explained(&arguments, claims);
    assert_eq!((code, err.as_str()), (0, ""), "{request}");
    assert_eq!(out.lines().collect::<Vec<_>>(), lines, "{request}");
}

#[test]
fn the_documented_example_says_what_the_page_says() {
    let (_, section) = DOCS.split_once("\n## [[rules]]\n").unwrap();
    let block = |kind: &str| section.split_once(kind).unwrap().1.split_once("```").unwrap().0;
    let (file, console) = (block("```toml\n"), block("```console\n"));
    let (command, told) = console.split_once('\n').unwrap();
    let arguments: Vec<&str> = command.strip_prefix("$ cognigate ").unwrap().split(' ').collect();
    let program =
        Program::new(&arguments).file("cognigate.toml", file).file("carol.json", r#"{"sub": "carol"}"#);
    let (code, out, err) = program.variable("COGNIGATE_SESSION__KEYS", KEY).run();
    assert_eq!((code, out.as_str(), err.as_str()), (0, told, ""));
}

#[test]
fn the_rule_is_named_with_its_place_and_why_it_is_the_one() {
    says(
        "GET https://app.example.com/x?y=z#fragment",
        "",
        &[
            "rule    the default rule (default), since no other fits",
            "asks    access user",
            "nobody  is sent to sign in, or gets a 401",
        ],
    );
    says(
        "GET https://APP.example.com:443/health",
        r#"{}"#,
        &[
            "rule    public[0] (cognigate.toml:3), by path /health",
            "asks    access public",
            "nobody  passes",
            "as      who.json: passes, and the app is told of nobody",
        ],
    );
    says(
        "POST http://b.example.com",
        r#"{"sub": "x"}"#,
        &[
            "rule    rules[2] (cognigate.toml:20), by host b.example.com",
            "asks    access deny",
            "nobody  gets a 403",
            "as      who.json: gets a 403, as everybody does",
        ],
    );
}

#[test]
fn rules_that_guard_other_readings_are_named_with_the_reading() {
    says(
        "GET https://app.example.com//Admin/x",
        r#"{"sub": "x", "cognito:groups": ["ops"], "custom:tier": "gold"}"#,
        &[
            "rule    the default rule (default), since no other fits",
            "asks    access user",
            "and     rules[0] (cognigate.toml:10), since an app might read GET /admin/x",
            "asks    access user, groups admins or ops, claim custom:tier gold",
            "nobody  is sent to sign in, or gets a 401",
            "as      who.json: passes",
        ],
    );
    let many = "//a;b.php".repeat(20);
    for (path, reading) in [
        ("//x/admin/y", "/admin/y"),
        ("//a@b:80/ADM%C4%B0N.json", "/admin"),
        ("/index.php/admin/y", "/admin/y"),
        ("/admin.json", "/admin"),
        (many.as_str(), &format!("{many} in more ways than can be listed")),
    ] {
        let (code, out, _) = explained(&["GET", &format!("https://app.example.com{path}")], "{}");
        let also = format!("and     rules[0] (cognigate.toml:10), since an app might read GET {reading}");
        assert!(code == 0 && out.lines().any(|line| line == also), "{path}: {out}");
    }
}

#[test]
fn somebody_is_judged_by_the_claims_of_a_file() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    for (path, claims, told) in [
        ("/admin", r#"{"cognito:groups": ["admins"], "custom:tier": "gold"}"#, "passes"),
        ("/admin", r#"{"cognito:groups": ["admins"]}"#, "gets a 403: custom:tier is not gold"),
        ("/admin", r#"{"custom:tier": "gold"}"#, "gets a 403: cognito:groups has not admins or ops"),
        ("/recent", r#"{"scope": "api/read", "auth_time": NOW}"#, "passes"),
        ("/recent", r#"{"scope": "api/write", "auth_time": NOW}"#, "gets a 403: scope has not api/read"),
        (
            "/recent",
            r#"{"scope": "api/read", "auth_time": NOW, "sub": "job", "client_id": "job"}"#,
            "gets a 403: it is a program's token, which names no user",
        ),
        (
            "/recent",
            r#"{"scope": "api/read", "auth_time": 1}"#,
            "has to sign in anew: auth_time is older than max_auth_age, or not there",
        ),
    ] {
        let url = format!("https://app.example.com{path}");
        let claims = claims.replace("NOW", &now.to_string());
        let (code, out, _) = explained(&["GET", &url, "--as", "who.json"], &claims);
        assert_eq!(
            (code, out.lines().last()),
            (0, Some(format!("as      who.json: {told}").as_str())),
            "{claims}"
        );
    }
}

#[test]
fn what_no_rule_is_asked_about_is_said() {
    for (request, told) in [
        (
            "GET https://app.example.com/oauth2/start",
            "this is below prefix, where the gate's own endpoints are",
        ),
        ("GET https://app.example.com/admin/../x", "the path has a dot segment: a 400"),
        ("GET https://evil.test/", "this gate does not answer for that host: a 400 or a 421"),
        ("TRACE https://app.example.com/", "this method is always refused: a 400 or a 405"),
    ] {
        says(request, "", &[&format!("no rule is asked: {told}")]);
    }
}

#[test]
fn what_cannot_be_explained_ends_with_64_and_says_what_is_wanted() {
    for (arguments, says) in [
        (&["GET", "/path"][..], "--explain takes a method and a URL"),
        (&["G T", "https://app.example.com/"], "--explain takes a method and a URL"),
        (
            &["GET", "https://app.example.com/", "--as", "nowhere.json"],
            "the file nowhere.json cannot be read",
        ),
        (
            &["GET", "https://app.example.com/", "--as", "who.json"],
            "the file who.json is no JSON object of claims",
        ),
        (&["GET"], "2 values required"),
    ] {
        let (code, out, err) = explained(arguments, "[1]");
        assert_eq!((code, out.as_str()), (64, ""), "{arguments:?}");
        assert!(err.contains(says), "{err}");
    }
    let (code, _, err) = Program::new(&["check", "--as", "who.json"]).run();
    assert_eq!(code, 64);
    assert!(err.contains("--explain"), "{err}");
}
