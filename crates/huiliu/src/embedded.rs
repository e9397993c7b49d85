//! The repository's pipelines and subject tables, as they were when the binary was built.

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipelines_and_tables_are_carried_with_their_paths() {
        let names: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        for name in [
            "pipelines/base/np_person.yaml",
            "pipelines/feed/water_bill.yaml",
            "pipelines/pool/pool_loan.yaml",
            "sql/enterprise_financing/enterprise_profile/query.sql",
        ] {
            assert!(names.contains(&name), "{name} is missing of {names:?}");
        }
        assert!(FILES.iter().all(|(name, bytes)| !name.contains("..") && !bytes.is_empty()));
    }
}
