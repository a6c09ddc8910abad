//! Histories and what is found in them, each limit at, below and above its bound.

use super::*;

fn now() -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000)
}

/// An answer long enough, unlike the others.
fn long(n: usize) -> Turn {
    Turn { text: format!("{n} is the number of this answer. {}", "It says what was done. ".repeat(20)), tools: vec![] }
}

fn text(text: &str) -> Turn {
    Turn { text: text.to_owned(), tools: vec![] }
}

/// One turn that uses these tools, each with its own output or the one after the `=`.
fn tools(used: &[&str]) -> Turn {
    let uses = used.iter().enumerate().map(|(n, tool)| match tool.split_once('=') {
        Some((tool, output)) => ToolUse { tool: tool.into(), output: output.into() },
        None => ToolUse { tool: (*tool).into(), output: n.to_string() },
    });
    Turn { tools: uses.collect(), ..long(0) }
}

#[derive(Clone, Default)]
struct Case {
    turns: Vec<Turn>,
    error: Option<&'static str>,
    goal: Option<(u64, u64)>,
    /// Reason and age in seconds.
    incidents: Vec<(Reason, u64)>,
}

fn assessed_with(case: &Case, limits: &Limits) -> Assessment {
    let at = |age| now() - Duration::from_secs(age);
    let incident =
        |(n, (reason, age)): (usize, &(Reason, u64))| Incident { id: n.to_string(), reason: *reason, at: at(*age) };
    let incidents: Vec<Incident> = case.incidents.iter().enumerate().map(incident).collect();
    let usd = Usd::from_micros;
    let history = History {
        session: &Id::of("s"),
        run: &Id::of("r"),
        turn: case.turns.len(),
        turns: &case.turns,
        error: case.error,
        goal: case.goal.map(|(spent, budget)| Goal { spent: usd(spent), budget: usd(budget) }),
        incidents: &incidents,
        now: now(),
    };
    assess(&history, limits)
}

