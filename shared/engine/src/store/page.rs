//! Pages: where one of a list ends.

/// With so many bytes of payloads and outputs a page of tasks is full, however few they are: one answer of the API takes
/// no more.
pub const TASK_PAGE_BYTES: usize = 4 * 1024 * 1024;

/// With so many bytes of documents a page of records is full, however few they are: as values they take many times as
/// much memory.
pub const RECORD_PAGE_BYTES: usize = 1024 * 1024;

/// Part of a list, and where the next part begins if there may be one.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T, C> {
    /// What is there.
    pub items: Vec<T>,
    /// What to ask for next; `None` at the end.
    pub next: Option<C>,
}

impl<T, C: Clone> Page<T, C> {
    /// The first `limit` of `all`, which comes in order and each with its place, and where to go on.
    pub fn first(all: impl Iterator<Item = (C, T)>, limit: usize) -> Self {
        Self::within(all, limit, usize::MAX, |_| 0)
    }

    /// The same; and none is added once those before it have `most` bytes.
    pub fn within(all: impl Iterator<Item = (C, T)>, limit: usize, most: usize, bytes: impl Fn(&T) -> usize) -> Self {
        let (mut rest, mut items, mut last, mut sum) = (all.peekable(), Vec::new(), None, 0);
        while items.len() < limit
            && sum < most
            && let Some((at, item)) = rest.next()
        {
            sum += bytes(&item);
            last = Some(at);
            items.push(item);
        }
        Self { items, next: last.filter(|_| rest.peek().is_some()) }
    }
}
