//! What is said twice, in code and in the template or the documents, is said alike.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use errand::{
    Name, Rules, Task,
    spi::{environment::Environment, json::Json, registry::TaskType},
};
use errand_agents::ROUTES;
use errand_aws::{Deployment, dynamo, queue_variable};
use errand_http::{Function, Route};
use integration_tests::{aws::Lambda, described::DOCUMENT, events::is_of_agents};
use serde_json::{Map, Value};
use shared::handlers::{Installation, types};

use crate::template::{resource, resources, target, written};

const API: &str = include_str!("../docs/api.md");

/// Where it has the fields of a request for a task.
const FIELDS: &str = "## Fields of a request";

/// Model profiles as somebody may give them, with the key that the template has a parameter for.
const PROFILES: &str = r#"{"default": {"kind": "openai", "model": "m", "endpoint": "http://127.0.0.1:9/v1",
    "api_key_env": "ERRAND_MODEL_API_KEY"}}"#;

/// Where a client learns whose tokens are taken.
pub(crate) const WELL_KNOWN: &str = "GET /.well-known/oauth-protected-resource";

/// The function that serves the page. It has no queues, no tables and no types.
pub(crate) const DASHBOARD: &str = "DashboardFunction";

/// The functions as they are deployed, with what their libraries are called here.
const DEPLOYED: [(&str, Lambda); 9] = [
    ("EnqueueFunction", Lambda::Enqueue),
    ("IntakeFunction", Lambda::Enqueue),
    ("ProcessTaskFunction", Lambda::ProcessTask),
    ("ProcessTaskLongFunction", Lambda::ProcessTask),
    ("PollerFunction", Lambda::Poller),
    ("RelayFunction", Lambda::Relay),
    ("StatusFunction", Lambda::Status),
    ("ControlFunction", Lambda::Control),
    ("McpFunction", Lambda::Mcp),
];

/// The variables of ours that the template gives a function, with values that might be theirs.
pub(crate) fn variables(function: &str) -> BTreeMap<String, String> {
    let given = resource("AWS::Lambda::Function", function)["Environment"]["Variables"].take();
    let given: Map<String, Value> = serde_json::from_value(given).unwrap();
    let value = |name: &str| match name {
        "ERRAND_WEBHOOK_URL" => "http://127.0.0.1:9/hook",
        "ERRAND_FOUNDER_LINKEDIN_URL" => "https://www.linkedin.com/in/founder",
        "ERRAND_PROFILES" | "ERRAND_SHOWN_PROFILES" => PROFILES,
        "ERRAND_BUS_EVENTS" => "all",
        "ERRAND_JWT_ISSUER" => "https://issuer.example/pool",
        "ERRAND_DASHBOARD_CONNECT" => "https://login.example",
        "ERRAND_TASK_RETENTION" => "type:scripted=7",
        "ERRAND_SECRET_KEY" => "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
        "ERRAND_TOKEN_SCOPES" => "operate=errand.admin",
        "ERRAND_SCRIPTED" | "ERRAND_ALLOW_PRIVATE_TARGETS" => "true",
        "ERRAND_AGENTS" => "{}",
        _ if name.ends_with("_SHARDS") => "16",
        _ if name.ends_with("_DAYS") || name.starts_with("ERRAND_MAX_") => "7",
        _ => "something",
    };
    let ours = given.into_iter().filter(|(name, _)| name.starts_with("ERRAND_"));
    // What is the function's own stands in the template.
    let takes = |given: &Value| given.as_str().unwrap().to_owned();
    ours.map(
        |(name, given)| {
            if name == "ERRAND_TAKES" { (name, takes(&given)) } else { (name.clone(), value(&name).to_owned()) }
        },
    )
    .collect()
}

#[test]
fn the_functions_deployed_are_the_functions_there_are() {
    let deployed: BTreeSet<String> = resources("AWS::Lambda::Function").into_iter().map(|(id, _)| id).collect();
    let known = DEPLOYED.map(|(id, _)| id).into_iter().chain([DASHBOARD]);
    assert_eq!(deployed, known.map(str::to_owned).collect());
}

#[test]
fn the_templates_routes_are_the_apis_each_with_its_function() {
    let deployed: BTreeSet<(String, String)> = resources("AWS::ApiGatewayV2::Route")
        .into_iter()
        .map(|(_, route)| {
            let integration = resource("AWS::ApiGatewayV2::Integration", target(&route["Target"]));
            (route["RouteKey"].as_str().unwrap().to_owned(), target(&integration["IntegrationUri"]).to_owned())
        })
        .collect();
    let served = ROUTES.iter().filter(|info| !info.one_machine).map(|info| {
        let function = match info.function {
            Function::Enqueue => "IntakeFunction",
            Function::Status => "StatusFunction",
            Function::Control => "ControlFunction",
        };
        (info.key(), function.to_owned())
    });
    // What agents speak is no part of the API.
    let keys = ["POST /mcp", "GET /mcp", "DELETE /mcp", WELL_KNOWN, &format!("{WELL_KNOWN}/mcp")].map(str::to_owned);
    let of_agents = keys.into_iter().map(|key| (key, "McpFunction".to_owned()));
    let of_the_page = [::dashboard::PAGE, ::dashboard::FILES].map(|key| (key.to_owned(), DASHBOARD.to_owned()));
    assert_eq!(deployed, served.chain(of_agents).chain(of_the_page).collect());
}

