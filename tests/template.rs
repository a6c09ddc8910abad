//! The AWS deployment: that its description is clean, and keeps to the rules that no linter knows.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

mod trust;

use errand::spi::queue::QueueName;
use errand_agents::ROUTES;
use errand_aws::queue_variable;
use integration_tests::venv::{program, venv};
use serde_json::{Value, json};

use crate::drift::{DASHBOARD, WELL_KNOWN};

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/template.yaml")
}

/// A program of the pinned SAM tools, in an environment that leads nowhere: no network, no account, no home folder.
fn tool(name: &str) -> Command {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let venv = venv("sam", &here.join("requirements-sam.txt")).unwrap();
    let mut command = Command::new(program(&venv, name));
    command.current_dir(here.join(".."));
    command.env("__SAM_CLI_APP_DIR", venv.join("home")).env("SAM_CLI_TELEMETRY", "0");
    command.env("AWS_DEFAULT_REGION", "us-east-1").env("AWS_EC2_METADATA_DISABLED", "true");
    command.env("AWS_ACCESS_KEY_ID", "none").env("AWS_SECRET_ACCESS_KEY", "none").env_remove("AWS_PROFILE");
    command.env("HTTPS_PROXY", "http://127.0.0.1:9").env("HTTP_PROXY", "http://127.0.0.1:9");
    command
}

/// What a tool prints; it must be content.
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{out}{err}");
    out.into_owned()
}

/// The template as it is written, without CloudFormation's tags.
pub(crate) fn written() -> serde_yaml_ng::Value {
    serde_yaml_ng::from_str(&fs::read_to_string(source()).unwrap()).unwrap()
}

/// The text of the template as CloudFormation gets it: what SAM adds counts too.
fn expanded_text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| output(tool("python").args(["tests/expand_template.py", "infra/template.yaml"])))
}

/// Its resources of one type, with their logical ids. There is at least one.
pub(crate) fn resources(of_type: &str) -> Vec<(String, Value)> {
    let template: Value = serde_json::from_str(expanded_text()).unwrap();
    let all = template["Resources"].as_object().unwrap().clone();
    let found: Vec<_> = all.into_iter().filter(|(_, r)| r["Type"] == of_type).collect();
    assert!(!found.is_empty(), "no {of_type}");
    found.into_iter().map(|(id, mut resource)| (id, resource["Properties"].take())).collect()
}

/// The properties of one resource.
pub(crate) fn resource(of_type: &str, id: &str) -> Value {
    let found = resources(of_type).into_iter().find(|(found, _)| found == id);
    found.unwrap_or_else(|| panic!("no {of_type} {id}")).1
}

/// The logical id that an intrinsic leads to: `Ref`, `GetAtt`, the only variable of a `Sub`, or what a `Split` splits.
pub(crate) fn target(value: &Value) -> &str {
    let sub = || value["Fn::Sub"].as_str()?.split_once("${")?.1.split_once('}').map(|(id, _)| id);
    let sub = || sub().map(|id| id.split_once('.').map_or(id, |(id, _)| id));
    let id = value["Ref"].as_str().or_else(|| value["Fn::GetAtt"][0].as_str()).or_else(sub);
    let id = id.or_else(|| value["Fn::Split"][1]["Ref"].as_str());
    id.unwrap_or_else(|| panic!("{value} names no resource"))
}

/// One value or a list of them.
pub(crate) fn listed(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

/// Every statement of a role, at least where a parameter is given for it.
pub(crate) fn statements(role: &Value) -> Vec<Value> {
    let policies = listed(&role["Policies"]).into_iter();
    let all = policies.flat_map(|policy| listed(&policy["PolicyDocument"]["Statement"]));
    all.map(|statement| statement.pointer("/Fn::If/1").cloned().unwrap_or(statement)).collect()
}

/// Every (action, resource) that a role allows, at least where a parameter is given for it.
pub(crate) fn allowed(role: &Value) -> Vec<(String, Value)> {
    let mut allowed = vec![];
    for statement in statements(role) {
        for action in listed(&statement["Action"]) {
            let action = action.as_str().unwrap_or_else(|| panic!("{statement} names no action")).to_owned();
            allowed.extend(listed(&statement["Resource"]).into_iter().map(|on| (action.clone(), on)));
        }
    }
    assert!(!allowed.is_empty(), "a role that may do nothing");
    allowed
}

/// What a mapping does with a stream in its function's name.
pub(crate) const STREAM_ACTIONS: [&str; 4] =
    ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"];

/// The mappings of queues, by what they feed.
fn queue_mappings() -> Vec<(String, Value)> {
    let all = resources("AWS::Lambda::EventSourceMapping").into_iter();
    all.filter(|(_, mapping)| target(&mapping["EventSourceArn"]).ends_with("Queue")).collect()
}

/// The mapping of the table's change stream.
fn stream_mapping() -> Value {
    let all = resources("AWS::Lambda::EventSourceMapping").into_iter();
    let mut streams = all.filter(|(_, mapping)| !target(&mapping["EventSourceArn"]).ends_with("Queue"));
    let (only, more) = (streams.next().unwrap().1, streams.next());
    assert!(more.is_none(), "{more:?}");
    only
}

/// `IntakeDeadLetterQueue` for the queue `intake-dead-letter`.
pub(crate) fn queue_id(queue: QueueName) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    queue.as_str().split('-').map(capital).collect::<String>() + "Queue"
}

