//! Flows: the graph of what comes before and after a task or a group, and the list of groups.

use serde_json::{Value, json};

use super::{
    looks::{axe, looked_at},
    stage::{Stage, keep},
};

/// How many boxes and lines are drawn.
async fn drawn(stage: &Stage, boxes: usize, lines: usize) {
    let graph = "document.querySelectorAll('.graph a').length, document.querySelectorAll('.graph .line').length";
    stage.browser.until(&format!("return String([{graph}]) === '{boxes},{lines}'")).await;
}

/// Waits until the box of a task says this.
async fn says(stage: &Stage, task: &str, status: &str) {
    let word = format!("document.querySelector('.graph [data-task=\"{task}\"] .word')?.textContent");
    stage.browser.until(&format!("return {word} === {}", json!(status))).await;
}

/// How far from the left a task's box stands.
async fn left(stage: &Stage, task: &str) -> f64 {
    let found = format!("return document.querySelector('[data-task=\"{task}\"] rect').getBoundingClientRect().left");
    stage.browser.run(&found).await.as_f64().unwrap()
}

/// Sets a task going that was to begin later.
async fn begin(stage: &Stage, task: &str) {
    stage.post(&format!("tasks/{task}/process"), json!({"force": true})).await;
}

#[tokio::test]
async fn what_follows_one_after_the_other_is_a_graph_that_lives() {
    let stage = Stage::new().await;
    let task = |name: &str, after: Value, delay_s: u32| json!({"name": name, "task_type": "scripted", "payload": {}, "after": after, "delay_s": delay_s});
    let batch = json!([
        task("fetch", json!([]), 3600),
        task("index", json!(["fetch"]), 0),
        task("notify", json!(["fetch", "index"]), 0)
    ]);
    let made = stage.post("tasks/batch", json!({"tasks": batch})).await;
    let ids: Vec<&str> = (0..3).map(|nth| made["items"][nth]["task"]["id"].as_str().unwrap()).collect();
    stage.open(&format!("tasks/{}", ids[2])).await;
    drawn(&stage, 3, 3).await;
    for (id, status) in ids.iter().zip(["pending", "waiting", "waiting"]) {
        says(&stage, id, status).await;
    }
    // What comes before stands left.
    assert!(left(&stage, ids[0]).await < left(&stage, ids[1]).await);
    assert!(left(&stage, ids[1]).await < left(&stage, ids[2]).await);
    let said = format!("return document.querySelector('[data-task=\"{}\"]').ariaLabel", ids[1]);
    let said = stage.browser.run(&said).await;
    assert!(said.as_str().unwrap().contains(&format!("waiting; if completed scripted …{}", &ids[0][28..])), "{said}");

    begin(&stage, ids[0]).await;
    for id in &ids {
        says(&stage, id, "completed").await;
    }
    // A task that has begun says no more what it has waited for: the address that led to it does.
    drawn(&stage, 3, 3).await;
    stage.browser.click(&format!(".graph [data-task=\"{}\"]", ids[0]), "").await;
    stage.browser.until(&format!("return location.hash === '#/tasks/{}'", ids[0])).await;
    drawn(&stage, 3, 3).await;
    stage.browser.click(&format!(".graph [data-task=\"{}\"]", ids[1]), "").await;
    stage.browser.until(&format!("return location.hash.startsWith('#/tasks/{}?after=')", ids[1])).await;
    drawn(&stage, 3, 3).await;
    stage.browser.reload().await;
    drawn(&stage, 3, 3).await;
    // All of it has ended: it is asked for no more, though what was done has each view ask at once. The page's own looks go on.
    let asked =
        "window.asked = (of) => performance.getEntriesByType('resource').filter((one) => one.name.includes(of)).length;
        const plain = setTimeout; window.waits = []; performance.now = () => 0; // What takes long is asked more rarely.
        window.setTimeout = (then, ms) => (window.waits.push(ms), plain(then, ms));
        window.before = asked('/v1/groups/'); dispatchEvent(new Event('acted')); return true";
    stage.browser.run(asked).await;
    stage.browser.until("return asked('/v1/groups/') > before && waits.filter((ms) => ms >= 1000).length > 3").await;
    assert_eq!(stage.browser.run("return waits.filter((ms) => ms >= 5000)").await, json!([]));
    stage.was_quiet().await;
}

