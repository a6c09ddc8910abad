//! How well an expert and a question fit. Pure.

use crate::domain::CommunityResponse;

/// How many of an expert's newest responses count.
pub(super) const RECENT: usize = 5;

/// How many of what is needed an expert knows about, whatever the case of the letters.
pub(super) fn matching(expertise: &[String], needed: &[String]) -> usize {
    let folded = |texts: &[String]| {
        texts.iter().map(|text| text.trim().to_lowercase()).collect::<std::collections::BTreeSet<_>>()
    };
    folded(expertise).intersection(&folded(needed)).count()
}

/// 50, 15 for each match, 10 for having responded lately, 5 for each recent response that helped; at most 100.
pub(super) fn score<'r>(matching: usize, responses: impl IntoIterator<Item = &'r CommunityResponse>) -> u32 {
    let (mut responded, mut useful) = (0, 0);
    for response in responses.into_iter().take(RECENT) {
        responded = 1;
        useful += usize::from(response.is_useful());
    }
    u32::try_from(50 + 15 * matching + 10 * responded + 5 * useful).unwrap_or(u32::MAX).min(100)
}

/// Where something of this score stands among a user's priorities; 1 is first.
pub(super) fn rank(score: u32) -> u32 {
    match score {
        80.. => 1,
        65.. => 2,
        50.. => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use errand::Id;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn rated(usefulness: Option<f64>) -> CommunityResponse {
        CommunityResponse {
            request_id: Id::of("r"),
            expert_id: Id::of("e"),
            text: String::new(),
            usefulness,
            impact: None,
            status: Default::default(),
        }
    }

    #[test]
    fn expertise_matches_whatever_its_case_and_once() {
        assert_eq!(matching(&texts(&["ML", "law ", "ml"]), &texts(&["ml", "Law", "tax"])), 2);
        assert_eq!(matching(&texts(&["ml"]), &[]), 0);
    }

    #[test]
    fn a_score_counts_matches_and_recent_responses_up_to_a_hundred() {
        assert_eq!(score(0, []), 50);
        assert_eq!(score(1, [&rated(None)]), 75);
        assert_eq!(score(0, [&rated(Some(7.0)), &rated(Some(6.9))]), 65);
        let helped = rated(Some(9.0));
        assert_eq!(score(0, [&helped; 6]), 85, "only the newest five count");
        assert_eq!(score(4, [&helped; 5]), 100);
    }

    #[test]
    fn ranks_begin_at_their_scores() {
        assert_eq!([100, 80, 79, 65, 64, 50, 49].map(rank), [1, 1, 2, 2, 3, 3, 4]);
    }
}