#[test]
fn the_template_is_clean_as_it_is_written() {
    output(tool("sam").args(["validate", "--lint", "--template-file", "infra/template.yaml"]));
    output(tool("cfn-lint").args(["--", "infra/template.yaml"]));
}

#[test]
fn the_template_is_clean_as_it_is_deployed() {
    let mut file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    std::io::Write::write_all(&mut file, expanded_text().as_bytes()).unwrap();
    output(tool("cfn-lint").arg("--").arg(file.path()));
}

#[test]
fn every_function_is_built_from_the_package_of_its_binary() {
    let template = written();
    let mut built = BTreeSet::new();
    for (id, resource) in template["Resources"].as_mapping().unwrap() {
        if resource["Type"].as_str() == Some("AWS::Serverless::Function") {
            let uri = resource["Properties"]["CodeUri"].as_str().unwrap();
            let package = source().with_file_name(uri).canonicalize().unwrap();
            let binary = resource["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap();
            assert!(package.ends_with(Path::new("functions").join(binary)), "{id:?}: {binary} is not in {uri}");
            built.insert(binary.to_owned());
        }
    }
    let packages = fs::read_dir(source().with_file_name("../functions")).unwrap();
    let packages = packages.map(Result::unwrap).filter(|entry| entry.path().join("src/main.rs").exists());
    let packages: BTreeSet<_> = packages.map(|entry| entry.file_name().into_string().unwrap()).collect();
    assert_eq!(built, packages);
}

#[test]
fn every_role_names_what_it_may_do_and_to_what() {
    for (id, role) in resources("AWS::IAM::Role") {
        // What X-Ray wants knows no resources.
        let tracing = "arn:${AWS::Partition}:iam::aws:policy/AWSXRayDaemonWriteAccess";
        let tracing = json!({"Fn::If": ["TracingIsActive", [{"Fn::Sub": tracing}], {"Ref": "AWS::NoValue"}]});
        let of_function = role["AssumeRolePolicyDocument"].to_string().contains("lambda.amazonaws.com");
        let managed = if of_function { tracing } else { Value::Null };
        assert_eq!(role["ManagedPolicyArns"], managed, "{id} has policies that are not written here");
        for (action, on) in allowed(&role) {
            assert!(!action.contains('*'), "{id} may {action}");
            assert!(!on.to_string().contains('*'), "{id} may {action} on {on}");
            target(&on);
        }
    }
    for (id, function) in resources("AWS::Lambda::Function") {
        resource("AWS::IAM::Role", target(&function["Role"]));
        assert!(target(&function["LoggingConfig"]["LogGroup"]).ends_with("Logs"), "{id} has no log group of its own");
    }
}

#[test]
fn nobody_may_change_the_action_log_or_scan_and_few_may_delete() {
    for (id, role) in resources("AWS::IAM::Role") {
        for (action, on) in allowed(&role) {
            assert!(!["dynamodb:Scan", "dynamodb:BatchWriteItem"].contains(&action.as_str()), "{id} may {action}");
            // What it has counted together; what somebody has taken away.
            let deletes = ["PollerRole", "ControlRole", "ProcessTaskLongRole"].contains(&id.as_str());
            assert!(action != "dynamodb:DeleteItem" || deletes, "{id} may {action}");
            if target(&on) == "ActionLogTable" {
                // What an erased task's rows say goes with it.
                let erases = id == "ProcessTaskLongRole" && action == "dynamodb:UpdateItem";
                let harmless =
                    ["dynamodb:PutItem", "dynamodb:Query", "dynamodb:BatchGetItem", "dynamodb:DescribeTable"];
                assert!(erases || harmless.contains(&action.as_str()), "{id} may {action} on the action log");
            }
        }
    }
}

#[test]
fn only_what_runs_tasks_may_ask_bedrock_and_only_the_models_that_are_named() {
    for (id, role) in resources("AWS::IAM::Role") {
        let bedrock: Vec<_> = allowed(&role).into_iter().filter(|(action, _)| action.starts_with("bedrock:")).collect();
        let models = ("bedrock:InvokeModel".to_owned(), json!({"Fn::Split": [",", {"Ref": "BedrockModelArns"}]}));
        let asks = ["ProcessTaskRole", "ProcessTaskLongRole"].contains(&id.as_str());
        assert_eq!(bedrock, if asks { vec![models] } else { vec![] }, "{id}");
        let all = listed(&role["Policies"][0]["PolicyDocument"]["Statement"]);
        for given in all.iter().filter(|statement| statement.to_string().contains("bedrock:")) {
            let (if_asked, else_none) = (&given["Fn::If"][0], &given["Fn::If"][2]);
            assert_eq!((if_asked, else_none), (&json!("AsksBedrock"), &json!({"Ref": "AWS::NoValue"})), "{id}");
        }
    }
}

#[test]
fn a_function_has_the_urls_of_the_queues_it_may_use_and_no_others() {
    let use_of = ["sqs:SendMessage", "sqs:ChangeMessageVisibility"];
    for (id, function) in resources("AWS::Lambda::Function") {
        let allowed = allowed(&resource("AWS::IAM::Role", target(&function["Role"])));
        let reads_only = id == "StatusFunction";
        for queue in QueueName::ALL {
            let url = &function["Environment"]["Variables"][queue_variable(queue)];
            let may = allowed.iter().any(|(action, on)| {
                let counts = use_of.contains(&action.as_str()) || (reads_only && action == "sqs:GetQueueAttributes");
                counts && target(on) == queue_id(queue)
            });
            assert_eq!(!url.is_null(), may, "{id} and {queue:?}");
            assert!(url.is_null() || target(url) == queue_id(queue), "{id} takes {url} for {queue:?}");
        }
    }
}

/// Whoever may invoke it could write the event in which the API, or the queue, says who asks.
#[test]
fn what_is_invoked_directly_takes_no_events_and_what_takes_them_is_invoked_by_aws_alone() {
    let takes = |id: &str| resource("AWS::Lambda::Function", id)["Environment"]["Variables"]["ERRAND_TAKES"].take();
    assert_eq!((takes("EnqueueFunction"), takes("IntakeFunction")), (json!("invokes"), json!("events")));
    let mapped = queue_mappings().into_iter().map(|(_, mapping)| mapping);
    for (id, permission) in resources("AWS::Lambda::Permission") {
        let by_aws = ["apigateway.amazonaws.com", "events.amazonaws.com", "scheduler.amazonaws.com"];
        assert!(by_aws.contains(&permission["Principal"].as_str().unwrap()), "{id}");
        assert_ne!(target(&permission["FunctionName"]), "EnqueueFunction", "{id}");
    }
    for mapping in mapped {
        assert_ne!(target(&mapping["FunctionName"]), "EnqueueFunction");
    }
}

#[test]
fn both_processors_differ_in_their_timeout_and_their_role_alone() {
    let mut short = resource("AWS::Lambda::Function", "ProcessTaskFunction");
    let mut long = resource("AWS::Lambda::Function", "ProcessTaskLongFunction");
    assert!(short["Timeout"].as_u64() < long["Timeout"].as_u64());
    for property in ["Timeout", "FunctionName", "LoggingConfig", "Role"] {
        short[property].take();
        long[property].take();
    }
    assert_eq!(short, long);
}

#[test]
fn every_mapping_reports_single_failures_and_limits_its_concurrency() {
    for (id, mapping) in resources("AWS::Lambda::EventSourceMapping") {
        assert_eq!(mapping["FunctionResponseTypes"][0], "ReportBatchItemFailures", "{id}");
    }
    for (id, mapping) in queue_mappings() {
        assert!(!mapping["ScalingConfig"]["MaximumConcurrency"].is_null(), "{id}");
        let long = target(&mapping["EventSourceArn"]) == queue_id(QueueName::Long);
        assert_eq!(mapping["BatchSize"], if long { 1 } else { 10 }, "{id}");
    }
}

#[test]
fn every_queue_but_the_dead_letters_feeds_a_function() {
    let fed: BTreeSet<(String, String)> = queue_mappings()
        .iter()
        .map(|(_, m)| (target(&m["EventSourceArn"]).to_owned(), target(&m["FunctionName"]).to_owned()))
        .collect();
    let function = |queue| match queue {
        QueueName::Work(_) => Some("ProcessTaskFunction"),
        QueueName::Long | QueueName::Pushed => Some("ProcessTaskLongFunction"),
        QueueName::Intake => Some("IntakeFunction"),
        QueueName::DeadLetter | QueueName::IntakeDeadLetter => None,
    };
    let wanted = QueueName::ALL.into_iter().filter_map(|queue| Some((queue_id(queue), function(queue)?.to_owned())));
    assert_eq!(fed, wanted.collect());
}

#[test]
fn a_function_may_receive_what_feeds_it() {
    for (id, mapping) in queue_mappings() {
        let function = resource("AWS::Lambda::Function", target(&mapping["FunctionName"]));
        let allowed = allowed(&resource("AWS::IAM::Role", target(&function["Role"])));
        // The mapping calls in the function's name, and is refused at deployment without these.
        for action in ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"] {
            let queue = target(&mapping["EventSourceArn"]);
            assert!(allowed.iter().any(|(may, on)| may == action && target(on) == queue), "{id}: {action}");
        }
    }
}

