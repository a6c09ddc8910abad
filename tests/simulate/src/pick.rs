//! Choices that a number makes.

/// Draws from one number, always the same.
#[derive(Clone, Debug)]
pub struct Pick(fastrand::Rng);

impl Pick {
    pub fn of(number: u64) -> Self {
        Self(fastrand::Rng::with_seed(number))
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// A number below `most`; 0 if there is none.
    pub fn below(&mut self, most: usize) -> usize {
        if most == 0 { 0 } else { self.0.usize(..most) }
    }

    /// Whether it happens that happens so often in a hundred times.
    pub fn percent(&mut self, often: u32) -> bool {
        self.0.u32(..100) < often
    }

    /// One of these.
    ///
    /// # Panics
    /// If there is none.
    pub fn of_these<T: Copy>(&mut self, these: &[T]) -> T {
        these.get(self.below(these.len())).copied().unwrap_or_else(|| unreachable!("there is one to pick"))
    }

    /// One of these by weight; the first if nothing has any.
    pub fn weighed<'t, T>(&mut self, these: &'t [T], weight: impl Fn(&T) -> u32) -> Option<&'t T> {
        let all: u32 = these.iter().map(&weight).sum();
        let mut left = if all == 0 { 0 } else { self.0.u32(..all) };
        these.iter().find(|this| {
            let weight = weight(this);
            let found = left < weight;
            left = left.saturating_sub(weight);
            found
        })
    }
}
