//! Lists, as all commands show them.

use errand_client::Ask;
use serde_json::Value;

use super::{here::Here, print::Printer, trouble::Trouble};

/// A column: its head, and what it has of an item.
pub(crate) type Column = (&'static str, fn(Printer, &Value) -> String);

/// The most items of a page.
const PAGE: usize = 100;

/// How many, which is not none.
pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "expected a number from 1 on".to_owned())
}

impl Here {
    /// Shows what `ask` lists, at most `limit` of it if it is a list with pages, and says so if there is more.
    pub(crate) async fn list(
        &self,
        ask: Ask,
        limit: Option<usize>,
        columns: &[Column],
        nothing: &str,
    ) -> Result<(), Trouble> {
        let mut pages = self.remote.pages(ask.with("limit", limit.map(|limit| limit.min(PAGE))));
        let (mut rows, mut shown) = (Vec::new(), 0);
        while limit.is_none_or(|limit| shown < limit) {
            let Some(item) = pages.next().await? else { break };
            shown += 1;
            if self.print.json {
                self.print.json(&item)?;
            } else {
                rows.push(columns.iter().map(|(_, of)| of(self.print, &item)).collect());
            }
        }
        if self.print.json {
            return Ok(());
        }
        if rows.is_empty() {
            self.print.note(nothing);
            return Ok(());
        }
        let heads: Vec<&str> = columns.iter().map(|(head, _)| *head).collect();
        self.print.table(&heads, &rows)?;
        if pages.has_more() {
            self.print.note(&format!("these are the first {shown}; --limit {} shows more", shown * 10));
        }
        Ok(())
    }
}