/// In short: `severity action reason`.
fn found(case: &Case) -> String {
    let Assessment { severity, action, incident, prompt, .. } = assessed_with(case, &Limits::default());
    assert_eq!(prompt.is_some(), action == Action::Replan);
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
fn errors_are_high_and_spent_goals_block() {
    let goal = |spent, budget| Case { turns: vec![long(0)], goal: Some((spent, budget)), ..Case::default() };
    let worst = Case { error: Some("no"), goal: Some((10, 10)), turns: vec![tools(&["a"; 5])], ..Case::default() };
    check(vec![
        ("nothing at all", Case::default(), FINE),
        ("one good answer", Case { turns: vec![long(0)], ..Case::default() }, FINE),
        ("an error", Case { error: Some("no"), ..Case::default() }, "high continue run_error"),
        ("an error comes before all else", worst, "high continue run_error"),
        ("89 %", goal(89, 100), FINE),
        ("just below 90 %", goal(899_999, 1_000_000), FINE),
        ("90 %", goal(90, 100), "medium continue goal_nearly_spent"),
        ("99 %", goal(99, 100), "medium continue goal_nearly_spent"),
        ("100 %", goal(100, 100), "high block goal_spent"),
        ("250 %", goal(250, 100), "high block goal_spent"),
        ("a goal of nothing", goal(0, 0), "high block goal_spent"),
    ]);
}

#[test]
fn a_tool_used_again_and_again_wants_another_way() {
    let used = |turns: &[&[&str]]| Case { turns: turns.iter().map(|used| tools(used)).collect(), ..Case::default() };
    let before_goal = Case { goal: Some((95, 100)), ..used(&[&["a", "a", "a"]]) };
    check(vec![
        ("twice", used(&[&["a", "b", "a"]]), FINE),
        ("three times", used(&[&["a", "a", "a"]]), "medium replan same_tool"),
        ("three times, others between", used(&[&["a", "b", "a", "c", "a"]]), "medium replan same_tool"),
        ("three times over several turns", used(&[&["a"], &["a"], &["a"]]), "medium replan same_tool"),
        ("four times", used(&[&["a", "a", "a", "a"]]), "high replan same_tool"),
        ("nine times", used(&[&["a"; 9]]), "high replan same_tool"),
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
fn follow_ups_that_bring_nothing_new_want_another_way() {
    let turns = |turns: &[Turn]| Case { turns: turns.to_vec(), ..Case::default() };
    let chars = |n: usize, c: &str| text(&c.repeat(n));
    let same = "medium replan stalled";
    let opening = |n: usize, rest: &str| text(&format!("{}{rest}", "o".repeat(n)));
    check(vec![
        ("short first answers do not count", turns(&[text("ok"), text("ok, too")]), FINE),
        ("one short follow-up", turns(&[long(0), text("ok"), long(2)]), FINE),
        ("two short follow-ups", turns(&[long(0), text("on it"), text("ok")]), same),
        ("79 characters", turns(&[long(0), chars(79, "a"), chars(79, "é")]), same),
        ("80 characters", turns(&[long(0), chars(80, "a"), chars(80, "é")]), FINE),
        ("empty ones", turns(&[long(0), text(""), text("  ")]), same),
        ("two like one another", turns(&[long(0), long(1), long(1)]), same),
        ("two like the first", turns(&[long(0), long(0), long(0)]), same),
        ("one like the first", turns(&[long(0), long(0), long(1)]), FINE),
        ("220 characters alike", turns(&[long(0), opening(220, "a"), opening(220, "b")]), same),
        ("219 characters alike", turns(&[long(0), opening(219, "ab"), opening(219, "bb")]), FINE),
        (
            "phrases",
            turns(&[
                long(0),
                text(&format!("{} STILL working", long(1).text)),
                text(&format!("{} Trying again.", long(2).text)),
            ]),
            same,
        ),
        ("one phrase", turns(&[long(0), long(1), text(&format!("{} still working", long(2).text))]), FINE),
        ("a mix", turns(&[long(0), text("ok"), text(&format!("{} trying again", long(2).text))]), same),
        ("huge and different", turns(&[long(0), chars(1_000_000, "x"), chars(1_000_000, "ÿ")]), FINE),
    ]);
}

#[test]
fn three_troubles_in_half_an_hour_block_a_session() {
    let stalled = vec![long(0), text("ok"), text("ok")];
    let with =
        |incidents: &[(Reason, u64)]| Case { turns: stalled.clone(), incidents: incidents.to_vec(), ..Case::default() };
    let fine = |incidents: &[(Reason, u64)]| Case { turns: vec![long(0)], ..with(incidents) };
    let (tool, long) = (Reason::SameTool, Reason::LongSession);
    check(vec![
        ("one before", with(&[(tool, 5)]), "medium replan stalled"),
        ("two before", with(&[(tool, 5), (tool, 60)]), "high block stalled"),
        ("two before, at the window's end", with(&[(tool, 5), (tool, 1800)]), "high block stalled"),
        ("two before, one too old", with(&[(tool, 5), (tool, 1801)]), "medium replan stalled"),
        ("three before, two too old", with(&[(tool, 5), (tool, 1801), (tool, 9000)]), "medium replan stalled"),
        ("an error after two", Case { error: Some("no"), ..with(&[(tool, 5), (tool, 60)]) }, "high block run_error"),
        ("long sessions are no trouble", with(&[(tool, 5), (long, 60), (long, 70)]), "medium replan stalled"),
        ("nothing the matter now", fine(&[(tool, 1), (tool, 2), (tool, 3)]), FINE),
        (
            "a warning is trouble",
            Case { goal: Some((90, 100)), ..fine(&[(tool, 1), (tool, 2)]) },
            "high block goal_nearly_spent",
        ),
    ]);
}

#[test]
fn the_same_assessment_again_is_the_same_incident() {
    let case = Case { turns: vec![long(0), text("ok"), text("ok")], ..Case::default() };
    let assessed = |case: &Case| assessed_with(case, &Limits::default());
    let first = assessed(&case).incident.unwrap();
    assert_eq!(assessed(&case).incident.unwrap().id, first.id);
    let one_turn_on = Case { turns: [case.turns.clone(), vec![long(3)]].concat(), ..case.clone() };
    assert_ne!(assessed(&one_turn_on).incident.unwrap().id, first.id);

    // Made again after it was stored, it does not count itself twice.
    let stored =
        [Incident { at: now() - Duration::from_secs(9), ..first.clone() }, Incident { id: "x".into(), ..first }];
    let history = History {
        session: &Id::of("s"),
        run: &Id::of("r"),
        turn: case.turns.len(),
        turns: &case.turns,
        error: None,
        goal: None,
        incidents: &stored,
        now: now(),
    };
    assert_eq!(assess(&history, &Limits::default()).action, Action::Replan);
}

#[test]
fn limits_are_configurable() {
    let limits: Limits = serde_json::from_str(r#"{"stalled_follow_ups": 1}"#).unwrap();
    let case = Case { turns: vec![long(0), text("ok")], ..Case::default() };
    assert_eq!((found(&case).as_str(), assessed_with(&case, &limits).action), (FINE, Action::Replan));
    assert!(serde_json::from_str::<Limits>(r#"{"session_mesages": 5}"#).is_err());
}
