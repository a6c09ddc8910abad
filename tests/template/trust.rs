//! What the deployment withholds: from callers, from its own functions, from whoever deletes it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{allowed, expanded_text, queue_mappings, resource, resources, target};

/// The template as CloudFormation gets it.
fn expanded() -> Value {
    serde_json::from_str(expanded_text()).unwrap()
}

#[test]
fn what_nothing_else_has_outlives_the_stack() {
    let template = expanded();
    let kept = |policy: &str| -> BTreeSet<String> {
        let all = template["Resources"].as_object().unwrap().iter();
        all.filter(|(_, resource)| resource[policy] == "Retain").map(|(id, _)| id.clone()).collect()
    };
    let wanted = ["TasksTable", "ActionLogTable", "IntakeQueue", "IntakeDeadLetterQueue"].map(str::to_owned);
    assert_eq!(kept("DeletionPolicy"), wanted.into());
    assert_eq!(kept("UpdateReplacePolicy"), kept("DeletionPolicy"));
    for (id, table) in resources("AWS::DynamoDB::Table") {
        assert_eq!(table["DeletionProtectionEnabled"], true, "{id}");
    }
}

#[test]
fn nobody_elses_dead_letters_lead_to_a_function() {
    for (id, mapping) in queue_mappings() {
        let queue = resource("AWS::SQS::Queue", target(&mapping["EventSourceArn"]));
        assert_eq!(queue["RedriveAllowPolicy"], json!({"redrivePermission": "denyAll"}), "{id}");
    }
}

#[test]
fn the_api_takes_as_many_requests_as_it_is_told_to_and_logs_whose_they_are() {
    let stage = resource("AWS::ApiGatewayV2::Stage", "ApiStage");
    let limits =
        json!({"ThrottlingRateLimit": {"Ref": "ApiRequestsPerSecond"}, "ThrottlingBurstLimit": {"Ref": "ApiBurst"}});
    assert_eq!(stage["DefaultRouteSettings"], limits);
    let line =
        stage["AccessLogSettings"]["Format"].as_str().unwrap().replace("$context.", "").replace(":status", ":200");
    let mut line: BTreeMap<String, Value> = serde_json::from_str(&line.replace(":responseLatency", ":1")).unwrap();
    assert_eq!(line.remove("user_arn"), Some(json!("identity.userArn")));
    assert_eq!(line.remove("subject"), Some(json!("authorizer.claims.sub")));
    assert!(line.values().all(|value| !value.to_string().to_lowercase().contains("path")), "{line:?}");
}

#[test]
fn a_function_with_a_secret_has_its_variables_under_the_stacks_own_key() {
    let template = expanded();
    let secrets: BTreeSet<&String> = template["Parameters"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, it)| it["NoEcho"] == true)
        .map(|(id, _)| id)
        .collect();
    let given = secrets.iter().rev().map(|id| json!({"Fn::Not": [{"Fn::Equals": [{"Ref": id}, ""]}]}));
    assert_eq!(template["Conditions"]["HasSecrets"], json!({"Fn::Or": given.collect::<Vec<_>>()}));
    assert_eq!(template["Resources"]["SecretsKey"]["Condition"], "HasSecrets");
    let key = json!({"Fn::If": ["HasSecrets", {"Fn::GetAtt": ["SecretsKey", "Arn"]}, {"Ref": "AWS::NoValue"}]});
    for (id, function) in resources("AWS::Lambda::Function") {
        let variables = function["Environment"].to_string();
        let has_one = secrets.iter().any(|secret| variables.contains(&json!({"Ref": secret}).to_string()));
        assert_eq!(function["KmsKeyArn"], if has_one { key.clone() } else { Value::Null }, "{id}");
    }
}

#[test]
fn each_function_has_a_role_of_its_own_with_its_own_queues_and_log() {
    let mut roles = BTreeSet::new();
    for (id, function) in resources("AWS::Lambda::Function") {
        assert!(roles.insert(target(&function["Role"]).to_owned()), "{id} has another's role");
        let allowed = allowed(&resource("AWS::IAM::Role", target(&function["Role"])));
        let may = |actions: &[&str]| -> BTreeSet<String> {
            let those = allowed.iter().filter(|(action, _)| actions.contains(&action.as_str()));
            those.map(|(_, on)| target(on).to_owned()).collect()
        };
        let feeds = queue_mappings().into_iter().filter(|(_, it)| target(&it["FunctionName"]) == id);
        let fed: BTreeSet<String> = feeds.map(|(_, it)| target(&it["EventSourceArn"]).to_owned()).collect();
        assert_eq!(may(&["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"]), fed, "{id}");
        let log = target(&function["LoggingConfig"]["LogGroup"]).to_owned();
        assert_eq!(may(&["logs:CreateLogStream", "logs:PutLogEvents"]), [log].into(), "{id}");
    }
}
