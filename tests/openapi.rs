//! The OpenAPI document is valid and complete, and the one-machine server does as it says.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use errand::{
    options::{self, Durability},
    runner::Runner,
};
use integration_tests::{
    events::{Call, is_of_agents},
    venv::{program, venv},
    world::World,
};
use serde_json::Value;
use shared::api::ROUTES;

/// How many requests each operation gets in each phase.
const EXAMPLES: &str = "25";

async fn document() -> Value {
    Call::get("/v1/openapi.json").answer(&World::new().app).await.body(200)
}

/// A program of the tools that read the document.
fn tool(name: &str) -> Command {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let venv = venv("openapi", &here.join("requirements-openapi.txt")).unwrap_or_else(|error| panic!("{error}"));
    Command::new(program(&venv, name))
}

/// Runs a tool, which must be content.
fn content(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{out}{err}");
    out.into_owned()
}

#[tokio::test]
async fn the_document_is_valid_openapi() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("openapi.json");
    fs::write(&file, document().await.to_string()).unwrap();
    content(tool("python").args(["-m", "openapi_spec_validator"]).arg(&file));
}

#[tokio::test]
async fn the_document_has_every_route_and_no_other() {
    let document = document().await;
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        described.extend(methods.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase())));
    }
    assert_eq!(described, ROUTES.iter().map(|info| info.key()).collect());
}

#[tokio::test]
async fn every_route_takes_the_parameters_it_is_said_to_take_and_no_other() {
    let (document, app) = (document().await, World::new().app);
    for info in &ROUTES {
        let operation = &document["paths"][info.path][info.method.to_lowercase()];
        let parameters = operation["parameters"].as_array().unwrap();
        let text = |parameter: &Value, name: &str| parameter[name].as_str().unwrap().to_owned();
        let of = |place: &str| -> BTreeSet<String> {
            parameters.iter().filter(|it| it["in"] == place).map(|it| text(it, "name")).collect()
        };
        let path = info.path.replace("{kind}", "user").replace("{queue}", "default");
        let path = path.replace("{id}", "00000000-0000-4000-8000-000000000000");
        let refused = Call::to(info.method, &format!("{path}?nonsense=1")).answer(&app).await;
        let (status, _, field, said) = refused.error();
        assert_eq!((status, field.as_str()), (400, "nonsense"), "{}: {said}", info.key());
        let known = said.split_once("known are ").map_or("", |(_, known)| known);
        let known: BTreeSet<String> = known.split(", ").filter(|name| !name.is_empty()).map(str::to_owned).collect();
        assert_eq!(of("query"), known, "{}", info.key());
        assert!(of("header").contains("X-Errand-Tenant"), "{}", info.key());
    }
}

#[tokio::test]
async fn every_named_schema_is_referred_to() {
    let text = document().await.to_string();
    let document: Value = serde_json::from_str(&text).unwrap();
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(text.contains(&format!("\"#/components/schemas/{name}\"")), "{name}");
    }
}

/// Every check of schemathesis, with the same requests each time; `tests/schemathesis.toml` says what is expected.
#[tokio::test(flavor = "multi_thread")]
async fn the_server_does_as_the_document_says() {
    let data = tempfile::tempdir().unwrap();
    let runner = Runner::start(&options::measured(data.path().to_owned(), Durability::Normal)).await.unwrap();
    let url = format!("http://{}/v1/openapi.json", runner.address);
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemathesis.toml");
    let mut schemathesis = tool("schemathesis");
    schemathesis.current_dir(data.path()).arg("--config-file").arg(config);
    schemathesis.args(["run", &url, "--checks", "all", "--max-examples", EXAMPLES, "--no-color"]);
    schemathesis.args(["--generation-database", "none"]);
    // The bodies of agent runs are not told in full, so made up ones are no test of them; `agent_api` is.
    schemathesis.args(["--exclude-path-regex", "^/v1/(runs|commands|sessions|agents|runners|backends|jobs)"]);
    let said = tokio::task::spawn_blocking(move || content(&mut schemathesis)).await.unwrap();
    let tested = ROUTES.iter().filter(|info| !is_of_agents(info.path)).count();
    // All but the document itself, which it has read before.
    assert!(said.contains(&format!("Tested: {}", tested - 1)), "{said}");
    runner.stop().await;
}
