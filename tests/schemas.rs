//! The official test suite of JSON Schema, draft 2020-12, through the check of payloads: what a type's schema takes and
//! refuses is what the standard says, and which schemas are not taken as one is known by name.

use std::{fmt::Write, fs, path::Path};

use errand_work::{Schema, SchemaError};
use integration_tests::venv::sources;
use serde_json::Value;

/// The package of PyPI in whose source distribution the suite is.
const SUITE: &str = "jsonschema==4.25.1";

/// What came of a file.
#[derive(Default)]
struct Judged {
    groups: usize,
    /// Schemas that are not taken as one, and why.
    refused: Vec<String>,
    tests: usize,
    /// Where the check says something else than the suite.
    wrong: Vec<String>,
}

fn why(error: &SchemaError) -> &'static str {
    match error {
        SchemaError::TooLong(_) | SchemaError::TooMany => "too large",
        SchemaError::Reference(_) => "reference to elsewhere",
        SchemaError::Circle(_) => "leads back to itself",
        SchemaError::Keyword(keyword) => keyword,
        SchemaError::Invalid { .. } => "no schema, or a pattern that does not compile",
    }
}

fn judged(file: &Path) -> Judged {
    let groups: Vec<Value> = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let mut judged = Judged { groups: groups.len(), ..Judged::default() };
    for group in groups {
        let name = group["description"].as_str().unwrap();
        let schema = match Schema::new(&group["schema"]) {
            Ok(schema) => schema,
            Err(error) => {
                judged.refused.push(format!("{name} ({})", why(&error)));
                continue;
            }
        };
        for test in group["tests"].as_array().unwrap() {
            judged.tests += 1;
            if schema.check(&test["data"]).is_ok() != test["valid"].as_bool().unwrap() {
                judged.wrong.push(format!("{name}: {}", test["description"].as_str().unwrap()));
            }
        }
    }
    judged
}

/// The files of `folder` and what came of each, by name.
fn all(folder: &Path) -> Vec<(String, Judged)> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|file| file.extension().is_some_and(|of| of == "json")).collect();
    files.sort();
    files.iter().map(|file| (file.file_stem().unwrap().to_string_lossy().into_owned(), judged(file))).collect()
}

fn said(all: &[(String, Judged)]) -> String {
    let mut text = String::new();
    for (file, Judged { groups, refused, tests, wrong }) in all {
        writeln!(text, "{file}: {} of {groups} schemas refused, {tests} payloads judged", refused.len()).unwrap();
        refused.iter().for_each(|it| writeln!(text, "  refused: {it}").unwrap());
        wrong.iter().for_each(|it| writeln!(text, "  otherwise: {it}").unwrap());
    }
    text
}

#[test]
fn the_official_suite_is_judged_as_it_says_but_for_schemas_that_are_refused() {
    let suite = sources("schema-suite", SUITE).unwrap_or_else(|error| panic!("{error}"));
    let suite = suite.join("json/tests/draft2020-12");
    let required = all(&suite);
    let judged: usize = required.iter().map(|(_, judged)| judged.tests).sum();
    assert!(judged > 500, "{judged} payloads were judged");
    let wrong: Vec<_> = required.iter().filter(|(_, judged)| !judged.wrong.is_empty()).collect();
    assert!(wrong.is_empty(), "{}", said(&required));
    // Of what is optional, formats are notes to people, as the standard has them by default.
    let optional = all(&suite.join("optional"));
    insta::assert_snapshot!(format!("{}\n# optional\n{}", said(&required), said(&optional)));
}