#[test]
fn a_message_stays_hidden_for_six_times_as_long_as_its_function_may_run() {
    for (id, mapping) in queue_mappings() {
        let queue = resource("AWS::SQS::Queue", target(&mapping["EventSourceArn"]));
        let function = resource("AWS::Lambda::Function", target(&mapping["FunctionName"]));
        let (hidden_s, runs_s) = (queue["VisibilityTimeout"].as_u64().unwrap(), function["Timeout"].as_u64().unwrap());
        assert!(hidden_s >= 6 * runs_s, "{id}: {hidden_s} s against {runs_s} s");
    }
}

#[test]
fn what_no_function_can_read_goes_to_the_dead_letters() {
    for queue in QueueName::ALL {
        let redrive = &resource("AWS::SQS::Queue", &queue_id(queue))["RedrivePolicy"];
        let dead = match queue {
            QueueName::Work(_) | QueueName::Long | QueueName::Pushed => QueueName::DeadLetter,
            QueueName::Intake => QueueName::IntakeDeadLetter,
            QueueName::DeadLetter | QueueName::IntakeDeadLetter => {
                assert!(redrive.is_null(), "{queue:?}");
                continue;
            }
        };
        assert_eq!(target(&redrive["deadLetterTargetArn"]), queue_id(dead), "{queue:?}");
        // Retries come back through the queue: the limit must never be what ends them.
        // Each snooze and each retry may be one receive of the same message.
        let most = u64::from(errand::spi::lifecycle::retry::MAX_SNOOZES + errand::Task::MAX_RETRIES);
        assert!(redrive["maxReceiveCount"].as_u64() > Some(most), "{queue:?}");
    }
}

