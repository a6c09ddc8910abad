//! The tables of `infra/template.yaml`, made under names of their own.

use std::path::Path;

use aws_sdk_dynamodb::{
    Client,
    client::Waiters,
    error::{BuildError, DisplayErrorContext},
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
        ScalarAttributeType,
    },
};
use serde::Deserialize;
use serde_yaml_ng::Value;

use crate::relay::Item;

/// The names of a pair of tables.
#[derive(Clone, Debug)]
pub struct Tables {
    /// Tasks and records.
    pub tasks: String,
    /// The action log.
    pub log: String,
}

impl Tables {
    /// Every item of both.
    pub async fn items(&self, client: &Client) -> Vec<Item> {
        let mut all = Vec::new();
        for table in [&self.tasks, &self.log] {
            let scan = client.scan().table_name(table).consistent_read(true);
            let pages = scan.into_paginator().items().send();
            all.extend(pages.collect::<Result<Vec<_>, _>>().await.unwrap_or_else(|error| panic!("{error:?}")));
        }
        all
    }
}

/// Makes empty tables of the template's shape, which nobody else uses. TTL stays off: tests set the clock as they
/// like, and nothing may vanish from under them.
///
/// # Errors
/// A sentence that says what went wrong.
pub async fn create_tables(client: &Client) -> Result<Tables, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/template.yaml");
    let template = std::fs::read_to_string(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    let id = uuid::Uuid::new_v4().simple();
    let tables = Tables { tasks: format!("tasks-{id}"), log: format!("log-{id}") };
    for (resource, name) in [("TasksTable", &tables.tasks), ("ActionLogTable", &tables.log)] {
        create(client, name, shape(&template, resource)?).await?;
    }
    Ok(tables)
}

/// What of a table's properties decides its shape.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Shape {
    attribute_definitions: Vec<Attribute>,
    key_schema: Vec<Key>,
    #[serde(default)]
    global_secondary_indexes: Vec<Index>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    attribute_name: String,
    attribute_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Key {
    attribute_name: String,
    key_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Index {
    index_name: String,
    key_schema: Vec<Key>,
    projection: ProjectionShape,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ProjectionShape {
    projection_type: String,
}

/// The shape of the template's table `resource`. Whatever else the template holds may have CloudFormation's tags.
fn shape(template: &str, resource: &str) -> Result<Shape, String> {
    let template: Value = serde_yaml_ng::from_str(template).map_err(|e| format!("the template is no YAML: {e}"))?;
    let properties = template.get("Resources").and_then(|all| all.get(resource)).and_then(|one| one.get("Properties"));
    let properties = properties.ok_or_else(|| format!("the template has no {resource}"))?;
    Shape::deserialize(properties).map_err(|e| format!("{resource} in the template: {e}"))
}

async fn create(client: &Client, name: &str, shape: Shape) -> Result<(), String> {
    let wrong = |e: BuildError| format!("table {name}: {e}");
    let mut table = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for Attribute { attribute_name, attribute_type } in shape.attribute_definitions {
        let attribute = AttributeDefinition::builder()
            .attribute_name(attribute_name)
            .attribute_type(ScalarAttributeType::from(attribute_type.as_str()));
        table = table.attribute_definitions(attribute.build().map_err(wrong)?);
    }
    table = table.set_key_schema(Some(key_schema(shape.key_schema).map_err(wrong)?));
    for Index { index_name, key_schema: keys, projection } in shape.global_secondary_indexes {
        let projection_type = ProjectionType::from(projection.projection_type.as_str());
        let index = GlobalSecondaryIndex::builder()
            .index_name(index_name)
            .set_key_schema(Some(key_schema(keys).map_err(wrong)?))
            .projection(Projection::builder().projection_type(projection_type).build());
        table = table.global_secondary_indexes(index.build().map_err(wrong)?);
    }
    table.send().await.map_err(|e| format!("cannot create table {name}: {}", DisplayErrorContext(e)))?;
    let exists = client.wait_until_table_exists().table_name(name).wait(std::time::Duration::from_secs(120));
    exists.await.map(drop).map_err(|e| format!("table {name} does not become active: {e}"))
}

fn key_schema(keys: Vec<Key>) -> Result<Vec<KeySchemaElement>, BuildError> {
    let element = |key: Key| {
        let builder = KeySchemaElement::builder().attribute_name(key.attribute_name);
        builder.key_type(KeyType::from(key.key_type.as_str())).build()
    };
    keys.into_iter().map(element).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cloudformation_tags_do_not_break_reading_a_table() {
        let template = "
Resources:
  Other: { Type: X, Properties: { A: !Ref B, C: !GetAtt D.Arn, E: !Sub '${F}-g', H: !If [I, !Ref J, K] } }
  T:
    Properties:
      TableName: !Sub '${AWS::StackName}-tasks'
      AttributeDefinitions: [{ AttributeName: pk, AttributeType: S }]
      KeySchema: [{ AttributeName: pk, KeyType: HASH }]
      Tags: [{ Key: a, Value: !Ref Stage }]
";
        let shape = shape(template, "T").unwrap();
        assert_eq!(shape.key_schema[0].attribute_name, "pk");
        assert!(shape.global_secondary_indexes.is_empty());
    }
}
