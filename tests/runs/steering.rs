//! What somebody says to a run that goes on.

use serde_json::json;
use shared::{
    agent::{CommandKind, CommandStatus},
    lifecycle::{State, Status},
};

use super::stage::{enqueue, give, is_whole, says, seen, until_ended, world};
