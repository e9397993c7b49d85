//! Names of the domain's code lists, which `code_list` rules may use.
//!
//! Only the names are here; the codes belong to `normalise`, and a test holds the two together.

/// Every list of `code_lists.csv`, in order of name.
pub const NAMES: [&str; 39] = [
    "arrears_state",
    "base_item",
    "catalog_class",
    "currency",
    "education",
    "elec_category",
    "entity_status",
    "entity_type",
    "ethnicity",
    "fixture_kind",
    "gov_item_type",
    "gov_level",
    "grade",
    "health",
    "holder_code_type",
    "house_grade",
    "land_feature",
    "land_right",
    "licence_state",
    "marital",
    "monitor_type",
    "open_type",
    "penalty_kind",
    "person_doc_type",
    "poverty_attr",
    "poverty_cause",
    "project_type",
    "relation_to_head",
    "resource_format",
    "sex",
    "share_mode",
    "share_type",
    "tariff_period",
    "topic_item",
    "trade_kind",
    "update_cycle",
    "uscc_class",
    "uscc_dept",
    "water_source",
];

#[cfg(test)]
mod tests {
    use super::NAMES;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn names_are_those_of_the_lists_that_normalise_embeds() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../normalise/data/code_lists.csv");
        if !file.exists() {
            return;
        }
        let text = std::fs::read_to_string(&file).expect("the code lists are readable");
        let embedded: BTreeSet<&str> =
            text.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
        assert_eq!(embedded, NAMES.into_iter().collect());
    }
}
