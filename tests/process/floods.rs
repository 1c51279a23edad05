//! What a flood of frames costs.

use super::large::most_memory;
use super::{run_with, stage_with};
use crate::limits::floods::{
    PING, SETTINGS, behind_a_request, continuations, flood, requests_taken_back, requests_to_be_reset,
};

/// What the process may gain after the first round: slack, and nothing that grows with the frames.
const GAIN: u64 = 8 << 20;
const ROUNDS: usize = 4;

#[tokio::test]
async fn case_66_floods_leave_the_memory_as_it_was() {
    let stage = stage_with(|setup| setup.set("public", "/open/*")).await;
    let settings = [("limits.idle_timeout", "1s"), ("log.level", "info,cognigate::access=off")];
    let gate = run_with(&stage, &settings).await;
    let mut after_the_first = 0;
    for round in 0..ROUNDS {
        let pings = behind_a_request(PING, &[0; 8]);
        let (_, _, _, _, _) = tokio::join!(
            flood(gate.address, continuations()),
            flood(gate.address, requests_taken_back()),
            flood(gate.address, requests_to_be_reset()),
            flood(gate.address, pings),
            flood(gate.address, behind_a_request(SETTINGS, &[])),
        );
        if round == 0 {
            after_the_first = most_memory(gate.process.id());
        }
    }
    let gain = most_memory(gate.process.id()) - after_the_first;
    assert!(gain < GAIN, "{} KiB more", gain >> 10);
}