#[test]
fn the_stream_is_read_as_the_counters_need_it_and_nothing_is_given_up() {
    let mapping = stream_mapping();
    assert_eq!(mapping["EventSourceArn"]["Fn::GetAtt"], serde_json::json!(["TasksTable", "StreamArn"]));
    assert_eq!(target(&mapping["FunctionName"]), "RelayFunction");
    // The watermark is a shard's, and only a window names the shard; two invocations at once would meet in it.
    assert_eq!((&mapping["TumblingWindowInSeconds"], &mapping["ParallelizationFactor"]), (&30.into(), &1.into()));
    assert_eq!((&mapping["MaximumRetryAttempts"], &mapping["MaximumRecordAgeInSeconds"]), (&(-1).into(), &(-1).into()));
    assert_eq!(mapping["StartingPosition"], "TRIM_HORIZON");
    assert_eq!(mapping["BisectBatchOnFunctionError"], true);
    assert_eq!(
        resource("AWS::DynamoDB::Table", "TasksTable")["StreamSpecification"]["StreamViewType"],
        "NEW_AND_OLD_IMAGES"
    );
    let role = resource("AWS::IAM::Role", "RelayRole");
    for action in STREAM_ACTIONS {
        let stream = |on: &Value| on["Fn::GetAtt"][1] == "StreamArn";
        assert!(allowed(&role).iter().any(|(may, on)| may == action && stream(on)), "{action}");
    }
}

