//! What the template's alarms and dashboard look at is what the functions and AWS count.

use std::collections::BTreeSet;

use errand::spi::{meter, queue::QueueName};
use serde_json::{Value, json};

use crate::{
    drift::DASHBOARD,
    template::{queue_id, resources, target},
};

/// What AWS counts itself and we look at.
const AWS_OWN: [(&str, &[&str]); 4] = [
    (
        "AWS/SQS",
        &[
            "ApproximateAgeOfOldestMessage",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesVisible",
        ],
    ),
    ("AWS/Lambda", &["ConcurrentExecutions", "Errors", "IteratorAge", "Throttles"]),
    ("AWS/ApiGateway", &["4xx", "5xx", "Count", "Latency"]),
    (
        "AWS/DynamoDB",
        &["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "ReadThrottleEvents", "WriteThrottleEvents"],
    ),
];

/// Our own metrics among these of (namespace, name); the others must be AWS's.
fn ours(metrics: impl IntoIterator<Item = (String, String)>) -> BTreeSet<String> {
    let mut ours = BTreeSet::new();
    for (namespace, metric) in metrics {
        if namespace == meter::NAMESPACE {
            assert!(meter::ALL.contains(&metric.as_str()), "nobody counts {metric}");
            ours.insert(metric);
        } else {
            let known = AWS_OWN.iter().find(|(theirs, _)| *theirs == namespace);
            assert!(known.is_some_and(|(_, names)| names.contains(&metric.as_str())), "{namespace} {metric}");
        }
    }
    ours
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// The lines of the dashboard's diagrams.
fn lines() -> Vec<Value> {
    let (_, dashboard) = resources("AWS::CloudWatch::Dashboard").pop().unwrap();
    let body: Value = serde_json::from_str(dashboard["DashboardBody"]["Fn::Sub"].as_str().unwrap()).unwrap();
    let widgets = body["widgets"].as_array().unwrap().iter();
    widgets.flat_map(|widget| widget["properties"]["metrics"].as_array().unwrap().clone()).collect()
}

#[test]
fn alarms_are_about_metrics_that_are_counted_for_this_stack() {
    let alarms = resources("AWS::CloudWatch::Alarm");
    let watched = ours(alarms.iter().map(|(_, alarm)| (text(&alarm["Namespace"]), text(&alarm["MetricName"]))));
    let wanted = [meter::DEAD_LETTERS, meter::UNREADABLE, meter::OLDEST_DUE, meter::POLLS];
    assert_eq!(watched, wanted.map(str::to_owned).into());
    for (id, alarm) in &alarms {
        assert!(text(&alarm["AlarmName"]["Fn::Sub"]).starts_with("${AWS::StackName}-"), "{id}");
        let of_topic = json!({"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]});
        assert_eq!(alarm["AlarmActions"], of_topic, "{id}");
        // No messages and no calls are no trouble. No poll is.
        let missing = if alarm["MetricName"] == meter::POLLS { "breaching" } else { "notBreaching" };
        assert_eq!(alarm["TreatMissingData"], missing, "{id}");
        if alarm["Namespace"] == meter::NAMESPACE {
            let of_stack = json!([{"Name": meter::STACK, "Value": {"Ref": "AWS::StackName"}}]);
            assert_eq!(alarm["Dimensions"], of_stack, "{id}");
        }
    }
}

#[test]
fn every_work_queue_and_every_function_that_works_has_its_alarms() {
    let alarms = resources("AWS::CloudWatch::Alarm");
    let on = |metric: &str| -> BTreeSet<String> {
        let of = alarms.iter().filter(|(_, alarm)| alarm["MetricName"] == metric);
        of.map(|(_, alarm)| target(&alarm["Dimensions"][0]["Value"]).to_owned()).collect()
    };
    let received = QueueName::WORK.into_iter().chain([QueueName::Intake]).map(queue_id);
    assert_eq!(on("ApproximateNumberOfMessagesNotVisible"), received.collect());
    let fed = resources("AWS::Lambda::EventSourceMapping");
    let fed: BTreeSet<_> = fed.iter().map(|(_, mapping)| target(&mapping["FunctionName"]).to_owned()).collect();
    assert_eq!((on("Errors"), on("Throttles")), (fed.clone(), fed));
    let throttled = on("WriteThrottleEvents");
    assert_eq!(throttled, ["TasksTable".to_owned(), "ActionLogTable".to_owned()].into());
}

#[test]
fn the_dashboard_shows_every_metric_there_is_and_no_other() {
    let (searches, lines): (Vec<_>, Vec<_>) = lines().into_iter().partition(|line| line[0].is_object());
    let shown = ours(lines.iter().map(|line| (text(&line[0]), text(&line[1]))));
    // The one that has a dimension besides the stack is searched for.
    let search = format!(
        "SEARCH('{{{},{},{}}} MetricName=\"{}\" {}=\"${{AWS::StackName}}\"', 'p99', 300)",
        meter::NAMESPACE,
        meter::STACK,
        meter::TASK_TYPE,
        meter::HANDLE_TIME,
        meter::STACK,
    );
    assert_eq!(searches, [json!([{"expression": search, "id": "e1"}])]);
    let all = meter::ALL.into_iter().filter(|metric| *metric != meter::HANDLE_TIME).map(str::to_owned);
    assert_eq!(shown, all.collect());
    for line in lines.iter().filter(|line| line[0] == meter::NAMESPACE) {
        assert_eq!((&line[2], &line[3]), (&json!(meter::STACK), &json!("${AWS::StackName}")));
    }
    // Each function has its line, by its logical id, and nothing else has.
    let functions: BTreeSet<String> = resources("AWS::Lambda::Function").into_iter().map(|(id, _)| id).collect();
    for metric in ["Errors", "Throttles", "ConcurrentExecutions"] {
        let shown = lines.iter().filter(|line| line[0] == "AWS/Lambda" && line[1] == metric);
        // One that is not always there has no id that could always be named.
        let named = |line: &Value| {
            if line[3] == "${AWS::StackName}-dashboard" {
                json!({"Ref": DASHBOARD})
            } else {
                json!({"Fn::Sub": line[3]})
            }
        };
        let shown = shown.map(|line| target(&named(line)).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(shown, functions, "{metric}");
    }
}
