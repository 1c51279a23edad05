//! How many files and sockets the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the process needs beside its clients' connections and those to the app: listeners, runtimes, the log.
const BESIDES: u64 = 256;

/// Raises the soft limit as far as the hard one lets it, up to two for each of `connections`: one to the client and one
/// to the app. A warning where there will not even be one.
///
/// The soft limit is 1024 on most systems, for the sake of programs that use select(2).
pub(super) fn raise(connections: usize) {
    let connections = u64::try_from(connections).unwrap_or(u64::MAX);
    let [needed, wanted] = [1, 2].map(|each| connections.saturating_mul(each).saturating_add(BESIDES));
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let mut limit = current.unwrap_or(u64::MAX);
    let possible = wanted.min(maximum.unwrap_or(u64::MAX));
    if possible > limit {
        let raised = Rlimit { current: Some(possible), maximum };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            limit = possible;
        }
    }
    if limit < needed {
        tracing::warn!(limit, needed, "the limit of open files is too low for limits.connections");
    }
}
