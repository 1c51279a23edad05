//! Reading a file that an operator named and that may hold a secret, and saying who could not read it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

/// No configuration, secret or certificate is longer; `/dev/zero` is.
const LIMIT: u64 = 1 << 20;

/// Why a file could not be read. Follows the file's name in a message.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("cannot be read{}: {error}", by(*uid))]
    Io { error: io::Error, uid: Option<u32> },
    #[error("is not UTF-8 text")]
    NotUtf8,
    #[error("is longer than 1 MiB, which no such file is")]
    TooLong,
}

/// The text of a file.
pub fn read_text(path: &Path) -> Result<Zeroizing<String>, ReadError> {
    let bytes = read(path)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(ReadError::NotUtf8),
    }
}

/// All that a file holds.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    let failed = |error| ReadError::Io { error, uid: effective_uid() };
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path).map_err(failed)?.take(LIMIT + 1).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LIMIT) {
        return Err(ReadError::TooLong);
    }
    Ok(bytes)
}

/// The text without the one newline that editors and `echo` put at the end. Further ones may be the secret's.
#[must_use]
pub fn without_newline(text: &str) -> &str {
    text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n')).unwrap_or(text)
}

fn by(uid: Option<u32>) -> String {
    uid.map(|uid| format!(" by user id {uid}")).unwrap_or_default()
}

/// The user that the kernel asks about permissions; `None` where there is no `/proc` to tell.
fn effective_uid() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    // Real, effective, saved, file system.
    status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_newline_is_trimmed() {
        for (text, trimmed) in [
            ("secret", "secret"),
            ("secret\n", "secret"),
            ("secret\r\n", "secret"),
            ("secret\n\n", "secret\n"),
            (" secret \n", " secret "),
            ("\n", ""),
            ("", ""),
        ] {
            assert_eq!(without_newline(text), trimmed, "{text:?}");
        }
    }

    #[test]
    fn an_unreadable_file_says_who_tried() {
        let error = read(Path::new("/nowhere/at/all")).unwrap_err().to_string();
        assert!(error.starts_with("cannot be read by user id "), "{error}");
        assert!(error.contains("No such file or directory"), "{error}");
    }

    #[test]
    fn an_endless_file_is_not_read_to_its_end() {
        assert!(matches!(read(Path::new("/dev/zero")), Err(ReadError::TooLong)));
    }
}
