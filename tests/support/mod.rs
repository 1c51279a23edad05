//! Fixtures that the subjects share.