#[tokio::test]
async fn a_group_is_drawn_with_who_waits_for_it_and_found_among_the_flows() {
    let stage = Stage::new().await;
    let member =
        |payload: Value, delay_s: u32| json!({"task_type": "scripted", "payload": payload, "delay_s": delay_s});
    let other = || json!({"task_type": "scripted", "payload": {}});
    let members =
        json!([member(json!({}), 0), member(json!({"acts": [{"fail_for_good": "no"}]}), 0), member(json!({}), 3600)]);
    let request = json!({"tasks": members, "then": other(), "on_success": other(), "on_failure": other()});
    let group = stage.post("groups", request).await["id"].as_str().unwrap().to_owned();
    stage.open("flows").await;
    stage.rows(1).await;
    stage.browser.shows("2 of 3").await;
    stage.browser.press(&["j", "\u{e007}"]).await;
    stage.browser.until(&format!("return location.hash === '#/groups/{group}'")).await;
    drawn(&stage, 6, 9).await;
    assert_eq!(stage.browser.run("return document.querySelector('nav [aria-current]').innerText").await, "Flows");
    let page = stage.get(&format!("groups/{group}/tasks")).await;
    let ids: Vec<&str> = (0..3).map(|nth| page["items"][nth]["task"]["id"].as_str().unwrap()).collect();
    for (id, status) in ids.iter().zip(["completed", "failed", "pending"]) {
        says(&stage, id, status).await;
    }
    let waiters = stage.get(&format!("groups/{group}")).await["waiters"].clone();
    let waiter = |on: &str| {
        let found = waiters.as_array().unwrap().iter().find(|waiter| waiter["on"] == on);
        found.unwrap()["task"].as_str().unwrap().to_owned()
    };
    let axe = axe();
    looked_at(&stage, &format!("groups/{group}"), &axe).await;
    // Too wide for a telephone, it scrolls by itself.
    let scrolls = "const graph = document.querySelector('.graph'); return graph.scrollWidth > graph.clientWidth";
    assert_eq!(stage.browser.until(scrolls).await, true);
    keep("flow-narrow", &stage.browser.picture().await);
    stage.browser.resize(1280, 900).await;
    keep("flow", &stage.browser.picture().await);
    begin(&stage, ids[2]).await;
    for (on, status) in [("end", "completed"), ("success", "cancelled"), ("failure", "completed")] {
        says(&stage, &waiter(on), status).await;
    }
    looked_at(&stage, "flows", &axe).await;
    stage.was_quiet().await;
}

/// What `lib/flow.js` makes of this, as `[boxes, each column's, tasks that they stand for, lines, those that are counted alone]`.
async fn graph(stage: &Stage, loaded: &str) -> Value {
    let script = format!(
        "const [flow] = [...document.querySelectorAll('[rel=modulepreload]')].filter((one) => one.href.endsWith('lib/flow.js'));
         const task = (id, more) => ({{ id, task_type: 'a', status: 'completed', ...more }});
         const many = (n, name, more) => Array.from({{ length: n }}, (_, at) => task(`${{name}}${{at}}`, more));
         return import(flow.href).then(({{ graph }}) => {{
             const {{ nodes, edges }} = graph({loaded});
             const columns = nodes.reduce((of, {{ column }}) => (of[column] = (of[column] ?? 0) + 1, of), []);
             const sum = (counts) => Object.values(counts).reduce((n, more) => n + more, 0);
             const counted = Object.assign({{}}, ...nodes.map((node) => node.counts));
             return [nodes.length, columns, nodes.reduce((n, node) => n + (node.counts ? sum(node.counts) : 1), 0), edges.length, counted];
         }})"
    );
    stage.browser.run(&script).await
}

#[tokio::test]
async fn a_graph_has_a_limit_and_counts_what_is_beyond_it() {
    let stage = Stage::new().await;
    stage.open("overview").await;
    // Of a thousand members, of which fifty were read, twelve are shown, and the rest in one box.
    let members = "const members = many(50, 'm');";
    let group = "{ group: { id: 'g', waiters: [{ task: 'w', on: 'end' }] }, members: members.map(({ id }) => id), unseen: { completed: 900, open: 50 } }";
    let loaded = format!("(() => {{ {members} return {{ tasks: [...members, task('w')], groups: [{group}] }} }})()");
    assert_eq!(graph(&stage, &loaded).await, json!([14, [13, 1], 1001, 13, {"completed": 938, "open": 50}]));
    // Twenty columns of five, each after the one before: of a hundred sixty are shown.
    let follows = "many(100, 't').map((one, at) => ({ ...one, parent_id: at < 5 ? undefined : `t${at - 5}` }))";
    let found = graph(&stage, &format!("{{ tasks: {follows}, groups: [] }}")).await;
    assert_eq!((&found[0], &found[2]), (&json!(68), &json!(100)));
    // A task that made what it waits for stands left of it, and a circle ends.
    let made = "{ tasks: [task('p'), ...many(3, 'm', { parent_id: 'p' })], groups: [{ group: { id: 'g', waiters: [{ task: 'p', on: 'end' }] }, members: ['m0', 'm1', 'm2'], unseen: {} }] }";
    assert_eq!(graph(&stage, made).await, json!([4, [1, 3], 4, 3, {}]));
    let circle = "{ tasks: [task('a', { parent_id: 'b' }), task('b', { parent_id: 'a' })], groups: [] }";
    assert_eq!(graph(&stage, circle).await[0], 2);
    // Of two groups that share members, one stands for both; the task that is looked at is drawn however far it is.
    let shared = "(() => { const members = many(10, 'm').map(({ id }) => id);
        const of = (id, waiter, n) => ({ group: { id, waiters: [{ task: waiter, on: 'success' }] }, members, unseen: { completed: n } });
        return { tasks: [...many(10, 'm'), task('a'), task('b')], groups: [of('g', 'a', 40), of('h', 'b', 41)] }; })()";
    assert_eq!(graph(&stage, shared).await[4], json!({"completed": 41}));
    let far = "{ tasks: [...many(100, 'm'), task('me', { status: 'running' })], groups: [] }, 'me'";
    assert_eq!(graph(&stage, far).await, json!([13, [13], 101, 0, {"completed": 89}]));
    // The worst is shown where not all is.
    let late = "{ tasks: [...many(20, 'm'), task('bad', { status: 'failed' })], groups: [] }, 'm19'";
    assert_eq!(graph(&stage, late).await, json!([13, [13], 21, 0, {"completed": 9}]));
}
