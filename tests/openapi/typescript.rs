//! What `openapi-typescript` makes of the document takes the requests that the documents show, as they stand there.

use std::{fs, process::Command};

use integration_tests::{described::DOCUMENT, node};
use regex::Regex;
use serde_json::Value;

use crate::documents::documents;

/// A request with a body that a document shows, as `curl` is told.
struct Shown {
    method: String,
    path: String,
    body: String,
}

/// Those of a document, in its shell code.
fn shown(document: &str) -> Vec<Shown> {
    let command = Regex::new(r"(?s)curl (?P<before>[^\n']*)-d '(?P<body>[^']*)'(?P<after>[^\n]*)").unwrap();
    let path = Regex::new(r"127\.0\.0\.1:8787(/v1/[^\s'?]*)").unwrap();
    let method = Regex::new(r"-X (\w+)").unwrap();
    let joined = document.replace("\\\n", " ");
    let shell = joined.split("```sh\n").skip(1).filter_map(|block| block.split_once("```"));
    let shell: Vec<&str> = shell.map(|(code, _)| code).collect();
    let commands = shell.iter().flat_map(|code| command.captures_iter(code));
    let read = commands.map(|said| {
        let around = format!("{} {}", &said["before"], &said["after"]);
        let method = method.captures(&around).map_or("post".to_owned(), |found| found[1].to_lowercase());
        let path = path.captures(&around).unwrap_or_else(|| panic!("{around} asks for nothing"))[1].to_owned();
        Shown { method, path, body: said["body"].to_owned() }
    });
    read.collect()
}

/// The document's path of a request.
fn described(shown: &Shown) -> &'static str {
    let is = |path: &&String| {
        let (asked, said): (Vec<_>, Vec<_>) = (shown.path.split('/').collect(), path.split('/').collect());
        let fits = asked.iter().zip(&said).all(|(asked, said)| asked == said || said.starts_with('{'));
        asked.len() == said.len() && fits && DOCUMENT["paths"][path.as_str()][&shown.method].is_object()
    };
    DOCUMENT["paths"].as_object().unwrap().keys().find(is).unwrap_or_else(|| panic!("there is no {}", shown.path))
}

/// Runs a tool, which must be content.
fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn types_made_of_the_document_take_the_requests_that_are_shown() {
    let texts = documents().map(|name| fs::read_to_string(name).unwrap());
    let requests: Vec<Shown> = texts.flat_map(|text| shown(&text)).collect();
    assert!(requests.len() >= 10, "only {} are found", requests.len());

    let mut program = "import type { paths } from \"./api.js\";\n".to_owned();
    let body = |path: &str, method: &str| {
        format!("NonNullable<paths[\"{path}\"][\"{method}\"][\"requestBody\"]>[\"content\"][\"application/json\"]")
    };
    for (n, request) in requests.iter().enumerate() {
        let json: Value =
            serde_json::from_str(&request.body).unwrap_or_else(|error| panic!("{}: {error}", request.body));
        program += &format!("export const r{n}: {} = {json};\n", body(described(request), &request.method));
    }
    // The types do refuse something.
    let task = body("/v1/tasks", "post");
    program += &format!("// @ts-expect-error\nexport const without: {task} = {{\"payload\": {{}}}};\n");
    program += &format!(
        "// @ts-expect-error\nexport const odd: {task} = {{\"task_type\": \"t\", \"payload\": 1, \"odd\": 1}};\n"
    );

    let tools = node::packages("openapi", &["openapi-typescript@7.13.0", "typescript@5.9.3"]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("openapi.json"), DOCUMENT.to_string()).unwrap();
    fs::write(dir.path().join("requests.ts"), program).unwrap();
    let tool = |name: &str| Command::new(tools.join("node_modules/.bin").join(name));
    run(tool("openapi-typescript").current_dir(dir.path()).args(["openapi.json", "--output", "api.ts"]));
    run(tool("tsc").current_dir(dir.path()).args(["--noEmit", "--strict", "--skipLibCheck", "requests.ts"]));
}
