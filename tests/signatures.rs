//! What Errand signs, checked by the libraries that its receivers would use.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use errand::spi::clock::{Clock, SystemClock};
use errand_outbound::{SigningSecret, SigningSecrets, signed};
use integration_tests::{
    node,
    venv::{program, venv},
};
use serde_json::{Value, json};

/// Reads messages, and writes of each whether its signature is right.
const PYTHON: &str = "
import json, sys
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
def right(message):
    try:
        Webhook(message['secret']).verify(message['body'].encode(), message['headers'])
        return True
    except WebhookVerificationError:
        return False
print(json.dumps([right(message) for message in json.load(sys.stdin)]))
";

const NODE: &str = "
const { Webhook, WebhookVerificationError } = require('standardwebhooks');
const right = message => {
  try {
    new Webhook(message.secret).verify(message.body, message.headers);
    return true;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
    throw error;
  }
};
const messages = JSON.parse(require('fs').readFileSync(0, 'utf8'));
console.log(JSON.stringify(messages.map(right)));
";

fn message(secret: &SigningSecret, headers: &[(&str, String); 3], body: &str) -> Value {
    let headers: serde_json::Map<String, Value> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    json!({"secret": secret.reveal(), "headers": headers, "body": body})
}

/// Messages, and whether each is signed as it should be.
fn messages() -> Vec<(Value, bool)> {
    let [first, second, other] = [(); 3].map(|()| SigningSecret::generate().unwrap());
    let now = SystemClock.now();
    let (body, id) = (r#"{"type":"order.shipped","data":{"name":"Zoë ☂"}}"#, "0197-a_1");
    let secrets = SigningSecrets::of(first.clone());
    let headers = signed(&secrets, id, now, body.as_bytes());
    let empty = signed(&secrets, id, now, b"");
    let both = secrets.clone().rotated(second.clone(), now, Duration::from_secs(60));
    let both = signed(&both, id, now, body.as_bytes());
    let later = signed(&secrets.rotated(second.clone(), now, Duration::ZERO), id, now, body.as_bytes());
    let with = |place: usize, value: &str| {
        let mut headers = headers.clone();
        headers[place].1 = value.to_owned();
        headers
    };
    let old = signed(&SigningSecrets::of(first.clone()), id, now - Duration::from_secs(600), body.as_bytes());
    vec![
        (message(&first, &headers, body), true),
        (message(&first, &both, body), true),
        (message(&second, &both, body), true),
        (message(&second, &later, body), true),
        (message(&first, &later, body), false),
        (message(&other, &headers, body), false),
        (message(&first, &headers, "{}"), false),
        (message(&first, &empty, body), false),
        (message(&first, &with(0, "0197-a_2"), body), false),
        (message(&first, &with(1, "1"), body), false),
        (message(&first, &old, body), false),
    ]
}

fn verified(program: &Path, arguments: &[&str], folder: &Path, messages: &[Value]) -> Vec<bool> {
    let mut verifier = Command::new(program);
    verifier.args(arguments).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut verifier = verifier.spawn().unwrap();
    let mut input = verifier.stdin.take().unwrap();
    input.write_all(&serde_json::to_vec(messages).unwrap()).unwrap();
    drop(input);
    let output = verifier.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What the library of Python says of each message's signature.
pub(crate) fn python_finds_right(messages: &[Value]) -> Vec<bool> {
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("requirements-webhooks.txt");
    let venv = venv("webhooks", &list).unwrap();
    verified(&program(&venv, "python"), &["-c", PYTHON], &venv, messages)
}

#[test]
fn the_published_libraries_of_python_and_node_find_signatures_right_that_are() {
    let (messages, right): (Vec<Value>, Vec<bool>) = messages().into_iter().unzip();
    assert_eq!(python_finds_right(&messages), right, "Python");
    let packages = ["standardwebhooks@1.1.1", "@stablelib/base64@1.0.1", "fast-sha256@1.3.0"];
    let folder = node::packages("webhooks", &packages).unwrap();
    assert_eq!(verified(Path::new("node"), &["-e", NODE], &folder, &messages), right, "Node");
}
