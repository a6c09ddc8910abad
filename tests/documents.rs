//! The documents lead where they say.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;

/// What somebody reads in the first ten minutes.
const README_LINES: usize = 150;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// All that people read.
pub(crate) fn documents() -> impl Iterator<Item = PathBuf> {
    let folders = [".", "docs", "clients/python", "clients/typescript"];
    let files = folders.into_iter().flat_map(|folder| fs::read_dir(root().join(folder)).unwrap());
    let files: BTreeSet<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    files.into_iter().filter(|path| path.extension().is_some_and(|of| of == "md"))
}

/// A document without its code, in which nothing is a link or a heading.
fn prose(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let mut fenced = false;
    let lines = text.lines().filter(|line| {
        let fence = line.starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The anchors of a document, as GitHub makes them of its headings.
fn anchors(path: &Path) -> BTreeSet<String> {
    let (prose, mut seen) = (prose(path), BTreeMap::<String, usize>::new());
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    let anchors = headings.map(|line| {
        let text = line.trim_start_matches('#').trim().to_lowercase();
        let kept = text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let before = seen.entry(anchor.clone()).or_default();
        *before += 1;
        if *before == 1 { anchor } else { format!("{anchor}-{}", *before - 1) }
    });
    anchors.collect()
}

/// The links of a document to what is here.
fn links(path: &Path) -> Vec<String> {
    let link = Regex::new(r"\]\(([^)\s]+)\)|(?m)^\[[^\]]+\]: (\S+)").unwrap();
    let prose = prose(path);
    // What is code in a line is none, but the text of a link may be code.
    let code = Regex::new(r"`[^`\n]*`").unwrap();
    let prose = code.replace_all(&prose, "code");
    let found = link.captures_iter(&prose).map(|found| found.get(1).or(found.get(2)).unwrap().as_str().to_owned());
    found.filter(|to| !to.contains("://") && !to.starts_with("mailto:")).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let (mut nowhere, mut seen) = (Vec::new(), 0);
    for document in documents() {
        for link in links(&document) {
            let (file, anchor) = link.split_once('#').map_or((&*link, None), |(file, anchor)| (file, Some(anchor)));
            let to = if file.is_empty() { document.clone() } else { document.parent().unwrap().join(file) };
            let is_there = to.exists() && anchor.is_none_or(|anchor| anchors(&to).contains(anchor));
            seen += 1;
            if !is_there {
                nowhere.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(nowhere.is_empty() && seen > 50, "of {seen} links these lead nowhere: {nowhere:#?}");
}

#[test]
fn every_document_is_to_be_found_from_the_readme() {
    let mut reached: BTreeSet<PathBuf> = [root().join("README.md")].into();
    let mut open: Vec<PathBuf> = reached.iter().cloned().collect();
    while let Some(document) = open.pop() {
        for link in links(&document) {
            let file = link.split('#').next().unwrap();
            let to = document.parent().unwrap().join(file);
            // A folder is shown by its README.
            let to = if to.join("README.md").exists() { to.join("README.md") } else { to };
            let Ok(to) = to.canonicalize() else { continue };
            if to.extension().is_some_and(|of| of == "md") && reached.insert(to.clone()) {
                open.push(to);
            }
        }
    }
    assert_eq!(documents().collect::<BTreeSet<_>>(), reached);
}

#[test]
fn the_readme_is_short_and_shows_a_picture() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.lines().count() <= README_LINES, "{} lines", readme.lines().count());
    assert_eq!(readme.matches("](docs/pictures/").count(), 1);
}

#[test]
fn the_documents_errors_are_those_that_are_answered() {
    let document = fs::read_to_string(root().join("docs/api.md")).unwrap();
    let (_, table) = document.split_once("\n| code | status | what is wrong |\n|---|---|---|\n").unwrap();
    let rows = table.lines().map_while(|line| line.strip_prefix("| `"));
    let listed: BTreeSet<String> = rows.map(|row| row.split('`').next().unwrap().to_owned()).collect();
    let answered = Regex::new(r#"\b(?:ApiError|Self)::new\(\s*\d{3},\s*"([a-z_]+)"|\bcode: "([a-z_]+)""#).unwrap();
    let mut open: Vec<PathBuf> = ["shared", "infra/local/src", "functions"].map(|folder| root().join(folder)).into();
    let mut codes = BTreeSet::new();
    while let Some(path) = open.pop() {
        // What speaks MCP has errors of that protocol.
        if path.ends_with("shared/mcp") {
            continue;
        } else if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|of| of == "rs") && !path.to_str().unwrap().ends_with("_test.rs") {
            let source = fs::read_to_string(&path).unwrap();
            let code = source.split("#[cfg(test)]\nmod tests").next().unwrap();
            let found = answered.captures_iter(code).map(|found| found.get(1).or(found.get(2)).unwrap().as_str());
            codes.extend(found.map(str::to_owned));
        }
    }
    assert_eq!(listed, codes);
}
