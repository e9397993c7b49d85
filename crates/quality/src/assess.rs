//! Assessments: what only whole tables can tell, as SQL over `current` and `changes`.
//!
//! Each query yields a row per department: `department, checked, failed`. A check counts rows; it
//! never blocks one. Beside the checks that a contract declares, every dataset is asked for
//! duplicates, conflicts, late arrivals and deletes of unknown rows among its changes (D36–D39 of
//! the dirty-data catalogue).

use huiliu_model::contract::Check;
use huiliu_model::{Contract, DataType, system};

/// One question to the lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// `reference`, `sum_per` …, or `duplicate`, `conflict`, `out_of_order`, `unknown_delete`.
    pub kind: &'static str,
    /// What is asked, in the words of the contract.
    pub name: String,
    /// The query, or why it cannot be asked of this lake.
    pub sql: Result<String, String>,
}

/// Every question about one dataset. `protected`: columns are stored by their grade.
pub fn assessments(contract: &Contract, protected: bool) -> Vec<Assessment> {
    let asker = Asker { contract, protected };
    let declared = contract.checks.iter().map(|check| asker.declared(check));
    declared.chain(asker.of_changes()).collect()
}

struct Asker<'a> {
    contract: &'a Contract,
    protected: bool,
}

impl Asker<'_> {
    fn name(&self, column: usize) -> &str {
        &self.contract.columns[column].name
    }

    fn names(&self, columns: &[usize]) -> Vec<String> {
        columns.iter().map(|&column| quoted(self.name(column))).collect()
    }

    /// Whether the columns can be compared as they are stored: a token still is itself, a sealed
    /// number is not.
    fn readable(&self, columns: &[usize]) -> Result<(), String> {
        let stored = self.contract.stored_fields(self.protected);
        for &column in columns {
            let name = self.name(column);
            let is_text = self.contract.columns[column].data_type == DataType::String;
            let wanted = self.contract.columns[column].data_type.to_arrow();
            let found = stored.iter().find(|field| field.name() == name);
            if found.is_none_or(|field| !is_text && *field.data_type() != wanted) {
                return Err(format!("column {name} is sealed in this lake"));
            }
        }
        Ok(())
    }

    fn declared(&self, check: &Check) -> Assessment {
        let (columns, name, sql) = match check {
            Check::Reference { columns, to } => {
                let name = format!("{} in {}", self.list(columns), to.dataset);
                (columns.clone(), name, self.reference(columns, &to.dataset, &to.columns))
            }
            Check::SumPer { column, by, from, to } => {
                let name =
                    format!("sum of {} per {} in {from}..{to}", self.name(*column), self.list(by));
                let sum = format!("sum({}) OVER ({})", quoted(self.name(*column)), self.per(by));
                let failed = format!("s < {from} OR s > {to}");
                (
                    with(by, &[*column]),
                    name,
                    self.judged(&format!("{sum} AS s"), "s IS NOT NULL", &failed),
                )
            }
            Check::OnePer { column, value, by } => {
                let name = format!("one {} = {value} per {}", self.name(*column), self.list(by));
                let hit = format!(
                    "sum(CASE WHEN CAST({} AS VARCHAR) = {} THEN 1 ELSE 0 END) OVER ({})",
                    quoted(self.name(*column)),
                    literal(value),
                    self.per(by)
                );
                (with(by, &[*column]), name, self.judged(&format!("{hit} AS n"), "true", "n <> 1"))
            }
            Check::NonDecreasing { column, by, order, rollover_over } => {
                let name = format!("{} does not fall per {}", self.name(*column), self.list(by));
                (
                    with(by, &[*column, *order]),
                    name,
                    self.falling(*column, by, *order, *rollover_over),
                )
            }
            Check::Outlier { column, by, times_median } => {
                let name = format!(
                    "{} over {times_median} x median per {}",
                    self.name(*column),
                    self.list(by)
                );
                (with(by, &[*column]), name, self.outlier(*column, by, *times_median))
            }
            Check::Near { longitude, latitude, by, to, metres } => {
                let name = format!("within {metres} m of {}", to.dataset);
                let sql =
                    self.near([*longitude, *latitude], by, (&to.dataset, &to.columns), *metres);
                (with(by, &[*longitude, *latitude]), name, sql)
            }
        };
        let sql = self.readable(&columns).map(|()| sql);
        Assessment { kind: check.kind(), name, sql }
    }

    fn list(&self, columns: &[usize]) -> String {
        columns.iter().map(|&column| self.name(column)).collect::<Vec<_>>().join("+")
    }

    fn per(&self, by: &[usize]) -> String {
        format!("PARTITION BY {}", self.names(by).join(", "))
    }

    fn table(&self) -> String {
        format!("current.{}", quoted(&self.contract.dataset))
    }

    /// Rows judged by one computed value.
    fn judged(&self, value: &str, counted: &str, failed: &str) -> String {
        let inner = format!("SELECT {} AS department, {value} FROM {}", department(), self.table());
        summed(&inner, counted, failed)
    }

    fn reference(&self, columns: &[usize], to: &str, target: &[String]) -> String {
        let mine = self.names(columns);
        let theirs: Vec<String> = target.iter().map(|name| quoted(name)).collect();
        let same = |(mine, theirs): (&String, &String)| format!("s.{mine} = t.{theirs}");
        let on: Vec<String> = mine.iter().zip(&theirs).map(same).collect();
        let present: Vec<String> =
            mine.iter().map(|name| format!("s.{name} IS NOT NULL")).collect();
        let inner = format!(
            "SELECT coalesce(s.{}, '') AS department, t.hit FROM {} s LEFT JOIN (SELECT DISTINCT \
             {}, true AS hit FROM current.{}) t ON {} WHERE {}",
            system::DEPARTMENT,
            self.table(),
            theirs.join(", "),
            quoted(to),
            on.join(" AND "),
            present.join(" AND "),
        );
        summed(&inner, "true", "hit IS NULL")
    }

    fn falling(&self, column: usize, by: &[usize], order: usize, rollover: Option<f64>) -> String {
        let value = quoted(self.name(column));
        let window = format!("{} ORDER BY {}", self.per(by), quoted(self.name(order)));
        // The register's size is the next power of ten above what it showed last.
        let excuse = rollover.map_or_else(
            || "false".to_owned(),
            |share| format!("p > {share} * power(10.0, ceil(log10(greatest(p, 1.0) + 1.0)))"),
        );
        let both = format!(
            "CAST({value} AS DOUBLE) AS v, CAST(lag({value}) OVER ({window}) AS DOUBLE) AS p"
        );
        self.judged(&both, "v IS NOT NULL AND p IS NOT NULL", &format!("v < p AND NOT ({excuse})"))
    }

    fn outlier(&self, column: usize, by: &[usize], times: f64) -> String {
        let value = quoted(self.name(column));
        let keys = self.names(by);
        let same: Vec<String> = keys.iter().map(|key| format!("s.{key} = m.{key}")).collect();
        let inner = format!(
            "SELECT coalesce(s.{}, '') AS department, CAST(s.{value} AS DOUBLE) AS v, m.median \
             FROM {table} s JOIN (SELECT {keys}, median(CAST({value} AS DOUBLE)) AS median \
             FROM {table} WHERE {value} IS NOT NULL GROUP BY {keys}) m ON {} \
             WHERE s.{value} IS NOT NULL",
            system::DEPARTMENT,
            same.join(" AND "),
            table = self.table(),
            keys = keys.join(", "),
        );
        summed(&inner, "true", &format!("median > 0 AND v > {times} * median"))
    }

    fn near(
        &self,
        [longitude, latitude]: [usize; 2],
        by: &[usize],
        (to, target): (&str, &[String]),
        metres: f64,
    ) -> String {
        let (lon, lat) = (quoted(self.name(longitude)), quoted(self.name(latitude)));
        let pairs = self.names(by).into_iter().zip(target.iter().map(|name| quoted(name)));
        let on: Vec<String> =
            pairs.map(|(mine, theirs)| format!("s.{mine} = t.{theirs}")).collect();
        // Within a city a degree of latitude is 111,195 m on a sphere of 6,371 km.
        let distance = format!(
            "111195.0 * sqrt(power(s.{lat} - t.{lat}, 2) + \
             power((s.{lon} - t.{lon}) * cos(radians(t.{lat})), 2))"
        );
        let inner = format!(
            "SELECT coalesce(s.{}, '') AS department, {distance} AS m FROM {} s \
             JOIN current.{} t ON {}",
            system::DEPARTMENT,
            self.table(),
            quoted(to),
            on.join(" AND "),
        );
        summed(&inner, "m IS NOT NULL", &format!("m > {metres}"))
    }

    fn of_changes(&self) -> [Assessment; 4] {
        let keys: Vec<String> = self.contract.key_names().into_iter().map(quoted).collect();
        let keys = keys.join(", ");
        let table = format!("changes.{}", quoted(&self.contract.dataset));
        let (epoch, seq, offset) = (system::EPOCH, system::SEQ, system::OFFSET);
        let (ordinal, op, department) = (system::ORDINAL, system::OP, department());
        let delivered = format!("{table} WHERE {ordinal} <> {}", system::TRUNCATED);
        let arrival = format!("{}, {offset}, {ordinal}", system::KAFKA_TIME);
        let content = self.content();
        // Not by ordinal: a conflicting record need not be a change of key as the first one was.
        let same = format!("PARTITION BY {keys}, {epoch}, {seq}, {op} ORDER BY {arrival}");
        let twins = format!(
            "SELECT {department} AS department, row_number() OVER ({same}) AS n, \
             first_value({content}) OVER ({same}) = {content} AS same FROM {delivered}"
        );
        let late = format!(
            "SELECT {department} AS department, {seq} AS s, max({seq}) OVER (PARTITION BY {keys}, \
             {epoch} ORDER BY {arrival} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS m \
             FROM {delivered}"
        );
        let unknown = format!(
            "SELECT {department} AS department, {op} AS o, row_number() OVER (PARTITION BY {keys} \
             ORDER BY {epoch}, {seq}, {arrival}) AS n FROM {delivered}"
        );
        let ask = |kind, name: &str, sql| Assessment { kind, name: name.to_owned(), sql: Ok(sql) };
        [
            ask(
                "duplicate",
                "same key, sequence and content again",
                summed(&twins, "true", "n > 1 AND same"),
            ),
            ask(
                "conflict",
                "same key and sequence, other content",
                summed(&twins, "true", "n > 1 AND NOT same"),
            ),
            ask(
                "out_of_order",
                "a lower sequence after a higher one",
                summed(&late, "true", "m > s"),
            ),
            ask(
                "unknown_delete",
                "a delete of a row that never came",
                summed(&unknown, "o = 'd'", "n = 1"),
            ),
        ]
    }

    /// The stored columns of a row as one text; ciphertexts differ by themselves and are left out.
    fn content(&self) -> String {
        let stored = self.contract.stored_fields(self.protected);
        let texts: Vec<String> = stored
            .iter()
            .filter(|field| *field.data_type() != arrow_binary())
            .map(|field| format!("coalesce(CAST({} AS VARCHAR), '∅')", quoted(field.name())))
            .collect();
        format!("concat_ws('|', {})", texts.join(", "))
    }
}

fn arrow_binary() -> arrow::datatypes::DataType {
    arrow::datatypes::DataType::Binary
}

fn with(by: &[usize], columns: &[usize]) -> Vec<usize> {
    by.iter().chain(columns).copied().collect()
}

fn department() -> String {
    format!("coalesce({}, '')", system::DEPARTMENT)
}

fn summed(inner: &str, counted: &str, failed: &str) -> String {
    format!(
        "SELECT department, count(*) AS checked, count(*) FILTER (WHERE {failed}) AS failed FROM \
         ({inner}) WHERE {counted} GROUP BY department ORDER BY department"
    )
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
