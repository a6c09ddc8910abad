//! What is given as an argument, on standard input or in a file.

use std::{
    fs,
    io::{self, Read},
};

use serde_json::Value;

use super::trouble::Trouble;

/// JSON: as it stands, `-` for standard input, or `@file`.
pub(crate) fn json(given: &str) -> Result<Value, Trouble> {
    let (text, from) = match given.strip_prefix('@') {
        Some(file) => (fs::read_to_string(file).map_err(|error| Trouble::Usage(format!("{file}: {error}")))?, file),
        None if given == "-" => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text)?;
            (text, "standard input")
        }
        None => (given.to_owned(), given),
    };
    serde_json::from_str(&text).map_err(|error| Trouble::Usage(format!("{from} is no JSON: {error}")))
}
