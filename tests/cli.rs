//! The program: its exit codes and what it prints.

use crate::program::Program;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

const FILE: &str = "\
public_url = 'https://app.example.com'
upstream = 'http://127.0.0.1:3000'
[cognito]
user_pool_id = 'eu-west-1_AbCdEfGhI'
client_id = 'client'
client_secret = 'hush-hush'
domain = 'auth.example.com'
";

#[test]
fn check_prints_the_effective_configuration_with_places_and_without_secrets() {
    let program = Program::new(&["check", "--log-level", "debug"]).file("cognigate.toml", FILE);
    let (code, out, err) =
        program.variable("COGNIGATE_SESSION__KEYS", KEY).variable("COGNIGATE_LOG__FORMAT", "text").run();
    assert_eq!((code, err.as_str()), (0, ""));
    for line in [
        "public_url = \"https://app.example.com\" # cognigate.toml:1",
        "client_secret = \"[redacted]\" # cognigate.toml:6",
        "keys = [\"[redacted]\"] # COGNIGATE_SESSION__KEYS",
        "prefix = \"/oauth2\" # default",
        "format = \"text\" # COGNIGATE_LOG__FORMAT",
        "level = \"debug\" # command line",
        "[cognito]",
        "#   callback   https://app.example.com/oauth2/callback",
        "#   sign-out   https://app.example.com/oauth2/signed_out",
        "#   token      https://auth.example.com/oauth2/token",
        "#   logout     https://auth.example.com/logout",
        "#   jwks       https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI/.well-known/jwks.json",
        "#   issuer     https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI",
        "#   issuer     https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI",
    ] {
        assert!(out.lines().any(|printed| printed == line), "{line:?} is not in:\n{out}");
    }
    assert!(!out.contains("hush-hush") && !out.contains(KEY), "{out}");
    assert!(toml::from_str::<toml::Table>(&out).is_ok(), "{out}");
}

#[test]
fn check_prints_what_each_site_has_to_be_registered_as() {
    let sites = "[[sites]]\npublic_url = 'https://a.example.com'\nupstream = 'http://a'\n\
                 [[sites]]\npublic_url = 'https://b.example.com'\nupstream = 'http://b'\ncognito.client_id = 'of-b'\n";
    let (_, cognito) = FILE.split_once("[cognito]").unwrap();
    let file = format!("prefix = '/auth'\n[cognito]{cognito}{sites}");
    let (code, out, err) =
        Program::new(&["check"]).file("cognigate.toml", &file).variable("COGNIGATE_SESSION__KEYS", KEY).run();
    assert_eq!((code, err.as_str()), (0, ""));
    let mut rest = &*out;
    for line in [
        "[[sites]]\npublic_url = \"https://a.example.com\" # cognigate.toml:8\n",
        "[sites.cognito]\nuser_pool_id = \"eu-west-1_AbCdEfGhI\" # cognigate.toml:3\nclient_id = \"client\" # cognigate.toml:4\n\
         client_secret = \"[redacted]\" # cognigate.toml:5\n",
        "[[sites]]\npublic_url = \"https://b.example.com\" # cognigate.toml:11\n",
        "client_id = \"of-b\" # cognigate.toml:13\n",
        "\n# https://a.example.com\n# to be registered with the app client client:\n\
         #   callback   https://a.example.com/auth/callback\n#   sign-out   https://a.example.com/auth/signed_out\n",
        "\n# https://b.example.com\n# to be registered with the app client of-b:\n\
         #   callback   https://b.example.com/auth/callback\n#   sign-out   https://b.example.com/auth/signed_out\n",
        "#   token      https://auth.example.com/oauth2/token\n",
    ] {
        let Some((_, behind)) = rest.split_once(line) else { panic!("{line:?} is not in:\n{rest}") };
        rest = behind;
    }
    assert!(toml::from_str::<toml::Table>(&out).is_ok(), "{out}");
}

#[test]
fn check_ends_with_64_and_every_problem_with_its_place() {
    let file = format!("{FILE}teapot = 'SENTINEL'\n[cookie]\nsecure = 'SENTINEL'\n");
    let program = Program::new(&["check", "--set", "cognito.client=SENTINEL"]).file("cognigate.toml", &file);
    let (code, out, err) = program.variable("COGNIGATE_TEAPOT", "SENTINEL").run();
    assert_eq!((code, out.as_str()), (64, ""));
    for part in [
        "cognito.teapot (cognigate.toml:8): there is no such key",
        "cookie.secure (cognigate.toml:10): it must be true or false, without quotes, but is a string",
        "COGNIGATE_TEAPOT: there is no such setting",
        "cognito.client (command line): there is no such key",
    ] {
        assert!(err.contains(part), "{part:?} is not in:\n{err}");
    }
    assert!(!err.contains("SENTINEL"), "{err}");
}

#[test]
fn check_says_warnings_on_standard_error() {
    let (code, out, err) = Program::new(&["check"]).file("cognigate.toml", FILE).run();
    assert_eq!(code, 0);
    assert!(err.starts_with("warning: session.keys is not set"), "{err}");
    assert!(!out.contains("warning"), "{out}");
}

