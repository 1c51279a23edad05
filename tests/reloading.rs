//! Session keys and the client secret that change while the gate runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cognigate::commands::run::Gate;
use cognigate::emulator::Endpoint;
use tempfile::TempDir;

use crate::program::Program;
use crate::support::visitor::Visitor;
use crate::support::wire::{self, eventually};
use crate::support::{SESSION, Stage, TEST_KEY};

/// A key for tests only: 32 bytes of 8.
pub(crate) const OTHER_KEY: &str = "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=";

/// A folder with one file, which a gate follows.
pub(crate) struct Followed {
    folder: TempDir,
}

impl Followed {
    pub(crate) fn new(text: &str) -> Self {
        let followed = Self { folder: tempfile::tempdir().unwrap() };
        followed.put(text);
        followed
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("file")
    }

    /// As an editor that writes in place does.
    pub(crate) fn put(&self, text: &str) {
        fs::write(self.path(), text).unwrap();
    }

    pub(crate) fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }
}

/// A stage whose gate has its keys from a file.
async fn with_keys(file: &Followed) -> Stage {
    let path = file.path();
    Stage::with(|setup| setup.without("session.keys").set("session.keys_file", path.to_str().unwrap())).await
}

pub(crate) fn rotate(step: &str, file: &Path) {
    let (code, _, err) = Program::new(&["keys", "rotate", "--step", step, file.to_str().unwrap()]).run();
    assert_eq!((code, err.as_str()), (0, ""));
}

