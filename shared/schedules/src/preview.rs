//! When a schedule would fire: what is shown before it is made.

use errand::{Id, Name, ScheduleSpec, Timestamp, spi::ids};
use errand_http::ApiError;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    pattern::ByChange,
    plan::{Firing, Plan, instant, shown},
    spec,
};

/// How many firings are shown if nothing is said, and at most.
const FIRINGS: u32 = 10;
const MAX_FIRINGS: u32 = 100;

/// What is to be shown.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct PreviewRequest {
    /// When the schedule is to fire.
    pub spec: ScheduleSpec,
    /// What it is to be called: by that `H` and `spread_s` come to what they will be. One without a name if absent.
    #[serde(default)]
    pub id: Option<Id>,
    /// The firings after this; after now if absent.
    #[serde(default)]
    pub after: Option<Timestamp>,
    /// So many; 10 if absent.
    #[serde(default = "firings")]
    #[schemars(range(min = 1, max = MAX_FIRINGS))]
    pub limit: u32,
}

fn firings() -> u32 {
    FIRINGS
}

/// When it fires.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Preview {
    /// The next firings, fewer where there are no more.
    pub items: Vec<PreviewedFiring>,
    /// How many these are.
    pub count: usize,
    /// How the zone's clock is changed up to the last of them.
    pub clock_changes: Vec<PreviewedChange>,
}

/// One firing.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct PreviewedFiring {
    /// The time that is named.
    pub nominal: Timestamp,
    /// When it fires: later, where firings are spread.
    pub effective: Timestamp,
    /// What the clock of the zone shows at the nominal time, with its distance from UTC.
    pub local: String,
    /// What a change of the clock has to do with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// One change of the clock.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct PreviewedChange {
    /// When.
    pub at: Timestamp,
    /// From what to what.
    pub note: String,
}

/// The number of its own that a schedule has.
pub(crate) fn hashed(tenant: &Name, id: Option<&Id>) -> u64 {
    let id = ids::derived(&["schedule", tenant.as_str(), id.map_or("", Id::as_str)]);
    id.as_u64_pair().1
}

/// What would be, as of `now`.
pub(crate) fn preview(request: &PreviewRequest, tenant: &Name, now: Timestamp) -> Result<Preview, ApiError> {
    if !(1..=MAX_FIRINGS).contains(&request.limit) {
        return Err(ApiError::invalid("limit", format!("expected 1 to {MAX_FIRINGS}")));
    }
    let plan = spec::plan(&request.spec, hashed(tenant, request.id.as_ref())).map_err(|error| error.within("spec"))?;
    let after = request.after.unwrap_or(now);
    let mut firings: Vec<Firing> = Vec::new();
    while firings.len() < request.limit as usize {
        let Some(next) = plan.next(firings.last().map_or(after, |last| last.nominal)) else { break };
        firings.push(next);
    }
    let clock_changes = firings.last().map_or_else(Vec::new, |last| changes(&plan.zone, after, last.nominal));
    let items: Vec<PreviewedFiring> = firings.iter().map(|firing| firing_of(&plan, firing)).collect();
    Ok(Preview { count: items.len(), items, clock_changes })
}

fn firing_of(plan: &Plan, firing: &Firing) -> PreviewedFiring {
    let note = firing.by_change.map(|by| match by {
        ByChange::LeftOut => "its time is left out that day: it fires as the clock is put forward",
        ByChange::First => "its time comes twice that day: this is the first",
        ByChange::Second => "its time comes twice that day: this is the second",
    });
    PreviewedFiring {
        nominal: firing.nominal,
        effective: firing.effective,
        local: instant(firing.nominal).to_zoned(plan.zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        note: note.map(str::to_owned),
    }
}

/// The changes of a zone's clock after `after`, up to `until`.
fn changes(zone: &TimeZone, after: Timestamp, until: Timestamp) -> Vec<PreviewedChange> {
    let until = instant(until);
    let mut was = zone.to_offset(instant(after));
    let changes = zone.following(instant(after)).take_while(|change| change.timestamp() <= until);
    let changes = changes.filter_map(|change| {
        let (from, to) = (std::mem::replace(&mut was, change.offset()), change.offset());
        let shows = |offset: jiff::tz::Offset| offset.to_datetime(change.timestamp()).strftime("%H:%M").to_string();
        let way = if to > from { "forward" } else { "back" };
        let note = format!("the clock is put {way} from {} to {}", shows(from), shows(to));
        (from != to).then(|| PreviewedChange { at: shown(change.timestamp()), note })
    });
    changes.take(MAX_FIRINGS as usize).collect()
}
