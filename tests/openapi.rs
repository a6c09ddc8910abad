//! The OpenAPI document is valid and complete, and the one-machine server does as it says.

mod answers;
mod seeds;
mod typescript;

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use errand_agents::ROUTES;
use errand_http::Route;
use errand_local::{
    options::{Durability, Options},
    running::RunningServer,
};
use integration_tests::{
    described::DOCUMENT,
    events::{Call, route},
    settings::Settings,
    venv::{program, venv},
    world::World,
};
use serde_json::Value;

use self::seeds::Seeds;

/// How many requests each operation gets in each phase.
const EXAMPLES: &str = "25";

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

#[test]
fn the_document_is_valid_openapi() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("openapi.json");
    fs::write(&file, DOCUMENT.to_string()).unwrap();
    content(tool("python").args(["-m", "openapi_spec_validator"]).arg(&file));
}

#[test]
fn the_document_has_every_route_and_no_other() {
    let mut described = BTreeSet::new();
    for (path, methods) in DOCUMENT["paths"].as_object().unwrap() {
        described.extend(methods.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase())));
    }
    assert_eq!(described, ROUTES.iter().map(|info| info.key()).collect());
}

#[test]
fn no_route_is_described_as_another() {
    let summary = |info: &Route| &DOCUMENT["paths"][info.path][info.method.to_lowercase()]["summary"];
    let summaries: BTreeSet<&str> = ROUTES.iter().map(|info| summary(info).as_str().unwrap()).collect();
    assert_eq!(summaries.len(), ROUTES.len());
}

#[tokio::test]
async fn every_route_takes_the_parameters_it_is_said_to_take_and_no_other() {
    let app = World::new().app;
    for info in &*ROUTES {
        let operation = &DOCUMENT["paths"][info.path][info.method.to_lowercase()];
        let parameters = operation["parameters"].as_array().unwrap();
        let text = |parameter: &Value, name: &str| parameter[name].as_str().unwrap().to_owned();
        let of = |place: &str| -> BTreeSet<String> {
            parameters.iter().filter(|it| it["in"] == place).map(|it| text(it, "name")).collect()
        };
        let path = info.path.replace("{kind}", "user").replace("{queue}", "default");
        let path = path.replace("{id}", "00000000-0000-4000-8000-000000000000");
        let served = Call::to(info.method, &path).answer(&app).await;
        assert!(!served.sentence().is_some_and(|said| said.ends_with("is not served here")), "{}", info.key());
        let refused = Call::to(info.method, &format!("{path}?nonsense=1")).answer(&app).await;
        let (status, _, field, said) = refused.error();
        assert_eq!((status, field.as_str()), (400, "nonsense"), "{}: {said}", info.key());
        let known = said.split_once("known are ").map_or("", |(_, known)| known);
        let known: BTreeSet<String> = known.split(", ").filter(|name| !name.is_empty()).map(str::to_owned).collect();
        assert_eq!(of("query"), known, "{}", info.key());
        assert!(of("header").contains("X-Errand-Tenant"), "{}", info.key());
    }
}

#[test]
fn every_named_schema_is_referred_to() {
    let text = DOCUMENT.to_string();
    for name in DOCUMENT["components"]["schemas"].as_object().unwrap().keys() {
        assert!(text.contains(&format!("\"#/components/schemas/{name}\"")), "{name}");
    }
}

#[test]
fn every_field_of_a_task_and_of_a_run_is_described_and_alike() {
    let fields = |schema: &str| DOCUMENT["components"]["schemas"][schema]["properties"].as_object().unwrap().clone();
    let (task, run) = (fields("TaskRequest"), fields("RunRequest"));
    for (name, field) in task.iter().chain(&run).chain(&fields("TaskView")) {
        assert!(field["description"].as_str().is_some_and(|text| text.ends_with('.')), "{name}: {field}");
    }
    // A run that waits for a runner expires.
    for (name, field) in run.iter().filter(|(name, _)| *name != "expires_at") {
        assert!(task.get(name).is_none_or(|of_task| of_task == field), "{name}: {field}");
    }
}

