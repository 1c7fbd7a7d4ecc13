//! The JSON Schema of the report, made from its types.

use schemars::generate::SchemaSettings;

use crate::model::report::Report;

/// JSON Schema, draft 2020-12, of [`Report`], ended by a line feed.
///
/// # Errors
/// None that a schema allows; the writer's own are passed on.
pub fn render() -> serde_json::Result<String> {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Report>();
    let mut text = serde_json::to_string_pretty(&schema)?;
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `cargo run -- schema > schema/report-1.json` writes it anew.
    #[test]
    fn the_schema_that_is_checked_in_is_the_schema_of_the_types() {
        let kept = include_str!("../../schema/report-1.json");
        assert!(kept == render().unwrap(), "schema/report-1.json is not up to date");
        assert!(kept.contains("https://json-schema.org/draft/2020-12/schema"));
    }
}
