//! The real program as a child: its arguments, files and variables, what it prints, how it ends.

use std::fs::{File, Permissions};
use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Names another program to test.
const PROGRAM: &str = "TEST_PROGRAM";
/// Longer than anything here takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// The program in an empty directory, with no variable but those that are set here.
pub(crate) struct Program {
    directory: TempDir,
    pub(crate) command: Command,
    out: Stdio,
}

/// The program while it runs. Killed when dropped.
pub(crate) struct Running {
    child: Child,
    out: Arc<Lines>,
    err: Arc<Lines>,
    _directory: TempDir,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// None where a signal killed it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// What a stream has brought so far.
#[derive(Default)]
struct Lines {
    so_far: Mutex<(String, bool)>,
    news: Condvar,
}

/// The program under test: the one that cargo has built, or the one that this variable names.
fn program() -> PathBuf {
    std::env::var_os(PROGRAM)
        .map_or_else(|| assert_cmd::cargo::cargo_bin!("cognigate").to_owned(), PathBuf::from)
}

/// True where the program under test is a build that `./test` made for speed.
#[cfg(feature = "memory-tests")]
pub(crate) fn is_optimized() -> bool {
    std::env::var_os(PROGRAM).is_some()
}

impl Program {
    pub(crate) fn new(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new(program());
        command.env_clear().current_dir(directory.path()).args(arguments).stdin(Stdio::null());
        Self { directory, command, out: Stdio::piped() }
    }

    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs in the control group whose list of processes this is, from its first instruction on.
    #[cfg(feature = "memory-tests")]
    pub(crate) fn in_control_group(mut self, processes: &std::path::Path) -> Self {
        let mut command = Command::new("/bin/sh");
        command.env_clear().current_dir(self.directory.path()).stdin(Stdio::null());
        command.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]).arg(processes);
        command.arg(self.command.get_program()).args(self.command.get_args());
        self.command = command;
        self
    }

    /// Its standard output goes there, and is not read.
    pub(crate) fn prints_to(mut self, out: File) -> Self {
        self.out = out.into();
        self
    }

    /// Runs it to its end, and gives its exit code and what it printed.
    pub(crate) fn run(self) -> (i32, String, String) {
        let Ended { code, out, err } = self.start().ends();
        (code.unwrap(), out, err)
    }

    /// Starts what runs until it is told to end.
    pub(crate) fn start(mut self) -> Running {
        let mut child = self.command.stdout(self.out).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err) = (Lines::of(child.stdout.take()), Lines::of(child.stderr.take()));
        Running { child, out, err, _directory: self.directory }
    }
}

impl Running {
    /// Waits for a line on standard output that has all of `parts`, and gives it.
    pub(crate) fn prints(&self, parts: &[&str]) -> String {
        let has_all = |line: &&str| parts.iter().all(|part| line.contains(part));
        let found = self.out.wait_for(|text| text.lines().find(has_all).map(str::to_owned));
        found.unwrap_or_else(|| {
            panic!("no line has {parts:?}:\n{}\nstandard error:\n{}", self.out.text(), self.err.text())
        })
    }

    /// Standard output so far.
    pub(crate) fn printed(&self) -> String {
        self.out.text()
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.id();
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().unwrap();
        assert!(sent.success(), "no {name} for process {pid}");
    }

    /// Waits for it to end by itself, at most so long.
    pub(crate) fn ends_within(mut self, limit: Duration) -> Ended {
        let deadline = Instant::now() + limit;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "it still runs after {limit:?}:\n{}", self.out.text());
            thread::sleep(Duration::from_millis(5));
        };
        for lines in [&self.out, &self.err] {
            lines.wait_for_end();
        }
        Ended { code: status.code(), out: self.out.text(), err: self.err.text() }
    }

    /// Waits for it to end by itself.
    pub(crate) fn ends(self) -> Ended {
        self.ends_within(PATIENCE)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, mostly.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Lines {
    /// Reads a stream to its end on a thread of its own; without one there is nothing to read.
    fn of(stream: Option<impl Read + Send + 'static>) -> Arc<Self> {
        let lines = Arc::new(Self::default());
        let reading = Arc::clone(&lines);
        thread::spawn(move || {
            let mut stream = stream.map(BufReader::new);
            let mut line = String::new();
            while let Some(stream) = &mut stream
                && stream.read_line(&mut line).is_ok_and(|read| read > 0)
            {
                reading.so_far.lock().unwrap().0.push_str(&line);
                reading.news.notify_all();
                line.clear();
            }
            reading.so_far.lock().unwrap().1 = true;
            reading.news.notify_all();
        });
        lines
    }

    /// Waits until `find` finds, the stream ends or the patience does.
    fn wait_for<T>(&self, find: impl Fn(&str) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + PATIENCE;
        let mut so_far = self.so_far.lock().unwrap();
        loop {
            let found = find(&so_far.0);
            let left = deadline.saturating_duration_since(Instant::now());
            if found.is_some() || so_far.1 || left.is_zero() {
                return found;
            }
            so_far = self.news.wait_timeout(so_far, left).unwrap().0;
        }
    }

    fn wait_for_end(&self) {
        self.wait_for(|_| None::<()>);
    }

    fn text(&self) -> String {
        self.so_far.lock().unwrap().0.clone()
    }
}