#[test]
fn a_function_starts_with_what_the_template_gives_it_and_reads_all_of_it() {
    let template = written();
    let given_to_all = &template["Globals"]["Function"]["Environment"]["Variables"];
    let mut read_by_some: BTreeSet<String> = BTreeSet::new();
    let mut given_to_some: BTreeSet<String> = BTreeSet::new();
    for (id, of) in DEPLOYED {
        let given = variables(id);
        let read = Arc::new(Mutex::new(BTreeSet::new()));
        let (noted, values) = (read.clone(), given.clone());
        let environment = Environment::of(move |name| {
            // Others are Lambda's own.
            if name.starts_with("ERRAND_") {
                noted.lock().unwrap().insert(name.to_owned());
            }
            values.get(name).cloned()
        });
        let deployment = Deployment::read(&environment, of.queues()).unwrap_or_else(|error| panic!("{id}: {error}"));
        if of == Lambda::Mcp {
            assert!(::mcp::read(&environment, &deployment).resource.is_some());
        }
        if of == Lambda::Enqueue {
            environment.parsed::<enqueue::Takes>("ERRAND_TAKES").unwrap_or_else(|error| panic!("{id}: {error}"));
        }
        // As their `main.rs` say. The relay knows no types.
        let types = match of {
            Lambda::ProcessTask => Some(shared::types(&environment)),
            Lambda::Relay => None,
            _ => Some(shared::types_without_models(&environment)),
        };
        if let Some(Err(error)) = types {
            panic!("{id}: {error}");
        }
        let read = read.lock().unwrap().clone();
        // What is given to all, too, but for the one that runs no task.
        let read_or_not = |name: &&String| of == Lambda::Relay && given_to_all.get(name.as_str()).is_some();
        let unread: Vec<_> = given.keys().filter(|name| !read.contains(*name) && !read_or_not(name)).collect();
        assert!(unread.is_empty(), "nobody reads {unread:?} of {id}");
        let queues: BTreeSet<_> = given.keys().filter(|name| name.starts_with("ERRAND_QUEUE_")).cloned().collect();
        assert_eq!(queues, of.queues().iter().map(|queue| queue_variable(*queue)).collect(), "{id}");
        read_by_some.extend(read);
        given_to_some.extend(given.into_keys());
    }
    assert_eq!(read_by_some, given_to_some, "the template sets not all that can be set");
}

#[test]
fn the_function_of_the_page_reads_all_that_the_template_gives_it_alone() {
    let given_to_all = &written()["Globals"]["Function"]["Environment"]["Variables"];
    let given = variables(DASHBOARD);
    let (read, values) = (Arc::new(Mutex::new(BTreeSet::new())), given.clone());
    let noted = read.clone();
    let environment = Environment::of(move |name| {
        noted.lock().unwrap().insert(name.to_owned());
        values.get(name).cloned()
    });
    assert!(::dashboard::read(&environment).unwrap().is_some());
    let own = given.into_keys().filter(|name| given_to_all.get(name.as_str()).is_none());
    assert_eq!(*read.lock().unwrap(), own.collect());
}

#[test]
fn what_the_template_leaves_open_has_the_codes_default() {
    let template = written();
    let default = |name: &str| template["Parameters"][name]["Default"].as_u64().unwrap();
    let (tables, settings) = (dynamo::Config::new("", ""), Rules::default());
    let days = |of: std::time::Duration| of.as_secs() / 86_400;
    assert_eq!(default("TaskRetentionDays"), days(tables.retention.tasks));
    assert_eq!(default("ActionLogRetentionDays"), days(tables.retention.log));
    let rules = template["Parameters"]["TaskRetention"]["Default"].as_str().unwrap().parse();
    assert_eq!(rules, Ok(tables.retention.rules));
    let shards = ["DueShards", "ListShards", "UserShards"].map(default);
    assert_eq!(shards, [tables.shards.due, tables.shards.queue, tables.shards.user].map(u64::from));
    assert_eq!(default("MaxRetries"), u64::from(settings.max_retries));
    assert_eq!(default("MaxLosses"), u64::from(settings.max_losses));
}

/// The lines of the API's document between `from` and the next heading.
fn section(from: &str) -> Vec<&'static str> {
    let lines = API.lines().skip_while(|line| *line != from).skip(1);
    lines.take_while(|line| !line.starts_with("## ")).collect()
}

