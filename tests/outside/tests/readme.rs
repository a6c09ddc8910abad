//! The README's section about the engine is the code of this package.

use std::{fs, path::Path};

#[test]
fn the_code_in_the_readme_is_the_code_here() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(here.join("../../README.md")).unwrap();
    let (_, section) = readme.split_once("\n## Use the engine\n").unwrap();
    let mut shown: Vec<&str> = Vec::new();
    // Up to the next heading: in code, none of its lines looks like one.
    for block in section.split("\n## ").next().unwrap().split("```rust\n").skip(1) {
        shown.push(block.split_once("```").unwrap().0);
    }
    let files = ["src/lib.rs", "src/main.rs", "src/invoice.rs", "lambda/src/bin/enqueue.rs"];
    let files = files.map(|file| fs::read_to_string(here.join(file)).unwrap());
    assert_eq!(shown, files);
    let lines = files.iter().take(2).map(|file| file.lines().count()).sum::<usize>();
    assert!(lines <= 42, "a type and its server are {lines} lines");
}
