//! A domain record as an item of the table `Tasks`: its fields are a native map, so that a patch changes them in place.
//!
//! | attribute | what it is |
//! |---|---|
//! | `pk`, `sk` | the key: tenant, kind and id |
//! | `v`, `ca`, `ua` | `version`, `created_at`, `updated_at` |
//! | `doc` | the fields |
//! | `p`, `ps` / `o`, `os` | indexes `parent` and `owner`: what it leads from, and `{sort}#{id}` |
//! | `d`, `w` | index `due`: its part, and `wake_at` |
//! | `ttl_s` | `expires_at` |

use aws_sdk_dynamodb::types::AttributeValue;

use crate::{
    Shards,
    dynamo::{
        attributes::{Fields, Item, from_doc, from_json, millis, number, stored_name, text, ttl, uuid},
        expression::Expression,
        keys,
    },
};
use errand::{
    Guard, Patch, Relation, Timestamp,
    spi::store::{Record, RecordKey, RelationKind},
};

/// The item of `record`.
pub(super) fn write(record: &Record, shards: Shards) -> Item {
    let mut item = keys::record(&record.key);
    let mut put = |name: &str, value| item.insert(name.to_owned(), value);
    put("v", uuid(record.version));
    put("ca", millis(record.created_at));
    put("ua", millis(record.updated_at));
    put("doc", AttributeValue::M(from_doc(record.doc.clone())));
    for kind in [RelationKind::Parent, RelationKind::Owner] {
        if let Some(to) = record.relation(kind) {
            let ((key, sort), values) = (keys::relation_attributes(kind), keys::relation_values(&record.key, to));
            put(key, text(values.0));
            put(sort, text(values.1));
        }
    }
    if let Some(at) = record.expires_at {
        put("ttl_s", ttl(at));
    }
    if let Some(at) = record.wake_at {
        put("d", text(keys::due_of_record(&record.key, shards)));
        put("w", millis(at));
    }
    item
}

/// Reads what [`write`] wrote.
pub(super) fn read(item: &Item) -> anyhow::Result<Record> {
    let fields = Fields(item);
    let pk = fields.text("pk")?;
    Ok(Record {
        key: keys::parse_record(pk).ok_or_else(|| anyhow::anyhow!("{pk} is no record's key"))?,
        version: fields.uuid("v")?,
        doc: fields.doc("doc")?,
        parent: relation(&fields, RelationKind::Parent)?,
        owner: relation(&fields, RelationKind::Owner)?,
        wake_at: fields.maybe_millis("w")?,
        expires_at: fields.maybe_seconds("ttl_s")?,
        created_at: fields.millis("ca")?,
        updated_at: fields.millis("ua")?,
    })
}

/// The update that makes of a stored record what [`Patch`] says.
pub(super) fn update(key: &RecordKey, patch: Patch, version: uuid::Uuid, at: Timestamp, shards: Shards) -> Expression {
    let mut update = Update::default();
    update.set("v", uuid(version));
    update.set("ua", millis(at));
    for (field, value) in patch.set {
        let path = update.field(field);
        if value.is_null() { update.remove(&path) } else { update.set(&path, from_json(value)) }
    }
    for (field, by) in patch.add {
        let path = update.field(field);
        let (zero, by) = (update.expression.value(number(0)), update.expression.value(number(by)));
        update.sets.push(format!("{path} = if_not_exists({path}, {zero}) + {by}"));
    }
    for (kind, to) in [(RelationKind::Parent, patch.parent), (RelationKind::Owner, patch.owner)] {
        if let Some(to) = to {
            let ((key_name, sort_name), to) =
                (keys::relation_attributes(kind), to.map(|to| keys::relation_values(key, &to)));
            update.put(key_name, to.as_ref().map(|(key, _)| text(key)));
            update.put(sort_name, to.as_ref().map(|(_, sort)| text(sort)));
        }
    }
    if let Some(wake_at) = patch.wake_at {
        update.put("d", wake_at.map(|_| text(keys::due_of_record(key, shards))));
        update.put("w", wake_at.map(millis));
    }
    if let Some(at) = patch.expires_at {
        update.set("ttl_s", ttl(at));
    }
    update.finish()
}

