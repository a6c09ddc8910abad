//! What each role of the template allows is what its function asks of AWS: nothing is refused, nothing left over.

use std::collections::BTreeSet;

use futures::FutureExt;
use integration_tests::aws::{Lambda, Stack, Use, kind_of};
use serde_json::Value;

use super::{agents, control, defer, enqueue, erase, mcp, process, read, relay, schedules};
use crate::template::{STREAM_ACTIONS, listed, resource, resources, statements, target};

/// What changes an item.
const WRITES: [&str; 3] = ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"];

/// From this journey on it is control that polls, because somebody asks it to.
const BY_CONTROL: usize = 27;

/// Every journey, each on a stack of its own: what every function asked for.
async fn asked_for() -> Vec<(Lambda, BTreeSet<Use>)> {
    let mut asked: Vec<(Lambda, BTreeSet<Use>)> = Lambda::ALL.map(|of| (of, BTreeSet::new())).to_vec();
    for journey in 0.. {
        // Those with a webhook.
        let mut stack = match journey {
            26 | 32 => defer::hooked().await,
            38 => relay::serving().await,
            _ => Stack::start().await,
        };
        if journey >= BY_CONTROL {
            stack.polls = Lambda::Control;
        }
        let journey = match journey {
            0 => enqueue::by_http(&stack).boxed(),
            1 => enqueue::large_payloads(&stack).boxed(),
            2 => enqueue::batch(&stack).boxed(),
            3 => enqueue::by_intake(&stack).boxed(),
            4 => enqueue::by_invoke(&stack).boxed(),
            5 => process::once(&stack).boxed(),
            6 => process::retries(&stack).boxed(),
            7 => process::short_waits(&stack).boxed(),
            8 => process::dead_letters(&stack).boxed(),
            9 => process::effects(&stack).boxed(),
            10 => defer::for_days(&stack).boxed(),
            11 => defer::lost_workers(&stack).boxed(),
            12 => defer::expiry(&stack).boxed(),
            13 => defer::unreadable(&stack).boxed(),
            14 => defer::events(&stack).boxed(),
            15 => control::cancel(&stack).boxed(),
            16 => control::process_now(&stack).boxed(),
            17 => control::reschedule(&stack).boxed(),
            18 => control::retry(&stack).boxed(),
            19 => control::records(&stack).boxed(),
            20 => read::lists(&stack).boxed(),
            21 => read::records(&stack).boxed(),
            22 => read::health(&stack).boxed(),
            23 => control::redrive(&stack).boxed(),
            24 => relay::bus(&stack).boxed(),
            25 => relay::outage(&stack).boxed(),
            26 => defer::posts(&stack).boxed(),
            BY_CONTROL => defer::for_days(&stack).boxed(),
            28 => defer::lost_workers(&stack).boxed(),
            29 => defer::expiry(&stack).boxed(),
            30 => defer::unreadable(&stack).boxed(),
            31 => defer::events(&stack).boxed(),
            32 => defer::posts(&stack).boxed(),
            33 => read::commander(&stack).boxed(),
            34 => agents::outside(&stack).boxed(),
            35 => agents::by_a_worker(&stack).boxed(),
            36 => control::claims(&stack).boxed(),
            37 => mcp::tools(&stack).boxed(),
            38 => relay::named(&stack).boxed(),
            39 => enqueue::groups(&stack).boxed(),
            40 => relay::rows(&stack).boxed(),
            41 => schedules::fired(&stack).boxed(),
            42 => erase::user(&stack).boxed(),
            _ => break,
        };
        journey.await;
        asked.iter_mut().for_each(|(of, uses)| uses.extend(stack.uses(*of).into_keys()));
    }
    asked
}

/// What the roles of its functions allow besides their log lines, what their mappings do in their name, and asking models.
fn may(of: Lambda) -> BTreeSet<Use> {
    // What comes over HTTP to the library of `enqueue` is answered by its other function.
    let runs = |id: &str| id.starts_with(&format!("{of:?}")) || (of == Lambda::Enqueue && id == "IntakeFunction");
    let functions = resources("AWS::Lambda::Function").into_iter().filter(|(id, _)| runs(id));
    functions.flat_map(|(id, function)| may_one(&id, &resource("AWS::IAM::Role", target(&function["Role"])))).collect()
}

fn may_one(id: &str, role: &Value) -> BTreeSet<Use> {
    let fed: Vec<String> = resources("AWS::Lambda::EventSourceMapping")
        .iter()
        .filter(|(_, mapping)| target(&mapping["FunctionName"]) == id)
        .map(|(_, mapping)| target(&mapping["EventSourceArn"]).to_owned())
        .collect();
    let by_mapping = |action: &str, on: &str| {
        let actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
        (actions.contains(&action) || STREAM_ACTIONS.contains(&action)) && fed.iter().any(|source| source == on)
    };
    let besides = |action: &str| action.starts_with("logs:") || action.starts_with("bedrock:");
    let all = statements(role).into_iter().flat_map(|statement| uses(&statement));
    all.filter(|(action, on)| !besides(action) && !by_mapping(action, on)).collect()
}

/// Every action of a statement on each of its resources; and, of what writes tasks, each kind of item that it may write.
fn uses(statement: &Value) -> Vec<Use> {
    let actions = listed(&statement["Action"]).into_iter().map(|action| action.as_str().unwrap().to_owned());
    let on: Vec<String> = listed(&statement["Resource"]).iter().map(name).collect();
    let mut uses: Vec<Use> = actions.flat_map(|action| on.iter().map(move |on| (action.clone(), on.clone()))).collect();
    if uses.iter().any(|(action, on)| WRITES.contains(&action.as_str()) && on == "TasksTable") {
        let keys = &statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
        let kinds = listed(keys).into_iter().map(|key| key.as_str().map_or("any".to_owned(), kind_of));
        uses.extend(kinds.map(|kind| ("dynamodb:LeadingKeys".to_owned(), kind)));
    }
    uses
}

/// `TasksTable/index/due` for `${TasksTable.Arn}/index/due`.
fn name(on: &Value) -> String {
    let index = on["Fn::Sub"].as_str().and_then(|text| text.split_once('}')).map_or("", |(_, rest)| rest);
    format!("{}{index}", target(on))
}

#[tokio::test]
async fn a_function_may_do_what_it_does_and_no_more() {
    for (of, uses) in asked_for().await {
        let may = may(of);
        let (refused, idle): (Vec<_>, Vec<_>) = (uses.difference(&may).collect(), may.difference(&uses).collect());
        assert!(refused.is_empty() && idle.is_empty(), "{of:?} would be refused {refused:?} and never uses {idle:?}");
    }
}
