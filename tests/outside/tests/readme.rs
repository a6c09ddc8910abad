//! The code that docs/engine.md shows is that of this package.

use std::{fs, path::Path};

#[test]
fn the_code_in_the_document_is_the_code_here() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(here.join("../../docs/engine.md")).unwrap();
    let mut shown: Vec<&str> = Vec::new();
    for block in document.split("```rust\n").skip(1) {
        shown.push(block.split_once("```").unwrap().0);
    }
    let files = ["src/lib.rs", "src/main.rs", "src/invoice.rs", "lambda/src/bin/enqueue.rs"];
    let files = files.map(|file| fs::read_to_string(here.join(file)).unwrap());
    assert_eq!(shown, files);
    let lines = files.iter().take(2).map(|file| file.lines().count()).sum::<usize>();
    assert!(lines <= 42, "a type and its server are {lines} lines");
}