#[test]
fn the_relay_is_handed_tasks_and_new_events_and_nothing_else() {
    let filters = stream_mapping()["FilterCriteria"]["Filters"].take();
    let patterns = filters.as_array().unwrap().iter();
    let patterns: Vec<Value> =
        patterns.map(|f| serde_json::from_str(f["Pattern"].as_str().unwrap()).unwrap()).collect();
    // Also one that is removed: a row may ride in it that is nowhere else.
    let task = serde_json::json!({"dynamodb": {"Keys": {"sk": {"S": ["t"]}}}});
    let event = serde_json::json!({"eventName": ["INSERT"],
        "dynamodb": {"Keys": {"sk": {"S": ["r"]}}, "NewImage": {"w": {"N": [{"exists": true}]}}}});
    assert_eq!(patterns, [task, event]);
}

#[test]
fn whoever_delivers_events_delivers_them_to_all_there_is() {
    // Without one of them it would note as delivered what that has not got.
    for (id, function) in resources("AWS::Lambda::Function") {
        let given = |name: &str| !function["Environment"]["Variables"][name].is_null();
        let polls = ["PollerFunction", "ControlFunction", "RelayFunction"].contains(&id.as_str());
        assert_eq!((given("ERRAND_EVENT_BUS"), given("ERRAND_WEBHOOK_URL")), (polls, polls), "{id}");
    }
}

#[test]
fn whoever_may_write_verified_knows_who_may() {
    for (id, function) in resources("AWS::Lambda::Function") {
        let given = &function["Environment"]["Variables"]["ERRAND_VERIFIERS"];
        // Status shows some of it to nobody else.
        let knows = ["ProcessTaskFunction", "ProcessTaskLongFunction", "ControlFunction", "StatusFunction"];
        assert_eq!(!given.is_null(), knows.contains(&id.as_str()), "{id}");
    }
}

#[test]
fn whoever_answers_a_token_knows_which_scope_gives_which_right() {
    for (id, function) in resources("AWS::Lambda::Function") {
        let given = &function["Environment"]["Variables"]["ERRAND_TOKEN_SCOPES"];
        let answers = ["IntakeFunction", "StatusFunction", "ControlFunction", "McpFunction"].contains(&id.as_str());
        assert_eq!(!given.is_null(), answers, "{id}");
    }
}

#[test]
fn a_request_is_kept_until_it_is_a_task_or_a_dead_letter() {
    let intake = resource("AWS::SQS::Queue", "IntakeQueue");
    assert_eq!(intake["MessageRetentionPeriod"], 1_209_600);
    let invoked = resource("AWS::Lambda::Function", "EnqueueFunction");
    assert_eq!(target(&invoked["DeadLetterConfig"]["TargetArn"]), "IntakeDeadLetterQueue");
}

#[test]
fn what_no_function_can_read_is_among_the_dead_letters_before_it_is_too_old() {
    const FOUR_DAYS_S: u64 = 345_600; // what SQS keeps a message for unless told otherwise
    for (id, queue) in resources("AWS::SQS::Queue") {
        let Some(receives) = queue["RedrivePolicy"]["maxReceiveCount"].as_u64() else { continue };
        let tried_s = receives * queue["VisibilityTimeout"].as_u64().unwrap();
        let kept_s = queue["MessageRetentionPeriod"].as_u64().unwrap_or(FOUR_DAYS_S);
        assert!(tried_s < kept_s, "{id}: tried for {tried_s} s, kept for {kept_s} s");
    }
}

#[test]
fn polls_do_not_pile_up() {
    let (_, schedule) = resources("AWS::Scheduler::Schedule").pop().unwrap();
    let (_, invoke) = resources("AWS::Lambda::EventInvokeConfig").pop().unwrap();
    for retries in [&schedule["Target"]["RetryPolicy"], &invoke] {
        assert_eq!(retries["MaximumRetryAttempts"], 0, "{retries}");
        assert_eq!(retries["MaximumEventAgeInSeconds"], 60, "{retries}");
    }
    assert_eq!(schedule["ScheduleExpression"], "rate(1 minute)");
    assert!(resource("AWS::Lambda::Function", "PollerFunction")["Timeout"].as_u64() < Some(60));
}

