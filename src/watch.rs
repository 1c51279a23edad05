//! Files that may change while the process runs, judged by what they hold.
//!
//! They are read again and again rather than listened to: file events are missed on NFS and where the kubelet swaps
//! a symlink, and a time stamp says nothing of what is in a file.

use std::path::Path;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::file::{self, ReadError};

/// What some files held at one moment.
#[derive(Debug)]
pub struct Snapshot<const N: usize> {
    pub contents: [Content; N],
    digest: Digest,
}

/// Which snapshot was acted upon last.
///
/// What cannot be used is believed at the second look only: two files that belong together are seldom replaced in
/// one moment, and a look in between is no mistake of anybody's.
#[derive(Clone, Debug)]
pub struct Watch {
    judged: Digest,
    doubted: Option<Digest>,
}

/// What one file held, where it could be read.
pub type Content = Result<Zeroizing<Vec<u8>>, ReadError>;

type Digest = [u8; 32];

impl<const N: usize> Snapshot<N> {
    /// Reads them all. This blocks.
    #[must_use]
    pub fn take(paths: [&Path; N]) -> Self {
        let contents = paths.map(file::read);
        let mut whole = Sha256::new();
        for content in &contents {
            // Each by a digest of its own, so that nothing moves from one file's end to the next one's beginning.
            whole.update(match content {
                Ok(bytes) => Sha256::digest(bytes),
                Err(error) => Sha256::digest(error.to_string()),
            });
        }
        Self { contents, digest: whole.finalize().into() }
    }
}

impl Watch {
    /// Begins with a snapshot that is in use.
    #[must_use]
    pub fn begin<const N: usize>(used: &Snapshot<N>) -> Self {
        Self { judged: used.digest, doubted: None }
    }

    /// Begins with nothing, so that the first look is news.
    #[must_use]
    pub fn unread() -> Self {
        // No digest of anything is known to be this.
        Self { judged: Digest::default(), doubted: None }
    }

    /// What is made of files that changed: something new to use, or the reason why it cannot be used, told once.
    /// `None` where there is no news.
    pub fn look<const N: usize, T, E>(
        &mut self,
        now: Snapshot<N>,
        make: impl FnOnce([Content; N]) -> Result<T, E>,
    ) -> Option<Result<T, E>> {
        if now.digest == self.judged {
            self.doubted = None;
            return None;
        }
        let made = make(now.contents);
        if made.is_err() && self.doubted != Some(now.digest) {
            self.doubted = Some(now.digest);
            return None;
        }
        (self.judged, self.doubted) = (now.digest, None);
        Some(made)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Looks at two files, which can be used where they hold the same.
    fn look(watch: &mut Watch, paths: [&Path; 2]) -> Option<Result<Vec<u8>, String>> {
        watch.look(Snapshot::take(paths), |[one, other]| {
            let (one, other) = (one.map_err(|error| error.to_string())?, other.unwrap());
            if one == other { Ok(one.to_vec()) } else { Err("they differ".to_owned()) }
        })
    }

    #[test]
    fn news_are_told_once_and_what_cannot_be_used_at_the_second_look() {
        let directory = tempfile::tempdir().unwrap();
        let (one, other) = (directory.path().join("one"), directory.path().join("other"));
        let put = |path: &Path, text: &str| fs::write(path, text).unwrap();
        put(&one, "1");
        put(&other, "1");
        let paths = [one.as_path(), other.as_path()];
        let mut watch = Watch::begin(&Snapshot::take(paths));
        assert_eq!(look(&mut watch, paths), None);
        // One after the other, and a look in between.
        put(&one, "2");
        assert_eq!(look(&mut watch, paths), None);
        put(&other, "2");
        assert_eq!(look(&mut watch, paths), Some(Ok(b"2".to_vec())));
        assert_eq!(look(&mut watch, paths), None);
        put(&one, "garbage");
        let told: Vec<_> = (0..4).map(|_| look(&mut watch, paths)).collect();
        assert_eq!(told, [None, Some(Err("they differ".to_owned())), None, None]);
        // The one before again, which is in use: it can be used, and that is news.
        put(&one, "2");
        assert_eq!(look(&mut watch, paths), Some(Ok(b"2".to_vec())));
        fs::remove_file(&one).unwrap();
        assert_eq!(look(&mut watch, paths), None);
        let gone = look(&mut watch, paths).unwrap().unwrap_err();
        assert!(gone.contains("cannot be read"), "{gone}");
    }

    #[test]
    fn a_byte_that_moves_from_one_file_to_the_next_is_a_change() {
        let directory = tempfile::tempdir().unwrap();
        let (one, other) = (directory.path().join("one"), directory.path().join("other"));
        let digest = |first: &str, second: &str| {
            fs::write(&one, first).unwrap();
            fs::write(&other, second).unwrap();
            Snapshot::take([&one, &other]).digest
        };
        assert_ne!(digest("ab", "c"), digest("a", "bc"));
    }
}
