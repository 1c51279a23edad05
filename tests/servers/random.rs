//! Numbers that are the same in every run of one seed (SplitMix64).

use std::env;

/// Where [`SEED`] does not say otherwise.
const USUAL: u64 = 136;

/// The variable that has another seed.
pub(super) const SEED: &str = "SERVER_TESTS_SEED";

/// A generator.
#[derive(Debug)]
pub(super) struct Random(u64);

/// What the numbers come from.
pub(super) fn seed() -> u64 {
    env::var(SEED).map_or(USUAL, |text| text.parse().expect("SERVER_TESTS_SEED is a number"))
}

impl Random {
    pub(super) fn new() -> Self {
        Self(seed())
    }

    /// A number below `end`, which is not 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % end as u64).unwrap()
    }

    /// One of them.
    pub(super) fn of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}
