//! Histories and what is found in them, each limit at, below and above its bound.

use super::*;

fn now() -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000)
}

/// An answer long enough, unlike the others.
fn long(n: usize) -> Turn {
    text(&format!("{n} is the number of this answer. {}", "It says what was done. ".repeat(20)))
}

fn text(text: &str) -> Turn {
    Turn { text: text.to_owned(), ..Turn::default() }
}

/// `turn`, whose answer trails off.
fn trailing(turn: &Turn) -> Turn {
    Turn { text: format!("{}...", turn.text), ..turn.clone() }
}

/// One turn that uses these tools (`name arguments`), each with its own output or the one after the `=`.
fn tools(used: &[&str]) -> Turn {
    let uses = used.iter().enumerate().map(|(n, call)| {
        let (call, output) = call.split_once('=').map_or((*call, n.to_string()), |(call, out)| (call, out.to_owned()));
        let (tool, arguments) = call.split_once(' ').unwrap_or((call, ""));
        ToolUse { tool: tool.into(), arguments: arguments.into(), output }
    });
    Turn { tools: uses.collect(), ..long(0) }
}

#[derive(Clone, Default)]
struct Case {
    turns: Vec<Turn>,
    goal: Option<(u64, u64)>,
    /// Reason and age in seconds.
    incidents: Vec<(Reason, u64)>,
    /// Whether the incidents are of another run.
    elsewhere: bool,
}

fn assessed_with(case: &Case, thresholds: &Thresholds) -> Assessment {
    let at = |age| now() - Duration::from_secs(age);
    let run_id = Some(Id::of(if case.elsewhere { "other" } else { "r" }));
    let incident = |(n, (reason, age)): (usize, &(Reason, u64))| Incident {
        id: n.to_string(),
        run_id: run_id.clone(),
        reason: *reason,
        at: at(*age),
    };
    let incidents: Vec<Incident> = case.incidents.iter().enumerate().map(incident).collect();
    let usd = Usd::from_micros;
    let history = History {
        session: &Id::of("s"),
        run: &Id::of("r"),
        turn: case.turns.len(),
        turns: &case.turns,
        goal: case.goal.map(|(spent, budget)| Goal { spent: usd(spent), budget: usd(budget) }),
        incidents: &incidents,
        now: now(),
    };
    assess(&history, thresholds)
}

/// In short: `severity action reason`.
fn found(case: &Case) -> String {
    let Assessment { severity, action, incident, prompt, .. } = assessed_with(case, &Thresholds::default());
    assert_eq!(prompt.is_some(), action == Remedy::Replan);
    let reason = incident.map_or("-", |incident| incident.reason.as_str());
    format!("{severity:?} {action:?} {reason}").to_lowercase()
}

fn check(cases: Vec<(&str, Case, &str)>) {
    for (name, case, expected) in cases {
        assert_eq!(found(&case), expected, "{name}");
    }
}

const FINE: &str = "none continue -";

#[test]
fn a_goals_budget_is_told_of_and_what_wants_another_way_comes_first() {
    let goal = |spent, budget| Case { turns: vec![long(0)], goal: Some((spent, budget)), ..Case::default() };
    let worst = Case { turns: vec![tools(&["a"; 5])], ..goal(10, 10) };
    check(vec![
        ("nothing at all", Case::default(), FINE),
        ("one good answer", Case { turns: vec![long(0)], ..Case::default() }, FINE),
        ("89 %", goal(89, 100), FINE),
        ("just below 90 %", goal(899_999, 1_000_000), FINE),
        ("90 %", goal(90, 100), "medium continue goal_nearly_spent"),
        ("99 %", goal(99, 100), "medium continue goal_nearly_spent"),
        (
            "100 %: whether there is another turn is asked where one is wanted",
            goal(100, 100),
            "high continue goal_spent",
        ),
        ("250 %", goal(250, 100), "high continue goal_spent"),
        ("a goal of nothing", goal(0, 0), "high continue goal_spent"),
        ("another way comes before a spent goal", worst, "high replan same_tool"),
    ]);
}

