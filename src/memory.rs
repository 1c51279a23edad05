//! The process's memory: what is allocated, how soon freed memory goes back to the system, and how much there may be.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tikv_jemalloc_ctl::{Access as _, AsName as _, background_thread, epoch, max_background_threads, stats};

/// Where the memory controllers of control groups are mounted, and the file with the limit: version 2 and version 1.
const UNIFIED: (&str, &str) = ("/sys/fs/cgroup", "memory.max");
const VERSION_1: (&str, &str) = ("/sys/fs/cgroup/memory", "memory.limit_in_bytes");

/// Bytes that are allocated and not freed, over all threads. `None` where the allocator does not count them.
///
/// Cost: some 20 µs, since the counts of all threads are added up.
#[must_use]
pub fn allocated() -> Option<usize> {
    epoch::advance().ok()?;
    stats::allocated::read().ok()
}

/// Has freed memory given back to the system after `delay` at the latest, also while no thread allocates anything.
///
/// # Errors
/// Where the allocator has no threads of its own for that.
pub fn give_back_within(delay: Duration) -> Result<(), tikv_jemalloc_ctl::Error> {
    let delay = isize::try_from(delay.as_millis()).unwrap_or(isize::MAX);
    // For arenas to come, and those that there are already.
    b"arenas.dirty_decay_ms\0"[..].name().write(delay)?;
    let arenas: u32 = b"arenas.narenas\0"[..].name().read()?;
    for arena in 0..arenas {
        let key = format!("arena.{arena}.dirty_decay_ms\0");
        // An arena that no thread has used yet is not there, and gets the value above when it comes.
        let _ = key.as_bytes().name().write(delay);
    }
    max_background_threads::write(1)?;
    background_thread::write(true)
}

/// How many bytes the process may use before the system ends it: the limit of its control group, else what the machine
/// has.
#[must_use]
pub fn available() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text));
    limits(&groups, |file| fs::read_to_string(file).ok()).into_iter().chain(machine).min()
}

/// The limits of the process's control group and of those above it, in bytes.
fn limits(groups: &str, read: impl Fn(&Path) -> Option<String>) -> Vec<u64> {
    let mut found = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let (mount, file) = match controllers {
            "" => UNIFIED,
            some if some.split(',').any(|name| name == "memory") => VERSION_1,
            _ => continue,
        };
        // Inside a container the path may be that of the host, of which only the mount's root can be seen.
        for group in Path::new(path.trim_start_matches('/')).ancestors() {
            let text = read(&Path::new(mount).join(group).join(file));
            found.extend(text.and_then(|text| text.trim().parse::<u64>().ok()));
        }
    }
    found
}

/// The `MemTotal` of `/proc/meminfo`, in bytes.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn least(groups: &str, files: &[(&str, &str)]) -> Option<u64> {
        let read = |file: &Path| {
            files.iter().find(|(name, _)| Path::new(name) == file).map(|(_, text)| (*text).to_owned())
        };
        limits(groups, read).into_iter().min()
    }

    #[test]
    fn the_limit_is_the_least_of_the_control_group_and_those_above_it() {
        let files = [
            ("/sys/fs/cgroup/memory.max", "max\n"),
            ("/sys/fs/cgroup/pods/memory.max", "67108864\n"),
            ("/sys/fs/cgroup/pods/gate/memory.max", "268435456\n"),
        ];
        assert_eq!(least("0::/pods/gate\n", &files), Some(64 << 20));
        assert_eq!(least("0::/\n", &files), None);
        assert_eq!(least("", &files), None);
    }

    #[test]
    fn the_limit_of_version_1_is_found_in_a_container_that_sees_only_its_own_group() {
        let files = [("/sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728\n")];
        assert_eq!(least("5:cpu:/a\n4:memory:/docker/abc\n0::/\n", &files), Some(128 << 20));
    }

    #[test]
    fn the_machines_memory_is_read_in_bytes() {
        assert_eq!(total("MemTotal:       24689472 kB\nMemFree: 1 kB\n"), Some(24_689_472 << 10));
        assert_eq!(total("MemFree: 1 kB\n"), None);
    }
}
