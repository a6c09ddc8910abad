//! Every block of commands of every document is run as it stands there, here or by another test, or it is said why not.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use regex::Regex;
use serde_json::{Value, json};

use super::{
    fates::{FATES, Fate},
    reader::{Reader, blocks},
};
use crate::process::{Server, scripted};

/// What a document has a person put in for themselves, and the field of the answer before that has it.
const PLACEHOLDERS: [(&str, &str); 3] = [("ID", "task_id"), ("TOKEN", "lease_token"), ("RUN", "run_id")];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// All documents, by their names in the repository, in order.
fn documents() -> BTreeSet<String> {
    let folders = ["", "docs/", "clients/python/", "clients/typescript/"];
    let names = folders.into_iter().flat_map(|folder| {
        let files = fs::read_dir(root().join(folder)).unwrap();
        files.map(move |file| format!("{folder}{}", file.unwrap().file_name().to_str().unwrap()))
    });
    names.filter(|name| name.ends_with(".md")).collect()
}

fn read(document: &str) -> String {
    fs::read_to_string(root().join(document)).unwrap()
}

/// The blocks that are typed into a shell.
fn typed(text: &str) -> impl Iterator<Item = &str> {
    blocks(text).into_iter().filter(|(language, _)| *language == "sh").map(|(_, block)| block)
}

/// What becomes of a block; none, if it is to be run here to its end.
fn fate(document: &str, block: &str) -> Option<&'static Fate> {
    let of_it = FATES.iter().filter(|(of, begins, _)| *of == document && block.starts_with(begins));
    let found: Vec<_> = of_it.map(|(_, _, fate)| fate).collect();
    assert!(found.len() < 2, "{document}: more than one entry is of {block}");
    found.first().copied()
}

/// What a person has done before who reads this document.
async fn before(document: &str, server: &Server) {
    // What failed for good, and is to be looked at.
    server.run(fails()).await;
    match document {
        "docs/groups.md" => {
            for name in ["resize", "publish", "fetch", "index", "notify"] {
                server.put(&format!("/v1/task-types/{name}"), json!({"run": {"kind": "worker"}})).await;
            }
        }
        "docs/agents.md" => {
            let (status, run) = server.post("/v1/runs", json!({"prompt": "look", "executor": "runner"})).await;
            assert_eq!(status, 201, "{run}");
        }
        _ => {}
    }
}

/// The files and folders of the repository that a text names; a pattern or variable behind a folder stands for what is in it.
fn files_in(text: &str) -> impl Iterator<Item = PathBuf> {
    let file = Regex::new(r"(?:^|[\s/'])((?:tests|infra|functions|shared|clients)/[\w./-]+)").unwrap();
    let found: Vec<_> = file.captures_iter(text).map(|found| root().join(&found[1])).collect();
    found.into_iter()
}

fn fails() -> Value {
    scripted(json!({"acts": [{"fail_for_good": "out of paper"}, "complete"]}))
}

/// Types a block: what stands before the first placeholder is answered first.
fn fill_in_and_do(reader: &Reader, block: &str) {
    let stands = |name: &str| Regex::new(&format!(r"([^$\w]){name}\b")).unwrap();
    let has_one = |line: &str| PLACEHOLDERS.iter().any(|(name, _)| stands(name).is_match(line));
    let lines: Vec<&str> = block.split_inclusive('\n').collect();
    let (first, rest) = lines.split_at(lines.iter().position(|line| has_one(line)).unwrap_or(lines.len()));
    let answered = reader.does(&first.concat());
    let mut rest = rest.concat();
    for (name, field) in PLACEHOLDERS {
        if stands(name).is_match(&rest) {
            let (_, found) = answered.rsplit_once(&format!("\"{field}\":\"")).unwrap_or_else(|| panic!("{answered}"));
            let found = found.split('"').next().unwrap();
            rest = stands(name).replace_all(&rest, format!("${{1}}{found}")).into_owned();
        }
    }
    reader.does(&rest);
}

/// Types a block whose last line goes on, until that says what it is to say.
async fn do_until(reader: &Reader, block: &str, says: &str) {
    let (first, last) = block.trim_end().rsplit_once('\n').unwrap_or(("", block));
    reader.does(first);
    let terminal = reader.goes_on(last);
    // Who follows what happens sees something happen.
    let said = async || {
        reader.server.run(fails()).await;
        terminal.has_said(says).then_some(())
    };
    reader.server.until(said).await;
}

#[tokio::test]
async fn every_block_of_every_document_is_run_or_it_is_said_why_not() {
    let mut run = 0;
    for document in documents() {
        let text = read(&document);
        let here = |block: &str| matches!(fate(&document, block), None | Some(Fate::GoesOn(_)));
        if !typed(&text).any(here) {
            continue;
        }
        let reader = Reader::at(Server::start(&["--poll-interval-ms", "20"]));
        before(&document, &reader.server).await;
        for block in typed(&text) {
            match fate(&document, block) {
                None => fill_in_and_do(&reader, block),
                Some(Fate::GoesOn(says)) => do_until(&reader, block, says).await,
                Some(Fate::Elsewhere(_) | Fate::Read(_) | Fate::Not(_)) => continue,
            }
            run += 1;
        }
    }
    assert!(run >= 10, "only {run} were run");
}

#[test]
fn every_entry_is_of_one_block_and_names_a_test_that_reads_its_document() {
    for (document, begins, fate) in FATES {
        let text = read(document);
        let of_it = typed(&text).filter(|block| block.starts_with(begins)).count();
        assert_eq!(of_it, 1, "{document}: {begins}");
        match fate {
            Fate::Elsewhere(file) | Fate::Read(file) => {
                assert!(read(file).contains(document), "{file} does not read {document}")
            }
            Fate::Not(why) => files_in(why).for_each(|path| assert!(path.exists(), "{}", path.display())),
            Fate::GoesOn(_) => {}
        }
    }
}

#[test]
fn every_block_is_a_shells_and_the_files_that_it_names_are_there() {
    for document in documents() {
        let text = read(&document);
        for block in typed(&text) {
            let understood = Command::new("bash").args(["-nc", block]).output().unwrap();
            assert!(understood.status.success(), "{document}: {block}\n{understood:?}");
            files_in(block).for_each(|path| assert!(path.exists(), "{document}: {}", path.display()));
        }
    }
}
