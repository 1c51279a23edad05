//! `cognigate emulate`, as a process of its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

fn emulate(arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("cognigate"));
    command.env_clear().arg("emulate").args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// How it ended that never served: the exit code, and what it said.
fn refusal(arguments: &[&str]) -> (Option<i32>, String) {
    let output = emulate(arguments).output().unwrap();
    assert!(output.stdout.is_empty());
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// A process that serves on a port of its own, with what it printed. Killed when dropped.
struct Serving {
    child: Child,
    printed: String,
    address: String,
}

impl Serving {
    fn start(arguments: &[&str]) -> Self {
        let mut child = emulate(&[&["--listen", "127.0.0.1:0"], arguments].concat()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut printed = String::new();
        while !printed.contains("Ctrl-C ends it") {
            printed += &lines.next().expect("it ended before it served").unwrap();
            printed += "\n";
        }
        let (_, domain) = printed.split_once("domain     http://").unwrap();
        let address = domain.lines().next().unwrap().to_owned();
        Self { child, printed, address }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn end_by(mut self, signal: &str) -> Option<i32> {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_says_what_it_serves_serves_it_and_ends_well_by_either_signal() {
    for signal in ["INT", "TERM"] {
        let serving = Serving::start(&[]);
        for part in [
            "pool       us-east-1_Emulated1",
            "issuer     https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Emulated1",
            "client     demo-client (secret demo-secret)",
            "client     demo-public (public, no secret)",
            "callback   http://localhost:8080/oauth2/callback",
            "user       alice / Passw0rd! (groups admins)",
            "user       bob / Passw0rd!",
        ] {
            assert!(serving.printed.contains(part), "{part:?} is not in:\n{}", serving.printed);
        }
        let jwks = serving.get("/us-east-1_Emulated1/.well-known/jwks.json");
        assert!(jwks.starts_with("HTTP/1.1 200 OK"), "{jwks}");
        assert_eq!(serving.end_by(signal), Some(0), "SIG{signal}");
    }
}

#[test]
fn a_pool_of_ones_own_is_served_and_its_passwords_are_not_printed() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let text = r#"
        pool_id = "eu-west-1_Own"
        [[clients]]
        id = "own"
        secrets = ["hush-hush"]
        [[users]]
        username = "carol"
        password = "hush-hush"
    "#;
    file.write_all(text.as_bytes()).unwrap();
    let serving = Serving::start(&["--config", file.path().to_str().unwrap(), "--issuer", "updated"]);
    assert!(!serving.printed.contains("hush-hush"), "{}", serving.printed);
    assert!(serving.printed.contains("client     own (confidential)"));
    assert!(serving.printed.contains("user       carol\n"));
    let document = serving.get("/eu-west-1_Own/.well-known/openid-configuration");
    let issuer = "\"issuer\":\"https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Own\"";
    assert!(document.contains(issuer), "{document}");
}

#[test]
fn it_does_not_listen_beyond_loopback_unless_told() {
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:9400"] {
        let (code, said) = refusal(&["--listen", listen]);
        assert_eq!(code, Some(64), "{said}");
        assert!(said.contains(listen) && said.contains("--i-know-this-is-not-cognito"), "{said}");
    }
    // Told so, it gets as far as the port: no machine has that address.
    let (code, said) = refusal(&["--listen", "192.0.2.1:9400", "--i-know-this-is-not-cognito"]);
    assert_eq!(code, Some(69), "{said}");
}

#[test]
fn a_taken_port_is_69_and_names_the_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let (code, said) = refusal(&["--listen", &listen]);
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains(&format!("--listen {listen}")), "{said}");
}

#[test]
fn a_file_or_an_issuer_that_is_none_is_64_and_is_named() {
    let (code, said) = refusal(&["--config", "no/such/file.toml"]);
    assert_eq!((code, said.contains("no/such/file.toml")), (Some(64), true), "{said}");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"pool = 1\n").unwrap();
    let path = file.path().to_str().unwrap();
    let (code, said) = refusal(&["--config", path]);
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains(path) && said.contains("line 1") && said.contains("pool"), "{said}");
    let (code, said) = refusal(&["--issuer", "elsewhere"]);
    assert_eq!((code, said.contains("elsewhere")), (Some(64), true), "{said}");
}