/// The id of the key that sealed a browser's session, as `keys list` prints it.
fn sealed_by(visitor: &Visitor) -> String {
    use base64::Engine as _;
    let sealed = visitor.jar.get(SESSION).expect("a session");
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(sealed).unwrap();
    bytes[1..5].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The ids of a file's keys, the sealing one first.
pub(crate) fn ids(file: &Path) -> Vec<String> {
    let (code, out, _) = Program::new(&["keys", "list", file.to_str().unwrap()]).run();
    assert_eq!(code, 0);
    out.lines().map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

/// How often a gate has taken over what a followed file holds, or found that it cannot.
pub(crate) async fn reloads(gate: &Gate, subject: &str, result: &str) -> f64 {
    let series = format!("cognigate_reloads_total{{subject=\"{subject}\",result=\"{result}\"}}");
    wire::metric(gate.admin_address(), &series).await
}

/// Waits for a gate to have read its keys once more than `before`.
async fn read_again(gate: &Gate, before: f64) {
    eventually("the keys are read", || async { reloads(gate, "session_keys", "success").await > before })
        .await;
}

/// Changes a gate's key file, and waits for the gate to go by it.
pub(crate) async fn take(gate: &Gate, change: impl FnOnce()) {
    // It reads the file once for itself.
    read_again(gate, 0.0).await;
    let before = reloads(gate, "session_keys", "success").await;
    change();
    read_again(gate, before).await;
}

/// True where both gates let the visitor in; what either seals anew is kept.
pub(crate) async fn passes_both(visitor: &mut Visitor, gates: [&Gate; 2]) -> bool {
    for gate in gates {
        visitor.go_to(gate.address());
        if visitor.fetch("/").await.status() != 200 {
            return false;
        }
    }
    true
}

#[tokio::test]
async fn the_three_steps_over_two_replicas_sign_nobody_out() {
    // A file each, as where the two read the same one at different times.
    let (one, other) = (Followed::new(TEST_KEY), Followed::new(TEST_KEY));
    let stage = with_keys(&one).await;
    let second = stage.replica(&[("session.keys_file", other.path().to_str().unwrap())]).await;
    let gates = [&stage.gate, &second];
    let old = ids(&one.path()).remove(0);
    let mut visitor = stage.signed_in().await;
    assert_eq!(sealed_by(&visitor), old);
    for step in ["add", "promote", "retire"] {
        take(gates[0], || rotate(step, &one.path())).await;
        // In between: one has taken the step, and the other has not.
        assert!(passes_both(&mut visitor, gates).await, "{step}, half way");
        assert!(passes_both(&mut visitor, gates).await, "{step}, half way, back again");
        let mut late = stage.visitor();
        late.sign_in("bob", "/").await;
        assert!(passes_both(&mut late, gates).await, "{step}, signed in half way");
        take(gates[1], || other.put(&one.text())).await;
        assert!(passes_both(&mut visitor, gates).await, "{step}");
        assert!(passes_both(&mut late, gates).await, "{step}, signed in half way");
    }
    let new = ids(&one.path());
    assert_eq!(new.len(), 1);
    assert_eq!(sealed_by(&visitor), new[0]);
    assert_ne!(new[0], old);
}

#[tokio::test]
async fn a_new_first_key_seals_when_whoever_reads_the_same_file_has_had_the_time_to_read_it() {
    let (one, other) = (Followed::new(TEST_KEY), Followed::new(TEST_KEY));
    let stage = with_keys(&one).await;
    let second = stage.replica(&[("session.keys_file", other.path().to_str().unwrap())]).await;
    let gates = [&stage.gate, &second];
    let mut visitor = stage.signed_in().await;
    take(gates[0], || {
        let (code, ..) = Program::new(&["keys", "rotate", one.path().to_str().unwrap()]).run();
        assert_eq!(code, 0);
    })
    .await;
    // The other is about to read it.
    assert!(passes_both(&mut visitor, gates).await);
    let mut late = stage.visitor();
    late.sign_in("bob", "/").await;
    assert!(passes_both(&mut late, gates).await);
    take(gates[1], || other.put(&one.text())).await;
    let new = ids(&one.path()).remove(0);
    eventually("the new key seals", || async {
        let mut visitor = visitor.clone();
        assert!(passes_both(&mut visitor, gates).await);
        sealed_by(&visitor) == new
    })
    .await;
}

#[tokio::test]
async fn case_44_a_session_under_a_key_that_was_removed_is_a_login() {
    let file = Followed::new(TEST_KEY);
    let stage = with_keys(&file).await;
    let mut visitor = stage.signed_in().await;
    take(&stage.gate, || file.put(OTHER_KEY)).await;
    // A session that is lost within seconds of its sign-in is a page, since another sign-in might only go round.
    stage.clock.advance(Duration::from_secs(60));
    assert_eq!(visitor.fetch("/").await.status(), 401);
    assert_eq!(visitor.navigate("/deep").await.status(), 303);
    // What begins under the new key goes on.
    assert_eq!(stage.visitor().sign_in("alice", "/").await.status(), 200);
}

#[tokio::test]
async fn case_89_keys_that_are_replaced_by_garbage_leave_the_old_ones_in_use() {
    let file = Followed::new(TEST_KEY);
    let stage = with_keys(&file).await;
    let mut visitor = stage.signed_in().await;
    for (times, garbage) in [(1.0, "garbage"), (2.0, ""), (3.0, "AAAA\n")] {
        file.put(garbage);
        let told = || async { reloads(&stage.gate, "session_keys", "failure").await >= times };
        eventually("the garbage is noticed", told).await;
        assert_eq!(visitor.fetch("/").await.status(), 200, "{garbage}");
        assert_eq!(stage.visitor().sign_in("bob", "/").await.status(), 200);
    }
    fs::remove_file(file.path()).unwrap();
    let told = || async { reloads(&stage.gate, "session_keys", "failure").await >= 4.0 };
    eventually("the loss is noticed", told).await;
    assert_eq!(visitor.fetch("/").await.status(), 200);
    // And what mends it is taken up.
    take(&stage.gate, || file.put(&format!("{OTHER_KEY}\n{TEST_KEY}\n"))).await;
    let new = ids(&file.path()).remove(0);
    eventually("sealed anew by the new key", || async {
        let mut visitor = visitor.clone();
        assert_eq!(visitor.fetch("/").await.status(), 200);
        sealed_by(&visitor) == new
    })
    .await;
}

/// A stage whose gate has its client secret from a file.
async fn with_client_secret(file: &Followed) -> Stage {
    let path = file.path();
    let path = path.to_str().unwrap();
    Stage::with(|setup| setup.without("cognito.client_secret").set("cognito.client_secret_file", path)).await
}

#[tokio::test]
async fn a_client_secret_that_is_refused_is_read_anew_and_the_request_is_sent_once_more() {
    let file = Followed::new("demo-secret\n");
    let stage = with_client_secret(&file).await;
    let mut visitor = stage.signed_in().await;
    // Both are good for a while, and then the old one is no more.
    assert!(stage.cognito.set_secrets("demo-client", &["demo-secret", "new-secret"]));
    assert_eq!(stage.visitor().sign_in("alice", "/").await.status(), 200);
    file.put("new-secret\n");
    assert!(stage.cognito.set_secrets("demo-client", &["new-secret"]));
    let grants = stage.cognito.count(Endpoint::TokenCode);
    let mut other = stage.visitor();
    assert_eq!(other.sign_in("bob", "/").await.status(), 200, "the code was not used up by the refusal");
    let asked = stage.cognito.count(Endpoint::TokenCode) - grants;
    // Once where the regular look came first.
    assert!((1..=2).contains(&asked), "{asked}");
    stage.clock.advance(Duration::from_secs(60 * 60));
    assert_eq!(visitor.fetch("/").await.status(), 200, "refreshed with the new secret");
}

#[tokio::test]
async fn a_client_secret_that_is_refused_and_not_replaced_is_tried_once() {
    let file = Followed::new("demo-secret");
    let stage = with_client_secret(&file).await;
    assert!(stage.cognito.set_secrets("demo-client", &["new-secret"]));
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/").await;
    assert_eq!(visitor.navigate(&callback).await.status(), 502);
    assert_eq!(stage.cognito.count(Endpoint::TokenCode), 1);
    // Nor is an empty file a secret.
    file.put("\n");
    let callback = visitor.reach_callback("alice", "/").await;
    assert_eq!(visitor.navigate(&callback).await.status(), 502);
    assert_eq!(stage.cognito.count(Endpoint::TokenCode), 2);
}

#[tokio::test]
async fn a_client_secret_is_taken_up_when_its_file_changes_and_garbage_is_not() {
    let file = Followed::new("demo-secret\n");
    let stage = with_client_secret(&file).await;
    let count = |result| reloads(&stage.gate, "client_secret", result);
    eventually("the file is read", || async { count("success").await >= 1.0 }).await;
    for (times, garbage) in [(1.0, ""), (2.0, "  \n"), (3.0, "two\nlines\n")] {
        file.put(garbage);
        eventually("the garbage is noticed", || async { count("failure").await >= times }).await;
        assert_eq!(stage.visitor().sign_in("alice", "/").await.status(), 200);
    }
    assert!(stage.cognito.set_secrets("demo-client", &["demo-secret", "new-secret"]));
    file.put("new-secret");
    eventually("the new one is read", || async { count("success").await >= 2.0 }).await;
    assert!(stage.cognito.set_secrets("demo-client", &["new-secret"]));
    let grants = stage.cognito.count(Endpoint::TokenCode);
    assert_eq!(stage.visitor().sign_in("alice", "/").await.status(), 200);
    assert_eq!(stage.cognito.count(Endpoint::TokenCode) - grants, 1, "nothing was refused");
}