#[test]
fn no_description_links_to_the_code() {
    let document = DOCUMENT.to_string();
    assert_eq!(document.find("[`").map(|at| document[at..].chars().take(60).collect::<String>()), None);
}

/// Whether every object of a body says that it takes no other fields, as it is read.
fn takes_no_other_fields(schema: &Value) -> bool {
    let is_object = match &schema["type"] {
        Value::Array(types) => types.contains(&"object".into()),
        one => one == "object",
    };
    let within = match schema {
        Value::Object(fields) => fields.values().all(takes_no_other_fields),
        Value::Array(items) => items.iter().all(takes_no_other_fields),
        _ => true,
    };
    within && !(is_object && schema.get("additionalProperties").is_none())
}

#[test]
fn every_body_is_described_as_strictly_as_it_is_read() {
    let named = DOCUMENT["components"]["schemas"].as_object().unwrap();
    let is_body = |name: &str| name.ends_with("Request") || ["ClaimTasks", "FinishTask"].contains(&name);
    let bodies: Vec<_> = named.iter().filter(|(name, _)| is_body(name)).collect();
    assert!(bodies.len() > 15, "{}", bodies.len());
    for (name, schema) in bodies {
        assert!(takes_no_other_fields(schema), "{name}");
    }
}

/// The routes that did what schemathesis asked of them, by its report.
fn reached(report: &Path) -> BTreeSet<String> {
    let report: Value = serde_json::from_str(&fs::read_to_string(report).unwrap()).unwrap();
    let entries = report["log"]["entries"].as_array().unwrap().iter();
    let done = entries.filter(|entry| entry["response"]["status"].as_u64().is_some_and(|it| (200..300).contains(&it)));
    let routes = done.filter_map(|entry| {
        let url = reqwest::Url::parse(entry["request"]["url"].as_str()?).ok()?;
        Some(route(entry["request"]["method"].as_str()?, url.path())?.key())
    });
    routes.collect()
}

/// Every check of schemathesis, with the same requests each time; `tests/schemathesis.toml` says what is expected.
#[tokio::test(flavor = "multi_thread")]
async fn the_server_does_as_the_document_says() {
    let data = tempfile::tempdir().unwrap();
    let options = Options::on_a_free_port(data.path().to_owned(), Durability::Normal);
    let server = RunningServer::start(&options, Settings::default().types()).await.unwrap();
    let seeds = Seeds::plant(format!("http://{}", server.address)).await;
    let [config, report] = ["schemathesis.toml", "report.har"].map(|name| data.path().join(name));
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::write(&config, fs::read_to_string(here.join("schemathesis.toml")).unwrap() + &seeds.toml()).unwrap();
    let url = format!("http://{}/v1/openapi.json", server.address);
    let mut schemathesis = tool("schemathesis");
    schemathesis.current_dir(data.path()).arg("--config-file").arg(config);
    schemathesis.args(["run", &url, "--checks", "all", "--max-examples", EXAMPLES, "--no-color"]);
    schemathesis.args(["--generation-database", "none", "--report-har-path"]).arg(&report);
    let run = tokio::task::spawn_blocking(move || content(&mut schemathesis));
    let said = tokio::select! {
        said = run => said.unwrap(),
        () = seeds.keep() => unreachable!("it goes on"),
    };
    // All but the document itself, which it has read before.
    assert!(said.contains(&format!("Tested: {}", ROUTES.len() - 1)), "{said}");
    let reached = reached(&report);
    let others: Vec<String> = ROUTES.iter().map(Route::key).filter(|key| !reached.contains(key)).collect();
    // It has no token that a call would carry, fills no lists from dictionaries, and comes by no lease and no called type
    // where others have made some: the tests of users' own work do all that.
    let not_asked = ["POST /v1/claims", "POST /v1/tasks/{id}/finish"];
    let not_reached = |key: &String| {
        let open = Route::find(&ROUTES, key).is_some_and(|route| route.open);
        !open && key != "GET /v1/openapi.json" && !not_asked.contains(&key.as_str())
    };
    assert_eq!(others.into_iter().filter(not_reached).collect::<Vec<_>>(), [""; 0], "{said}");
    server.stop().await;
}
