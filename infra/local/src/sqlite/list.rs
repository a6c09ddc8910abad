//! Lists of tasks, read along the index that has their order.

use errand::{
    StoreError, Task, Timestamp,
    spi::store::{Bucket, ListQuery, Listing, Page, Position, TASK_PAGE_BYTES, shown},
};
use rusqlite::{Connection, Row, ToSql};
use uuid::Uuid;

use super::{reader::failed, task_read};

/// How many tasks one page looks at. A filter that shows few of them then gives a short page with a cursor, instead
/// of holding up other reads for as long as a million tasks take.
const EXAMINED_TASKS: usize = 1000;

/// The queue's number, so that the index need not repeat its names.
const OF_QUEUE: &str =
    "t.queue_n = (SELECT n FROM queues WHERE tenant = :tenant AND project = :project AND queue = :queue)";

/// A page of tasks.
pub(super) fn list(
    db: &Connection,
    query: &ListQuery,
    after: Option<Position>,
    limit: usize,
) -> Result<Page<Task, Position>, StoreError> {
    let sql = format!("{}{} LIMIT {}", task_read::SELECT, range(&query.listing, after.is_some()), EXAMINED_TASKS + 1);
    let mut statement = db.prepare_cached(&sql).map_err(failed)?;
    let values = values(query, after);
    let values: Vec<(&str, &dyn ToSql)> = values.iter().map(|(name, value)| (*name, value.as_ref())).collect();
    let read = |row: &Row<'_>| {
        let task = task_read::read(row);
        // Of one that cannot be read, too, so that a page goes on behind it.
        let place = if task.is_err() { place(row, &query.listing).ok() } else { None };
        Ok((task, place))
    };
    let rows = statement.query_map(values.as_slice(), read).map_err(failed)?;

    let mut page = Page { items: Vec::new(), next: None };
    let (mut last, mut bytes) = (None, 0);
    for (examined, row) in rows.enumerate() {
        let (task, place) = row.map_err(failed)?;
        if page.items.len() == limit || examined == EXAMINED_TASKS || bytes >= TASK_PAGE_BYTES {
            page.next = last; // this one is the next page's
            break;
        }
        let Some(task) = shown(task)? else {
            last = place.or(last);
            continue;
        };
        last = query.listing.position(&task);
        if query.filter.shows(&task) {
            bytes += task.body_bytes();
            page.items.push(task);
        }
    }
    Ok(page)
}

/// Where a row stands.
fn place(row: &Row<'_>, listing: &Listing) -> rusqlite::Result<Position> {
    let at = |column| row.get(column).map(Timestamp::from_millis);
    let id = Uuid::from_bytes(row.get("id")?);
    Ok(match listing {
        Listing::Queue { bucket: Bucket::Open, .. } => Position::new(row.get("priority")?, at("created_at")?, id),
        Listing::Queue { .. } => Position::new(0, at("ended_at")?, id),
        Listing::User(_) | Listing::Children(_) => Position::new(0, at("created_at")?, id),
    })
}

/// The part of a list after a place, in its order.
fn range(listing: &Listing, after: bool) -> String {
    let beyond = |condition: &'static str| if after { condition } else { "" };
    match listing {
        Listing::Queue { bucket: Bucket::Open, .. } => format!(
            "WHERE {OF_QUEUE} AND t.ended_at IS NULL {} ORDER BY t.priority, t.created_at, t.id",
            beyond("AND (t.priority, t.created_at, t.id) > (:rank, :at, :id)")
        ),
        Listing::Queue { .. } => format!(
            "WHERE {OF_QUEUE} AND t.status = :status AND t.ended_at IS NOT NULL {} ORDER BY t.ended_at DESC, t.id DESC",
            beyond("AND (t.ended_at, t.id) < (:at, :id)")
        ),
        Listing::User(_) => format!(
            "WHERE t.tenant = :tenant AND t.user_id = :user {} ORDER BY t.created_at DESC, t.id DESC",
            beyond("AND (t.created_at, t.id) < (:at, :id)")
        ),
        Listing::Children(_) => format!(
            "WHERE t.tenant = :tenant AND t.parent_id = :parent {} ORDER BY t.created_at DESC, t.id DESC",
            beyond("AND (t.created_at, t.id) < (:at, :id)")
        ),
    }
}

/// What the parameters of [`range`] stand for.
fn values(query: &ListQuery, after: Option<Position>) -> Vec<(&'static str, Box<dyn ToSql>)> {
    let text = |text: &str| -> Box<dyn ToSql> { Box::new(text.to_owned()) };
    let mut values = vec![(":tenant", text(query.tenant.as_str()))];
    let (rank, at, id) = after.map(|place| place.parts()).unwrap_or_default();
    match &query.listing {
        Listing::Queue { project, queue, bucket } => {
            values.extend([(":project", text(project.as_str())), (":queue", text(queue.as_str()))]);
            match bucket {
                Bucket::Open if after.is_some() => values.push((":rank", Box::new(rank))),
                Bucket::Open => {}
                ended => values.push((":status", text(ended.as_str()))),
            }
        }
        Listing::User(user) => values.push((":user", text(user.as_str()))),
        Listing::Children(parent) => values.push((":parent", Box::new(parent.into_bytes()))),
    }
    if after.is_some() {
        values.extend([(":at", Box::new(at.as_millis()) as Box<dyn ToSql>), (":id", Box::new(id.into_bytes()))]);
    }
    values
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use errand::{Id, Name};

    use super::*;
    use crate::sqlite::{SqliteSettings, schema};

    /// How SQLite means to go about the list.
    fn plan(listing: &Listing, after: bool) -> String {
        let db = schema::open_writer(Path::new(":memory:"), &SqliteSettings::default()).unwrap();
        let sql = format!("EXPLAIN QUERY PLAN {}{}", task_read::SELECT, range(listing, after));
        let mut plan = db.prepare(&sql).unwrap();
        let steps = plan.raw_query().mapped(|row| row.get::<_, String>(3)).collect::<rusqlite::Result<Vec<_>>>();
        steps.unwrap().join("\n")
    }

    #[test]
    fn every_list_is_read_along_an_index_and_never_sorted() {
        let queue = |bucket| Listing::Queue { project: Name::default(), queue: Name::default(), bucket };
        let user = Listing::User(Id::new("u").unwrap());
        let lists = [
            (queue(Bucket::Open), "USING INDEX tasks_open (queue_n=?", "(priority,created_at,id)>"),
            (queue(Bucket::Failed), "USING INDEX tasks_ended (queue_n=? AND status=?", "(ended_at,id)<"),
            (user, "USING INDEX tasks_user (tenant=? AND user_id=?", "(created_at,id)<"),
            (Listing::Children(Uuid::nil()), "USING INDEX tasks_parent (tenant=? AND parent_id=?", "(created_at,id)<"),
        ];
        for (listing, index, from) in lists {
            for after in [false, true] {
                let plan = plan(&listing, after);
                assert!(plan.contains(index) && (plan.contains(from) || !after), "{plan}");
                assert!(!plan.contains("TEMP B-TREE") && !plan.contains("SCAN"), "{plan}");
            }
        }
    }
}
