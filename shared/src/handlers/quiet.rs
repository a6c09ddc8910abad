//! When a user may be spoken to: not in their quiet hours, and not right after they have spoken. Pure.

use std::time::Duration;

use jiff::{civil::Time, tz::TimeZone};

use crate::domain::User;
use errand::Timestamp;

/// Somebody who has just written is left to finish.
const PAUSE: Duration = Duration::from_secs(10 * 60);

/// The first instant from `now` on at which `user`, last heard from at `last_heard`, may be spoken to.
pub(super) fn polite_at(user: &User, last_heard: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let at = last_heard.map_or(now, |heard| now.max(heard + PAUSE));
    quiet_until(user, at).unwrap_or(at)
}

/// The end of the quiet hours that `at` lies in. They go by the clocks on the user's wall: over midnight, and on the
/// day their clocks change.
fn quiet_until(user: &User, at: Timestamp) -> Option<Timestamp> {
    let (start, end) = (user.quiet_hours_start?.time(), user.quiet_hours_end?.time());
    let zone = user.timezone.as_ref().map_or(TimeZone::UTC, |zone| zone.rules().clone());
    let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
    let quiet = |at: jiff::Timestamp| is_quiet(zone.to_datetime(at).time(), start, end);
    if !quiet(at) {
        return None;
    }
    let here = zone.to_datetime(at);
    let day = if here.time() < end { here.date() } else { here.date().tomorrow().ok()? };
    let ends = zone.to_ambiguous_timestamp(day.to_datetime(end));
    // Where clocks are set back the end comes twice, and the first may be over.
    let ends = ends.compatible().ok().filter(|ends| *ends > at).or(ends.later().ok())?;
    // Where they are set forward, over the end, the quiet hours end with the change.
    let mut changes = zone.following(at).map(|change| change.timestamp()).take_while(|change| *change < ends);
    let ends = changes.find(|change| !quiet(*change)).unwrap_or(ends);
    Some(Timestamp::from_millis(ends.as_millisecond()))
}

/// `start` to `end`, over midnight if the end is the earlier of the two; never, if they are the same.
fn is_quiet(time: Time, start: Time, end: Time) -> bool {
    if start <= end { start <= time && time < end } else { start <= time || time < end }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(zone: &str, start: &str, end: &str) -> User {
        User {
            timezone: Some(zone.to_owned().try_into().unwrap()),
            quiet_hours_start: Some(start.to_owned().try_into().unwrap()),
            quiet_hours_end: Some(end.to_owned().try_into().unwrap()),
            ..User::default()
        }
    }

    fn at(text: &str) -> Timestamp {
        serde_json::from_value(text.into()).unwrap()
    }

    fn until(user: &User, now: &str) -> String {
        polite_at(user, None, at(now)).to_string()
    }

    #[test]
    fn quiet_hours_are_the_users_own_and_may_cross_midnight() {
        let berlin = user("Europe/Berlin", "22:00", "07:30");
        for (now, polite) in [
            ("2026-01-10T20:59:59Z", "2026-01-10T20:59:59.000Z"),
            ("2026-01-10T21:00:00Z", "2026-01-11T06:30:00.000Z"),
            ("2026-01-11T03:00:00Z", "2026-01-11T06:30:00.000Z"),
            ("2026-01-11T06:30:00Z", "2026-01-11T06:30:00.000Z"),
        ] {
            assert_eq!(until(&berlin, now), polite, "{now}");
        }
        let nap = user("Asia/Tokyo", "13:00", "14:00");
        assert_eq!(until(&nap, "2026-01-10T04:30:00Z"), "2026-01-10T05:00:00.000Z");
        assert_eq!(until(&nap, "2026-01-10T16:30:00Z"), "2026-01-10T16:30:00.000Z");
    }

    #[test]
    fn hours_that_are_missing_or_empty_are_never_quiet() {
        let now = "2026-01-10T23:00:00.000Z";
        assert_eq!(until(&User::default(), now), now);
        assert_eq!(until(&User { quiet_hours_end: None, ..user("UTC", "22:00", "07:00") }, now), now);
        assert_eq!(until(&user("UTC", "23:00", "23:00"), now), now);
        assert_eq!(
            until(&User { timezone: None, ..user("Asia/Tokyo", "22:00", "07:00") }, now),
            "2026-01-11T07:00:00.000Z"
        );
    }

    /// Berlin, 2026: forward at 01:00Z on 29 March (02:00 is 03:00), back at 01:00Z on 25 October (03:00 is 02:00).
    #[test]
    fn quiet_hours_end_by_the_clock_on_the_day_it_changes() {
        let night = user("Europe/Berlin", "22:00", "07:00");
        assert_eq!(until(&night, "2026-03-28T22:00:00Z"), "2026-03-29T05:00:00.000Z");
        assert_eq!(until(&night, "2026-10-24T22:00:00Z"), "2026-10-25T06:00:00.000Z");
    }

    #[test]
    fn an_end_that_the_clock_skips_is_the_change_itself() {
        let night = user("Europe/Berlin", "22:00", "02:30");
        assert_eq!(until(&night, "2026-03-29T00:30:00Z"), "2026-03-29T01:00:00.000Z");
    }

    #[test]
    fn an_end_that_comes_twice_ends_them_each_time() {
        let night = user("Europe/Berlin", "22:00", "02:30");
        assert_eq!(until(&night, "2026-10-24T23:00:00Z"), "2026-10-25T00:30:00.000Z");
        assert_eq!(until(&night, "2026-10-25T00:45:00Z"), "2026-10-25T00:45:00.000Z");
        assert_eq!(until(&night, "2026-10-25T01:10:00Z"), "2026-10-25T01:30:00.000Z");
    }

    #[test]
    fn somebody_who_has_just_written_is_left_to_finish() {
        let polite = |heard, user: &User| polite_at(user, Some(at(heard)), at("2026-01-10T20:55:00Z")).to_string();
        let berlin = user("Europe/Berlin", "22:00", "07:30");
        assert_eq!(polite("2026-01-10T20:46:00Z", &User::default()), "2026-01-10T20:56:00.000Z");
        assert_eq!(polite("2026-01-10T20:45:00Z", &berlin), "2026-01-10T20:55:00.000Z");
        assert_eq!(
            polite("2026-01-10T20:51:00Z", &berlin),
            "2026-01-11T06:30:00.000Z",
            "the pause ends in quiet hours"
        );
    }
}
