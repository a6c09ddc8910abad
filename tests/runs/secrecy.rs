//! What is secret in what an agent, a worker outside or an operator says is in no store (memory, file, tables), no log
//! line and no answer.
//!
//! Not meant by that is what somebody hands over to be worked on, which must reach who works on it as it is: the payload
//! of a task (with its prompt) and of a command; nor what was made of it, which must reach who asked for it as it
//! is: the output of a task, and the turns that it comes of. Both stay where they were put, and nothing is made of them but
//! what is redacted; that is tested too. Names and ids are addresses and stay as they are.

mod story;

use std::{path::Path, sync::Arc};

use errand::spi::store::MemoryStore;
use errand_local::sqlite::{self, SqliteStore};
use integration_tests::world::World;
use serde_json::Value;

use crate::telemetry::{ALL, Written};
use story::Story;

/// How many stories are told, in memory and on a file. (On tables, one: each call of theirs takes longer.)
const STORIES: u64 = 20;
const STORIES_ON_A_FILE: u64 = 4;

impl Story {
    /// The answers without what was handed over and made: the payload of a task or command and the output of a task,
    /// where they are shown whole.
    fn told(&self) -> Vec<(&str, String)> {
        let told = self.answers.iter().map(|(call, answer)| {
            let mut answer = answer.clone();
            without_payloads(&mut answer);
            (call.as_str(), answer.to_string())
        });
        told.collect()
    }

    fn found_in(&self, text: &str) -> Vec<&'static str> {
        let secrets = self.planter.hidden.iter().chain(&self.planter.handed_over).chain(&self.planter.made);
        secrets.filter(|(_, secret)| text.contains(secret)).map(|(place, _)| *place).collect()
    }

    fn hidden_in(&self, text: &str) -> Vec<&'static str> {
        self.planter.hidden.iter().filter(|(_, secret)| text.contains(secret)).map(|(place, _)| *place).collect()
    }

    fn told_nobody(&self, seed: u64, log: &str) {
        for (call, answer) in self.told() {
            assert_eq!(self.found_in(&answer), [""; 0], "{seed}: {call} answers {answer}");
        }
        for line in log.lines() {
            assert_eq!(self.found_in(line), [""; 0], "{seed}: {line}");
        }
    }
}

/// An event has a type; what is handed over has none beside its payload. What is made stands beside that, or with its task.
fn without_payloads(answer: &mut Value) {
    match answer {
        Value::Object(fields) => {
            let is_work = !fields.contains_key("type") && fields.remove("payload").is_some();
            if is_work || fields.contains_key("task_type") {
                fields.remove("output");
            }
            fields.values_mut().for_each(without_payloads);
        }
        Value::Array(items) => items.iter_mut().for_each(without_payloads),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn no_secret_that_is_said_in_a_run_is_stored_logged_or_told() {
    for seed in 0..STORIES {
        let (written, _guard) = Written::on(ALL);
        let store = Arc::new(MemoryStore::default());
        let story = Story::of(World::on(store.clone()), seed).await;
        assert!(story.planter.hidden.len() > 50 && story.planter.handed_over.len() > 10);
        assert!(story.planter.made.len() > 5);
        let log = written.text();
        assert!(log.lines().count() > 10, "{log}");
        story.told_nobody(seed, &log);
        let stored = format!("{store:?}");
        assert_eq!(story.hidden_in(&stored), [""; 0], "{seed}");
        // The prompts and answers are there, so that they would be found.
        let found = story.found_in(&stored);
        assert!(found.contains(&"prompt") && found.contains(&"answer"), "{found:?}");
    }
}

#[tokio::test]
async fn no_secret_that_is_said_in_a_run_is_in_the_file() {
    for seed in 1_000..1_000 + STORIES_ON_A_FILE {
        let (written, _guard) = Written::on(ALL);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("errand.db");
        let settings =
            sqlite::SqliteSettings { synchronous: sqlite::Synchronous::Normal, ..sqlite::SqliteSettings::default() };
        let story = Story::of(World::on(Arc::new(SqliteStore::open(&file, settings).unwrap())), seed).await;
        story.told_nobody(seed, &written.text());
        for (place, text) in cells(&file) {
            match place.as_str() {
                "tasks.payload" | "payloads.payload" | "tasks.output" => {}
                // Of a turn.
                "records.doc" if text.contains("\"answer\"") && text.contains("\"prompt\"") => {
                    assert_eq!(story.hidden_in(&text), [""; 0], "{seed}: {place} has {text}");
                }
                // Of a command, which knows its payload by its hash.
                "records.doc" if text.contains("\"payload_hash\"") => {
                    let mut record: Value = serde_json::from_str(&text).unwrap();
                    without_payloads(&mut record);
                    assert_eq!(story.found_in(&record.to_string()), [""; 0], "{seed}: {place} has {text}");
                }
                _ => assert_eq!(story.found_in(&text), [""; 0], "{seed}: {place} has {text}"),
            }
        }
        // Nor in what was written over, or is in the log of writes.
        for entry in std::fs::read_dir(dir.path()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            assert_eq!(story.hidden_in(&String::from_utf8_lossy(&bytes)), [""; 0], "{seed}");
        }
    }
}

#[tokio::test]
async fn no_secret_that_is_said_in_a_run_is_in_the_tables() {
    let (written, _guard) = Written::on(ALL);
    let setup = crate::dynamo::setup().await;
    let story = Story::of(World::on(Arc::new(setup.store.clone())), 2_000).await;
    story.told_nobody(2_000, &written.text());
    let stored = format!("{:?}", setup.everything().await);
    assert_eq!(story.hidden_in(&stored), [""; 0]);
    assert!(story.found_in(&stored).contains(&"prompt"));
}

/// Every value in the file, as text, with its table and column.
fn cells(file: &Path) -> Vec<(String, String)> {
    let db = rusqlite::Connection::open(file).unwrap();
    let mut tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut cells = Vec::new();
    for table in tables {
        let mut all = db.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns: Vec<String> = all.column_names().map(str::to_owned).collect();
        let mut rows = all.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for (nth, column) in columns.iter().enumerate() {
                let text = match row.get_ref(nth).unwrap() {
                    rusqlite::types::ValueRef::Text(bytes) | rusqlite::types::ValueRef::Blob(bytes) => {
                        String::from_utf8_lossy(bytes).into_owned()
                    }
                    _ => continue,
                };
                cells.push((format!("{table}.{column}"), text));
            }
        }
    }
    assert!(cells.len() > 1000, "{}", cells.len());
    cells
}
