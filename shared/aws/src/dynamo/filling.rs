//! How many items of a page are read at a time, so that a page of large ones is not in memory before it is cut.

use std::ops::Range;

/// A page that is being filled.
pub(super) struct Filling {
    first: usize,
    most: usize,
    looked: usize,
    bytes: usize,
}

impl Filling {
    /// A page that is full with `most` bytes. How large its items are is not known before the first few are read.
    pub(super) fn new(first: usize, most: usize) -> Self {
        Self { first, most, looked: 0, bytes: 0 }
    }

    /// Which of `all` places to read next; none once they are all read, or the page is full.
    pub(super) fn next(&mut self, all: usize) -> Option<Range<usize>> {
        if self.looked >= all || self.bytes >= self.most {
            return None;
        }
        // As many as fill it, if they are as large as those before.
        let few = self.bytes.checked_div(self.looked).map_or(self.first, |each| (self.most - self.bytes) / each.max(1));
        let next = self.looked..self.looked + few.clamp(1, all - self.looked);
        self.looked = next.end;
        Some(next)
    }

    /// That so many bytes were read.
    pub(super) fn add(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// How many places were looked at.
    pub(super) fn looked(&self) -> usize {
        self.looked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many items are read at a time of `all` that have `each` bytes.
    fn reads(each: usize, all: usize) -> Vec<usize> {
        let (mut page, mut reads) = (Filling::new(4, 1000), Vec::new());
        while let Some(next) = page.next(all) {
            page.add(each * next.len());
            reads.push(next.len());
        }
        assert_eq!(page.looked(), reads.iter().sum::<usize>());
        reads
    }

    #[test]
    fn small_items_are_read_in_two_requests_and_large_ones_until_the_page_is_full() {
        assert_eq!(reads(1, 3), [3]);
        assert_eq!(reads(1, 100), [4, 96]);
        assert_eq!(reads(0, 100), [4, 96]);
        assert_eq!(reads(100, 100), [4, 6]);
        assert_eq!(reads(150, 100), [4, 2, 1]);
        assert_eq!(reads(5000, 100), [4]);
        assert_eq!(reads(1, 0), Vec::<usize>::new());
    }
}
