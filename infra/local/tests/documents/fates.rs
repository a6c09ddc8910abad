//! The blocks of commands that are not simply run by the test of all documents, and what becomes of them.

/// What becomes of a block.
pub(super) enum Fate {
    /// This test runs it, as it stands there.
    Elsewhere(&'static str),
    /// This test reads it, and what it comes to is run there.
    Read(&'static str),
    /// It is run here, and its last line has no end: until that says this.
    GoesOn(&'static str),
    /// It is run nowhere, and why.
    Not(&'static str),
}

use Fate::{Elsewhere, GoesOn, Not, Read};

const HERE: &str = "infra/local/tests/documents.rs";
const AWS: &str = "tests/operations/aws.rs";

/// Each with its document, and how the block begins.
pub(super) const FATES: [(&str, &str, Fate); 40] = [
    ("README.md", "cargo run", Read(HERE)),
    ("README.md", "pip install", Elsewhere(HERE)),
    ("README.md", "target/release/errand tasks add", Elsewhere(HERE)),
    ("README.md", "curl -d '{\"task\":", Elsewhere(HERE)),
    ("README.md", "cargo test", Elsewhere(".ci/run")),
    ("README.md", "sam build", Not("the rehearsal of a deployment does it: minutes, and an AWS of its own")),
    ("docs/agents.md", "RUN=", Elsewhere(HERE)),
    ("docs/agents.md", "AFTER=", Elsewhere(HERE)),
    ("docs/agents.md", "curl -d '{\"kind\": \"steer\"", Elsewhere(HERE)),
    ("docs/api.md", "curl -N", GoesOn("task.failed")),
    ("docs/api.md", "claude mcp add", Not("somebody else's program")),
    ("docs/engine.md", "cargo init", Not("it needs a registry; what it makes is the package tests/outside")),
    ("docs/engine.md", "curl", Not("the type is that of tests/outside, whose tests ask for it")),
    ("docs/engine.md", "cargo new", Not("it needs a registry; what it makes is the package tests/outside/lambda")),
    ("docs/engine.md", "sed ", Elsewhere("tests/outside/tests/template.rs")),
    ("docs/operations.md", "OTEL_", GoesOn("listens on http://")),
    ("docs/operations.md", "aws cloudwatch", Elsewhere(AWS)),
    ("docs/operations.md", "aws cloudformation", Elsewhere(AWS)),
    ("docs/operations.md", "aws lambda", Elsewhere(AWS)),
    ("docs/operations.md", "for f in", Elsewhere(AWS)),
    ("docs/operations.md", "aws sqs", Elsewhere(AWS)),
    ("docs/operations.md", "errand token", GoesOn("listens on http://")),
    ("docs/operations.md", "aws iam", Elsewhere(AWS)),
    ("docs/operations.md", "aws dynamodb restore", Elsewhere(AWS)),
    ("docs/operations.md", "aws dynamodb query", Elsewhere(AWS)),
    ("docs/operations.md", "set -o pipefail", Elsewhere(AWS)),
    ("docs/operations.md", "errand backup", GoesOn("tasks, ")),
    ("docs/operations.md", "mkdir -m 700 restored", GoesOn("listens on http://")),
    ("docs/operations.md", "aws dynamodb update-table", Elsewhere(AWS)),
    (
        "docs/operations.md",
        "cargo install",
        Not("a release's build takes minutes; tests/packaging.rs says what it would install"),
    ),
    (
        "docs/operations.md",
        "install -m",
        Not("it changes the machine, as root; tests/packaging.rs has systemd read the unit"),
    ),
    (
        "docs/operations.md",
        "docker build",
        Not("there may be no engine; infra/local/tests/packaging runs what the image does"),
    ),
    ("docs/operations.md", "sam build", Not("the rehearsal of a deployment does it: minutes, and an AWS of its own")),
    ("docs/operations.md", "sam deploy", Read(AWS)),
    ("docs/task-types.md", "curl -X PUT", Elsewhere(HERE)),
    ("docs/task-types.md", "curl 127.0.0.1:8787/v1/tasks/ID", Elsewhere(HERE)),
    ("docs/testing.md", "python3 tests/deployment/run.py", Not("it is a test itself, of many minutes")),
    ("docs/tour.md", "cargo run", Read(HERE)),
    ("docs/tour.md", "target/release/errand demo", Elsewhere(HERE)),
    ("docs/tour.md", "ERRAND_PICTURES", Read(HERE)),
];