#[test]
fn every_route_but_the_open_ones_asks_who_calls_and_leads_to_a_function_the_api_may_invoke() {
    for (id, route) in resources("AWS::ApiGatewayV2::Route") {
        let (key, asks) = (route["RouteKey"].as_str().unwrap(), json!({ "Fn::If": ["UseJwt", "JWT", "AWS_IAM"] }));
        // Who has no token yet reads at the well-known places where to get one, and on the page.
        let open = key.starts_with(WELL_KNOWN) || [::dashboard::PAGE, ::dashboard::FILES].contains(&key);
        if open || ROUTES.iter().any(|served| served.open && key == served.key()) {
            assert_eq!((&route["AuthorizationType"], &route["AuthorizerId"]), (&json!("NONE"), &Value::Null), "{id}");
        } else {
            // A token of the API is none for agents, and the other way round.
            let authorizer = if key.ends_with(" /mcp") { "McpAuthorizer" } else { "JwtAuthorizer" };
            assert_eq!(route["AuthorizationType"], asks, "{id}");
            assert_eq!(target(&route["AuthorizerId"]["Fn::If"][1]), authorizer, "{id}");
        }
        let integration = resource("AWS::ApiGatewayV2::Integration", target(&route["Target"]));
        assert_eq!(integration["PayloadFormatVersion"], "2.0", "{id}");
        let function = target(&integration["IntegrationUri"]);
        let permitted = resources("AWS::Lambda::Permission");
        assert!(permitted.iter().any(|(_, permission)| target(&permission["FunctionName"]) == function), "{id}");
    }
}

#[test]
fn the_page_is_there_for_who_signs_in_alone_and_its_function_may_do_nothing() {
    let template: Value = serde_json::from_str(expanded_text()).unwrap();
    let signs_in = json!({"Fn::And": [{"Condition": "UseJwt"}, {"Fn::Not": [{"Fn::Equals": [{"Ref": "DashboardClientId"}, ""]}]}]});
    assert_eq!(template["Conditions"]["ServesDashboard"], signs_in);
    let all = template["Resources"].as_object().unwrap().iter();
    let conditional: BTreeSet<&str> =
        all.filter(|(_, it)| it["Condition"] == "ServesDashboard").map(|(id, _)| id.as_str()).collect();
    let wanted = ["FilesRoute", "Function", "Integration", "Logs", "Permission", "Role", "Route"];
    assert_eq!(conditional, wanted.map(|end| format!("Dashboard{end}")).iter().map(String::as_str).collect());
    assert_eq!(template["Outputs"]["DashboardUrl"]["Condition"], "ServesDashboard");
    // No route but its two leads to it, and what it may touch is its own log.
    let function = resource("AWS::Lambda::Function", DASHBOARD);
    let may = allowed(&resource("AWS::IAM::Role", target(&function["Role"])));
    let log = json!({"Fn::GetAtt": ["DashboardLogs", "Arn"]});
    let writes = ["logs:CreateLogStream", "logs:PutLogEvents"].map(|action| (action.to_owned(), log.clone()));
    assert_eq!(may, writes);
    let keys = |id: &str| resource("AWS::ApiGatewayV2::Route", id)["RouteKey"].as_str().unwrap().to_owned();
    assert_eq!([keys("DashboardRoute"), keys("DashboardFilesRoute")], [::dashboard::PAGE, ::dashboard::FILES]);
    let rule = &template["Rules"]["WhoeverOpensTheDashboardSignsIn"]["Assertions"][0]["Assert"];
    let none = |parameter: &str| json!({"Fn::Equals": [{"Ref": parameter}, ""]});
    assert_eq!(*rule, json!({"Fn::Or": [none("DashboardClientId"), {"Fn::Not": [none("JwtIssuer")]}]}));
}

#[test]
fn what_the_page_may_ask_besides_is_an_origin_before_anything_is_deployed() {
    let pattern = written()["Parameters"]["DashboardConnect"]["AllowedPattern"].as_str().unwrap().to_owned();
    let pattern = regex::Regex::new(&pattern).unwrap();
    for (value, may) in [
        ("", true),
        ("https://login.example", true),
        ("https://login.example https://a:8443", true),
        ("https://a;script-src", false),
        ("https://*", false),
        ("https://a/b", false),
        ("http://a", false),
    ] {
        assert_eq!(pattern.is_match(value), may, "{value}");
    }
}