/// The names in the first column of the table that is headed so.
fn first_column(lines: &[&'static str], head: &str) -> BTreeSet<String> {
    let rows = lines.iter().skip_while(|line| !line.starts_with(head)).skip(2).take_while(|line| line.starts_with('|'));
    rows.flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

#[test]
fn the_documents_fields_of_a_request_are_those_of_a_request() {
    let fields = first_column(&section(FIELDS), "| field |");
    let described = DOCUMENT["components"]["schemas"]["TaskRequest"]["properties"].as_object().unwrap();
    let header = "Idempotency-Key".to_owned();
    assert_eq!(fields, described.keys().cloned().chain([header]).collect());
}

#[test]
fn the_timeouts_of_types_are_said_where_a_request_is_described() {
    let row = section(FIELDS).into_iter().find(|line| line.starts_with("| `timeout_s` |")).unwrap();
    let described = DOCUMENT.pointer("/components/schemas/TaskRequest/properties/timeout_s/description").unwrap();
    let types = types(&Installation { scripted: true, ..Installation::default() });
    for TaskType { name, example, .. } in types.catalog() {
        let input = types.accept(&Name::new(&name).unwrap(), &Json::new(&example)).unwrap();
        let timeout_s = input.settings().timeout_s;
        for said in [row, described.as_str().unwrap()] {
            let of_its_own = said.contains(&format!("`{name}`"));
            assert!(
                said.contains(&timeout_s.to_string()) && of_its_own == (timeout_s != Task::TIMEOUT_S),
                "{name}: {said}"
            );
        }
    }
}

#[test]
fn the_slow_types_are_said_where_the_priority_of_a_request_is_described() {
    let row = section(FIELDS).into_iter().find(|line| line.starts_with("| `priority` |")).unwrap();
    let described = DOCUMENT.pointer("/components/schemas/TaskRequest/properties/priority/description").unwrap();
    let types = types(&Installation { scripted: true, ..Installation::default() });
    for TaskType { name, example, .. } in types.catalog() {
        let input = types.accept(&Name::new(&name).unwrap(), &Json::new(&example)).unwrap();
        for said in [row, described.as_str().unwrap()] {
            assert_eq!(said.contains(&format!("`{name}`")), input.settings().is_slow, "{name}: {said}");
        }
    }
}

/// The routes in the document's table: method, path and parameters, as often as they are named.
fn documents_routes() -> Vec<(&'static str, String, BTreeSet<String>)> {
    let (mut named, mut method): (Vec<(_, _, BTreeSet<String>)>, _) = (Vec::new(), "");
    let table = section("## Routes").into_iter().filter(|line| line.starts_with('|'));
    for word in table.flat_map(|row| row.split([' ', '`', ',', '|'])) {
        let (path, query) = word.split_once('?').unwrap_or((word, ""));
        let query = query.split('&').filter_map(|pair| Some(pair.split_once('=')?.0.to_owned()));
        match path {
            "GET" | "POST" | "PUT" | "PATCH" | "DELETE" => method = path,
            path if path.starts_with("/v1/") => named.push((method, path.to_owned(), query.collect())),
            path if path.starts_with('/') => named.push((method, format!("/v1/tasks/{{id}}{path}"), query.collect())),
            // More parameters of the same.
            "" => named.last_mut().into_iter().for_each(|(.., known)| known.extend(query.clone())),
            _ => {}
        }
    }
    named
}

#[test]
fn the_documents_routes_are_routes() {
    let named = documents_routes();
    for (method, path, _) in &named {
        assert!(ROUTES.iter().any(|info| info.method == *method && info.path == *path), "{method} {path}");
    }
    assert!(named.len() >= 14, "{named:?}");
}

#[test]
fn the_documents_parameters_of_a_read_are_those_that_it_takes() {
    let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, path, query) in documents_routes().into_iter().filter(|(method, ..)| *method == "GET") {
        named.entry(path).or_default().extend(query);
    }
    for (path, parameters) in named {
        let described = DOCUMENT["paths"][&path]["get"]["parameters"].as_array().unwrap();
        let described = described.iter().filter(|it| it["in"] == "query");
        assert_eq!(parameters, described.map(|it| it["name"].as_str().unwrap().to_owned()).collect(), "{path}");
    }
}

#[test]
fn the_routes_of_agent_runs_are_described_and_no_others() {
    let text = include_str!("../docs/agents.md");
    let described: BTreeSet<String> = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|code| {
            let (method, path) = code.split_once(' ').filter(|(_, path)| path.starts_with("/v1/"))?;
            Some(format!("{method} {}", path.split(['?', ' ']).next()?))
        })
        .collect();
    let routes = ROUTES.iter().filter(|info| is_of_agents(info.path));
    let others =
        ["POST /v1/tasks/{id}/retry", "POST /v1/tasks/{id}/finish", "POST /v1/claims", "POST /v1/claims/heartbeat"];
    let others: BTreeSet<String> = others.map(str::to_owned).into();
    assert_eq!(described, routes.map(Route::key).collect::<BTreeSet<_>>().union(&others).cloned().collect());
}
