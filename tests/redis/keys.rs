//! Session keys that change, where the sessions are in Redis.

use crate::reloading::{Followed, ids, passes_both, rotate, take};
use crate::support::redis::RedisServer;
use crate::support::{Stage, TEST_KEY};

/// The ids of the keys that seal the records, in the order of their names.
fn sealed_by(server: &RedisServer) -> Vec<String> {
    let records = server.keys().into_iter().filter(|key| key.contains("session:"));
    let sealed = records.map(|record| server.ask::<Vec<u8>>(redis::cmd("HGET").arg(record).arg("d")));
    sealed.map(|bytes| bytes[1..5].iter().map(|byte| format!("{byte:02x}")).collect()).collect()
}

#[tokio::test]
async fn the_three_steps_over_two_replicas_sign_nobody_out() {
    // A file each, as where the two read the same one at different times.
    let (server, one, other) = (RedisServer::start(), Followed::new(TEST_KEY), Followed::new(TEST_KEY));
    let path = |file: &Followed| file.path().to_str().unwrap().to_owned();
    let stage = Stage::with(|setup| {
        setup.in_redis(&server).without("session.keys").set("session.keys_file", &path(&one))
    })
    .await;
    let second = stage.replica(&[("session.keys_file", &path(&other))]).await;
    let gates = [&stage.gate, &second];
    let old = ids(&one.path()).remove(0);
    let mut people = vec![stage.signed_in().await];
    assert_eq!(sealed_by(&server), [old.as_str()]);
    for step in ["add", "promote", "retire"] {
        take(gates[0], || rotate(step, &one.path())).await;
        // In between: one has taken the step, and the other has not.
        let mut late = stage.visitor();
        late.sign_in("bob", "/").await;
        people.push(late);
        for (number, person) in people.iter_mut().enumerate() {
            assert!(passes_both(person, gates).await, "{step}, half way: {number}");
            assert!(passes_both(person, gates).await, "{step}, half way, back again: {number}");
        }
        take(gates[1], || other.put(&one.text())).await;
        for (number, person) in people.iter_mut().enumerate() {
            assert!(passes_both(person, gates).await, "{step}: {number}");
        }
    }
    let new = ids(&one.path());
    assert_ne!(new, [old]);
    assert_eq!(sealed_by(&server), vec![new[0].as_str(); people.len()]);
}
