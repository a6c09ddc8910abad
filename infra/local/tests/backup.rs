//! `errand backup`: a copy of what a server writes meanwhile, and a server that is started on it.

use std::{
    fs,
    io::{BufRead, BufReader},
    ops::ControlFlow,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Stdio,
};

use errand_local::sqlite::{BackupError, SqliteSettings, SqliteStore, backup};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    cli::{Came, Person},
    process::{Server, scripted},
};

/// How many tasks are enqueued before, and how many clients go on enqueueing meanwhile.
const BEFORE: usize = 200;
const CLIENTS: usize = 8;

fn back_up(data: &Path, more: &[&str]) -> Came {
    Person::alone().says(&[&["backup", "--data", data.to_str().unwrap()], more].concat())
}

/// Everything in a directory, by name.
fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_under_load_is_copied_and_the_copy_serves_all_that_was_answered_before() {
    let server = Server::start(&["--poll-interval-ms", "20", "--synchronous", "normal"]);
    server.put("/v1/records/user/ada", json!({"first_name": "Ada"})).await;
    let mut before = Vec::new();
    for nth in 0..BEFORE {
        before.push(server.enqueue(scripted(json!({"acts": ["complete"], "ballast": "x".repeat(nth * 20)}))).await);
    }
    server.ended(&before[0]).await;
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("copy.db");
    let backup = {
        let (data, file) = (server.data().to_owned(), file.clone());
        tokio::task::spawn_blocking(move || back_up(&data, &[file.to_str().unwrap(), "--json"]))
    };
    // Others write until the copy is there.
    let done = std::sync::atomic::AtomicBool::new(false);
    let load = futures::future::join_all((0..CLIENTS).map(|_| async {
        let mut enqueued = 0;
        while !done.load(std::sync::atomic::Ordering::Relaxed) {
            server.enqueue(scripted(json!({"acts": ["complete"]}))).await;
            enqueued += 1;
        }
        enqueued
    }));
    let copied = async {
        let came = backup.await.unwrap();
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        came
    };
    let (came, meanwhile) = tokio::join!(copied, load);
    assert_eq!((came.code, &*came.err), (Some(0), ""), "{came:?}");
    assert!(meanwhile.iter().sum::<usize>() > 0);
    let told: Value = serde_json::from_str(&came.out).unwrap();
    assert!(told["tasks"].as_u64().unwrap() >= BEFORE as u64, "{told}");
    assert_eq!(told["bytes"], file.metadata().unwrap().len());
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(names(place.path()), ["copy.db"], "nothing else is left");

    // As docs/operations.md says.
    let data = TempDir::new().unwrap();
    fs::copy(&file, data.path().join("errand.db")).unwrap();
    fs::copy(server.data().join("secret.key"), data.path().join("secret.key")).unwrap();
    let restored = Server::start_on(data, &["--poll-interval-ms", "20"]);
    for task in &before {
        let there = restored.ended(task).await;
        assert_eq!((&there["status"], &there["payload"]), (&json!("completed"), &task["payload"]));
    }
    assert_eq!(restored.get("/v1/records/user/ada").await["first_name"], "Ada");
    // What was in flight goes on, and new work is taken.
    restored.run(scripted(json!({"acts": ["complete"]}))).await;
}

#[tokio::test]
async fn what_is_asked_wrongly_changes_nothing_and_says_what_to_do() {
    let server = Server::start(&[]);
    let place = tempfile::tempdir().unwrap();
    let there = place.path().join("there.db");
    fs::write(&there, "a good copy").unwrap();
    let said = |data: &Path, file: &Path, more: &[&str]| {
        let came = back_up(data, &[&[file.to_str().unwrap()], more].concat());
        assert_eq!(&*came.out, "");
        (came.code, came.err.replace(place.path().to_str().unwrap(), "DIR"))
    };
    let (code, error) = said(server.data(), &there, &[]);
    assert_eq!((code, &*error), (Some(2), "error: DIR/there.db is there already, and is not written over\n"));
    assert_eq!(fs::read_to_string(&there).unwrap(), "a good copy");
    let (code, error) = said(&place.path().join("none"), &place.path().join("a.db"), &[]);
    let missing = "error: there is no DIR/none/errand.db: name the directory that the server has as --data\n";
    assert_eq!((code, &*error), (Some(2), missing));
    let (code, error) = said(server.data(), &place.path().join("none/a.db"), &[]);
    assert_eq!(
        (code, error.starts_with("error: DIR/none/a.db cannot be made: No such file")),
        (Some(2), true),
        "{error}"
    );
    let (code, error) = said(server.data(), &place.path().join("a.db"), &["--every", "10ms"]);
    assert_eq!((code, &*error), (Some(2), "error: --every is 1s at least\n"));
    let (code, error) = said(server.data(), &place.path().join("a.db"), &["--keep", "3"]);
    assert_eq!((code, error.contains("--every")), (Some(2), true), "{error}");
    assert_eq!(names(place.path()), ["there.db"]);
}

