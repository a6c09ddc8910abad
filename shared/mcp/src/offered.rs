//! Which task types are tools: those that their makers offer to agents, as records or compiled in.

use errand::{App, Name};
use errand_http::ApiError;
use errand_work::{OpenWork, TypeRecord, routes};
use serde_json::{Value, json};

/// A task type that agents may use.
#[derive(Clone, Debug)]
pub(crate) struct Offered {
    /// Its name, which is the tool's.
    pub(crate) name: Name,
    /// What it does.
    pub(crate) description: String,
    /// The JSON Schema of its payload; null if it takes any.
    pub(crate) schema: Value,
    /// Whether no more of its tasks are taken.
    pub(crate) is_retired: bool,
}

/// The compiled-in types that a program offers to agents: it registers this beside them.
///
/// ```
/// let types = errand::Registry::new().with(errand_mcp::Offer(&["send_invoice"]));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Offer(pub &'static [&'static str]);

/// All that is offered to the agents of `tenant`.
pub(crate) async fn offered(app: &App, tenant: &Name) -> Result<Vec<Offered>, ApiError> {
    let mut offered = compiled(app);
    for (_, stored) in routes::of_tenant(app, tenant).await? {
        offered.extend(Name::new(stored.id.as_str()).ok().and_then(|name| Offered::record(&name, &stored.value)));
    }
    Ok(offered)
}

/// The type of this name, if it is offered to the agents of `tenant`.
pub(crate) async fn find(app: &App, tenant: &Name, name: &str) -> Result<Option<Offered>, ApiError> {
    let Ok(name) = Name::new(name) else { return Ok(None) };
    if app.types.knows(&name) {
        return Ok(compiled(app).into_iter().find(|of| of.name == name));
    }
    let Some(open) = OpenWork::of(app) else { return Ok(None) };
    let found = open.find(app, tenant, &name).await?;
    Ok(found.and_then(|found| Offered::record(&name, &found.record)))
}

fn compiled(app: &App) -> Vec<Offered> {
    let Some(Offer(names)) = app.types.state::<Offer>() else { return Vec::new() };
    let all = app.types.catalog().into_iter().filter(|of| names.contains(&of.name.as_str()));
    let offered = all.filter_map(|of| {
        let name = Name::new(&of.name).ok()?;
        Some(Offered { name, description: of.description, schema: of.schema, is_retired: false })
    });
    offered.collect()
}

impl Offered {
    fn record(name: &Name, record: &TypeRecord) -> Option<Self> {
        let (description, schema) = (record.description.clone(), record.schema.clone().unwrap_or_default());
        let is_retired = record.retired_at.is_some();
        record.mcp.then_some(Self { name: name.clone(), description, schema, is_retired })
    }

    /// The schema of a tool's arguments, which are always an object; none if its payload is never one.
    pub(crate) fn arguments(&self) -> Option<Value> {
        let mut schema = if self.schema.is_object() { self.schema.clone() } else { json!({}) };
        let of = schema.get("type").cloned().unwrap_or_else(|| "object".into());
        if of != "object" && !of.as_array().is_some_and(|all| all.contains(&"object".into())) {
            return None;
        }
        without_headers(&mut schema);
        schema.as_object_mut()?.insert("type".to_owned(), "object".into());
        Some(schema)
    }
}

/// By this word a client would say an argument in a header, too, which nobody here reads.
fn without_headers(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("x-mcp-header").is_some_and(Value::is_string) {
                fields.remove("x-mcp-header");
            }
            fields.values_mut().for_each(without_headers);
        }
        Value::Array(items) => items.iter_mut().for_each(without_headers),
        _ => {}
    }
}