/// `condition`, and that these hold. (Its names are not those of the update, which rides in the same request.)
pub(super) fn guarded(mut condition: Expression, guards: &[Guard]) -> Expression {
    for (place, guard) in guards.iter().enumerate() {
        let (Guard::Absent(field) | Guard::AtMost(field, _)) = guard;
        let name = format!("#g{place}");
        let absent = format!("attribute_not_exists(doc.{name})");
        let holds = match guard {
            Guard::Absent(_) => absent,
            Guard::AtMost(_, most) => {
                let value = format!(":g{place}");
                let holds = format!("({absent} OR doc.{name} <= {value})");
                condition.values.insert(value, number(*most));
                holds
            }
        };
        condition.names.insert(name, stored_name(field.clone()));
        condition.text = format!("({}) AND {holds}", condition.text);
    }
    condition
}

/// An update expression, growing.
#[derive(Default)]
struct Update {
    expression: Expression,
    sets: Vec<String>,
    removes: Vec<String>,
}

impl Update {
    /// The path of a field of `doc`, under a name that may be anything.
    fn field(&mut self, field: String) -> String {
        format!("doc.{}", self.expression.name(stored_name(field)))
    }

    fn set(&mut self, path: &str, value: AttributeValue) {
        let value = self.expression.value(value);
        self.sets.push(format!("{path} = {value}"));
    }

    fn remove(&mut self, path: &str) {
        self.removes.push(path.to_owned());
    }

    fn put(&mut self, path: &str, value: Option<AttributeValue>) {
        match value {
            Some(value) => self.set(path, value),
            None => self.remove(path),
        }
    }

    fn finish(self) -> Expression {
        let mut text = format!("SET {}", self.sets.join(", "));
        if !self.removes.is_empty() {
            text = format!("{text} REMOVE {}", self.removes.join(", "));
        }
        Expression { text, ..self.expression }
    }
}

fn relation(fields: &Fields<'_>, kind: RelationKind) -> anyhow::Result<Option<Relation>> {
    let (key, sort) = keys::relation_attributes(kind);
    let Some(value) = fields.maybe_text(key)? else { return Ok(None) };
    let relation = keys::parse_relation(value, fields.text(sort)?);
    relation.map(Some).ok_or_else(|| anyhow::anyhow!("{value} leads nowhere"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use errand::{Doc, Id, Name};

    fn key() -> RecordKey {
        RecordKey { tenant: Name::default(), kind: Name::default(), id: Id::new("r-1").unwrap() }
    }

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let to = |of| Some(Relation { of: Id::new(of).unwrap(), sort: "0007".into() });
        let at = Timestamp::from_millis;
        let record = Record {
            key: key(),
            version: Uuid::from_u128(5),
            doc: Doc::from_iter([("text".to_owned(), json!({"deep": ["a", 1, null, ""]}))]),
            parent: to("c-1"),
            owner: to("u:2"),
            wake_at: Some(at(77)),
            expires_at: Some(at(5000)),
            created_at: at(1),
            updated_at: at(2),
        };
        assert_eq!(read(&write(&record, Shards::default())).unwrap(), record);
        let bare = Record { parent: None, owner: None, wake_at: None, expires_at: None, doc: Doc::new(), ..record };
        assert_eq!(read(&write(&bare, Shards::default())).unwrap(), bare);
    }

    #[test]
    fn a_patch_is_one_update_expression() {
        let patch = Patch {
            set: Doc::from_iter([("name".to_owned(), json!("x")), ("size".to_owned(), json!(null))]),
            add: BTreeMap::from([("visits".to_owned(), 2)]),
            parent: Some(Some(Relation { of: Id::new("p").unwrap(), sort: "1".to_owned() })),
            owner: Some(None),
            wake_at: Some(Some(Timestamp::from_millis(9))),
            expires_at: Some(Timestamp::from_millis(5000)),
            guards: Vec::new(),
        };
        let update = update(&key(), patch, Uuid::from_u128(5), Timestamp::from_millis(8), Shards::default());
        assert_eq!(
            update.text,
            "SET v = :0, ua = :1, doc.#0 = :2, doc.#2 = if_not_exists(doc.#2, :3) + :4, p = :5, ps = :6, d = :7, \
             w = :8, ttl_s = :9 REMOVE doc.#1, o, os"
        );
        assert_eq!(update.names.get("#2"), Some(&"visits".to_owned()));
        assert_eq!(update.values.get(":8"), Some(&number(9)));
    }
}