#[test]
fn what_is_no_database_of_ours_or_is_damaged_gives_no_copy() {
    let (data, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (database, copy) = (data.path().join("errand.db"), place.path().join("copy.db"));
    let refused = |why: &str| {
        let came = back_up(data.path(), &[copy.to_str().unwrap()]);
        assert_eq!((came.code, came.err.contains(why)), (Some(1), true), "{came:?}");
        assert_eq!(names(place.path()), [""; 0]);
    };
    fs::write(&database, "").unwrap();
    refused("it is no database of Errand");
    fs::write(&database, "nothing that SQLite has written".repeat(200)).unwrap();
    refused("file is not a database");
    fs::remove_file(&database).unwrap();

    // Bytes of an index that a page's reader does not look at: what was copied has them, and is not taken for good.
    drop(SqliteStore::open(&database, SqliteSettings::default()).unwrap());
    let db = rusqlite::Connection::open(&database).unwrap();
    db.execute_batch(
        "CREATE TABLE aside (a); INSERT INTO aside VALUES (1), (2); CREATE INDEX by_a ON aside (a);
         PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = 'CREATE INDEX by_a ON aside (a DESC)' WHERE name = 'by_a';",
    )
    .unwrap();
    drop(db);
    refused("is not whole");
    let db = rusqlite::Connection::open(&database).unwrap();
    db.execute_batch("PRAGMA user_version = 9999").unwrap();
    drop(db);
    refused("has schema 9999");
}

#[test]
fn a_copy_is_of_what_was_there_at_its_start_whatever_is_written_between_its_steps() {
    let (data, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (database, copy) = (data.path().join("errand.db"), place.path().join("copy.db"));
    drop(SqliteStore::open(&database, SqliteSettings::default()).unwrap());
    let db = rusqlite::Connection::open(&database).unwrap();
    // More than two steps have: at its start one row, then one more after each.
    db.execute_batch("CREATE TABLE aside (a); INSERT INTO aside VALUES (zeroblob(9 << 20))").unwrap();
    let (mut steps, mut written) = (0, 1);
    let write = |_| {
        steps += 1;
        // A copy that begins anew with each of these would have no end.
        if steps < 20 {
            written += db.execute("INSERT INTO aside VALUES (zeroblob(9))", []).unwrap();
        }
        ControlFlow::Continue(())
    };
    backup(&database, &copy, write).unwrap();
    let copied = rusqlite::Connection::open(&copy).unwrap();
    let rows: u32 = copied.query_row("SELECT count(*) FROM aside", [], |row| row.get(0)).unwrap();
    assert_eq!((rows, steps, written), (1, 3, 4));
}

#[test]
fn what_takes_the_name_meanwhile_is_not_written_over_and_a_copy_that_is_broken_off_leaves_nothing() {
    let (data, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (database, copy) = (data.path().join("errand.db"), place.path().join("copy.db"));
    drop(SqliteStore::open(&database, SqliteSettings::default()).unwrap());
    let stopped = backup(&database, &copy, |_| ControlFlow::Break(())).unwrap_err();
    assert!(matches!(stopped, BackupError::Stopped(_)), "{stopped}");
    assert_eq!(names(place.path()), [""; 0]);
    let take = |_| {
        fs::write(&copy, "somebody else's").unwrap();
        ControlFlow::Continue(())
    };
    let exists = backup(&database, &copy, take).unwrap_err();
    assert!(matches!(exists, BackupError::Exists(_)), "{exists}");
    assert_eq!(
        (names(place.path()), fs::read(&copy).unwrap()),
        (vec!["copy.db".to_owned()], b"somebody else's".to_vec())
    );
}

#[test]
fn a_copy_there_is_no_room_for_leaves_nothing_behind() {
    let (data, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(SqliteStore::open(&data.path().join("errand.db"), SqliteSettings::default()).unwrap());
    // The largest file that the process may write, in blocks of 512 bytes or of 1 KiB: less than the database has.
    let script = "trap '' XFSZ; ulimit -f 40; exec \"$0\" \"$@\"";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_errand"), "backup", "--data"]).arg(data.path());
    let came: Came = command.arg(place.path().join("copy.db")).output().unwrap().into();
    assert_eq!(came.code, Some(1), "{came:?}");
    assert!(came.err.contains("could not be copied to"), "{came:?}");
    assert_eq!(names(place.path()), [""; 0]);
}

#[tokio::test]
async fn copies_are_made_again_and_again_and_the_newest_are_kept() {
    let server = Server::start(&[]);
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("errand.db"), "somebody else's").unwrap();
    let file = place.path().join("errand.db");
    let args = ["backup", file.to_str().unwrap(), "--data", server.data().to_str().unwrap(), "--every", "1s"];
    let mut command = Person::alone().command(&[&args[..], &["--keep", "2", "--json"]].concat());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut made = Vec::new();
    // The line of the fourth is printed once the second is no longer kept.
    for _ in 0..4 {
        let told: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        made.push(Path::new(told["file"].as_str().unwrap()).file_name().unwrap().to_str().unwrap().to_owned());
    }
    assert!(!place.path().join(&made[0]).exists(), "{made:?}");
    assert!(std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let left = names(place.path());
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(left[0].starts_with("errand-2") && left[1].starts_with("errand-2"), "{left:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "somebody else's");
}
