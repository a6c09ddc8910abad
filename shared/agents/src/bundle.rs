//! The resources a run works with: a repository at a commit, and what it brings along.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use errand::{Name, spi::redact};

/// What a run works with. Holds names and places, and refers to a credential without holding one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(inline)] // asked for, it may leave fields out; answered, it does not: these are two schemas
pub struct ResourceBundle {
    /// What sort of bundle, such as `git`.
    pub kind: String,
    /// Where it comes from.
    pub repo_url: String,
    /// At which commit.
    pub commit_id: String,
    /// Which folder of it; empty: all.
    pub subdir: String,
    /// What of it is fetched; empty: all.
    pub sparse_paths: Vec<String>,
    /// Names that tools go by in this run.
    pub tool_aliases: BTreeMap<String, String>,
    /// Prompts it brings.
    pub prompt_refs: Vec<String>,
    /// Skills it brings.
    pub skill_refs: Vec<String>,
    /// Whether its submodules are fetched.
    pub submodules: bool,
    /// Whether its large files are fetched.
    pub lfs: bool,
    /// The name under which the configuration knows the credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_ref: Option<Name>,
}

/// A bundle as answers show it: counts and names.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[allow(missing_docs)] // as in the bundle
pub struct BundleView {
    pub kind: String,
    /// Without what may stand before an `@`.
    pub repo_url: String,
    pub commit_id: String,
    pub subdir: String,
    pub sparse_paths: usize,
    /// Their names.
    pub tool_aliases: Vec<String>,
    pub prompt_refs: usize,
    pub skill_refs: usize,
    pub submodules: bool,
    pub lfs: bool,
    /// Whether one is named.
    pub has_credential: bool,
}

impl ResourceBundle {
    /// As it is stored: a credential that somebody wrote into any of its texts is not kept.
    pub fn without_secrets(self) -> Self {
        let clean = |text: String| redact::text(&text).into_owned();
        let all = |texts: Vec<String>| texts.into_iter().map(clean).collect();
        Self {
            kind: clean(self.kind),
            repo_url: clean(self.repo_url),
            commit_id: clean(self.commit_id),
            subdir: clean(self.subdir),
            sparse_paths: all(self.sparse_paths),
            tool_aliases: self.tool_aliases.into_iter().map(|(name, alias)| (clean(name), clean(alias))).collect(),
            prompt_refs: all(self.prompt_refs),
            skill_refs: all(self.skill_refs),
            ..self
        }
    }

    /// What answers show of it.
    pub fn view(&self) -> BundleView {
        BundleView {
            kind: self.kind.clone(),
            repo_url: redact::text(&self.repo_url).into_owned(),
            commit_id: self.commit_id.clone(),
            subdir: self.subdir.clone(),
            sparse_paths: self.sparse_paths.len(),
            tool_aliases: self.tool_aliases.keys().cloned().collect(),
            prompt_refs: self.prompt_refs.len(),
            skill_refs: self.skill_refs.len(),
            submodules: self.submodules,
            lfs: self.lfs,
            has_credential: self.credential_ref.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_a_bundle_keeps_a_secret() {
        let secret = || "sk-abcdefgh12345678".to_owned();
        let bundle = ResourceBundle {
            kind: secret(),
            repo_url: secret(),
            commit_id: secret(),
            subdir: secret(),
            sparse_paths: vec![secret()],
            tool_aliases: [(secret(), secret())].into(),
            prompt_refs: vec![secret()],
            skill_refs: vec![secret()],
            submodules: true,
            lfs: true,
            credential_ref: Some(Name::of("deploy-key")),
        };
        let kept = serde_json::to_string(&bundle.without_secrets()).unwrap();
        assert!(!kept.contains("abcdefgh") && kept.matches("sk-[redacted]").count() == 9, "{kept}");
        assert!(kept.contains("deploy-key"), "{kept}");
    }

    #[test]
    fn a_bundle_is_shown_by_counts_and_names() {
        let bundle = ResourceBundle {
            kind: "git".into(),
            repo_url: "https://me:pa55word@git.example/r".into(),
            sparse_paths: vec!["a".into(), "b".into()],
            tool_aliases: [("sh".to_owned(), "hidden-target".to_owned())].into(),
            credential_ref: Some(Name::of("deploy-key")),
            ..ResourceBundle::default()
        };
        let shown = serde_json::to_string(&bundle.view()).unwrap();
        assert!(shown.contains(r#""sparse_paths":2,"tool_aliases":["sh"]"#), "{shown}");
        for hidden in ["pa55word", "hidden-target", "deploy-key"] {
            assert!(!shown.contains(hidden), "{shown}");
        }
    }
}