#[test]
fn check_binds_no_port() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let program = Program::new(&["check", "--listen", &address]).file("cognigate.toml", FILE);
    assert_eq!(program.run().0, 0);
}

#[test]
fn the_file_is_the_one_of_the_flag_then_of_the_variable_then_the_default() {
    let level = |level: &str| format!("{FILE}[log]\nlevel = '{level}'\n");
    let program = |arguments: &[&str]| {
        Program::new(arguments)
            .file("cognigate.toml", &level("error"))
            .file("variable.toml", &level("warn"))
            .file("flag.toml", &level("debug"))
    };
    let (_, out, _) = program(&["check"]).run();
    assert!(out.contains("level = \"error\" # cognigate.toml:9"), "{out}");
    let (_, out, _) = program(&["check"]).variable("COGNIGATE_CONFIG", "variable.toml").run();
    assert!(out.contains("level = \"warn\" # variable.toml:9"), "{out}");
    let (_, out, _) =
        program(&["check", "--config", "flag.toml"]).variable("COGNIGATE_CONFIG", "variable.toml").run();
    assert!(out.contains("level = \"debug\" # flag.toml:9"), "{out}");
}

#[test]
fn a_named_file_that_is_not_there_ends_with_64() {
    let (code, _, err) = Program::new(&["check", "--config", "gone.toml"]).run();
    assert_eq!(code, 64);
    assert!(err.contains("gone.toml (--config): the configuration file cannot be read by user id "), "{err}");
    let (code, _, err) =
        Program::new(&["check"]).file("cognigate.toml", FILE).variable("COGNIGATE_CONFIG", "gone.toml").run();
    assert_eq!(code, 64);
    assert!(err.contains("gone.toml (COGNIGATE_CONFIG): the configuration file cannot be read"), "{err}");
}

#[test]
fn nothing_set_says_all_that_is_missing() {
    let (code, _, err) = Program::new(&["check"]).run();
    assert_eq!(code, 64);
    for key in ["public_url", "upstream", "cognito.user_pool_id", "cognito.client_id", "cognito.domain"] {
        assert!(err.contains(&format!("  {key}: it is missing")), "{err}");
    }
}

#[test]
fn short_flags_set_their_keys() {
    let arguments = [
        "check",
        "--public-url=https://other.example.com",
        "--upstream=http://127.0.0.1:4000",
        "--listen=127.0.0.1:8081",
        "--admin=127.0.0.1:9091",
        "--log-level=trace",
        "--log-format=text",
        "--set=cookie.name=a=b",
        "--set=cookie.name=gate",
    ];
    let (code, out, err) = Program::new(&arguments).file("cognigate.toml", FILE).run();
    assert_eq!(code, 0, "{err}");
    for line in [
        "public_url = \"https://other.example.com\"",
        "upstream = \"http://127.0.0.1:4000\"",
        "address = \"127.0.0.1:8081\"",
        "address = \"127.0.0.1:9091\"",
        "level = \"trace\"",
        "format = \"text\"",
        "name = \"gate\"",
    ] {
        assert!(out.contains(&format!("{line} # command line\n")), "{line} is not in:\n{out}");
    }
}

#[test]
fn a_command_line_that_is_wrong_ends_with_64() {
    for (arguments, says) in [
        (&["check", "--teapot"][..], "unexpected argument '--teapot'"),
        (&["teapot"], "unrecognized subcommand 'teapot'"),
        (&["check", "--config"], "a value is required for '--config <FILE>'"),
        (&["keys"], "Usage: cognigate keys <COMMAND>"),
        (&[], "Usage: cognigate <COMMAND>"),
        (&["check", "--set", "SENTINEL"], "--set: it must be KEY=VALUE"),
    ] {
        let (code, out, err) = Program::new(arguments).run();
        assert_eq!((code, out.as_str()), (64, ""), "{arguments:?}: {err}");
        assert!(err.contains(says) && !err.contains("SENTINEL"), "{err}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    for arguments in
        [&["--help"][..], &["--version"], &["check", "--help"], &["help"], &["keys", "new", "--help"]]
    {
        let (code, out, err) = Program::new(arguments).run();
        assert_eq!((code, err.as_str()), (0, ""), "{arguments:?}");
        assert!(!out.is_empty());
    }
    let (_, out, _) = Program::new(&["--version"]).run();
    assert_eq!(out.trim(), format!("cognigate {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn keys_new_prints_a_key_that_loads() {
    let (code, key, err) = Program::new(&["keys", "new"]).run();
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(key.trim_end_matches('\n').len(), 44);
    let (_, other, _) = Program::new(&["keys", "new"]).run();
    assert_ne!(key, other);
    // Straight into a file, and read from there.
    let program = Program::new(&["check", "--set", "session.keys_file=keys"]).file("cognigate.toml", FILE);
    let (code, out, err) = program.file("keys", &format!("{key}{other}")).run();
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("keys = [\"[redacted]\", \"[redacted]\"] # keys, named by command line"), "{out}");
}

#[test]
fn an_output_that_cannot_be_written_is_a_failure() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    assert_eq!(Program::new(&["keys", "new"]).prints_to(full).run().0, 1);
}