#[test]
fn a_call_made_again_and_again_in_one_turn_wants_another_way() {
    let used = |turns: &[&[&str]]| Case { turns: turns.iter().map(|used| tools(used)).collect(), ..Case::default() };
    let before_goal = Case { goal: Some((95, 100)), ..used(&[&["a", "a", "a"]]) };
    check(vec![
        ("twice", used(&[&["a", "b", "a"]]), FINE),
        ("three times", used(&[&["a x", "a x", "a x"]]), "medium replan same_tool"),
        ("three times, others between", used(&[&["a", "b", "a", "c", "a"]]), "medium replan same_tool"),
        ("four times", used(&[&["a", "a", "a", "a"]]), "high replan same_tool"),
        ("nine times", used(&[&["a"; 9]]), "high replan same_tool"),
        ("one tool for different things", used(&[&["a 1", "a 2", "a 3", "a 4", "a 5"]]), FINE),
        ("different tools for one thing", used(&[&["a x", "b x", "c x"]]), FINE),
        ("three times over several turns", used(&[&["a"], &["a"], &["a"]]), FINE),
        ("three times in an earlier turn", used(&[&["a", "a", "a"], &["a"]]), FINE),
        ("three times in the newest turn", used(&[&["a"], &["a", "a", "a"]]), "medium replan same_tool"),
        ("another way comes before a warning", before_goal, "medium replan same_tool"),
    ]);
}

#[test]
fn many_calls_with_few_outputs_want_another_way() {
    let used = |used: &[&str]| Case { turns: vec![tools(used)], ..Case::default() };
    check(vec![
        ("five calls, one output", used(&["a=x", "b=x", "c=x", "d=x", "e=x"]), FINE),
        ("six calls, one output", used(&["a=x", "b=x", "c=x", "d=x", "e=x", "f=x"]), "medium replan same_outputs"),
        ("six calls, two outputs", used(&["a=x", "b=y", "c=x", "d=x", "e=y", "f=x"]), "medium replan same_outputs"),
        ("six calls, three outputs", used(&["a=x", "b=y", "c=z", "d=x", "e=y", "f=x"]), FINE),
        ("seven calls, no output", used(&["a=", "b=", "c=", "d=", "e=", "f=", "g="]), "medium replan same_outputs"),
    ]);
}

#[test]
fn a_follow_up_that_brings_nothing_new_and_no_end_wants_another_way() {
    let turns = |turns: &[Turn]| Case { turns: turns.to_vec(), ..Case::default() };
    let short = |n: usize, c: &str| text(&format!("{}...", c.repeat(n - 3)));
    let more = |n| trailing(&long(n));
    let stalled = "medium replan stalled";
    let opening = |n: usize, rest: &str| text(&format!("{}{rest}...", "o".repeat(n)));
    let says = |phrase: &str| text(&format!("{} {phrase}...", long(7).text));
    let cut = |text: &str| Turn { text: text.into(), finish: Finish::Length, ..Turn::default() };
    let waits = |text: &str| Turn { text: text.into(), finish: Finish::ToolCalls, ..Turn::default() };
    check(vec![
        ("the first answer, however short", turns(&[text("On it...")]), FINE),
        ("a short one that is the end", turns(&[more(0), text("Done.")]), FINE),
        ("the first answer again, finished", turns(&[long(0), long(0)]), FINE),
        ("a short one that is no end", turns(&[more(0), text("on it...")]), stalled),
        ("79 characters", turns(&[more(0), short(79, "a")]), stalled),
        ("79 wide characters", turns(&[more(0), short(79, "é")]), stalled),
        ("80 characters", turns(&[more(0), short(80, "a")]), FINE),
        ("an empty one", turns(&[more(0), text("  ")]), stalled),
        ("the first answer again", turns(&[more(0), more(0)]), stalled),
        ("another answer", turns(&[more(0), more(1)]), FINE),
        ("after a stall something new", turns(&[more(0), more(0), more(1)]), FINE),
        ("after something new a stall", turns(&[more(0), more(1), more(1)]), stalled),
        ("220 characters alike", turns(&[opening(220, "a"), opening(220, "b")]), stalled),
        ("219 characters alike", turns(&[opening(219, "ab"), opening(219, "bb")]), FINE),
        ("a phrase", turns(&[more(0), says("STILL working")]), stalled),
        ("another phrase", turns(&[more(0), says("Trying again")]), stalled),
        ("one that waits for tools again", turns(&[waits("Let me look."), waits("Let me look.")]), stalled),
        ("the rest of one that was cut", turns(&[cut(&"a".repeat(900)), cut("b")]), FINE),
        ("a refusal ends it", turns(&[more(0), Turn { finish: Finish::Refused("no".into()), ..text("") }]), FINE),
        ("huge and different", turns(&[more(0), text(&format!("{}...", "ÿ".repeat(1_000_000)))]), FINE),
    ]);
    let patient = Thresholds { stalled_follow_ups: 2, ..Thresholds::default() };
    let action = |case: &Case| assessed_with(case, &patient).action;
    assert_eq!(action(&turns(&[more(0), more(0)])), Remedy::Continue, "one in a row");
    assert_eq!(action(&turns(&[more(0), more(0), more(0)])), Remedy::Replan, "two in a row");
    assert_eq!(action(&turns(&[more(0), more(0), more(1), more(0)])), Remedy::Continue, "two, but not in a row");
}

