//! Condition and update expressions with the names and values they speak of.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

/// An expression and its placeholders.
#[derive(Clone, Debug, Default)]
pub(super) struct Expression {
    /// The expression.
    pub(super) text: String,
    /// What its `#n` stand for.
    pub(super) names: HashMap<String, String>,
    /// What its `:n` stand for.
    pub(super) values: HashMap<String, AttributeValue>,
}

impl Expression {
    /// An expression over named values.
    pub(super) fn new<const N: usize>(text: impl Into<String>, values: [(&str, AttributeValue); N]) -> Self {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { text: text.into(), names: HashMap::new(), values }
    }

    /// A placeholder for an attribute's name.
    pub(super) fn name(&mut self, name: String) -> String {
        let placeholder = format!("#{}", self.names.len());
        self.names.insert(placeholder.clone(), name);
        placeholder
    }

    /// A placeholder for a value.
    pub(super) fn value(&mut self, value: AttributeValue) -> String {
        let placeholder = format!(":{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    /// The expression, where an empty one is refused.
    pub(super) fn text(&self) -> Option<String> {
        (!self.text.is_empty()).then(|| self.text.clone())
    }

    /// The names, where an empty map is refused.
    pub(super) fn names(&self) -> Option<HashMap<String, String>> {
        (!self.names.is_empty()).then(|| self.names.clone())
    }

    /// The values, where an empty map is refused.
    pub(super) fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }
}
