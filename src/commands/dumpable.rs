//! Whether others can read the memory of this process, with the keys and tokens in it.

/// Keeps the memory out of core dumps, and away from debuggers and from `/proc/PID/mem` and `environ`, for everyone without
/// `CAP_SYS_PTRACE`. The process still reads its own `/proc/self`.
///
/// To be called before a secret is read. Only on Linux; elsewhere it does nothing.
pub(super) fn hide() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // It fails only for a value that the kernel does not know.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// Ends what [`hide`] did, since `process.dumpable` says so.
pub(super) fn show() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        if let Err(error) = set_dumpable_behavior(DumpableBehavior::Dumpable) {
            tracing::warn!(%error, "process.dumpable has no effect");
        }
    }
}

/// Lets the process, and any program that it becomes, write no core file.
pub(super) fn no_core_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Core);
    // Lowering a limit is always permitted.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
}