#[test]
fn the_third_trouble_of_a_run_in_half_an_hour_blocks_it() {
    let stalled = vec![trailing(&long(0)), text("ok..."), text("ok...")];
    let with =
        |incidents: &[(Reason, u64)]| Case { turns: stalled.clone(), incidents: incidents.to_vec(), ..Case::default() };
    let fine = |incidents: &[(Reason, u64)]| Case { turns: vec![long(0)], ..with(incidents) };
    let (tool, outputs) = (Reason::SameTool, Reason::SameOutputs);
    let another_way = "medium replan stalled";
    let mut cases = vec![
        ("one before", with(&[(tool, 5)]), another_way),
        ("two before", with(&[(tool, 5), (outputs, 60)]), "high block stalled"),
        ("two before, at the window's end", with(&[(tool, 5), (tool, 1800)]), "high block stalled"),
        ("two before, one too old", with(&[(tool, 5), (tool, 1801)]), another_way),
        ("three before, two too old", with(&[(tool, 5), (tool, 1801), (tool, 9000)]), another_way),
        ("nine before, of other runs", Case { elsewhere: true, ..with(&[(tool, 1); 9]) }, another_way),
        ("nothing the matter now", fine(&[(tool, 1), (tool, 2), (tool, 3)]), FINE),
        (
            "a warning is no trouble",
            Case { goal: Some((90, 100)), ..fine(&[(tool, 1), (tool, 2)]) },
            "medium continue goal_nearly_spent",
        ),
    ];
    for none in [Reason::RunError, Reason::GoalSpent, Reason::GoalNearlySpent, Reason::LongSession] {
        cases.push(("what is no going in circles", with(&[(none, 1); 9]), another_way));
    }
    check(cases);
}

#[test]
fn the_same_assessment_again_is_the_same_incident() {
    let case = Case { turns: vec![trailing(&long(0)), text("ok..."), text("ok...")], ..Case::default() };
    let assessed = |case: &Case| assessed_with(case, &Thresholds::default());
    let first = assessed(&case).incident.unwrap();
    assert_eq!(assessed(&case).incident.unwrap().id, first.id);
    let one_turn_on = Case { turns: [case.turns.clone(), vec![text("ok...")]].concat(), ..case.clone() };
    assert_ne!(assessed(&one_turn_on).incident.unwrap().id, first.id);

    // Made again after it was stored, it does not count itself twice.
    let stored =
        [Incident { at: now() - Duration::from_secs(9), ..first.clone() }, Incident { id: "x".into(), ..first }];
    let history = History {
        session: &Id::of("s"),
        run: &Id::of("r"),
        turn: case.turns.len(),
        turns: &case.turns,
        goal: None,
        incidents: &stored,
        now: now(),
    };
    assert_eq!(assess(&history, &Thresholds::default()).action, Remedy::Replan);
}

#[test]
fn limits_are_configurable() {
    let thresholds: Thresholds = serde_json::from_str(r#"{"same_tool": 2}"#).unwrap();
    let case = Case { turns: vec![tools(&["a", "a"])], ..Case::default() };
    assert_eq!((found(&case).as_str(), assessed_with(&case, &thresholds).action), (FINE, Remedy::Replan));
    assert!(serde_json::from_str::<Thresholds>(r#"{"session_mesages": 5}"#).is_err());
}
