//! The JSON Schemas of everything that `--json` prints, made from its types.
//!
//! Owns titles and versions. Refuses to know values.

use schemars::generate::SchemaSettings;

use crate::model::egress::{EGRESS_SCHEMA, EgressReport};
use crate::model::policy_map::{self, PolicyMap};
use crate::model::report::{self, Report};
use crate::model::tlsa::{TLSA_SCHEMA, TlsaReport};

/// The objects that mxray prints as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Printed {
    /// By `check`, `compare`, `report` and `demo`, and in the files of `--save`.
    Report,
    /// By `tlsa`.
    Tlsa,
    /// By `policy`.
    Policy,
    /// By `egress`.
    Egress,
}

impl Printed {
    /// Every one, the report first.
    pub const ALL: [Self; 4] = [Self::Report, Self::Tlsa, Self::Policy, Self::Egress];

    /// What stands in its `schema`: `mxray/report/1`.
    pub const fn version(self) -> &'static str {
        match self {
            Self::Report => report::SCHEMA,
            Self::Tlsa => TLSA_SCHEMA,
            Self::Policy => policy_map::SCHEMA,
            Self::Egress => EGRESS_SCHEMA,
        }
    }
}

/// JSON Schema, draft 2020-12, of an object, ended by a line feed.
///
/// # Errors
/// None that a schema allows; the writer's own are passed on.
pub fn render(printed: Printed) -> serde_json::Result<String> {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let schema = match printed {
        Printed::Report => generator.into_root_schema_for::<Report>(),
        Printed::Tlsa => generator.into_root_schema_for::<TlsaReport>(),
        Printed::Policy => generator.into_root_schema_for::<PolicyMap>(),
        Printed::Egress => generator.into_root_schema_for::<EgressReport>(),
    };
    let mut text = serde_json::to_string_pretty(&schema)?;
    text.push('\n');
    Ok(text)
}
